/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * db_params: values go there and come back as they were; PA01 to PA10.
 *
 * The counterpart of lib/params.c and lib/value.c against a real server.
 */
#include "harness.h"

#include <math.h>
#include <stdio.h>

START_TEST(pa01_null_and_empty)
{
    struct outcome *null, *empty, *untyped;

    begin(_i);
    null = query("select $1::text, $1::text is null", EVPG_PARAMS(evpg_text(NULL)));
    empty = query("select $1::text, $1::text is null", EVPG_PARAMS(evpg_text("")));
    untyped = query("select $1::text is null", EVPG_PARAMS(evpg_null()));
    await_all();
    ck_assert_outcome_ok(null);
    ck_assert_ptr_null(cell(null, 0, 0));
    ck_assert_str_eq(cell(null, 0, 1), "t");
    ck_assert_outcome_ok(empty);
    ck_assert_str_eq(cell(empty, 0, 0), "");
    ck_assert_str_eq(cell(empty, 0, 1), "f");
    ck_assert_str_eq(cell(untyped, 0, 0), "t");
    end();
}
END_TEST

START_TEST(pa02_little_bobby_tables)
{
    static const char name[] = "Robert'); DROP TABLE students;--";
    struct outcome *insert, *back;

    begin(_i);
    query("create temp table students(name text)", EVPG_NO_PARAMS);
    insert = query("insert into students values ($1)", EVPG_PARAMS(evpg_text(name)));
    back = query("select name from students", EVPG_NO_PARAMS);
    await_all();
    ck_assert_outcome_ok(insert);
    ck_assert_outcome_ok(back);
    ck_assert_int_eq(back->n_rows, 1);
    ck_assert_str_eq(cell(back, 0, 0), name);
    end();
}
END_TEST

START_TEST(pa03_a_megabyte)
{
    enum { SIZE = (1 << 20) + 11 };
    char *text = malloc(SIZE + 1);
    struct outcome *back;

    for (int i = 0; i < SIZE; i++)
        text[i] = (char)('a' + i % 23);
    text[SIZE] = '\0';
    begin(_i);
    back = query("select $1::text, length($1::text)", EVPG_PARAMS(evpg_text(text)));
    await_all();
    ck_assert_outcome_ok(back);
    ck_assert_str_eq(cell(back, 0, 1), "1048587");
    ck_assert(strcmp(cell(back, 0, 0), text) == 0);
    free(text);
    end();
}
END_TEST

START_TEST(pa04_as_many_as_there_can_be)
{
    enum { MOST = 65535 };
    static struct evpg_param params[MOST];
    static char texts[MOST][8];
    char *sql = malloc(MOST * 20), *at = sql + sprintf(sql, "values ");
    struct outcome *back;

    for (int i = 0; i < MOST; i++) {
        snprintf(texts[i], sizeof(texts[i]), "v%d", i);
        params[i] = evpg_text(texts[i]);
        at += sprintf(at, "%s($%d::text)", i ? "," : "", i + 1);
    }
    begin(_i);
    back = query(sql, params, MOST);
    await_all();
    ck_assert_outcome_ok(back);
    ck_assert_int_eq(back->n_rows, MOST);
    for (int i = 0; i < MOST; i++)
        ck_assert_str_eq(cell(back, i, 0), texts[i]);
    free(sql);
    end();
}
END_TEST

START_TEST(pa06_too_few_and_too_many)
{
    struct outcome *few, *many, *next;

    begin(_i);
    few = query("select $1::int", EVPG_NO_PARAMS);
    many = query("select 1", EVPG_PARAMS(evpg_int32(1)));
    next = query("select 2", EVPG_NO_PARAMS);
    await_all();
    ck_assert_outcome_sqlstate(few, "08P01");
    ck_assert_int_eq(evpg_error_code(few->error), EVPG_E_SERVER);
    ck_assert(!many->error || strcmp(evpg_error_sqlstate(many->error), "08P01") == 0);
    ck_assert_str_eq(cell(next, 0, 0), "2");
    end();
}
END_TEST

START_TEST(pa07_not_an_integer)
{
    struct outcome *bad, *next;

    begin(_i);
    bad = query("select $1::int", EVPG_PARAMS(evpg_text("abc")));
    next = query("select $1::int", EVPG_PARAMS(evpg_text("42")));
    await_all();
    ck_assert_outcome_sqlstate(bad, "22P02");
    ck_assert_str_eq(cell(next, 0, 0), "42");
    end();
}
END_TEST

