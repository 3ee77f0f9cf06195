/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * db_array: arrays, ranges and composites go to a real server and come back as they were, in text
 * and in binary format, both ways; TY32 to TY49 as far as they are about these.
 *
 * The counterpart of lib/row_parts.c and lib/param_parts.c against a real server.
 */
#include "harness.h"

#include <stdio.h>

/* One row, looked at by the callback; it must have been. */
static void look(const char *sql, const struct evpg_param *params, size_t n_params,
                 enum evpg_flow (*on_row)(const struct evpg_row *row, struct outcome *outcome))
{
    struct outcome *outcome = new_outcome();

    outcome->on_row = on_row;
    ck_assert_ptr_nonnull(submit(outcome, sql, params, n_params));
    await_all();
    ck_assert_outcome_ok(outcome);
    ck_assert_int_ge(outcome->n_rows, 1);
}

static int32_t int_at(const struct evpg_row *row, int column)
{
    int32_t value = 0;

    ck_assert_int_eq(evpg_row_int32(row, column, &value), 0);
    return value;
}

static enum evpg_flow check_arrays(const struct evpg_row *row, struct outcome *outcome)
{
    const struct evpg_array_view *empty = evpg_row_array(row, 0), *null = evpg_row_array(row, 1);
    const struct evpg_array_view *two = evpg_row_array(row, 2), *six = evpg_row_array(row, 3);
    const struct evpg_array_view *boxes = evpg_row_array(row, 4);

    (void)outcome;
    ck_assert(empty && null && two && six && boxes);
    ck_assert_int_eq(empty->dimensions, 0);
    ck_assert_int_eq(evpg_row_columns(empty->elements), 0);
    ck_assert(evpg_row_columns(null->elements) == 3 && evpg_row_is_null(null->elements, 1));
    ck_assert_int_eq(int_at(null->elements, 2), 3);
    ck_assert_int_eq(two->dimensions, 2);
    ck_assert(two->lengths[0] == 3 && two->lower_bounds[0] == 1);
    ck_assert(two->lengths[1] == 2 && two->lower_bounds[1] == -1);
    ck_assert_int_eq(int_at(two->elements, 2), 4);
    ck_assert_int_eq(int_at(two->elements, 5), 7);
    ck_assert_int_eq(six->dimensions, 6);
    ck_assert_int_eq(int_at(six->elements, 0), 1);
    ck_assert_int_eq(evpg_row_columns(boxes->elements), 2);
    ck_assert_uint_eq(boxes->element_type, 603);
    return EVPG_NEXT;
}

START_TEST(ty32_ty33_ty35_ty36_arrays)
{
    struct outcome *seven;

    begin(_i);
    look("select '{}'::int[], '{1,NULL,3}'::int[], '[1:3][-1:0]={{1,2},{4,5},{6,7}}'::int[],"
         " '{{{{{{1}}}}}}'::int[], array[box '((1,1),(0,0))', box '((2,2),(1,1))']",
         EVPG_NO_PARAMS, check_arrays);
    seven = query("select '{{{{{{{1}}}}}}}'::int[]", EVPG_NO_PARAMS);
    await_all();
    ck_assert_outcome_sqlstate(seven, "54000");
    end();
}
END_TEST

static enum evpg_flow check_moods(const struct evpg_row *row, struct outcome *outcome)
{
    const struct evpg_array_view *moods = evpg_row_array(row, 0), *same = evpg_row_array(row, 1);
    size_t length;

    (void)outcome;
    ck_assert(moods && same);
    ck_assert_mem_eq(evpg_row_bytes(moods->elements, 1, &length), "happy", 5);
    ck_assert_mem_eq(evpg_row_bytes(same->elements, 0, &length), "sad", 3);
    ck_assert_uint_eq(length, 3);
    return EVPG_NEXT;
}

START_TEST(ty49_an_array_of_enums)
{
    begin(_i);
    query("create type pg_temp.mood as enum ('sad', 'ok', 'happy')", EVPG_NO_PARAMS);
    look("select array['sad','happy']::pg_temp.mood[], $1::pg_temp.mood[]",
         EVPG_PARAMS(EVPG_ARRAY(0, evpg_text("sad"), evpg_text("happy"))), check_moods);
    end();
}
END_TEST

static enum evpg_flow check_ranges(const struct evpg_row *row, struct outcome *outcome)
{
    const struct evpg_range_view *range = evpg_row_range(row, 0);

