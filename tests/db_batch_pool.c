/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * db_batch_pool: batches in a pool and on a lease: a batch is on one connection, as a whole, and
 * counts as all of its statements.
 */
#include "batching.h"
#include "oracle.h"
#include "server.h"

#include <errno.h>
#include <signal.h>
#include <unistd.h>

static struct evpg_db *leased;

static void on_lease(struct evpg_db *lease, const struct evpg_error *error, void *arg)
{
    (void)arg;
    ck_assert_ptr_null(error);
    leased = lease;
}

static void acquire(void)
{
    leased = NULL;
    ck_assert_ptr_nonnull(evpg_acquire(db, on_lease, NULL));
    while (!leased)
        turn();
}

START_TEST(on_one_connection)
{
    enum { BATCHES = 60, MEMBERS = 5 };
    struct evpg_pool_config config = EVPG_POOL_CONFIG(.max_connections = 4);
    struct outcome *pids[BATCHES][MEMBERS], *all[BATCHES];
    int backends[4] = {0};

    begin_pool(_i, &config);
    for (int i = 0; i < BATCHES; i++) {
        begin_batch();
        for (int n = 0; n < MEMBERS; n++)
            pids[i][n] = member("select pg_backend_pid() from pg_sleep(0.002)", EVPG_NO_PARAMS);
        all[i] = submit_batch();
        if (i % 7 == 0)
            query("select 1", EVPG_NO_PARAMS);
    }
    await_all();
    check_all_succeeded();
    for (int i = 0; i < BATCHES; i++) {
        int pid = atoi(cell(pids[i][0], 0, 0)), n = 0;

        for (int k = 1; k < MEMBERS; k++)
            ck_assert_int_eq(atoi(cell(pids[i][k], 0, 0)), pid);
        ck_assert_uint_eq(all[i]->rows, MEMBERS);
        while (n < 4 && backends[n] && backends[n] != pid)
            n++;
        ck_assert_int_lt(n, 4);
        backends[n] = pid;
    }
    ck_assert_int_ne(backends[1], 0); /* more than one has worked */
    end();
}
END_TEST

/* One that fails takes nobody else's with it, whoever is on the same connection. */
START_TEST(failures_are_their_own)
{
    enum { BATCHES = 40 };
    struct evpg_pool_config config = EVPG_POOL_CONFIG(.max_connections = 2);
    struct outcome *all[BATCHES], *single[BATCHES];

    free(admin("drop table if exists own; create table own(n int)"));
    begin_pool(_i, &config);
    for (int i = 0; i < BATCHES; i++) {
        begin_batch();
        member("insert into own values ($1)", EVPG_PARAMS(evpg_int32(i)));
        member("insert into own values ($1 / $2)", EVPG_PARAMS(evpg_int32(i), evpg_int32(i % 3)));
        all[i] = submit_batch();
        single[i] = query("insert into own values ($1)", EVPG_PARAMS(evpg_int32(1000)));
    }
    await_all();
    for (int i = 0; i < BATCHES; i++) {
        ck_assert_outcome_ok(single[i]);
        if (i % 3 == 0)
            ck_assert_outcome_sqlstate(all[i], "22012");
        else
            ck_assert_outcome_ok(all[i]);
    }
    end();
    free(admin("do $$begin assert (select count(*) from own where n < 1000) = 52;"
               " assert (select count(*) from own where n = 1000) = 40; end$$"));
    free(admin("drop table own"));
}
END_TEST

static void fill(int n, int expected)
{
    struct outcome *all = new_outcome();

    begin_batch();
    for (int i = 0; i < n; i++)
        member("select 1", EVPG_NO_PARAMS);
    errno = 0;
    ck_assert_int_eq(try_batch(all)->request == NULL, expected != 0);
    if (expected)
        ck_assert_int_eq(errno, expected);
}

/* Statement by statement; what was refused, sent or canceled counts no more. */
static void check_bounds(void)
{
    fill(7, 0);
    fill(4, ENOBUFS);
    ck_assert_str_eq(last_log(), "max_queued_requests (10) is reached");
    fill(3, 0);
    fill(1, ENOBUFS);
    ck_assert_ptr_null(submit(new_outcome(), "select 1", EVPG_NO_PARAMS));
    await_all();
    fill(10, 0);
    evpg_request_cancel(member_at(1)->request);
    await_all();
    fill(11, ENOBUFS);
    fill(10, 0);
    await_all();
}

START_TEST(bounds)
{
    struct evpg_pool_config pool = EVPG_POOL_CONFIG(.max_queued_requests = 10);
    struct evpg_conn_config conn = EVPG_CONN_CONFIG(.max_queued_requests = 10);

    if (_i == 0) {
        begin_pool(ALONE, &pool);
    } else {
        begin_closed("", &conn);
        ck_assert_ptr_nonnull(evpg_open(db, note_opening, NULL));
    }
    check_bounds();
    end();
}
END_TEST

START_TEST(bounded_bytes)
{
    static char text[1 << 20];
    struct evpg_pool_config config = EVPG_POOL_CONFIG(.max_queued_bytes = 3 << 20);

    memset(text, 'x', sizeof(text) - 1);
    begin_pool(ALONE, &config);
    begin_batch();
    for (int i = 0; i < 2; i++)
        member("select length($1)", EVPG_PARAMS(evpg_text(text)));
    submit_batch();
    begin_batch();
    member("select length($1)", EVPG_PARAMS(evpg_text(text)));
    errno = 0;
    ck_assert_ptr_null(try_batch(new_outcome())->request);
    ck_assert_int_eq(errno, ENOBUFS);
    ck_assert_ptr_nonnull(strstr(last_log(), "max_queued_bytes"));
    await_all();
    end();
}
END_TEST

