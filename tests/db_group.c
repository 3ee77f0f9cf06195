/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * db_group: requests that share one Sync, lib/group.c, through the internal interface: one
 * transaction, completions in order, each with its rows, and what becomes of the others when one
 * fails.
 */
#include "bundle.h"

#include <errno.h>

/* Rows in each; the same statement twice; ordinary requests before and behind. */
START_TEST(all_succeed)
{
    struct outcome *before, *behind;

    begin_with_table(_i);
    before = query("select 'before' from generate_series(1, 3)", EVPG_NO_PARAMS);
    start();
    add_with("insert into t values ($1) returning i", EVPG_PARAMS(evpg_int32(1)));
    add_with("insert into t values ($1) returning i", EVPG_PARAMS(evpg_int32(2)));
    add("select generate_series(1, 200)");
    add("delete from t where i = 77");
    add("");
    add("select count(*), pg_current_xact_id_if_assigned() from t");
    send_bundle();
    behind = query("select 'behind' from generate_series(1, 100)", EVPG_NO_PARAMS);
    await_all();
    await_whole();
    check_order();
    for (int i = 0; i < n_members; i++)
        ck_assert_msg(ends[i].code == 0, "%s", ends[i].message);
    ck_assert_int_eq(whole.code, 0);
    ck_assert_int_eq(ends[0].n_rows, 1);
    ck_assert_int_eq(ends[2].n_rows, 200);
    ck_assert_int_eq(ends[3].n_rows, 0);
    ck_assert_int_eq(before->n_rows, 3);
    ck_assert_int_eq(behind->n_rows, 100);
    ck_assert_str_eq(cell(behind, 99, 0), "behind");
    check_count("2");
    end();
}
END_TEST

/* In one transaction: what the first has done is undone with the one that failed, though each is
 * told what the server has said of it alone. */
START_TEST(one_fails)
{
    struct outcome *behind;

    begin_with_table(_i);
    start();
    add("insert into t values (1) returning i");
    add("insert into t values (2)");
    add("select 1 / 0");
    add_with("insert into t values ($1)", EVPG_PARAMS(evpg_int32(3)));
    add("select generate_series(1, 3)");
    send_bundle();
    behind = query("select 'behind' from generate_series(1, 3)", EVPG_NO_PARAMS);
    await_all();
    await_whole();
    check_order();
    check(0, 0, 0);
    check(1, 0, 0);
    check(2, EVPG_E_SERVER, EVPG_FATE_NOT_EXECUTED);
    ck_assert_str_eq(ends[2].sqlstate, "22012");
    check(3, EVPG_E_ABORTED, EVPG_FATE_NOT_EXECUTED);
    check(4, EVPG_E_ABORTED, EVPG_FATE_NOT_EXECUTED);
    ck_assert_int_eq(ends[0].n_rows, 1);
    ck_assert_int_eq(ends[4].n_rows, 0);
    ck_assert_int_eq(whole.code, EVPG_E_ABORTED);
    ck_assert_str_eq(whole.message, "3 of 5");
    ck_assert_int_eq(behind->n_rows, 3);
    check_count("0");
    end();
}
END_TEST

/* What is found out at the Sync undoes all of them: only the group is told. */
START_TEST(fails_at_sync)
{
    begin_with_table(_i);
    start();
    add("insert into t values (1)");
    add("insert into t values (1)");
    add("select generate_series(1, 3)");
    send_bundle();
    await_whole();
    check_order();
    for (int i = 0; i < n_members; i++)
        check(i, 0, 0);
    ck_assert_int_eq(whole.code, EVPG_E_ABORTED);
    ck_assert_str_eq(whole.message, "0 of 3");
    check_count("0");
    end();
}
END_TEST

/* PI06: a block that fails in one group, is still failed for what comes next, and is ended in
 * another group, of which the rest is done. */
START_TEST(pi06_block_over_groups)
{
    struct outcome *in_between;

    begin_with_table(_i);
    start();
    add("begin");
    add("select 0 / 0");
    add("rollback");
    add("insert into t values (1)");
    send_bundle();
    await_whole();
    check(1, EVPG_E_SERVER, EVPG_FATE_NOT_EXECUTED);
    check(2, EVPG_E_ABORTED, EVPG_FATE_NOT_EXECUTED);
    check(3, EVPG_E_ABORTED, EVPG_FATE_NOT_EXECUTED);
    in_between = new_outcome();
    submit(in_between, "insert into t values (2)", EVPG_NO_PARAMS);
    await_all();
    ck_assert_outcome_sqlstate(in_between, "25P02");
    start();
    add("rollback");
    add("insert into t values (3)");
    send_bundle();
    await_whole();
    ck_assert_int_eq(whole.code, 0);
    check_order();
    check_count("1");
    end();
}
END_TEST

/* A thousand members, whose completion goes in slices; what is behind them has its own rows. */
START_TEST(many)
{
    struct outcome *behind;

    begin_with_table(_i);
    start();
    for (int i = 0; i < BUNDLE_MOST; i++)
        add_with("insert into t values ($1) returning i", EVPG_PARAMS(evpg_int32(i)));
    send_bundle();
    behind = query("select generate_series(1, 100)", EVPG_NO_PARAMS);
    await_whole();
    await_all();
    check_order();
    ck_assert_int_eq(whole.code, 0);
    ck_assert_int_eq(behind->n_rows, 100);
    check_count("1200");
    end();
}
END_TEST

/* The bounds of a queue: it is one request, with the bytes of all. */
START_TEST(refused)
{
    struct evpg_conn_config config = EVPG_CONN_CONFIG(.max_queued_bytes = 2000);

    begin_closed(NULL, &config);
    start();
    add("select 1");
    ck_assert_int_eq(db_submit(db, &bundle->base), ENOTCONN);
    ck_assert_int_eq(n_done, 0);
    req_release(&bundle->base);
    free_db();
    end();
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("db_group");
    TCase *tcase = tcase_create("group");

    tcase_set_timeout(tcase, 120);
    tcase_add_loop_test(tcase, all_succeed, 0, N_MODES);
    tcase_add_loop_test(tcase, one_fails, 0, N_MODES);
    tcase_add_loop_test(tcase, fails_at_sync, 0, N_MODES);
    tcase_add_loop_test(tcase, pi06_block_over_groups, 0, N_MODES);
    tcase_add_loop_test(tcase, many, 0, N_LARGE_MODES);
    tcase_add_test(tcase, refused);
    suite_add_tcase(suite, tcase);
    return run_suite(suite, true);
}
