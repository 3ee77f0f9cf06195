/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * db_pipeline: many requests at once on one connection: order, isolation, both directions full;
 * PI01 to PI18, but for what has tests of its own.
 *
 * The counterpart of lib/pipeline.c and lib/io.c.
 */
#include "oracle.h"

#include <libpq-fe.h>
#include <stdio.h>

START_TEST(pi01_in_order)
{
    struct outcome *three[3];

    begin(_i);
    for (int i = 0; i < 3; i++)
        three[i] = query("select $1::int", EVPG_PARAMS(evpg_int32(i + 1)));
    await_all();
    for (int i = 0; i < 3; i++) {
        ck_assert_outcome_ok(three[i]);
        ck_assert_int_eq(atoi(cell(three[i], 0, 0)), i + 1);
        ck_assert(i == 0 || three[i]->order > three[i - 1]->order);
    }
    end();
}
END_TEST

START_TEST(pi02_errors_are_isolated)
{
    struct outcome *one, *bad, *three;

    begin(_i);
    one = query("select 1", EVPG_NO_PARAMS);
    bad = query("select invalid syntax", EVPG_NO_PARAMS);
    three = query("select 3", EVPG_NO_PARAMS);
    await_all();
    ck_assert_outcome_ok(one);
    ck_assert_outcome_sqlstate(bad, "42703");
    ck_assert_outcome_ok(three);
    ck_assert_str_eq(cell(three, 0, 0), "3");
    ck_assert_int_lt(one->order, bad->order);
    ck_assert_int_lt(bad->order, three->order);
    end();
}
END_TEST

/* What was acknowledged stays, seen from another session. */
START_TEST(pi02_good_neighbours_persist)
{
    struct outcome *inserts[20];
    char *count;

    free(admin("create table pi02(n int primary key)"));
    begin(_i);
    for (int i = 0; i < 20; i++)
        inserts[i] = query("insert into pi02 values ($1 / ($1 % 5))", EVPG_PARAMS(evpg_int32(i)));
    await_all();
    count = admin("select count(*) from pi02");
    free(admin("drop table pi02"));
    for (int i = 0, good = 0; i < 20; i++) {
        if (i % 5 == 0)
            ck_assert_outcome_sqlstate(inserts[i], "22012");
        good += !inserts[i]->error;
        if (i == 19)
            ck_assert_int_eq(atoi(count), good);
    }
    free(count);
    end();
}
END_TEST

START_TEST(pi09_row_modes_do_not_leak)
{
    static const char sql[] = "select generate_series(42,$1)";
    struct outcome *three[3];

    begin(_i);
    three[0] = query(sql, EVPG_PARAMS(evpg_int32(44)));
    three[1] = query(sql, EVPG_PARAMS(evpg_int32(45)));
    three[2] = query_kept(sql, EVPG_PARAMS(evpg_int32(46)));
    query_kept("select 1", EVPG_NO_PARAMS);
    await_all();
    for (int i = 0; i < 3; i++) {
        ck_assert_outcome_ok(three[i]);
        ck_assert_int_eq(three[i]->n_rows, 3 + i);
        ck_assert_uint_eq(three[i]->rows, 3 + i);
        for (int row = 0; row < three[i]->n_rows; row++)
            ck_assert_int_eq(atoi(cell(three[i], row, 0)), 42 + row);
    }
    end();
}
END_TEST

START_TEST(pi11_bind_error_before_another)
{
    struct outcome *bad, *good;

    begin(_i);
    bad = query("select $1::int", EVPG_NO_PARAMS);
    good = query("select 'value' as name", EVPG_NO_PARAMS);
    await_all();
    ck_assert_outcome_sqlstate(bad, "08P01");
    ck_assert_int_eq(bad->columns, 0);
    ck_assert_outcome_ok(good);
    ck_assert_str_eq(good->column_name[0], "name");
    ck_assert_str_eq(cell(good, 0, 0), "value");
    end();
}
END_TEST

