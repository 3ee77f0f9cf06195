/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * db_batch: several statements in one trip, all or nothing; PI04, PI05, PI06.
 *
 * The counterpart of lib/batch.c, lib/op_batch.c and lib/op_batch_done.c.
 */
#include "batching.h"

#include <errno.h>
#include <stdio.h>

static int count_of(const char *table)
{
    char sql[80];
    char *value;
    int n;

    snprintf(sql, sizeof(sql), "select count(*) from %s", table);
    value = admin(sql);
    n = atoi(value);
    free(value);
    return n;
}

START_TEST(members_in_one_trip)
{
    struct outcome *one, *two, *three, *all;

    begin(_i);
    begin_batch();
    one = member("select $1::int, 'one'", EVPG_PARAMS(evpg_int32(1)));
    two = member_kept("select generate_series(1, $1)", EVPG_PARAMS(evpg_int32(100)));
    three = member("select generate_series(1, $1)", EVPG_PARAMS(evpg_int32(200)));
    all = submit_batch();
    await_all();
    check_all_succeeded();
    check_order(all);
    ck_assert_int_eq(atoi(cell(one, 0, 0)), 1);
    ck_assert_str_eq(cell(one, 0, 1), "one");
    ck_assert_int_eq(two->n_rows, 100);
    ck_assert_int_eq(three->n_rows, 200);
    ck_assert_int_eq(atoi(cell(two, 99, 0)), 100);
    ck_assert_int_eq(atoi(cell(three, 199, 0)), 200);
    ck_assert_int_eq(one->statement, 0);
    ck_assert_int_eq(three->statement, 2);
    ck_assert_str_eq(three->tag, "SELECT 200");
    ck_assert_uint_eq(all->rows, 301);
    ck_assert_uint_eq(all->affected, 301);
    ck_assert_str_eq(all->tag, "");
    ck_assert_int_eq(all->columns, 0);
    end();
}
END_TEST

/* The next ones find them prepared. */
START_TEST(again_and_again)
{
    begin(_i);
    query("create temp table t(n int, text text)", EVPG_NO_PARAMS);
    for (int i = 0; i < 5; i++) {
        struct outcome *all;

        begin_batch();
        for (int n = 0; n < 10; n++)
            member("insert into t values ($1, $2)",
                   EVPG_PARAMS(evpg_int32(n), n % 2 ? evpg_text("text") : evpg_text(NULL)));
        member("update t set n = n + 1", EVPG_NO_PARAMS);
        member("insert into t values (7)", EVPG_NO_PARAMS);
        all = submit_batch();
        await_all();
        ck_assert_outcome_ok(all);
        check_order(all);
        ck_assert_uint_eq(all->affected, (unsigned)(10 + 11 * i + 10 + 1));
        ck_assert_str_eq(member_at(3)->tag, "INSERT 0 1");
    }
    end();
}
END_TEST

START_TEST(pi04_all_or_nothing)
{
    struct outcome *inserts[3], *bad, *behind, *all;

    free(admin("drop table if exists pi04; create table pi04(n int)"));
    begin(_i);
    begin_batch();
    for (int i = 0; i < 3; i++)
        inserts[i] = member("insert into pi04 values ($1)", EVPG_PARAMS(evpg_int32(i)));
    bad = member("select 1/0", EVPG_NO_PARAMS);
    behind = member("insert into pi04 values (4)", EVPG_NO_PARAMS);
    all = submit_batch();
    await_all();
    check_order(all);
    for (int i = 0; i < 3; i++) {
        ck_assert_failed_as(inserts[i], EVPG_E_ABORTED, EVPG_FATE_NOT_EXECUTED);
        ck_assert_says(inserts[i], "undone, because of member 4 of 5 (select 1/0): ERROR 22012");
    }
    ck_assert_failed_as(bad, EVPG_E_SERVER, EVPG_FATE_NOT_EXECUTED);
    ck_assert_outcome_sqlstate(bad, "22012");
    ck_assert_failed_as(behind, EVPG_E_ABORTED, EVPG_FATE_NOT_EXECUTED);
    ck_assert_says(behind, "skipped, because of member 4 of 5 (select 1/0): ERROR 22012");
    ck_assert_failed_as(all, EVPG_E_SERVER, EVPG_FATE_NOT_EXECUTED);
    ck_assert_outcome_sqlstate(all, "22012");
    ck_assert_says(all, "member 4 of 5 (select 1/0): ERROR 22012");
    ck_assert_str_eq(evpg_error_query(all->error), "select 1/0");
    ck_assert_str_eq(evpg_error_field(all->error, EVPG_FIELD_MESSAGE), "division by zero");
    ck_assert_int_eq(count_of("pi04"), 0);
    end();
    free(admin("drop table pi04"));
}
END_TEST

