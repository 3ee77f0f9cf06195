/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * db_flow: what row callbacks decide and done callbacks do, with statements that have effects.
 *
 * EVPG_STOP and EVPG_FAIL end the rows, not the statement; the server's errors go before both;
 * callbacks that submit are answered from the loop, not from inside one another; and statements
 * that want the wire for themselves have it.
 */
#include "harness.h"

/* At the row of this number, counted from 1, returns that. */
static int at_row;
static enum evpg_flow answer;

static enum evpg_flow decide(const struct evpg_row *row, struct outcome *outcome)
{
    (void)row;
    return outcome->n_rows == at_row ? answer : EVPG_NEXT;
}

static struct outcome *query_deciding(const char *sql, int row, enum evpg_flow flow)
{
    struct outcome *outcome = new_outcome();

    at_row = row;
    answer = flow;
    outcome->on_row = decide;
    ck_assert_ptr_nonnull(submit(outcome, sql, EVPG_NO_PARAMS));
    await_all();
    return outcome;
}

START_TEST(stop_at_the_first_and_last_row)
{
    static const int rows[] = {1, 999, 1000};

    begin(_i);
    for (int i = 0; i < 3; i++) {
        struct outcome *stop = query_deciding("select generate_series(1,1000)", rows[i], EVPG_STOP);

        ck_assert_outcome_ok(stop);
        ck_assert(stop->stopped);
        ck_assert_int_eq(stop->n_rows, rows[i]);
        ck_assert_uint_eq(stop->rows, rows[i]);
        ck_assert_str_eq(stop->tag, "SELECT 1000");
        ck_assert_int_eq(stop->columns, 1);
    }
    end();
}
END_TEST

/* The statement goes on to its end, whatever its rows are worth to the callback. */
START_TEST(the_statement_is_not_undone)
{
    struct outcome *stop, *fail, *count;

    begin(_i);
    query("create temp table kept(n int)", EVPG_NO_PARAMS);
    stop =
        query_deciding("insert into kept select generate_series(1,100) returning n", 1, EVPG_STOP);
    fail =
        query_deciding("insert into kept select generate_series(1,200) returning n", 1, EVPG_FAIL);
    count = query("select count(*) from kept", EVPG_NO_PARAMS);
    await_all();
    ck_assert_outcome_ok(stop);
    ck_assert_str_eq(stop->tag, "INSERT 0 100");
    ck_assert_int_eq(evpg_error_code(fail->error), EVPG_E_VALUE);
    ck_assert_int_eq(evpg_error_fate(fail->error), EVPG_FATE_EXECUTED);
    ck_assert_int_eq(evpg_error_phase(fail->error), EVPG_PHASE_SETTLING);
    ck_assert_str_eq(cell(count, 0, 0), "300");
    end();
}
END_TEST

static void check_refused_by_server(const struct outcome *outcome, const char *sqlstate, int rows)
{
    ck_assert_outcome_sqlstate(outcome, sqlstate);
    ck_assert_int_eq(evpg_error_code(outcome->error), EVPG_E_SERVER);
    ck_assert_int_eq(evpg_error_fate(outcome->error), EVPG_FATE_NOT_EXECUTED);
    ck_assert_int_eq(outcome->n_rows, rows);
}

#define TABLE_D "create temp table d(n int unique deferrable initially deferred)"

/* Whether it comes with the rows, or only at the end of the transaction. */
START_TEST(errors_of_the_server_go_before)
{
    static const enum evpg_flow flows[] = {EVPG_STOP, EVPG_FAIL};

    begin(_i);
    query(TABLE_D, EVPG_NO_PARAMS);
    query("insert into d values (1),(2),(3)", EVPG_NO_PARAMS);
    await_all();
    for (int i = 0; i < 2; i++) {
        struct outcome *late =
            query_deciding("select 1/(900-n) from generate_series(1,1000) n", 2, flows[i]);
        struct outcome *deferred = query_deciding("update d set n = 7 returning n", 2, flows[i]);

        check_refused_by_server(late, "22012", 2);
        check_refused_by_server(deferred, "23505", 2);
        ck_assert_int_eq(evpg_error_phase(deferred->error), EVPG_PHASE_SETTLING);
    }
    end();
}
END_TEST

/* What could not be read of the first row is no reason for refusing the second. */
static enum evpg_flow fail_at_the_second(const struct evpg_row *row, struct outcome *outcome)
{
    int64_t value;

    if (outcome->n_rows == 2)
        return EVPG_FAIL;
    ck_assert_int_eq(evpg_row_int64(row, 0, &value), -1);
    return EVPG_NEXT;
}

START_TEST(errors_of_earlier_rows_are_no_reason)
{
    struct outcome *fail;

    begin(_i);
    fail = new_outcome();
    fail->on_row = fail_at_the_second;
    ck_assert_ptr_nonnull(submit(fail, "values ('x'),('y'),('z')", EVPG_NO_PARAMS));
    await_all();
    ck_assert_int_eq(fail->n_rows, 2);
    ck_assert_int_eq(evpg_error_code(fail->error), EVPG_E_VALUE);
    ck_assert_str_eq(evpg_error_message(fail->error), "refused by the row callback");
    ck_assert_str_eq(evpg_error_query(fail->error), "values ('x'),('y'),('z')");
    end();
}
END_TEST