/* The server infers the type, as it does for a literal in quotes. */
START_TEST(pa10_a_timestamp_as_text)
{
    struct outcome *insert, *back;
    const char *written;

    begin(_i);
    query("set timezone = 'Asia/Kathmandu'", EVPG_NO_PARAMS);
    query("create temp table t(ts timestamptz)", EVPG_NO_PARAMS);
    insert = query("insert into t(ts) values($1) returning ts::text, ts",
                   EVPG_PARAMS(evpg_text("2020-01-01T00:00:00Z")));
    await_all();
    ck_assert_outcome_ok(insert);
    ck_assert_uint_eq(insert->column_type[1], 1184);
    written = cell(insert, 0, 0);
    ck_assert_str_eq(written, "2020-01-01 05:45:00+05:45");
    back = query("select extract(epoch from ts)::bigint from t where ts = $1",
                 EVPG_PARAMS(evpg_text(written)));
    await_all();
    ck_assert_outcome_ok(back);
    ck_assert_str_eq(cell(back, 0, 0), "1577836800");
    end();
}
END_TEST

static const int64_t integers[] = {0, 1, -1, 42, INT32_MAX, INT32_MIN, INT64_MAX, INT64_MIN};
enum { N_INTEGERS = sizeof(integers) / sizeof(*integers) };

static enum evpg_flow check_integers(const struct evpg_row *row, struct outcome *outcome)
{
    int64_t expected = integers[outcome->number], wide;
    int32_t narrow;
    bool fits = expected >= INT32_MIN && expected <= INT32_MAX;

    ck_assert_int_eq(evpg_row_int64(row, 0, &wide), 0);
    ck_assert_int_eq(wide, expected);
    ck_assert_int_eq(evpg_row_int32(row, 0, &narrow), fits ? 0 : -1);
    if (fits)
        ck_assert_int_eq(narrow, expected);
    ck_assert_uint_eq(evpg_row_type(row, 0), 20);
    ck_assert_uint_eq(evpg_row_type(row, 1), 23);
    return EVPG_NEXT;
}

START_TEST(integers_round_trip)
{
    begin(_i);
    for (int i = 0; i < N_INTEGERS; i++) {
        struct outcome *back = new_outcome();

        back->on_row = check_integers;
        back->number = i;
        ck_assert_ptr_nonnull(
            submit(back, "select $1, $2",
                   EVPG_PARAMS(evpg_int64(integers[i]), evpg_int32((int32_t)integers[i]))));
        await_all();
        ck_assert_outcome_ok(back);
        ck_assert_int_eq(atoi(cell(back, 0, 1)), (int32_t)integers[i]);
    }
    end();
}
END_TEST

static const double doubles[] = {
    0.0, -0.0, 1.5, 0.1, NAN, INFINITY, -INFINITY, 5e-324, 1.7976931348623157e308};
enum { N_DOUBLES = sizeof(doubles) / sizeof(*doubles) };

static enum evpg_flow check_doubles(const struct evpg_row *row, struct outcome *outcome)
{
    double expected = doubles[outcome->number], value;

    ck_assert_int_eq(evpg_row_double(row, 0, &value), 0);
    if (isnan(expected))
        ck_assert(isnan(value));
    else
        ck_assert_mem_eq(&value, &expected, sizeof(value));
    return EVPG_NEXT;
}

START_TEST(doubles_round_trip)
{
    begin(_i);
    for (int i = 0; i < N_DOUBLES; i++) {
        struct outcome *back = new_outcome();

        back->on_row = check_doubles;
        back->number = i;
        ck_assert_ptr_nonnull(submit(back, "select $1", EVPG_PARAMS(evpg_double(doubles[i]))));
        await_all();
        ck_assert_outcome_ok(back);
    }
    end();
}
END_TEST

static unsigned char all_bytes[256];

static enum evpg_flow check_bytes(const struct evpg_row *row, struct outcome *outcome)
{
    size_t length;

    (void)outcome;
    ck_assert_mem_eq(evpg_row_bytes(row, 0, &length), all_bytes, 256);
    ck_assert_uint_eq(length, 256);
    ck_assert_ptr_nonnull(evpg_row_bytes(row, 1, &length));
    ck_assert_uint_eq(length, 0);
    ck_assert_ptr_null(evpg_row_bytes(row, 2, &length));
    ck_assert_ptr_null(evpg_row_error(row));
    return EVPG_NEXT;
}

