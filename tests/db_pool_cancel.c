/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * db_pool_cancel: what canceling does to the rest of a pool.
 *
 * Few cancel requests are under way at a time; a connection that one of them may still hit gets
 * nothing; and who is told that it was canceled is told in which phase. Cancel requests are kept
 * from the server by a proxy, which lets what is connected go on.
 */
#include "oracle.h"
#include "proxy.h"

#include <libpq-fe.h>
#include <stdio.h>
#include <unistd.h>

enum { MOST_CANCELS = 4, N = 10 };

static struct proxy *proxy;

static void begin_behind(int max_connections, int cancel_wait_timeout_ms)
{
    struct evpg_conn_config connection =
        EVPG_CONN_CONFIG(.cancel_wait_timeout_ms = cancel_wait_timeout_ms);
    char conninfo[128];

    begin_closed(NULL, NULL);
    evpg_free(db);
    proxy = proxy_new(base, getenv("PGHOST"), getenv("PGPORT"));
    snprintf(conninfo, sizeof(conninfo), "host=127.0.0.1 port=%d sslmode=disable",
             proxy_port(proxy));
    db = evpg_pool_new(base, conninfo,
                       &EVPG_POOL_CONFIG(.max_connections = max_connections, .max_connecting = N,
                                         .connection = &connection));
    ck_assert_ptr_nonnull(db);
}

/* The server does not notice at once that those of before have been left. */
static int count_running(int round)
{
    char sql[160], *value;
    int n;

    snprintf(sql, sizeof(sql),
             "select count(*) from pg_stat_activity where query = 'select pg_sleep(20), %d'"
             " and state = 'active'",
             round);
    value = admin(sql);
    n = atoi(value);
    free(value);
    return n;
}

/* One on each of n connections. */
static void sleep_on_all(struct outcome **slow, int n)
{
    static int rounds;
    char sql[64];

    rounds = rounds ? rounds + 1 : 100 * (int)getpid();
    snprintf(sql, sizeof(sql), "select pg_sleep(20), %d", rounds);
    for (int i = 0; i < n; i++) {
        slow[i] = query(sql, EVPG_NO_PARAMS);
        evpg_request_set_flags(slow[i]->request, EVPG_EXCLUSIVE);
    }
    for (int i = 0; i < 500 && count_running(rounds) < n; i++)
        run_for(10);
    ck_assert_int_eq(count_running(rounds), n);
}

static void unwant(struct outcome **slow, int n, bool by_deadline)
{
    for (int i = 0; i < n; i++) {
        if (by_deadline)
            evpg_request_set_timeout(slow[i]->request, 1);
        else
            evpg_request_cancel(slow[i]->request);
    }
}

/* They come to nothing, and their connections are closed; later ones have room again. */
START_TEST(few_at_a_time)
{
    struct outcome *slow[N];

    begin_behind(N, 500);
    heart_start();
    sleep_on_all(slow, N);
    proxy->settings.silent = true;
    unwant(slow, N, _i);
    run_for(300);
    ck_assert_int_eq(proxy->counters.accepted, N + MOST_CANCELS);
    await_all();
    run_for(500);
    for (int i = 0; i < N; i++)
        ck_assert_int_eq(evpg_error_code(slow[i]->error), _i ? EVPG_E_TIMEOUT : EVPG_E_LOST);
    proxy->settings.silent = false;
    proxy_close(proxy);
    sleep_on_all(slow, N);
    unwant(slow, N, false);
    await_all();
    for (int i = 0; i < N; i++)
        ck_assert_int_eq(evpg_error_code(slow[i]->error), EVPG_E_CANCELED);
    heart_stop();
    end();
}
END_TEST

/* So many at most of those that sleep on all; older ones may be left of other tests. */
static void end_sessions_asking(int n)
{
    char sql[300];

    snprintf(sql, sizeof(sql),
             "select count(pg_terminate_backend(pid)) from (select pid from pg_stat_activity"
             " where query like 'select pg_sleep(20), %%' and query not like '%%waits%%'"
             " order by backend_start desc limit %d) as asking",
             n);
    free(admin(sql));
}

/* Connections that are lost make room for those that wait; but before libpq 17 a thread that is
 * asking cannot be stopped. */
