/* SPDX-License-Identifier: BSD-2-Clause */
/* db_scan: whole rows into variables and members of structs. */
#include "harness.h"

#include <stdio.h>

static struct course {
    int64_t id;
    const char *title, *note;
    int16_t hours;
    double price;
    bool open, has_end;
    int32_t end;
    unsigned char key[16];
    const void *bytes;
    size_t length;
} course;

static int n_scanned;
static char why[200];

static void note_error(const struct evpg_row *row)
{
    snprintf(why, sizeof(why), "%s", evpg_error_message(evpg_row_error(row)));
}

static enum evpg_flow scan_course(const struct evpg_row *row, struct outcome *outcome)
{
    (void)outcome;
    if (evpg_row_scan(
            row, EVPG_INTO(evpg_to_int64(&course.id), evpg_to_text(&course.title),
                           evpg_to_text_or_null(&course.note), evpg_to_int16(&course.hours),
                           evpg_to_double(&course.price), evpg_to_bool(&course.open),
                           evpg_if_any(&course.has_end, evpg_to_date(&course.end)),
                           evpg_to_uuid(course.key), evpg_to_bytes(&course.bytes, &course.length),
                           evpg_to_nothing())) < 0) {
        note_error(row);
        return EVPG_FAIL;
    }
    n_scanned++;
    ck_assert_int_eq(course.id, 7);
    ck_assert_str_eq(course.title, "libevent");
    ck_assert_ptr_null(course.note);
    ck_assert_int_eq(course.hours, 60);
    ck_assert(course.price > 1.49 && course.price < 1.51);
    ck_assert(course.open);
    ck_assert_int_eq(course.key[0], 0x38);
    ck_assert_mem_eq(course.bytes, "ab", 2);
    ck_assert_uint_eq(course.length, 2);
    return EVPG_NEXT;
}

#define COURSE                                                                                     \
    "select 7::int8, 'libevent'::text, null::text, 60::int2, 1.5::float8, true, %s,"               \
    " '38a4ff5a-3a56-11e6-a6c2-c8f73323c6d4'::uuid, 'ab'::bytea, now()"

static struct outcome *scan(const char *sql)
{
    struct outcome *outcome = new_outcome();

    outcome->discard = true;
    outcome->on_row = scan_course;
    submit(outcome, sql, EVPG_NO_PARAMS);
    await_all();
    return outcome;
}

START_TEST(a_row)
{
    struct outcome *outcome;
    char sql[400];

    begin(_i);
    snprintf(sql, sizeof(sql), COURSE, "null::date");
    outcome = scan(sql);
    ck_assert_outcome_ok(outcome);
    ck_assert(!course.has_end);
    snprintf(sql, sizeof(sql), COURSE, "date '2000-01-02'");
    outcome = scan(sql);
    ck_assert_outcome_ok(outcome);
    ck_assert(course.has_end);
    ck_assert_int_eq(course.end, 1);
    ck_assert_int_eq(n_scanned, 2);
    end();
}
END_TEST

START_TEST(what_does_not_fit)
{
    static const struct {
        const char *sql, *why;
    } cases[] = {
        {"select 1", "the row has 1 columns, and 10 are wanted"},
        {"select", "the row has 0 columns, and 10 are wanted"},
        {"select 1,2,3,4,5,6,7,8,9,10,11", "the row has 11 columns, and 10 are wanted"},
        {"select null::int8 as id,2,3,4,5,6,7,8,9,10", "column 0 \"id\" (int8): the value is NULL"},
        {"select 1::int8, null::text as t,3,4,5,6,7,8,9,10",
         "column 1 \"t\" (text): the value is NULL"},
        {"select 1::int8, 'a'::text, 'b'::text, 40000::int4 as hours,5,6,7,8,9,10",
         "column 3 \"hours\" (int4): out of range for 16 bits"},
    };

    begin(ALONE);
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        struct outcome *outcome = scan(cases[i].sql);

        ck_assert_ptr_nonnull(outcome->error);
        ck_assert_int_eq(evpg_error_code(outcome->error), EVPG_E_VALUE);
        ck_assert_str_eq(why, cases[i].why);
    }
    end();
}
END_TEST

static enum evpg_flow scan_badly(const struct evpg_row *row, struct outcome *outcome)
{
    const struct evpg_into nothing = {0};

    (void)outcome;
    ck_assert_int_eq(evpg_row_scan(row, &nothing, 1), -1);
    note_error(row);
    return EVPG_NEXT;
}

START_TEST(a_place_that_was_not_made)
{
    struct outcome *outcome = new_outcome();

    begin(ALONE);
    outcome->discard = true;
    outcome->on_row = scan_badly;
    submit(outcome, "select 1 as one", EVPG_NO_PARAMS);
    await_all();
    ck_assert_outcome_ok(outcome);
    ck_assert_str_eq(why, "column 0 \"one\" (int4): a place not made by one of the makers in"
                          " evpg/scan.h");
    end();
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("db_scan");
    TCase *tcase = tcase_create("scan");

    tcase_set_timeout(tcase, 60);
    tcase_add_loop_test(tcase, a_row, 0, N_MODES);
    tcase_add_test(tcase, what_does_not_fit);
    tcase_add_test(tcase, a_place_that_was_not_made);
    suite_add_tcase(suite, tcase);
    return run_suite(suite, true);
}
