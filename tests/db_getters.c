/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * db_getters: reading rows as a real server sends them, and what a getter says that cannot.
 *
 * The counterpart of lib/row.c. A getter that fails leaves its value alone and an error that names
 * column, type and reason; it fails neither the request nor the connection.
 */
#include "harness.h"

#include <locale.h>

static void check_error(const struct evpg_row *row, const char *message)
{
    const struct evpg_error *error = evpg_row_error(row);

    ck_assert_ptr_nonnull(error);
    ck_assert_str_eq(evpg_error_message(error), message);
    ck_assert_int_eq(evpg_error_code(error), EVPG_E_VALUE);
    ck_assert_str_eq(evpg_error_sqlstate(error), "");
}

static struct outcome *run(const char *sql, enum evpg_flow (*on_row)(const struct evpg_row *row,
                                                                     struct outcome *outcome))
{
    struct outcome *outcome = new_outcome();

    outcome->on_row = on_row;
    ck_assert_ptr_nonnull(submit(outcome, sql, EVPG_NO_PARAMS));
    await_all();
    ck_assert_outcome_ok(outcome);
    ck_assert_int_ge(outcome->n_rows, 1);
    return outcome;
}

/* All but the text is NULL's, of another type, or not there; the values stay as they are. */
static enum evpg_flow check_wrong_types(const struct evpg_row *row, struct outcome *outcome)
{
    int32_t narrow = 11;
    int64_t wide = 12;
    double number = 13;
    bool truth = true;

    (void)outcome;
    ck_assert_ptr_null(evpg_row_error(row));
    ck_assert_int_eq(evpg_row_int32(row, 0, &narrow), -1);
    check_error(row, "column 0 \"word\" (text): not an integer type");
    ck_assert_int_eq(evpg_row_int64(row, 1, &wide), -1);
    check_error(row, "column 1 \"price\" (numeric): not an integer type");
    ck_assert_int_eq(evpg_row_double(row, 1, &number), -1);
    check_error(row, "column 1 \"price\" (numeric): not a type that a double holds exactly");
    ck_assert_int_eq(evpg_row_double(row, 2, &number), -1);
    check_error(row, "column 2 \"big\" (int8): not a type that a double holds exactly");
    ck_assert_int_eq(evpg_row_bool(row, 2, &truth), -1);
    check_error(row, "column 2 \"big\" (int8): not a boolean type");
    ck_assert_int_eq(evpg_row_int32(row, 3, &narrow), -1);
    check_error(row, "column 3 \"where\" (type 600): not an integer type");
    ck_assert(narrow == 11 && wide == 12 && number == 13 && truth);
    return EVPG_NEXT;
}

START_TEST(wrong_types)
{
    begin(_i);
    run("select 'x'::text as word, 1.5::numeric as price, 7::int8 as big, point '(1,2)' as where",
        check_wrong_types);
    end();
}
END_TEST

static enum evpg_flow check_nulls(const struct evpg_row *row, struct outcome *outcome)
{
    int32_t narrow = 11;
    int64_t wide = 12;
    double number = 13;
    bool truth = true;
    size_t length = 14;

    (void)outcome;
    ck_assert(evpg_row_is_null(row, 0) && !evpg_row_is_null(row, 4));
    ck_assert_ptr_null(evpg_row_text(row, 3));
    ck_assert_str_eq(evpg_row_text_or(row, 3, "instead"), "instead");
    ck_assert_str_eq(evpg_row_text_or(row, 4, "instead"), "");
    ck_assert_ptr_null(evpg_row_bytes(row, 3, &length));
    ck_assert_uint_eq(length, 0);
    ck_assert_ptr_null(evpg_row_error(row)); /* none of this is an error */
    ck_assert_int_eq(evpg_row_int32(row, 0, &narrow), -1);
    check_error(row, "column 0 \"n\" (int4): the value is NULL");
    ck_assert_int_eq(evpg_row_int64(row, 0, &wide), -1);
    ck_assert_int_eq(evpg_row_double(row, 1, &number), -1);
    check_error(row, "column 1 \"d\" (float8): the value is NULL");
    ck_assert_int_eq(evpg_row_bool(row, 2, &truth), -1);
    check_error(row, "column 2 \"b\" (bool): the value is NULL");
    ck_assert(narrow == 11 && wide == 12 && number == 13 && truth);
    return EVPG_NEXT;
}

