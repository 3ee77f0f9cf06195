/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * unit_value_numeric: numerics from their bytes, to integers, and what is no numeric.
 *
 * The counterpart of lib/value_numeric.c; needs no server. The bytes are what PostgreSQL sends.
 * Each case reads from, and writes to, memory of just the size it should need, for AddressSanitizer
 * to watch.
 */
#include "harness.h"

#include "value_numeric.h"

#include <stdio.h>

/* A header and groups as they are on the wire; to be freed. */
static unsigned char *make_bytes(const int *words, size_t count)
{
    unsigned char *bytes = malloc(2 * count);

    for (size_t i = 0; i < count; i++) {
        bytes[2 * i] = (unsigned char)(words[i] >> 8);
        bytes[2 * i + 1] = (unsigned char)words[i];
    }
    return bytes;
}

/* Its text, to be freed; NULL, and why. */
static char *write_text(const unsigned char *bytes, size_t length, const char **why)
{
    struct numeric number;
    char *text;

    *why = value_numeric_read(bytes, length, &number);
    if (*why)
        return NULL;
    text = malloc(value_numeric_size(&number));
    value_numeric_write(&number, text);
    ck_assert_ptr_null(value_numeric_check_written(text, strlen(text)));
    return text;
}

static unsigned char *from_hex(const char *hex, size_t *length)
{
    unsigned char *bytes = malloc(strlen(hex) / 2 + 1);
    char two[3] = "";

    *length = strlen(hex) / 2;
    bytes = realloc(bytes, *length ? *length : 1);
    for (size_t i = 0; i < *length; i++) {
        memcpy(two, hex + 2 * i, 2);
        bytes[i] = (unsigned char)strtoul(two, NULL, 16);
    }
    return bytes;
}

/* Text NULL: refused, for that reason. */
static const struct {
    const char *hex, *text, *why;
} binaries[] = {
    {"0000000000000000", "0", NULL}, /* TY06 */
    {"0000000000000002", "0.00", NULL},
    {"00010000000000050001", "1.00000", NULL},
    {"00010001000000000001", "10000", NULL},
    {"0001ffff000000040001", "0.0001", NULL},
    {"000300004000000a0c33090703e8", "-3123.2311100000", NULL},
    {"00000000c0000000", "NaN", NULL},
    {"00000000d0000020", "Infinity", NULL},
    {"00000000f0000020", "-Infinity", NULL},
    {"000100000000000004d2", "1234", NULL},
    {"000200010000000000010002", "10002", NULL},
    {"000200000000000100051388", "5.5", NULL},
    {"0001fffe00000008270f", "0.00009999", NULL},
    {"0001fffe0000000803e8", "0.00001000", NULL},
    {"0001fffe0000000503e8", "0.00001", NULL},
    {"0001ffff0000000103e8", "0.1", NULL},
    {"00030001000000000000000003e7", NULL, "a numeric with digits beyond its scale"},
    {"0003000100000000000003e70000", "999", NULL}, /* zeros at both ends */
    {"000200004000000300000000", "0.000", NULL},   /* a zero has no sign */
    {"00007fff00000000", "0", NULL},
    {"0000800000000000", "0", NULL},
    {"0001ffff000000030001", NULL, "a numeric with digits beyond its scale"},
    {"0001ffff000000000001", NULL, "a numeric with digits beyond its scale"},
    {"", NULL, "too short for a numeric"},
    {"00000000000000", NULL, "too short for a numeric"},
    {"000000000000000000", NULL, "a numeric that is not as long as it says"},
    {"000100000000000500010000", NULL, "a numeric that is not as long as it says"}, /* TY08 */
    {"0001000000000005", NULL, "a numeric that is not as long as it says"},
    {"fffd000000000005", NULL, "a numeric that is not as long as it says"},
    {"fffd0000000000050001", NULL, "a numeric that is not as long as it says"},
    {"00010000000000002710", NULL, "a numeric with a digit that is none"},
    {"0001000000000000ffff", NULL, "a numeric with a digit that is none"},
    {"0000000080000000", NULL, "a numeric with an unknown sign"},
    {"0000000000010000", NULL, "a numeric with an unknown sign"},
    {"0000000000004000", NULL, "a numeric with too large a scale"},
    {"00010000c00000000001", NULL, "a numeric that is none, with digits"},
};

START_TEST(ty06_ty08_from_binary)
{
    for (size_t i = 0; i < sizeof(binaries) / sizeof(*binaries); i++) {
        size_t length;
        unsigned char *bytes = from_hex(binaries[i].hex, &length);
        const char *why;
        char *text = write_text(bytes, length, &why);

        ck_assert_pstr_eq(why, binaries[i].why);
        ck_assert_pstr_eq(text, binaries[i].text);
        free(text);
        free(bytes);
    }
}
END_TEST

