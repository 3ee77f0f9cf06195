/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * unit_row_parts: arrays, ranges and composites in rows made by hand: what is read, what is
 * refused, what an error says of where it is, and what happens without memory.
 *
 * The counterpart of lib/row_parts.c; needs no server.
 */
#include "harness.h"

#include "mem.h"
#include "row.h"

static PGresult *result;
static struct row_set set;
static struct evpg_row row;

static void *no_memory(size_t size)
{
    (void)size;
    return NULL;
}

static void make(Oid type, int format, const char *value, int length)
{
    char name[] = "x";
    PGresAttDesc column = {.name = name, .typid = type, .typlen = -1, .format = format};

    result = PQmakeEmptyPGresult(NULL, PGRES_TUPLES_OK);
    ck_assert(PQsetResultAttrs(result, 1, &column));
    ck_assert(PQsetvalue(result, 0, 0, (char *)value, length));
    row = row_of(&set, result, 0, 0);
}

static void make_text(Oid type, const char *value)
{
    make(type, 0, value, value ? (int)strlen(value) : -1);
}

static void free_row(void)
{
    row_set_reset(&set, NULL);
    PQclear(result);
}

/* The last error, which is then over. */
static void check_error(const char *message)
{
    ck_assert_ptr_nonnull(evpg_row_error(&row));
    ck_assert_str_eq(evpg_error_message(evpg_row_error(&row)), message);
    ck_assert_int_eq(evpg_error_code(evpg_row_error(&row)), EVPG_E_VALUE);
    set.failed = NULL;
}

START_TEST(elements_of_text)
{
    const struct evpg_array_view *array;
    int32_t value = 0;

    make_text(1007, "[2:3][0:1]={{1,NULL},{3,x}}");
    array = evpg_row_array(&row, 0);
    ck_assert_ptr_nonnull(array);
    ck_assert_uint_eq(array->element_type, 23);
    ck_assert_int_eq(array->dimensions, 2);
    ck_assert_int_eq(array->lengths[0], 2);
    ck_assert_int_eq(array->lower_bounds[0], 2);
    ck_assert_int_eq(array->lower_bounds[1], 0);
    ck_assert_int_eq(evpg_row_columns(array->elements), 4);
    ck_assert_uint_eq(evpg_row_type(array->elements, 3), 23);
    ck_assert_int_eq(evpg_row_int32(array->elements, 2, &value), 0);
    ck_assert_int_eq(value, 3);
    ck_assert_str_eq(evpg_row_text(array->elements, 0), "1");
    ck_assert(evpg_row_is_null(array->elements, 1));
    ck_assert_ptr_null(evpg_row_error(&row));
    ck_assert_int_eq(evpg_row_int32(array->elements, 1, &value), -1);
    check_error("column 0 \"x\" (int4[]), element 1 (int4): the value is NULL");
    ck_assert_int_eq(evpg_row_int32(array->elements, 3, &value), -1);
    check_error("column 0 \"x\" (int4[]), element 3 (int4): not an integer");
    ck_assert_int_eq(evpg_row_int32(array->elements, 4, &value), -1);
    check_error("column 0 \"x\" (int4[]): there is no element 4: it has 4, counted from 0");
    ck_assert_ptr_null(evpg_row_name(array->elements, 0));
    ck_assert_int_eq(evpg_row_find(array->elements, "x"), -1);
    check_error("there is no column \"x\"");
    free_row();
}
END_TEST

START_TEST(elements_of_binary)
{
    static const char bytes[] = "\0\0\0\1\0\0\0\0\0\0\0\x19\0\0\0\2\0\0\0\1\0\0\0\3abc\0\0\0\0";
    const struct evpg_array_view *array;
    const void *data;
    size_t length;
    bool truth;

    make(1009, 1, bytes, sizeof(bytes) - 1);
    array = evpg_row_array(&row, 0);
    ck_assert_ptr_nonnull(array);
    ck_assert_str_eq(evpg_row_text(array->elements, 0), "abc");
    ck_assert_str_eq(evpg_row_text(array->elements, 1), "");
    data = evpg_row_bytes(array->elements, 0, &length);
    ck_assert_mem_eq(data, "abc", 3);
    ck_assert_int_eq(evpg_row_bool(array->elements, 0, &truth), -1);
    check_error("column 0 \"x\" (text[]), element 0 (text): not a boolean type");
    free_row();
}
END_TEST

/* A jsonb in binary format is text, too, but for its first byte; it ends where the NULL begins. */
START_TEST(json_in_an_array)
{
    static const char bytes[] = "\0\0\0\1\0\0\0\0\0\0\x0e\xda\0\0\0\2\0\0\0\1"
                                "\0\0\0\3\1{}\xff\xff\xff\xff";
    const struct evpg_array_view *array;

    make(3807, 1, bytes, sizeof(bytes) - 1);
    array = evpg_row_array(&row, 0);
    ck_assert_ptr_nonnull(array);
    ck_assert_str_eq(evpg_row_json(array->elements, 0), "{}");
    ck_assert_ptr_null(evpg_row_json(array->elements, 1));
    free_row();
}
END_TEST

