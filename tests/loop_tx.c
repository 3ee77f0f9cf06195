/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * loop_tx: many transactions, and one of many statements: the loop is not held up, whatever becomes
 * of them.
 */
#include "oracle.h"
#include "txn.h"

static int n_begun, n_done, n_failed, n_told;

static void count_told(const struct evpg_result *result, void *arg)
{
    (void)result;
    (void)arg;
    n_told++;
}

static void commit_one(struct evpg_db *tx, void *arg)
{
    (void)arg;
    n_begun++;
    ck_assert_ptr_nonnull(evpg_query(tx, "select 1", EVPG_NO_PARAMS, NULL, count_told, NULL));
    evpg_commit(tx);
}

static void note_end(const struct evpg_result *result, void *arg)
{
    (void)arg;
    n_done++;
    n_failed += evpg_result_error(result) != NULL;
}

#define MANY sized(10000, 50000)
#define MANY_STATEMENTS sized(40000, 150000)

enum end { AWAITED, CANCELED, FREED, LOST };

/* Many that wait, on a connection or a pool, until all are done, are canceled, are freed. */
START_TEST(many)
{
    static struct evpg_request *requests[50000];
    enum end end_by = _i / 2;
    int n = MANY;

    if (_i % 2 == 0)
        begin(ALONE);
    else
        begin_pool(ALONE, &EVPG_POOL_CONFIG(.max_connections = 4));
    heart_start();
    for (int i = 0; i < n; i++) {
        requests[i] = evpg_transaction(db, NULL, commit_one, note_end, NULL);
        ck_assert_ptr_nonnull(requests[i]);
    }
    heart_skip();
    if (end_by == CANCELED) {
        ck_assert(await_flag(&n_done, 5000));
        for (int i = n - 1; i >= 0 && i >= n_begun; i--)
            evpg_request_cancel(requests[i]);
        heart_skip();
    } else if (end_by == FREED) {
        ck_assert(await_flag(&n_done, 5000));
        evpg_free(db);
        db = NULL;
        heart_skip();
    } else if (end_by == LOST) {
        find_backend();
        ck_assert(await_flag(&n_done, 5000));
        end_backend();
        heart_skip();
    }
    for (int i = 0; i < 600 && n_done < n; i++)
        run_for(50);
    ck_assert_int_eq(n_done, n);
    heart_stop();
    if (db)
        evpg_free(db);
    db = NULL;
    end();
}
END_TEST

static bool canceled;

static void many_statements(struct txn *txn)
{
    int n = MANY_STATEMENTS;

    txn->of[0] = say(txn, canceled ? "select pg_sleep(20)" : "select 1 / 0");
    for (int i = 0; i < n; i++)
        ck_assert_ptr_nonnull(
            evpg_query(txn->tx, "select 1", EVPG_NO_PARAMS, NULL, count_told, NULL));
    evpg_commit(txn->tx);
}

/* One of many statements, whose first fails, or that is canceled: in slices. */
START_TEST(one_of_many)
{
    struct txn *txn;

    begin(ALONE);
    canceled = _i;
    heart_start();
    txn = txn_on_db(many_statements);
    ck_assert(await_flag(&txn->bodies, 5000));
    heart_skip();
    run_for(50);
    if (canceled) {
        evpg_request_cancel(txn->request);
        heart_skip();
    }
    await_txn(txn);
    ck_assert_int_eq(n_told, MANY_STATEMENTS);
    heart_stop();
    end();
    free_txns();
}
END_TEST

static struct txn *current;

static void submit_many(const struct evpg_result *result, struct outcome *outcome)
{
    (void)result;
    (void)outcome;
    for (int i = 0; i < MANY_STATEMENTS; i++)
        ck_assert_ptr_nonnull(
            evpg_query(current->tx, "select 1", EVPG_NO_PARAMS, NULL, count_told, NULL));
    evpg_request_cancel(current->request);
    heart_skip();
}

static void say_one(struct txn *txn)
{
    current = txn;
    txn->of[0] = new_outcome();
    txn->of[0]->on_done = submit_many;
    say_with(txn, txn->of[0], "select 1");
}

/* It is rolled back before all that were withdrawn have been told so. */
START_TEST(rolled_back_first)
{
    struct txn *txn;

    begin(ALONE);
    heart_start();
    txn = txn_on_db(say_one);
    await_txn(txn);
    check_failed(txn, EVPG_E_CANCELED, EVPG_FATE_NOT_EXECUTED, NULL);
    ck_assert_int_eq(n_told, MANY_STATEMENTS);
    heart_stop();
    end();
    free_txns();
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("loop_tx");
    TCase *tcase = tcase_create("tx");

    tcase_set_timeout(tcase, 120);

    tcase_add_loop_test(tcase, one_of_many, 0, 2);
    tcase_add_loop_test(tcase, many, 0, 8);
    tcase_add_test(tcase, rolled_back_first);
    suite_add_tcase(suite, tcase);
    return run_suite(suite, true);
}
