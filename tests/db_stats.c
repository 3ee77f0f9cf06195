/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * db_stats: what a pool says of itself, by numbers and by the event hook.
 *
 * All of it must agree with what was counted from outside: the outcomes of the requests, and what
 * the server says.
 */
#include "oracle.h"
#include "proxy.h"

#include <errno.h>
#include <event2/buffer.h>
#include <stdint.h>
#include <stdio.h>

static struct evpg_pool_stats stats;

static void look(void)
{
    stats = (struct evpg_pool_stats)EVPG_POOL_STATS();
    ck_assert_int_eq(evpg_pool_get_stats(db, &stats), 0);
}

static uint64_t n_events[EVPG_EVENT_CLOSED + 1];

static void count_event(struct evpg_db *pool, enum evpg_event event,
                        const struct evpg_request *request, const struct evpg_error *error,
                        void *arg)
{
    bool fails = event == EVPG_EVENT_CONNECT_FAILED || event == EVPG_EVENT_LOST;

    ck_assert_ptr_nonnull(pool);
    ck_assert_ptr_eq(arg, n_events);
    n_events[event]++;
    ck_assert((request != NULL) == (event <= EVPG_EVENT_ACQUIRED));
    ck_assert(event == EVPG_EVENT_DONE || (error != NULL) == fails);
}

static void begin_counting(const struct evpg_pool_config *config)
{
    struct evpg_hooks hooks = EVPG_HOOKS(.event = count_event);

    begin_pool(ALONE, config);
    memset(n_events, 0, sizeof(n_events));
    evpg_set_hooks(db, &hooks, n_events);
}

/* What became of them, counted by the test. */
static struct {
    uint64_t submitted, refused, succeeded, failed, timed_out, canceled, abandoned, rows;
} seen;

static void note_outcome(const struct outcome *outcome)
{
    enum evpg_code code = outcome->error ? evpg_error_code(outcome->error) : (enum evpg_code)0;

    seen.succeeded += !code;
    seen.failed += code != 0;
    seen.timed_out += code == EVPG_E_TIMEOUT;
    seen.canceled += code == EVPG_E_CANCELED;
    seen.rows += (uint64_t)outcome->n_rows;
}

enum { AT_ONCE = 20 };

static const char *const statements[] = {"select 1 / 0", "select generate_series(1, 7)",
                                         "select pg_sleep(0.01)", "select 'x' where false"};

/* One of some kind, or a refused one; NULL: it was abandoned. */
static struct outcome *submit_one(int kind)
{
    struct outcome *outcome;

    if (kind % 11 == 0) {
        ck_assert_ptr_null(evpg_query(db, "begin", EVPG_NO_PARAMS, NULL, NULL, NULL));
        seen.refused++;
    }
    seen.submitted++;
    outcome = query(statements[kind % 4], EVPG_NO_PARAMS);
    if (kind % 5 == 0)
        evpg_request_set_timeout(outcome->request, 1 + kind % 7);
    if (kind % 7 == 0)
        evpg_request_set_name(outcome->request, kind % 2 ? "odd" : "even");
    if (kind % 9 == 1)
        evpg_request_cancel(outcome->request);
    if (kind % 9 != 2)
        return outcome;
    abandon(outcome);
    seen.abandoned++;
    return NULL;
}

