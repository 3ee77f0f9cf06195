/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * db_tx: transactions: their outcomes, parts of them, and that they are each by itself.
 */
#include "txn.h"

#include <libpq-fe.h>
#include <stdio.h>

/* What comes is the transaction's own, and there afterwards. */
START_TEST(committed)
{
    struct txn *txn;

    begin_for_txn(_i);
    txn = txn_on_db(insert_and_commit);
    await_txn(txn);
    check_committed(txn);
    ck_assert_str_eq(txn->tag, "COMMIT");
    ck_assert_outcome_ok(txn->of[0]);
    ck_assert_str_eq(txn->of[0]->tag, "INSERT 0 1");
    check_rows("1");
    end();
    free_txns();
}
END_TEST

static void insert_good_and_bad(struct txn *txn)
{
    txn->of[0] = say(txn, "insert into t values (1) returning i");
    txn->of[1] = say(txn, "insert into t values ('hej')");
    txn->of[2] = say(txn, "select 3");
    evpg_commit(txn->tx);
}

/* TX01: the first error is the transaction's. */
START_TEST(tx01_rolled_back)
{
    struct txn *txn;

    begin_for_txn(_i);
    txn = txn_on_db(insert_good_and_bad);
    await_txn(txn);
    check_failed(txn, EVPG_E_SERVER, EVPG_FATE_NOT_EXECUTED, "22P02");
    ck_assert_ptr_nonnull(evpg_error_field(txn->error, EVPG_FIELD_MESSAGE));
    ck_assert_outcome_ok(txn->of[0]);
    ck_assert_outcome_sqlstate(txn->of[1], "22P02");
    ck_assert_int_eq(evpg_error_code(txn->of[2]->error), EVPG_E_ABORTED);
    ck_assert_ptr_nonnull(strstr(evpg_error_message(txn->of[2]->error), "statement 2"));
    check_rows("0");
    end();
    free_txns();
}
END_TEST

static void insert_2_and_fail(struct txn *txn)
{
    txn->of[0] = say(txn, "insert into t values (2)");
    txn->of[1] = say(txn, "select 1 / 0");
    evpg_commit(txn->tx);
}

static void insert_around_part(struct txn *txn)
{
    txn->of[0] = say(txn, "insert into t values (1)");
    run_txn(txn->inner, txn->tx, NULL);
    txn->of[1] = say(txn, "insert into t values (3)");
    evpg_commit(txn->tx);
}

/* TX02: a part of it fails, or is rolled back, or succeeds; the rest is not concerned. */
START_TEST(tx02_part)
{
    struct txn *txn, *inner;

    begin_for_txn(_i);
    inner = new_txn(insert_2_and_fail);
    txn = new_txn(insert_around_part);
    txn->inner = inner;
    run_txn(txn, db, NULL);
    await_txn(txn);
    check_committed(txn);
    check_failed(inner, EVPG_E_SERVER, EVPG_FATE_NOT_EXECUTED, "22012");
    ck_assert_int_lt(inner->order, txn->order);
    check_rows("2");
    txn = new_txn(insert_around_part);
    txn->inner = new_txn(insert_and_commit);
    run_txn(txn, db, NULL);
    await_txn(txn);
    check_committed(txn);
    check_committed(txn->inner);
    check_rows("5");
    end();
    free_txns();
}
END_TEST

static struct txn *current;

static void on_first_done(const struct evpg_result *result, struct outcome *outcome)
{
    (void)result;
    (void)outcome;
    current->of[1] = say(current, "select 1 / 0");
    current->of[2] = say(current, "select 1");
    current->of[3] = say(current, "select 2");
}

static void fail_later(struct txn *txn)
{
    txn->of[0] = new_outcome();
    txn->of[0]->on_done = on_first_done;
    current = txn;
    say_with(txn, txn->of[0], "insert into t values (1)");
}