START_TEST(room_after_a_loss)
{
    struct outcome *asking[MOST_CANCELS], *waits;

    if (PQlibVersion() < 170000)
        return;
    begin_behind(MOST_CANCELS + 1, 60000);
    sleep_on_all(asking, MOST_CANCELS);
    waits = query("select pg_sleep(20), 'waits'", EVPG_NO_PARAMS);
    run_for(200);
    proxy->settings.silent = true;
    unwant(asking, MOST_CANCELS, false);
    run_for(100);
    unwant(&waits, 1, false);
    run_for(100);
    ck_assert_int_eq(proxy->counters.accepted, 2 * MOST_CANCELS + 1);
    proxy->settings.silent = false;
    end_sessions_asking(MOST_CANCELS);
    ck_assert(await_flag(&waits->completions, 10000));
    ck_assert_int_eq(evpg_error_code(waits->error), EVPG_E_CANCELED);
    await_all();
    end();
}
END_TEST

static struct evpg_request *parts[2];

static void submit_parts(struct evpg_db *tx, void *arg)
{
    (void)arg;
    for (int i = 0; i < 2; i++)
        parts[i] = evpg_query(tx, "select pg_sleep(20), 'waits'", EVPG_NO_PARAMS, NULL, NULL, NULL);
    evpg_commit(tx);
}

/* The one before it is left as well, while it waits for room: that is not put off once more. */
START_TEST(waits_for_another)
{
    struct outcome *asking[MOST_CANCELS], *whole = new_outcome();

    begin_behind(MOST_CANCELS + 1, 60000);
    sleep_on_all(asking, MOST_CANCELS);
    note_submit(whole, evpg_transaction(db, NULL, submit_parts, record_done, whole));
    run_for(200);
    proxy_let_wait(proxy, true);
    unwant(asking, MOST_CANCELS, false);
    run_for(20);
    for (int i = 1; i >= 0; i--) {
        evpg_request_abandon(parts[i]);
        run_for(50);
    }
    proxy_let_wait(proxy, false);
    ck_assert(await_flag(&whole->completions, 10000));
    ck_assert_ptr_nonnull(whole->error);
    await_all();
    end();
}
END_TEST

/* First come, first served, whichever connection they are on. */
START_TEST(room_in_turn)
{
    struct outcome *asking[MOST_CANCELS], *waits[2];

    if (PQlibVersion() < 170000)
        return;
    begin_behind(MOST_CANCELS + 2, 60000);
    sleep_on_all(asking, MOST_CANCELS);
    for (int i = 0; i < 2; i++) {
        waits[i] = query("select pg_sleep(20), 'waits'", EVPG_NO_PARAMS);
        evpg_request_set_flags(waits[i]->request, EVPG_EXCLUSIVE);
    }
    run_for(200);
    proxy->settings.silent = true;
    unwant(asking, MOST_CANCELS, false);
    run_for(100);
    for (int i = 0; i < 2; i++) {
        unwant(&waits[i ^ _i], 1, false);
        run_for(50);
    }
    proxy->settings.silent = false;
    end_sessions_asking(1);
    for (int i = 0; i < 2; i++) {
        ck_assert(await_flag(&waits[i]->completions, 10000));
        ck_assert_int_eq(evpg_error_code(waits[i]->error), EVPG_E_CANCELED);
    }
    ck_assert_int_lt(waits[_i]->order, waits[1 - _i]->order);
    end_sessions_asking(MOST_CANCELS);
    await_all();
    end();
}
END_TEST

/* Each comes to its turn. */
START_TEST(all_of_many)
{
    struct outcome *slow[N];

    begin_pool(ALONE, &EVPG_POOL_CONFIG(.max_connections = N, .max_connecting = N));
    for (int round = 0; round < 3; round++) {
        sleep_on_all(slow, N);
        unwant(slow, N, _i);
        await_all();
        for (int i = 0; i < N; i++)
            ck_assert_int_eq(evpg_error_code(slow[i]->error),
                             _i ? EVPG_E_TIMEOUT : EVPG_E_CANCELED);
        query("select 1", EVPG_NO_PARAMS);
        await_all();
    }
    end();
}
END_TEST

static struct evpg_db *lease;
static int n_leases;

static void on_lease(struct evpg_db *leased, const struct evpg_error *error, void *arg)
{
    (void)arg;
    ck_assert_ptr_null(error);
    lease = leased;
    n_leases++;
}

/* Makes one of two connections answer, while its cancel request is still to come. */
static void leave_one_unsettled(void)
{
    struct outcome *both[2];

    begin_behind(2, 20000);
    for (int i = 0; i < 2; i++) {
        both[i] = query("select pg_sleep(0.3)", EVPG_NO_PARAMS);
        evpg_request_set_flags(both[i]->request, EVPG_EXCLUSIVE);
    }
    while (proxy->counters.accepted < 2)
        run_for(5);
    await_all();
    proxy->settings.silent = true;
    both[0] = query("select pg_sleep(0.2)", EVPG_NO_PARAMS);
    run_for(50);
    evpg_request_cancel(both[0]->request);
    await_all();
    ck_assert_int_eq(evpg_error_fate(both[0]->error), EVPG_FATE_EXECUTED);
    ck_assert_int_eq(proxy->counters.accepted, 3);
}

