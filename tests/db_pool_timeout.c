/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * db_pool_timeout: deadlines and canceling in a pool; CA06, CA13, PO03.
 *
 * Wherever a request is, waiting, on the wire of a connection that it shares, or on a lease; and
 * whatever is being stopped, the others of the pool get their answers.
 */
#include "oracle.h"

#include <stdio.h>
#include <unistd.h>

static void check_timed_out(const struct outcome *outcome, enum evpg_fate fate)
{
    ck_assert_int_eq(outcome->completions, 1);
    ck_assert_ptr_nonnull(outcome->error);
    ck_assert_int_eq(evpg_error_code(outcome->error), EVPG_E_TIMEOUT);
    ck_assert_int_eq(evpg_error_fate(outcome->error), fate);
}

/* While it waits for the one connection; by a deadline of its own, or the pool's for all. */
START_TEST(waiting)
{
    struct outcome *slow, *late, *after;

    begin_pool(_i / 2, &EVPG_POOL_CONFIG(.max_connections = 1, .max_requests_per_connection = 1,
                                         .query_timeout_ms = _i % 2 ? 60 : 0));
    slow = query("select pg_sleep(0.3)", EVPG_NO_PARAMS);
    evpg_request_set_timeout(slow->request, 0);
    run_for(20);
    late = query("select 1", EVPG_NO_PARAMS);
    if (_i % 2 == 0)
        evpg_request_set_timeout(late->request, 60);
    ck_assert(await_flag(&late->completions, 5000));
    check_timed_out(late, EVPG_FATE_NOT_SENT);
    ck_assert_int_eq(slow->completions, 0);
    after = query("select 'after'", EVPG_NO_PARAMS);
    evpg_request_set_timeout(after->request, 10000);
    await_all();
    ck_assert_outcome_ok(slow);
    ck_assert_outcome_ok(after);
    end();
}
END_TEST

/* Many share a connection; the late ones are told in time, and the others are not hurt. */
START_TEST(among_others)
{
    enum { N = 60 };
    struct outcome *outcomes[N];
    double start = now_ms();

    begin_pool(_i, &EVPG_POOL_CONFIG(.max_connections = 3));
    for (int i = 0; i < N; i++) {
        outcomes[i] = new_outcome();
        ck_assert_ptr_nonnull(submit(outcomes[i],
                                     i % 10 == 5 ? "select pg_sleep(20), $1::int4"
                                                 : "select $1::int4 from generate_series(1, 5)",
                                     EVPG_PARAMS(evpg_int32(i))));
        if (i % 10 == 5)
            evpg_request_set_timeout(outcomes[i]->request, 100);
    }
    await_all();
    ck_assert(now_ms() - start < 15000);
    for (int i = 0; i < N; i++) {
        if (i % 10 == 5) {
            ck_assert_int_eq(evpg_error_code(outcomes[i]->error), EVPG_E_TIMEOUT);
            continue;
        }
        ck_assert_outcome_ok(outcomes[i]);
        ck_assert_int_eq(outcomes[i]->n_rows, 5);
        for (int row = 0; row < 5; row++)
            ck_assert_int_eq(atoi(cell(outcomes[i], row, 0)), i);
    }
    end();
}
END_TEST

/* Near their end by chance, by a deadline or a cancel; the ledger says what was done. */
START_TEST(races)
{
    char sql[64];

    begin_pool(ALONE, &EVPG_POOL_CONFIG(.max_connections = 2));
    srand(_i + 1);
    ledger_begin();
    for (int round = 0; round < sized(100, 1000); round++) {
        struct outcome *slow[3];

        for (int i = 0; i < 3; i++) {
            snprintf(sql, sizeof(sql), "select pg_sleep(0.00%d)", 1 + rand() % 4);
            slow[i] = new_outcome();
            ck_assert_ptr_nonnull(submit(slow[i], sql, EVPG_NO_PARAMS));
            if (i == 0)
                evpg_request_set_timeout(slow[i]->request, 1 + rand() % 4);
            ledger_submit(1);
        }
        run_for(rand() % 4);
        for (int i = 1; i < 3; i++)
            if (slow[i]->completions == 0)
                evpg_request_cancel(slow[i]->request);
        await_all();
        for (int i = 0; i < 3; i++)
            ck_assert(!slow[i]->error ||
                      evpg_error_code(slow[i]->error) == (i ? EVPG_E_CANCELED : EVPG_E_TIMEOUT));
    }
    ck_assert_int_eq(ledger_check(), 3 * sized(100, 1000));
    end();
}
END_TEST

