/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * unit_params: what the makers make, what is refused, and how parameters are laid out for libpq.
 *
 * The counterpart of lib/params.c; needs no server.
 */
#include "harness.h"

#include "params.h"

#include <evpg/array.h>

#include <math.h>

_Static_assert(sizeof(struct evpg_param) == 32, "part of the ABI");

/* Lays one out and compares what libpq would be given. */
static void check_one(struct evpg_param param, Oid type, int format, const char *bytes, int length)
{
    char why[200] = "";
    size_t size = params_check(&param, 1, why, sizeof(why)) ? params_size(&param, 1) : 0;
    void *memory = malloc(size); /* exact, for AddressSanitizer to watch */
    struct params params;

    ck_assert_str_eq(why, "");
    params_copy(&params, &param, 1, memory);
    ck_assert_int_eq(params.count, 1);
    ck_assert_uint_eq(params.types[0], type);
    ck_assert_int_eq(params.formats[0], format);
    if (!bytes) {
        ck_assert_ptr_null(params.values[0]);
    } else {
        ck_assert_int_eq(params.lengths[0], length);
        ck_assert_mem_eq(params.values[0], bytes, (size_t)length);
        ck_assert_int_eq(params.values[0][length], '\0');
    }
    free(memory);
}

START_TEST(makers)
{
    check_one(evpg_int32(-2), 23, 1, "\xff\xff\xff\xfe", 4);
    check_one(evpg_int32(INT32_MIN), 23, 1, "\x80\0\0\0", 4);
    check_one(evpg_int64(INT64_MAX), 20, 1, "\x7f\xff\xff\xff\xff\xff\xff\xff", 8);
    check_one(evpg_int64(INT64_MIN), 20, 1, "\x80\0\0\0\0\0\0\0", 8);
    check_one(evpg_double(1.0), 701, 1, "\x3f\xf0\0\0\0\0\0\0", 8);
    check_one(evpg_double(-INFINITY), 701, 1, "\xff\xf0\0\0\0\0\0\0", 8);
    check_one(evpg_bool(true), 16, 1, "\1", 1);
    check_one(evpg_bool(false), 16, 1, "\0", 1);
    check_one(evpg_text("Ana"), 0, 0, "Ana", 3);
    check_one(evpg_text(""), 0, 0, "", 0);
    check_one(evpg_text(NULL), 0, 0, NULL, 0);
    check_one(evpg_textn("Anabela", 3), 0, 0, "Ana", 3);
    check_one(evpg_textn(NULL, 3), 0, 0, NULL, 0);
    check_one(evpg_bytes("a\0b", 3), 17, 1, "a\0b", 3);
    check_one(evpg_bytes("", 0), 17, 1, "", 0);
    check_one(evpg_bytes(NULL, 3), 0, 0, NULL, 0);
    check_one(evpg_null(), 0, 0, NULL, 0);
}
END_TEST

static const unsigned char uuid[16] = {0x38, 0xa4, 0xff, 0x5a, 0x3a, 0x56, 0x11, 0xe6,
                                       0xa6, 0xc2, 0xc8, 0xf7, 0x33, 0x23, 0xc6, 0xd4};

START_TEST(ty01_ty29_ty47_makers_in_binary)
{
    check_one(evpg_int16(INT16_MIN), 21, 1, "\x80\0", 2);
    check_one(evpg_int16(INT16_MAX), 21, 1, "\x7f\xff", 2);
    check_one(evpg_int16(-1), 21, 1, "\xff\xff", 2);
    check_one(evpg_float(1.5f), 700, 1, "\x3f\xc0\0\0", 4);
    check_one(evpg_float(-INFINITY), 700, 1, "\xff\x80\0\0", 4);
    check_one(evpg_oid(4294967295), 26, 1, "\xff\xff\xff\xff", 4);
    check_one(evpg_uuid(uuid), 2950, 1, (const char *)uuid, 16);
    check_one(evpg_uuid(NULL), 2950, 0, NULL, 0);
}
END_TEST

START_TEST(makers_of_text_with_a_type)
{
    static const struct {
        struct evpg_param (*make)(const char *text);
        Oid type;
    } texts[] = {{evpg_name, 19},  {evpg_numeric, 1700}, {evpg_json, 114}, {evpg_jsonb, 3802},
                 {evpg_inet, 869}, {evpg_cidr, 650},     {evpg_bit, 1562}};

    for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
        check_one(texts[i].make("101"), texts[i].type, 0, "101", 3);
        if (texts[i].type != 1700)
            check_one(texts[i].make(""), texts[i].type, 0, "", 0);
        check_one(texts[i].make(NULL), texts[i].type, 0, NULL, 0);
    }
    check_one(evpg_typed(790, "$1.50"), 790, 0, "$1.50", 5);
    check_one(evpg_typed(4000000000u, NULL), 4000000000u, 0, NULL, 0);
}
END_TEST

