/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * unit_row: getters on rows made by hand, with values that no good server sends, and without
 * memory.
 *
 * The counterpart of lib/row.c; needs no server.
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

/* One row of one column "x"; value NULL is NULL. */
static void make_row(Oid type, const char *value)
{
    char name[] = "x";
    PGresAttDesc column = {.name = name, .typid = type, .typlen = -1};

    result = PQmakeEmptyPGresult(NULL, PGRES_TUPLES_OK);
    ck_assert(PQsetResultAttrs(result, 1, &column));
    ck_assert(PQsetvalue(result, 0, 0, (char *)value, value ? (int)strlen(value) : -1));
    row = row_of(&set, result, 0, 0);
}

static void free_row(void)
{
    row_set_reset(&set, NULL);
    PQclear(result);
}

static void check_error(const char *message)
{
    ck_assert_ptr_nonnull(evpg_row_error(&row));
    ck_assert_str_eq(evpg_error_message(evpg_row_error(&row)), message);
    free_row();
}

START_TEST(integers)
{
    int64_t wide = 7;
    int32_t narrow = 7;

    make_row(20, "9223372036854775807");
    ck_assert_int_eq(evpg_row_int64(&row, 0, &wide), 0);
    ck_assert_int_eq(wide, INT64_MAX);
    ck_assert_int_eq(evpg_row_int32(&row, 0, &narrow), -1);
    ck_assert_int_eq(narrow, 7);
    check_error("column 0 \"x\" (int8): out of range for 32 bits");
    make_row(23, "12x");
    ck_assert_int_eq(evpg_row_int64(&row, 0, &wide), -1);
    check_error("column 0 \"x\" (int4): not an integer");
    make_row(25, "12");
    ck_assert_int_eq(evpg_row_int64(&row, 0, &wide), -1);
    check_error("column 0 \"x\" (text): not an integer type");
    make_row(23, NULL);
    ck_assert_int_eq(evpg_row_int32(&row, 0, &narrow), -1);
    check_error("column 0 \"x\" (int4): the value is NULL");
    make_row(26, "4294967295");
    ck_assert_int_eq(evpg_row_int64(&row, 0, &wide), 0);
    ck_assert_int_eq(wide, 4294967295);
    free_row();
}
END_TEST

START_TEST(other_types)
{
    double number = 7;
    bool truth = true;

    make_row(1700, "1.5");
    ck_assert_int_eq(evpg_row_double(&row, 0, &number), -1);
    check_error("column 0 \"x\" (numeric): not a type that a double holds exactly");
    make_row(701, "1.5.5");
    ck_assert_int_eq(evpg_row_double(&row, 0, &number), -1);
    check_error("column 0 \"x\" (float8): not a number");
    make_row(16, "true");
    ck_assert_int_eq(evpg_row_bool(&row, 0, &truth), -1);
    check_error("column 0 \"x\" (bool): not a boolean");
    make_row(99999, "f");
    ck_assert_int_eq(evpg_row_bool(&row, 0, &truth), -1);
    check_error("column 0 \"x\" (type 99999): not a boolean type");
}
END_TEST

START_TEST(bytes)
{
    size_t length = 7;
    const unsigned char *first, *second;

    make_row(17, "\\x00ff");
    first = evpg_row_bytes(&row, 0, &length);
    second = evpg_row_bytes(&row, 0, &length);
    ck_assert_ptr_ne(first, second);
    ck_assert_uint_eq(length, 2);
    ck_assert_mem_eq(first, "\x00\xff", 2);
    ck_assert_mem_eq(second, "\x00\xff", 2);
    free_row();
    make_row(17, "\\x");
    ck_assert_ptr_nonnull(evpg_row_bytes(&row, 0, &length));
    ck_assert_uint_eq(length, 0);
    free_row();
    make_row(17, "\\x0");
    ck_assert_ptr_null(evpg_row_bytes(&row, 0, &length));
    check_error("column 0 \"x\" (bytea): an odd number of hexadecimal digits");
    make_row(17, NULL);
    ck_assert_ptr_null(evpg_row_bytes(&row, 0, &length));
    ck_assert_ptr_null(evpg_row_error(&row));
    free_row();
    make_row(25, "\\x41");
    ck_assert_mem_eq(evpg_row_bytes(&row, 0, &length), "\\x41", 4);
    ck_assert_uint_eq(length, 4);
    free_row();
}
END_TEST

/* None of them may reach libpq, which would call its notice receiver. */
START_TEST(columns_out_of_range)
{
    static const int columns[] = {-1, 1, 1000000};
    int64_t value;
    size_t length;

    for (size_t i = 0; i < 3; i++) {
        int column = columns[i];

        make_row(23, "1");
        ck_assert_ptr_null(evpg_row_text(&row, column));
        ck_assert_ptr_null(evpg_row_text_or(&row, column, "-"));
        ck_assert_ptr_null(evpg_row_name(&row, column));
        ck_assert_uint_eq(evpg_row_type(&row, column), 0);
        ck_assert(evpg_row_is_null(&row, column));
        ck_assert_ptr_null(evpg_row_bytes(&row, column, &length));
        ck_assert_int_eq(evpg_row_int64(&row, column, &value), -1);
        ck_assert_ptr_nonnull(strstr(evpg_error_message(evpg_row_error(&row)), "no column"));
        free_row();
    }
}
END_TEST

START_TEST(find)
{
    make_row(23, "1");
    ck_assert_int_eq(evpg_row_find(&row, "x"), 0);
    ck_assert_ptr_null(evpg_row_error(&row));
    ck_assert_int_eq(evpg_row_find(&row, "X"), -1);
    ck_assert_int_eq(evpg_row_find(&row, NULL), -1);
    check_error("there is no column \"(null)\"");
}
END_TEST

START_TEST(without_memory)
{
    size_t length;
    int64_t value;

    make_row(17, "\\x00");
    mem_source = no_memory;
    ck_assert_ptr_null(evpg_row_bytes(&row, 0, &length));
    ck_assert_int_eq(evpg_error_code(evpg_row_error(&row)), EVPG_E_MEMORY);
    ck_assert_int_eq(evpg_row_int64(&row, 0, &value), -1);
    ck_assert_str_eq(evpg_error_message(evpg_row_error(&row)), "out of memory");
    free_row();
    row_set_finish(&set);
}
END_TEST

static Suite *make_suite(void)
{
    Suite *suite = suite_create("unit_row");
    TCase *tcase = tcase_create("row");

    tcase_add_test(tcase, integers);
    tcase_add_test(tcase, other_types);
    tcase_add_test(tcase, bytes);
    tcase_add_test(tcase, columns_out_of_range);
    tcase_add_test(tcase, find);
    tcase_add_test(tcase, without_memory);
    suite_add_tcase(suite, tcase);
    return suite;
}

int main(void)
{
    return run_suite(make_suite(), false);
}