    (void)outcome;
    ck_assert(range && range->lower_inclusive && !range->upper_inclusive);
    ck_assert(int_at(range->bounds, 0) == 1 && int_at(range->bounds, 1) == 10);
    range = evpg_row_range(row, 1);
    ck_assert(range && range->empty && !range->lower_infinite);
    range = evpg_row_range(row, 2);
    ck_assert(range && range->lower_infinite && range->upper_infinite);
    range = evpg_row_range(row, 3);
    ck_assert(range && range->lower_infinite && !range->upper_inclusive);
    ck_assert(evpg_row_is_null(range->bounds, 0) && int_at(range->bounds, 1) == 3);
    range = evpg_row_range(row, 4);
    ck_assert(range && int_at(range->bounds, 0) == 0 && int_at(range->bounds, 1) == 10);
    ck_assert_int_eq(evpg_row_columns(evpg_row_multirange(row, 5)), 0);
    range = evpg_row_range(evpg_row_multirange(row, 6), 0);
    ck_assert(range && int_at(range->bounds, 0) == 1 && int_at(range->bounds, 1) == 12);
    return EVPG_NEXT;
}

START_TEST(ty42_ty43_ranges)
{
    begin(_i);
    look("select int4range(1,10), 'empty'::int4range, '(,)'::int4range, '(,2]'::int4range,"
         " '[0,9]'::int4range, '{}'::int4multirange, '{[1,9],[9,11]}'::int4multirange",
         EVPG_NO_PARAMS, check_ranges);
    end();
}
END_TEST

static enum evpg_flow check_sent_ranges(const struct evpg_row *row, struct outcome *outcome)
{
    const struct evpg_array_view *array = evpg_row_array(row, 4);
    const struct evpg_range_view *range;

    (void)outcome;
    ck_assert_str_eq(evpg_row_text(row, 0), "[1,10)");
    ck_assert_str_eq(evpg_row_text(row, 1), "empty");
    ck_assert_str_eq(evpg_row_text(row, 2), "[2026-11-25,)");
    ck_assert_str_eq(evpg_row_text(row, 3), "(,1.5]");
    ck_assert(array && evpg_row_columns(array->elements) == 2);
    range = evpg_row_range(array->elements, 0);
    ck_assert(range && int_at(range->bounds, 1) == 10);
    ck_assert(evpg_row_is_null(array->elements, 1));
    return EVPG_NEXT;
}

START_TEST(ranges_sent)
{
    struct evpg_range_value some = {
        .lower_inclusive = true, .lower = evpg_int32(1), .upper = evpg_int32(10)};
    struct evpg_range_value empty = {.type = 3926, .empty = true};
    struct evpg_range_value days = {.lower_inclusive = true, .lower = evpg_text("2026-11-25")};
    struct evpg_range_value number = {.upper_inclusive = true, .upper = evpg_double(1.5)};

    begin(_i);
    look("select $1::text, $2::text, $3::daterange::text, $4::numrange::text, $5",
         EVPG_PARAMS(evpg_range(&some), evpg_range(&empty), evpg_range(&days), evpg_range(&number),
                     EVPG_ARRAY(3904, evpg_range(&some), evpg_null())),
         check_sent_ranges);
    end();
}
END_TEST

static enum evpg_flow check_composite(const struct evpg_row *row, struct outcome *outcome)
{
    const struct evpg_row *fields = evpg_row_composite(row, 0), *inner;

    (void)outcome;
    ck_assert_ptr_nonnull(fields);
    ck_assert_int_eq(evpg_row_columns(fields), 4);
    ck_assert(evpg_row_is_null(fields, 0));
    ck_assert_int_eq(int_at(fields, 1), 1234);
    ck_assert_str_eq(evpg_row_text(fields, 2), "5678");
    inner = evpg_row_composite(fields, 3);
    ck_assert(inner && int_at(inner, 0) == 42);
    ck_assert_str_eq(evpg_row_text(inner, 1), "42");
    fields = evpg_row_composite(row, 1);
    ck_assert_ptr_nonnull(fields);
    ck_assert_str_eq(evpg_row_text(fields, 0), "");
    ck_assert(evpg_row_is_null(fields, 1));
    ck_assert_str_eq(evpg_row_text(fields, 2), "x y");
    fields = evpg_row_composite(row, 2);
    ck_assert_ptr_nonnull(fields);
    ck_assert_str_eq(evpg_row_text(fields, 0), "foo'");
    ck_assert_str_eq(evpg_row_text(fields, 1), "a\"b\\");
    ck_assert(evpg_row_is_null(fields, 2));
    return EVPG_NEXT;
}

START_TEST(ty39_ty40_composites)
{
    begin(_i);
    look("select row(null, 1234, '5678', row(42, '42')), row('', null, 'x y'),"
         " row('foo''', E'a\"b\\\\', null)",
         EVPG_NO_PARAMS, check_composite);
    end();
}
END_TEST

static enum evpg_flow check_pairs(const struct evpg_row *row, struct outcome *outcome)
{
    static const char *const names[] = {"Ana, \"a\\b\" (x)", "", NULL};
    const struct evpg_row *pair = evpg_row_composite(row, 0);
    int64_t id;