#define N(number) "\0\0\0" number

static void check_text(struct evpg_param param, Oid type, const char *text)
{
    check_one(param, type, 0, text, (int)strlen(text));
}

START_TEST(arrays_in_binary)
{
    const struct evpg_param six[] = {evpg_int32(1), evpg_int32(2), evpg_null(),
                                     evpg_int32(4), evpg_int32(5), evpg_int32(6)};
    const int32_t lengths[] = {3, 2}, lower_bounds[] = {1, -1};
    struct evpg_array_value array = {.element_type = 23, .elements = six, .n_elements = 2};

    check_one(evpg_array(&array), 1007, 1,
              N("\1") N("\0") N("\x17") N("\2") N("\1") N("\4") N("\1") N("\4") N("\2"), 36);
    array.element_type = 0; /* the first element tells */
    check_one(evpg_array(&array), 1007, 1,
              N("\1") N("\0") N("\x17") N("\2") N("\1") N("\4") N("\1") N("\4") N("\2"), 36);
    array.type = 4711;
    array.n_elements = 6;
    array.dimensions = 2;
    array.lengths = lengths;
    array.lower_bounds = lower_bounds;
    check_one(evpg_array(&array), 4711, 1,
              N("\2") N("\1") N("\x17") N("\3") N("\1") N("\2") "\xff\xff\xff\xff" N("\4") N("\1")
                  N("\4") N("\2") "\xff\xff\xff\xff" N("\4") N("\4") N("\4") N("\5") N("\4")
                      N("\6"),
              72);
    array = (struct evpg_array_value){.element_type = 23};
    check_one(evpg_array(&array), 1007, 1, N("\0") N("\0") N("\x17"), 12);
    check_one(EVPG_ARRAY(25, evpg_text("ab"), evpg_text("")), 1009, 1,
              N("\1") N("\0") N("\x19") N("\2") N("\1") N("\2") "ab" N("\0"), 30);
    check_one(EVPG_ARRAY(17, evpg_bytes("\0\1", 2)), 1001, 1,
              N("\1") N("\0") N("\x11") N("\1") N("\1") N("\2") "\0\1", 26);
    check_one(evpg_array(NULL), 0, 0, NULL, 0);
}
END_TEST

START_TEST(arrays_in_text)
{
    const struct evpg_param six[] = {evpg_text("a"),   evpg_text("\"\\"), evpg_null(),
                                     evpg_text("{,}"), evpg_text("NULL"), evpg_text("")};
    const int32_t lengths[] = {3, 2}, lower_bounds[] = {1, -1};
    struct evpg_array_value array = {.elements = six, .n_elements = 6};

    check_text(evpg_array(&array), 0, "{\"a\",\"\\\"\\\\\",NULL,\"{,}\",\"NULL\",\"\"}");
    array.dimensions = 2;
    array.lengths = lengths;
    check_text(evpg_array(&array), 0, "{{\"a\",\"\\\"\\\\\"},{NULL,\"{,}\"},{\"NULL\",\"\"}}");
    array.lower_bounds = lower_bounds;
    check_text(evpg_array(&array), 0,
               "[1:3][-1:0]={{\"a\",\"\\\"\\\\\"},{NULL,\"{,}\"},{\"NULL\",\"\"}}");
    array = (struct evpg_array_value){0};
    check_text(evpg_array(&array), 0, "{}");
    array.type = 1016; /* an int4 is not to be taken for an int8 */
    array.elements = (const struct evpg_param[]){evpg_int32(7)};
    array.n_elements = 1;
    check_text(evpg_array(&array), 1016, "{\"7\"}");
    check_text(EVPG_ARRAY(603, evpg_text("(1,1),(0,0)"), evpg_null()), 1020,
               "{\"(1,1),(0,0)\";NULL}");
    check_text(EVPG_ARRAY(23, evpg_int32(-1), evpg_text("2"), evpg_int64(INT64_MIN)), 1007,
               "{\"-1\",\"2\",\"-9223372036854775808\"}");
    check_text(EVPG_ARRAY(701, evpg_text("1"), evpg_double(0.1), evpg_double(-INFINITY),
                          evpg_double(NAN), evpg_double(-0.0), evpg_double(5e-324)),
               1022,
               "{\"1\",\"0.10000000000000001\",\"-Infinity\",\"NaN\",\"-0\","
               "\"4.9406564584124654e-324\"}");
    check_text(EVPG_ARRAY(17, evpg_text("x"), evpg_bytes("\0\xab", 2)), 1001,
               "{\"x\",\"\\\\x00ab\"}");
}
END_TEST

