/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * db_tx_timeout: transactions that end by the clock or by a cancel, in each of their stages; by
 * ours and by the server's.
 */
#include "oracle.h"
#include "server.h"
#include "txn.h"

#include <signal.h>
#include <stdio.h>

static double began_ms;

static void check_time(double least, double most)
{
    double ms = now_ms() - began_ms;

    ck_assert_msg(ms >= least && ms <= most + (SANITIZED ? 400 : 100), "after %.1f ms", ms);
}

static void check_still_works(void)
{
    struct outcome *marker = query("select 42", EVPG_NO_PARAMS);

    await_all();
    ck_assert_outcome_ok(marker);
    ck_assert_str_eq(cell(marker, 0, 0), "42");
    check_rows("0");
}

static void sleep_with_timeout(struct txn *txn)
{
    txn->of[0] = say(txn, "insert into t values (1)");
    txn->of[1] = say(txn, "select pg_sleep(20)");
    evpg_request_set_timeout(txn->of[1]->request, 150);
    txn->of[2] = say(txn, "select 1");
    evpg_commit(txn->tx);
}

/* CA07: a statement's own deadline fails the transaction, which is rolled back. */
START_TEST(ca07_statement_too_late)
{
    struct txn *txn;

    begin_for_txn(ALONE);
    began_ms = now_ms();
    txn = txn_on_db(sleep_with_timeout);
    await_txn(txn);
    check_failed(txn, EVPG_E_TIMEOUT, EVPG_FATE_NOT_EXECUTED, NULL);
    ck_assert_int_eq(evpg_error_code(txn->of[1]->error), EVPG_E_TIMEOUT);
    check_time(150, 400);
    check_still_works();
    end();
    free_txns();
}
END_TEST

static void step_on(const struct evpg_result *result, struct outcome *outcome);

static void sleep_a_bit(struct txn *txn)
{
    struct outcome *outcome = new_outcome();

    outcome->on_done = step_on;
    txn->of[0] = outcome;
    say_with(txn, outcome, "select pg_sleep(0.1)");
}

static struct txn *stepping;

static void step_on(const struct evpg_result *result, struct outcome *outcome)
{
    (void)outcome;
    if (!evpg_result_error(result))
        sleep_a_bit(stepping);
}

/* CA13: the deadline is one for the wait, the preparation, and all statements. */
START_TEST(ca13_one_deadline)
{
    struct txn *txn;

    begin_for_txn(ALONE);
    query("select pg_sleep(0.15)", EVPG_NO_PARAMS);
    began_ms = now_ms();
    stepping = txn = new_txn(sleep_a_bit);
    run_txn(txn, db, &EVPG_TX_CONFIG(.timeout_ms = 400));
    await_txn(txn);
    check_time(400, 400);
    check_failed(txn, EVPG_E_TIMEOUT, EVPG_FATE_NOT_EXECUTED, NULL);
    ck_assert_int_eq(txn->of[0]->completions, 1);
    ck_assert_int_eq(evpg_error_code(txn->of[0]->error), EVPG_E_TIMEOUT);
    check_still_works();
    txn = new_txn(sleep_a_bit); /* before it has begun */
    query("select pg_sleep(0.3)", EVPG_NO_PARAMS);
    run_txn(txn, db, &EVPG_TX_CONFIG(.timeout_ms = 100));
    await_txn(txn);
    check_failed(txn, EVPG_E_TIMEOUT, EVPG_FATE_NOT_SENT, NULL);
    ck_assert_int_eq(txn->bodies, 0);
    await_all();
    end();
    free_txns();
}
END_TEST

static void insert_and_forget(struct txn *txn)
{
    txn->of[0] = say(txn, "insert into t values (1)");
    txn->of[1] = say(txn, "select pg_sleep(0.3)");
}

/* Forgotten: so long after the last statement, and no sooner. */
START_TEST(forgotten)
{
    struct txn *txn;

    begin_for_txn(ALONE);
    began_ms = now_ms();
    txn = new_txn(insert_and_forget);
    run_txn(txn, db, &EVPG_TX_CONFIG(.idle_timeout_ms = 200));
    await_txn(txn);
    check_time(500, 700);
    check_failed(txn, EVPG_E_TIMEOUT, EVPG_FATE_NOT_EXECUTED, NULL);
    ck_assert_ptr_nonnull(strstr(evpg_error_message(txn->error), "idle_timeout_ms"));
    check_still_works();
    txn = new_txn(insert_and_forget);
    run_txn(txn, db, &EVPG_TX_CONFIG(.idle_timeout_ms = -1));
    run_for(600);
    ck_assert_int_eq(txn->done, 0);
    evpg_rollback(txn->tx, NULL);
    await_txn(txn);
    end();
    free_txns();
}
END_TEST