START_TEST(ty13_ty14_bytes_round_trip)
{
    static const char *const settings[] = {"set bytea_output = hex", "set bytea_output = escape"};

    for (int i = 0; i < 256; i++)
        all_bytes[i] = (unsigned char)i;
    begin(_i);
    for (int i = 0; i < 2; i++) {
        struct outcome *back = new_outcome();

        query(settings[i], EVPG_NO_PARAMS);
        back->on_row = check_bytes;
        ck_assert_ptr_nonnull(submit(
            back, "select $1, $2, $3::bytea",
            EVPG_PARAMS(evpg_bytes(all_bytes, 256), evpg_bytes("", 0), evpg_bytes(NULL, 7))));
        await_all();
        ck_assert_outcome_ok(back);
    }
    end();
}
END_TEST

static enum evpg_flow check_others(const struct evpg_row *row, struct outcome *outcome)
{
    bool value = false;

    (void)outcome;
    ck_assert_int_eq(evpg_row_bool(row, 0, &value), 0);
    ck_assert(value);
    ck_assert_int_eq(evpg_row_bool(row, 1, &value), 0);
    ck_assert(!value);
    return EVPG_NEXT;
}

START_TEST(others_round_trip)
{
    struct outcome *back = NULL;

    begin(_i);
    back = new_outcome();
    back->on_row = check_others;
    ck_assert_ptr_nonnull(submit(back, "select $1, $2, $3::text, $4::date::text",
                                 EVPG_PARAMS(evpg_bool(true), evpg_bool(false),
                                             evpg_textn("Anabela", 3), evpg_text("2026-11-25"))));
    await_all();
    ck_assert_outcome_ok(back);
    ck_assert_str_eq(cell(back, 0, 2), "Ana");
    ck_assert_str_eq(cell(back, 0, 3), "2026-11-25");
    end();
}
END_TEST

/* What was passed in is copied: it may be overwritten as soon as the call has returned. */
START_TEST(everything_is_copied)
{
    char sql[] = "select $1::text, $2::bytea::text", text[] = "text", bytes[] = {'a', 'b'};
    struct evpg_param params[2] = {evpg_text(text), evpg_bytes(bytes, 2)};
    struct outcome *back;

    begin(_i);
    back = query(sql, params, 2);
    memset(sql, 'x', sizeof(sql) - 1);
    memset(text, 'x', sizeof(text) - 1);
    memset(bytes, 'x', sizeof(bytes));
    memset(params, 0, sizeof(params));
    await_all();
    ck_assert_outcome_ok(back);
    ck_assert_str_eq(cell(back, 0, 0), "text");
    ck_assert_str_eq(cell(back, 0, 1), "\\x6162");
    end();
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("db_params");
    TCase *small = tcase_create("small");
    TCase *large = tcase_create("large");

    tcase_set_timeout(small, 30);
    tcase_set_timeout(large, 120);
    tcase_add_loop_test(small, pa01_null_and_empty, 0, N_MODES);
    tcase_add_loop_test(small, pa02_little_bobby_tables, 0, N_MODES);
    tcase_add_loop_test(large, pa03_a_megabyte, 0, N_LARGE_MODES);
    tcase_add_loop_test(large, pa04_as_many_as_there_can_be, 0, N_LARGE_MODES);
    tcase_add_loop_test(small, pa06_too_few_and_too_many, 0, N_MODES);
    tcase_add_loop_test(small, pa07_not_an_integer, 0, N_MODES);
    tcase_add_loop_test(small, pa10_a_timestamp_as_text, 0, N_MODES);
    tcase_add_loop_test(small, integers_round_trip, 0, N_MODES);
    tcase_add_loop_test(small, doubles_round_trip, 0, N_MODES);
    tcase_add_loop_test(small, ty13_ty14_bytes_round_trip, 0, N_MODES);
    tcase_add_loop_test(small, others_round_trip, 0, N_MODES);
    tcase_add_loop_test(small, everything_is_copied, 0, N_MODES);
    suite_add_tcase(suite, small);
    suite_add_tcase(suite, large);
    return run_suite(suite, true);
}
