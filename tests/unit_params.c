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
    tcase_add_test(tcase, layout_of_several);
    tcase_add_test(tcase, array_macro);
    tcase_add_test(tcase, refused);
    tcase_add_test(tcase, accepted);
    suite_add_tcase(suite, tcase);
    return suite;
}

int main(void)
{
    return run_suite(make_suite(), false);
}