/* Many of all kinds, by chance; afterwards all the numbers agree. */
START_TEST(counts_agree)
{
    struct outcome *outcomes[AT_ONCE];

    begin_counting(&EVPG_POOL_CONFIG(.max_connections = 3, .max_request_names = 1));
    srand(7);
    memset(&seen, 0, sizeof(seen));
    for (int round = 0; round < sized(30, 300); round++) {
        for (int i = 0; i < AT_ONCE; i++)
            outcomes[i] = submit_one(rand() % 1000);
        await_all();
        for (int i = 0; i < AT_ONCE; i++)
            if (outcomes[i])
                note_outcome(outcomes[i]);
    }
    run_for(100);
    look();
    ck_assert_uint_eq(stats.submitted, seen.submitted);
    ck_assert_uint_eq(stats.refused, seen.refused);
    ck_assert_uint_eq(stats.succeeded, seen.succeeded);
    ck_assert_uint_eq(stats.failed, seen.failed);
    ck_assert_uint_eq(stats.timed_out, seen.timed_out);
    ck_assert_uint_eq(stats.canceled, seen.canceled);
    ck_assert_uint_eq(stats.abandoned, seen.abandoned);
    ck_assert_uint_ge(stats.rows, seen.rows);
    ck_assert_uint_eq(stats.total_time.count, stats.succeeded + stats.failed);
    ck_assert_uint_eq(stats.connected, stats.connections);
    ck_assert_uint_eq(stats.waiting + stats.running + stats.busy + stats.canceling, 0);
    ck_assert_uint_eq(n_events[EVPG_EVENT_QUEUED], stats.submitted);
    ck_assert_uint_eq(n_events[EVPG_EVENT_DONE], stats.submitted);
    ck_assert_uint_eq(n_events[EVPG_EVENT_FIRST_ROW], stats.first_row_time.count);
    ck_assert_uint_eq(n_events[EVPG_EVENT_SENT], stats.queue_time.count + stats.sent_again);
    ck_assert_uint_eq(n_events[EVPG_EVENT_CONNECTED], stats.connected);
    ck_assert_ptr_nonnull(evpg_pool_name_stats(db, 0));
    ck_assert_ptr_null(evpg_pool_name_stats(db, 1));
    ck_assert_uint_le(stats.total_time.max_us, stats.total_time.sum_us);
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

/* What is the case now; and a lease's requests are the pool's as well. */
START_TEST(at_this_moment)
{
    struct evpg_db *pool;

    begin_counting(&EVPG_POOL_CONFIG(.max_connections = 2, .max_requests_per_connection = 1));
    ck_assert_ptr_nonnull(evpg_acquire(db, on_lease, NULL));
    ck_assert(await_flag(&n_leases, 5000));
    pool = db;
    for (int i = 0; i < 4; i++)
        query("select pg_sleep(0.3)", EVPG_NO_PARAMS);
    db = lease;
    query("select pg_sleep(0.3)", EVPG_NO_PARAMS);
    db = pool;
    run_for(150);
    look();
    ck_assert_uint_eq(stats.connections, 2);
    ck_assert_uint_eq(stats.leased, 1);
    ck_assert_uint_eq(stats.busy, 1);
    ck_assert_uint_eq(stats.waiting, 3);
    ck_assert_uint_gt(stats.waiting_bytes, 0);
    ck_assert_uint_eq(stats.running, 2);
    ck_assert_uint_eq(stats.submitted, 6);
    await_all();
    evpg_release(lease);
    look();
    ck_assert_uint_eq(stats.succeeded, 6);
    ck_assert_uint_eq(stats.leases, 1);
    ck_assert_uint_eq(stats.idle, 2);
    ck_assert_uint_ge(stats.queue_time.max_us, 300000);
    ck_assert_uint_ge(evpg_histogram_quantile(&stats.total_time, 0.5), 300000);
    ck_assert_uint_eq(n_events[EVPG_EVENT_ACQUIRED], 1);
    ck_assert_uint_eq(n_events[EVPG_EVENT_RELEASED], 1);
    end();
}
END_TEST

/* Attempts that fail, connections that are lost, and closed. */
START_TEST(of_connections)
{
    struct evpg_hooks hooks = EVPG_HOOKS(.event = count_event);
    struct proxy *proxy;
    char conninfo[128];

    begin_closed(NULL, NULL);
    evpg_free(db);
    proxy = proxy_new(base, getenv("PGHOST"), getenv("PGPORT"));
    snprintf(conninfo, sizeof(conninfo), "host=127.0.0.1 port=%d sslmode=disable",
             proxy_port(proxy));
    db = evpg_pool_new(base, conninfo,
                       &EVPG_POOL_CONFIG(.max_connections = 1, .reconnect_min_ms = 20));
    memset(n_events, 0, sizeof(n_events));
    evpg_set_hooks(db, &hooks, n_events);
    query("select 1", EVPG_NO_PARAMS);
    await_all();
    proxy_refuse(proxy, true);
    proxy_reset(proxy);
    query("select 2", EVPG_NO_PARAMS);
    while (n_events[EVPG_EVENT_CONNECT_FAILED] < 2)
        run_for(10);
    proxy_refuse(proxy, false);
    await_all();
    look();
    ck_assert_uint_eq(stats.connected, 2);
    ck_assert_uint_eq(stats.connections_lost, 1);
    ck_assert_uint_eq(stats.connect_failures, n_events[EVPG_EVENT_CONNECT_FAILED]);
    ck_assert_uint_eq(stats.connect_time.count, 2);
    ck_assert_uint_eq(n_events[EVPG_EVENT_CONNECTED], 2);
    ck_assert_uint_eq(n_events[EVPG_EVENT_LOST], 1);
    evpg_free(db);
    db = NULL;
    ck_assert_uint_eq(n_events[EVPG_EVENT_CLOSED], 1);
    end();
}
END_TEST

static int n_refused;

/* As one would by a handle of one's own. */
static void cancel_it(const struct evpg_request *request)
{
    struct evpg_request *mine = (struct evpg_request *)(uintptr_t)request;

    evpg_request_cancel(mine);
    evpg_request_abandon(mine);
}

/* In the midst of things nothing can be changed. */
static void meddle(struct evpg_db *observed, enum evpg_event event,
                   const struct evpg_request *request, const struct evpg_error *error, void *arg)
{
    (void)event;
    (void)error;
    (void)arg;
    n_refused++;
    evpg_request_name(request);
    cancel_it(request);
    errno = 0;
    ck_assert_ptr_null(evpg_query(observed, "select 1", EVPG_NO_PARAMS, NULL, NULL, NULL));
    ck_assert_int_eq(errno, EINVAL);
    ck_assert_int_eq(evpg_close(observed, 0, NULL, NULL), -1);
    ck_assert_ptr_null(evpg_acquire(observed, on_lease, NULL));
    ck_assert_ptr_null(evpg_open(observed, NULL, NULL));
    evpg_free(observed);
}

START_TEST(observes_only)
{
    struct evpg_hooks hooks = EVPG_HOOKS(.event = meddle);

    if (_i)
        begin_pool(ALONE, NULL);
    else
        begin(ALONE);
    evpg_set_hooks(db, &hooks, NULL);
    query("select 1", EVPG_NO_PARAMS);
    await_all();
    check_all_succeeded();
    ck_assert_int_ge(n_refused, 4);
    evpg_set_hooks(db, NULL, NULL);
    end();
}
END_TEST

static struct evpg_db *whole;

static void free_the_pool(struct evpg_db *observed, enum evpg_event event,
                          const struct evpg_request *request, const struct evpg_error *error,
                          void *arg)
{
    (void)event;
    (void)error;
    (void)arg;
    n_refused += observed != whole;
    cancel_it(request);
    if (observed != whole)
        evpg_release(observed);
    evpg_free(whole);
}

/* The pool does not go while one of its leases is observed, either. */
START_TEST(observes_a_lease)
{
    struct evpg_hooks hooks = EVPG_HOOKS(.event = free_the_pool);

    begin_pool(ALONE, NULL);
    whole = db;
    evpg_set_hooks(db, &hooks, NULL);
    ck_assert_ptr_nonnull(evpg_acquire(db, on_lease, NULL));
    ck_assert(await_flag(&n_leases, 5000));
    db = lease;
    query("select 1", EVPG_NO_PARAMS);
    await_all();
    check_all_succeeded();
    ck_assert_int_ge(n_refused, 4);
    evpg_release(lease);
    db = whole;
    evpg_set_hooks(db, NULL, NULL);
    end();
}
END_TEST

/* Of what is no pool, and of other sizes. */
START_TEST(cannot_be)
{
    struct evbuffer *out = evbuffer_new();

    begin(ALONE);
    stats.size = sizeof(stats);
    ck_assert_int_eq(evpg_pool_get_stats(db, &stats), -1);
    ck_assert_int_eq(errno, EINVAL);
    ck_assert_int_eq(evpg_pool_get_stats(NULL, &stats), -1);
    ck_assert_int_eq(evpg_pool_write_metrics(db, out, NULL), -1);
    ck_assert_int_eq(evpg_pool_write_metrics(NULL, out, NULL), -1);
    ck_assert_uint_eq(evbuffer_get_length(out), 0);
    ck_assert_ptr_null(evpg_pool_name_stats(db, 0));
    end();
    begin_pool(ALONE, NULL);
    ck_assert_int_eq(evpg_pool_get_stats(db, NULL), -1);
    stats.size = 3;
    ck_assert_int_eq(evpg_pool_get_stats(db, &stats), -1);
    stats.size = offsetof(struct evpg_pool_stats, opening);
    stats.opening = 77;
    ck_assert_int_eq(evpg_pool_get_stats(db, &stats), 0);
    ck_assert_uint_eq(stats.opening, 77);
    ck_assert_int_eq(evpg_pool_write_metrics(db, NULL, NULL), -1);
    evbuffer_free(out);
    end();
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("db_stats");
    TCase *tcase = tcase_create("stats");

    tcase_set_timeout(tcase, sized(60, 300));
    tcase_add_test(tcase, counts_agree);
    tcase_add_test(tcase, at_this_moment);
    tcase_add_test(tcase, of_connections);
    tcase_add_loop_test(tcase, observes_only, 0, 2);
    tcase_add_test(tcase, observes_a_lease);
    tcase_add_test(tcase, cannot_be);
    suite_add_tcase(suite, tcase);
    return run_suite(suite, true);
}
