/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * reentry_fork: a child process inherits a connection, or a pool with all that one may be doing,
 * and whatever it does, the parent's goes on.
 *
 * The child frees it, or just ends, or first tries every other call, which is refused.
 */
#include "harness.h"
#include "oracle.h"
#include "txn.h"

#include <errno.h>
#include <sys/wait.h>
#include <unistd.h>

static int child_completions;

static void count_closed(const struct evpg_result *result, struct outcome *outcome)
{
    (void)outcome;
    if (evpg_result_error(result) && evpg_error_code(evpg_result_error(result)) == EVPG_E_CLOSED)
        child_completions++;
}

/* What the child does; 0: as it should be. Not Check's assertions: they report to the parent. */
static int be_a_child(int what)
{
    errno = 0;
    if (what == 1 && (evpg_query(db, "select 1", EVPG_NO_PARAMS, NULL, NULL, NULL) ||
                      errno != EINVAL || !strstr(last_log(), "parent process")))
        return 1;
    errno = 0;
    if (what == 1 && (evpg_open(db, NULL, NULL) || errno != EINVAL))
        return 2;
    if (what == 2)
        return 0;
    evpg_free(db);
    return child_completions == 10 ? 0 : 3;
}

/* In the midst of ten requests. */
START_TEST(parent_goes_on)
{
    struct outcome *all[10];
    int status;
    pid_t child;

    begin(ALONE);
    for (int i = 0; i < 10; i++) {
        all[i] = new_outcome();
        all[i]->on_done = count_closed;
        ck_assert_ptr_nonnull(
            submit(all[i], "select $1, pg_sleep(0.01)", EVPG_PARAMS(evpg_int32(i))));
    }
    run_for(15);
    child = fork();
    if (child == 0) {
        for (int i = 0; i < 10; i++)
            child_completions += all[i]->completions;
        _exit(be_a_child(_i));
    }
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    ck_assert_int_eq(status, 0);
    await_all();
    for (int i = 0; i < 10; i++)
        ck_assert_int_eq(atoi(cell(all[i], 0, 0)), i);
    for (int i = 0; i < 1000; i++)
        query("select 1", EVPG_NO_PARAMS);
    await_all();
    end();
}
END_TEST

static void sleep_and_commit(struct txn *txn)
{
    txn->of[0] = say(txn, "insert into t values (1)");
    txn->of[1] = say(txn, "select pg_sleep(0.3)");
    txn->of[2] = say(txn, "insert into t values (2)");
    if (txn->number > 0)
        evpg_commit(txn->tx);
}

static int be_a_child_in(struct txn *txn)
{
    errno = 0;
    if (evpg_query(txn->tx, "select 1", EVPG_NO_PARAMS, NULL, NULL, NULL) || errno != EINVAL)
        return 1;
    errno = 0;
    if (evpg_transaction(txn->tx, NULL, (evpg_body_cb)abort, NULL, NULL) || errno != EINVAL)
        return 2;
    evpg_commit(txn->tx);
    evpg_rollback(txn->tx, "no");
    evpg_request_cancel(txn->request);
    evpg_request_set_timeout(txn->request, 1);
    evpg_free(txn->tx);
    if (txn->done)
        return 3;
    evpg_free(db);
    if (txn->done != 1 || txn->of[1]->completions != 1)
        return 4;
    return evpg_error_code(txn->error) == EVPG_E_CLOSED ? 0 : 5;
}

/* In the midst of a transaction, on a connection and a pool. */
START_TEST(parent_transacts)
{
    struct txn *txn;
    int status;
    pid_t child;

    if (_i & 1)
        begin_pool(ALONE, &EVPG_POOL_CONFIG(.max_connections = 1));
    else
        begin(ALONE);
    query("create temp table t (i int)", EVPG_NO_PARAMS);
    await_all();
    txn = new_txn(sleep_and_commit);
    txn->number = _i / 2;
    run_txn(txn, db, NULL);
    ck_assert(await_flag(&txn->bodies, 5000));
    run_for(50);
    child = fork();
    if (child == 0)
        _exit(be_a_child_in(txn));
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    ck_assert_int_eq(status, 0);
    if (txn->number == 0)
        evpg_commit(txn->tx);
    await_txn(txn);
    check_committed(txn);
    check_rows("2");
    end();
    free_txns();
}
END_TEST

/* While it connects. */
START_TEST(parent_connects)
{
    struct outcome *one;
    int status;
    pid_t child;

    begin_closed(NULL, NULL);
    ck_assert_ptr_nonnull(evpg_open(db, NULL, NULL));
    one = new_outcome();
    ck_assert_ptr_nonnull(submit(one, "select 1", EVPG_NO_PARAMS));
    for (int i = 0; i < _i; i++)
        event_base_loop(base, EVLOOP_ONCE | EVLOOP_NONBLOCK);
    child = fork();
    if (child == 0) {
        evpg_free(db);
        _exit(one->completions == 1 ? 0 : 1);
    }
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    ck_assert_int_eq(status, 0);
    await_all();
    ck_assert_outcome_ok(one);
    end();
}
END_TEST

