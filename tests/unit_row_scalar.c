/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * unit_row_scalar: the getters of evpg/scalar.h on rows made by hand, with values that no good
 * server sends, in both formats, and without memory.
 *
 * The counterpart of lib/row_scalar.c; needs no server.
 */
#include "harness.h"

#include "mem.h"
#include "row.h"
#include "type.h"

static PGresult *result;
static struct row_set set;
static struct evpg_row row;

static void *no_memory(size_t size)
{
    (void)size;
    return NULL;
}

/* One row of one column "x"; value NULL is NULL. */
static void make_row(Oid type, int format, const char *value, int length)
{
    char name[] = "x";
    PGresAttDesc column = {.name = name, .typid = type, .typlen = -1, .format = format};

    result = PQmakeEmptyPGresult(NULL, PGRES_TUPLES_OK);
    ck_assert(PQsetResultAttrs(result, 1, &column));
    ck_assert(PQsetvalue(result, 0, 0, (char *)value, value ? length : -1));
    row = row_of(&set, result, 0, 0);
}

static void free_row(void)
{
    row_set_reset(&set, NULL);
    PQclear(result);
}

/* Reads the value as each of the getters' kinds, as which a value of that type can be read. */
static bool read_it(void)
{
    static float number;
    static uint64_t wide;
    static uint32_t narrow;
    static int64_t integer;
    static int16_t small;
    static struct evpg_inet_address address;
    static unsigned char uuid[16];

    switch (evpg_row_type(&row, 0)) {
    case TYPE_INT2:
        return evpg_row_int16(&row, 0, &small) == 0;
    case TYPE_FLOAT4:
        return evpg_row_float(&row, 0, &number) == 0;
    case TYPE_XID:
        return evpg_row_uint32(&row, 0, &narrow) == 0;
    case TYPE_XID8:
    case TYPE_PG_LSN:
        return evpg_row_uint64(&row, 0, &wide) == 0;
    case TYPE_NUMERIC:
        ck_assert_int_eq(evpg_row_decimal(&row, 0, 2, &integer), -1);
        return evpg_row_numeric(&row, 0);
    case TYPE_UUID:
        return evpg_row_uuid(&row, 0, uuid) == 0;
    case TYPE_INET:
        return evpg_row_inet(&row, 0, &address) == 0;
    case TYPE_JSON:
    case TYPE_JSONB:
        return evpg_row_json(&row, 0);
    default:
        return evpg_row_bit(&row, 0);
    }
}

/* Those of type.h, a format, a value, and what is said of it. */
static const struct {
    Oid type;
    int format;
    const char *value;
    int length;
    const char *message;
} bad[] = {
    {TYPE_INT2, 0, "1x", 2, "(int2): not an integer"},
    {TYPE_INT2, 0, "32768", 5, "(int2): out of range for 16 bits"},
    {TYPE_INT2, 1, "\0\0\1", 3, "(int2): not as long as its type"},
    {TYPE_FLOAT4, 0, "1,5", 3, "(float4): not a number"},
    {TYPE_FLOAT4, 1, "\0\0\0\0\0\0\0\0", 8, "(float4): not as long as its type"},
    {TYPE_XID, 0, "4294967296", 10, "(xid): out of range"},
    {TYPE_XID, 0, "-1", 2, "(xid): not an integer"},
    {TYPE_XID, 1, "\1", 1, "(xid): not as long as its type"},
    {TYPE_XID8, 1, "\0\0\0\1", 4, "(xid8): not as long as its type"},
    {TYPE_PG_LSN, 0, "1234", 4, "(pg_lsn): not a position in the log"},
    {TYPE_NUMERIC, 0, "1,5", 3, "(numeric): not a numeric"},
    {TYPE_NUMERIC, 0,
     "1.5\0"
     "1",
     5, "(numeric): not a numeric"},
    {TYPE_NUMERIC, 1, "\0\1\0\0\0\0\0", 7, "(numeric): too short for a numeric"},
    {TYPE_UUID, 0, "1234", 4, "(uuid): not a uuid"},
    {TYPE_UUID, 1, "1234", 4, "(uuid): not as long as its type"},
    {TYPE_INET, 0, "localhost", 9, "(inet): not an address"},
    {TYPE_INET, 1, "\2\x20\0\4\x7f", 5, "(inet): not as long as its kind of address"},
    {TYPE_JSON, 0, "{}\0", 3, "(json): with a NUL byte in it"},
    {TYPE_JSONB, 1, "\1{}\0", 4, "(jsonb): with a NUL byte in it"},
    {TYPE_JSONB, 1, "\2{}", 3, "(jsonb): in an unknown version of its format"},
    {TYPE_JSONB, 1, "", 0, "(jsonb): in an unknown version of its format"},
    {TYPE_BIT, 0, "012", 3, "(bit): not of zeros and ones"},
    {TYPE_VARBIT, 1, "\0\0\0\1", 4, "(varbit): not as many bits as it says"},
};

