/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * unit_value_array: the readers of arrays: TY32, TY33, TY35, TY36, TY49, and what they refuse.
 *
 * The counterpart of lib/value_array.c; needs no server. The bytes are what PostgreSQL sends.
 */
#include "parts.h"

#include "type.h"
#include "value_array.h"

static struct value_array array;
static uint32_t element_type;

static const char *read_text(const char *value, size_t length, struct value_parts *parts)
{
    return value_array_text(value, length, element_type, &array, parts);
}

static const char *read_binary(const char *value, size_t length, struct value_parts *parts)
{
    return value_array_binary(value, length, &array, parts);
}

/* "2: 3@1 2@-1": dimensions, and the length and lower bound of each. */
static const char *shape(void)
{
    static char text[100];
    int used = snprintf(text, sizeof(text), "%d", array.dimensions);

    for (int i = 0; i < array.dimensions; i++)
        used += snprintf(text + used, sizeof(text) - (size_t)used, "%s%d@%d", i ? " " : ": ",
                         array.lengths[i], array.lower_bounds[i]);
    return text;
}

static const char *read_sample(const struct sample *sample, char *shown, size_t size)
{
    size_t length;
    unsigned char *bytes = sample_bytes(sample, &length);
    const char *why = read_twice(sample->text ? read_text : read_binary, bytes, length,
                                 sample->text || type_is_text(element_type), shown, size);

    free(bytes);
    return why;
}

START_TEST(good_text)
{
    static const struct {
        const char *text, *shape, *parts;
        uint32_t element_type;
    } cases[] = {
        {"{}", "0", "", TYPE_INT4},
        {" { } ", "0", "", TYPE_INT4},
        {"{1,NULL,3}", "1: 3@1", "[1] NULL [3]", TYPE_INT4},
        {"[1:3][-1:0]={{1,2},{4,5},{6,7}}", "2: 3@1 2@-1", "[1] [2] [4] [5] [6] [7]", TYPE_INT4},
        {"{{{{{{1}}}}}}", "6: 1@1 1@1 1@1 1@1 1@1 1@1", "[1]", TYPE_INT4},
        {"{sad,happy}", "1: 2@1", "[sad] [happy]", 0},
        {"{\"\",\"NULL\",null,\" x \"}", "1: 4@1", "[] [NULL] NULL [ x ]", TYPE_TEXT},
        {"{\"a\\\"b\",\"c\\\\d\",\"{,}\"}", "1: 3@1", "[a\"b] [c\\d] [{,}]", TYPE_TEXT},
        {" {\t{ a b , c}\n, {d\\ ,\\NULL} } ", "2: 2@1 2@1", "[a b] [c] [d ] [NULL]", TYPE_TEXT},
        {"{(1,1),(0,0);(2,2),(1,1)}", "1: 2@1", "[(1,1),(0,0)] [(2,2),(1,1)]", TYPE_BOX},
        {"[-2147483648:-2147483648]={x}", "1: 1@-2147483648", "[x]", TYPE_TEXT},
        {"[2147483647:2147483647]={x}", "1: 1@2147483647", "[x]", TYPE_TEXT},
        {"[0:1] = {1,2}", "1: 2@0", "[1] [2]", TYPE_INT4},
    };
    char shown[200];

    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        element_type = cases[i].element_type;
        ck_assert_pstr_eq(read_sample(&(struct sample){.text = cases[i].text}, shown, 200), NULL);
        ck_assert_str_eq(shape(), cases[i].shape);
        ck_assert_str_eq(shown, cases[i].parts);
    }
}
END_TEST