START_TEST(ranges)
{
    struct evpg_range_value range = {
        .lower_inclusive = true, .lower = evpg_int32(1), .upper = evpg_int32(10)};

    check_one(evpg_range(&range), 3904, 1, "\2" N("\4") N("\1") N("\4") N("\12"), 17);
    range.lower = evpg_null();
    range.upper_inclusive = true;
    check_one(evpg_range(&range), 3904, 1, "\14" N("\4") N("\12"), 9);
    range.type = 3906; /* numeric bounds: not to be taken for int4 */
    check_text(evpg_range(&range), 3906, "[,\"10\"]");
    range = (struct evpg_range_value){.lower = evpg_int32(1), .upper = evpg_int64(2)};
    check_text(evpg_range(&range), 3904, "(\"1\",\"2\")");
    range = (struct evpg_range_value){.lower = evpg_double(1.5)};
    check_text(evpg_range(&range), 0, "(\"1.5\",)");
    range.type = 4711;
    check_one(evpg_range(&range), 4711, 1, "\x10" N("\x8") "\x3f\xf8\0\0\0\0\0\0", 13);
    range = (struct evpg_range_value){.lower_inclusive = true, .upper = evpg_text("2026-11-25")};
    check_text(evpg_range(&range), 0, "[,\"2026-11-25\")");
    range = (struct evpg_range_value){.empty = true, .lower = evpg_text("x")};
    check_text(evpg_range(&range), 0, "empty");
    range.type = 3904;
    check_one(evpg_range(&range), 3904, 1, "\1", 1);
    range = (struct evpg_range_value){.type = 3904};
    check_one(evpg_range(&range), 3904, 1, "\x18", 1);
    check_one(evpg_range(NULL), 0, 0, NULL, 0);
    range.type = 0; /* that of its array */
    check_one(EVPG_ARRAY(3910, evpg_range(&range)), 3911, 1,
              N("\1") N("\0") "\0\0\xf\x46" N("\1") N("\1") N("\1") "\x18", 25);
    range.empty = true;
    check_one(EVPG_ARRAY(3910, evpg_range(&range)), 3911, 1,
              N("\1") N("\0") "\0\0\xf\x46" N("\1") N("\1") N("\1") "\1", 25);
    check_text(EVPG_ARRAY(23, evpg_range(&range)), 1007, "{\"empty\"}");
}
END_TEST

START_TEST(composites_and_nesting)
{
    struct evpg_range_value range = {.type = 3904, .lower = evpg_int32(7)};
    const struct evpg_param fields[] = {evpg_int32(1), evpg_null(), evpg_text("a\"b\\"),
                                        evpg_bool(true), EVPG_ARRAY(0, evpg_text("\""))};
    struct evpg_composite_value one = {.type = 4711, .fields = fields, .n_fields = 5};

    check_text(evpg_composite(&one), 4711, "(\"1\",,\"a\\\"b\\\\\",\"t\",\"{\\\"\\\\\\\"\\\"}\")");
    one.n_fields = 2;
    check_text(EVPG_ARRAY(4711, evpg_composite(&one), evpg_null()), 0, "{\"(\\\"1\\\",)\",NULL}");
    one.n_fields = 1;
    check_text(EVPG_ARRAY(4711, evpg_composite(&one)), 0, "{\"(\\\"1\\\")\"}");
    one.n_fields = 0;
    check_text(evpg_composite(&one), 4711, "()");
    check_one(EVPG_ARRAY(3904, evpg_range(&range)), 3905, 1,
              N("\1") N("\0") "\0\0\x0f\x40" N("\1") N("\1") N("\11") "\x10" N("\4") N("\7"), 33);
    check_one(evpg_composite(NULL), 0, 0, NULL, 0);
}
END_TEST

/* A kind of number that the library cannot write as text goes in binary, or not at all. */
START_TEST(composites_in_binary)
{
    struct evpg_param fields[] = {evpg_int32(1), evpg_int32(2)};
    struct evpg_composite_value one = {.fields = fields, .n_fields = 2};
    char why[200];
    struct evpg_param param = evpg_composite(&one);

    fields[1].oid = 4711;
    check_one(param, 0, 1, N("\2") N("\x17") N("\4") N("\1") "\0\0\x12\x67" N("\4") N("\2"), 28);
    fields[0] = evpg_text("x");
    ck_assert(!params_check(&param, 1, why, sizeof(why)));
    ck_assert_str_eq(why, "parameter $1: has parts that have no format in common");
}
END_TEST