START_TEST(pi05_behind_a_failed_one)
{
    struct outcome *one, *two, *three, *next;

    begin(_i);
    begin_batch();
    one = member("select 1", EVPG_NO_PARAMS);
    two = member("select * from there_is_no_such_table", EVPG_NO_PARAMS);
    three = member("select 3", EVPG_NO_PARAMS);
    submit_batch();
    next = query("select 4", EVPG_NO_PARAMS);
    await_all();
    ck_assert_int_eq(one->n_rows, 1);
    ck_assert_failed_as(one, EVPG_E_ABORTED, EVPG_FATE_NOT_EXECUTED);
    ck_assert_outcome_sqlstate(two, "42P01");
    ck_assert_failed_as(three, EVPG_E_ABORTED, EVPG_FATE_NOT_EXECUTED);
    ck_assert_int_eq(three->n_rows, 0);
    ck_assert_outcome_ok(next);
    ck_assert_str_eq(cell(next, 0, 0), "4");
    end();
}
END_TEST

/* Of each place among seven, the one that fails: others on the wire are none of its business. */
START_TEST(each_may_fail)
{
    begin(_i);
    query("create temp table t(n int)", EVPG_NO_PARAMS);
    for (int bad = 0; bad < 7; bad++) {
        struct outcome *before = query("select 'before'", EVPG_NO_PARAMS), *all, *after;

        begin_batch();
        for (int i = 0; i < 7; i++)
            member(i == bad ? "insert into t values ($1 / 0)" : "insert into t values ($1)",
                   EVPG_PARAMS(evpg_int32(i)));
        all = submit_batch();
        after = query("select count(*) from t", EVPG_NO_PARAMS);
        await_all();
        check_order(all);
        ck_assert_outcome_ok(before);
        ck_assert_outcome_ok(after);
        ck_assert_str_eq(cell(after, 0, 0), "0");
        for (int i = 0; i < 7; i++)
            ck_assert_failed_as(member_at(i + 1), i == bad ? EVPG_E_SERVER : EVPG_E_ABORTED,
                                EVPG_FATE_NOT_EXECUTED);
    }
    end();
}
END_TEST

/* Not to be parsed, and a parameter that is none: found when it is prepared, and when it is run. */
START_TEST(bad_when_prepared_or_bound)
{
    struct outcome *all;

    begin(_i);
    begin_batch();
    member("select 1", EVPG_NO_PARAMS);
    member("select from where", EVPG_NO_PARAMS);
    all = submit_batch();
    await_all();
    ck_assert_outcome_sqlstate(member_at(2), "42601");
    ck_assert_failed_as(member_at(1), EVPG_E_ABORTED, EVPG_FATE_NOT_EXECUTED);
    ck_assert_says(all, "member 2 of 2");
    begin_batch();
    member("select $1::int", EVPG_PARAMS(evpg_text("seven")));
    member("select 1", EVPG_NO_PARAMS);
    all = submit_batch();
    await_all();
    ck_assert_outcome_sqlstate(member_at(1), "22P02");
    ck_assert_says(all, "member 1 of 2");
    ck_assert_failed_as(member_at(2), EVPG_E_ABORTED, EVPG_FATE_NOT_EXECUTED);
    end();
}
END_TEST

