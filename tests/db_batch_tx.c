/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * db_batch_tx: batches, and statements with many sets, as parts of transactions.
 */
#include "batching.h"
#include "txn.h"

#include <errno.h>

static struct outcome *all, *many;
static struct txn *freed_in;
static bool is_freed;

static void add_rows(struct evpg_db *tx, const char *last)
{
    begin_batch_on(tx);
    member("insert into t values (1)", EVPG_NO_PARAMS);
    member("insert into t values ($1)", EVPG_PARAMS(evpg_int32(2)));
    member_kept(last, EVPG_NO_PARAMS);
    all = submit_batch();
}

static void batch_and_commit(struct txn *txn)
{
    say(txn, "insert into t values (0)");
    add_rows(txn->tx, "select count(*)::int from t");
    say(txn, "insert into t values (3)");
    evpg_commit(txn->tx);
}

START_TEST(committed)
{
    struct txn *txn;

    begin_for_txn(_i);
    txn = txn_on_db(batch_and_commit);
    await_txn(txn);
    check_committed(txn);
    ck_assert_outcome_ok(all);
    ck_assert_str_eq(cell(member_at(3), 0, 0), "3");
    check_sequence(all);
    check_rows("4");
    free_txns();
    end();
}
END_TEST

static void fail_and_commit(struct txn *txn)
{
    say(txn, "insert into t values (0)");
    add_rows(txn->tx, "select 1/0");
    evpg_commit(txn->tx);
}

/* The batch's failure is the transaction's. */
START_TEST(failed)
{
    struct txn *txn;

    begin_for_txn(_i);
    txn = txn_on_db(fail_and_commit);
    await_txn(txn);
    check_failed(txn, EVPG_E_SERVER, EVPG_FATE_NOT_EXECUTED, "22012");
    ck_assert_ptr_nonnull(strstr(evpg_error_message(txn->error), "member 3 of 3 (select 1/0)"));
    ck_assert_failed_as(member_at(1), EVPG_E_ABORTED, EVPG_FATE_NOT_EXECUTED);
    check_sequence(all);
    check_rows("0");
    free_txns();
    end();
}
END_TEST

static void be_refused_and_commit(struct txn *txn)
{
    all = new_outcome();
    say(txn, "insert into t values (0)");
    begin_batch_on(txn->tx);
    member("insert into t values (1)", EVPG_NO_PARAMS);
    member("commit", EVPG_NO_PARAMS);
    ck_assert_ptr_null(try_batch(all)->request);
    evpg_commit(txn->tx);
}

START_TEST(refused)
{
    struct txn *txn;

    begin_for_txn(_i);
    txn = txn_on_db(be_refused_and_commit);
    await_txn(txn);
    check_failed(txn, EVPG_E_ABORTED, EVPG_FATE_NOT_EXECUTED, NULL);
    ck_assert_ptr_nonnull(strstr(evpg_error_message(txn->error), "member 2 of the batch"));
    check_rows("0");
    free_txns();
    end();
}
END_TEST

static void on_freeing_done(const struct evpg_result *result, struct outcome *outcome)
{
    (void)result;
    ck_assert(!is_freed);
    if (outcome != member_at(2))
        return;
    evpg_free(freed_in->tx);
    is_freed = true;
    ck_assert_int_eq(all->completions, 1);
    ck_assert_int_eq(member_at(3)->completions, 1);
    ck_assert_int_eq(freed_in->done, 1);
}

static void batch_that_frees(struct txn *txn)
{
    freed_in = txn;
    begin_batch_on(txn->tx);
    for (int i = 0; i < 4; i++)
        member("insert into t values (1)", EVPG_NO_PARAMS)->on_done = on_freeing_done;
    all = new_outcome();
    all->on_done = on_freeing_done;
    ck_assert_ptr_nonnull(try_batch(all)->request);
    if (txn->number > 0)
        evpg_request_set_timeout(all->request, 1);
}