/* TY08: so many groups that their number would be negative as a smallint. */
START_TEST(ty08_65533_groups)
{
    enum { GROUPS = 65533 };
    int *words = calloc(4 + GROUPS, sizeof(*words));
    unsigned char *bytes;
    const char *why;
    char *text;

    words[0] = GROUPS;
    words[1] = 32767;
    for (int i = 0; i < 32768; i++)
        words[4 + i] = 1234;
    bytes = make_bytes(words, 4 + GROUPS);
    text = write_text(bytes, 2 * (4 + GROUPS), &why);
    ck_assert_ptr_null(why);
    ck_assert_uint_eq(strlen(text), 4 * 32768);
    ck_assert(strncmp(text, "12341234", 8) == 0);
    ck_assert_ptr_nonnull(value_numeric_read(bytes, 2 * (4 + GROUPS) - 1, &(struct numeric){0}));
    free(text);
    free(bytes);
    free(words);
}
END_TEST

/* TY07: the text is the digit, or so many zeros. */
START_TEST(ty07_far_from_the_point)
{
    unsigned char *large = make_bytes((int[]){1, 250, 0, 0, 1}, 5);
    unsigned char *small = make_bytes((int[]){1, -250, 0, 1000, 1}, 5);
    const char *why;
    char *text = write_text(large, 10, &why);

    ck_assert_uint_eq(strlen(text), 1001);
    ck_assert_uint_eq(strspn(text + 1, "0"), 1000);
    ck_assert_int_eq(*text, '1');
    free(text);
    text = write_text(small, 10, &why);
    ck_assert_uint_eq(strlen(text), 1002);
    ck_assert(strncmp(text, "0.000", 5) == 0);
    ck_assert_uint_eq(strspn(text + 2, "0"), 999);
    ck_assert_str_eq(text + 1001, "1");
    free(text);
    free(large);
    free(small);
}
END_TEST

START_TEST(the_largest_and_the_smallest)
{
    unsigned char *large = make_bytes((int[]){1, 32767, 0x4000, 16383, 9999}, 5);
    unsigned char *small = make_bytes((int[]){1, -4096, 0x4000, 16383, 10}, 5);
    const char *why;
    char *text = write_text(large, 10, &why);

    ck_assert_uint_eq(strlen(text), 1 + 131072 + 1 + 16383);
    ck_assert(strncmp(text, "-99990", 6) == 0);
    ck_assert_int_eq(text[1 + 131072], '.');
    free(text);
    text = write_text(small, 10, &why);
    ck_assert_uint_eq(strlen(text), 3 + 16383);
    ck_assert_int_eq(text[3 + 16382], '1');
    free(text);
    free(large);
    free(small);
}
END_TEST

/* Any bytes give a value or a reason, and each value is one that the server could have written. */
START_TEST(noise)
{
    srand(20261125);
    for (int round = 0; round < 50000; round++) {
        int words[9] = {rand() % 6, rand() % 9 - 4, (rand() % 2) << 14, rand() % 20};
        size_t count = rand() % 8 ? 4 + (size_t)words[0] : (size_t)rand() % 9;
        unsigned char *bytes;
        const char *why;

        for (int i = 4; i < 9; i++)
            words[i] = rand() % 3 ? rand() % 10000 : rand() % 65536 * (rand() % 2);
        if (rand() % 16 == 0)
            words[rand() % 4] = rand();
        bytes = make_bytes(words, count > 9 ? 9 : count);
        free(write_text(bytes, 2 * (count > 9 ? 9 : count), &why));
        free(bytes);
    }
}
END_TEST

static const char *const written[] = {"0",        "-1", "12.50", "NaN",
                                      "Infinity", ".5", "5.",    "-Infinity"};
static const char *const given[] = {"+1",  "1e5",       "-1.5E-300", "1.e+2", "nan",
                                    "INF", "+infinity", "-iNFinIty", "+.5",   "0e0"};
static const char *const neither[] = {
    "",     "-",     ".",       "-.",  "1,5",  "1.2.3", "e5",        "1e",        "1e+",
    "1e5x", "1e5.0", "--1",     "- 1", " 1",   "1 ",    "abc",       "0x1f",      "1_000",
    "+NaN", "-NaN",  "infinit", "in",  "NaNs", "$1",    "1\xc3\xa9", "infinityy", "\xd9\xa1"};

/* In memory without a NUL byte behind it. */
static bool check(const char *(*checker)(const char *, size_t), const char *text)
{
    size_t length = strlen(text);
    char *copy = malloc(length ? length : 1);
    bool good;

    memcpy(copy, text, length);
    good = !checker(copy, length);
    free(copy);
    return good;
}

