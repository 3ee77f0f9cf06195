/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * db_tx_corners: transactions whose end meets another end: that of their connection, of what they
 * are a part of, or one that a script has made.
 */
#include "txn.h"

#include <stdio.h>

static struct txn *current, *other;
static int n_closed;
static size_t n_cut_off;

static void note_closed(struct evpg_db *closed, size_t cut_off, void *arg)
{
    (void)closed;
    (void)arg;
    n_closed++;
    n_cut_off = cut_off;
}

/* Statements with this in their done callback. */
static struct outcome *say_and(struct txn *txn, const char *sql,
                               void (*on_done)(const struct evpg_result *, struct outcome *))
{
    struct outcome *outcome = new_outcome();

    outcome->on_done = on_done;
    say_with(txn, outcome, sql);
    return outcome;
}

static struct outcome *script_and(struct txn *txn, const char *sql,
                                  void (*on_done)(const struct evpg_result *, struct outcome *))
{
    struct evpg_db *whole = db;
    struct outcome *outcome = new_outcome();

    outcome->on_done = on_done;
    db = txn->tx;
    submit_script(outcome, sql);
    db = whole;
    return outcome;
}

static void free_current(const struct evpg_result *result, struct outcome *outcome)
{
    (void)result;
    (void)outcome;
    if (!current || current->done)
        return;
    evpg_free(current->tx);
    ck_assert_int_eq(current->done, 1);
    for (int i = 0; i < 8 && current->of[i]; i++)
        ck_assert_int_eq(current->of[i]->completions, 1);
}

static void sleep_and_more(struct txn *txn)
{
    current = txn;
    txn->of[0] = say_and(txn, "select pg_sleep(20)", free_current);
    txn->of[1] = say(txn, "select 2");
    txn->of[2] = script_and(txn, "select 3", NULL);
    txn->of[3] = say(txn, "select 4");
}

/* Freed when its connection is lost, or being freed, and that has told the first of its statements:
 * nothing calls back any more. */
START_TEST(freed_when_lost)
{
    struct txn *txn;

    begin(ALONE);
    find_backend();
    txn = txn_on_db(sleep_and_more);
    ck_assert(await_flag(&txn->bodies, 5000));
    run_for(100);
    if (_i == 0) {
        end_backend();
        await_txn(txn);
    } else {
        evpg_free(db);
    }
    ck_assert_int_eq(txn->done, 1);
    ck_assert_ptr_nonnull(txn->error);
    ck_assert_int_eq(evpg_error_fate(txn->error), EVPG_FATE_NOT_EXECUTED);
    ck_assert_int_eq(evpg_error_fate(txn->of[3]->error), EVPG_FATE_NOT_SENT);
    if (_i == 0)
        evpg_free(db);
    db = NULL;
    end();
    free_txns();
}
END_TEST

static void free_whole(const struct evpg_result *result, struct outcome *outcome)
{
    (void)result;
    (void)outcome;
    evpg_free(db);
    db = NULL;
}

static void fail_first(struct txn *txn)
{
    txn->of[0] = script_and(txn, "select 1 / 0", free_whole);
    for (int i = 1; i < 8; i++)
        txn->of[i] = say(txn, "select 1");
    evpg_commit(txn->tx);
}

/* The connection is freed while statements that were withdrawn are yet to be told so: they are told
 * before it. */
START_TEST(freed_when_withdrawn)
{
    struct txn *txn;

    begin(ALONE);
    txn = txn_on_db(fail_first);
    await_txn(txn);
    check_failed(txn, EVPG_E_SERVER, EVPG_FATE_NOT_EXECUTED, "22012");
    end();
    free_txns();
}
END_TEST

static int n_told, told_when_done;

static void count_told(const struct evpg_result *result, void *arg)
{
    (void)result;
    (void)arg;
    n_told++;
}

static void close_whole(const struct evpg_result *result, struct outcome *outcome)
{
    (void)result;
    (void)outcome;
    ck_assert_int_eq(evpg_close(db, 0, note_closed, NULL), 0);
}

#define MANY 5000

