/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * db_tx_again: transactions that are tried again, because others were first.
 */
#include "txn.h"

static struct txn *stepping;

static void race_later(const struct evpg_result *result, struct outcome *outcome)
{
    (void)outcome;
    if (evpg_result_error(result))
        return;
    if (stepping->bodies <= stepping->number)
        free(admin("update race set v = v + 1"));
    stepping->of[1] = say(stepping, "update race set v = v + 10");
    evpg_commit(stepping->tx);
}

static void race_after_first(struct txn *txn)
{
    txn->of[0] = new_outcome();
    txn->of[0]->on_done = race_later;
    stepping = txn;
    say_with(txn, txn->of[0], "select sum(v) from race");
}

/* F25, 40001: others were first. Tried again when that was asked for, and so often. */
START_TEST(f25_serialization)
{
    struct txn *txn;
    char *v;

    begin_for_txn(ALONE);
    free(
        admin("drop table if exists race; create table race (v int); insert into race values (0)"));
    txn = new_txn(race_after_first);
    txn->number = 2;
    run_txn(txn, db, &EVPG_TX_CONFIG(.isolation = EVPG_REPEATABLE_READ, .max_attempts = 5));
    await_txn(txn);
    check_committed(txn);
    ck_assert_int_eq(txn->bodies, 3);
    v = admin("select v from race");
    ck_assert_str_eq(v, "12");
    free(v);
    txn = new_txn(race_after_first);
    txn->number = 9;
    run_txn(txn, db, &EVPG_TX_CONFIG(.isolation = EVPG_REPEATABLE_READ, .max_attempts = 2));
    await_txn(txn);
    check_failed(txn, EVPG_E_SERVER, EVPG_FATE_NOT_EXECUTED, "40001");
    ck_assert_int_eq(txn->bodies, 2);
    txn = new_txn(race_after_first);
    txn->number = 9;
    run_txn(txn, db, &EVPG_TX_CONFIG(.isolation = EVPG_REPEATABLE_READ));
    await_txn(txn);
    check_failed(txn, EVPG_E_SERVER, EVPG_FATE_NOT_EXECUTED, "40001");
    ck_assert_int_eq(txn->bodies, 1);
    free(admin("drop table race"));
    end();
    free_txns();
}
END_TEST

/* Canceled, late, or its connection freed while it rests between two attempts. */
START_TEST(ended_while_it_rests)
{
    struct txn *txn;

    begin_for_txn(ALONE);
    free(
        admin("drop table if exists race; create table race (v int); insert into race values (0)"));
    txn = new_txn(race_after_first);
    txn->number = 9;
    run_txn(txn, db,
            &EVPG_TX_CONFIG(.isolation = EVPG_REPEATABLE_READ, .max_attempts = 5,
                            .retry_min_ms = 400, .timeout_ms = _i == 1 ? 200 : 0));
    ck_assert(await_flag(&txn->bodies, 5000));
    run_for(150);
    ck_assert_int_eq(txn->done, 0);
    if (_i == 0)
        evpg_request_cancel(txn->request);
    else if (_i == 2)
        evpg_free(txn->tx);
    await_txn(txn);
    ck_assert_int_eq(txn->bodies, 1);
    check_failed(txn, (enum evpg_code[]){EVPG_E_CANCELED, EVPG_E_TIMEOUT, EVPG_E_CLOSED}[_i],
                 EVPG_FATE_NOT_EXECUTED, NULL);
    run_for(500);
    check_rows("0");
    free(admin("drop table race"));
    end();
    free_txns();
}
END_TEST

static void lock_both(struct txn *txn)
{
    txn->of[0] = say(txn, txn->number ? "select pg_advisory_xact_lock(1)"
                                      : "select pg_advisory_xact_lock(2)");
    txn->of[1] = say(txn, "select pg_sleep(0.1)");
    txn->of[2] = say(txn, txn->number ? "select pg_advisory_xact_lock(2)"
                                      : "select pg_advisory_xact_lock(1)");
    evpg_commit(txn->tx);
}

/* F25, 40P01: of two that wait for each other one is tried again, and both commit. */
START_TEST(f25_deadlock)
{
    struct txn *txn[2];
    int tries = 0;

    begin_pool(ALONE, &EVPG_POOL_CONFIG(.max_connections = 2));
    for (int i = 0; i < 2; i++) {
        txn[i] = new_txn(lock_both);
        txn[i]->number = i;
        run_txn(txn[i], db, &EVPG_TX_CONFIG(.max_attempts = 10));
    }
    for (int i = 0; i < 2; i++) {
        await_txn(txn[i]);
        check_committed(txn[i]);
        tries += txn[i]->bodies;
    }
    ck_assert_int_ge(tries, 3);
    end();
    free_txns();
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("db_tx_again");
    TCase *tcase = tcase_create("again");

    tcase_set_timeout(tcase, 60);
    tcase_add_test(tcase, f25_serialization);
    tcase_add_test(tcase, f25_deadlock);
    tcase_add_loop_test(tcase, ended_while_it_rests, 0, 3);
    suite_add_tcase(suite, tcase);
    return run_suite(suite, true);
}