/* The commit itself fails, when all members have been answered. */
START_TEST(deferred_until_the_end)
{
    struct outcome *all, *count;

    begin(_i);
    query("create temp table t(n int unique deferrable initially deferred)", EVPG_NO_PARAMS);
    begin_batch();
    member("insert into t values (1)", EVPG_NO_PARAMS);
    member("insert into t values (1) returning n", EVPG_NO_PARAMS);
    all = submit_batch();
    count = query("select count(*) from t", EVPG_NO_PARAMS);
    await_all();
    check_order(all);
    ck_assert_int_eq(member_at(2)->n_rows, 1);
    for (int i = 1; i <= 2; i++) {
        ck_assert_failed_as(member_at(i), EVPG_E_ABORTED, EVPG_FATE_NOT_EXECUTED);
        ck_assert_says(member_at(i), "undone, because of the end of the batch: ERROR 23505");
    }
    ck_assert_outcome_sqlstate(all, "23505");
    ck_assert_failed_as(all, EVPG_E_SERVER, EVPG_FATE_NOT_EXECUTED);
    ck_assert_str_eq(cell(count, 0, 0), "0");
    end();
}
END_TEST

/* A thousand, the most there may be; small answers and large ones, both ways. */
START_TEST(a_thousand)
{
    static char text[2001];
    struct outcome *all, *more;

    memset(text, 'x', sizeof(text) - 1);
    begin(_i);
    query("create temp table t(n int, text text)", EVPG_NO_PARAMS);
    begin_batch();
    for (int i = 0; i < EVPG_BATCH_MOST; i++)
        member(i % 3 ? "insert into t values ($1, $2)" : "select $1::int, repeat($2, 3)",
               EVPG_PARAMS(evpg_int32(i), evpg_text(text)));
    all = submit_batch();
    more = query("select count(*), sum(length(text)) from t", EVPG_NO_PARAMS);
    await_all();
    check_all_succeeded();
    check_order(all);
    ck_assert_int_eq(atoi(cell(more, 0, 0)), EVPG_BATCH_MOST * 2 / 3);
    for (int i = 0; i < EVPG_BATCH_MOST; i += 3) {
        ck_assert_int_eq(atoi(cell(member_at(i + 1), 0, 0)), i);
        ck_assert_uint_eq(strlen(cell(member_at(i + 1), 0, 1)), 3 * (sizeof(text) - 1));
    }
    end();
}
END_TEST

/* What is wrong is told by the submit, and by the first that was. */
static void refused(int expected, const char *log)
{
    struct outcome *all = new_outcome();

    errno = 0;
    ck_assert_ptr_null(try_batch(all)->request);
    ck_assert_int_eq(errno, expected);
    ck_assert_msg(strstr(last_log(), log) != NULL, "%s", last_log());
}

static void refused_member(const char *sql, const char *log)
{
    begin_batch();
    member("select 1", EVPG_NO_PARAMS);
    member(sql, EVPG_NO_PARAMS);
    member("commit", EVPG_NO_PARAMS);
    refused(EINVAL, log);
}

