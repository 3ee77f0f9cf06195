/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * db_tx_misuse: what is refused on a transaction, and what ends one that should not have been done.
 */
#include "txn.h"

#include <errno.h>

static int n_refused;

static void misuse(struct txn *txn)
{
    static const char *const words[] = {
        "begin", "commit", "rollback", "savepoint s", "end", "copy t from stdin", "abort"};
    struct evpg_request *request;

    txn->of[0] = say(txn, "insert into t values (1)");
    if (txn->number < 7)
        request = evpg_query(txn->tx, words[txn->number], EVPG_NO_PARAMS, NULL, NULL, NULL);
    else if (txn->number == 7)
        request = evpg_acquire(txn->tx, note_opening, NULL);
    else if (txn->number == 8)
        request = evpg_open(txn->tx, note_opening, NULL);
    else
        request = evpg_query(txn->tx, "select 1", NULL, 3, NULL, NULL, NULL);
    ck_assert_ptr_null(request);
    ck_assert_int_eq(errno, EINVAL);
    n_refused += strstr(last_log(), "evpg_") != NULL;
    errno = 0;
    ck_assert_ptr_null(evpg_query(txn->tx, "select 1", EVPG_NO_PARAMS, NULL, NULL, NULL));
    ck_assert_int_eq(errno, ESHUTDOWN);
    evpg_commit(txn->tx);
}

/* A call that is refused fails the transaction: what was to be done is not. */
START_TEST(refused)
{
    struct txn *txn;

    begin_for_txn(ALONE);
    for (int i = 0; i < 10; i++) {
        txn = new_txn(misuse);
        txn->number = i;
        run_txn(txn, db, NULL);
        await_txn(txn);
        check_failed(txn, EVPG_E_ABORTED, EVPG_FATE_NOT_EXECUTED, NULL);
        ck_assert_int_eq(evpg_error_code(txn->of[0]->error), EVPG_E_ABORTED);
    }
    ck_assert_int_ge(n_refused, 6);
    check_rows("0");
    end();
    free_txns();
}
END_TEST

static void end_twice(struct txn *txn)
{
    txn->of[0] = say(txn, "insert into t values (1)");
    evpg_commit(txn->tx);
    evpg_commit(txn->tx);
    ck_assert_ptr_nonnull(strstr(last_log(), "ended already"));
    evpg_rollback(txn->tx, "no");
    ck_assert_ptr_nonnull(strstr(last_log(), "evpg_rollback()"));
    ck_assert_ptr_null(evpg_query(txn->tx, "select 1", EVPG_NO_PARAMS, NULL, NULL, NULL));
    ck_assert_int_eq(errno, EINVAL);
    ck_assert_int_eq(evpg_close(txn->tx, -1, NULL, NULL), -1);
}

static void use_after_end(struct txn *txn)
{
    evpg_commit(txn->tx);
    evpg_rollback(txn->tx, NULL);
    evpg_free(txn->tx);
    ck_assert_ptr_null(evpg_query(txn->tx, "select 1", EVPG_NO_PARAMS, NULL, NULL, NULL));
    ck_assert_ptr_null(evpg_transaction(txn->tx, NULL, (evpg_body_cb)abort, NULL, NULL));
}

/* The first of two counts, and the last use is in done. */
START_TEST(ended_twice)
{
    struct txn *txn;

    begin_for_txn(ALONE);
    txn = new_txn(end_twice);
    txn->on_done = use_after_end;
    run_txn(txn, db, NULL);
    await_txn(txn);
    check_committed(txn);
    check_rows("1");
    end();
    free_txns();
}
END_TEST

static void script_that_commits(struct txn *txn)
{
    struct evpg_db *whole = db;

    txn->of[0] = say(txn, "insert into t values (1)");
    txn->of[1] = new_outcome();
    db = txn->tx;
    submit_script(txn->of[1], "insert into t values (2); insert into t values (3); commit");
    db = whole;
    txn->of[2] = say(txn, "select 1");
    evpg_commit(txn->tx);
}

static void script_in_midst(struct txn *txn)
{
    struct evpg_db *whole = db;

    txn->of[0] = say(txn, "insert into t values (1)");
    txn->of[1] = new_outcome();
    db = txn->tx;
    submit_script(txn->of[1], "insert into t values (2); insert into t values (3)");
    db = whole;
    txn->of[2] = say(txn, "select count(*) from t");
    evpg_commit(txn->tx);
}