/* In binary format a jsonb is text after a byte; what is behind its end is the next part's. */
START_TEST(jsonb_in_a_composite)
{
    static const char bytes[] = "\0\0\0\2\0\0\x0e\xda\0\0\0\3\1{}"
                                "abcd\0\0\0\1x";
    const struct evpg_row *fields;

    make(2249, 1, bytes, sizeof(bytes) - 1);
    fields = evpg_row_composite(&row, 0);
    ck_assert_ptr_nonnull(fields);
    ck_assert_uint_eq(evpg_row_type(fields, 1), 0x61626364);
    ck_assert_str_eq(evpg_row_json(fields, 0), "{}");
    free_row();
}
END_TEST

/* A bytea[] of text format has its elements decoded as a bytea's column is. */
START_TEST(bytes_in_an_array)
{
    const struct evpg_array_view *array;
    size_t length;

    make_text(1001, "{\"\\\\x00ff\",NULL}");
    array = evpg_row_array(&row, 0);
    ck_assert_ptr_nonnull(array);
    ck_assert_mem_eq(evpg_row_bytes(array->elements, 0, &length), "\x00\xff", 2);
    ck_assert_uint_eq(length, 2);
    ck_assert_ptr_null(evpg_row_bytes(array->elements, 1, &length));
    free_row();
}
END_TEST

/* Nothing is known of its fields but that they are text, so they are read as what is asked for. */
START_TEST(fields_of_text)
{
    const struct evpg_row *fields, *inner;
    const struct evpg_array_view *array;
    int64_t integer;
    double number;
    bool truth;

    make_text(2249, "(42,1.5,t,,\"{1,2}\",\"(7,\"\"a b\"\")\")");
    fields = evpg_row_composite(&row, 0);
    ck_assert_ptr_nonnull(fields);
    ck_assert_int_eq(evpg_row_columns(fields), 6);
    ck_assert_uint_eq(evpg_row_type(fields, 0), 0);
    ck_assert_int_eq(evpg_row_int64(fields, 0, &integer), 0);
    ck_assert_int_eq(integer, 42);
    ck_assert_int_eq(evpg_row_double(fields, 1, &number), 0);
    ck_assert(number == 1.5);
    ck_assert_int_eq(evpg_row_bool(fields, 2, &truth), 0);
    ck_assert(truth && evpg_row_is_null(fields, 3));
    array = evpg_row_array(fields, 4);
    ck_assert_ptr_nonnull(array);
    ck_assert_int_eq(evpg_row_int64(array->elements, 1, &integer), 0);
    ck_assert_int_eq(integer, 2);
    inner = evpg_row_composite(fields, 5);
    ck_assert_ptr_nonnull(inner);
    ck_assert_str_eq(evpg_row_text(inner, 1), "a b");
    ck_assert_int_eq(evpg_row_int64(inner, 1, &integer), -1);
    check_error("column 0 \"x\" (record), field 5, field 1: not an integer");
    ck_assert_ptr_eq(evpg_row_request(inner), evpg_row_request(&row));
    free_row();
}
END_TEST

START_TEST(bounds)
{
    static const char bytes[] = "\2\0\0\0\4\0\0\0\1\0\0\0\4\0\0\0\12";
    const struct evpg_range_view *range;
    int32_t value = 0;

    for (int binary = 0; binary < 2; binary++) {
        if (binary)
            make(3904, 1, bytes, sizeof(bytes) - 1);
        else
            make_text(3904, "[1,10)");
        range = evpg_row_range(&row, 0);
        ck_assert_ptr_nonnull(range);
        ck_assert(range->lower_inclusive && !range->upper_inclusive && !range->empty);
        ck_assert_int_eq(evpg_row_int32(range->bounds, 1, &value), 0);
        ck_assert_int_eq(value, 10);
        free_row();
    }
    make_text(3904, "(,)");
    range = evpg_row_range(&row, 0);
    ck_assert(range && range->lower_infinite && range->upper_infinite);
    ck_assert(evpg_row_is_null(range->bounds, 0) && evpg_row_is_null(range->bounds, 1));
    free_row();
}
END_TEST

/* What a bound in binary is, is only known of the server's own range types. */
START_TEST(bounds_of_no_known_type)
{
    static const char bytes[] = "\0\0\0\1\0\0\0\11\x12\0\0\0\4\0\0\0\1";
    const struct evpg_range_view *range;
    const struct evpg_row *ranges;
    int32_t value;
    size_t length;

    make(99999, 1, bytes, sizeof(bytes) - 1);
    ranges = evpg_row_multirange(&row, 0);
    ck_assert_ptr_nonnull(ranges);
    ck_assert_int_eq(evpg_row_columns(ranges), 1);
    range = evpg_row_range(ranges, 0);
    ck_assert_ptr_nonnull(range);
    ck_assert(range->upper_infinite);
    ck_assert_int_eq(evpg_row_int32(range->bounds, 0, &value), -1);
    check_error("column 0 \"x\" (type 99999), range 0 (anyrange), bound 0: not an integer type");
    ck_assert_mem_eq(evpg_row_bytes(range->bounds, 0, &length), "\0\0\0\1", 4);
    ck_assert_uint_eq(length, 4);
    free_row();
}
END_TEST

