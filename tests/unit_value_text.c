/* SPDX-License-Identifier: BSD-2-Clause */
/* unit_value_text: dates, times, intervals and uuids as text, without a server. */
#include "harness.h"

#include "type.h"
#include "value_text.h"
#include "value_time.h"

static const char *written(struct evpg_param param)
{
    static char text[VALUE_TEXT_SIZE];

    ck_assert(value_text_can(param.oid));
    ck_assert_uint_eq(value_text_write(param.oid, param.value.inline_bytes, text), strlen(text));
    return text;
}

START_TEST(dates)
{
    ck_assert_str_eq(written(evpg_date(0)), "2000-01-01");
    ck_assert_str_eq(written(evpg_date(-1)), "1999-12-31");
    ck_assert_str_eq(written(evpg_date(2921940)), "10000-01-01");
    ck_assert_str_eq(written(evpg_date(-730485)), "0001-01-01 BC");
    ck_assert_str_eq(written(evpg_date(-2451545)), "4714-11-24 BC");
    ck_assert_str_eq(written(evpg_date(2145031948)), "5874897-12-31");
    ck_assert_str_eq(written(evpg_date(INT32_MAX)), "infinity");
    ck_assert_str_eq(written(evpg_date(INT32_MIN)), "-infinity");
    ck_assert_str_eq(written(evpg_date(-2451546)), "out of range");
}
END_TEST

START_TEST(times)
{
    ck_assert_str_eq(written(evpg_time(0)), "00:00:00.000000");
    ck_assert_str_eq(written(evpg_time(86400000000)), "24:00:00.000000");
    ck_assert_str_eq(written(evpg_time(45296000001)), "12:34:56.000001");
    ck_assert_str_eq(written(evpg_time(-1)), "out of range");
    ck_assert_str_eq(written(evpg_timetz_param((struct evpg_timetz){0, -5400})),
                     "00:00:00.000000+01:30:00");
    ck_assert_str_eq(written(evpg_timetz_param((struct evpg_timetz){1, 3661})),
                     "00:00:00.000001-01:01:01");
    ck_assert_str_eq(written(evpg_timetz_param((struct evpg_timetz){1, INT32_MIN})),
                     "out of range");
}
END_TEST

START_TEST(timestamps)
{
    ck_assert_str_eq(written(evpg_timestamp(-1)), "1999-12-31 23:59:59.999999");
    ck_assert_str_eq(written(evpg_timestamptz(0)), "2000-01-01 00:00:00.000000+00");
    ck_assert_str_eq(written(evpg_timestamptz(INT64_C(-63113904000000000))),
                     "0001-01-01 00:00:00.000000+00 BC");
    ck_assert_str_eq(written(evpg_timestamp(INT64_C(9223371331199999999))),
                     "294276-12-31 23:59:59.999999");
    ck_assert_str_eq(written(evpg_timestamp(INT64_MAX)), "infinity");
    ck_assert_str_eq(written(evpg_timestamptz(INT64_MIN)), "-infinity");
    ck_assert_str_eq(written(evpg_timestamptz(INT64_MIN + 1)), "out of range");
}
END_TEST

/* Each part has a sign: with intervalstyle sql_standard one in front would be all parts'. */
START_TEST(intervals)
{
    ck_assert_str_eq(written(evpg_interval_param((struct evpg_interval){0, 0, 0})),
                     "+0 mons +0 days +00:00:00.000000");
    ck_assert_str_eq(written(evpg_interval_param((struct evpg_interval){-1, 2, -3})),
                     "-3 mons +2 days -00:00:00.000001");
    ck_assert_str_eq(written(evpg_interval_param((struct evpg_interval){INT64_MIN, 1, 1})),
                     "+1 mons +1 days -2562047788:00:54.775808");
    ck_assert_str_eq(
        written(evpg_interval_param((struct evpg_interval){INT64_MAX, INT32_MAX, INT32_MAX})),
        "infinity");
    ck_assert_str_eq(
        written(evpg_interval_param((struct evpg_interval){INT64_MIN, INT32_MIN, INT32_MIN})),
        "-infinity");
}
END_TEST

START_TEST(uuids)
{
    const unsigned char uuid[16] = {0x38, 0xa4, 0xff, 0x5a, 0x3a, 0x56, 0x11, 0xe6,
                                    0xa6, 0xc2, 0xc8, 0xf7, 0x33, 0x23, 0xc6, 0xd4};

    ck_assert_str_eq(written(evpg_uuid(uuid)), "38a4ff5a3a5611e6a6c2c8f73323c6d4");
    ck_assert(!value_text_can(TYPE_INT4));
    ck_assert(!value_text_can(TYPE_NUMERIC));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("unit_value_text");
    TCase *tcase = tcase_create("text");

    tcase_add_test(tcase, dates);
    tcase_add_test(tcase, times);
    tcase_add_test(tcase, timestamps);
    tcase_add_test(tcase, intervals);
    tcase_add_test(tcase, uuids);
    suite_add_tcase(suite, tcase);
    return run_suite(suite, false);
}