/* A parameter that nothing refers to: what the server says depends on whether it knows its type. */
START_TEST(one_parameter_too_many)
{
    struct outcome *typed, *untyped, *next;

    begin(_i);
    typed = query("select 1", EVPG_PARAMS(evpg_int32(1)));
    untyped = query("select 1", EVPG_PARAMS(evpg_text("1")));
    next = query("select 2", EVPG_NO_PARAMS);
    await_all();
    ck_assert_outcome_ok(typed);
    check_refused_by_server(untyped, "42P18", 0);
    ck_assert_str_eq(cell(next, 0, 0), "2");
    end();
}
END_TEST

static int links_left;
static const char *shallowest, *deepest;

/* Notes how deep in the stack it runs. The sanitizers' own stack moves locals away, hence this. */
static void submit_next(const struct evpg_result *result, struct outcome *outcome)
{
    const char *frame = __builtin_frame_address(0);
    struct outcome *next;

    (void)result;
    (void)outcome;
    shallowest = !shallowest || frame > shallowest ? frame : shallowest;
    deepest = !deepest || frame < deepest ? frame : deepest;
    if (links_left-- == 0)
        return;
    next = new_outcome();
    next->on_done = submit_next;
    ck_assert_ptr_nonnull(submit(next, "select 1", EVPG_NO_PARAMS));
}

/* Each is submitted by the callback of the one before: from the loop every time, so that the stack
 * is no deeper after a thousand than after one. */
START_TEST(a_chain_does_not_grow_the_stack)
{
    struct outcome *first;

    begin(_i);
    first = new_outcome();
    first->on_done = submit_next;
    links_left = 1000;
    ck_assert_ptr_nonnull(submit(first, "select 1", EVPG_NO_PARAMS));
    await_all();
    ck_assert_int_eq(links_left, -1);
    ck_assert_int_lt(shallowest - deepest, 4096);
    end();
}
END_TEST

static const char *const alone[] = {
    "begin",
    "start transaction",
    "commit",
    "end",
    "rollback",
    "abort",
    "savepoint a",
    "release a",
    "prepare transaction 'a'",
    "listen a",
    "unlisten a",
    "call nosuch()",
    "do $$begin end$$",
    "vacuum nosuch",
    "cluster nosuch",
    "reindex table nosuch",
    "alter table nosuch add n int",
    "create index on nosuch(n)",
    "create unique index on nosuch(n)",
    "drop index nosuch",
    "create database evpg",
    "drop database nosuch",
};
enum { N_ALONE = sizeof(alone) / sizeof(*alone) };

/* The loop goes round once, so that what may be sent is sent and no answer has come; then the
 * connection is freed, and the fates tell what was on the wire. */
static void check_sent(const char *const *sql, int count, int sent)
{
    struct outcome *all[3];

    for (int i = 0; i < count; i++) {
        all[i] = new_outcome();
        ck_assert_ptr_nonnull(submit(all[i], sql[i], EVPG_NO_PARAMS));
    }
    event_base_loop(base, EVLOOP_ONCE | EVLOOP_NONBLOCK);
    evpg_free(db);
    db = NULL;
    for (int i = 0; i < count; i++) {
        ck_assert_ptr_nonnull(all[i]->error);
        ck_assert_int_eq(evpg_error_code(all[i]->error), EVPG_E_CLOSED);
        ck_assert_int_eq(evpg_error_fate(all[i]->error),
                         i < sent ? EVPG_FATE_UNKNOWN : EVPG_FATE_NOT_SENT);
    }
    end();
}

START_TEST(nothing_goes_before_its_answer)
{
    begin(ALONE);
    check_sent((const char *[]){alone[_i], "select 1"}, 2, 1);
}
END_TEST

START_TEST(it_waits_for_those_before)
{
    begin(ALONE);
    check_sent((const char *[]){"select pg_sleep(0.1)", alone[_i], "select 1"}, 3, 1);
}
END_TEST

START_TEST(others_do_not_wait)
{
    begin(ALONE);
    check_sent((const char *[]){"select 1", "create temp table t(n int)", "select 1"}, 3, 3);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("db_flow");
    TCase *tcase = tcase_create("flow");

    tcase_set_timeout(tcase, 60);
    tcase_add_loop_test(tcase, stop_at_the_first_and_last_row, 0, N_MODES);
    tcase_add_loop_test(tcase, the_statement_is_not_undone, 0, N_MODES);
    tcase_add_loop_test(tcase, errors_of_the_server_go_before, 0, N_MODES);
    tcase_add_loop_test(tcase, errors_of_earlier_rows_are_no_reason, 0, N_MODES);
    tcase_add_loop_test(tcase, one_parameter_too_many, 0, N_MODES);
    tcase_add_loop_test(tcase, a_chain_does_not_grow_the_stack, 0, N_LARGE_MODES);
    tcase_add_loop_test(tcase, nothing_goes_before_its_answer, 0, N_ALONE);
    tcase_add_loop_test(tcase, it_waits_for_those_before, 0, N_ALONE);
    tcase_add_test(tcase, others_do_not_wait);
    suite_add_tcase(suite, tcase);
    return run_suite(suite, true);
}