START_TEST(multirange)
{
    const struct evpg_row *ranges;
    const struct evpg_range_view *range;
    int32_t value = 0;

    make_text(4451, "{[1,3),[5,)}");
    ranges = evpg_row_multirange(&row, 0);
    ck_assert_ptr_nonnull(ranges);
    ck_assert_int_eq(evpg_row_columns(ranges), 2);
    range = evpg_row_range(ranges, 1);
    ck_assert_ptr_nonnull(range);
    ck_assert_int_eq(evpg_row_int32(range->bounds, 0, &value), 0);
    ck_assert_int_eq(value, 5);
    free_row();
}
END_TEST

START_TEST(refused)
{
    make_text(23, "{1}");
    ck_assert_ptr_null(evpg_row_array(&row, 0));
    check_error("column 0 \"x\" (int4): not an array type");
    ck_assert_ptr_null(evpg_row_range(&row, 0));
    check_error("column 0 \"x\" (int4): not a range type");
    ck_assert_ptr_null(evpg_row_multirange(&row, 0));
    check_error("column 0 \"x\" (int4): not a multirange type");
    ck_assert_ptr_null(evpg_row_composite(&row, 0));
    check_error("column 0 \"x\" (int4): not a composite type");
    ck_assert_ptr_null(evpg_row_array(&row, 1));
    check_error("there is no column 1: the row has 1, counted from 0");
    free_row();
    make_text(1007, NULL);
    ck_assert_ptr_null(evpg_row_array(&row, 0));
    check_error("column 0 \"x\" (int4[]): the value is NULL");
    ck_assert_ptr_null(evpg_row_range(&row, 0));
    check_error("column 0 \"x\" (int4[]): not a range type");
    free_row();
    make_text(99999, "sad");
    ck_assert_ptr_null(evpg_row_array(&row, 0));
    check_error("column 0 \"x\" (type 99999): it does not begin with a brace");
    ck_assert_ptr_null(evpg_row_range(&row, 0));
    check_error("column 0 \"x\" (type 99999): it does not begin with a bracket");
    ck_assert_ptr_null(evpg_row_composite(&row, 0));
    check_error("column 0 \"x\" (type 99999): it does not begin with a parenthesis");
    free_row();
}
END_TEST

/* As deep as it is long; a message names the last of it. */
START_TEST(very_deep)
{
    enum { DEPTH = 5000 };
    static unsigned char bytes[12 * DEPTH + 4];
    const struct evpg_row *at = &row;
    int64_t value;

    for (int i = 0; i < DEPTH; i++) {
        unsigned left = sizeof(bytes) - 12 * (unsigned)(i + 1);

        memcpy(bytes + 12 * i, "\0\0\0\1\0\0\x08\xc9", 8);
        for (int byte = 0; byte < 4; byte++)
            bytes[12 * i + 8 + byte] = (unsigned char)(left >> (24 - 8 * byte));
    }
    make(2249, 1, (const char *)bytes, sizeof(bytes));
    for (int i = 0; i < DEPTH; i++)
        ck_assert_ptr_nonnull(at = evpg_row_composite(at, 0));
    ck_assert_int_eq(evpg_row_int64(at, 0, &value), -1);
    ck_assert_ptr_nonnull(
        strstr(evpg_error_message(evpg_row_error(at)), "..., field 0 (record), "));
    at = evpg_row_composite(at, 0);
    ck_assert_ptr_nonnull(at);
    ck_assert_int_eq(evpg_row_columns(at), 0);
    ck_assert_int_eq(evpg_row_int64(at, 0, &value), -1);
    free_row();
}
END_TEST

START_TEST(without_memory)
{
    make_text(1007, "{1}");
    mem_source = no_memory;
    ck_assert_ptr_null(evpg_row_array(&row, 0));
    ck_assert_int_eq(evpg_error_code(evpg_row_error(&row)), EVPG_E_MEMORY);
    free_row();
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("unit_row_parts");
    TCase *tcase = tcase_create("row_parts");

    tcase_add_test(tcase, elements_of_text);
    tcase_add_test(tcase, elements_of_binary);
    tcase_add_test(tcase, jsonb_in_a_composite);
    tcase_add_test(tcase, bytes_in_an_array);
    tcase_add_test(tcase, json_in_an_array);
    tcase_add_test(tcase, fields_of_text);
    tcase_add_test(tcase, bounds);
    tcase_add_test(tcase, bounds_of_no_known_type);
    tcase_add_test(tcase, multirange);
    tcase_add_test(tcase, refused);
    tcase_add_test(tcase, very_deep);
    tcase_add_test(tcase, without_memory);
    suite_add_tcase(suite, tcase);
    return run_suite(suite, false);
}