static void begin_with_slow_commit(void)
{
    begin_for_txn(ALONE);
    query("create function pg_temp.slow() returns trigger language plpgsql as "
          "'begin perform pg_sleep(20); return null; end'",
          EVPG_NO_PARAMS);
    query("create temp table slow (i int)", EVPG_NO_PARAMS);
    query("create constraint trigger slow after insert on slow deferrable initially deferred "
          "for each row execute function pg_temp.slow()",
          EVPG_NO_PARAMS);
    await_all();
}

static void commit_slowly(struct txn *txn)
{
    txn->of[0] = say(txn, "insert into t values (1)");
    txn->of[1] = say(txn, "insert into slow values (1)");
    evpg_commit(txn->tx);
}

/* On its way COMMIT can be canceled, and its answer says what it came to. */
START_TEST(cancel_hits_commit)
{
    struct txn *txn;

    begin_with_slow_commit();
    began_ms = now_ms();
    txn = txn_on_db(commit_slowly);
    ck_assert(await_flag(&txn->bodies, 5000));
    ck_assert(await_flag(&txn->of[1]->completions, 5000));
    run_for(200);
    evpg_request_cancel(txn->request);
    evpg_request_cancel(txn->request);
    ck_assert_int_eq(txn->done, 0);
    await_txn(txn);
    check_time(0, 2000);
    check_failed(txn, EVPG_E_CANCELED, EVPG_FATE_NOT_EXECUTED, "57014");
    check_still_works();
    end();
    free_txns();
}
END_TEST

/* At its deadline nobody knows what has become of COMMIT; the connection is kept until it has been
 * answered, or closed. */
START_TEST(deadline_hits_commit)
{
    struct txn *txn;
    struct outcome *behind;

    begin_with_slow_commit();
    txn = new_txn(commit_slowly);
    began_ms = now_ms();
    run_txn(txn, db, &EVPG_TX_CONFIG(.timeout_ms = 300));
    behind = query("select 1", EVPG_NO_PARAMS);
    await_txn(txn);
    check_time(300, 300);
    check_failed(txn, EVPG_E_TIMEOUT, EVPG_FATE_UNKNOWN, NULL);
    ck_assert_int_eq(behind->completions, 0);
    evpg_free(db);
    db = NULL;
    ck_assert_int_eq(evpg_error_fate(behind->error), EVPG_FATE_NOT_SENT);
    end();
    free_txns();
}
END_TEST

static int n_lost;

static void on_lost(struct evpg_db *losing, const struct evpg_error *error, void *arg)
{
    (void)losing;
    (void)error;
    (void)arg;
    n_lost++;
}

static void sleep_long(struct txn *txn)
{
    txn->of[0] = say(txn, "insert into t values (1)");
    txn->of[1] = say(txn, "select pg_sleep(20)");
    evpg_commit(txn->tx);
}

/* A server that does not answer: told in time, and the connection is closed. */
START_TEST(cannot_be_rolled_back)
{
    struct txn *txn;
    pid_t stopped;

    begin_closed(NULL, &EVPG_CONN_CONFIG(.cancel_wait_timeout_ms = 300));
    evpg_setcb(db, NULL, on_lost, NULL);
    evpg_open(db, note_opening, NULL);
    ck_assert(await_flag(&n_openings, 5000));
    query("create temp table t (i int)", EVPG_NO_PARAMS);
    await_all();
    find_backend();
    stopped = backend_pid();
    txn = new_txn(_i ? insert_and_forget : sleep_long);
    run_txn(txn, db, &EVPG_TX_CONFIG(.timeout_ms = 600));
    ck_assert(await_flag(&txn->bodies, 5000));
    if (_i) {
        ck_assert(await_flag(&txn->of[1]->completions, 5000));
        server_signal(stopped, SIGSTOP);
        began_ms = now_ms();
        evpg_rollback(txn->tx, "enough");
    } else {
        run_for(100);
        server_signal(stopped, SIGSTOP);
    }
    await_txn(txn);
    check_failed(txn, _i ? EVPG_E_ROLLED_BACK : EVPG_E_TIMEOUT, EVPG_FATE_NOT_EXECUTED, NULL);
    ck_assert(await_flag(&n_lost, 3000));
    server_signal(stopped, SIGTERM);
    server_signal(stopped, SIGCONT);
    ck_assert_int_eq(n_lost, 1);
    evpg_free(db);
    db = NULL;
    end();
    free_txns();
}
END_TEST

