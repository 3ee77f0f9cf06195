/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * fault_server: a real server that dies, stops or restarts, in each phase of a connection: F01 to
 * F06.
 *
 * Faults are signals, which the test sends without waiting, so that the heartbeat is the library's
 * alone.
 */
#include "phases.h"
#include "server.h"

#include <signal.h>

/* All of the server's sessions end with it; it comes back by itself. */
START_TEST(f01_a_session_is_killed)
{
    resources_note();
    phase_begin(_i, NULL);
    server_signal(backend_pid(), SIGKILL);
    phase_await_loss();
    server_await();
    phase_end();
}
END_TEST

/* A session that has no room to write does not say why it ends. */
static void check_reason(enum phase phase)
{
    if (phase != ROWS && phase != PAUSED)
        ck_assert_str_eq(notes.sqlstate, "57P01");
}

START_TEST(f02_a_session_is_terminated)
{
    resources_note();
    phase_begin(_i, NULL);
    server_signal(backend_pid(), SIGTERM);
    phase_await_loss();
    check_reason(_i);
    phase_end();
}
END_TEST

START_TEST(f03_immediate_shutdown)
{
    resources_note();
    phase_begin(_i, NULL);
    server_signal(server_pid(), SIGQUIT);
    phase_await_loss();
    server_stop(SIGQUIT);
    server_start();
    phase_end();
}
END_TEST

/* Meanwhile the connection is opened over and over: refused, or the server is starting up. */
START_TEST(f04_fast_restart)
{
    int outcome = 0;

    resources_note();
    phase_begin(_i, NULL);
    server_signal(server_pid(), SIGINT);
    phase_await_loss();
    check_reason(_i);
    server_stop(SIGINT);
    for (int i = 0; i < 5; i++) {
        ck_assert_ptr_nonnull(evpg_open(db, phase_on_open, &outcome));
        ck_assert(await_flag(&outcome, 10000));
        ck_assert_int_eq(outcome, -EVPG_E_CONNECT);
        outcome = 0;
    }
    server_start();
    phase_end();
}
END_TEST

/* Silence: only a deadline helps, and then nothing is waited for. */
START_TEST(f05_a_session_stands_still)
{
    resources_note();
    phase_begin(_i, NULL);
    server_signal(backend_pid(), SIGSTOP);
    phase_give_up(200);
    server_signal(backend_pid(), SIGTERM); /* it would find out when it has slept */
    server_signal(backend_pid(), SIGCONT);
    phase_end();
}
END_TEST

/* It goes on where it was when the session does, and answers all. */
START_TEST(f05_a_session_goes_on)
{
    resources_note();
    phase_begin(IDLE, NULL);
    server_signal(backend_pid(), SIGSTOP);
    ledger_submit(100);
    run_for(300);
    ck_assert(!all_done());
    server_signal(backend_pid(), SIGCONT);
    await_all();
    check_all_succeeded();
    heart_stop();
    ck_assert_int_eq(ledger_check(), 120);
    end();
    resources_check(4096);
}
END_TEST

/* Who is connected does not notice; who wants to connect runs into the deadline. */
START_TEST(f06_the_postmaster_stands_still)
{
    struct evpg_db *other;
    int outcome = 0;

    resources_note();
    phase_begin(IDLE, NULL);
    server_signal(server_pid(), SIGSTOP);
    other = evpg_conn_new(base, "", &EVPG_CONN_CONFIG(.server_connect_timeout_ms = 300));
    ck_assert_ptr_nonnull(evpg_open(other, phase_on_open, &outcome));
    ledger_submit(50);
    await_all();
    check_all_succeeded();
    ck_assert(await_flag(&outcome, 5000));
    ck_assert_int_eq(outcome, -EVPG_E_TIMEOUT);
    heart_stop();
    server_signal(server_pid(), SIGCONT);
    evpg_free(other);
    ck_assert_int_eq(ledger_check(), 70);
    end();
    resources_check(4096);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("fault_server");
    TCase *tcase = tcase_create("server");

    tcase_set_timeout(tcase, 120);
    tcase_add_loop_test(tcase, f01_a_session_is_killed, 0, N_PHASES);
    tcase_add_loop_test(tcase, f02_a_session_is_terminated, 0, N_PHASES);
    tcase_add_loop_test(tcase, f03_immediate_shutdown, 0, N_PHASES);
    tcase_add_loop_test(tcase, f04_fast_restart, 0, N_PHASES);
    tcase_add_loop_test(tcase, f05_a_session_stands_still, 0, N_PHASES);
    tcase_add_test(tcase, f05_a_session_goes_on);
    tcase_add_test(tcase, f06_the_postmaster_stands_still);
    suite_add_tcase(suite, tcase);
    return run_suite(suite, true);
}