START_TEST(refusals)
{
    char *long_text = calloc(1, EVPG_BATCH_MOST_BYTES);

    begin(ALONE);
    begin_batch();
    refused(EINVAL, "the batch has no members");
    refused_member("begin", "member 2 of the batch: transaction control");
    refused_member("rollback to savepoint s", "member 2 of the batch: transaction control");
    refused_member("listen l", "member 2 of the batch: LISTEN");
    refused_member("vacuum", "member 2 of the batch: this statement has to run by itself");
    refused_member("call p()", "member 2 of the batch: this statement has to run by itself");
    refused_member("discard all", "member 2 of the batch: this statement has to run by itself");
    refused_member("copy t to stdout", "member 2 of the batch: COPY");
    refused_member(NULL, "member 2 of the batch: the statement is NULL");
    begin_batch();
    member("select $1, $2", EVPG_PARAMS(evpg_int32(1), evpg_textn("a\0b", 3)));
    refused(EINVAL, "member 1 of the batch: parameter $2: text with a NUL byte in it");
    begin_batch();
    for (int i = 0; i <= EVPG_BATCH_MOST; i++)
        member("select 1", EVPG_NO_PARAMS);
    refused(ENOBUFS, "member 1001 of the batch: a batch has 1000 members at most");
    memset(long_text, 'x', EVPG_BATCH_MOST_BYTES - 1);
    begin_batch();
    member("select $1", EVPG_PARAMS(evpg_text(long_text)));
    refused(ENOBUFS, "member 1 of the batch: a batch has 16777216 bytes at most");
    long_text[EVPG_BATCH_MOST_BYTES / 2] = '\0';
    begin_batch();
    member("select $1", EVPG_PARAMS(evpg_text(long_text)));
    member("select $1", EVPG_PARAMS(evpg_text(long_text)));
    refused(ENOBUFS, "member 2 of the batch: a batch has 16777216 bytes at most");
    errno = 0;
    ck_assert_ptr_null(evpg_batch_new(NULL));
    ck_assert_int_eq(errno, EINVAL);
    errno = 0;
    ck_assert_ptr_null(evpg_batch_submit(NULL, NULL, NULL));
    ck_assert_int_eq(errno, EINVAL);
    evpg_batch_add(NULL, "select 1", EVPG_NO_PARAMS, NULL, NULL, NULL);
    evpg_batch_free(NULL);
    free(long_text);
    end();
}
END_TEST

/* One that is freed, without having been submitted, after its db. */
START_TEST(freed_unsubmitted)
{
    struct evpg_batch *batch;

    begin(ALONE);
    batch = evpg_batch_new(db);
    evpg_batch_add(batch, "select $1", EVPG_PARAMS(evpg_text("a")), NULL, NULL, NULL);
    evpg_batch_add(batch, "begin", EVPG_NO_PARAMS, NULL, NULL, NULL);
    evpg_free(db);
    db = NULL;
    evpg_batch_free(batch);
    end();
}
END_TEST

START_TEST(on_a_closed_connection)
{
    begin_closed("", NULL);
    begin_batch();
    member("select 1", EVPG_NO_PARAMS);
    refused(ENOTCONN, "not open");
    evpg_free(db);
    db = NULL;
    end();
}
END_TEST

/* Everything is copied. */
START_TEST(inputs_may_go)
{
    char *sql, text[8] = "ana";
    struct outcome *row;

    begin(_i);
    sql = strdup("select $1::text");
    begin_batch();
    row = member(sql, EVPG_PARAMS(evpg_text(text)));
    strcpy(text, "bob");
    member(sql, EVPG_PARAMS(evpg_text(text)));
    memset(sql, 'x', strlen(sql));
    memset(text, 'x', sizeof(text) - 1);
    submit_batch();
    free(sql);
    await_all();
    check_all_succeeded();
    ck_assert_str_eq(cell(row, 0, 0), "ana");
    ck_assert_str_eq(cell(member_at(2), 0, 0), "bob");
    end();
}
END_TEST

static enum evpg_flow stop(const struct evpg_row *row, struct outcome *outcome)
{
    (void)row;
    (void)outcome;
    return EVPG_STOP;
}

static enum evpg_flow fail_reading(const struct evpg_row *row, struct outcome *outcome)
{
    int32_t value;

    (void)outcome;
    ck_assert_int_eq(evpg_row_int32(row, 1, &value), -1);
    return EVPG_FAIL;
}

static enum evpg_flow fail_silently(const struct evpg_row *row, struct outcome *outcome)
{
    (void)row;
    (void)outcome;
    return EVPG_FAIL;
}

static struct outcome *member_with(enum evpg_flow (*on_row)(const struct evpg_row *row,
                                                            struct outcome *outcome),
                                   const char *sql)
{
    struct outcome *outcome = new_outcome();

    outcome->on_row = on_row;
    add_member(outcome, sql, EVPG_NO_PARAMS);
    return outcome;
}