START_TEST(layout_of_several)
{
    const struct evpg_param params[] = {evpg_text("abc"), evpg_int32(7), evpg_null(),
                                        evpg_text("")};
    void *memory = malloc(params_size(params, 4));
    struct params laid_out;

    params_copy(&laid_out, params, 4, memory);
    ck_assert_str_eq(laid_out.values[0], "abc");
    ck_assert_mem_eq(laid_out.values[1], "\0\0\0\7", 4);
    ck_assert_ptr_null(laid_out.values[2]);
    ck_assert_str_eq(laid_out.values[3], "");
    ck_assert_uint_eq(laid_out.types[1], 23);
    free(memory);
}
END_TEST

START_TEST(array_macro)
{
    struct {
        const struct evpg_param *params;
        size_t count;
    } two = {EVPG_PARAMS(evpg_int32(1), evpg_text("x"))}, none = {EVPG_NO_PARAMS};

    ck_assert_uint_eq(two.count, 2);
    ck_assert_uint_eq(two.params[0].oid, 23);
    ck_assert_uint_eq(none.count, 0);
    ck_assert_ptr_null(none.params);
}
END_TEST

static void check_refused(const struct evpg_param *params, size_t count, const char *expected)
{
    char why[128] = "";

    ck_assert(!params_check(params, count, why, sizeof(why)));
    ck_assert_str_eq(why, expected);
}

START_TEST(refused)
{
    struct evpg_param params[3] = {evpg_null(), evpg_textn("a\0b", 3), evpg_null()};
    static char big[1];

    check_refused(params, 65536, "65536 parameters, but a statement can have at most 65535");
    check_refused(NULL, 2, "2 parameters, but their array is NULL");
    check_refused(params, 3, "parameter $2: text with a NUL byte in it");
    memset(&params[1], 0, sizeof(params[1]));
    check_refused(params, 3, "parameter $2: not made by one of the makers in evpg/param.h");
    params[1] = evpg_int32(1);
    params[1].length = 17;
    check_refused(params, 3, "parameter $2: not made by one of the makers in evpg/param.h");
    params[1] = evpg_timestamptz_timespec((struct timespec){0, -1});
    check_refused(params, 3, "parameter $2: a timespec that is no timestamp of PostgreSQL's");
    params[1] = evpg_timestamptz_timespec((struct timespec){INT64_MAX, 0});
    check_refused(params, 3, "parameter $2: a timespec that is no timestamp of PostgreSQL's");
    params[1] = evpg_bytes(big, (size_t)1 << 31);
    check_refused(params, 3, "parameter $2: longer than a statement may be");
    params[0] = params[1] = evpg_bytes(big, (size_t)600 << 20);
    check_refused(params, 3, "parameter $2: with those before it longer than a statement may be");
}
END_TEST

/* What would come back as an error of the server's, or be taken for something else. */
START_TEST(refused_by_their_type)
{
    static const char *const good[] = {"0", "-1.50", "1e-300", "NaN", "Infinity", "-Infinity"};
    static const char *const bad[] = {"", "abc", "1,5", " 1", "0x1f", "1e"};
    struct evpg_param params[2] = {evpg_null()};
    char why[128] = "";

    for (size_t i = 0; i < 6; i++) {
        params[1] = evpg_numeric(good[i]);
        ck_assert(params_check(params, 2, why, sizeof(why)));
        params[1] = evpg_numeric(bad[i]);
        check_refused(params, 2, "parameter $2: not a decimal number");
    }
    params[1] = evpg_bit("0120");
    check_refused(params, 2, "parameter $2: not of zeros and ones");
    params[1] = evpg_bit("x1f");
    check_refused(params, 2, "parameter $2: not of zeros and ones");
    params[1] = evpg_json("ab");
    params[1].length = 3;
    check_refused(params, 2, "parameter $2: text with a NUL byte in it");
    params[1].kind = PARAMS_KINDS;
    check_refused(params, 2, "parameter $2: not made by one of the makers in evpg/param.h");
    params[0] = evpg_numeric(NULL);
    params[1] = evpg_typed(1700, "not looked at");
    ck_assert(params_check(params, 2, why, sizeof(why)));
}
END_TEST

