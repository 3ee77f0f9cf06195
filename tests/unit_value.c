/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * unit_value: the readers of text values: what they take, what they refuse, and that any text does.
 *
 * The counterpart of lib/value.c; needs no server.
 */
#include "harness.h"

#include "value.h"

#include <locale.h>
#include <math.h>
#include <stdio.h>

START_TEST(integers)
{
    static const struct {
        const char *text;
        const char *why; /* NULL: it is read */
        int64_t value;
    } cases[] = {
        {"0", NULL, 0},
        {"-0", NULL, 0},
        {"42", NULL, 42},
        {"-32768", NULL, -32768},
        {"9223372036854775807", NULL, INT64_MAX},
        {"-9223372036854775808", NULL, INT64_MIN},
        {"9223372036854775808", "out of range", 0},
        {"-9223372036854775809", "out of range", 0},
        {"99999999999999999999999", "out of range", 0},
        {"", "not an integer", 0},
        {"-", "not an integer", 0},
        {"+1", "not an integer", 0},
        {" 1", "not an integer", 0},
        {"1 ", "not an integer", 0},
        {"1.0", "not an integer", 0},
        {"0x10", "not an integer", 0},
        {"abc", "not an integer", 0},
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        int64_t value = 77;
        const char *why = value_read_int64(cases[i].text, &value);

        ck_assert_pstr_eq(why, cases[i].why);
        ck_assert_int_eq(value, why ? 77 : cases[i].value);
    }
}
END_TEST

START_TEST(integers_without_a_sign)
{
    static const struct {
        const char *text;
        uint64_t most, value;
        const char *why;
    } cases[] = {
        {"0", UINT32_MAX, 0, NULL},
        {"4294967295", UINT32_MAX, 4294967295, NULL}, /* TY47 */
        {"18446744073709551615", UINT64_MAX, UINT64_MAX, NULL},
        {"4294967296", UINT32_MAX, 0, "out of range"},
        {"18446744073709551616", UINT64_MAX, 0, "out of range"},
        {"99999999999999999999999", UINT64_MAX, 0, "out of range"},
        {"-1", UINT64_MAX, 0, "not an integer"},
        {"", UINT64_MAX, 0, "not an integer"},
        {"1x", UINT64_MAX, 0, "not an integer"},
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        uint64_t value = 77;
        const char *why = value_read_uint64(cases[i].text, cases[i].most, &value);

        ck_assert_pstr_eq(why, cases[i].why);
        ck_assert_uint_eq(value, why ? 77 : cases[i].value);
    }
}
END_TEST

START_TEST(positions_in_the_log)
{
    static const char *const bad[] = {"",     "/",    "1",   "1/",          "/1",         "1/1/1",
                                      "1/1x", "-1/1", "g/1", "123456789/0", "0/123456789"};
    uint64_t value = 77;

    for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
        ck_assert_str_eq(value_read_lsn(bad[i], &value), "not a position in the log");
    ck_assert_uint_eq(value, 77);
    ck_assert_ptr_null(value_read_lsn("FFFFFFFF/FFFFFFFF", &value)); /* TY47 */
    ck_assert_uint_eq(value, UINT64_MAX);
    ck_assert_ptr_null(value_read_lsn("16/B374D848", &value));
    ck_assert_uint_eq(value, 0x16b374d848);
}
END_TEST

static void check_floats(void)
{
    static const struct {
        const char *text;
        float value;
    } good[] = {{"0.1", 0.1f},
                {"-1.5", -1.5f},
                {"1e-45", 1e-45f},
                {"3.4028235e+38", 3.4028235e38f},
                {"-Infinity", -INFINITY},
                /* one digit above the middle of two floats, where a double has only the middle */
                {"1.00000005960464477540", 1.00000012f}};
    static const char *const bad[] = {"", "1.5x", "inf", "1e99", "1,5"};
    float value = 77;

    for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
        ck_assert_msg(value_read_float(bad[i], &value) != NULL, "\"%s\" is read", bad[i]);
    ck_assert(value == 77);
    for (size_t i = 0; i < sizeof(good) / sizeof(*good); i++) {
        ck_assert_ptr_null(value_read_float(good[i].text, &value));
        ck_assert_mem_eq(&value, &good[i].value, sizeof(value));
    }
    ck_assert_ptr_null(value_read_float("NaN", &value));
    ck_assert(isnan(value));
}