/* A member that wants no more of its rows is none the worse for it, nor are the others; not even
 * where the server could be asked to stop. */
START_TEST(stopped_rows)
{
    struct outcome *stopped, *others, *all;

    begin(_i);
    begin_batch();
    stopped = member_with(stop, "select generate_series(1, 1000)");
    others = member("select generate_series(1, 300)", EVPG_NO_PARAMS);
    all = submit_batch();
    evpg_request_set_flags(all->request, EVPG_READ_ONLY | (_i == BINARY ? EVPG_BINARY : 0));
    await_all();
    check_all_succeeded();
    ck_assert(stopped->stopped && !others->stopped && !all->stopped);
    ck_assert_int_eq(stopped->n_rows, 1);
    ck_assert_int_eq(others->n_rows, 300);
    end();
}
END_TEST

/* The row callback's failure is its member's, and the batch's; what the server did stays. */
START_TEST(failed_rows)
{
    struct outcome *one, *failed, *other, *all, *count;

    begin(_i);
    query("create temp table t(n int)", EVPG_NO_PARAMS);
    begin_batch();
    one = member("insert into t values (1)", EVPG_NO_PARAMS);
    failed = member_with(fail_reading, "select n, 'text'::text as word from t");
    other = member("insert into t values (2) returning n, n + 1", EVPG_NO_PARAMS);
    member_with(fail_silently, "select 1");
    all = submit_batch();
    count = query("select count(*) from t", EVPG_NO_PARAMS);
    await_all();
    check_order(all);
    ck_assert_outcome_ok(one);
    ck_assert_outcome_ok(other);
    ck_assert_failed_as(failed, EVPG_E_VALUE, EVPG_FATE_EXECUTED);
    ck_assert_says(failed, "word");
    ck_assert_failed_as(member_at(4), EVPG_E_VALUE, EVPG_FATE_EXECUTED);
    ck_assert_says(member_at(4), "refused by the row callback");
    ck_assert_failed_as(all, EVPG_E_VALUE, EVPG_FATE_EXECUTED);
    ck_assert_says(all, "member 2 of 4 (select n, 'text'::text as word from t): ");
    ck_assert_str_eq(cell(count, 0, 0), "2");
    end();
}
END_TEST

static int paused_rows;

static void resume(evutil_socket_t fd, short what, void *arg)
{
    struct outcome *outcome = arg;

    (void)fd;
    (void)what;
    evpg_request_resume(outcome->request);
}

static enum evpg_flow pause_often(const struct evpg_row *row, struct outcome *outcome)
{
    const struct timeval soon = {0, 1000};

    (void)row;
    if (paused_rows++ % 10 == 0) {
        event_base_once(base, -1, EV_TIMEOUT, resume, outcome, &soon);
        return EVPG_PAUSE;
    }
    return EVPG_NEXT;
}

/* In a member that is not the first: the batch's request is what is resumed. */
START_TEST(pauses)
{
    struct outcome *last;

    begin(_i);
    paused_rows = 0;
    begin_batch();
    member("select generate_series(1, 100)", EVPG_NO_PARAMS);
    member_with(pause_often, "select generate_series(1, 100)");
    last = member_with(pause_often, "select generate_series(1, 100)");
    submit_batch();
    query("select 'behind'", EVPG_NO_PARAMS);
    await_all();
    check_all_succeeded();
    ck_assert_int_eq(last->n_rows, 100);
    ck_assert_int_eq(paused_rows, 200);
    end();
}
END_TEST

/* What a member changes the next one sees. */
START_TEST(members_see_each_other)
{
    struct outcome *seen;

    begin(_i);
    begin_batch();
    member("create temp table t(n int)", EVPG_NO_PARAMS);
    member("insert into t select generate_series(1, 10)", EVPG_NO_PARAMS);
    seen = member("select sum(n)::int from t", EVPG_NO_PARAMS);
    submit_batch();
    await_all();
    check_all_succeeded();
    ck_assert_str_eq(cell(seen, 0, 0), "55");
    end();
}
END_TEST