static struct evpg_db *lease;
static int n_leases;
static enum evpg_code lease_code;

static void on_lease(struct evpg_db *leased, const struct evpg_error *error, void *arg)
{
    (void)arg;
    n_leases++;
    lease = leased;
    lease_code = error ? evpg_error_code(error) : (enum evpg_code)0;
}

/* One that waits for a lease; and what runs on one, which the pool's default is not for. */
START_TEST(leases)
{
    struct evpg_db *pool;
    struct evpg_request *second;
    struct outcome *late, *after;

    begin_pool(ALONE, &EVPG_POOL_CONFIG(.max_connections = 1, .query_timeout_ms = 50));
    ck_assert_ptr_nonnull(evpg_acquire(db, on_lease, NULL));
    ck_assert(await_flag(&n_leases, 5000));
    ck_assert_ptr_nonnull(lease);
    pool = db;
    db = lease;
    n_leases = 0;
    second = evpg_acquire(pool, on_lease, NULL);
    evpg_request_set_timeout(second, 50);
    after = query("select pg_sleep(0.2)", EVPG_NO_PARAMS);
    ck_assert(await_flag(&n_leases, 5000));
    ck_assert_int_eq(lease_code, EVPG_E_TIMEOUT);
    await_all();
    ck_assert_outcome_ok(after);
    late = new_outcome();
    ck_assert_ptr_nonnull(submit(late, "select pg_sleep(20)", EVPG_NO_PARAMS));
    evpg_request_set_timeout(late->request, 30);
    after = query("select 'after'", EVPG_NO_PARAMS);
    await_all();
    check_timed_out(late, EVPG_FATE_UNKNOWN);
    ck_assert_outcome_ok(after);
    evpg_release(db);
    db = pool;
    end();
}
END_TEST

/* A lease that is given back while its request is being stopped: the connection is closed. */
START_TEST(released_meanwhile)
{
    struct evpg_db *pool;
    struct outcome *slow, *after;

    begin_pool(ALONE, &EVPG_POOL_CONFIG(.max_connections = 1));
    ck_assert_ptr_nonnull(evpg_acquire(db, on_lease, NULL));
    ck_assert(await_flag(&n_leases, 5000));
    pool = db;
    db = lease;
    slow = query("select pg_sleep(1)", EVPG_NO_PARAMS);
    run_for(10);
    if (_i % 2)
        evpg_request_cancel(slow->request);
    else
        evpg_request_set_timeout(slow->request, 1);
    for (int i = 0; i < _i; i++)
        event_base_loop(base, EVLOOP_ONCE | EVLOOP_NONBLOCK);
    evpg_release(db);
    db = pool;
    after = query("select 'after'", EVPG_NO_PARAMS);
    await_all();
    ck_assert_int_eq(slow->completions, 1);
    ck_assert_outcome_ok(after);
    end();
}
END_TEST

START_TEST(freed_meanwhile)
{
    int descriptors = open_descriptors();
    resources_note();
    for (int passes = 0; passes < 20; passes++) {
        struct outcome *slow[4];

        begin_pool(ALONE, &EVPG_POOL_CONFIG(.max_connections = 2));
        for (int i = 0; i < 4; i++) {
            slow[i] = query("select pg_sleep(0.5)", EVPG_NO_PARAMS);
            evpg_request_set_timeout(slow[i]->request, 20 + i);
        }
        run_for(18);
        for (int i = 0; i < passes; i++)
            event_base_loop(base, EVLOOP_ONCE | EVLOOP_NONBLOCK);
        evpg_free(db);
        db = NULL;
        for (int i = 0; i < 4; i++)
            ck_assert_int_eq(slow[i]->completions, 1);
        end();
    }
    for (int i = 0; i < 500 && open_descriptors() > descriptors; i++)
        usleep(10000); /* threads that were left alone end by themselves */
    resources_check(1024);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("db_pool_timeout");
    TCase *tcase = tcase_create("timeout");

    tcase_set_timeout(tcase, sized(60, 300));
    tcase_add_loop_test(tcase, waiting, 0, 2 * N_MODES);
    tcase_add_loop_test(tcase, among_others, 0, N_MODES);
    tcase_add_loop_test(tcase, races, 0, 2);
    tcase_add_test(tcase, leases);
    tcase_add_loop_test(tcase, released_meanwhile, 0, 8);
    tcase_add_test(tcase, freed_meanwhile);
    suite_add_tcase(suite, tcase);
    return run_suite(suite, true);
}