START_TEST(floats)
{
    check_floats();
}
END_TEST

static void check_doubles(void)
{
    static const struct {
        const char *text;
        double value;
    } good[] = {
        {"0", 0},
        {"-0", -0.0},
        {"1.5", 1.5},
        {"-1e10", -1e10},
        {"0.1", 0.1},
        {"0.30000000000000004", 0.1 + 0.2},
        {"5e-324", 5e-324},
        {"1.7976931348623157e+308", 1.7976931348623157e308},
        {"Infinity", INFINITY},
        {"-Infinity", -INFINITY},
    };
    static const char *const bad[] = {"",     "-",   ".",     "1.5x", "nan", "inf", "0x1p3", "1e",
                                      "1e+x", "1,5", "1e999", " 1",   "+1",  "--1", "1.5.5"};
    double value;

    for (size_t i = 0; i < sizeof(good) / sizeof(*good); i++) {
        ck_assert_ptr_null(value_read_double(good[i].text, &value));
        ck_assert_mem_eq(&value, &good[i].value, sizeof(value));
    }
    ck_assert_ptr_null(value_read_double("NaN", &value));
    ck_assert(isnan(value));
    for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
        ck_assert_msg(value_read_double(bad[i], &value) != NULL, "\"%s\" is read", bad[i]);
}

START_TEST(doubles)
{
    check_doubles();
}
END_TEST

/* Bit for bit, with few digits or many, with a point anywhere or none. */
START_TEST(doubles_are_those_of_strtod)
{
    char text[64];
    double value, expected;

    srandom(1);
    for (int i = 0; i < 200000; i++) {
        long number = random() >> random() % 31;
        int before = (int)(random() % 9), length;

        length = snprintf(text, sizeof(text), "%s%.*ld%ld", i % 2 ? "-" : "", before, number,
                          i % 3 ? random() % 100 : random());
        if (i % 5) {
            int point = (int)(random() % length) + 1;

            memmove(text + point + 1, text + point, (size_t)(length - point) + 1);
            text[point] = '.';
        }
        expected = strtod(text, NULL);
        ck_assert_msg(!value_read_double(text, &value), "\"%s\" is not read", text);
        ck_assert_msg(memcmp(&value, &expected, sizeof(value)) == 0, "\"%s\" is %.17g", text,
                      value);
    }
}
END_TEST

/* Whatever locale with a comma is there; made by localedef where none is installed. */
START_TEST(doubles_in_a_locale_with_a_comma)
{
    static const char *const names[] = {"de_DE.UTF-8", "pt_BR.UTF-8", "fr_FR.UTF-8", "de_DE"};
    char folder[] = "/tmp/evpg-locale.XXXXXX", command[200];
    bool found = false;

    for (size_t i = 0; i < sizeof(names) / sizeof(*names) && !found; i++)
        found = setlocale(LC_NUMERIC, names[i]) && *localeconv()->decimal_point == ',';
    if (!found && mkdtemp(folder)) {
        snprintf(command, sizeof(command), "localedef -i de_DE -f UTF-8 %s/de_DE.UTF-8 2>/dev/null",
                 folder);
        found = system(command) == 0 && setenv("LOCPATH", folder, 1) == 0 &&
                setlocale(LC_NUMERIC, "de_DE.UTF-8") && *localeconv()->decimal_point == ',';
        snprintf(command, sizeof(command), "rm -rf %s", folder);
        ck_assert_int_eq(system(command), 0);
    }
    if (found) {
        check_doubles();
        check_floats();
    }
}
END_TEST

START_TEST(a_very_long_number)
{
    char text[600];
    double value;

    memset(text, '1', sizeof(text) - 1);
    text[sizeof(text) - 1] = '\0';
    ck_assert_ptr_nonnull(value_read_double(text, &value));
}
END_TEST

