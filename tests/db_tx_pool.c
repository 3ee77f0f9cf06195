/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * db_tx_pool: transactions on pools and leases, what is counted and told of them, and that they are
 * their process's own.
 */
#include "txn.h"

#include <errno.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

static void begin_with_pool(int connections)
{
    begin_pool(ALONE, &EVPG_POOL_CONFIG(.max_connections = connections));
    free(admin("drop table if exists shared; create table shared (n int, pid int, x bigint)"));
}

static void end_with_pool(void)
{
    end();
    free(admin("drop table shared"));
    free_txns();
}

static void insert_twice(struct txn *txn)
{
    char sql[128];

    snprintf(sql, sizeof(sql), "insert into shared values (%d, pg_backend_pid(), txid_current())",
             txn->number);
    txn->of[0] = say(txn, sql);
    txn->of[1] = say(txn, sql);
    evpg_commit(txn->tx);
}

/* TX06, on a pool that is full of other work: each on one connection, and none starves. */
START_TEST(tx06_many_at_once)
{
    struct txn *txn[100];
    struct outcome *other[100];
    char *found;

    begin_with_pool(_i);
    for (int i = 0; i < 100; i++) {
        txn[i] = new_txn(insert_twice);
        txn[i]->number = i;
        run_txn(txn[i], db, NULL);
        other[i] =
            query("select txid_current_if_assigned() is null, pg_sleep(0.001)", EVPG_NO_PARAMS);
    }
    for (int i = 0; i < 100; i++) {
        await_txn(txn[i]);
        check_committed(txn[i]);
    }
    await_all();
    for (int i = 0; i < 100; i++)
        ck_assert_str_eq(cell(other[i], 0, 0), "t");
    found = admin("select count(*) || ' ' || count(distinct n) || ' ' || count(distinct x) || ' ' "
                  "|| (select max(c) from (select count(distinct x) c from shared group by n) s) "
                  "from shared");
    ck_assert_str_eq(found, "200 100 100 1");
    free(found);
    end_with_pool();
}
END_TEST

static void just_open(struct txn *txn)
{
    txn->of[0] = say(txn, "select pg_backend_pid()");
}

/* Freed, canceled, failed, forgotten: the connection is there for the next, in no transaction. */
START_TEST(connection_goes_back)
{
    char pid[16];
    struct txn *txn;
    struct outcome *next;

    begin_with_pool(1);
    next = query("select pg_backend_pid()", EVPG_NO_PARAMS);
    await_all();
    snprintf(pid, sizeof(pid), "%s", cell(next, 0, 0));
    for (int how = 0; how < 4; how++) {
        txn = new_txn(just_open);
        run_txn(txn, db, how == 3 ? &EVPG_TX_CONFIG(.idle_timeout_ms = 100) : NULL);
        ck_assert(await_flag(&txn->bodies, 5000));
        ck_assert(await_flag(&txn->of[0]->completions, 5000));
        ck_assert_str_eq(cell(txn->of[0], 0, 0), pid);
        next =
            query("select pg_backend_pid(), "
                  "pg_current_xact_id_if_assigned() is null and not exists (select from pg_locks "
                  "where pid = pg_backend_pid() and relation = 'shared'::regclass::oid and mode "
                  "= 'RowExclusiveLock')",
                  EVPG_NO_PARAMS);
        run_for(30);
        ck_assert_int_eq(next->completions, 0);
        if (how == 0)
            evpg_free(txn->tx);
        else if (how == 1)
            evpg_request_cancel(txn->request);
        else if (how == 2)
            say(txn, "insert into shared select 1 / 0, 1, 1");
        await_txn(txn);
        await_all();
        ck_assert_str_eq(cell(next, 0, 0), pid);
        ck_assert_str_eq(cell(next, 0, 1), "t");
    }
    end_with_pool();
}
END_TEST

static struct evpg_db *lease;

static void on_lease(struct evpg_db *got, const struct evpg_error *error, void *arg)
{
    ck_assert_ptr_null(error);
    lease = got;
    *(int *)arg = 1;
}

static void acquire(void)
{
    int flag = 0;

    lease = NULL;
    ck_assert_ptr_nonnull(evpg_acquire(db, on_lease, &flag));
    ck_assert(await_flag(&flag, 5000));
}

static void listen_and_insert(struct txn *txn)
{
    txn->of[0] = say(txn, "listen something");
    insert_twice(txn);
    txn->of[2] = NULL;
}

