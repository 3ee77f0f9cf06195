/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * db_errors: what the server refuses is reported whole, on its own request only; ER01 to ER07.
 *
 * The counterpart of lib/err.c and lib/pq.c against a real server, and of promises 5 and 6: errors
 * that come only at the end of a transaction.
 */
#include "harness.h"

#include <stdio.h>

static void check_server_error(const struct outcome *outcome, const char *sqlstate)
{
    const char *message;

    ck_assert_outcome_sqlstate(outcome, sqlstate);
    ck_assert_int_eq(evpg_error_code(outcome->error), EVPG_E_SERVER);
    ck_assert_int_eq(evpg_error_fate(outcome->error), EVPG_FATE_NOT_EXECUTED);
    message = evpg_error_message(outcome->error);
    ck_assert_ptr_nonnull(strstr(message, sqlstate));
    ck_assert_ptr_null(strchr(message, '\n'));
    ck_assert_uint_le(strlen(message), 511);
}

static const char *field(const struct outcome *outcome, enum evpg_field which)
{
    const char *text = evpg_error_field(outcome->error, which);

    ck_assert_msg(text != NULL, "no field %d in: %s", which, evpg_error_message(outcome->error));
    return text;
}

START_TEST(er01_syntax_and_names)
{
    struct outcome *wat, *nosuch, *selec;

    begin(_i);
    wat = query("wat", EVPG_NO_PARAMS);
    nosuch = query("select * from nosuch", EVPG_NO_PARAMS);
    selec = query("selec 1", EVPG_NO_PARAMS);
    await_all();
    check_server_error(wat, "42601");
    check_server_error(nosuch, "42P01");
    check_server_error(selec, "42601");
    ck_assert_str_eq(field(wat, EVPG_FIELD_SEVERITY), "ERROR");
    ck_assert_str_eq(field(wat, EVPG_FIELD_SQLSTATE), "42601");
    ck_assert_str_eq(field(wat, EVPG_FIELD_POSITION), "1");
    ck_assert_str_eq(field(nosuch, EVPG_FIELD_MESSAGE), "relation \"nosuch\" does not exist");
    ck_assert_str_eq(field(nosuch, EVPG_FIELD_POSITION), "15");
    ck_assert_ptr_null(evpg_error_field(nosuch->error, EVPG_FIELD_CONSTRAINT));
    ck_assert_str_eq(evpg_error_message(nosuch->error),
                     "ERROR 42P01: relation \"nosuch\" does not exist (at character 15)");
    ck_assert_str_eq(evpg_error_query(nosuch->error), "select * from nosuch");
    ck_assert_int_eq(evpg_error_phase(nosuch->error), EVPG_PHASE_RUNNING);
    end();
}
END_TEST

START_TEST(er02_constraints)
{
    struct outcome *null, *check, *unique;

    begin(_i);
    query("create temp table u(a int not null, b int check(b>0), c int unique)", EVPG_NO_PARAMS);
    query("insert into u values (1,1,1)", EVPG_NO_PARAMS);
    null = query("insert into u values (null,1,2)", EVPG_NO_PARAMS);
    check = query("insert into u values (1,0,3)", EVPG_NO_PARAMS);
    unique = query("insert into u values (1,1,1)", EVPG_NO_PARAMS);
    await_all();
    check_server_error(null, "23502");
    ck_assert_int_eq(strncmp(field(null, EVPG_FIELD_SCHEMA), "pg_temp", 7), 0);
    ck_assert_str_eq(field(null, EVPG_FIELD_TABLE), "u");
    ck_assert_str_eq(field(null, EVPG_FIELD_COLUMN), "a");
    check_server_error(check, "23514");
    ck_assert_str_eq(field(check, EVPG_FIELD_CONSTRAINT), "u_b_check");
    check_server_error(unique, "23505");
    ck_assert_str_eq(field(unique, EVPG_FIELD_DETAIL), "Key (c)=(1) already exists.");
    ck_assert_str_eq(field(unique, EVPG_FIELD_CONSTRAINT), "u_c_key");
    end();
}
END_TEST

