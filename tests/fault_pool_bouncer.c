/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * fault_pool_bouncer: a pool behind a real PgBouncer in transaction mode, in each phase of the
 * pool: nothing happens, F35; it, or the server behind it, ends, F36.
 */
#include "bouncer.h"
#include "pool_phases.h"
#include "server.h"

#include <signal.h>

/* It is soon ready to try again what has failed. */
static void start_bouncer(void)
{
    bouncer_start(bouncer_version() >= 12100 ? "default_pool_size = 2\nserver_login_retry = 0.1\n"
                                               "max_prepared_statements = 100\n"
                                             : "default_pool_size = 2\nserver_login_retry = 0.1\n");
}

static void begin_behind_bouncer(enum pool_phase phase, enum evpg_code code)
{
    start_bouncer();
    pool_phase_begin_at(phase, bouncer_conninfo(), code);
}

/* Its sessions go with it. */
static void end_behind_bouncer(void)
{
    pool_phase_leave();
    bouncer_stop();
    resources_check(4096);
}

START_TEST(f35_nothing_happens)
{
    begin_behind_bouncer(_i, 0);
    end_behind_bouncer();
}
END_TEST

START_TEST(f36_it_is_restarted)
{
    begin_behind_bouncer(_i, 0);
    bouncer_stop();
    heart_skip();
    run_for(100);
    start_bouncer();
    heart_skip();
    end_behind_bouncer();
}
END_TEST

/* The sessions behind it, which clients of it may not even notice. */
START_TEST(f36_its_sessions_are_killed)
{
    begin_behind_bouncer(_i, 0);
    for (int i = 0; i < POOL_SIZE; i++)
        server_signal(pool_pids[i], SIGTERM);
    end_behind_bouncer();
}
END_TEST

/* What was waiting here may have been sent there, and told that there is no server to be had. */
START_TEST(f36_its_server_is_restarted)
{
    begin_behind_bouncer(_i, EVPG_E_LOST);
    server_stop(SIGQUIT);
    heart_skip();
    run_for(100);
    server_start();
    heart_skip();
    end_behind_bouncer();
}
END_TEST

/* Who has waited there for too long loses his connection, and gets another. */
START_TEST(f36_it_has_no_session_to_give)
{
    struct outcome *sleeps, *waits;

    bouncer_start("default_pool_size = 1\nquery_wait_timeout = 1\n");
    begin_pool_at(bouncer_conninfo(), &EVPG_POOL_CONFIG(.max_connections = 2));
    sleeps = query("select pg_sleep(3)", EVPG_NO_PARAMS);
    evpg_request_set_flags(sleeps->request, EVPG_EXCLUSIVE);
    run_for(300);
    waits = query("select 1", EVPG_NO_PARAMS);
    evpg_request_set_flags(waits->request, EVPG_EXCLUSIVE);
    ck_assert(await_flag(&waits->completions, 10000));
    ck_assert_ptr_nonnull(waits->error);
    ck_assert_int_eq(sleeps->completions, 0);
    await_all();
    ck_assert_outcome_ok(sleeps);
    end();
    bouncer_stop();
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("fault_pool_bouncer");
    TCase *tcase = tcase_create("bouncer");

    if (!bouncer_is_here())
        return 0;
    tcase_set_timeout(tcase, 120);
    tcase_add_loop_test(tcase, f35_nothing_happens, 0, N_POOL_PHASES);
    tcase_add_loop_test(tcase, f36_it_is_restarted, 0, N_POOL_PHASES);
    tcase_add_loop_test(tcase, f36_its_sessions_are_killed, 0, N_POOL_PHASES);
    tcase_add_loop_test(tcase, f36_its_server_is_restarted, 0, N_POOL_PHASES);
    tcase_add_test(tcase, f36_it_has_no_session_to_give);
    suite_add_tcase(suite, tcase);
    return run_suite(suite, true);
}