static void listen_on_pool(struct txn *txn)
{
    ck_assert_ptr_null(evpg_query(txn->tx, "listen x", EVPG_NO_PARAMS, NULL, NULL, NULL));
    ck_assert_int_eq(errno, EINVAL);
}

/* On a lease: two after each other, and LISTEN, which ends with the lease; not on a pool. */
START_TEST(on_a_lease)
{
    struct txn *txn = new_txn(listen_and_insert), *second = new_txn(insert_twice);
    struct outcome *channels;

    begin_with_pool(1);
    acquire();
    run_txn(txn, lease, NULL);
    run_txn(second, lease, NULL);
    await_txn(txn);
    await_txn(second);
    check_committed(txn);
    check_committed(second);
    evpg_release(lease);
    channels = query("select count(*) from pg_listening_channels()", EVPG_NO_PARAMS);
    await_all();
    ck_assert_str_eq(cell(channels, 0, 0), "0");
    txn = new_txn(listen_on_pool);
    run_txn(txn, db, NULL);
    await_txn(txn);
    check_failed(txn, EVPG_E_ABORTED, EVPG_FATE_NOT_EXECUTED, NULL);
    end_with_pool();
}
END_TEST

/* Given back in the midst of a transaction: that is over, and undone. */
START_TEST(lease_given_back)
{
    struct txn *txn = new_txn(just_open);
    struct outcome *next;

    begin_with_pool(1);
    acquire();
    run_txn(txn, lease, NULL);
    ck_assert(await_flag(&txn->bodies, 5000));
    evpg_release(lease);
    ck_assert_int_eq(txn->done, 1);
    check_failed(txn, EVPG_E_CLOSED, EVPG_FATE_NOT_EXECUTED, NULL);
    next = query("select 1", EVPG_NO_PARAMS);
    await_all();
    ck_assert_outcome_ok(next);
    end_with_pool();
}
END_TEST

static int n_events[16], n_done_statements;

static void on_event(struct evpg_db *which, enum evpg_event event,
                     const struct evpg_request *request, const struct evpg_error *error, void *arg)
{
    (void)which;
    (void)error;
    (void)arg;
    if (request && evpg_request_name(request) &&
        strcmp(evpg_request_name(request), "transfer") == 0)
        n_events[event]++;
    else if (request && event == EVPG_EVENT_DONE)
        n_done_statements++;
}

/* It is one request, and its statements are; what we send for it is not. */
START_TEST(counted)
{
    struct evpg_pool_stats before = evpg_pool_stats_default(), stats = before;
    struct txn *txn = new_txn(insert_twice);

    begin_with_pool(2);
    evpg_set_hooks(db, &EVPG_HOOKS(.event = on_event), NULL);
    evpg_pool_get_stats(db, &before);
    run_txn(txn, db, NULL);
    evpg_request_set_name(txn->request, "transfer");
    await_txn(txn);
    evpg_pool_get_stats(db, &stats);
    ck_assert_int_eq(n_events[EVPG_EVENT_SENT], 1);
    ck_assert_int_eq(n_events[EVPG_EVENT_DONE], 1);
    ck_assert_int_eq(n_done_statements, 2);
    ck_assert_uint_eq(stats.submitted - before.submitted, 3);
    ck_assert_uint_eq(stats.succeeded - before.succeeded, 3);
    ck_assert_uint_eq(stats.failed, before.failed);
    evpg_set_hooks(db, NULL, NULL);
    end_with_pool();
}
END_TEST

static void fail_named(struct txn *txn)
{
    txn->of[0] = say(txn, "select 1 / 0");
    evpg_request_set_name(txn->of[0]->request, "divide");
    evpg_commit(txn->tx);
}

START_TEST(names)
{
    struct txn *txn = new_txn(fail_named);

    begin_with_pool(2);
    run_txn(txn, db, NULL);
    evpg_request_set_name(txn->request, "transfer");
    await_txn(txn);
    ck_assert_ptr_eq(strstr(evpg_error_message(txn->error), "transfer: divide: "),
                     evpg_error_message(txn->error));
    ck_assert_str_eq(evpg_error_query(txn->error), "select 1 / 0");
    end_with_pool();
}
END_TEST

static int n_closed;

static void on_closed(struct evpg_db *closed, size_t cut_off, void *arg)
{
    (void)closed;
    *(size_t *)arg = cut_off;
    n_closed++;
}

