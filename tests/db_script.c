/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * db_script: several statements in one string, among queries that are pipelined.
 *
 * The counterpart of lib/op_script.c. In all modes but ALONE the script travels between queries.
 */
#include "harness.h"

#include <errno.h>

static struct outcome *script(const char *sql)
{
    struct outcome *outcome = new_outcome();

    ck_assert_msg(submit_script(outcome, sql) != NULL, "refused: %s", last_log());
    return outcome;
}

/* Between a query before and one after, which must both have their own answers, in order. */
static struct outcome *run(int mode, const char *sql)
{
    struct outcome *before = mode == ALONE ? NULL : query("select 'before'", EVPG_NO_PARAMS);
    struct outcome *outcome = script(sql);
    struct outcome *after = mode == ALONE ? NULL : query("select 'after'", EVPG_NO_PARAMS);

    await_all();
    if (mode == ALONE)
        return outcome;
    ck_assert_outcome_ok(before);
    ck_assert_outcome_ok(after);
    ck_assert_str_eq(cell(before, 0, 0), "before");
    ck_assert_str_eq(cell(after, 0, 0), "after");
    ck_assert(before->order < outcome->order && outcome->order < after->order);
    return outcome;
}

START_TEST(q16_two_results)
{
    struct outcome *two;

    begin(_i);
    two = run(_i, "select 1; select 2");
    ck_assert_outcome_ok(two);
    ck_assert_int_eq(two->n_rows, 2);
    ck_assert_str_eq(cell(two, 0, 0), "1");
    ck_assert_str_eq(cell(two, 1, 0), "2");
    ck_assert_int_eq(two->statement, 1);
    ck_assert_str_eq(two->tag, "SELECT 1");
    ck_assert_uint_eq(two->rows, 2);
    end();
}
END_TEST

START_TEST(q17_an_error_ends_it)
{
    struct outcome *three;

    begin(_i);
    three = run(_i, "select 1; select 1/0; select 1");
    ck_assert_outcome_sqlstate(three, "22012");
    ck_assert_int_eq(three->n_rows, 1);
    ck_assert_int_eq(three->statement, 0);
    ck_assert_int_eq(evpg_error_fate(three->error), EVPG_FATE_NOT_EXECUTED);
    ck_assert_str_eq(evpg_error_query(three->error), "select 1; select 1/0; select 1");
    end();
}
END_TEST

START_TEST(q18_it_is_one_transaction)
{
    struct outcome *select;

    begin(_i);
    ck_assert_outcome_sqlstate(run(_i, "create table mytab(a int); select 1/0"), "22012");
    select = query("select * from mytab", EVPG_NO_PARAMS);
    await_all();
    ck_assert_outcome_sqlstate(select, "42P01");
    end();
}
END_TEST

START_TEST(what_it_has_committed_stays)
{
    struct outcome *count, *failed;

    begin(_i);
    script("create temp table kept(a int)");
    failed = run(_i, "begin; insert into kept values (1); commit; select 1/0");
    count = query("select count(*) from kept", EVPG_NO_PARAMS);
    await_all();
    ck_assert_outcome_sqlstate(failed, "22012");
    ck_assert_int_eq(evpg_error_fate(failed->error), EVPG_FATE_UNKNOWN);
    ck_assert_str_eq(cell(count, 0, 0), "1");
    end();
}
END_TEST

/* 0, 1: nothing in it; 2: a statement without rows. */
START_TEST(without_rows)
{
    static const char *const sql[] = {"", " ; ; ", "create temp table t(a int); drop table t;"};

    for (int i = 0; i < 3; i++) {
        struct outcome *empty;

        if (i == 0)
            begin(_i);
        empty = run(_i, sql[i]);
        ck_assert_outcome_ok(empty);
        ck_assert_int_eq(empty->n_rows, 0);
        ck_assert_str_eq(empty->tag, i < 2 ? "" : "DROP TABLE");
    }
    end();
}
END_TEST