/* In a block of the user's it is a part of that. */
START_TEST(in_a_transaction_block)
{
    struct outcome *all, *inside, *count;

    begin(_i);
    query("create temp table t(n int)", EVPG_NO_PARAMS);
    query("begin", EVPG_NO_PARAMS);
    begin_batch();
    member("insert into t values (1)", EVPG_NO_PARAMS);
    member("insert into t values (2)", EVPG_NO_PARAMS);
    all = submit_batch();
    inside = query("select count(*) from t", EVPG_NO_PARAMS);
    query("rollback", EVPG_NO_PARAMS);
    count = query("select count(*) from t", EVPG_NO_PARAMS);
    await_all();
    ck_assert_outcome_ok(all);
    ck_assert_str_eq(cell(inside, 0, 0), "2");
    ck_assert_str_eq(cell(count, 0, 0), "0");
    query("begin", EVPG_NO_PARAMS);
    begin_batch();
    member("insert into t values (1)", EVPG_NO_PARAMS);
    member("insert into t values (1 / 0)", EVPG_NO_PARAMS);
    all = submit_batch();
    inside = query("select 1", EVPG_NO_PARAMS);
    query("rollback", EVPG_NO_PARAMS);
    await_all();
    ck_assert_outcome_sqlstate(all, "22012");
    ck_assert_outcome_sqlstate(inside, "25P02");
    end();
}
END_TEST

/* BEGIN cannot be a member. In a block that has failed batches fail, and the next is none the
 * worse. */
START_TEST(pi06_a_block_that_has_failed)
{
    struct outcome *first, *second, *third, *rows;

    begin(_i);
    query("create temp table t(n int)", EVPG_NO_PARAMS);
    query("begin", EVPG_NO_PARAMS);
    begin_batch();
    member("select 0/0", EVPG_NO_PARAMS);
    member("insert into t values (1)", EVPG_NO_PARAMS);
    first = submit_batch();
    begin_batch();
    member("insert into t values (2)", EVPG_NO_PARAMS);
    second = submit_batch();
    query("rollback", EVPG_NO_PARAMS);
    begin_batch();
    member("insert into t values (3)", EVPG_NO_PARAMS);
    third = submit_batch();
    rows = query("select n from t", EVPG_NO_PARAMS);
    await_all();
    ck_assert_outcome_sqlstate(first, "22012");
    ck_assert_outcome_sqlstate(second, "25P02");
    ck_assert_failed_as(second, EVPG_E_SERVER, EVPG_FATE_NOT_EXECUTED);
    ck_assert_outcome_ok(third);
    ck_assert_int_eq(rows->n_rows, 1);
    ck_assert_str_eq(cell(rows, 0, 0), "3");
    end();
}
END_TEST

/* What has been prepared and is there no more: the batch is sent once more, as a whole. */
START_TEST(stale_statements)
{
    struct outcome *all, *count;

    begin(_i);
    query("create temp table t(n int)", EVPG_NO_PARAMS);
    query("insert into t values ($1)", EVPG_PARAMS(evpg_int32(1)));
    query("select * from t", EVPG_NO_PARAMS);
    await_all();
    free(admin("select 1"));
    query("do $$begin execute 'deallocate all'; end$$", EVPG_NO_PARAMS);
    begin_batch();
    member("insert into t values (2)", EVPG_NO_PARAMS);
    member("insert into t values ($1)", EVPG_PARAMS(evpg_int32(3)));
    all = submit_batch();
    count = query("select count(*) from t", EVPG_NO_PARAMS);
    await_all();
    ck_assert_outcome_ok(all);
    check_order(all);
    ck_assert_uint_eq(all->affected, 2);
    ck_assert_int_ge(atoi(cell(count, 0, 0)), 1);
    query("alter table t add m int", EVPG_NO_PARAMS);
    begin_batch();
    member("insert into t values (4)", EVPG_NO_PARAMS);
    member_kept("select * from t", EVPG_NO_PARAMS);
    all = submit_batch();
    await_all();
    check_all_succeeded();
    ck_assert_int_eq(member_at(2)->n_columns, 2);
    ck_assert_int_eq(member_at(2)->n_rows, 4);
    ck_assert_uint_eq(all->affected, 1 + 4);
    ck_assert_str_eq(member_at(1)->tag, "INSERT 0 1");
    ck_assert_str_eq(member_at(2)->tag, "SELECT 4");
    end();
}
END_TEST