START_TEST(values_that_are_none)
{
    for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
        char message[100] = "column 0 \"x\" ";

        strcat(message, bad[i].message);
        make_row(bad[i].type, bad[i].format, bad[i].value, bad[i].length);
        ck_assert_msg(!read_it(), "%s is read", bad[i].message);
        ck_assert_str_eq(evpg_error_message(evpg_row_error(&row)), message);
        ck_assert_int_eq(evpg_error_code(evpg_row_error(&row)), EVPG_E_VALUE);
        free_row();
    }
}
END_TEST

/* Text in memory that ends where the value does. */
START_TEST(json)
{
    make_row(TYPE_JSONB, 1, "\1{\"a\": 0}", 9); /* TY30 */
    ck_assert_str_eq(evpg_row_json(&row, 0), "{\"a\": 0}");
    free_row();
    make_row(TYPE_JSONB, 0, "{\"a\": 0}", 8);
    ck_assert_str_eq(evpg_row_json(&row, 0), "{\"a\": 0}");
    free_row();
    make_row(TYPE_JSON, 1, "{\"a\":[1,2],  \"a\":0}", 19);
    ck_assert_str_eq(evpg_row_json(&row, 0), "{\"a\":[1,2],  \"a\":0}");
    free_row();
}
END_TEST

static void check_message(const char *message)
{
    ck_assert_ptr_nonnull(evpg_row_error(&row));
    ck_assert_str_eq(evpg_error_message(evpg_row_error(&row)), message);
}

START_TEST(other_types)
{
    static float number = 7;
    static uint64_t wide = 7;
    static uint32_t narrow = 7;
    static int64_t integer = 7;

    make_row(TYPE_FLOAT8, 0, "1.5", 3);
    ck_assert_int_eq(evpg_row_float(&row, 0, &number), -1);
    check_message("column 0 \"x\" (float8): not a type that a float holds exactly");
    ck_assert_int_eq(evpg_row_uint32(&row, 0, &narrow), -1);
    check_message("column 0 \"x\" (float8): not an integer type without a sign");
    ck_assert_int_eq(evpg_row_uint64(&row, 0, &wide), -1);
    ck_assert_ptr_null(evpg_row_numeric(&row, 0));
    check_message("column 0 \"x\" (float8): not a numeric");
    ck_assert_int_eq(evpg_row_decimal(&row, 0, 1, &integer), -1);
    ck_assert_int_eq(evpg_row_uuid(&row, 0, NULL), -1);
    check_message("column 0 \"x\" (float8): not a uuid");
    ck_assert_int_eq(evpg_row_inet(&row, 0, NULL), -1);
    check_message("column 0 \"x\" (float8): not a type of addresses");
    ck_assert_ptr_null(evpg_row_json(&row, 0));
    check_message("column 0 \"x\" (float8): not a type of JSON");
    ck_assert_ptr_null(evpg_row_bit(&row, 0));
    check_message("column 0 \"x\" (float8): not a type of bits");
    ck_assert(number == 7 && wide == 7 && narrow == 7 && integer == 7);
    free_row();
    make_row(TYPE_XID8, 0, "1", 1);
    ck_assert_int_eq(evpg_row_uint32(&row, 0, &narrow), -1);
    free_row();
}
END_TEST