START_TEST(nulls)
{
    begin(_i);
    run("select null::int as n, null::float8 as d, null::bool as b, null::bytea, ''::text",
        check_nulls);
    end();
}
END_TEST

static enum evpg_flow check_ranges(const struct evpg_row *row, struct outcome *outcome)
{
    int32_t narrow = 11;
    int64_t wide = 12;

    (void)outcome;
    ck_assert_int_eq(evpg_row_int32(row, 0, &narrow), -1);
    check_error(row, "column 0 \"above\" (int8): out of range for 32 bits");
    ck_assert_int_eq(evpg_row_int32(row, 1, &narrow), -1);
    check_error(row, "column 1 \"below\" (int8): out of range for 32 bits");
    ck_assert_int_eq(evpg_row_int32(row, 2, &narrow), -1);
    check_error(row, "column 2 \"o\" (oid): out of range for 32 bits");
    ck_assert_int_eq(narrow, 11);
    ck_assert_int_eq(evpg_row_int64(row, 2, &wide), 0);
    ck_assert_int_eq(wide, 4294967295);
    ck_assert_int_eq(evpg_row_int32(row, 3, &narrow), 0);
    ck_assert_int_eq(narrow, -32768);
    check_error(row, "column 2 \"o\" (oid): out of range for 32 bits"); /* a success clears none */
    return EVPG_NEXT;
}

START_TEST(ranges)
{
    begin(_i);
    run("select 2147483648 as above, -2147483649 as below, 4294967295::oid as o, (-32768)::int2",
        check_ranges);
    end();
}
END_TEST

static enum evpg_flow check_no_column(const struct evpg_row *row, struct outcome *outcome)
{
    static const int columns[] = {-1, 2, 1000000, INT32_MIN, INT32_MAX};
    int64_t wide;
    bool truth;
    size_t length = 14;

    (void)outcome;
    for (int i = 0; i < 5; i++) {
        int column = columns[i];

        ck_assert_int_eq(evpg_row_int64(row, column, &wide), -1);
        ck_assert_int_eq(evpg_row_bool(row, column, &truth), -1);
        ck_assert_ptr_null(evpg_row_text(row, column));
        ck_assert_ptr_null(evpg_row_bytes(row, column, &length));
        ck_assert_uint_eq(length, 0);
        ck_assert_ptr_null(evpg_row_name(row, column));
        ck_assert_uint_eq(evpg_row_type(row, column), 0);
        ck_assert(evpg_row_is_null(row, column));
    }
    ck_assert_ptr_null(evpg_row_text(row, -1));
    check_error(row, "there is no column -1: the row has 2, counted from 0");
    ck_assert_ptr_null(evpg_row_text(row, 2));
    check_error(row, "there is no column 2: the row has 2, counted from 0");
    return EVPG_NEXT;
}

START_TEST(no_such_column)
{
    begin(_i);
    run("select 1, true", check_no_column);
    end();
}
END_TEST

/* The error is of one callback: the next row starts without one. */
static enum evpg_flow check_fresh(const struct evpg_row *row, struct outcome *outcome)
{
    int64_t wide;

    (void)outcome;
    ck_assert_ptr_null(evpg_row_error(row));
    ck_assert_int_eq(evpg_row_int64(row, 0, &wide), -1);
    ck_assert_ptr_nonnull(evpg_row_error(row));
    return EVPG_NEXT;
}

START_TEST(each_row_starts_without_an_error)
{
    begin(_i);
    ck_assert_int_eq(run("select 'x' from generate_series(1,5)", check_fresh)->n_rows, 5);
    end();
}
END_TEST

