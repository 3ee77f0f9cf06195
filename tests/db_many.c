/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * db_many: one statement with many sets of parameters, all or nothing, in windows.
 *
 * The counterpart of lib/op_many.c and lib/params_packed.c.
 */
#include "batching.h"
#include "oracle.h"
#include "server.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

enum { MOST = 1000000 };

static struct evpg_param *params;

static struct outcome *submit_many(const char *sql, size_t n_params, size_t n_sets)
{
    struct outcome *outcome = new_outcome();
    struct evpg_request *request =
        evpg_many(db, sql, params, n_params, n_sets, record_done, outcome);

    use_mode(request);
    note_submit(outcome, request);
    return outcome;
}

/* Numbers from 0; the sets may be forgotten at once. */
static struct outcome *submit_numbers(const char *sql, int n_sets)
{
    struct outcome *outcome;

    params = malloc((size_t)n_sets * sizeof(*params));
    for (int i = 0; i < n_sets; i++)
        params[i] = evpg_int32(i);
    outcome = submit_many(sql, 1, (size_t)n_sets);
    ck_assert_msg(outcome->request != NULL, "%s", last_log());
    memset(params, 0xff, (size_t)n_sets * sizeof(*params));
    free(params);
    return outcome;
}

static const int sizes[] = {1, 2, 255, 256, 257, 511, 512, 513, 768, 1025, 3000, 20000};

START_TEST(of_each_size)
{
    begin(_i);
    query("create temp table t(n int)", EVPG_NO_PARAMS);
    for (size_t i = 0; i < sizeof(sizes) / sizeof(*sizes); i++) {
        int n = _i == FRAGMENTED_1 && sizes[i] > 3000 ? 700 : sizes[i];
        struct outcome *many = submit_numbers("insert into t values ($1)", n), *sum;

        sum = query("select count(*), coalesce(sum(n), 0) from t", EVPG_NO_PARAMS);
        query("truncate t", EVPG_NO_PARAMS);
        await_all();
        check_all_succeeded();
        ck_assert_uint_eq(many->affected, (unsigned)n);
        ck_assert_str_eq(many->tag, "");
        ck_assert_int_eq(atoi(cell(sum, 0, 0)), n);
        ck_assert_int_eq(atoi(cell(sum, 0, 1)), n * (n - 1) / 2);
    }
    end();
}
END_TEST

/* Of each set in turn, at and beside the ends of windows: the one that fails is named, and nothing
 * of the others is left. */
START_TEST(each_may_fail)
{
    static const int n = 1500, bad[] = {0,   1,   254, 255, 256,  257,  510,  511, 512,
                                        513, 767, 768, 769, 1023, 1024, 1498, 1499};
    char text[40];

    begin(_i);
    query("create temp table t(n int)", EVPG_NO_PARAMS);
    for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
        struct outcome *many, *before, *after;
        char sql[80];

        snprintf(sql, sizeof(sql), "insert into t values (10 / ($1 - %d))", bad[i]);
        before = query("select 'before'", EVPG_NO_PARAMS);
        many = submit_numbers(sql, n);
        after = query("select count(*) from t", EVPG_NO_PARAMS);
        await_all();
        snprintf(text, sizeof(text), "set %d of %d: ERROR 22012", bad[i] + 1, n);
        ck_assert_outcome_ok(before);
        ck_assert_failed_as(many, EVPG_E_SERVER, EVPG_FATE_NOT_EXECUTED);
        ck_assert_outcome_sqlstate(many, "22012");
        ck_assert_says(many, text);
        ck_assert_str_eq(evpg_error_query(many->error), sql);
        ck_assert_uint_eq(many->affected, 0);
        ck_assert_str_eq(cell(after, 0, 0), "0");
    }
    end();
}
END_TEST

START_TEST(bad_sql)
{
    struct outcome *many;

    begin(_i);
    many = submit_numbers("insert into there_is_no_such_table values ($1)", 2000);
    await_all();
    ck_assert_outcome_sqlstate(many, "42P01");
    ck_assert_says(many, "set 1 of 2000: ERROR 42P01");
    end();
}
END_TEST

START_TEST(deferred_until_the_end)
{
    struct outcome *many;

    begin(_i);
    query("create temp table t(n int unique deferrable initially deferred)", EVPG_NO_PARAMS);
    many = submit_numbers("insert into t values ($1 % 1400)", 1500);
    await_all();
    ck_assert_failed_as(many, EVPG_E_SERVER, EVPG_FATE_NOT_EXECUTED);
    ck_assert_outcome_sqlstate(many, "23505");
    ck_assert_says(many, "after 1500 of 1500 sets: ERROR 23505");
    end();
}
END_TEST

