/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * unit_value_range: the readers of ranges and multiranges: TY42, TY43, TY44, and what they refuse.
 *
 * The counterpart of lib/value_range.c; needs no server. The bytes are what PostgreSQL sends.
 */
#include "parts.h"

#include "type.h"
#include "value_range.h"

static struct value_range range;
static uint32_t bound_type = TYPE_INT4;

static const char *read_text(const char *value, size_t length, struct value_parts *parts)
{
    return value_range_text(value, length, bound_type, &range, parts);
}

static const char *read_binary(const char *value, size_t length, struct value_parts *parts)
{
    return value_range_binary(value, length, bound_type, &range, parts);
}

static const char *read_multi_text(const char *value, size_t length, struct value_parts *parts)
{
    return value_multirange_text(value, length, TYPE_INT4RANGE, parts);
}

static const char *read_multi_binary(const char *value, size_t length, struct value_parts *parts)
{
    return value_multirange_binary(value, length, TYPE_INT4RANGE, parts);
}

static const char *read_sample(read_parts read, const struct sample *sample, char *shown)
{
    size_t length;
    unsigned char *bytes = sample_bytes(sample, &length);
    const char *why = read_twice(read, bytes, length, sample->text, shown, 200);

    free(bytes);
    return why;
}

/* Which of its five flags are set: e, (( or [ for each side. */
static const char *flags(void)
{
    static char text[8];

    snprintf(text, sizeof(text), "%s%c%c%s%s", range.empty ? "e" : "",
             range.inclusive[0] ? '[' : '(', range.inclusive[1] ? ']' : ')',
             range.infinite[0] ? "<" : "", range.infinite[1] ? ">" : "");
    return text;
}

START_TEST(ty42_ranges)
{
    static const struct {
        struct sample sample;
        const char *flags, *parts;
    } cases[] = {
        {{"[1,10)", NULL}, "[)", "[1] [10]"},
        {{"[0,9]", NULL}, "[]", "[0] [9]"},
        {{"empty", NULL}, "e()", "NULL NULL"},
        {{" EMPTY ", NULL}, "e()", "NULL NULL"},
        {{"(,)", NULL}, "()<>", "NULL NULL"},
        {{"[,]", NULL}, "()<>", "NULL NULL"},
        {{"(,2]", NULL}, "(]<", "NULL [2]"},
        {{" (5,) ", NULL}, "()>", "[5] NULL"},
        {{"[\"2026-11-25 00:00:00\",\"\")", NULL}, "[)", "[2026-11-25 00:00:00] []"},
        {{"(\"a\"\"b\",\\\\\\,\\))", NULL}, "()", "[a\"b] [\\,)]"},
        {{"( a , b )", NULL}, "()", "[ a ] [ b ]"},
        {{NULL, "02 00000004 00000001 00000004 0000000a"}, "[)", "00000001 0000000a"},
        {{NULL, "06 00000004 00000000 00000004 00000009"}, "[]", "00000000 00000009"},
        {{NULL, "01"}, "e()", "NULL NULL"},
        {{NULL, "18"}, "()<>", "NULL NULL"},
        {{NULL, "1e"}, "()<>", "NULL NULL"},
        {{NULL, "08 00000004 00000003"}, "()<", "NULL 00000003"},
        {{NULL, "12 00000004 00000003"}, "[)>", "00000003 NULL"},
    };
    char shown[200];

    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        const struct sample *sample = &cases[i].sample;

        ck_assert_pstr_eq(read_sample(sample->text ? read_text : read_binary, sample, shown), NULL);
        ck_assert_str_eq(flags(), cases[i].flags);
        ck_assert_str_eq(shown, cases[i].parts);
    }
}
END_TEST

START_TEST(bad_ranges)
{
    static const struct {
        struct sample sample;
        const char *why;
    } cases[] = {
        {{"", NULL}, "it does not begin with a bracket"},
        {{"1,2", NULL}, "it does not begin with a bracket"},
        {{"empt", NULL}, "it does not begin with a bracket"},
        {{"empty)", NULL}, "there is something after its last bracket"},
        {{"[1,2) x", NULL}, "there is something after its last bracket"},
        {{"[1,2)]", NULL}, "there is something after its last bracket"},
        {{"[", NULL}, "its lower bound is not followed by a comma"},
        {{"[1", NULL}, "its lower bound is not followed by a comma"},
        {{"[1)", NULL}, "its lower bound is not followed by a comma"},
        {{"[\"1,2)", NULL}, "its lower bound is not followed by a comma"},
        {{"[1\\", NULL}, "its lower bound is not followed by a comma"},
        {{"[1,", NULL}, "its upper bound is not followed by a bracket"},
        {{"[1,2", NULL}, "its upper bound is not followed by a bracket"},
        {{"[1,2,3)", NULL}, "its upper bound is not followed by a bracket"},
        {{"[1,2\\)", NULL}, "its upper bound is not followed by a bracket"},
        {{NULL, ""}, "it ends too early"},
        {{NULL, "02"}, "it ends too early"},
        {{NULL, "20"}, "its flags are unknown"},
        {{NULL, "80"}, "its flags are unknown"},
        {{NULL, "0100"}, "there are bytes after its end"},
        {{NULL, "1800000000"}, "there are bytes after its end"},
        {{NULL, "08 00000004 000000"}, "a part is longer than the whole"},
        {{NULL, "02 00000004 00000001"}, "it ends too early"},
        {{NULL, "02 00000004 00000001 80000000"}, "a part is longer than the whole"},
        {{NULL, "02 ffffffff 00000004 0000000a"}, "a part is NULL"},
        {{NULL, "02 00000004 00000001 ffffffff"}, "a part is NULL"},
    };
    char shown[200];

    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        const struct sample *sample = &cases[i].sample;

        ck_assert_pstr_eq(read_sample(sample->text ? read_text : read_binary, sample, shown),
                          cases[i].why);
    }
}
END_TEST

