/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * db_tx_stopped: transactions whose statements take too long, and are stopped: the server keeps the
 * answers back of those under one Sync, so it is not seen which of them it is running.
 */
#include "oracle.h"
#include "txn.h"

enum how { CANCEL, CANCEL_STATEMENT, LATE, LATE_STATEMENT, FREE, ABANDON, N_WAYS };

static bool in_first_group;

static void sleep_between(struct txn *txn)
{
    txn->of[1] = say(txn, "select 1");
    txn->of[2] = say(txn, "select pg_sleep(20)");
    txn->of[3] = say(txn, "select 3");
    evpg_commit(txn->tx);
    if (txn->number == LATE_STATEMENT)
        evpg_request_set_timeout(txn->of[2]->request, 200);
}

static struct txn *current;

static void go_on(const struct evpg_result *result, struct outcome *outcome)
{
    (void)outcome;
    if (!evpg_result_error(result))
        sleep_between(current);
}

static void sleep_now_or_later(struct txn *txn)
{
    current = txn;
    if (in_first_group) {
        sleep_between(txn);
        return;
    }
    txn->of[0] = new_outcome();
    txn->of[0]->on_done = go_on;
    say_with(txn, txn->of[0], "select 0");
}

static void stop(struct txn *txn)
{
    switch ((enum how)txn->number) {
    case CANCEL:
        evpg_request_cancel(txn->request);
        break;
    case CANCEL_STATEMENT:
        evpg_request_cancel(txn->of[2]->request);
        break;
    case FREE:
        evpg_free(txn->tx);
        break;
    case ABANDON:
        evpg_request_abandon(txn->request);
        break;
    case LATE:
    case LATE_STATEMENT:
    case N_WAYS:
        break;
    }
}

static void check_how(const struct txn *txn)
{
    static const enum evpg_code codes[] = {EVPG_E_CANCELED, EVPG_E_CANCELED, EVPG_E_TIMEOUT,
                                           EVPG_E_TIMEOUT, EVPG_E_CLOSED};

    if (txn->number == ABANDON)
        ck_assert_int_eq(txn->done, 0);
    else
        check_failed(txn, codes[txn->number], EVPG_FATE_NOT_EXECUTED, NULL);
}

/* In BEGIN's group and behind it, on a connection and a pool: the server stops at once, and what
 * comes next on the connection does not wait. */
START_TEST(stopped)
{
    struct outcome *behind;
    double began_ms;
    struct txn *txn;

    in_first_group = _i & 1;
    if (_i & 2)
        begin(ALONE);
    else
        begin_pool(ALONE, &EVPG_POOL_CONFIG(.max_connections = 1));
    query("select 1", EVPG_NO_PARAMS);
    await_all();
    txn = new_txn(sleep_now_or_later);
    txn->number = _i / 4;
    run_txn(txn, db, &EVPG_TX_CONFIG(.timeout_ms = txn->number == LATE ? 200 : 10000));
    ck_assert(await_flag(&txn->bodies, 5000));
    run_for(100);
    began_ms = now_ms();
    stop(txn);
    behind = query("select 4", EVPG_NO_PARAMS);
    await_all();
    ck_assert(now_ms() - began_ms < 5000);
    ck_assert_outcome_ok(behind);
    check_how(txn);
    end();
    free_txns();
}
END_TEST

/* Which of three is running is not the one that nobody wants any more. */
static void sleep_before(struct txn *txn)
{
    txn->of[0] = say(txn, "select pg_sleep(20)");
    txn->of[1] = say(txn, "select 1");
    txn->of[2] = say(txn, "select 2");
    evpg_commit(txn->tx);
    if (txn->number == LATE_STATEMENT)
        evpg_request_set_timeout(txn->of[1]->request, 200);
}

static void stop_second(struct txn *txn)
{
    if (txn->number == CANCEL_STATEMENT)
        evpg_request_cancel(txn->of[1]->request);
    if (txn->number == ABANDON)
        abandon(txn->of[1]);
}

static void check_outcome(const struct outcome *outcome, enum evpg_code code)
{
    ck_assert_int_eq(outcome->completions, 1);
    ck_assert_msg(evpg_error_code(outcome->error) == code &&
                      evpg_error_fate(outcome->error) == EVPG_FATE_NOT_EXECUTED,
                  "code %d: %s", evpg_error_code(outcome->error),
                  evpg_error_message(outcome->error));
}

static void check_blame(const struct txn *txn)
{
    static const enum evpg_code codes[] = {
        [CANCEL_STATEMENT] = EVPG_E_CANCELED,
        [LATE_STATEMENT] = EVPG_E_TIMEOUT,
        [ABANDON] = EVPG_E_CANCELED,
    };
    enum evpg_code code = codes[txn->number];
    const char *culprit;

    check_outcome(txn->of[0], EVPG_E_ABORTED);
    if (txn->number != ABANDON)
        check_outcome(txn->of[1], code);
    check_outcome(txn->of[2], EVPG_E_ABORTED);
    check_failed(txn, code, EVPG_FATE_NOT_EXECUTED, NULL);
    culprit = evpg_error_query(txn->error);
    ck_assert(!culprit || strcmp(culprit, "select 1") == 0);
}

/* One that waits behind another under the same Sync is not wanted any more: the one that runs is
 * stopped for it, and is not what the transaction has failed for. */
START_TEST(stopped_for_another)
{
    static const enum how ways[] = {CANCEL_STATEMENT, LATE_STATEMENT, ABANDON};
    struct txn *txn;

    begin(ALONE);
    txn = new_txn(sleep_before);
    txn->number = ways[_i];
    run_txn(txn, db, NULL);
    ck_assert(await_flag(&txn->bodies, 5000));
    run_for(100);
    stop_second(txn);
    await_txn(txn);
    check_blame(txn);
    await_all();
    end();
    free_txns();
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("db_tx_stopped");
    TCase *tcase = tcase_create("stopped");

    tcase_set_timeout(tcase, 60);
    tcase_add_loop_test(tcase, stopped, 0, 4 * N_WAYS);
    tcase_add_loop_test(tcase, stopped_for_another, 0, 3);
    suite_add_tcase(suite, tcase);
    return run_suite(suite, true);
}