/* Waiting, running, with nothing under way; and abandoned in each of these. */
START_TEST(canceled)
{
    struct txn *txn;
    int stage = _i / 2;
    bool abandoning = _i % 2;

    begin_for_txn(ALONE);
    if (stage == 0)
        query("select pg_sleep(0.2)", EVPG_NO_PARAMS);
    txn = txn_on_db(stage == 2 ? insert_and_forget : sleep_long);
    if (stage > 0)
        ck_assert(await_flag(&txn->bodies, 5000));
    run_for(stage == 2 ? 500 : 100);
    began_ms = now_ms();
    if (abandoning)
        evpg_request_abandon(txn->request);
    else
        evpg_request_cancel(txn->request);
    ck_assert_int_eq(txn->done, 0);
    if (abandoning)
        run_for(300);
    else
        await_txn(txn);
    check_time(0, abandoning ? 400 : 300);
    ck_assert_int_eq(txn->done, !abandoning);
    if (!abandoning)
        check_failed(txn, EVPG_E_CANCELED, stage == 0 ? EVPG_FATE_NOT_SENT : EVPG_FATE_NOT_EXECUTED,
                     NULL);
    if (stage == 1)
        ck_assert_int_eq(evpg_error_code(txn->of[1]->error), EVPG_E_CANCELED);
    check_still_works();
    end();
    free_txns();
}
END_TEST

enum { MANY = 190000 };

static int n_aborted;

static void note_aborted(const struct evpg_result *result, void *arg)
{
    (void)arg;
    n_aborted += evpg_error_code(evpg_result_error(result)) == EVPG_E_ABORTED;
}

static void fail_before_many(struct txn *txn)
{
    txn->of[0] = say(txn, "select 1 / 0");
    for (int i = 0; i < MANY; i++)
        ck_assert_ptr_nonnull(
            evpg_query(txn->tx, "select 1", EVPG_NO_PARAMS, NULL, note_aborted, NULL));
    evpg_commit(txn->tx);
    heart_start();
}

/* Those that are not sent any more do not hold up the loop, and are told before the transaction. */
START_TEST(many_are_withdrawn)
{
    struct txn *txn;

    begin_for_txn(ALONE);
    txn = txn_on_db(fail_before_many);
    await_txn(txn);
    ck_assert_int_eq(n_aborted, MANY);
    check_failed(txn, EVPG_E_SERVER, EVPG_FATE_NOT_EXECUTED, "22012");
    heart_stop();
    end();
    free_txns();
}
END_TEST

static void wait_for_lock(struct txn *txn)
{
    txn->of[0] = say(txn, "insert into t values (1)");
    txn->of[1] = say(txn, txn->number ? "set local lock_timeout = 100"
                                      : "set local statement_timeout = 100");
    txn->of[2] = say(txn, "select pg_advisory_xact_lock(7)");
    evpg_commit(txn->tx);
}

static void hold_lock(struct txn *txn)
{
    txn->of[0] = say(txn, "select pg_advisory_xact_lock(7)");
}

/* F23: the server's own limits are no deadline of ours. */
START_TEST(f23_server_limits)
{
    struct evpg_db *first, *second;
    struct txn *holder, *txn;

    begin_for_txn(ALONE);
    second = db;
    first = evpg_conn_new(base, NULL, NULL);
    n_openings = 0;
    evpg_open(first, note_opening, NULL);
    ck_assert(await_flag(&n_openings, 5000));
    holder = new_txn(hold_lock);
    run_txn(holder, first, NULL);
    ck_assert(await_flag(&holder->bodies, 5000));
    ck_assert(await_flag(&holder->of[0]->completions, 5000));
    for (int i = 0; i < 2; i++) {
        txn = new_txn(wait_for_lock);
        txn->number = i;
        run_txn(txn, second, NULL);
        await_txn(txn);
        check_failed(txn, EVPG_E_SERVER, EVPG_FATE_NOT_EXECUTED, i ? "55P03" : "57014");
    }
    evpg_free(first);
    check_still_works();
    end();
    free_txns();
}
END_TEST

/* F24: the server ends a session that does nothing in a transaction. */
START_TEST(f24_idle_in_transaction)
{
    struct txn *txn;

    begin_for_txn(ALONE);
    query("set idle_in_transaction_session_timeout = 150", EVPG_NO_PARAMS);
    await_all();
    txn = txn_on_db(insert_and_forget);
    await_txn(txn);
    check_failed(txn, EVPG_E_LOST, EVPG_FATE_NOT_EXECUTED, "25P03");
    evpg_free(db);
    db = NULL;
    end();
    free_txns();
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("db_tx_timeout");
    TCase *tcase = tcase_create("timeout");

    tcase_set_timeout(tcase, 60);
    tcase_add_test(tcase, ca07_statement_too_late);
    tcase_add_test(tcase, ca13_one_deadline);
    tcase_add_test(tcase, forgotten);
    tcase_add_test(tcase, cancel_hits_commit);
    tcase_add_test(tcase, deadline_hits_commit);
    tcase_add_loop_test(tcase, cannot_be_rolled_back, 0, 2);
    tcase_add_loop_test(tcase, canceled, 0, 6);
    tcase_add_test(tcase, many_are_withdrawn);
    tcase_add_test(tcase, f23_server_limits);
    tcase_add_test(tcase, f24_idle_in_transaction);
    suite_add_tcase(suite, tcase);
    return run_suite(suite, true);
}
