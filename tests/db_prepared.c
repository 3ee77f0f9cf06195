/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * db_prepared: statements are prepared by themselves, and right after whatever happens to them;
 * PR01 to PR13 and PR16, of which db_stale.c has some.
 */
#include "harness.h"
#include "oracle.h"

#include <stdio.h>

/* How many statements the session holds, of those whose text is like that. */
static int count_prepared(const char *like)
{
    struct outcome *count =
        query("select count(*)::text from pg_prepared_statements where statement"
              " like $1 and statement not like '%pg_prepared_statements%'",
              EVPG_PARAMS(evpg_text(like)));

    await_all();
    ck_assert_outcome_ok(count);
    return atoi(cell(count, 0, 0));
}

static void begin_with(int max)
{
    struct evpg_conn_config config = evpg_conn_config_default();

    config.max_prepared_statements = max;
    begin_closed("", &config);
    n_openings = 0;
    ck_assert_ptr_nonnull(evpg_open(db, note_opening, NULL));
    ck_assert(await_flag(&n_openings, 10000));
}

START_TEST(pr01_once)
{
    struct outcome *outcome;

    begin(_i);
    for (int i = 0; i < 3; i++) {
        outcome = query("select $1::int4 + 1 as pr01", EVPG_PARAMS(evpg_int32(i)));
        await_all();
        ck_assert_outcome_ok(outcome);
        ck_assert_int_eq(atoi(cell(outcome, 0, 0)), i + 1);
    }
    ck_assert_int_eq(count_prepared("%pr01%"), 1);
    end();
}
END_TEST

/* 0: by the configuration; 1: by the flag. */
START_TEST(pr02_never)
{
    begin_with(_i == 0 ? -1 : 0);
    for (int i = 0; i < 3; i++) {
        struct outcome *outcome = query("select 1 as pr02", EVPG_NO_PARAMS);

        if (_i == 1)
            evpg_request_set_flags(outcome->request, EVPG_UNPREPARED);
        await_all();
        ck_assert_outcome_ok(outcome);
    }
    ck_assert_int_eq(count_prepared("%pr02%"), 0);
    end();
}
END_TEST

START_TEST(pr03_those_used_last)
{
    char sql[40];

    begin_with(5);
    for (int i = 0; i < 10; i++) {
        query("select 'a' as pr03", EVPG_NO_PARAMS);
        snprintf(sql, sizeof(sql), "select %d as pr03", i);
        query(sql, EVPG_NO_PARAMS);
        await_all();
    }
    check_all_succeeded();
    query("select 'a' as pr03", EVPG_NO_PARAMS);
    ck_assert_int_le(count_prepared("%pr03%"), 5);
    ck_assert_int_eq(count_prepared("select 'a' as pr03"), 1);
    ck_assert_int_eq(count_prepared("select 0 as pr03"), 0);
    end();
}
END_TEST

/* The server runs some statements only where no other has run before them in their Sync group, not
 * even one that drops what was evicted. */
START_TEST(none_is_dropped_before_what_runs_alone)
{
    char sql[40];
    struct outcome *alone;

    begin_with(1);
    for (int i = 0; i < 3; i++) {
        snprintf(sql, sizeof(sql), "select %d as company", i);
        query(sql, EVPG_NO_PARAMS);
        await_all();
    }
    check_all_succeeded();
    alone = query("drop tablespace no_such_tablespace", EVPG_NO_PARAMS);
    await_all();
    ck_assert_outcome_sqlstate(alone, "42704");
    end();
}
END_TEST

/* Of a handful of names, of which some are kept: those that were evicted are used again before they
 * could be dropped, within a transaction block, which one error would end. */
START_TEST(more_than_are_kept)
{
    char sql[40];

    begin_with(3);
    for (int i = 0; i < 200; i++) {
        if (i % 50 == 10)
            query("begin", EVPG_NO_PARAMS);
        snprintf(sql, sizeof(sql), "select %d as kept", i % 50 < 25 ? i % 4 : i % 17);
        query(sql, EVPG_NO_PARAMS);
        if (i % 50 == 40)
            query("commit", EVPG_NO_PARAMS);
        if (i % 3 == 0)
            await_all();
    }
    await_all();
    check_all_succeeded();
    ck_assert_int_le(count_prepared("% as kept"), 3 + 8);
    for (int i = 0; i < 10; i++)
        query("select 'again' as other", EVPG_NO_PARAMS);
    ck_assert_int_le(count_prepared("% as kept"), 3);
    end();
}
END_TEST