/* With --full a hundred thousand. */
START_TEST(ten_thousand_at_once)
{
    static struct outcome *all[100000];
    int many = sized(10000, 100000);

    begin(_i);
    for (int i = 0; i < many; i++) {
        all[i] = new_outcome();
        ck_assert_ptr_nonnull(submit(all[i], "select $1", EVPG_PARAMS(evpg_int32(i))));
    }
    await_all();
    for (int i = 0; i < many; i++) {
        ck_assert_outcome_ok(all[i]);
        ck_assert_int_eq(all[i]->order, i);
        ck_assert_int_eq(atoi(cell(all[i], 0, 0)), i);
    }
    end();
}
END_TEST

/* Sending goes on all the time while answers come, and every third is an error, after which libpq
 * skips to the Sync: what is sent in between would upset its count. */
START_TEST(errors_all_along)
{
    static struct outcome *all[30000];
    int many = _i == FRAGMENTED_1 ? 400 : sized(3000, 30000);

    begin(_i);
    for (int i = 0; i < many; i++) {
        all[i] = new_outcome();
        ck_assert_ptr_nonnull(submit(all[i], "select $1 / ($1 % 3)", EVPG_PARAMS(evpg_int32(i))));
    }
    await_all();
    for (int i = 0; i < many; i++) {
        ck_assert_int_eq(all[i]->order, i);
        if (i % 3 == 0)
            ck_assert_outcome_sqlstate(all[i], "22012");
        else
            ck_assert_int_eq(atoi(cell(all[i], 0, 0)), i / (i % 3));
    }
    end();
}
END_TEST

/* Both directions are full at once: whoever only writes, or only reads, hangs. */
START_TEST(large_both_ways)
{
    enum { MANY = 300, SIZE = 8192 };
    static struct outcome *all[MANY];
    char text[SIZE + 1];

    memset(text, 'x', SIZE);
    text[SIZE] = '\0';
    begin(_i);
    for (int i = 0; i < MANY; i++) {
        all[i] = new_outcome();
        text[snprintf(text, 12, "%d ", i)] = 'x';
        ck_assert_ptr_nonnull(
            submit(all[i], "select repeat($1, 20)", EVPG_PARAMS(evpg_text(text))));
    }
    await_all();
    for (int i = 0; i < MANY; i++) {
        ck_assert_outcome_ok(all[i]);
        ck_assert_uint_eq(strlen(cell(all[i], 0, 0)), 20 * SIZE);
        ck_assert_int_eq(atoi(cell(all[i], 0, 0)), i);
    }
    end();
}
END_TEST

static double done_at_ms;

static void note_time(const struct evpg_result *result, struct outcome *outcome)
{
    (void)result;
    (void)outcome;
    done_at_ms = now_ms();
}

/* The server sleeps and reads nothing, so the large parameter blocks; libpq reads while it cannot
 * write, and the answer that it has read is not told of by the socket any more. */
START_TEST(an_answer_behind_a_blocked_write)
{
    enum { SIZE = 4 << 20 };
    char *text = calloc(1, SIZE + 1);
    struct outcome *first;
    double start;

    memset(text, 'x', SIZE);
    begin(_i);
    first = new_outcome();
    first->on_done = note_time;
    ck_assert_ptr_nonnull(submit(first, "select 1", EVPG_NO_PARAMS));
    query("select pg_sleep(1)", EVPG_NO_PARAMS);
    start = now_ms();
    query("select length($1::text)", EVPG_PARAMS(evpg_text(text)));
    await_all();
    ck_assert_msg(done_at_ms - start < 700, "%.0f ms", done_at_ms - start);
    free(text);
    end();
}
END_TEST

/* VACUUM must be first and last of its transaction: with one Sync for all it would fail. */
START_TEST(vacuum_among_others)
{
    struct outcome *before, *vacuum, *after;

    free(admin("create table barriers(n int)"));
    begin(_i);
    before = query("insert into barriers values (1)", EVPG_NO_PARAMS);
    vacuum = query("vacuum barriers", EVPG_NO_PARAMS);
    after = query("select count(*) from barriers", EVPG_NO_PARAMS);
    await_all();
    free(admin("drop table barriers"));
    ck_assert_outcome_ok(before);
    ck_assert_outcome_ok(vacuum);
    ck_assert_outcome_ok(after);
    ck_assert_str_eq(cell(after, 0, 0), "1");
    end();
}
END_TEST

