/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * unit_row_time: getters of dates, times and intervals on rows made by hand: of other types, NULL,
 * and with values that no good server sends.
 *
 * The counterpart of lib/row_time.c; needs no server.
 */
#include "harness.h"

#include "row.h"
#include "type.h"

#include <evpg/time.h>

static PGresult *result;
static struct row_set set;
static struct evpg_row row;

/* One row of one column "x"; value NULL is NULL. */
static void make_row(Oid type, const char *value, int length, int format)
{
    char name[] = "x";
    PGresAttDesc column = {.name = name, .typid = type, .typlen = -1, .format = format};

    result = PQmakeEmptyPGresult(NULL, PGRES_TUPLES_OK);
    ck_assert(PQsetResultAttrs(result, 1, &column));
    ck_assert(PQsetvalue(result, 0, 0, (char *)value, value ? length : -1));
    row = row_of(&set, result, 0, 0);
    row.binary = format == 1; /* which libpq tells of results from a server only */
}

static void free_row(void)
{
    row_set_reset(&set, NULL);
    PQclear(result);
}

static int get(Oid type)
{
    int32_t days = 77;
    int64_t number = 78;
    struct evpg_timetz timetz = {79, 80};
    struct evpg_interval interval = {81, 82, 83};
    int outcome;

    if (type == TYPE_DATE)
        outcome = evpg_row_date(&row, 0, &days);
    else if (type == TYPE_TIME)
        outcome = evpg_row_time(&row, 0, &number);
    else if (type == TYPE_TIMETZ)
        outcome = evpg_row_timetz(&row, 0, &timetz);
    else if (type == TYPE_TIMESTAMP)
        outcome = evpg_row_timestamp(&row, 0, &number);
    else if (type == TYPE_TIMESTAMPTZ)
        outcome = evpg_row_timestamptz(&row, 0, &number);
    else
        outcome = evpg_row_interval(&row, 0, &interval);
    if (outcome < 0)
        ck_assert(days == 77 && number == 78 && timetz.microseconds == 79 && timetz.zone == 80 &&
                  interval.microseconds == 81 && interval.days == 82 && interval.months == 83);
    return outcome;
}

static const struct {
    Oid type;
    const char *name, *text, *bytes;
    int length;
} types[] = {{TYPE_DATE, "date", "2000-01-01", "\0\0\0\0", 4},
             {TYPE_TIME, "time", "00:00:00", "\0\0\0\0\0\0\0\0", 8},
             {TYPE_TIMETZ, "timetz", "00:00:00+00", "\0\0\0\0\0\0\0\0\0\0\0\0", 12},
             {TYPE_TIMESTAMP, "timestamp", "2000-01-01 00:00:00", "\0\0\0\0\0\0\0\0", 8},
             {TYPE_TIMESTAMPTZ, "timestamptz", "2000-01-01 00:00:00+00", "\0\0\0\0\0\0\0\0", 8},
             {TYPE_INTERVAL, "interval", "00:00:00", "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0", 16}};

enum { N_TYPES = 6 };

static void check_error(const char *name, const char *why)
{
    const struct evpg_error *error = evpg_row_error(&row);
    char expected[200];

    snprintf(expected, sizeof(expected), "column 0 \"x\" (%s): %s", name, why);
    ck_assert_ptr_nonnull(error);
    ck_assert_str_eq(evpg_error_message(error), expected);
    ck_assert_int_eq(evpg_error_code(error), EVPG_E_VALUE);
}

/* Each getter reads its own type and no other, whatever the text would be. */
START_TEST(types_of_each)
{
    for (int i = 0; i < N_TYPES; i++) {
        for (int j = 0; j < 2 * N_TYPES; j++) {
            bool binary = j >= N_TYPES;
            int from = j % N_TYPES;
            char why[60];

            make_row(types[from].type, binary ? types[from].bytes : types[from].text,
                     binary ? types[from].length : (int)strlen(types[from].text), binary);
            ck_assert_int_eq(get(types[i].type), from == i ? 0 : -1);
            snprintf(why, sizeof(why), "not the type %s", types[i].name);
            if (from != i)
                check_error(types[from].name, why);
            free_row();
        }
    }
}
END_TEST

START_TEST(nulls)
{
    for (int i = 0; i < N_TYPES; i++) {
        make_row(types[i].type, NULL, 0, i % 2);
        ck_assert_int_eq(get(types[i].type), -1);
        check_error(types[i].name, "the value is NULL");
        free_row();
    }
}
END_TEST

START_TEST(bad_values)
{
    for (int i = 0; i < N_TYPES; i++) {
        make_row(types[i].type, "yesterday", 9, 0);
        ck_assert_int_eq(get(types[i].type), -1);
        ck_assert_ptr_nonnull(strstr(evpg_error_message(evpg_row_error(&row)), "): not a"));
        free_row();
        make_row(types[i].type, types[i].bytes, types[i].length - 1, 1);
        ck_assert_int_eq(get(types[i].type), -1);
        check_error(types[i].name, "not as long as its type");
        free_row();
    }
}
END_TEST

START_TEST(timespecs)
{
    struct timespec time = {77, 78};

    make_row(TYPE_TIMESTAMPTZ, "1969-12-31 23:59:58.5+00", 24, 0);
    ck_assert_int_eq(evpg_row_timespec(&row, 0, &time), 0);
    ck_assert_int_eq(time.tv_sec, -2);
    ck_assert_int_eq(time.tv_nsec, 500000000);
    free_row();
    make_row(TYPE_TIMESTAMPTZ, "infinity", 8, 0);
    ck_assert_int_eq(evpg_row_timespec(&row, 0, &time), -1);
    check_error("timestamptz", "infinity, which a struct timespec cannot hold");
    free_row();
    make_row(TYPE_TIMESTAMPTZ, "\x80\0\0\0\0\0\0\0", 8, 1);
    ck_assert_int_eq(evpg_row_timespec(&row, 0, &time), -1);
    check_error("timestamptz", "-infinity, which a struct timespec cannot hold");
    free_row();
    make_row(TYPE_TIMESTAMP, "1970-01-01 00:00:00", 19, 0);
    ck_assert_int_eq(evpg_row_timespec(&row, 0, &time), -1);
    check_error("timestamp", "not the type timestamptz");
    free_row();
    ck_assert_int_eq(time.tv_sec, -2);
    ck_assert_int_eq(time.tv_nsec, 500000000);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("unit_row_time");
    TCase *tcase = tcase_create("row_time");

    tcase_add_test(tcase, types_of_each);
    tcase_add_test(tcase, nulls);
    tcase_add_test(tcase, bad_values);
    tcase_add_test(tcase, timespecs);
    suite_add_tcase(suite, tcase);
    return run_suite(suite, false);
}