START_TEST(ty43_ty44_multiranges)
{
    static const struct {
        struct sample sample;
        const char *why, *parts;
    } cases[] = {
        {{"{}", NULL}, NULL, ""},
        {{" { } ", NULL}, NULL, ""},
        {{"{[1,12)}", NULL}, NULL, "[[1,12)]"},
        {{"{[1,12),[20,)}", NULL}, NULL, "[[1,12)] [[20,)]"},
        {{"{ [\"a,]}\",\\]) , empty , (,) }", NULL}, NULL, "[[\"a,]}\",\\]) ] [empty ] [(,) ]"},
        {{"", NULL}, "it does not begin with a brace", NULL},
        {{"{", NULL}, "it does not begin with a bracket", NULL},
        {{"{[1,2)", NULL}, "a range is not followed by another or a brace", NULL},
        {{"{[1,2),", NULL}, "it does not begin with a bracket", NULL},
        {{"{[1,2),}", NULL}, "it does not begin with a bracket", NULL},
        {{"{[1,2)}}", NULL}, "there is something after its last brace", NULL},
        {{"{[1,2}", NULL}, "its upper bound is not followed by a bracket", NULL},
        {{NULL, "00000000"}, NULL, ""},
        {{NULL, "00000001 00000011 02 00000004 00000001 00000004 0000000c"},
         NULL,
         "020000000400000001000000040000000c"},
        {{NULL, ""}, "it ends too early", NULL},
        {{NULL, "00"}, "it ends too early", NULL},
        {{NULL, "0000"}, "it ends too early", NULL},
        {{NULL, "000000"}, "it ends too early", NULL},
        {{NULL, "00000001"}, "it has more ranges than bytes", NULL},
        {{NULL, "ffffffff 00000011 02 00000004 00000001 00000004 0000000c"},
         "it has more ranges than bytes",
         NULL},
        {{NULL, "7fffffff 00000011 02 00000004 00000001 00000004 0000000c"},
         "it has more ranges than bytes",
         NULL},
        {{NULL, "00000002 00000011 02 00000004 00000001 00000004 0000000c"},
         "it ends too early",
         NULL},
        {{NULL, "00000000 00000011 02 00000004 00000001 00000004 0000000c"},
         "there are bytes after its end",
         NULL},
        {{NULL, "00000001 00000002 02"}, "a part is longer than the whole", NULL},
        {{NULL, "00000001 ffffffff"}, "a part is NULL", NULL},
    };
    char shown[200];

    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        const struct sample *sample = &cases[i].sample;

        ck_assert_pstr_eq(
            read_sample(sample->text ? read_multi_text : read_multi_binary, sample, shown),
            cases[i].why);
        if (cases[i].parts)
            ck_assert_str_eq(shown, cases[i].parts);
    }
}
END_TEST

START_TEST(mutations)
{
    static const struct sample texts[] = {{.text = "[1,10)"}, {.text = "(\"a\"\"b\",\\\\\\,\\))"}};
    static const struct sample multi[] = {{.text = "{[1,12),[\"a,]}\",),empty}"}};
    static const struct sample binaries[] = {{.hex = "02 00000004 00000001 00000004 0000000a"},
                                             {.hex = "12 00000001 61"}};
    static const struct sample multi_binary[] = {
        {.hex = "00000002 00000011 02 00000004 00000001 00000004 0000000c 00000011 02 00000004 "
                "00000001 00000004 0000000c"}};

    read_mutations(read_text, texts, 2);
    read_mutations(read_multi_text, multi, 1);
    read_mutations(read_binary, binaries, 2);
    read_mutations(read_multi_binary, multi_binary, 1);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("unit_value_range");
    TCase *tcase = tcase_create("value_range");

    tcase_set_timeout(tcase, 60);
    tcase_add_test(tcase, ty42_ranges);
    tcase_add_test(tcase, bad_ranges);
    tcase_add_test(tcase, ty43_ty44_multiranges);
    tcase_add_test(tcase, mutations);
    suite_add_tcase(suite, tcase);
    return run_suite(suite, false);
}