/* A close waits for it, and what is submitted to it still is taken; at the deadline it is cut off.
 */
START_TEST(closed_around)
{
    struct txn *txn = new_txn(just_open);
    size_t cut_off = 9;

    begin_with_pool(2);
    run_txn(txn, db, NULL);
    ck_assert(await_flag(&txn->bodies, 5000));
    ck_assert_int_eq(evpg_close(db, 300, on_closed, &cut_off), 0);
    run_for(50);
    ck_assert_int_eq(n_closed, 0);
    if (_i == 0) {
        txn->number = 5;
        insert_twice(txn);
    }
    await_txn(txn);
    ck_assert(await_flag(&n_closed, 5000));
    if (_i == 0)
        check_committed(txn);
    else
        check_failed(txn, EVPG_E_CLOSED, EVPG_FATE_NOT_EXECUTED, NULL);
    ck_assert_uint_eq(cut_off, (size_t)_i);
    evpg_free(db);
    db = NULL;
    end_with_pool();
}
END_TEST

static void try_in_child(struct txn *txn)
{
    bool refused =
        !evpg_query(txn->tx, "select 1", EVPG_NO_PARAMS, NULL, NULL, NULL) && errno == EINVAL;

    evpg_commit(txn->tx);
    evpg_rollback(txn->tx, NULL);
    evpg_free(txn->tx);
    refused = refused && !evpg_transaction(txn->tx, NULL, (evpg_body_cb)abort, NULL, NULL);
    refused = refused && txn->done == 0;
    evpg_free(db);
    _exit(refused && txn->done == 1 ? 0 : 1);
}

/* A child by fork has no part in it: its calls are refused, it may free; the parent goes on. */
START_TEST(forked)
{
    struct txn *txn = new_txn(just_open);
    pid_t child;
    int status;

    begin_with_pool(1);
    run_txn(txn, db, NULL);
    ck_assert(await_flag(&txn->bodies, 5000));
    ck_assert(await_flag(&txn->of[0]->completions, 5000));
    child = fork();
    if (child == 0)
        try_in_child(txn);
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    ck_assert_int_eq(status, 0);
    evpg_commit(txn->tx);
    await_txn(txn);
    check_committed(txn);
    end_with_pool();
}
END_TEST

/* Settings that cannot be. */
START_TEST(bad_settings)
{
    struct evpg_tx_config newer[2] = {EVPG_TX_CONFIG(.timeout_ms = 0), EVPG_TX_CONFIG(0)};
    const struct evpg_tx_config bad[] = {
        EVPG_TX_CONFIG(.isolation = (enum evpg_isolation)9), EVPG_TX_CONFIG(.timeout_ms = -2),
        EVPG_TX_CONFIG(.max_attempts = -1), EVPG_TX_CONFIG(.retry_min_ms = 5, .retry_max_ms = 2)};

    begin_with_pool(1);
    newer[0].size = sizeof(newer);
    ck_assert_ptr_null(evpg_transaction(db, newer, (evpg_body_cb)abort, NULL, NULL));
    for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
        errno = 0;
        ck_assert_ptr_null(evpg_transaction(db, &bad[i], (evpg_body_cb)abort, NULL, NULL));
        ck_assert_int_eq(errno, EINVAL);
    }
    ck_assert_ptr_null(evpg_transaction(db, NULL, NULL, NULL, NULL));
    ck_assert_ptr_null(evpg_transaction(NULL, NULL, (evpg_body_cb)abort, NULL, NULL));
    evpg_commit(db);
    evpg_rollback(NULL, NULL);
    ck_assert_int_eq(evpg_tx_attempt(db), 0);
    end_with_pool();
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("db_tx_pool");
    TCase *tcase = tcase_create("pool");

    tcase_set_timeout(tcase, 60);
    tcase_add_loop_test(tcase, tx06_many_at_once, 1, 5);
    tcase_add_test(tcase, connection_goes_back);
    tcase_add_test(tcase, on_a_lease);
    tcase_add_test(tcase, lease_given_back);
    tcase_add_test(tcase, counted);
    tcase_add_test(tcase, names);
    tcase_add_loop_test(tcase, closed_around, 0, 2);
    tcase_add_test(tcase, forked);
    tcase_add_test(tcase, bad_settings);
    suite_add_tcase(suite, tcase);
    return run_suite(suite, true);
}
