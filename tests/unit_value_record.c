/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * unit_value_record: the readers of composites: TY39, TY40, and what they refuse.
 *
 * The counterpart of lib/value_record.c; needs no server. The bytes are what PostgreSQL sends.
 */
#include "parts.h"

#include "type.h"
#include "value_record.h"

static const char *read_text(const char *value, size_t length, struct value_parts *parts)
{
    return value_record_text(value, length, parts);
}

static const char *read_binary(const char *value, size_t length, struct value_parts *parts)
{
    return value_record_binary(value, length, parts);
}

static const char *read_sample(const struct sample *sample, char *shown)
{
    size_t length;
    unsigned char *bytes = sample_bytes(sample, &length);
    const char *why =
        read_twice(sample->text ? read_text : read_binary, bytes, length, sample->text, shown, 200);

    free(bytes);
    return why;
}

START_TEST(ty39_ty40_good)
{
    static const struct {
        struct sample sample;
        const char *parts;
    } cases[] = {
        {{"(,1234,5678,\"(42,42)\")", NULL}, "NULL [1234] [5678] [(42,42)]"},
        {{"(\"\",,\"x y\")", NULL}, "[] NULL [x y]"},
        {{"(foo',\"a\"\"b\",)", NULL}, "[foo'] [a\"b] NULL"},
        {{"()", NULL}, "NULL"},
        {{" (1,2) ", NULL}, "[1] [2]"},
        {{"( a ,\"\\\\\",b\"c,d\"e)", NULL}, "[ a ] [\\] [bc,de]"},
        {{NULL, "00000004 000002c1 ffffffff 00000017 00000004 000004d2 000002c1 00000004 35363738 "
                "000008c9 00000004 00000000"},
         "NULL 000004d2 35363738 00000000"},
        {{NULL, "00000000"}, ""},
        {{NULL, "00000001 00000017 00000000"}, ""},
    };
    char shown[200];

    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        ck_assert_pstr_eq(read_sample(&cases[i].sample, shown), NULL);
        ck_assert_str_eq(shown, cases[i].parts);
    }
}
END_TEST

START_TEST(types_in_binary)
{
    static const struct sample sample = {
        .hex = "00000002 00000017 00000004 00000001 00000019 ffffffff"};
    struct row_cell cells[2];
    struct value_parts parts = {.cells = cells};
    size_t length;
    unsigned char *bytes = sample_bytes(&sample, &length);

    ck_assert_ptr_null(read_binary((const char *)bytes, length, &parts));
    ck_assert_uint_eq(parts.count, 2);
    ck_assert_uint_eq(parts.size, 0); /* nothing was copied */
    ck_assert_uint_eq(cells[0].type, TYPE_INT4);
    ck_assert_uint_eq(cells[1].type, TYPE_TEXT);
    free(bytes);
}
END_TEST

START_TEST(bad)
{
    static const struct {
        struct sample sample;
        const char *why;
    } cases[] = {
        {{"", NULL}, "it does not begin with a parenthesis"},
        {{"1)", NULL}, "it does not begin with a parenthesis"},
        {{"(", NULL}, "a field is not followed by another or a parenthesis"},
        {{"(1", NULL}, "a field is not followed by another or a parenthesis"},
        {{"(1,", NULL}, "a field is not followed by another or a parenthesis"},
        {{"(\"1)", NULL}, "a field is not followed by another or a parenthesis"},
        {{"(1\\", NULL}, "a field is not followed by another or a parenthesis"},
        {{"(1\\)", NULL}, "a field is not followed by another or a parenthesis"},
        {{"(1))", NULL}, "there is something after its last parenthesis"},
        {{"(1) x", NULL}, "there is something after its last parenthesis"},
        {{NULL, ""}, "it ends too early"},
        {{NULL, "000000"}, "it ends too early"},
        {{NULL, "00000001"}, "it has more fields than bytes"},
        {{NULL, "00000001 00000017"}, "it has more fields than bytes"},
        {{NULL, "ffffffff 00000017 ffffffff"}, "it has more fields than bytes"},
        {{NULL, "7fffffff 00000017 ffffffff"}, "it has more fields than bytes"},
        {{NULL, "00000001 00000017 00000001"}, "a part is longer than the whole"},
        {{NULL, "00000001 00000017 fffffffe"}, "a part is longer than the whole"},
        {{NULL, "00000002 00000017 00000005 0000000000 000000"}, "it ends too early"},
        {{NULL, "00000000 00"}, "there are bytes after its end"},
    };
    char shown[200];

    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
        ck_assert_pstr_eq(read_sample(&cases[i].sample, shown), cases[i].why);
}
END_TEST

START_TEST(mutations)
{
    static const struct sample texts[] = {{.text = "(,1234,5678,\"(42,42)\")"},
                                          {.text = "(foo',\"a\"\"b\",)"}};
    static const struct sample binaries[] = {
        {.hex = "00000002 00000017 00000004 00000001 00000019 00000002 6162"},
        {.hex = "00000003 000002c1 ffffffff 00000017 00000004 000004d2 00000019 00000000"}};

    read_mutations(read_text, texts, 2);
    read_mutations(read_binary, binaries, 2);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("unit_value_record");
    TCase *tcase = tcase_create("value_record");

    tcase_set_timeout(tcase, 60);
    tcase_add_test(tcase, ty39_ty40_good);
    tcase_add_test(tcase, types_in_binary);
    tcase_add_test(tcase, bad);
    tcase_add_test(tcase, mutations);
    suite_add_tcase(suite, tcase);
    return run_suite(suite, false);
}