/* The next request, or lease, gets the other connection, at once. */
START_TEST(unsettled_is_not_idle)
{
    struct evpg_db *pool;

    leave_one_unsettled();
    pool = db;
    if (_i) {
        ck_assert_ptr_nonnull(evpg_acquire(db, on_lease, NULL));
        ck_assert(await_flag(&n_leases, 5000));
        db = lease;
    }
    ck_assert(await_flag(&query("select 1", EVPG_NO_PARAMS)->completions, 5000));
    ck_assert_int_eq(proxy->counters.accepted, 3);
    proxy->settings.silent = false;
    if (_i)
        evpg_release(db);
    db = pool;
    end();
}
END_TEST

static int n_closed;
static size_t cut_off;

static void on_closed(struct evpg_db *closed, size_t n, void *arg)
{
    (void)closed;
    (void)arg;
    n_closed++;
    cut_off = n;
}

/* A connection on which nothing is under way is not waited for, whatever may hit it. */
START_TEST(unsettled_is_closed)
{
    leave_one_unsettled();
    ck_assert_int_eq(evpg_close(db, 10000, on_closed, NULL), 0);
    ck_assert(await_flag(&n_closed, 5000));
    ck_assert_uint_eq(cut_off, 0);
    evpg_free(db);
    db = NULL;
    end();
}
END_TEST

/* What was told of its deadline is not cut off any more. */
START_TEST(not_cut_off_twice)
{
    struct outcome *slow[2];

    begin_behind(2, 20000);
    sleep_on_all(slow, 2);
    proxy->settings.silent = true;
    evpg_request_set_timeout(slow[0]->request, 1);
    ck_assert(await_flag(&slow[0]->completions, 5000));
    ck_assert_int_eq(evpg_close(db, 50, on_closed, NULL), 0);
    ck_assert(await_flag(&n_closed, 5000));
    ck_assert_uint_eq(cut_off, 1);
    ck_assert_int_eq(evpg_error_code(slow[1]->error), EVPG_E_CLOSED);
    evpg_free(db);
    db = NULL;
    end();
}
END_TEST

static void free_db(void)
{
    struct evpg_db *freed = db;

    db = NULL;
    evpg_free(freed);
}

/* While it waits in the pool, for its turn or for a connection. */
START_TEST(phases_of_waiting)
{
    bool is_up = _i % 2;
    struct outcome *first, *waiting;

    begin_behind(1, 20000);
    proxy->settings.silent = !is_up;
    first = query("select pg_sleep(0.3)", EVPG_NO_PARAMS);
    evpg_request_set_flags(first->request, EVPG_EXCLUSIVE);
    run_for(100);
    waiting = query("select 1", EVPG_NO_PARAMS);
    if (_i / 2 == 0)
        evpg_request_cancel(waiting->request);
    else if (_i / 2 == 1)
        evpg_request_set_timeout(waiting->request, 1);
    else
        free_db();
    ck_assert(await_flag(&waiting->completions, 5000));
    ck_assert_ptr_nonnull(waiting->error);
    ck_assert_int_eq(evpg_error_fate(waiting->error), EVPG_FATE_NOT_SENT);
    ck_assert_int_eq(evpg_error_phase(waiting->error),
                     is_up ? EVPG_PHASE_QUEUED : EVPG_PHASE_CONNECTING);
    proxy->settings.silent = false;
    proxy_close(proxy);
    await_all();
    ck_assert_int_eq(first->completions, 1);
    end();
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("db_pool_cancel");
    TCase *tcase = tcase_create("cancel");

    tcase_set_timeout(tcase, 60);
    tcase_add_loop_test(tcase, few_at_a_time, 0, 2);
    tcase_add_test(tcase, room_after_a_loss);
    tcase_add_test(tcase, waits_for_another);
    tcase_add_loop_test(tcase, room_in_turn, 0, 2);
    tcase_add_loop_test(tcase, all_of_many, 0, 2);
    tcase_add_loop_test(tcase, unsettled_is_not_idle, 0, 2);
    tcase_add_test(tcase, unsettled_is_closed);
    tcase_add_test(tcase, not_cut_off_twice);
    tcase_add_loop_test(tcase, phases_of_waiting, 0, 6);
    suite_add_tcase(suite, tcase);
    return run_suite(suite, true);
}