/* TX03: 22012, then 25P02 for what was on the wire behind; the transaction ends by itself. */
START_TEST(tx03_failed_block)
{
    struct txn *txn;

    begin_for_txn(_i);
    txn = txn_on_db(fail_later);
    await_txn(txn);
    check_failed(txn, EVPG_E_SERVER, EVPG_FATE_NOT_EXECUTED, "22012");
    ck_assert_outcome_sqlstate(txn->of[1], "22012");
    ck_assert_outcome_sqlstate(txn->of[2], "25P02");
    ck_assert_outcome_sqlstate(txn->of[3], "25P02");
    check_rows("0");
    end();
    free_txns();
}
END_TEST

static void show_and_write(struct txn *txn)
{
    txn->of[0] = say(txn, "select current_setting('transaction_isolation') || "
                          "current_setting('transaction_read_only') || "
                          "current_setting('transaction_deferrable')");
    txn->of[1] = say(txn, "create table never (i int)");
    evpg_commit(txn->tx);
}

/* TX05 */
START_TEST(tx05_settings)
{
    struct txn *txn;

    begin_for_txn(ALONE);
    txn = new_txn(show_and_write);
    run_txn(txn, db,
            &EVPG_TX_CONFIG(.isolation = EVPG_SERIALIZABLE, .read_only = true, .deferrable = true));
    await_txn(txn);
    ck_assert_str_eq(cell(txn->of[0], 0, 0), "serializableonon");
    check_failed(txn, EVPG_E_SERVER, EVPG_FATE_NOT_EXECUTED, "25006");
    txn = new_txn(show_and_write);
    txn->number = 1;
    run_txn(txn, db, &EVPG_TX_CONFIG(.isolation = EVPG_REPEATABLE_READ, .read_only = true));
    await_txn(txn);
    ck_assert_str_eq(cell(txn->of[0], 0, 0), "repeatable readonoff");
    end();
    free_txns();
}
END_TEST

static void two_inserts(struct txn *txn)
{
    char sql[128];

    snprintf(sql, sizeof(sql), "insert into seq (n, xid) values (%d, txid_current())", txn->number);
    txn->of[0] = say(txn, sql);
    txn->of[1] = say(txn, sql);
    evpg_commit(txn->tx);
}

static void check_not_interleaved(int n)
{
    struct outcome *found = query(
        "select count(*), count(distinct n), sum(case when p = n and x <> xid then 1 else 0 end)"
        " from (select n, xid, lag(n) over (order by at) p, lag(xid) over (order by at) x,"
        " at from seq) s",
        EVPG_NO_PARAMS);
    char expected[16];

    await_all();
    snprintf(expected, sizeof(expected), "%d", 2 * n);
    ck_assert_str_eq(cell(found, 0, 0), expected);
    snprintf(expected, sizeof(expected), "%d", n);
    ck_assert_str_eq(cell(found, 0, 1), expected);
    ck_assert_str_eq(cell(found, 0, 2), "0");
    found =
        query("select string_agg(n::text, ',' order by at) = "
              "(select string_agg(i || ',' || i, ',' order by i) from generate_series(0, 99) i) "
              "from seq",
              EVPG_NO_PARAMS);
    await_all();
    ck_assert_str_eq(cell(found, 0, 0), "t");
}

/* TX06: a hundred at once, on one connection: one after the other, with other requests among them
 * that are in none. */
START_TEST(tx06_never_interleaved)
{
    struct txn *txn[100];
    struct outcome *between = NULL;

    begin(_i);
    query("create temp table seq (at serial, n int, xid bigint)", EVPG_NO_PARAMS);
    await_all();
    for (int i = 0; i < 100; i++) {
        txn[i] = new_txn(two_inserts);
        txn[i]->number = i;
        run_txn(txn[i], db, NULL);
        between = query("select txid_current_if_assigned() is null, now() = statement_timestamp()",
                        EVPG_NO_PARAMS);
    }
    await_all();
    for (int i = 0; i < 100; i++) {
        await_txn(txn[i]);
        check_committed(txn[i]);
        ck_assert_int_eq(txn[i]->order, i);
    }
    ck_assert_str_eq(cell(between, 0, 0), "t");
    check_not_interleaved(100);
    end();
    free_txns();
}
END_TEST