enum { N_DEEDS = 3, N_TURNS = 8, N_CHILDREN = 2 * N_DEEDS * N_TURNS };

static struct evpg_db *pool, *leases[3];
static int n_leases;

static void on_lease(struct evpg_db *lease, const struct evpg_error *error, void *arg)
{
    (void)arg;
    ck_assert_ptr_null(error);
    leases[n_leases++] = lease;
}

static struct outcome *query_on(struct evpg_db *on, const char *sql)
{
    struct outcome *outcome;

    db = on;
    outcome = query(sql, EVPG_NO_PARAMS);
    db = pool;
    return outcome;
}

/* With sanitizers nothing is stopped: before libpq 17 that takes a thread, and when it is in their
 * malloc at the fork, the child never gets past that lock.
 *
 * Two leases, of which one is busy and the other has left a transaction; connections that are
 * shared, idle, being opened, or being asked to stop; and requests that wait, with deadlines, as
 * the last has that is to be stopped. */
static struct outcome *load_pool(int mode)
{
    struct outcome *stopped;

    n_leases = 0;
    begin_pool(mode,
               &EVPG_POOL_CONFIG(.max_connections = 7, .max_connecting = 4,
                                 .max_requests_per_connection = 3, .query_timeout_ms = 15000));
    pool = db;
    for (int i = 0; i < 3; i++)
        ck_assert_ptr_nonnull(evpg_acquire(db, on_lease, NULL));
    while (n_leases < 3)
        turn();
    ck_assert(await_flag(&query_on(leases[1], "begin")->completions, 5000));
    stopped = query("select pg_sleep(10)", EVPG_NO_PARAMS);
    evpg_request_set_flags(stopped->request, EVPG_EXCLUSIVE);
    ck_assert(await_flag(&query("select pg_sleep(0.05)", EVPG_NO_PARAMS)->completions, 5000));
    query_on(leases[0], "select pg_sleep(0.3)");
    evpg_release(leases[2]);
    evpg_release(leases[1]);
    for (int i = 0; i < 30; i++)
        query("select pg_sleep(0.01)", EVPG_NO_PARAMS);
    submit_script(new_outcome(), "select 1; select pg_sleep(0.01)");
    if (!SANITIZED)
        evpg_request_cancel(stopped->request);
    return stopped;
}

static void ignore(struct evpg_db *closed, size_t cut_off, void *arg)
{
    (void)closed;
    (void)cut_off;
    ++*(int *)arg;
}

/* 0: as it should be. */
static int be_a_child_with_a_pool(int what, const struct outcome *stopped)
{
    int n_closed = 0;

    if (what == 1) {
        if (evpg_query(pool, "select 1", EVPG_NO_PARAMS, NULL, NULL, NULL) ||
            evpg_query(leases[0], "select 1", EVPG_NO_PARAMS, NULL, NULL, NULL) ||
            evpg_acquire(pool, on_lease, NULL) || evpg_close(pool, 0, ignore, &n_closed) == 0)
            return 1;
        if (stopped->completions == 0) {
            evpg_request_set_timeout(stopped->request, 1);
            evpg_request_cancel(stopped->request);
        }
        evpg_release(leases[0]);
    }
    if (what == 2)
        return 0;
    evpg_free(pool);
    return all_done() && n_closed == 0 ? 0 : 3;
}

static void check_parent(struct outcome *stopped)
{
    struct evpg_pool_stats stats = EVPG_POOL_STATS();

    evpg_request_cancel(stopped->completions ? NULL : stopped->request);
    await_all();
    ck_assert_int_eq(evpg_error_code(stopped->error), EVPG_E_CANCELED);
    query_on(leases[0], "select 1");
    for (int i = 0; i < 100; i++)
        query("select 1", EVPG_NO_PARAMS);
    await_all();
    evpg_release(leases[0]);
    ck_assert_int_eq(evpg_pool_get_stats(db, &stats), 0);
    ck_assert_uint_eq(stats.failed, 1);
    ck_assert_uint_eq(stats.connections_lost, 0);
    ck_assert_uint_eq(stats.connect_failures, 0);
}

/* In the midst of everything. */
START_TEST(parent_has_a_pool)
{
    int what = _i % N_DEEDS, status;
    struct outcome *stopped = load_pool(_i % 2 ? TLS : ALONE);
    pid_t child;

    for (int i = 0; i < _i / (2 * N_DEEDS); i++)
        event_base_loop(base, EVLOOP_ONCE | EVLOOP_NONBLOCK);
    child = fork();
    if (child == 0)
        _exit(be_a_child_with_a_pool(what, stopped));
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    ck_assert_int_eq(status, 0);
    check_parent(stopped);
    end();
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("reentry_fork");
    TCase *tcase = tcase_create("fork");

    tcase_set_timeout(tcase, 30);
    tcase_add_loop_test(tcase, parent_goes_on, 0, 3);
    tcase_add_loop_test(tcase, parent_connects, 0, 6);
    tcase_add_loop_test(tcase, parent_has_a_pool, 0, N_CHILDREN);
    tcase_add_loop_test(tcase, parent_transacts, 0, 4);
    suite_add_tcase(suite, tcase);
    return run_suite(suite, true);
}
