/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * db_stale: what statements that are prepared do when that for which they were is not as it was;
 * some of PR04, PR10 and PR12. The rest is db_prepared.c's.
 */
#include "harness.h"

/* In a transaction it is an error, and the next time it works. */
START_TEST(pr04_in_a_transaction)
{
    struct outcome *stale, *outcome;

    free(admin("drop table if exists pr04; create table pr04 (a int, b int)"));
    begin(ALONE);
    query("select * from pr04", EVPG_NO_PARAMS);
    await_all();
    free(admin("alter table pr04 alter b type text"));
    query("begin", EVPG_NO_PARAMS);
    stale = query("select * from pr04", EVPG_NO_PARAMS);
    query("rollback", EVPG_NO_PARAMS);
    outcome = query("select * from pr04", EVPG_NO_PARAMS);
    await_all();
    ck_assert_outcome_sqlstate(stale, "0A000");
    ck_assert_int_eq(evpg_error_fate(stale->error), EVPG_FATE_NOT_EXECUTED);
    ck_assert_outcome_ok(outcome);
    end();
    free(admin("drop table pr04"));
}
END_TEST

/* A column has another type than when the server has inferred that of the parameter, which the
 * server does not tell; what doc/VALUES.md has for that. */
START_TEST(another_type_of_column)
{
    struct outcome *read;

    free(admin("drop table if exists inferred; create table inferred (at date)"));
    begin(_i);
    for (int i = 0; i < 4; i++) {
        struct outcome *sent = query("insert into inferred values ($1)",
                                     EVPG_PARAMS(evpg_text("2024-05-06 10:11:12")));

        evpg_request_set_flags(sent->request, i == 2 ? EVPG_UNPREPARED : 0);
        await_all();
        if (i == 0)
            free(admin("truncate inferred; alter table inferred alter at type timestamp"));
        if (i == 2)
            query("deallocate all", EVPG_NO_PARAMS);
    }
    read = query("select at::text from inferred", EVPG_NO_PARAMS);
    await_all();
    check_all_succeeded();
    ck_assert_int_eq(read->n_rows, 3);
    ck_assert_str_eq(cell(read, 1, 0), "2024-05-06 10:11:12");
    ck_assert_str_eq(cell(read, 2, 0), "2024-05-06 10:11:12");
    end();
    free(admin("drop table inferred"));
}
END_TEST

/* As is said there: a moment in quotes is that of when it was prepared. */
START_TEST(moments)
{
    static const char *const sqls[] = {"select 'now'::timestamptz::text", "select now()::text"};
    struct outcome *outcomes[3];

    begin(ALONE);
    for (int i = 0; i < 3; i++) {
        outcomes[i] = query(sqls[_i == 2], EVPG_NO_PARAMS);
        evpg_request_set_flags(outcomes[i]->request, _i == 1 ? EVPG_UNPREPARED : 0);
        await_all();
        run_for(2);
    }
    check_all_succeeded();
    for (int i = 1; i < 3; i++)
        ck_assert((strcmp(cell(outcomes[i], 0, 0), cell(outcomes[0], 0, 0)) == 0) == (_i == 0));
    end();
}
END_TEST

/* A failed preparation is nothing to remember; five are queued behind the first. */
START_TEST(pr10_a_type_that_comes_later)
{
    struct outcome *outcomes[6], *later;

    free(admin("drop type if exists pr10"));
    begin(_i);
    for (int i = 0; i < 6; i++)
        outcomes[i] = query("select $1::pr10::text", EVPG_PARAMS(evpg_text("ok")));
    await_all();
    for (int i = 0; i < 6; i++)
        ck_assert_outcome_sqlstate(outcomes[i], "42704");
    free(admin("create type pr10 as enum ('sad', 'ok')"));
    later = query("select $1::pr10::text", EVPG_PARAMS(evpg_text("ok")));
    await_all();
    ck_assert_outcome_ok(later);
    ck_assert_str_eq(cell(later, 0, 0), "ok");
    end();
    free(admin("drop type pr10"));
}
END_TEST

/* The table and its enum are made anew, with the same names. */
START_TEST(pr12_made_anew)
{
    static const char make[] = "drop table if exists pr12; drop type if exists pr12_mood;"
                               "create type pr12_mood as enum ('sad', 'ok');"
                               "create table pr12 (moods pr12_mood[])";
    struct outcome *outcome;

    free(admin(make));
    begin(_i);
    for (int i = 0; i < 3; i++) {
        outcome = query("insert into pr12 values ($1)", EVPG_PARAMS(evpg_text("{ok,sad}")));
        await_all();
        ck_assert_outcome_ok(outcome);
        free(admin(make));
    }
    end();
    free(admin("drop table pr12; drop type pr12_mood"));
}
END_TEST

/* What a block that has failed ignores is told so, even where it was to run by what another,
 * ignored as well, was to prepare. 0: it has failed before that; 1: by that preparation. */
START_TEST(ignored_in_a_failed_block)
{
    const char *sql = _i ? "select wat_failed" : "select 'failed'";
    struct outcome *outcomes[4], *after;

    begin(ALONE);
    query("begin", EVPG_NO_PARAMS);
    if (_i == 0)
        query("select 1/0", EVPG_NO_PARAMS);
    for (int i = 0; i < 4; i++)
        outcomes[i] = query(sql, EVPG_NO_PARAMS);
    query("rollback", EVPG_NO_PARAMS);
    after = query("select 'failed'", EVPG_NO_PARAMS);
    await_all();
    for (int i = 0; i < 4; i++) {
        ck_assert_outcome_sqlstate(outcomes[i], _i && i == 0 ? "42703" : "25P02");
        ck_assert_int_eq(evpg_error_code(outcomes[i]->error), EVPG_E_SERVER);
        ck_assert_int_eq(evpg_error_fate(outcomes[i]->error), EVPG_FATE_NOT_EXECUTED);
        ck_assert_str_eq(evpg_error_field(outcomes[i]->error, EVPG_FIELD_SQLSTATE),
                         evpg_error_sqlstate(outcomes[i]->error));
    }
    ck_assert_outcome_ok(after);
    end();
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("db_stale");
    TCase *tcase = tcase_create("stale");

    tcase_set_timeout(tcase, 60);
    tcase_add_test(tcase, pr04_in_a_transaction);
    tcase_add_loop_test(tcase, another_type_of_column, 0, N_MODES);
    tcase_add_loop_test(tcase, moments, 0, 3);
    tcase_add_loop_test(tcase, pr10_a_type_that_comes_later, 0, N_MODES);
    tcase_add_loop_test(tcase, pr12_made_anew, 0, N_MODES);
    tcase_add_loop_test(tcase, ignored_in_a_failed_block, 0, 2);
    suite_add_tcase(suite, tcase);
    return run_suite(suite, true);
}