START_TEST(bad_text)
{
    static const struct {
        const char *text, *why;
    } cases[] = {
        {"", "it does not begin with a brace"},
        {"1", "it does not begin with a brace"},
        {"{", "an element is missing"},
        {"{1", "an element is not followed by another or a brace"},
        {"{1,", "an element is missing"},
        {"{1,}", "an element is missing"},
        {"{,1}", "an element is missing"},
        {"{{}}", "an element is missing"},
        {"{{},{}}", "an element is missing"},
        {"{1}}", "there is something after its last brace"},
        {"{1} x", "there is something after its last brace"},
        {"{}{}", "there is something after its last brace"},
        {"{{1},2}", "its parts differ in dimensions"},
        {"{1,{2}}", "its parts differ in dimensions"},
        {"{{1},{{2}}}", "its parts differ in dimensions"},
        {"{{1,2},{3}}", "its parts differ in length"},
        {"{{{{{{{1}}}}}}}", "more than 6 dimensions"},
        {"{\"a", "it ends in quotes"},
        {"{\"a\\", "it ends in quotes"},
        {"{\"a\\\"", "it ends in quotes"},
        {"{a\\", "it ends in a backslash"},
        {"{\"a\"b}", "an element is not followed by another or a brace"},
        {"{a\"b\"}", "a brace or quote in an element without quotes"},
        {"{a{b}}", "a brace or quote in an element without quotes"},
        {"[1:3]={1,2}", "its parts differ in length"},
        {"[1:2]={{1,2}}", "its parts differ in dimensions"},
        {"[1:2][1:2]={1,2}", "its parts differ in dimensions"},
        {"[1:0]={}", "its upper bound does not fit its lower bound"},
        {"[-2147483648:2147483647]={1}", "its upper bound does not fit its lower bound"},
        {"[0:2147483647]={1}", "its upper bound does not fit its lower bound"},
        {"[1:2147483648]={1}", "its bounds are not [number:number]"},
        {"[1:99999999999999999999]={1}", "its bounds are not [number:number]"},
        {"[1:2={1,2}", "its bounds are not [number:number]"},
        {"[2]={1,2}", "its bounds are not [number:number]"},
        {"[:2]={1,2}", "its bounds are not [number:number]"},
        {"[1:2]{1,2}", "its bounds are not followed by ="},
        {"[1:1]=", "it does not begin with a brace"},
        {"[1:1]={}", "an element is missing"},
        {"[1:1][1:1][1:1][1:1][1:1][1:1][1:1]={1}", "more than 6 dimensions"},
    };

    element_type = TYPE_INT4;
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
        ck_assert_pstr_eq(read_sample(&(struct sample){.text = cases[i].text}, NULL, 0),
                          cases[i].why);
}
END_TEST

START_TEST(good_binary)
{
    static const struct {
        const char *hex, *shape, *parts;
        uint32_t element_type;
    } cases[] = {
        {"00000000 00000000 00000017", "0", "", TYPE_INT4},
        {"00000001 00000001 00000017 00000003 00000001 00000004 00000001 ffffffff 00000004 "
         "00000003",
         "1: 3@1", "00000001 NULL 00000003", TYPE_INT4},
        {"00000002 00000000 00000017 00000003 00000001 00000002 ffffffff 00000004 00000001 "
         "00000004 00000001 00000004 00000001 00000004 00000001 00000004 00000001 00000004 "
         "00000007",
         "2: 3@1 2@-1", "00000001 00000001 00000001 00000001 00000001 00000007", TYPE_INT4},
        {"00000006 00000000 00000017 0000000100000001 0000000100000001 0000000100000001 "
         "0000000100000001 0000000100000001 0000000100000001 00000004 00000001",
         "6: 1@1 1@1 1@1 1@1 1@1 1@1", "00000001", TYPE_INT4},
        {"00000001 00000000 00004001 00000002 00000001 00000003 736164 00000000", "1: 2@1",
         "736164 ", 0x4001},
        {"00000001 00000000 00000019 00000002 00000001 00000003 736164 00000000", "1: 2@1",
         "[sad] []", TYPE_TEXT},
        {"00000001 00000000 0000001a 00000000 00000000", "1: 0@0", "", TYPE_OID},
    };
    char shown[200];

    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        element_type = cases[i].element_type;
        ck_assert_pstr_eq(read_sample(&(struct sample){.hex = cases[i].hex}, shown, 200), NULL);
        ck_assert_str_eq(shape(), cases[i].shape);
        ck_assert_str_eq(shown, cases[i].parts);
        ck_assert_uint_eq(array.element_type, element_type);
    }
}
END_TEST