START_TEST(nulls)
{
    static const Oid texts[] = {TYPE_NUMERIC, TYPE_JSON, TYPE_VARBIT};
    static const Oid others[] = {TYPE_INT2, TYPE_FLOAT4, TYPE_XID, TYPE_XID8, TYPE_UUID, TYPE_INET};
    int64_t integer;

    for (int i = 0; i < 6; i++) {
        make_row(others[i], 0, NULL, 0);
        ck_assert(!read_it());
        ck_assert_ptr_nonnull(strstr(evpg_error_message(evpg_row_error(&row)), "is NULL"));
        free_row();
    }
    make_row(TYPE_NUMERIC, 1, NULL, 0);
    ck_assert_int_eq(evpg_row_decimal(&row, 0, 1, &integer), -1);
    check_message("column 0 \"x\" (numeric): the value is NULL");
    free_row();
    for (int i = 0; i < 3; i++) {
        make_row(texts[i], i % 2, NULL, 0);
        ck_assert(texts[i] == TYPE_NUMERIC ? !evpg_row_numeric(&row, 0) : !read_it());
        ck_assert_ptr_null(evpg_row_error(&row));
        free_row();
    }
}
END_TEST

START_TEST(no_such_column)
{
    int64_t integer;
    int16_t small;

    make_row(TYPE_NUMERIC, 0, "1", 1);
    ck_assert_ptr_null(evpg_row_numeric(&row, 1));
    check_message("there is no column 1: the row has 1, counted from 0");
    ck_assert_ptr_null(evpg_row_json(&row, -1));
    check_message("there is no column -1: the row has 1, counted from 0");
    ck_assert_ptr_null(evpg_row_bit(&row, 2));
    ck_assert_int_eq(evpg_row_decimal(&row, 2, 0, &integer), -1);
    ck_assert_int_eq(evpg_row_int16(&row, 2, &small), -1);
    check_message("there is no column 2: the row has 1, counted from 0");
    free_row();
}
END_TEST

/* Only what is made of binary format needs any. */
START_TEST(without_memory)
{
    static const char one[] = "\0\1\0\0\0\0\0\0\0\1";
    int64_t integer = 7;

    make_row(TYPE_NUMERIC, 1, one, 10);
    mem_source = no_memory;
    ck_assert_ptr_null(evpg_row_numeric(&row, 0));
    ck_assert_int_eq(evpg_error_code(evpg_row_error(&row)), EVPG_E_MEMORY);
    ck_assert_int_eq(evpg_row_decimal(&row, 0, 2, &integer), -1);
    ck_assert_int_eq(evpg_error_code(evpg_row_error(&row)), EVPG_E_MEMORY);
    mem_source = malloc;
    free_row();
    make_row(TYPE_VARBIT, 1, "\0\0\0\4\x50", 5);
    mem_source = no_memory;
    ck_assert_ptr_null(evpg_row_bit(&row, 0));
    ck_assert_int_eq(evpg_error_code(evpg_row_error(&row)), EVPG_E_MEMORY);
    ck_assert_int_eq(integer, 7);
    free_row();
    make_row(TYPE_NUMERIC, 0, "1.5", 3);
    ck_assert_str_eq(evpg_row_numeric(&row, 0), "1.5");
    ck_assert_int_eq(evpg_row_decimal(&row, 0, 2, &integer), 0);
    ck_assert_int_eq(integer, 150);
    free_row();
    row_set_finish(&set);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("unit_row_scalar");
    TCase *tcase = tcase_create("row_scalar");

    tcase_add_test(tcase, values_that_are_none);
    tcase_add_test(tcase, json);
    tcase_add_test(tcase, other_types);
    tcase_add_test(tcase, nulls);
    tcase_add_test(tcase, no_such_column);
    tcase_add_test(tcase, without_memory);
    suite_add_tcase(suite, tcase);
    return run_suite(suite, false);
}