START_TEST(columns_are_each_statements_own)
{
    struct outcome *outcome;

    begin(_i);
    outcome = new_outcome();
    outcome->discard = true;
    ck_assert_ptr_nonnull(submit_script(
        outcome, "select 1 as a, 2 as b; select 'x' as c from generate_series(1, 3); select"));
    await_all();
    ck_assert_outcome_ok(outcome);
    ck_assert_int_eq(outcome->n_rows, 5);
    ck_assert_int_eq(outcome->statement, 2);
    ck_assert_int_eq(outcome->columns, 0);
    end();
}
END_TEST

START_TEST(rows_that_nobody_wants)
{
    struct outcome *outcome;

    begin(_i);
    outcome = new_outcome();
    outcome->kept = true;
    ck_assert_ptr_nonnull(
        submit_script(outcome, "select generate_series(1, 1000); select 1, 2, 3"));
    await_all();
    ck_assert_outcome_ok(outcome);
    ck_assert_int_eq(outcome->n_rows, 0);
    ck_assert_uint_eq(outcome->rows, 1001);
    ck_assert_int_eq(outcome->columns, 3);
    end();
}
END_TEST

static enum evpg_flow answer(const struct evpg_row *row, struct outcome *outcome)
{
    if (outcome->n_rows < 3)
        return EVPG_NEXT;
    if (outcome->number == EVPG_PAUSE) {
        if (outcome->n_rows == 3)
            return EVPG_PAUSE;
        return EVPG_NEXT;
    }
    (void)row;
    return (enum evpg_flow)outcome->number;
}

static struct outcome *run_flow(enum evpg_flow flow)
{
    struct outcome *outcome = new_outcome();

    outcome->number = (int)flow;
    outcome->on_row = answer;
    outcome->discard = true;
    ck_assert_ptr_nonnull(
        submit_script(outcome, "select generate_series(1, 5); select 1, generate_series(1, 5)"));
    return outcome;
}

/* That a script's rows come one by one is not left to the next request: one that is prepared
 * already, or not prepared. */
START_TEST(rows_are_kept_after_one)
{
    static const char *const scripts[] = {"select 1; select 2", "", "select 1/0"};
    struct outcome *kept;

    begin(_i);
    query_kept("values (1), (2), (3)", EVPG_NO_PARAMS);
    await_all();
    for (int i = 0; i < 6; i++) {
        submit_script(new_outcome(), scripts[i / 2]);
        kept = query_kept("values (1), (2), (3)", EVPG_NO_PARAMS);
        evpg_request_set_flags(kept->request, i % 2 ? EVPG_UNPREPARED : 0);
        await_all();
        ck_assert_outcome_ok(kept);
        ck_assert_int_eq(kept->n_rows, 3);
        ck_assert_str_eq(cell(kept, 2, 0), "3");
    }
    end();
}
END_TEST

START_TEST(flow_of_rows)
{
    struct outcome *stopped, *failed, *paused;

    begin(_i);
    stopped = run_flow(EVPG_STOP);
    failed = run_flow(EVPG_FAIL);
    await_all();
    ck_assert_outcome_ok(stopped);
    ck_assert(stopped->stopped && stopped->n_rows == 3);
    ck_assert_int_eq(evpg_error_code(failed->error), EVPG_E_VALUE);
    ck_assert_int_eq(failed->n_rows, 3);
    paused = run_flow(EVPG_PAUSE);
    run_for(50);
    ck_assert_int_eq(paused->n_rows, 3);
    ck_assert_int_eq(paused->completions, 0);
    evpg_request_resume(paused->request);
    await_all();
    ck_assert_outcome_ok(paused);
    ck_assert_int_eq(paused->n_rows, 10);
    end();
}
END_TEST

START_TEST(transaction_blocks)
{
    struct outcome *inside, *rolled_back;

    begin(_i);
    script("create temp table t(a int); begin; insert into t values (1)");
    inside = query("insert into t values (2) returning a", EVPG_NO_PARAMS);
    script("insert into t values (3); commit");
    await_all();
    ck_assert_outcome_ok(inside);
    script("begin");
    query("select 1/0", EVPG_NO_PARAMS);
    rolled_back = script("commit");
    await_all();
    ck_assert_int_eq(evpg_error_code(rolled_back->error), EVPG_E_ROLLED_BACK);
    inside = query("select count(*) from t", EVPG_NO_PARAMS);
    await_all();
    ck_assert_str_eq(cell(inside, 0, 0), "3");
    end();
}
END_TEST

