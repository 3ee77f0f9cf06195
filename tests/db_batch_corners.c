/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * db_batch_corners: batches whose callbacks end what they belong to, and what they say then.
 */
#include "txn.h"

#include <stdio.h>

#define N 4

static int told[N + 1], n_told;
static struct evpg_request *request;
static char messages[N + 1][512];
static enum evpg_fate fates[N + 1];
static void (*act)(void);
static int act_in;

static void note(const struct evpg_result *result, void *arg)
{
    int *which = arg;
    int i = (int)(which - told);

    told[i]++;
    n_told++;
    if (evpg_result_error(result)) {
        snprintf(messages[i], sizeof(messages[i]), "%s",
                 evpg_error_message(evpg_result_error(result)));
        fates[i] = evpg_error_fate(evpg_result_error(result));
    }
    if (i == act_in && act)
        act();
}

static void submit_batch(struct evpg_db *on, const char *last)
{
    struct evpg_batch *batch = evpg_batch_new(on);

    for (int i = 0; i < N; i++)
        evpg_batch_add(batch, i == N - 1 ? last : "select 1", EVPG_NO_PARAMS, NULL, note, &told[i]);
    request = evpg_batch_submit(batch, note, &told[N]);
    ck_assert_ptr_nonnull(request);
}

static void abandon_batch(void)
{
    evpg_request_abandon(request);
}

/* Abandoned by a callback of its own, answered, too late or lost: none comes after that. */
START_TEST(abandoned_in_callback)
{
    begin(ALONE);
    find_backend();
    act = abandon_batch;
    act_in = 1;
    submit_batch(db, _i == 0 ? "select 2" : "select pg_sleep(20)");
    if (_i == 1)
        evpg_request_set_timeout(request, 100);
    if (_i == 2) {
        run_for(100);
        end_backend();
    }
    ck_assert(await_flag(&told[1], 5000));
    run_for(100);
    ck_assert_int_eq(told[0], 1);
    ck_assert_int_eq(n_told, 2);
    if (_i == 2) {
        evpg_free(db);
        db = NULL;
    }
    end();
}
END_TEST

/* Its name stands before each error once. */
START_TEST(named_once)
{
    begin(ALONE);
    submit_batch(db, _i == 0 ? "select pg_sleep(20)" : "select 1 / 0");
    evpg_request_set_name(request, "orders");
    if (_i == 0)
        evpg_request_set_timeout(request, 100);
    ck_assert(await_flag(&told[N], 5000));
    for (int i = 0; i <= N; i++) {
        const char *first = strstr(messages[i], "orders");

        ck_assert_msg(first == messages[i], "%d: %s", i, messages[i]);
        ck_assert_msg(!strstr(first + 1, "orders"), "%d: %s", i, messages[i]);
    }
    end();
}
END_TEST

static struct txn *current;

static void free_tx(void)
{
    evpg_free(current->tx);
    ck_assert_int_eq(current->done, 1);
    ck_assert_int_eq(n_told, N + 1);
}

static void run_batch(struct txn *txn)
{
    current = txn;
    submit_batch(txn->tx, "select pg_sleep(20)");
}

/* The transaction is freed by one of its batch's callbacks, when the connection is lost, or the
 * transaction is too late: all callbacks come before that returns. */
START_TEST(freed_with_transaction)
{
    struct txn *txn;

    begin(ALONE);
    find_backend();
    act = free_tx;
    act_in = 1;
    txn = new_txn(run_batch);
    run_txn(txn, db, &EVPG_TX_CONFIG(.timeout_ms = _i == 1 ? 200 : 10000));
    ck_assert(await_flag(&txn->bodies, 5000));
    run_for(100);
    if (_i == 0)
        end_backend();
    await_txn(txn);
    run_for(100);
    ck_assert_int_eq(n_told, N + 1);
    for (int i = 0; i <= N; i++)
        ck_assert_int_eq(fates[i], EVPG_FATE_NOT_EXECUTED);
    if (_i == 0) {
        evpg_free(db);
        db = NULL;
    }
    end();
    free_txns();
}
END_TEST

static int n_many;

static void note_many(const struct evpg_result *result, void *arg)
{
    struct evpg_error **error = arg;

    n_many++;
    *error = evpg_error_copy(evpg_result_error(result));
}

#define SETS 5000

/* Many sets, the Nth of which fails, or is canceled, or is too late, at several places: nothing of
 * them is there, and what comes behind is not concerned. */
START_TEST(many_ended)
{
    static struct evpg_param params[SETS];
    struct evpg_error *error = NULL;
    struct outcome *behind;
    int at = _i / 3 * 700 + 1;

    begin_for_txn(ALONE);
    query("create temp table slow (i int)", EVPG_NO_PARAMS);
    for (int i = 0; i < SETS; i++)
        params[i] = evpg_int32(i == at && _i % 3 == 0 ? 0 : 1);
    await_all();
    request = evpg_many(db,
                        _i % 3 == 0 ? "insert into t values (1 / $1)"
                                    : "insert into t select $1 from pg_sleep(0.001)",
                        params, 1, SETS, note_many, &error);
    ck_assert_ptr_nonnull(request);
    behind = query("select count(*) from t", EVPG_NO_PARAMS);
    if (_i % 3 == 2)
        evpg_request_set_timeout(request, at / 10 + 1);
    if (_i % 3 == 1) {
        run_for(at / 10 + 1);
        evpg_request_cancel(request);
    }
    ck_assert(await_flag(&n_many, 10000));
    await_all();
    ck_assert_ptr_nonnull(error);
    ck_assert_outcome_ok(behind);
    ck_assert_str_eq(cell(behind, 0, 0), "0");
    ck_assert_int_eq(n_many, 1);
    evpg_error_free(error);
    end();
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("db_batch_corners");
    TCase *tcase = tcase_create("corners");

    tcase_set_timeout(tcase, 60);
    tcase_add_loop_test(tcase, abandoned_in_callback, 0, 3);
    tcase_add_loop_test(tcase, named_once, 0, 2);
    tcase_add_loop_test(tcase, freed_with_transaction, 0, 2);
    tcase_add_loop_test(tcase, many_ended, 0, 21);
    suite_add_tcase(suite, tcase);
    return run_suite(suite, true);
}
