/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * unit_value_binary: the readers of binary values: each length, and each kind of number's ends.
 *
 * The counterpart of lib/value_binary.c; needs no server. The bytes are what PostgreSQL's "send"
 * functions give. Each case reads from memory of just its length, so that ASan sees a byte too
 * many.
 */
#include "harness.h"

#include "value.h"
#include "value_binary.h"

#include <math.h>

struct bytes {
    const char *hex;
    unsigned char *at;
    size_t length;
};

static struct bytes from_hex(const char *hex)
{
    struct bytes bytes = {.hex = hex, .length = strlen(hex) / 2};
    char two[3] = "";

    bytes.at = malloc(bytes.length ? bytes.length : 1);
    for (size_t i = 0; i < bytes.length; i++) {
        memcpy(two, hex + 2 * i, 2);
        bytes.at[i] = (unsigned char)strtoul(two, NULL, 16);
    }
    return bytes;
}

START_TEST(ty01_ty02_ty47_integers)
{
    static const struct {
        uint32_t type;
        const char *hex;
        int64_t value;
    } cases[] = {
        {TYPE_INT2, "8000", INT16_MIN},
        {TYPE_INT2, "7fff", INT16_MAX},
        {TYPE_INT2, "ffff", -1},
        {TYPE_INT4, "80000000", INT32_MIN},
        {TYPE_INT4, "7fffffff", INT32_MAX},
        {TYPE_OID, "ffffffff", 4294967295},
        {TYPE_INT8, "8000000000000000", INT64_MIN},
        {TYPE_INT8, "7fffffffffffffff", INT64_MAX},
        {TYPE_INT8, "0000000000000000", 0},
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        struct bytes bytes = from_hex(cases[i].hex);
        int64_t value = 77;

        ck_assert_ptr_null(value_binary_int64(cases[i].type, bytes.at, bytes.length, &value));
        ck_assert_int_eq(value, cases[i].value);
        free(bytes.at);
    }
}
END_TEST

START_TEST(ty47_integers_without_a_sign)
{
    static const struct {
        uint32_t type;
        const char *hex;
        uint64_t value; /* 77: refused */
    } cases[] = {
        {TYPE_OID, "ffffffff", 4294967295},
        {TYPE_XID, "ffffffff", 4294967295},
        {TYPE_CID, "00000001", 1},
        {TYPE_XID8, "ffffffffffffffff", UINT64_MAX},
        {TYPE_PG_LSN, "ffffffffffffffff", UINT64_MAX},
        {TYPE_XID, "ffffffffff", 77},
        {TYPE_XID, "ffffff", 77},
        {TYPE_XID8, "ffffffff", 77},
        {TYPE_PG_LSN, "", 77},
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        struct bytes bytes = from_hex(cases[i].hex);
        uint64_t value = 77;

        value_binary_uint64(cases[i].type, bytes.at, bytes.length, &value);
        ck_assert_uint_eq(value, cases[i].value);
        free(bytes.at);
    }
}
END_TEST

static double read_double(uint32_t type, const char *hex)
{
    struct bytes bytes = from_hex(hex);
    double value = 77;

    ck_assert_ptr_null(value_binary_double(type, bytes.at, bytes.length, &value));
    free(bytes.at);
    return value;
}

START_TEST(ty09_doubles)
{
    ck_assert(isnan(read_double(TYPE_FLOAT8, "7ff8000000000000")));
    ck_assert(isinf(read_double(TYPE_FLOAT8, "7ff0000000000000")));
    ck_assert(read_double(TYPE_FLOAT8, "fff0000000000000") < 0);
    ck_assert(signbit(read_double(TYPE_FLOAT8, "8000000000000000")));
    ck_assert(read_double(TYPE_FLOAT8, "0000000000000001") == 5e-324);
    ck_assert(read_double(TYPE_FLOAT8, "7fefffffffffffff") == 1.7976931348623157e308);
    ck_assert(read_double(TYPE_FLOAT4, "3fc00000") == 1.5);
    ck_assert(isnan(read_double(TYPE_FLOAT4, "7fc00000")));
    ck_assert(read_double(TYPE_INT4, "fffffffe") == -2);
    ck_assert(read_double(TYPE_INT2, "0007") == 7);
}
END_TEST

START_TEST(ty12_booleans)
{
    static const char *const hex[] = {"00", "01", "02", "", "0001"};

    for (int i = 0; i < 5; i++) {
        struct bytes bytes = from_hex(hex[i]);
        bool value = false;
        const char *why = value_binary_bool(bytes.at, bytes.length, &value);

        ck_assert_int_eq(!why, i < 2);
        ck_assert_int_eq(value, i == 1);
        free(bytes.at);
    }
}
END_TEST

static const uint32_t numbers[] = {TYPE_INT2, TYPE_INT4,   TYPE_INT8,
                                   TYPE_OID,  TYPE_FLOAT4, TYPE_FLOAT8};

/* A value of the wrong length is refused, whatever it holds, and nothing is set. */
START_TEST(wrong_lengths)
{
    static const size_t right[] = {2, 4, 8, 4, 4, 8};

    for (int i = 0; i < 6; i++) {
        for (size_t length = 0; length <= 9; length++) {
            unsigned char *bytes = calloc(1, length ? length : 1);
            int64_t integer = 77;
            double number = 77;
            const char *why = value_binary_int64(numbers[i], bytes, length, &integer);

            if (i < 4)
                ck_assert_int_eq(!why, length == right[i]);
            if (why)
                ck_assert_int_eq(integer, 77);
            why = value_binary_double(numbers[i], bytes, length, &number);
            ck_assert_int_eq(!why, length == right[i]);
            if (why)
                ck_assert(number == 77);
            free(bytes);
        }
    }
}
END_TEST

START_TEST(types_whose_bytes_are_text)
{
    static const uint32_t text[] = {25, 1043, 1042, 19, 114, 142};
    static const uint32_t other[] = {TYPE_INT4, TYPE_BYTEA, TYPE_BOOL, 3802, 1700, 1184, 0};

    for (size_t i = 0; i < sizeof(text) / sizeof(*text); i++)
        ck_assert(type_is_text(text[i]));
    for (size_t i = 0; i < sizeof(other) / sizeof(*other); i++)
        ck_assert(!type_is_text(other[i]));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("unit_value_binary");
    TCase *tcase = tcase_create("value_binary");

    tcase_add_test(tcase, ty01_ty02_ty47_integers);
    tcase_add_test(tcase, ty47_integers_without_a_sign);
    tcase_add_test(tcase, ty09_doubles);
    tcase_add_test(tcase, ty12_booleans);
    tcase_add_test(tcase, wrong_lengths);
    tcase_add_test(tcase, types_whose_bytes_are_text);
    suite_add_tcase(suite, tcase);
    return run_suite(suite, false);
}
