/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * fault_pool_server: a real server that dies, stops or restarts, in each phase of a pool: F01 to
 * F06.
 *
 * Faults are signals, which the test sends without waiting, so that the heartbeat is the library's
 * alone.
 */
#include "pool_phases.h"
#include "server.h"

#include <signal.h>

/* What the test waits for is not the library's doing. */
static void start_again(int signal_number)
{
    server_stop(signal_number);
    heart_skip();
    run_for(100);
    server_start();
    heart_skip();
}

/* All of the server's sessions end with it; it comes back by itself. */
START_TEST(f01_a_session_is_killed)
{
    pool_phase_begin(_i, false);
    server_signal(pool_pids[0], SIGKILL);
    run_for(50);
    server_await();
    heart_skip();
    pool_phase_end();
}
END_TEST

START_TEST(f02_all_sessions_are_terminated)
{
    pool_phase_begin(_i, false);
    for (int i = 0; i < POOL_SIZE; i++)
        server_signal(pool_pids[i], SIGTERM);
    pool_phase_end();
}
END_TEST

START_TEST(f03_immediate_shutdown)
{
    pool_phase_begin(_i, false);
    server_signal(server_pid(), SIGQUIT);
    run_for(50);
    start_again(SIGQUIT);
    pool_phase_end();
}
END_TEST

START_TEST(f04_fast_restart)
{
    pool_phase_begin(_i, false);
    server_signal(server_pid(), SIGINT);
    run_for(50);
    start_again(SIGINT);
    pool_phase_end();
}
END_TEST

/* Silence: what is there is told by its deadline, and the connection is replaced. */
START_TEST(f05_a_session_stands_still)
{
    pool_phase_begin(_i, true);
    server_signal(pool_pids[0], SIGSTOP);
    run_for(1200);
    server_signal(pool_pids[0], SIGTERM);
    server_signal(pool_pids[0], SIGCONT);
    pool_phase_end();
}
END_TEST

/* Those that are connected do not notice; what is canceled is later. */
START_TEST(f06_the_postmaster_stands_still)
{
    pool_phase_begin(_i, false);
    server_signal(server_pid(), SIGSTOP);
    run_for(700);
    server_signal(server_pid(), SIGCONT);
    pool_phase_end();
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("fault_pool_server");
    TCase *tcase = tcase_create("server");

    tcase_set_timeout(tcase, 120);
    tcase_add_loop_test(tcase, f01_a_session_is_killed, 0, N_POOL_PHASES);
    tcase_add_loop_test(tcase, f02_all_sessions_are_terminated, 0, N_POOL_PHASES);
    tcase_add_loop_test(tcase, f03_immediate_shutdown, 0, N_POOL_PHASES);
    tcase_add_loop_test(tcase, f04_fast_restart, 0, N_POOL_PHASES);
    tcase_add_loop_test(tcase, f05_a_session_stands_still, 0, N_POOL_PHASES);
    tcase_add_loop_test(tcase, f06_the_postmaster_stands_still, 0, N_POOL_PHASES);
    suite_add_tcase(suite, tcase);
    return run_suite(suite, true);
}