static void check_kept(const struct evpg_result *result, struct outcome *outcome)
{
    const struct evpg_row *first = evpg_result_row(result, 0);
    const struct evpg_row *last = evpg_result_row(result, 2);
    const void *bytes[2];
    size_t length;
    int32_t narrow;

    (void)outcome;
    ck_assert_ptr_null(evpg_result_row(result, 3));
    ck_assert_ptr_eq(evpg_row_request(first), evpg_result_request(result));
    /* Rows, and the bytes of each, are all held at once. */
    bytes[0] = evpg_row_bytes(first, 1, &length);
    bytes[1] = evpg_row_bytes(last, 1, &length);
    ck_assert_mem_eq(bytes[0], "\x01\xff", 2);
    ck_assert_mem_eq(bytes[1], "\x03\xff", 2);
    ck_assert_int_eq(evpg_row_int32(first, 1, &narrow), -1);
    check_error(last, "column 1 \"b\" (bytea): not an integer type");
    ck_assert_int_eq(evpg_row_int32(last, 0, &narrow), 0);
    ck_assert_int_eq(narrow, 3);
}

START_TEST(of_kept_rows)
{
    struct outcome *kept;

    begin(_i);
    kept = new_outcome();
    kept->kept = true;
    kept->on_done = check_kept;
    ck_assert_ptr_nonnull(submit(
        kept,
        "select n, decode(lpad(n::text, 2, '0') || 'ff', 'hex') as b from generate_series(1,3) n",
        EVPG_NO_PARAMS));
    await_all();
    ck_assert_outcome_ok(kept);
    end();
}
END_TEST

static enum evpg_flow check_numbers(const struct evpg_row *row, struct outcome *outcome)
{
    double number;

    (void)outcome;
    ck_assert_int_eq(evpg_row_double(row, 0, &number), 0);
    ck_assert(number == 1234.5);
    ck_assert_int_eq(evpg_row_double(row, 1, &number), 0);
    ck_assert(number == -1.5e-7);
    ck_assert_int_eq(evpg_row_double(row, 2, &number), 0);
    ck_assert((float)number == 0.1f); /* real: the shortest text of it, read as a double */
    ck_assert_int_eq(evpg_row_double(row, 3, &number), 0);
    ck_assert(number == -42);
    return EVPG_NEXT;
}

/* Whether the process writes 1,5 now; on a machine without such a locale it does not. */
static bool set_decimal_comma(void)
{
    static const char *const names[] = {"de_DE.UTF-8", "de_DE.utf8", "pt_BR.UTF-8", "pt_BR.utf8",
                                        "fr_FR.UTF-8", "fr_FR.utf8", "de_DE",       "pt_BR"};

    for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
        if (setlocale(LC_ALL, names[i]) && *localeconv()->decimal_point == ',')
            return true;
    setlocale(LC_ALL, "C");
    return false;
}

#define NUMBERS "select 1234.5::float8, -1.5e-7::float8, 0.1::float4, -42::int2"

START_TEST(doubles_in_any_locale)
{
    begin(_i);
    run(NUMBERS, check_numbers);
    if (set_decimal_comma()) {
        struct outcome *back = new_outcome();

        run(NUMBERS, check_numbers);
        ck_assert_ptr_nonnull(submit(back, "select $1 = 0.1", EVPG_PARAMS(evpg_double(0.1))));
        await_all();
        ck_assert_str_eq(cell(back, 0, 0), "t");
    }
    end();
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("db_getters");
    TCase *tcase = tcase_create("getters");

    tcase_set_timeout(tcase, 30);
    tcase_add_loop_test(tcase, wrong_types, 0, N_MODES);
    tcase_add_loop_test(tcase, nulls, 0, N_MODES);
    tcase_add_loop_test(tcase, ranges, 0, N_MODES);
    tcase_add_loop_test(tcase, no_such_column, 0, N_MODES);
    tcase_add_loop_test(tcase, each_row_starts_without_an_error, 0, N_MODES);
    tcase_add_loop_test(tcase, of_kept_rows, 0, N_MODES);
    tcase_add_loop_test(tcase, doubles_in_any_locale, 0, N_MODES);
    suite_add_tcase(suite, tcase);
    return run_suite(suite, true);
}