/* Of several kinds, in text and binary, NULL and empty. */
START_TEST(values)
{
    enum { SETS = 1200, PARAMS = 5 };
    static struct evpg_param elements[SETS][2];
    static struct evpg_array_value lists[SETS];
    struct outcome *rows;

    begin(_i);
    query("create temp table t(n bigint, text text, bytes bytea, list int[], i int)",
          EVPG_NO_PARAMS);
    params = calloc(SETS * PARAMS, sizeof(*params));
    for (int i = 0; i < SETS; i++) {
        struct evpg_param *set = params + i * PARAMS;

        set[0] = i % 3 ? evpg_int64(i) : evpg_text(i % 2 ? "-7" : "-8");
        set[1] = i % 5 ? evpg_text(i % 2 ? "odd" : "") : evpg_null();
        set[2] = i % 7 ? evpg_bytes("a\0b", (size_t)(i % 4)) : evpg_null();
        elements[i][0] = evpg_int32(i);
        elements[i][1] = evpg_null();
        lists[i] =
            (struct evpg_array_value){.element_type = 23, .elements = elements[i], .n_elements = 2};
        set[3] = i % 2 ? evpg_array(&lists[i]) : evpg_null();
        set[4] = evpg_int32(i);
    }
    submit_many("insert into t values ($1, $2, $3, $4, $5)", PARAMS, SETS);
    free(params);
    rows = query("select * from t order by i", EVPG_NO_PARAMS);
    await_all();
    check_all_succeeded();
    ck_assert_int_eq(rows->n_rows, SETS);
    for (int i = 0; i < SETS; i++) {
        static const char *const bytes[] = {"\\x", "\\x61", "\\x6100", "\\x610062"};
        char list[40];

        snprintf(list, sizeof(list), "{%d,NULL}", i);
        ck_assert_int_eq(atoi(cell(rows, i, 0)), i % 3 ? i : i % 2 ? -7 : -8);
        ck_assert_pstr_eq(cell(rows, i, 1), i % 5 == 0 ? NULL : i % 2 ? "odd" : "");
        ck_assert_pstr_eq(cell(rows, i, 2), i % 7 == 0 ? NULL : bytes[i % 4]);
        if (_i != BINARY)
            ck_assert_pstr_eq(cell(rows, i, 3), i % 2 ? list : NULL);
    }
    end();
}
END_TEST

/* Each larger than a window; and rows, which are counted. */
START_TEST(large_sets)
{
    enum { SETS = 12, SIZE = 400000 };
    static char text[SIZE + 1];
    struct outcome *many;

    memset(text, 'x', SIZE);
    begin(_i);
    params = calloc(SETS, sizeof(*params));
    for (int i = 0; i < SETS; i++)
        params[i] = evpg_text(text);
    many = submit_many("select $1, generate_series(1, 3)", 1, SETS);
    free(params);
    await_all();
    ck_assert_outcome_ok(many);
    ck_assert_uint_eq(many->rows, 3 * SETS);
    ck_assert_uint_eq(many->affected, 3 * SETS);
    ck_assert_int_eq(many->columns, 0);
    end();
}
END_TEST

START_TEST(without_parameters)
{
    struct outcome *many, *count;

    begin(_i);
    query("create temp table t(n int default 7)", EVPG_NO_PARAMS);
    params = NULL;
    many = submit_many("insert into t default values", 0, 1000);
    count = query("select sum(n)::int from t", EVPG_NO_PARAMS);
    await_all();
    check_all_succeeded();
    ck_assert_uint_eq(many->affected, 1000);
    ck_assert_str_eq(cell(count, 0, 0), "7000");
    end();
}
END_TEST

static void refused(const char *sql, size_t n_params, size_t n_sets, const char *log)
{
    errno = 0;
    ck_assert_ptr_null(submit_many(sql, n_params, n_sets)->request);
    ck_assert_int_eq(errno, EINVAL);
    ck_assert_msg(strstr(last_log(), log) != NULL, "%s", last_log());
}

START_TEST(refusals)
{
    struct evpg_param sets[3] = {evpg_int32(1), evpg_int64(2), evpg_textn("a\0b", 3)};

    begin(ALONE);
    params = sets;
    refused("select 1", 0, 0, "0 sets of 0 parameters");
    refused("select $1", 1, 2, "set 2: parameter $1: its type is not that of those before");
    refused("select $1", 1, 3, "set 3: parameter $1: text with a NUL byte in it");
    refused("vacuum", 0, 1, "this statement has to run by itself");
    refused("begin", 0, 1, "this statement has to run by itself");
    refused("copy t from stdin", 0, 1, "COPY");
    refused("select $1", 1, SIZE_MAX / 2, "sets of 1 parameters");
    refused("select $1", 65536, 1, "65536 parameters");
    refused(NULL, 0, 1, "the statement is NULL");
    params = NULL;
    refused("select $1", 1, 1, "1 sets of 1 parameters");
    end();
}
END_TEST