START_TEST(booleans)
{
    static const char *const bad[] = {"", "true", "T", "1", "tf"};
    bool value = false;

    ck_assert_ptr_null(value_read_bool("t", &value));
    ck_assert(value);
    ck_assert_ptr_null(value_read_bool("f", &value));
    ck_assert(!value);
    for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
        ck_assert_ptr_nonnull(value_read_bool(bad[i], &value));
}
END_TEST

START_TEST(bytea)
{
    static const struct {
        const char *text;
        const char *bytes; /* NULL: refused */
        size_t length;
    } cases[] = {
        {"\\x", "", 0},
        {"\\x00ff41", "\x00\xff\x41", 3},
        {"\\xABcd", "\xab\xcd", 2},
        {"\\x0", NULL, 0},
        {"\\x0g", NULL, 0},
        {"", "", 0},
        {"abc", "abc", 3},
        {"\\000\\377A", "\x00\xff\x41", 3},
        {"a\\\\b", "a\\b", 3},
        {"\\", NULL, 0},
        {"\\00", NULL, 0},
        {"\\400", NULL, 0},
        {"\\08a", NULL, 0},
        {"x\\", NULL, 0},
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        size_t size = strlen(cases[i].text), length = 0;
        unsigned char *to = malloc(size + 1); /* exact, for AddressSanitizer to watch */
        const char *why = value_read_bytea(cases[i].text, size, to, &length);

        ck_assert_msg(!why == (cases[i].bytes != NULL), "%s: %s", cases[i].text, why);
        if (!why) {
            ck_assert_uint_eq(length, cases[i].length);
            ck_assert_mem_eq(to, cases[i].bytes, length);
        }
        free(to);
    }
}
END_TEST

/* Any bytes give a value or a reason, and nothing is read beyond their end. */
START_TEST(noise)
{
    static const char alphabet[] = "\\x01739aefAEF.-+ \xc3\xa9t";

    srand(20261125);
    for (int round = 0; round < 200000; round++) {
        size_t size = (size_t)rand() % 12, length;
        char *text = malloc(size + 1);
        unsigned char *to = malloc(size + 1);
        int64_t integer;
        double number;
        bool truth;

        for (size_t i = 0; i < size; i++)
            text[i] = alphabet[(size_t)rand() % (sizeof(alphabet) - 1)];
        text[size] = '\0';
        value_read_int64(text, &integer);
        value_read_double(text, &number);
        value_read_uint64(text, UINT64_MAX, &(uint64_t){0});
        value_read_lsn(text, &(uint64_t){0});
        value_read_float(text, &(float){0});
        value_read_bool(text, &truth);
        if (!value_read_bytea(text, size, to, &length))
            ck_assert_uint_le(length, size);
        free(text);
        free(to);
    }
}
END_TEST

START_TEST(type_names)
{
    ck_assert_str_eq(type_name(23), "int4");
    ck_assert_str_eq(type_name(1700), "numeric");
    ck_assert_str_eq(type_name(5069), "xid8");
    ck_assert_ptr_null(type_name(0));
    ck_assert_ptr_null(type_name(4000000000u));
}
END_TEST

static Suite *make_suite(void)
{
    Suite *suite = suite_create("unit_value");
    TCase *tcase = tcase_create("value");

    tcase_set_timeout(tcase, 30);
    tcase_add_test(tcase, integers);
    tcase_add_test(tcase, integers_without_a_sign);
    tcase_add_test(tcase, positions_in_the_log);
    tcase_add_test(tcase, floats);
    tcase_add_test(tcase, doubles);
    tcase_add_test(tcase, doubles_are_those_of_strtod);
    tcase_add_test(tcase, doubles_in_a_locale_with_a_comma);
    tcase_add_test(tcase, a_very_long_number);
    tcase_add_test(tcase, booleans);
    tcase_add_test(tcase, bytea);
    tcase_add_test(tcase, noise);
    tcase_add_test(tcase, type_names);
    suite_add_tcase(suite, tcase);
    return suite;
}

int main(void)
{
    return run_suite(make_suite(), false);
}
