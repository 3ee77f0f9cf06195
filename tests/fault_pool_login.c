/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * fault_pool_login: a server that does not let a pool in any more, or not as often as it would, in
 * each phase of the pool: F18, F19.
 *
 * The sessions that there are end with the fault: else nobody would notice it.
 */
#include "pool_phases.h"

#include <evpg/stats.h>
#include <stdio.h>

enum { LASTS_MS = 400 };

/* It has what the tests' own user has, for the ledger; but limits are kept for it. */
static void begin_as_role(enum pool_phase phase, enum evpg_code waiting)
{
    free(admin("drop role if exists pool_guest; "
               "create role pool_guest login password 'secret'; grant evpg to pool_guest"));
    pool_phase_begin_at(phase, "user=pool_guest password=secret", waiting);
}

static void end_as_role(void)
{
    pool_phase_end();
    free(admin("drop role pool_guest"));
}

static void alter_and_end_sessions(const char *how)
{
    char sql[300];

    snprintf(sql, sizeof(sql), "alter role pool_guest %s", how);
    free(admin(sql));
    free(admin("select count(pg_terminate_backend(pid, 5000)) from pg_stat_activity"
               " where usename = 'pool_guest'"));
    heart_skip();
}

static uint64_t n_failures(void)
{
    struct evpg_pool_stats stats = {.size = sizeof(stats)};

    evpg_pool_get_stats(db, &stats);
    return stats.connect_failures;
}

/* By one connection all are served; for the other the server is asked now and then. */
START_TEST(f18_fewer_are_allowed)
{
    struct outcome *served[4];
    uint64_t before;

    begin_as_role(_i, 0);
    before = n_failures();
    alter_and_end_sessions("connection limit 1");
    run_for(LASTS_MS);
    for (int i = 0; _i != POOL_CLOSING && i < 4; i++) {
        served[i] = query("select pg_sleep(0.05)", EVPG_NO_PARAMS);
        evpg_request_set_flags(served[i]->request, EVPG_EXCLUSIVE);
    }
    for (int i = 0; _i != POOL_CLOSING && i < 4; i++) {
        ck_assert(await_flag(&served[i]->completions, 5000));
        ck_assert_outcome_ok(served[i]);
    }
    ck_assert(_i == POOL_CLOSING || n_failures() > before);
    ck_assert_uint_le(n_failures() - before, 8);
    free(admin("alter role pool_guest connection limit -1"));
    heart_skip();
    end_as_role();
}
END_TEST

/* Whoever waits is told at once, for waiting would not help. */
START_TEST(f19_not_let_in_any_more)
{
    struct outcome *told[2];
    double start;

    begin_as_role(_i, EVPG_E_AUTH);
    alter_and_end_sessions("nologin");
    run_for(LASTS_MS);
    for (int i = 0; _i != POOL_CLOSING && i < 2; i++) {
        start = now_ms();
        told[i] = query("select 1", EVPG_NO_PARAMS);
        ck_assert(await_flag(&told[i]->completions, 5000));
        ck_assert_int_eq(evpg_error_code(told[i]->error), EVPG_E_AUTH);
        ck_assert_int_eq(evpg_error_fate(told[i]->error), EVPG_FATE_NOT_SENT);
        ck_assert_str_eq(evpg_error_sqlstate(told[i]->error), "28000");
        ck_assert(now_ms() - start < 1500);
    }
    free(admin("alter role pool_guest login"));
    heart_skip();
    end_as_role();
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("fault_pool_login");
    TCase *tcase = tcase_create("login");

    tcase_set_timeout(tcase, 120);
    tcase_add_loop_test(tcase, f18_fewer_are_allowed, 0, N_POOL_PHASES);
    tcase_add_loop_test(tcase, f19_not_let_in_any_more, 0, N_POOL_PHASES);
    suite_add_tcase(suite, tcase);
    return run_suite(suite, true);
}