/* Statements that prepare others are behind it. */
START_TEST(discarded_in_the_midst)
{
    static const char *const how[] = {"deallocate all", "discard all"};
    struct outcome *outcomes[60];
    char sql[40];

    begin(_i / 2);
    query("begin", EVPG_NO_PARAMS);
    for (int i = 0; i < 60; i++) {
        snprintf(sql, sizeof(sql), "select %d as midst", i % 12);
        outcomes[i] = query(sql, EVPG_NO_PARAMS);
        if (i != 5)
            continue;
        query(_i % 2 ? "commit" : "select", EVPG_NO_PARAMS);
        query(how[_i % 2], EVPG_NO_PARAMS);
    }
    query("commit", EVPG_NO_PARAMS);
    await_all();
    for (int i = 0; i < 60; i++)
        ck_assert_outcome_ok(outcomes[i]);
    ck_assert_int_eq(count_prepared("% as midst"), 12);
    end();
}
END_TEST

/* An error of that kind which is not the statement's own: it is told, and run once. */
START_TEST(a_functions_own_error)
{
    static const char *const raised[] = {"0A000", "26000", "42P05"};
    struct outcome *count;
    char sql[300];

    begin(ALONE);
    query("create temp sequence own", EVPG_NO_PARAMS);
    snprintf(sql, sizeof(sql),
             "create function pg_temp.own() returns int language plpgsql as $$begin"
             " perform nextval('own'); raise exception 'of my own' using errcode = '%s'; end$$",
             raised[_i]);
    query(sql, EVPG_NO_PARAMS);
    for (int i = 0; i < 3; i++) {
        struct outcome *outcome = query("select pg_temp.own()", EVPG_NO_PARAMS);

        await_all();
        ck_assert_outcome_sqlstate(outcome, raised[_i]);
    }
    count = query("select last_value::text from own", EVPG_NO_PARAMS);
    await_all();
    ck_assert_str_eq(cell(count, 0, 0), "3");
    end();
}
END_TEST

/* The table changes under it, by another session. */
START_TEST(pr04_another_result_type)
{
    struct outcome *outcome;

    free(admin("drop table if exists pr04; create table pr04 (a int, b int);"
               "insert into pr04 values (1, 2)"));
    begin(_i);
    query("select * from pr04", EVPG_NO_PARAMS);
    await_all();
    free(admin("alter table pr04 alter b type text"));
    for (int i = 0; i < 3; i++) {
        outcome = query("select * from pr04", EVPG_NO_PARAMS);
        await_all();
        ck_assert_outcome_ok(outcome);
        ck_assert_int_eq(outcome->n_rows, 1);
        ck_assert_str_eq(cell(outcome, 0, 1), "2");
    }
    ck_assert_int_eq(count_prepared("select * from pr04"), 1);
    end();
    free(admin("drop table pr04"));
}
END_TEST

START_TEST(pr07_an_error_is_told_as_it_is)
{
    struct outcome *wrong;

    begin(_i);
    query("create temp table pr07 (a int)", EVPG_NO_PARAMS);
    query("begin", EVPG_NO_PARAMS);
    wrong = query("insert into pr07 values (false)", EVPG_NO_PARAMS);
    query("rollback", EVPG_NO_PARAMS);
    await_all();
    ck_assert_outcome_sqlstate(wrong, "42804");
    end();
}
END_TEST

/* The session forgets them all, by each way. */
START_TEST(pr08_forgotten)
{
    static const char *const how[] = {"deallocate all", "discard all"};
    struct outcome *outcome;

    begin(_i / 2);
    for (int i = 0; i < 3; i++) {
        outcome = query("select $1::int4 as pr08", EVPG_PARAMS(evpg_int32(i)));
        await_all();
        ck_assert_outcome_ok(outcome);
        if (i == 1)
            submit_script(new_outcome(), how[_i % 2]);
        else
            query(how[_i % 2], EVPG_NO_PARAMS);
        await_all();
    }
    ck_assert_int_eq(count_prepared("%pr08%"), 0);
    end();
}
END_TEST

/* And by one that the library cannot see; many are on the wire by then, and each runs once. */
START_TEST(pr08_forgotten_unseen)
{
    begin(ALONE);
    ledger_begin();
    ledger_submit(1);
    await_all();
    query("do $$begin execute 'deallocate all'; end$$", EVPG_NO_PARAMS);
    ledger_submit(50);
    await_all();
    check_all_succeeded();
    ck_assert_int_eq(ledger_check(), 51);
    end();
}
END_TEST

START_TEST(pr09_prepared_in_a_transaction)
{
    struct outcome *outcome;

    begin(_i);
    query("begin", EVPG_NO_PARAMS);
    query("select 1 as pr09", EVPG_NO_PARAMS);
    query("rollback", EVPG_NO_PARAMS);
    outcome = query("select 1 as pr09", EVPG_NO_PARAMS);
    await_all();
    ck_assert_outcome_ok(outcome);
    end();
}
END_TEST