START_TEST(texts)
{
    for (size_t i = 0; i < sizeof(written) / sizeof(*written); i++) {
        ck_assert_msg(check(value_numeric_check_written, written[i]), "%s", written[i]);
        ck_assert_msg(check(value_numeric_check_given, written[i]), "%s", written[i]);
    }
    for (size_t i = 0; i < sizeof(given) / sizeof(*given); i++) {
        ck_assert_msg(!check(value_numeric_check_written, given[i]), "%s", given[i]);
        ck_assert_msg(check(value_numeric_check_given, given[i]), "%s", given[i]);
    }
    for (size_t i = 0; i < sizeof(neither) / sizeof(*neither); i++) {
        ck_assert_msg(!check(value_numeric_check_written, neither[i]), "%s", neither[i]);
        ck_assert_msg(!check(value_numeric_check_given, neither[i]), "%s", neither[i]);
    }
    ck_assert_ptr_nonnull(value_numeric_check_given("1\0", 2));
}
END_TEST

#define TOO_LARGE "out of range for 64 bits"
#define TOO_MANY "it has more digits after the point than are asked for"

static const struct {
    const char *text;
    int scale;
    int64_t value;
    const char *why;
} amounts[] = {
    {"0", 0, 0, NULL},
    {"-0.00", 2, 0, NULL},
    {"12.3", 2, 1230, NULL},
    {"-12.34", 2, -1234, NULL},
    {"12.340000", 2, 1234, NULL},
    {"12.345", 2, 0, TOO_MANY},
    {"12.0", 0, 12, NULL},
    {"0.001", 3, 1, NULL},
    {"12000", -3, 12, NULL},
    {"12500", -3, 0, TOO_MANY},
    {"5", -3, 0, TOO_MANY},
    {"0", -3, 0, NULL},
    {"92233720368547758.07", 2, INT64_MAX, NULL},
    {"-92233720368547758.08", 2, INT64_MIN, NULL},
    {"92233720368547758.08", 2, 0, TOO_LARGE},
    {"-92233720368547758.09", 2, 0, TOO_LARGE},
    {"92233720368547758.070", 2, INT64_MAX, NULL},
    {"9223372036854775807", 0, INT64_MAX, NULL},
    {"9223372036854775807", 1, 0, TOO_LARGE},
    {"1", 18, 1000000000000000000, NULL},
    {"1", 19, 0, TOO_LARGE},
    {"0", INT32_MAX, 0, NULL},
    {"1", INT32_MAX, 0, TOO_LARGE},
    {"1", INT32_MIN, 0, TOO_MANY},
    {"NaN", 2, 0, "not a finite number"},
    {"-Infinity", 2, 0, "not a finite number"},
    {"", 2, 0, "not a numeric"},
    {"1e5", 2, 0, "not a numeric"},
};

START_TEST(to_integers)
{
    for (size_t i = 0; i < sizeof(amounts) / sizeof(*amounts); i++) {
        int64_t value = 77;
        const char *why = value_numeric_scaled(amounts[i].text, amounts[i].scale, &value);

        ck_assert_pstr_eq(why, amounts[i].why);
        ck_assert_int_eq(value, why ? 77 : amounts[i].value);
    }
}
END_TEST

/* Each integer with a point put into it is that integer again. */
START_TEST(any_integer)
{
    srand(20261125);
    for (int round = 0; round < 20000; round++) {
        uint64_t bits = (uint64_t)rand() << 42 ^ (uint64_t)rand() << 21 ^ (uint64_t)rand();
        int64_t integer = (int64_t)(bits >> rand() % 63), value;
        int scale = rand() % 20;
        char digits[64], text[80];
        int n = snprintf(digits, sizeof(digits), "%0*lld", scale + 2, (long long)integer);

        snprintf(text, sizeof(text), "%.*s.%s", n - scale, digits, digits + n - scale);
        ck_assert_ptr_null(value_numeric_scaled(text, scale, &value));
        ck_assert_int_eq(value, integer);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("unit_value_numeric");
    TCase *tcase = tcase_create("value_numeric");

    tcase_set_timeout(tcase, 60);
    tcase_add_test(tcase, ty06_ty08_from_binary);
    tcase_add_test(tcase, ty08_65533_groups);
    tcase_add_test(tcase, ty07_far_from_the_point);
    tcase_add_test(tcase, the_largest_and_the_smallest);
    tcase_add_test(tcase, noise);
    tcase_add_test(tcase, texts);
    tcase_add_test(tcase, to_integers);
    tcase_add_test(tcase, any_integer);
    suite_add_tcase(suite, tcase);
    return run_suite(suite, false);
}