START_TEST(transaction_blocks)
{
    struct outcome *inside, *rollback, *count;

    begin(_i);
    query("create temp table blocks(n int)", EVPG_NO_PARAMS);
    query("begin", EVPG_NO_PARAMS);
    inside = query("insert into blocks values (1)", EVPG_NO_PARAMS);
    rollback = query("rollback", EVPG_NO_PARAMS);
    query("insert into blocks values (2)", EVPG_NO_PARAMS);
    query("begin", EVPG_NO_PARAMS);
    query("insert into blocks values (3)", EVPG_NO_PARAMS);
    query("commit", EVPG_NO_PARAMS);
    count = query("select sum(n)::int from blocks", EVPG_NO_PARAMS);
    await_all();
    ck_assert_outcome_ok(inside);
    ck_assert_outcome_ok(rollback);
    ck_assert_str_eq(cell(count, 0, 0), "5");
    end();
}
END_TEST

static int links_left;

static void submit_next(const struct evpg_result *result, struct outcome *outcome)
{
    struct outcome *next;

    (void)result;
    (void)outcome;
    if (links_left-- == 0)
        return;
    next = new_outcome();
    next->on_done = submit_next;
    ck_assert_ptr_nonnull(submit(next, "select 1", EVPG_NO_PARAMS));
}

START_TEST(a_chain_of_submits_in_done_callbacks)
{
    begin(_i);
    links_left = 1000;
    submit_next(NULL, NULL);
    await_all();
    ck_assert_int_eq(links_left, -1);
    end();
}
END_TEST

static enum evpg_flow submit_another(const struct evpg_row *row, struct outcome *outcome)
{
    (void)row;
    (void)outcome;
    ck_assert_ptr_nonnull(submit(new_outcome(), "select 2", EVPG_NO_PARAMS));
    return EVPG_NEXT;
}

START_TEST(submits_in_row_callbacks)
{
    struct outcome *rows;

    begin(_i);
    rows = new_outcome();
    rows->on_row = submit_another;
    ck_assert_ptr_nonnull(submit(rows, "select generate_series(1,300)", EVPG_NO_PARAMS));
    await_all();
    ck_assert_outcome_ok(rows);
    ck_assert_int_eq(rows->n_rows, 300);
    end();
}
END_TEST

/* The socket is full both ways, and one in the midst fails: that one alone. */
START_TEST(pi08_a_violation_behind_a_full_socket)
{
    enum { INSERTS = 2000 };
    struct outcome *inserts[INSERTS];
    char *filler = calloc(1, 10001);

    memset(filler, 'x', 10000);
    begin(_i);
    query("create temp table pi08(n int4 primary key, filler text)", EVPG_NO_PARAMS);
    for (int i = 0; i < INSERTS; i++)
        inserts[i] = query("insert into pi08 values ($1, $2) returning filler",
                           EVPG_PARAMS(evpg_int32(i == 1000 ? 7 : i), evpg_text(filler)));
    await_all();
    for (int i = 0; i < INSERTS; i++) {
        if (i == 1000)
            ck_assert_outcome_sqlstate(inserts[i], "23505");
        else
            ck_assert_outcome_ok(inserts[i]);
    }
    free(filler);
    end();
}
END_TEST

static int n_notices, n_notifications;

static void on_notice(struct evpg_db *noticing, const struct evpg_error *notice, void *arg)
{
    (void)noticing;
    (void)arg;
    ck_assert_ptr_null(strstr(evpg_error_message(notice), "0x33"));
    n_notices++;
}

static void on_notification(const struct evpg_notification *note, void *arg)
{
    (void)note;
    (void)arg;
    n_notifications++;
}