START_TEST(unprepared_and_stale)
{
    struct outcome *many, *again, *count;

    begin(_i);
    query("create temp table t(n int)", EVPG_NO_PARAMS);
    query("insert into t values ($1)", EVPG_PARAMS(evpg_int32(1)));
    query("do $$begin execute 'deallocate all'; end$$", EVPG_NO_PARAMS);
    many = submit_numbers("insert into t values ($1)", 1300);
    again = submit_numbers("insert into t values ($1)", 1300);
    evpg_request_set_flags(again->request, EVPG_UNPREPARED);
    count = query("select count(*) from t", EVPG_NO_PARAMS);
    await_all();
    check_all_succeeded();
    ck_assert_uint_eq(many->affected, 1300);
    ck_assert_uint_eq(again->affected, 1300);
    ck_assert_str_eq(cell(count, 0, 0), "2601");
    end();
}
END_TEST

/* When some windows have been sent, and others not: the rest is left out, and nothing is kept. */
START_TEST(canceled_in_the_midst)
{
    struct outcome *many, *count;

    begin(_i);
    query("create temp table t(n int)", EVPG_NO_PARAMS);
    many = submit_numbers("insert into t select $1 from pg_sleep(0.0005)", 20000);
    run_for(300);
    ck_assert_int_eq(many->completions, 0);
    evpg_request_cancel(many->request);
    count = query("select count(*) from t", EVPG_NO_PARAMS);
    await_all();
    ck_assert_failed_as(many, EVPG_E_CANCELED, EVPG_FATE_NOT_EXECUTED);
    ck_assert_outcome_sqlstate(many, "57014");
    ck_assert_str_eq(cell(count, 0, 0), "0");
    end();
}
END_TEST

/* The cancel request never arrives: the connection alone is enough. */
START_TEST(stopped_without_a_cancel_request)
{
    struct outcome *many, *count;
    double start;

    begin(ALONE);
    query("create temp table t(n int)", EVPG_NO_PARAMS);
    many = submit_numbers("insert into t select $1 from pg_sleep(0.0005)", 20000);
    run_for(100);
    evpg_request_set_timeout(many->request,
                             1); /* which gives it 20 ms before the server is asked */
    count = query("select count(*) from t", EVPG_NO_PARAMS);
    start = now_ms();
    await_all();
    ck_assert_msg(now_ms() - start < 5000, "%.0f ms", now_ms() - start);
    ck_assert_failed_as(many, EVPG_E_TIMEOUT, EVPG_FATE_NOT_EXECUTED);
    ck_assert_outcome_ok(count);
    ck_assert_str_eq(cell(count, 0, 0), "0");
    end();
}
END_TEST

static const int losses[] = {SIGTERM, SIGKILL};

START_TEST(lost_in_the_midst)
{
    struct outcome *many;

    free(admin("drop table if exists lost_many; create table lost_many(n int)"));
    begin(ALONE);
    find_backend();
    many = submit_numbers("insert into lost_many select $1 from pg_sleep(0.0005)", 20000);
    run_for(300);
    server_signal(backend_pid(), losses[_i]);
    await_all();
    ck_assert_failed_as(many, EVPG_E_LOST, EVPG_FATE_NOT_EXECUTED);
    evpg_free(db);
    db = NULL;
    server_await();
    free(admin("do $$begin assert (select count(*) from lost_many) = 0; end$$"));
    free(admin("drop table lost_many"));
    end();
}
END_TEST

/* Freed, closed, canceled at each pass of the loop. */
START_TEST(ended_at_each_pass)
{
    bool within = true;

    free(admin("drop table if exists ended; create table ended(n int)"));
    for (int pass = 0; within; pass++) {
        struct outcome *many;
        int expected = 0;
        char *count;

        begin(ALONE);
        many = submit_numbers("insert into ended values ($1)", 5000);
        for (int i = 0; i < pass && !all_done(); i++)
            turn();
        within = !all_done();
        if (_i == 0) {
            evpg_free(db);
            db = NULL;
        } else if (_i == 1 && within) {
            evpg_request_cancel(many->request);
        } else if (_i == 2 && within) {
            evpg_request_set_timeout(many->request, 1);
        }
        await_all();
        if (many->error && evpg_error_fate(many->error) == EVPG_FATE_UNKNOWN)
            expected = -1;
        else if (!many->error)
            expected = 5000;
        end();
        count = admin("with gone as (delete from ended returning n) select count(*) from gone");
        ck_assert_msg(expected < 0 ? atoi(count) % 5000 == 0 : atoi(count) == expected,
                      "%s are there, %d were said to be, pass %d", count, expected, pass);
        free(count);
    }
    free(admin("drop table ended"));
}
END_TEST