static void on_member_done(const struct evpg_result *result, struct outcome *outcome)
{
    (void)result;
    (void)outcome;
    if (leased)
        evpg_release(leased);
    leased = NULL;
}

/* Given back in the midst: the others are told at once, and the connection is none the worse. */
START_TEST(released_in_the_midst)
{
    struct evpg_pool_config config = EVPG_POOL_CONFIG(.max_connections = 1);
    struct outcome *before, *after;

    begin_pool(ALONE, &config);
    before = query("select pg_backend_pid()", EVPG_NO_PARAMS);
    await_all();
    acquire();
    begin_batch_on(leased);
    member("select 1", EVPG_NO_PARAMS)->on_done = on_member_done;
    member_kept("select 2", EVPG_NO_PARAMS);
    submit_batch();
    await_all();
    after = query("select pg_backend_pid()", EVPG_NO_PARAMS);
    await_all();
    check_all_succeeded();
    ck_assert_str_eq(cell(before, 0, 0), cell(after, 0, 0));
    end();
}
END_TEST

/* With a batch in a transaction on a lease, which is undone when that is given back. */
START_TEST(undone_with_its_lease)
{
    struct evpg_pool_config config = EVPG_POOL_CONFIG(.max_connections = 1);
    struct outcome *all, *count;

    free(admin("drop table if exists undone; create table undone(n int)"));
    begin_pool(ALONE, &config);
    acquire();
    evpg_query(leased, "begin", EVPG_NO_PARAMS, NULL, NULL, NULL);
    begin_batch_on(leased);
    member("insert into undone values (1)", EVPG_NO_PARAMS);
    member("insert into undone values (2)", EVPG_NO_PARAMS);
    all = submit_batch();
    await_all();
    ck_assert_outcome_ok(all);
    evpg_release(leased);
    count = query("select count(*) from undone", EVPG_NO_PARAMS);
    await_all();
    ck_assert_str_eq(cell(count, 0, 0), "0");
    end();
    free(admin("drop table undone"));
}
END_TEST

/* What had not been sent goes elsewhere, as a whole; what had been is lost, as a whole. */
START_TEST(a_connection_is_lost)
{
    enum { BATCHES = 30, MEMBERS = 4 };
    struct evpg_pool_config config =
        EVPG_POOL_CONFIG(.max_connections = 2, .max_requests_per_connection = 4);
    struct outcome *all[BATCHES], *pid;
    int lost = 0, done = 0;

    begin_pool(ALONE, &config);
    pid = query("select pg_backend_pid()", EVPG_NO_PARAMS);
    await_all();
    ledger_begin();
    for (int i = 0; i < BATCHES; i++) {
        begin_batch();
        for (int n = 0; n < MEMBERS; n++) {
            struct outcome *outcome = new_outcome();

            add_member(outcome,
                       n == 2 ? "insert into ledger select $1 from pg_sleep(0.01)" : LEDGER_SQL,
                       EVPG_PARAMS(evpg_int64(ledger_enter(outcome))));
        }
        all[i] = submit_batch();
    }
    run_for(30);
    server_signal(atoi(cell(pid, 0, 0)), SIGTERM);
    await_all();
    for (int i = 0; i < BATCHES; i++) {
        if (all[i]->error)
            ck_assert_failed_as(all[i], EVPG_E_LOST, EVPG_FATE_UNKNOWN);
        lost += all[i]->error != NULL;
        done += !all[i]->error;
    }
    ck_assert_int_ge(lost, 1);
    ck_assert_int_ge(done, BATCHES - 8);
    ck_assert_int_eq(ledger_check() % MEMBERS, 0);
    end();
}
END_TEST

/* A batch is one request to the statistics. */
START_TEST(statistics)
{
    struct evpg_pool_config config = EVPG_POOL_CONFIG(.max_connections = 1);
    struct evpg_pool_stats stats = {.size = sizeof(stats)};

    begin_pool(ALONE, &config);
    begin_batch();
    member("select generate_series(1, 10)", EVPG_NO_PARAMS);
    member_kept("select generate_series(1, 5)", EVPG_NO_PARAMS);
    submit_batch();
    await_all();
    evpg_pool_get_stats(db, &stats);
    ck_assert_uint_eq(stats.submitted, 1);
    ck_assert_uint_eq(stats.succeeded, 1);
    ck_assert_uint_eq(stats.rows, 15);
    fill(1, 0);
    evpg_request_set_timeout(member_at(1)->request, 1);
    usleep(5000);
    await_all();
    evpg_pool_get_stats(db, &stats);
    ck_assert_uint_eq(stats.submitted, 2);
    ck_assert_uint_eq(stats.succeeded + stats.failed, 2);
    end();
}
END_TEST

static void add_tests(TCase *pool)
{
    tcase_set_timeout(pool, 60);
    tcase_add_loop_test(pool, on_one_connection, 0, FRAGMENTED_1);
    tcase_add_loop_test(pool, failures_are_their_own, 0, FRAGMENTED_1);
    tcase_add_loop_test(pool, bounds, 0, 2);
    tcase_add_test(pool, bounded_bytes);
    tcase_add_test(pool, released_in_the_midst);
    tcase_add_test(pool, undone_with_its_lease);
    tcase_add_test(pool, a_connection_is_lost);
    tcase_add_test(pool, statistics);
}

int main(void)
{
    Suite *suite = suite_create("db_batch_pool");
    TCase *pool = tcase_create("pool");

    add_tests(pool);
    suite_add_tcase(suite, pool);
    return run_suite(suite, true);
}