START_TEST(pi16_news_in_the_midst)
{
    struct outcome *before, *after;

    begin(_i);
    evpg_set_hooks(db, &EVPG_HOOKS(.notice = on_notice), NULL);
    evpg_setcb(db, on_notification, NULL, NULL);
    query("listen pi16", EVPG_NO_PARAMS);
    before = query("select 1", EVPG_NO_PARAMS);
    query("do $$begin raise notice 'n'; end$$", EVPG_NO_PARAMS);
    query("select pg_notify('pi16', 'p')", EVPG_NO_PARAMS);
    query("set application_name = 'changed'", EVPG_NO_PARAMS);
    after = query("select current_setting('application_name')", EVPG_NO_PARAMS);
    await_all();
    check_all_succeeded();
    ck_assert_str_eq(cell(before, 0, 0), "1");
    ck_assert_str_eq(cell(after, 0, 0), "changed");
    ck_assert_str_eq(PQparameterStatus(evpg_pgconn(db), "application_name"), "changed");
    run_for(20);
    ck_assert_int_eq(n_notices, 1);
    ck_assert_int_eq(n_notifications, 1);
    end();
}
END_TEST

/* A cursor of the server's, page by page, with others in between. */
START_TEST(pi18_pages_of_a_cursor)
{
    struct outcome *pages[5], *others[5];

    begin(_i);
    query("begin", EVPG_NO_PARAMS);
    query("declare c cursor for select generate_series(1, 45)", EVPG_NO_PARAMS);
    for (int i = 0; i < 5; i++) {
        pages[i] = query("fetch 10 from c", EVPG_NO_PARAMS);
        others[i] = query("select 'other'", EVPG_NO_PARAMS);
    }
    query("commit", EVPG_NO_PARAMS);
    await_all();
    check_all_succeeded();
    for (int i = 0; i < 5; i++) {
        ck_assert_int_eq(pages[i]->n_rows, i < 4 ? 10 : 5);
        ck_assert_int_eq(atoi(cell(pages[i], 0, 0)), 10 * i + 1);
        ck_assert_str_eq(cell(others[i], 0, 0), "other");
    }
    end();
}
END_TEST

static void add_tests(Suite *suite)
{
    TCase *small = tcase_create("small");
    TCase *large = tcase_create("large");

    tcase_set_timeout(small, 30);
    tcase_set_timeout(large, sized(60, 300));
    tcase_add_loop_test(small, pi01_in_order, 0, N_MODES);
    tcase_add_loop_test(small, pi02_errors_are_isolated, 0, N_MODES);
    tcase_add_loop_test(small, pi02_good_neighbours_persist, 0, N_MODES);
    tcase_add_loop_test(small, pi09_row_modes_do_not_leak, 0, N_MODES);
    tcase_add_loop_test(small, pi11_bind_error_before_another, 0, N_MODES);
    tcase_add_loop_test(large, ten_thousand_at_once, 0, N_LARGE_MODES);
    tcase_add_loop_test(large, errors_all_along, 0, N_MODES);
    tcase_add_loop_test(large, large_both_ways, 0, N_LARGE_MODES);
    tcase_add_loop_test(large, an_answer_behind_a_blocked_write, 0, FRAGMENTED_1021);
    tcase_add_loop_test(small, vacuum_among_others, 0, N_MODES);
    tcase_add_loop_test(small, transaction_blocks, 0, N_MODES);
    tcase_add_loop_test(large, a_chain_of_submits_in_done_callbacks, 0, N_LARGE_MODES);
    tcase_add_loop_test(large, submits_in_row_callbacks, 0, N_LARGE_MODES);
    tcase_add_loop_test(large, pi08_a_violation_behind_a_full_socket, 0, N_LARGE_MODES);
    tcase_add_loop_test(small, pi16_news_in_the_midst, 0, N_MODES);
    tcase_add_loop_test(small, pi18_pages_of_a_cursor, 0, N_MODES);
    suite_add_tcase(suite, small);
    suite_add_tcase(suite, large);
}

int main(void)
{
    Suite *suite = suite_create("db_pipeline");

    add_tests(suite);
    return run_suite(suite, true);
}