/* In a pool it has a connection to itself; the others go on meanwhile. */
START_TEST(in_a_pool)
{
    struct evpg_pool_config config = EVPG_POOL_CONFIG(.max_connections = 2);

    free(admin("drop table if exists pooled; create table pooled(n int)"));
    begin_pool(_i, &config);
    for (int i = 0; i < 4; i++) {
        submit_numbers("insert into pooled values ($1)", 3000);
        for (int k = 0; k < 50; k++)
            query("select 1", EVPG_NO_PARAMS);
    }
    await_all();
    check_all_succeeded();
    end();
    free(admin("do $$begin assert (select count(*) from pooled) = 12000; end$$"));
    free(admin("drop table pooled"));
}
END_TEST

START_TEST(in_a_transaction_block)
{
    struct outcome *count, *inside;

    begin(_i);
    query("create temp table t(n int)", EVPG_NO_PARAMS);
    query("begin", EVPG_NO_PARAMS);
    submit_numbers("insert into t values ($1)", 2000);
    inside = query("select count(*) from t", EVPG_NO_PARAMS);
    query("rollback", EVPG_NO_PARAMS);
    count = query("select count(*) from t", EVPG_NO_PARAMS);
    await_all();
    check_all_succeeded();
    ck_assert_str_eq(cell(inside, 0, 0), "2000");
    ck_assert_str_eq(cell(count, 0, 0), "0");
    end();
}
END_TEST

/* A million sets: their copy and no more; and the loop is not held up. */
START_TEST(a_million)
{
    long before, most = 0;
    struct outcome *many;
    int n = SANITIZED ? 100000 : MOST;

    begin(ALONE);
    query("create temp table t(n int)", EVPG_NO_PARAMS);
    submit_numbers("insert into t values ($1)", 2000); /* what libpq keeps */
    await_all();
    before = resident_kib();
    many = submit_numbers("insert into t values ($1)", n);
    heart_start();
    while (!all_done()) {
        turn();
        most = resident_kib() > most ? resident_kib() : most;
    }
    heart_stop();
    ck_assert_outcome_ok(many);
    ck_assert_uint_eq(many->affected, (unsigned)n);
    printf("# %d sets: %ld KiB more\n", n, most - before);
    if (!SANITIZED)
        ck_assert_int_lt(most - before, 9 * MOST / 1024 + 1024);
    end();
}
END_TEST

static void add_tests(Suite *suite)
{
    TCase *small = tcase_create("small");
    TCase *ends = tcase_create("ends");

    tcase_set_timeout(small, 60);
    tcase_set_timeout(ends, 240);
    tcase_add_loop_test(small, of_each_size, 0, N_MODES);
    tcase_add_loop_test(small, each_may_fail, 0, N_LARGE_MODES);
    tcase_add_loop_test(small, bad_sql, 0, N_MODES);
    tcase_add_loop_test(small, deferred_until_the_end, 0, N_LARGE_MODES);
    tcase_add_loop_test(small, values, 0, N_LARGE_MODES);
    tcase_add_loop_test(small, large_sets, 0, N_LARGE_MODES);
    tcase_add_loop_test(small, without_parameters, 0, N_MODES);
    tcase_add_test(small, refusals);
    tcase_add_loop_test(small, unprepared_and_stale, 0, N_LARGE_MODES);
    tcase_add_loop_test(ends, canceled_in_the_midst, 0, N_LARGE_MODES);
    tcase_add_test(ends, stopped_without_a_cancel_request);
    tcase_add_loop_test(ends, lost_in_the_midst, 0, 2);
    tcase_add_loop_test(ends, ended_at_each_pass, 0, 3);
    tcase_add_loop_test(small, in_a_pool, 0, N_LARGE_MODES);
    tcase_add_loop_test(small, in_a_transaction_block, 0, N_MODES);
    tcase_add_test(ends, a_million);
    suite_add_tcase(suite, small);
    suite_add_tcase(suite, ends);
}

int main(void)
{
    Suite *suite = suite_create("db_many");

    add_tests(suite);
    return run_suite(suite, true);
}