static void fail_before_many(struct txn *txn)
{
    txn->of[0] = script_and(txn, "select 1 / 0", close_whole);
    for (int i = 0; i < MANY; i++)
        evpg_query(txn->tx, "select 1", EVPG_NO_PARAMS, NULL, count_told, NULL);
    evpg_commit(txn->tx);
}

static void note_told(struct txn *txn)
{
    (void)txn;
    told_when_done = n_told;
}

/* The same by a close whose deadline has passed. */
START_TEST(closed_when_withdrawn)
{
    struct txn *txn;

    begin(ALONE);
    txn = new_txn(fail_before_many);
    txn->on_done = note_told;
    run_txn(txn, db, NULL);
    await_txn(txn);
    ck_assert(await_flag(&n_closed, 5000));
    ck_assert_int_eq(n_told, MANY);
    ck_assert_int_eq(told_when_done, MANY);
    check_failed(txn, EVPG_E_SERVER, EVPG_FATE_NOT_EXECUTED, "22012");
    evpg_free(db);
    db = NULL;
    end();
    free_txns();
}
END_TEST

static void free_other(struct txn *txn)
{
    struct txn *left = txn == current ? other : current;

    if (left->done)
        return;
    evpg_free(left->tx);
    ck_assert_int_eq(left->done, 1);
}

static void insert_slow(struct txn *txn)
{
    txn->of[0] = say(txn, "insert into slow values (1)");
    evpg_commit(txn->tx);
}

/* One is freed by another's callback, of a pool that is being freed; both are committing. */
START_TEST(freed_with_pool)
{
    free(admin("create table slow (i int);"
               "create function linger() returns trigger language plpgsql as"
               " 'begin perform pg_sleep(3); return null; end';"
               "create constraint trigger t after insert on slow deferrable initially deferred"
               " for each row execute function linger()"));
    begin_pool(ALONE, &EVPG_POOL_CONFIG(.max_connections = 2));
    current = new_txn(insert_slow);
    other = new_txn(insert_slow);
    current->on_done = other->on_done = free_other;
    run_txn(current, db, NULL);
    run_txn(other, db, NULL);
    ck_assert(await_flag(&current->bodies, 5000));
    ck_assert(await_flag(&other->bodies, 5000));
    await_all();
    run_for(200);
    evpg_free(db);
    db = NULL;
    check_failed(current, EVPG_E_CLOSED, EVPG_FATE_UNKNOWN, NULL);
    check_failed(other, EVPG_E_CLOSED, EVPG_FATE_UNKNOWN, NULL);
    end();
    free_txns();
    free(admin("drop table slow; drop function linger"));
}
END_TEST

static void just_sleep(struct txn *txn)
{
    txn->of[0] = say(txn, "select pg_sleep(20)");
}

/* A close counts what the application has submitted: the statement and the transaction. */
START_TEST(counted_when_closed)
{
    struct txn *txn;

    if (_i == 0)
        begin(ALONE);
    else
        begin_pool(ALONE, &EVPG_POOL_CONFIG(.max_connections = 1));
    txn = txn_on_db(just_sleep);
    ck_assert(await_flag(&txn->bodies, 5000));
    run_for(100);
    ck_assert_int_eq(evpg_close(db, 50, note_closed, NULL), 0);
    ck_assert(await_flag(&n_closed, 5000));
    ck_assert_int_eq(txn->done, 1);
    ck_assert_int_eq((int)n_cut_off, 2);
    evpg_free(db);
    db = NULL;
    end();
    free_txns();
}
END_TEST

static void sleep_and_abandon(struct txn *txn)
{
    txn->of[0] = say(txn, "select pg_sleep(20)");
}

static void hold_part(struct txn *txn)
{
    run_txn(txn->inner, txn->tx, NULL);
}

/* A part that was abandoned goes with the whole: its statements are told as well. */
START_TEST(freed_with_abandoned_part)
{
    struct txn *txn, *inner;

    begin(ALONE);
    inner = new_txn(sleep_and_abandon);
    txn = new_txn(hold_part);
    txn->inner = inner;
    run_txn(txn, db, NULL);
    ck_assert(await_flag(&inner->bodies, 5000));
    run_for(100);
    evpg_request_abandon(inner->request);
    evpg_free(txn->tx);
    ck_assert_int_eq(txn->done, 1);
    ck_assert_int_eq(inner->of[0]->completions, 1);
    ck_assert_int_eq(inner->done, 0);
    await_all();
    end();
    free_txns();
}
END_TEST