static void free_in_body(struct txn *txn)
{
    txn->of[0] = say(txn, "insert into t values (1)");
    evpg_free(txn->tx);
    ck_assert_int_eq(txn->done, 1);
}

static void just_insert(struct txn *txn)
{
    txn->of[0] = say(txn, "insert into t values (1)");
}

/* TX09: freed, before anything was sent and afterwards: rolled back before anything else runs. */
START_TEST(tx09_freed)
{
    struct outcome *behind;
    struct txn *txn;

    begin_for_txn(_i);
    txn = txn_on_db(free_in_body);
    await_txn(txn);
    check_failed(txn, EVPG_E_CLOSED, EVPG_FATE_NOT_EXECUTED, NULL);
    check_rows("0");
    txn = txn_on_db(just_insert);
    behind = query("select count(*) from t", EVPG_NO_PARAMS);
    ck_assert(await_flag(&txn->bodies, 1000));
    ck_assert(await_flag(&txn->of[0]->completions, 5000));
    ck_assert_int_eq(behind->completions, 0);
    evpg_free(txn->tx);
    ck_assert_int_eq(txn->done, 1);
    check_failed(txn, EVPG_E_CLOSED, EVPG_FATE_NOT_EXECUTED, NULL);
    await_all();
    ck_assert_str_eq(cell(behind, 0, 0), "0");
    end();
    free_txns();
}
END_TEST

static void roll_back(struct txn *txn)
{
    txn->of[0] = say(txn, "insert into t values (1)");
    txn->of[1] = say(txn, "insert into t values (2)");
    evpg_rollback(txn->tx, txn->number ? "there is not enough" : NULL);
}

START_TEST(by_wish)
{
    struct txn *txn;

    begin_for_txn(_i);
    for (int i = 0; i < 2; i++) {
        txn = new_txn(roll_back);
        txn->number = i;
        run_txn(txn, db, NULL);
        await_txn(txn);
        check_failed(txn, EVPG_E_ROLLED_BACK, EVPG_FATE_NOT_EXECUTED, NULL);
        ck_assert_str_eq(evpg_error_message(txn->error), i ? "there is not enough" : "rolled back");
        ck_assert_int_eq(evpg_error_code(txn->of[0]->error), EVPG_E_ABORTED);
        ck_assert_int_eq(evpg_error_fate(txn->of[0]->error), EVPG_FATE_NOT_SENT);
    }
    check_rows("0");
    end();
    free_txns();
}
END_TEST

static void defer_conflict(struct txn *txn)
{
    txn->of[0] = say(txn, "insert into u values (1)");
    txn->of[1] = say(txn, "insert into u values (1)");
    evpg_commit(txn->tx);
}

/* What COMMIT itself finds. */
START_TEST(commit_fails)
{
    struct txn *txn;

    begin_for_txn(_i);
    query("create temp table u (i int unique deferrable initially deferred)", EVPG_NO_PARAMS);
    await_all();
    txn = txn_on_db(defer_conflict);
    await_txn(txn);
    ck_assert_outcome_ok(txn->of[1]);
    check_failed(txn, EVPG_E_SERVER, EVPG_FATE_NOT_EXECUTED, "23505");
    end();
    free_txns();
}
END_TEST

static void commit_nothing(struct txn *txn)
{
    evpg_commit(txn->tx);
}

START_TEST(empty)
{
    struct txn *txn;

    begin_for_txn(_i);
    txn = txn_on_db(commit_nothing);
    await_txn(txn);
    check_committed(txn);
    ck_assert_str_eq(txn->tag, "COMMIT");
    end();
    free_txns();
}
END_TEST