/* In the midst of a batch's callbacks: the rest come before evpg_free() is back, and none after. */
START_TEST(freed_in_the_midst)
{
    struct txn *txn;

    begin_for_txn(_i % N_MODES);
    is_freed = false;
    txn = new_txn(batch_that_frees);
    txn->number = _i / N_MODES;
    run_txn(txn, db, NULL);
    await_txn(txn);
    ck_assert_ptr_nonnull(txn->error);
    check_sequence(all);
    run_for(30);
    check_rows("0");
    free_txns();
    end();
}
END_TEST

static struct outcome *submit_many(struct evpg_db *tx, const char *sql)
{
    struct evpg_param params[1000];
    struct outcome *outcome = new_outcome();

    for (int i = 0; i < 1000; i++)
        params[i] = evpg_int32(i);
    note_submit(outcome, evpg_many(tx, sql, params, 1, 1000, record_done, outcome));
    ck_assert_ptr_nonnull(outcome->request);
    return outcome;
}

static void many_and_commit(struct txn *txn)
{
    say(txn, "insert into t values (0)");
    many = submit_many(txn->tx, "insert into t values ($1)");
    add_rows(txn->tx, "select 1");
    evpg_commit(txn->tx);
}

static void bad_many_and_commit(struct txn *txn)
{
    many = submit_many(txn->tx, "insert into t values (1 / ($1 - 700))");
    evpg_commit(txn->tx);
}

START_TEST(many_sets)
{
    struct txn *good, *bad;

    begin_for_txn(_i);
    good = txn_on_db(many_and_commit);
    await_txn(good);
    check_committed(good);
    ck_assert_uint_eq(many->affected, 1000);
    check_rows("1003");
    bad = txn_on_db(bad_many_and_commit);
    await_txn(bad);
    check_failed(bad, EVPG_E_SERVER, EVPG_FATE_NOT_EXECUTED, "22012");
    ck_assert_ptr_nonnull(strstr(evpg_error_message(bad->error), "set 701 of 1000"));
    check_rows("1003");
    free_txns();
    end();
}
END_TEST

static void part(struct txn *txn)
{
    add_rows(txn->tx, "select 1/0");
    evpg_commit(txn->tx);
}

static void commit_outer(struct txn *txn)
{
    ck_assert_ptr_nonnull(txn->error);
    evpg_commit(freed_in->tx);
}

static void with_a_part(struct txn *txn)
{
    struct txn *inner = new_txn(part);

    freed_in = txn;
    txn->inner = inner;
    inner->on_done = commit_outer;
    say(txn, "insert into t values (0)");
    run_txn(inner, txn->tx, NULL);
}

/* The part is undone, the whole is not. */
START_TEST(in_a_part)
{
    struct txn *txn;

    begin_for_txn(_i);
    txn = txn_on_db(with_a_part);
    await_txn(txn);
    check_committed(txn);
    check_failed(txn->inner, EVPG_E_SERVER, EVPG_FATE_NOT_EXECUTED, "22012");
    check_rows("1");
    free_txns();
    end();
}
END_TEST

static void add_tests(TCase *parts)
{
    tcase_set_timeout(parts, 60);
    tcase_add_loop_test(parts, committed, 0, N_MODES);
    tcase_add_loop_test(parts, failed, 0, N_MODES);
    tcase_add_loop_test(parts, refused, 0, N_MODES);
    tcase_add_loop_test(parts, freed_in_the_midst, 0, 2 * N_MODES);
    tcase_add_loop_test(parts, many_sets, 0, N_MODES);
    tcase_add_loop_test(parts, in_a_part, 0, N_MODES);
}

int main(void)
{
    Suite *suite = suite_create("db_batch_tx");
    TCase *parts = tcase_create("parts");

    add_tests(parts);
    suite_add_tcase(suite, parts);
    return run_suite(suite, true);
}