START_TEST(pr11_errors_leave_nothing)
{
    begin(_i);
    for (int i = 0; i < 10; i++) {
        struct outcome *outcome = query("select wat_pr11", EVPG_NO_PARAMS);

        if (i % 2)
            await_all();
        else
            run_for(1);
        if (i % 2)
            ck_assert_outcome_sqlstate(outcome, "42703");
    }
    await_all();
    ck_assert_int_eq(count_prepared("%wat_pr11%"), 0);
    end();
}
END_TEST

START_TEST(pr13_a_hundred_at_once)
{
    struct outcome *outcomes[100];

    begin(_i);
    for (int i = 0; i < 100; i++)
        outcomes[i] = query("select $1::int4 * 2 as pr13", EVPG_PARAMS(evpg_int32(i)));
    await_all();
    for (int i = 0; i < 100; i++) {
        ck_assert_outcome_ok(outcomes[i]);
        ck_assert_int_eq(atoi(cell(outcomes[i], 0, 0)), 2 * i);
    }
    ck_assert_int_eq(count_prepared("%pr13%"), 1);
    end();
}
END_TEST

START_TEST(pr16_types_tell_them_apart)
{
    struct outcome *narrow, *wide;

    begin(_i);
    narrow = query("select pg_typeof($1)::text as pr16", EVPG_PARAMS(evpg_int32(1)));
    wide = query("select pg_typeof($1)::text as pr16", EVPG_PARAMS(evpg_int64(1)));
    await_all();
    ck_assert_str_eq(cell(narrow, 0, 0), "integer");
    ck_assert_str_eq(cell(wide, 0, 0), "bigint");
    ck_assert_int_eq(count_prepared("%pr16%"), 2);
    end();
}
END_TEST

/* Text and binary are asked for with each execution. */
START_TEST(text_and_binary_by_one)
{
    begin(ALONE);
    for (int i = 0; i < 4; i++) {
        struct outcome *outcome = query("select 258::int4 as formats", EVPG_NO_PARAMS);

        evpg_request_set_flags(outcome->request, i % 2 ? EVPG_BINARY : 0);
        await_all();
        ck_assert_outcome_ok(outcome);
        if (i % 2 == 0)
            ck_assert_str_eq(cell(outcome, 0, 0), "258");
    }
    ck_assert_int_eq(count_prepared("%formats%"), 1);
    end();
}
END_TEST

/* A statement of that name is there already: another client's, behind a pooler. */
START_TEST(prepared_already)
{
    char sql[200], *name;
    struct outcome *outcome, *found;

    begin(ALONE);
    query("select 'same' as already", EVPG_NO_PARAMS);
    found = query("select name from pg_prepared_statements where statement like '%already'"
                  " and statement not like '%pg_prep%'",
                  EVPG_NO_PARAMS);
    await_all();
    name = strdup(cell(found, 0, 0));
    query("discard all", EVPG_NO_PARAMS);
    snprintf(sql, sizeof(sql), "prepare \"%s\" as select 'same' as already", name);
    query(sql, EVPG_NO_PARAMS);
    for (int i = 0; i < 3; i++) {
        outcome = query("select 'same' as already", EVPG_NO_PARAMS);
        await_all();
        ck_assert_outcome_ok(outcome);
        ck_assert_str_eq(cell(outcome, 0, 0), "same");
    }
    end();
    free(name);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("db_prepared");
    TCase *tcase = tcase_create("prepared");

    tcase_set_timeout(tcase, 60);
    tcase_add_loop_test(tcase, pr01_once, 0, N_MODES);
    tcase_add_loop_test(tcase, pr02_never, 0, 2);
    tcase_add_test(tcase, pr03_those_used_last);
    tcase_add_test(tcase, none_is_dropped_before_what_runs_alone);
    tcase_add_test(tcase, more_than_are_kept);
    tcase_add_loop_test(tcase, discarded_in_the_midst, 0, 2 * N_MODES);
    tcase_add_loop_test(tcase, a_functions_own_error, 0, 3);
    tcase_add_loop_test(tcase, pr04_another_result_type, 0, N_MODES);
    tcase_add_loop_test(tcase, pr07_an_error_is_told_as_it_is, 0, N_MODES);
    tcase_add_loop_test(tcase, pr08_forgotten, 0, 2 * N_MODES);
    tcase_add_test(tcase, pr08_forgotten_unseen);
    tcase_add_loop_test(tcase, pr09_prepared_in_a_transaction, 0, N_MODES);
    tcase_add_loop_test(tcase, pr11_errors_leave_nothing, 0, N_MODES);
    tcase_add_loop_test(tcase, pr13_a_hundred_at_once, 0, N_MODES);
    tcase_add_loop_test(tcase, pr16_types_tell_them_apart, 0, N_MODES);
    tcase_add_test(tcase, text_and_binary_by_one);
    tcase_add_test(tcase, prepared_already);
    suite_add_tcase(suite, tcase);
    return run_suite(suite, true);
}