    ck_assert_ptr_nonnull(pair);
    ck_assert_int_eq(evpg_row_int64(pair, 0, &id), 0);
    ck_assert_int_eq(id, outcome->n_rows - 1); /* this row is counted */
    ck_assert_pstr_eq(evpg_row_text(pair, 1), names[id]);
    ck_assert_pstr_eq(evpg_row_text(row, 1), names[id]);
    return EVPG_NEXT;
}

/* Several rows in one parameter; an int4 is good for a bigint, as it is in a parameter. */
START_TEST(composites_sent)
{
    const struct evpg_param ana[] = {evpg_int32(0), evpg_text("Ana, \"a\\b\" (x)")};
    const struct evpg_param none[] = {evpg_int64(1), evpg_text("")};
    const struct evpg_param null[] = {evpg_text("2"), evpg_null()};
    struct evpg_composite_value pairs[] = {{0, ana, 2}, {0, none, 2}, {0, null, 2}};

    begin(_i);
    query("create type pg_temp.pair as (id bigint, name text)", EVPG_NO_PARAMS);
    look("select $1::pg_temp.pair, ($1::pg_temp.pair).name", EVPG_PARAMS(evpg_composite(pairs)),
         check_pairs);
    look("select pair, (pair).name from unnest($1::pg_temp.pair[]) as pair",
         EVPG_PARAMS(EVPG_ARRAY(0, evpg_composite(&pairs[0]), evpg_composite(&pairs[1]),
                                evpg_composite(&pairs[2]))),
         check_pairs);
    end();
}
END_TEST

START_TEST(any_of_an_array)
{
    struct outcome *some, *none, *mixed;
    const struct evpg_array_value empty = {.element_type = 23};

    begin(_i);
    some = query("select i from generate_series(1, 9) i where i = any($1)",
                 EVPG_PARAMS(EVPG_ARRAY(23, evpg_int32(7), evpg_null(), evpg_int32(3))));
    none = query("select i from generate_series(1, 9) i where i = any($1)",
                 EVPG_PARAMS(evpg_array(&empty)));
    mixed = query("select $1::int[] = '{1,2}' as same",
                  EVPG_PARAMS(EVPG_ARRAY(23, evpg_int32(1), evpg_text("2"))));
    await_all();
    ck_assert_outcome_ok(some);
    ck_assert_int_eq(some->n_rows, 2);
    ck_assert_str_eq(cell(some, 1, 0), "7");
    ck_assert_outcome_ok(none);
    ck_assert_int_eq(none->n_rows, 0);
    ck_assert_str_eq(cell(mixed, 0, 0), "t");
    end();
}
END_TEST

START_TEST(refused)
{
    const struct evpg_array_value array = {.element_type = 23, .n_elements = 2};

    begin(_i);
    ck_assert_ptr_null(
        evpg_query(db, "select $1", EVPG_PARAMS(evpg_array(&array)), NULL, NULL, NULL));
    ck_assert_ptr_nonnull(strstr(last_log(), "parameter $1: its elements are NULL"));
    end();
}
END_TEST

/* All that the parameter points at may be overwritten as soon as the call has returned. */
START_TEST(everything_is_copied)
{
    char text[] = "abc";
    struct evpg_param elements[] = {evpg_text(text), evpg_null()};
    struct evpg_array_value array = {.element_type = 25, .elements = elements, .n_elements = 2};
    struct outcome *back;

    begin(_i);
    back = query("select $1::text", EVPG_PARAMS(evpg_array(&array)));
    memset(text, 'x', 3);
    memset(elements, 0xff, sizeof(elements));
    memset(&array, 0xff, sizeof(array));
    await_all();
    ck_assert_outcome_ok(back);
    ck_assert_str_eq(cell(back, 0, 0), "{abc,NULL}");
    end();
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("db_array");
    TCase *small = tcase_create("small");

    tcase_set_timeout(small, 30);
    tcase_add_loop_test(small, ty32_ty33_ty35_ty36_arrays, 0, N_MODES);
    tcase_add_loop_test(small, ty49_an_array_of_enums, 0, N_MODES);
    tcase_add_loop_test(small, ty42_ty43_ranges, 0, N_MODES);
    tcase_add_loop_test(small, ranges_sent, 0, N_MODES);
    tcase_add_loop_test(small, ty39_ty40_composites, 0, N_MODES);
    tcase_add_loop_test(small, composites_sent, 0, N_MODES);
    tcase_add_loop_test(small, any_of_an_array, 0, N_MODES);
    tcase_add_loop_test(small, refused, 0, N_MODES);
    tcase_add_loop_test(small, everything_is_copied, 0, N_MODES);
    suite_add_tcase(suite, small);
    return run_suite(suite, true);
}