static void five_and_commit(struct txn *txn)
{
    for (int i = 0; i < 5; i++)
        txn->of[i] = say(txn, "insert into t values (1)");
    evpg_commit(txn->tx);
}

/* How often something was sent after something had come, by libpq's own trace. */
static int count_trips(FILE *trace, int *syncs)
{
    char line[4096];
    int trips = 0;
    bool sending = false;

    *syncs = 0;
    rewind(trace);
    while (fgets(line, sizeof(line), trace)) {
        bool ours = strstr(line, "\tF\t") || line[0] == 'F';

        trips += ours && !sending;
        sending = ours;
        *syncs += ours && strstr(line, "\tSync") != NULL;
    }
    return trips;
}

/* BEGIN, five statements that do not depend on each other, and COMMIT: two round trips. */
START_TEST(two_round_trips)
{
    FILE *trace = tmpfile();
    struct txn *txn;
    int syncs, trips;

    begin_for_txn(ALONE);
    PQtrace(evpg_pgconn(db), trace);
    txn = txn_on_db(five_and_commit);
    await_txn(txn);
    PQuntrace(evpg_pgconn(db));
    check_committed(txn);
    trips = count_trips(trace, &syncs);
    ck_assert_int_eq(trips, 2);
    ck_assert_int_eq(syncs, 2);
    fclose(trace);
    check_rows("5");
    end();
    free_txns();
}
END_TEST

static void nest(struct txn *txn)
{
    struct txn *inner;

    txn->of[0] = say(txn, "insert into t values (1)");
    if (txn->number >= EVPG_TX_MAX_DEPTH) {
        ck_assert_ptr_null(evpg_transaction(txn->tx, NULL, (evpg_body_cb)abort, NULL, NULL));
        ck_assert_int_eq(errno, EINVAL);
        return;
    }
    inner = new_txn(nest);
    inner->number = txn->number + 1;
    txn->inner = inner;
    run_txn(inner, txn->tx, NULL);
    txn->of[1] = say(txn, "insert into t values (2)");
    evpg_commit(txn->tx);
}

/* As deep as may be: the innermost fails, and all others commit. */
START_TEST(nested)
{
    struct txn *txn;
    int n = 0;

    begin_for_txn(_i);
    txn = new_txn(nest);
    txn->number = 1;
    run_txn(txn, db, NULL);
    await_txn(txn);
    for (; txn->inner; txn = txn->inner, n++)
        check_committed(txn);
    check_failed(txn, EVPG_E_ABORTED, EVPG_FATE_NOT_EXECUTED, NULL);
    ck_assert_int_eq(n, EVPG_TX_MAX_DEPTH - 1);
    check_rows("62");
    end();
    free_txns();
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("db_tx");
    TCase *tcase = tcase_create("tx");

    tcase_set_timeout(tcase, 60);
    tcase_add_loop_test(tcase, committed, 0, N_MODES);
    tcase_add_loop_test(tcase, tx01_rolled_back, 0, N_MODES);
    tcase_add_loop_test(tcase, tx02_part, 0, N_MODES);
    tcase_add_loop_test(tcase, tx03_failed_block, 0, N_MODES);
    tcase_add_test(tcase, tx05_settings);
    tcase_add_loop_test(tcase, tx06_never_interleaved, 0, N_LARGE_MODES);
    tcase_add_loop_test(tcase, tx09_freed, 0, N_MODES);
    tcase_add_loop_test(tcase, by_wish, 0, N_MODES);
    tcase_add_loop_test(tcase, commit_fails, 0, N_MODES);
    tcase_add_loop_test(tcase, empty, 0, N_MODES);
    tcase_add_test(tcase, two_round_trips);
    tcase_add_loop_test(tcase, nested, 0, N_LARGE_MODES);
    suite_add_tcase(suite, tcase);
    return run_suite(suite, true);
}