START_TEST(many_among_many)
{
    struct outcome *all[120];

    begin(_i);
    for (int i = 0; i < 120; i++) {
        all[i] = i % 5 ? query("select $1::int4", EVPG_PARAMS(evpg_int32(i)))
                       : script("select 'script'; select 'two'");
        all[i]->number = i % 5;
    }
    await_all();
    for (int i = 0; i < 120; i++) {
        ck_assert_outcome_ok(all[i]);
        ck_assert_int_eq(all[i]->n_rows, i % 5 ? 1 : 2);
        ck_assert_int_eq(atoi(cell(all[i], 0, 0)), i % 5 ? i : 0);
    }
    end();
}
END_TEST

/* A session goes on being watched while it is not in the pipeline. */
START_TEST(lost_in_a_script)
{
    struct outcome *lost, *behind;

    begin(_i);
    lost = script("select 1; select pg_terminate_backend(pg_backend_pid()); select 2");
    behind = query("select 3", EVPG_NO_PARAMS);
    await_all();
    ck_assert_int_eq(evpg_error_code(lost->error), EVPG_E_LOST);
    ck_assert_str_eq(evpg_error_sqlstate(lost->error), "57P01");
    ck_assert_int_eq(evpg_error_fate(lost->error), EVPG_FATE_UNKNOWN);
    ck_assert_int_eq(evpg_error_fate(behind->error), EVPG_FATE_NOT_SENT);
    evpg_free(db);
    db = NULL;
    end();
}
END_TEST

/* 0: FROM STDIN; 1: TO STDOUT, 2: among others. */
START_TEST(f41_copy)
{
    static const char *const sql[] = {"select 1; copy pg_class to stdout",
                                      "create temp table t(a int); copy t from stdin",
                                      "copy t from stdin"};
    struct outcome *outcome;

    begin(ALONE);
    outcome = new_outcome();
    errno = 0;
    if (!submit_script(outcome, sql[_i])) {
        ck_assert_int_eq(_i, 2);
        ck_assert_int_eq(errno, EINVAL);
        end();
        return;
    }
    await_all();
    ck_assert_int_eq(evpg_error_code(outcome->error), EVPG_E_PROTOCOL);
    ck_assert_str_eq(evpg_error_sqlstate(outcome->error), "0A000");
    ck_assert_ptr_null(evpg_pgconn(db));
    evpg_free(db);
    db = NULL;
    end();
}
END_TEST

START_TEST(refused)
{
    begin(ALONE);
    errno = 0;
    ck_assert_ptr_null(evpg_script(db, NULL, NULL, NULL, NULL));
    ck_assert_int_eq(errno, EINVAL);
    ck_assert_ptr_null(evpg_script(NULL, "select 1", NULL, NULL, NULL));
    end();
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("db_script");
    TCase *tcase = tcase_create("script");

    tcase_set_timeout(tcase, 30);
    tcase_add_loop_test(tcase, q16_two_results, 0, N_MODES);
    tcase_add_loop_test(tcase, q17_an_error_ends_it, 0, N_MODES);
    tcase_add_loop_test(tcase, q18_it_is_one_transaction, 0, N_MODES);
    tcase_add_loop_test(tcase, what_it_has_committed_stays, 0, N_MODES);
    tcase_add_loop_test(tcase, without_rows, 0, N_MODES);
    tcase_add_loop_test(tcase, columns_are_each_statements_own, 0, N_MODES);
    tcase_add_loop_test(tcase, rows_that_nobody_wants, 0, N_MODES);
    tcase_add_loop_test(tcase, rows_are_kept_after_one, 0, N_MODES);
    tcase_add_loop_test(tcase, flow_of_rows, 0, N_MODES);
    tcase_add_loop_test(tcase, transaction_blocks, 0, N_MODES);
    tcase_add_loop_test(tcase, many_among_many, 0, N_MODES);
    tcase_add_loop_test(tcase, lost_in_a_script, 0, N_MODES);
    tcase_add_loop_test(tcase, f41_copy, 0, 3);
    tcase_add_test(tcase, refused);
    suite_add_tcase(suite, tcase);
    return run_suite(suite, true);
}