START_TEST(bad_binary)
{
    static const struct {
        const char *hex, *why;
    } cases[] = {
        {"00", "it ends too early"},
        {"00000001 00000000 000000", "it ends too early"},
        {"00000007 00000000 00000017", "more than 6 dimensions"},
        {"ffffffff 00000000 00000017", "more than 6 dimensions"},
        {"00000001 00000002 00000017 00000000 00000001", "its flags are unknown"},
        {"00000000 00000000 00000017 00", "there are bytes after its end"},
        {"00000001 00000000 00000017 00000001", "it ends too early"},
        {"00000001 00000000 00000017 00000001 000000", "it ends too early"},
        {"00000002 00000000 00000017 00000001 00000001 00000001", "it ends too early"},
        {"00000001 00000000 00000017 00000001 00000001", "it has more elements than bytes"},
        {"00000001 00000000 00000017 00000001 00000001 00000004 000001",
         "a part is longer than the whole"},
        {"00000001 00000000 00000017 00000001 00000001 fffffffe",
         "a part is longer than the whole"},
        {"00000001 00000000 00000017 00000001 00000001 7fffffff 00",
         "a part is longer than the whole"},
        {"00000001 00000000 00000017 00000001 00000001 00000004 00000001 00",
         "there are bytes after its end"},
        {"00000001 00000000 00000017 00000003 00000001 00000004 00000001",
         "it has more elements than bytes"},
        {"00000001 00000000 00000017 80000000 00000001 00000004 00000001",
         "it has more elements than bytes"},
        {"00000001 00000000 00000017 00000002 7fffffff 00000004 00000001 00000004 00000001",
         "its upper bound does not fit its lower bound"},
        {"00000004 00000000 00000017 00010000 00000001 00010000 00000001 00010000 00000001 "
         "00010000 00000001",
         "it has more elements than bytes"},
        {"00000001 00000000 00000019 00000002 00000001 00000004 31323334 00000000 00",
         "there are bytes after its end"},
        {"00000001 00000000 00000019 00000002 00000001 00000005 3132333435 000000",
         "it ends too early"},
        {"00000002 00000000 00000017 7fffffff00000001 7fffffff00000001",
         "it has more elements than bytes"},
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
        ck_assert_pstr_eq(read_sample(&(struct sample){.hex = cases[i].hex}, NULL, 0),
                          cases[i].why);
}
END_TEST

START_TEST(mutations)
{
    static const struct sample texts[] = {
        {.text = "[1:3][-1:0]={{1,2},{4,5},{6,7}}"},
        {.text = "{\"a\\\"b\",NULL,\"{,}\", x y }"},
        {.text = "{{{{{{1}}}}}}"},
    };
    static const struct sample binaries[] = {
        {.hex = "00000001 00000001 00000017 00000003 00000001 00000004 00000001 ffffffff 00000004 "
                "00000001"},
        {.hex = "00000001 00000000 00000019 00000002 00000001 00000003 736164 00000000"},
        {.hex = "00000002 00000000 00000017 00000002 00000001 00000001 ffffffff 00000004 00000001 "
                "00000004 00000001"},
    };

    element_type = TYPE_TEXT;
    read_mutations(read_text, texts, 3);
    read_mutations(read_binary, binaries, 3);
}
END_TEST

START_TEST(types)
{
    ck_assert_uint_eq(type_of_elements(1007), TYPE_INT4);
    ck_assert_uint_eq(type_array_of(TYPE_UUID), 2951);
    ck_assert_uint_eq(type_of_elements(TYPE_INT4), 0);
    ck_assert_uint_eq(type_array_of(0), 0);
    ck_assert_uint_eq(type_of_bounds(TYPE_TSTZRANGE), TYPE_TIMESTAMPTZ);
    ck_assert_uint_eq(type_range_of(TYPE_DATE), TYPE_DATERANGE);
    ck_assert_uint_eq(type_of_ranges(4451), TYPE_INT4RANGE);
    ck_assert_int_eq(type_delimiter(TYPE_BOX), ';');
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("unit_value_array");
    TCase *tcase = tcase_create("value_array");

    tcase_set_timeout(tcase, 60);
    tcase_add_test(tcase, good_text);
    tcase_add_test(tcase, bad_text);
    tcase_add_test(tcase, good_binary);
    tcase_add_test(tcase, bad_binary);
    tcase_add_test(tcase, mutations);
    tcase_add_test(tcase, types);
    suite_add_tcase(suite, tcase);
    return run_suite(suite, false);
}
