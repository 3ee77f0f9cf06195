/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * db_group_end: requests that share one Sync, lib/group.c, when they do not come to their end: they
 * are canceled, too late, lost, abandoned, paused, or the end of their connection.
 */
#include "bundle.h"

static void cancel_whole(void)
{
    evpg_request_cancel(&bundle->base);
}

/* Before it is sent nothing of it is; while it runs the one that runs is stopped. */
START_TEST(canceled)
{
    bool sent = _i;

    begin_with_table(ALONE);
    start();
    add("insert into t values (1)");
    add("select pg_sleep(20)");
    add("insert into t values (2)");
    send_bundle();
    if (sent)
        run_for(150);
    cancel_whole();
    ck_assert_int_eq(n_done, 0);
    await_whole();
    check_order();
    check(1, EVPG_E_CANCELED, sent ? EVPG_FATE_NOT_EXECUTED : EVPG_FATE_NOT_SENT);
    check(0, sent ? 0 : EVPG_E_CANCELED, sent ? 0 : EVPG_FATE_NOT_SENT);
    ck_assert_int_eq(whole.code, sent ? EVPG_E_ABORTED : EVPG_E_CANCELED);
    check_count("0");
    end();
}
END_TEST

/* All are told at the deadline, in order, and what comes afterwards is nobody's. */
START_TEST(too_late)
{
    begin_with_table(ALONE);
    start();
    add("insert into t values (1)");
    add("select pg_sleep(20)");
    add("insert into t values (2)");
    send_bundle();
    evpg_request_set_timeout(&bundle->base, 150);
    if (_i)
        query("select pg_sleep(0.4)", EVPG_NO_PARAMS)->number = 1;
    await_whole();
    check_order();
    for (int i = 0; i < n_members; i++)
        check(i, EVPG_E_TIMEOUT, EVPG_FATE_UNKNOWN);
    await_all();
    check_count("0");
    end();
}
END_TEST

/* A member alone is late, while the server keeps the answers of those before it back: it is stopped
 * all the same, and what is behind it is skipped. */
START_TEST(member_too_late)
{
    struct evpg_request *member;

    begin_with_table(ALONE);
    start();
    add("insert into t values (1)");
    add("select pg_sleep(20)");
    member = TAILQ_LAST(&bundle->members, req_list);
    add("insert into t values (2)");
    send_bundle();
    run_for(50);
    evpg_request_set_timeout(member, 100);
    run_for(120);
    ck_assert_int_eq(n_done, 1);
    check(1, EVPG_E_TIMEOUT, EVPG_FATE_UNKNOWN);
    ck_assert(await_flag(&whole.done, 2000));
    check(0, 0, 0);
    check(2, EVPG_E_ABORTED, EVPG_FATE_NOT_EXECUTED);
    check_count("0");
    end();
}
END_TEST

static void end_bundle(void)
{
    evpg_request_abandon(&bundle->base);
}

/* Lost before the Sync: all are UNKNOWN; not sent: NOT_SENT. */
START_TEST(lost)
{
    begin(ALONE);
    find_backend();
    start();
    add("select 1");
    add("select pg_sleep(20)");
    add("select 2");
    send_bundle();
    if (_i)
        run_for(150);
    end_backend();
    await_whole();
    check_order();
    for (int i = 0; i < n_members; i++)
        check(i, EVPG_E_LOST, _i ? EVPG_FATE_UNKNOWN : EVPG_FATE_NOT_SENT);
    ck_assert_int_eq(ends[0].n_rows, _i);
    free_db();
    end();
}
END_TEST

/* Freed in the row or the done callback of each member: those that were answered succeed. */
START_TEST(freed_in_callback)
{
    int member = _i / 2 + 1;
    bool in_row = _i % 2;

    begin(ALONE);
    start();
    for (int i = 0; i < 4; i++)
        add("select generate_series(1, 3)");
    act = free_db;
    act_in_row = in_row ? member : 0;
    act_in_done = in_row ? 0 : member;
    send_bundle();
    await_whole();
    act = NULL;
    for (int i = 0; i < n_members; i++) {
        ck_assert_int_eq(ends[i].done, 1);
        ck_assert_int_eq(ends[i].order, i);
        check(i, in_row ? EVPG_E_CLOSED : 0, in_row ? EVPG_FATE_UNKNOWN : 0);
    }
    ck_assert_int_eq(whole.code, in_row ? EVPG_E_CLOSED : 0);
    end();
}
END_TEST

/* Abandoned before it is sent, while it runs, and in each callback: nothing comes any more. */
START_TEST(abandoned)
{
    begin_with_table(ALONE);
    start();
    add("insert into t values (1) returning i");
    add(_i < 2 ? "select pg_sleep(20)" : "select 1");
    add("select 2");
    send_bundle();
    act = end_bundle;
    act_in_row = _i == 2;
    act_in_done = _i == 3;
    if (_i == 1)
        run_for(100);
    if (_i < 2)
        end_bundle();
    run_for(300);
    act = NULL;
    ck_assert_int_eq(n_done, _i == 3);
    ck_assert_int_eq(whole.done, 0);
    end();
}
END_TEST

static struct evpg_request *paused;

static enum evpg_flow pause_first(const struct evpg_row *row, void *arg)
{
    struct end *end = arg;

    end->n_rows++;
    if (end->n_rows > 1)
        return EVPG_NEXT;
    paused = evpg_row_request(row);
    return EVPG_PAUSE;
}

/* A member in the midst of the others is paused, goes on, or is canceled with the group. */
START_TEST(paused_member)
{
    begin(ALONE);
    start();
    add("select 1");
    add("select generate_series(1, 1000)");
    ((struct op_rows *)TAILQ_LAST(&bundle->members, req_list))->on_row = pause_first;
    add("select 2");
    send_bundle();
    paused = NULL;
    run_for(150);
    ck_assert_ptr_nonnull(paused);
    ck_assert_int_eq(n_done, 0);
    if (_i == 0)
        evpg_request_resume(paused);
    else
        cancel_whole();
    await_whole();
    check_order();
    if (_i == 0)
        ck_assert_int_eq(ends[1].n_rows, 1000);
    else
        ck_assert_int_eq(ends[1].code, EVPG_E_CANCELED);
    end();
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("db_group_end");
    TCase *tcase = tcase_create("end");

    tcase_set_timeout(tcase, 60);
    tcase_add_loop_test(tcase, canceled, 0, 2);
    tcase_add_loop_test(tcase, too_late, 0, 2);
    tcase_add_test(tcase, member_too_late);
    tcase_add_loop_test(tcase, lost, 0, 2);
    tcase_add_loop_test(tcase, freed_in_callback, 0, 8);
    tcase_add_loop_test(tcase, abandoned, 0, 4);
    tcase_add_loop_test(tcase, paused_member, 0, 2);
    suite_add_tcase(suite, tcase);
    return run_suite(suite, true);
}