/* A name and the flags are those of the request. */
START_TEST(named)
{
    struct outcome *all;

    begin(ALONE);
    begin_batch();
    member("select 1", EVPG_NO_PARAMS);
    member("select 1/0", EVPG_NO_PARAMS);
    all = submit_batch();
    evpg_request_set_name(all->request, "order");
    evpg_request_set_flags(all->request, EVPG_UNPREPARED);
    await_all();
    ck_assert_says(all, "order: member 2 of 2 (select 1/0): ERROR 22012");
    ck_assert_says(member_at(2), "order: ERROR 22012");
    ck_assert_says(member_at(1), "order: undone, because of");
    end();
}
END_TEST

/* Statements that make room for others in a small cache, in the midst of batches. */
START_TEST(a_small_cache)
{
    struct evpg_conn_config config = EVPG_CONN_CONFIG(.max_prepared_statements = 3);

    begin_closed("", &config);
    ck_assert_ptr_nonnull(evpg_open(db, NULL, NULL));
    for (int i = 0; i < 40; i++) {
        begin_batch();
        for (int n = 0; n < 8; n++) {
            char sql[40];

            snprintf(sql, sizeof(sql), "select %d", (i + n * n) % 13);
            member(sql, EVPG_NO_PARAMS);
        }
        submit_batch();
        if (i % 3 == 0)
            await_all();
    }
    await_all();
    check_all_succeeded();
    end();
}
END_TEST

static void add_tests(Suite *suite)
{
    TCase *small = tcase_create("small");
    TCase *large = tcase_create("large");

    tcase_set_timeout(small, 30);
    tcase_set_timeout(large, 120);
    tcase_add_loop_test(small, members_in_one_trip, 0, N_MODES);
    tcase_add_loop_test(small, again_and_again, 0, N_MODES);
    tcase_add_loop_test(small, pi04_all_or_nothing, 0, N_MODES);
    tcase_add_loop_test(small, pi05_behind_a_failed_one, 0, N_MODES);
    tcase_add_loop_test(small, each_may_fail, 0, N_MODES);
    tcase_add_loop_test(small, bad_when_prepared_or_bound, 0, N_MODES);
    tcase_add_loop_test(small, deferred_until_the_end, 0, N_MODES);
    tcase_add_loop_test(large, a_thousand, 0, N_LARGE_MODES);
    tcase_add_test(small, refusals);
    tcase_add_test(small, freed_unsubmitted);
    tcase_add_test(small, on_a_closed_connection);
    tcase_add_loop_test(small, inputs_may_go, 0, N_MODES);
    tcase_add_loop_test(small, stopped_rows, 0, N_MODES);
    tcase_add_loop_test(small, failed_rows, 0, N_MODES);
    tcase_add_loop_test(small, pauses, 0, N_MODES);
    tcase_add_loop_test(small, members_see_each_other, 0, N_MODES);
    tcase_add_loop_test(small, in_a_transaction_block, 0, N_MODES);
    tcase_add_loop_test(small, pi06_a_block_that_has_failed, 0, N_MODES);
    tcase_add_loop_test(small, stale_statements, 0, N_MODES);
    tcase_add_test(small, named);
    tcase_add_test(small, a_small_cache);
    suite_add_tcase(suite, small);
    suite_add_tcase(suite, large);
}

int main(void)
{
    Suite *suite = suite_create("db_batch");

    add_tests(suite);
    return run_suite(suite, true);
}