/* A script is one of its statements; one that ends the transaction is noticed. */
START_TEST(scripts)
{
    struct txn *txn;

    begin_for_txn(_i);
    txn = txn_on_db(script_in_midst);
    await_txn(txn);
    check_committed(txn);
    ck_assert_str_eq(cell(txn->of[2], 0, 0), "3");
    txn = txn_on_db(script_that_commits);
    await_txn(txn);
    check_failed(txn, EVPG_E_ABORTED, EVPG_FATE_UNKNOWN, NULL);
    end();
    free_txns();
}
END_TEST

/* One that somebody has begun by hand is not committed by ours. */
START_TEST(open_block)
{
    struct txn *txn;

    begin_for_txn(_i);
    query("begin", EVPG_NO_PARAMS);
    txn = txn_on_db(insert_and_commit);
    await_txn(txn);
    check_failed(txn, EVPG_E_ABORTED, EVPG_FATE_NOT_SENT, "25001");
    ck_assert_int_eq(txn->bodies, 0);
    query("rollback", EVPG_NO_PARAMS);
    await_all();
    end();
    free_txns();
}
END_TEST

static enum evpg_flow refuse_row(const struct evpg_row *row, struct outcome *outcome)
{
    (void)row;
    (void)outcome;
    return EVPG_FAIL;
}

static void fail_by_value(struct txn *txn)
{
    txn->of[0] = new_outcome();
    txn->of[0]->on_row = refuse_row;
    say_with(txn, txn->of[0], "insert into t values (1) returning i");
    evpg_commit(txn->tx);
}

/* What the row callback refuses is not committed. */
START_TEST(by_value)
{
    struct txn *txn;

    begin_for_txn(_i);
    txn = txn_on_db(fail_by_value);
    await_txn(txn);
    check_failed(txn, EVPG_E_VALUE, EVPG_FATE_NOT_EXECUTED, NULL);
    check_rows("0");
    end();
    free_txns();
}
END_TEST

static struct txn *watched;
static int n_watched;

/* All that would change the transaction, at each thing that happens. */
static void meddle(struct evpg_db *of, enum evpg_event event, const struct evpg_request *request,
                   const struct evpg_error *error, void *arg)
{
    (void)of;
    (void)event;
    (void)error;
    (void)arg;
    if (!watched || !watched->tx)
        return;
    n_watched++;
    errno = 0;
    ck_assert_ptr_null(evpg_query(watched->tx, "select 1", EVPG_NO_PARAMS, NULL, NULL, NULL));
    ck_assert_int_eq(errno, EINVAL);
    ck_assert_ptr_null(evpg_query(watched->tx, NULL, EVPG_NO_PARAMS, NULL, NULL, NULL));
    ck_assert_ptr_null(evpg_transaction(watched->tx, NULL, NULL, NULL, NULL));
    if (request)
        evpg_request_cancel((struct evpg_request *)request);
    evpg_request_cancel(watched->request);
    evpg_rollback(watched->tx, NULL);
    evpg_free(watched->tx);
}

static void insert_two_watched(struct txn *txn)
{
    watched = txn;
    if (txn->number)
        evpg_set_hooks(txn->tx, &EVPG_HOOKS(.event = meddle), NULL);
    txn->of[0] = say(txn, "insert into w values (1) returning i");
    txn->of[1] = say(txn, "insert into w values (2)");
    evpg_commit(txn->tx);
}

/* The event hook observes: what is refused in it does not fail a transaction either. */
START_TEST(meddled_with)
{
    bool own = _i & 1;
    struct txn *txn;

    if (_i & 2)
        begin_pool(ALONE, &EVPG_POOL_CONFIG(.max_connections = 1));
    else
        begin(ALONE);
    query("create temp table w (i int)", EVPG_NO_PARAMS);
    await_all();
    if (!own)
        evpg_set_hooks(db, &EVPG_HOOKS(.event = meddle), NULL);
    txn = new_txn(insert_two_watched);
    txn->number = own;
    run_txn(txn, db, NULL);
    await_txn(txn);
    watched = NULL;
    evpg_set_hooks(db, NULL, NULL);
    check_committed(txn);
    ck_assert_int_gt(n_watched, 4);
    end();
    free_txns();
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("db_tx_misuse");
    TCase *tcase = tcase_create("misuse");

    tcase_set_timeout(tcase, 60);
    tcase_add_test(tcase, refused);
    tcase_add_test(tcase, ended_twice);
    tcase_add_loop_test(tcase, scripts, 0, N_MODES);
    tcase_add_loop_test(tcase, open_block, 0, N_MODES);
    tcase_add_loop_test(tcase, by_value, 0, N_MODES);
    tcase_add_loop_test(tcase, meddled_with, 0, 4);
    suite_add_tcase(suite, tcase);
    return run_suite(suite, true);
}