START_TEST(er03_all_fields_of_a_long_error)
{
    struct outcome *raised;

    begin(_i);
    raised = query("do $$begin raise exception using errcode = 'P0001', hint = 'a hint',"
                   " detail = 'a detail', message = repeat('é', 51200); end$$",
                   EVPG_NO_PARAMS);
    await_all();
    ck_assert_outcome_sqlstate(raised, "P0001");
    ck_assert_uint_eq(strlen(field(raised, EVPG_FIELD_MESSAGE)), 102400);
    ck_assert_str_eq(field(raised, EVPG_FIELD_HINT), "a hint");
    ck_assert_str_eq(field(raised, EVPG_FIELD_DETAIL), "a detail");
    ck_assert_ptr_nonnull(strstr(field(raised, EVPG_FIELD_CONTEXT), "PL/pgSQL"));
    ck_assert_ptr_nonnull(field(raised, EVPG_FIELD_FILE));
    ck_assert_ptr_nonnull(field(raised, EVPG_FIELD_LINE));
    ck_assert_ptr_nonnull(field(raised, EVPG_FIELD_ROUTINE));
    ck_assert_uint_le(strlen(evpg_error_message(raised->error)), 511);
    /* A DO block may have committed something before it failed. */
    ck_assert_int_eq(evpg_error_fate(raised->error), EVPG_FATE_UNKNOWN);
    end();
}
END_TEST

#define TABLE_D                                                                                    \
    "create temp table d(n int, constraint d_n unique (n) deferrable initially deferred)"

/* The rows came, the command was complete, and then the transaction could not be committed. */
START_TEST(er05_deferred_constraint)
{
    struct outcome *update, *insert, *good, *count;

    begin(_i);
    query(TABLE_D, EVPG_NO_PARAMS);
    query("insert into d values (1),(2)", EVPG_NO_PARAMS);
    update = query("update d set n = 7 returning *", EVPG_NO_PARAMS);
    insert = query("insert into d values (1)", EVPG_NO_PARAMS);
    good = query("insert into d values (3)", EVPG_NO_PARAMS);
    count = query("select count(*) from d", EVPG_NO_PARAMS);
    await_all();
    check_server_error(update, "23505");
    ck_assert_int_eq(evpg_error_phase(update->error), EVPG_PHASE_SETTLING);
    ck_assert_str_eq(field(update, EVPG_FIELD_CONSTRAINT), "d_n");
    check_server_error(insert, "23505");
    ck_assert_int_eq(evpg_error_phase(insert->error), EVPG_PHASE_SETTLING);
    ck_assert_outcome_ok(good);
    ck_assert_str_eq(cell(count, 0, 0), "3");
    end();
}
END_TEST

/* Kept rows are not handed out by a request that has failed. */
START_TEST(er05_deferred_constraint_with_kept_rows)
{
    struct outcome *update;

    begin(_i);
    query(TABLE_D, EVPG_NO_PARAMS);
    query("insert into d values (1),(2)", EVPG_NO_PARAMS);
    update = query_kept("update d set n = 7 returning *", EVPG_NO_PARAMS);
    await_all();
    check_server_error(update, "23505");
    ck_assert_int_eq(update->n_rows, 0);
    end();
}
END_TEST

START_TEST(er06_five_more_after_an_error)
{
    struct outcome *bad, *more[5];

    begin(_i);
    bad = query("select 1/0", EVPG_NO_PARAMS);
    await_all();
    check_server_error(bad, "22012");
    for (int i = 0; i < 5; i++)
        more[i] = query("select $1::int", EVPG_PARAMS(evpg_int32(i)));
    await_all();
    for (int i = 0; i < 5; i++) {
        ck_assert_outcome_ok(more[i]);
        ck_assert_int_eq(atoi(cell(more[i], 0, 0)), i);
    }
    end();
}
END_TEST

