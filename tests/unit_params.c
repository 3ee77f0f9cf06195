/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * unit_params: what the makers make, what is refused, and how parameters are laid out for libpq.
 *
 * The counterpart of lib/params.c; needs no server.
 */
#include "harness.h"

#include "params.h"

#include <math.h>

_Static_assert(sizeof(struct evpg_param) == 32, "part of the ABI");

/* Lays one out and compares what libpq would be given. */
static void check_one(struct evpg_param param, Oid type, int format, const char *bytes, int length)
{
    size_t size = params_size(&param, 1);
    void *memory = malloc(size); /* exact, for AddressSanitizer to watch */
    struct params params;

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
        check_one(texts[i].make(""), texts[i].type, 0, "", 0);
        check_one(texts[i].make(NULL), texts[i].type, 0, NULL, 0);
    }
    check_one(evpg_typed(790, "$1.50"), 790, 0, "$1.50", 5);
    check_one(evpg_typed(4000000000u, NULL), 4000000000u, 0, NULL, 0);
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