START_TEST(parts_refused)
{
    struct evpg_param parts[4] = {evpg_null(), evpg_null(), evpg_null(), evpg_textn("a\0b", 3)};
    int32_t lengths[] = {2, 2, 1, 1, 1, 1, 1}, lower_bounds[] = {1, INT32_MAX};
    struct evpg_array_value array = {.elements = parts, .n_elements = 4};
    struct evpg_range_value range = {.upper = evpg_textn("a\0b", 3)};
    struct evpg_composite_value composite = {.fields = parts, .n_fields = 4};
    struct evpg_param params[2] = {evpg_int32(1), evpg_array(&array)};

    check_refused(params, 2, "parameter $2, element 3: text with a NUL byte in it");
    parts[3].kind = 0;
    check_refused(params, 2,
                  "parameter $2, element 3: not made by one of the makers in evpg/param.h");
    parts[3] = evpg_array(&array);
    check_refused(params, 2,
                  "parameter $2, element 3: an array in an array, in place of a dimension");
    parts[3] = evpg_null();
    array.dimensions = 7;
    check_refused(params, 2, "parameter $2: an array can have at most 6 dimensions");
    array.dimensions = -1;
    check_refused(params, 2, "parameter $2: an array can have at most 6 dimensions");
    array.dimensions = 1;
    check_refused(params, 2, "parameter $2: the lengths of its dimensions are NULL");
    array.lengths = lengths;
    check_refused(params, 2, "parameter $2: its dimensions are not those of its elements");
    lengths[0] = -4;
    check_refused(params, 2, "parameter $2: its dimensions are not those of its elements");
    array.dimensions = 2;
    lengths[0] = 2;
    array.lower_bounds = lower_bounds;
    check_refused(params, 2, "parameter $2: its upper bound does not fit its lower bound");
    array = (struct evpg_array_value){.n_elements = 4};
    check_refused(params, 2, "parameter $2: its elements are NULL");
    array.elements = parts;
    array.n_elements = SIZE_MAX;
    check_refused(params, 2, "parameter $2: longer than a statement may be");
    params[1] = evpg_range(&range);
    check_refused(params, 2, "parameter $2, bound 1: text with a NUL byte in it");
    params[1] = evpg_composite(&composite);
    parts[2] = evpg_range(&range);
    check_refused(params, 2, "parameter $2, field 2, bound 1: text with a NUL byte in it");
    composite.fields = NULL;
    check_refused(params, 2, "parameter $2: its fields are NULL");
}
END_TEST

/* A composite that holds itself; and one text many times over. */
START_TEST(endless_parts_refused)
{
    static char big[1 << 20];
    static struct evpg_param many[1100];
    struct evpg_param self[1], param;
    struct evpg_composite_value composite = {.fields = self, .n_fields = 1};
    struct evpg_array_value array = {.element_type = 25, .elements = many, .n_elements = 1100};
    char why[256];

    self[0] = param = evpg_composite(&composite);
    ck_assert(!params_check(&param, 1, why, sizeof(why)));
    ck_assert_ptr_nonnull(strstr(why, ", field 0: parts in parts, more than 8 deep"));
    memset(big, 'a', sizeof(big));
    for (int i = 0; i < 1100; i++)
        many[i] = evpg_textn(big, sizeof(big));
    param = evpg_array(&array);
    check_refused(&param, 1, "parameter $1: with those before it longer than a statement may be");
}
END_TEST

START_TEST(accepted)
{
    static struct evpg_param params[65535];
    char why[128] = "";

    for (size_t i = 0; i < 65535; i++)
        params[i] = evpg_int32((int)i);
    ck_assert(params_check(params, 65535, why, sizeof(why)));
    ck_assert(params_check(NULL, 0, why, sizeof(why)));
    ck_assert_str_eq(why, "");
}
END_TEST

static Suite *make_suite(void)
{
    Suite *suite = suite_create("unit_params");
    TCase *tcase = tcase_create("params");

    tcase_add_test(tcase, makers);
    tcase_add_test(tcase, ty01_ty29_ty47_makers_in_binary);
    tcase_add_test(tcase, makers_of_text_with_a_type);
    tcase_add_test(tcase, arrays_in_binary);
    tcase_add_test(tcase, arrays_in_text);
    tcase_add_test(tcase, ranges);
    tcase_add_test(tcase, composites_and_nesting);
    tcase_add_test(tcase, composites_in_binary);
    tcase_add_test(tcase, parts_refused);
    tcase_add_test(tcase, endless_parts_refused);
    tcase_add_test(tcase, layout_of_several);
    tcase_add_test(tcase, array_macro);
    tcase_add_test(tcase, refused);
    tcase_add_test(tcase, refused_by_their_type);
    tcase_add_test(tcase, accepted);
    suite_add_tcase(suite, tcase);
    return suite;
}

int main(void)
{
    return run_suite(make_suite(), false);
}