/* An error in the midst of rows: those before it were delivered. */
START_TEST(er06_error_after_rows)
{
    struct outcome *late, *next;

    begin(_i);
    late = query("select 1/(500-n) from generate_series(1,1000) n", EVPG_NO_PARAMS);
    next = query("select 'next'", EVPG_NO_PARAMS);
    await_all();
    check_server_error(late, "22012");
    ck_assert_int_le(late->n_rows, 499);
    ck_assert_int_gt(late->n_rows, 400);
    ck_assert_str_eq(cell(next, 0, 0), "next");
    end();
}
END_TEST

/* Class 08 is about connections, but this connection goes on: only FATAL ends one. */
START_TEST(er07_connection_exceptions_of_a_statement)
{
    static const char *const states[] = {"08000", "08001", "08003", "08006", "08P01"};
    enum { N_STATES = sizeof(states) / sizeof(*states) };
    struct outcome *before, *raised[N_STATES], *after;
    char sql[120];

    begin(_i);
    before = query("select pg_backend_pid()", EVPG_NO_PARAMS);
    for (int i = 0; i < N_STATES; i++) {
        snprintf(sql, sizeof(sql), "do $$ begin raise exception sqlstate '%s'; end $$", states[i]);
        raised[i] = query(sql, EVPG_NO_PARAMS);
    }
    after = query("select pg_backend_pid()", EVPG_NO_PARAMS);
    await_all();
    for (int i = 0; i < N_STATES; i++) {
        ck_assert_outcome_sqlstate(raised[i], states[i]);
        ck_assert_int_eq(evpg_error_code(raised[i]->error), EVPG_E_SERVER);
        ck_assert_str_eq(field(raised[i], EVPG_FIELD_SEVERITY), "ERROR");
    }
    ck_assert_outcome_ok(after);
    ck_assert_str_eq(cell(after, 0, 0), cell(before, 0, 0));
    end();
}
END_TEST

START_TEST(commit_of_a_failed_transaction)
{
    struct outcome *begun, *bad, *skipped, *commit, *after;

    begin(_i);
    begun = query("begin", EVPG_NO_PARAMS);
    bad = query("select 1/0", EVPG_NO_PARAMS);
    skipped = query("select 1", EVPG_NO_PARAMS);
    commit = query("/* now */ commit", EVPG_NO_PARAMS);
    after = query("select 2", EVPG_NO_PARAMS);
    await_all();
    ck_assert_outcome_ok(begun);
    check_server_error(bad, "22012");
    check_server_error(skipped, "25P02");
    ck_assert_ptr_nonnull(commit->error);
    ck_assert_int_eq(evpg_error_code(commit->error), EVPG_E_ROLLED_BACK);
    ck_assert_int_eq(evpg_error_fate(commit->error), EVPG_FATE_NOT_EXECUTED);
    ck_assert_str_eq(commit->tag, "ROLLBACK");
    ck_assert_outcome_ok(after);
    end();
}
END_TEST

static Suite *make_suite(void)
{
    Suite *suite = suite_create("db_errors");
    TCase *small = tcase_create("small");
    TCase *large = tcase_create("large");

    tcase_set_timeout(small, 30);
    tcase_set_timeout(large, 30);
    tcase_add_loop_test(small, er01_syntax_and_names, 0, N_MODES);
    tcase_add_loop_test(small, er02_constraints, 0, N_MODES);
    tcase_add_loop_test(large, er03_all_fields_of_a_long_error, 0, N_LARGE_MODES);
    tcase_add_loop_test(small, er05_deferred_constraint, 0, N_MODES);
    tcase_add_loop_test(small, er05_deferred_constraint_with_kept_rows, 0, N_MODES);
    tcase_add_loop_test(small, er06_five_more_after_an_error, 0, N_MODES);
    tcase_add_loop_test(small, er06_error_after_rows, 0, N_MODES);
    tcase_add_loop_test(small, er07_connection_exceptions_of_a_statement, 0, N_MODES);
    tcase_add_loop_test(small, commit_of_a_failed_transaction, 0, ALONE + 1);
    suite_add_tcase(suite, small);
    suite_add_tcase(suite, large);
    return suite;
}

int main(void)
{
    return run_suite(make_suite(), true);
}