static void kill_server(const struct evpg_result *result, struct outcome *outcome)
{
    (void)result;
    (void)outcome;
    end_backend();
}

static void kill_and_commit(struct txn *txn)
{
    txn->of[0] = say_and(txn, "select 1", kill_server);
    evpg_commit(txn->tx);
}

/* Lost while a part is being released: nothing was committed, and that is known. */
START_TEST(lost_in_release)
{
    struct txn *txn, *inner;

    begin(ALONE);
    find_backend();
    inner = new_txn(kill_and_commit);
    txn = new_txn(hold_part);
    txn->inner = inner;
    run_txn(txn, db, NULL);
    await_txn(txn);
    check_failed(inner, EVPG_E_LOST, EVPG_FATE_NOT_EXECUTED, NULL);
    check_failed(txn, EVPG_E_LOST, EVPG_FATE_NOT_EXECUTED, NULL);
    evpg_free(db);
    db = NULL;
    end();
    free_txns();
}
END_TEST

static const char *const endings[] = {
    "insert into t values (2); commit; select 1 / 0",
    "insert into t values (2); commit; begin; select 1 / 0",
    "delete from t; commit; do 'begin raise exception using errcode = ''40001''; end'",
    "insert into t values (2); rollback; begin",
    "insert into t values (2); commit; begin",
    "insert into t values (2); commit and chain",
    "insert into t values (2); rollback and chain",
    "insert into t values (2); abort and chain; savepoint a; insert into t values (3)",
    "insert into t values (2); rollback and chain; select 1 / 0",
};

static void end_by_script(struct txn *txn)
{
    txn->of[0] = say(txn, "insert into t values (1)");
    txn->of[1] = script_and(txn, endings[txn->number], NULL);
    evpg_commit(txn->tx);
}

/* A script has ended it, whether anything fails afterwards or not: what has become of it is not
 * known, and it is not tried again. */
START_TEST(ended_by_script)
{
    struct txn *txn;

    begin_for_txn(ALONE);
    txn = new_txn(end_by_script);
    txn->number = _i;
    run_txn(txn, db, &EVPG_TX_CONFIG(.max_attempts = 3));
    await_txn(txn);
    ck_assert_int_eq(txn->bodies, 1);
    ck_assert_ptr_nonnull(txn->error);
    ck_assert_int_eq(evpg_error_fate(txn->error), EVPG_FATE_UNKNOWN);
    end();
    free_txns();
}
END_TEST

static void use_savepoints(struct txn *txn)
{
    txn->of[0] =
        script_and(txn, "select 1; savepoint a; insert into t values (1); rollback to a", NULL);
    txn->of[1] = script_and(txn, "insert into t values (2); savepoint b", NULL);
    txn->of[2] = script_and(txn, "insert into t values (3); rollback to b", NULL);
    evpg_commit(txn->tx);
}

/* Which is not ended by them, though ROLLBACK TO is answered as ROLLBACK is. */
START_TEST(savepoints_by_script)
{
    struct txn *txn;

    begin_for_txn(ALONE);
    txn = txn_on_db(use_savepoints);
    await_txn(txn);
    check_committed(txn);
    check_rows("1");
    end();
    free_txns();
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("db_tx_corners");
    TCase *tcase = tcase_create("corners");

    tcase_set_timeout(tcase, 60);
    tcase_add_loop_test(tcase, freed_when_lost, 0, 2);
    tcase_add_test(tcase, freed_when_withdrawn);
    tcase_add_test(tcase, closed_when_withdrawn);
    tcase_add_test(tcase, freed_with_pool);
    tcase_add_loop_test(tcase, counted_when_closed, 0, 2);
    tcase_add_test(tcase, freed_with_abandoned_part);
    tcase_add_test(tcase, lost_in_release);
    tcase_add_loop_test(tcase, ended_by_script, 0, sizeof(endings) / sizeof(*endings));
    tcase_add_test(tcase, savepoints_by_script);
    suite_add_tcase(suite, tcase);
    return run_suite(suite, true);
}
