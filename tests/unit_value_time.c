/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * unit_value_time: the readers of dates, times and intervals, of text and binary values: what they
 * take, what they refuse, and that any text and any bytes do; TY20 to TY28.
 *
 * The counterpart of lib/value_time.c, lib/value_time_binary.c and lib/params_time.c; needs no
 * server. What is expected of random days comes from the C library's timegm(), what is written of
 * them from printf(). Each case reads from memory of just its length, so that ASan sees a byte too
 * many. Intervals are in unit_value_interval.
 */
#include "harness.h"

#include "value.h"
#include "value_time.h"

#include <stdio.h>
#include <time.h>

#define LENGTH(array) (sizeof(array) / sizeof(*(array)))

enum { ROUNDS = 10000 };

/* From a table of them. */
static const char *exact_copy(const char *text)
{
    static char *copy;

    free(copy);
    copy = strdup(text);
    return copy;
}

/* The bytes are the parameter's. */
static void check_param(struct evpg_param param, uint32_t type, const char *hex)
{
    char bytes[33] = "";

    for (uint64_t i = 0; i < param.length; i++)
        sprintf(bytes + 2 * i, "%02x", param.value.inline_bytes[i]);
    ck_assert_str_eq(bytes, hex);
    ck_assert_uint_eq(param.oid, type);
    ck_assert_int_eq(param.format, 1);
}

static void *value_of(const struct evpg_param *param)
{
    void *bytes = malloc(param->length);

    memcpy(bytes, param->value.inline_bytes, param->length);
    return bytes;
}

static void check_date(const char *text, int32_t days, const char *hex)
{
    struct evpg_param param = evpg_date(days);
    void *bytes = value_of(&param);
    int32_t value = 77;

    ck_assert_pstr_eq(value_read_date(exact_copy(text), &value), NULL);
    ck_assert_int_eq(value, days);
    if (hex)
        check_param(param, 1082, hex);
    value = 77;
    ck_assert_pstr_eq(value_binary_date(bytes, param.length, &value), NULL);
    ck_assert_int_eq(value, days);
    free(bytes);
}

START_TEST(ty23_dates)
{
    check_date("infinity", EVPG_DATE_INFINITY, "7fffffff");
    check_date("-infinity", EVPG_DATE_MINUS_INFINITY, "80000000");
    check_date("2000-01-01", 0, "00000000");
    check_date("1999-12-31", -1, "ffffffff");
    check_date("1970-01-01", -10957, "ffffd533");
    check_date("4714-11-24 BC", -2451545, "ffda97a7");
    check_date("5874897-12-31", 2145031948, "7fda970c");
    check_date("0001-01-01", -730119, NULL);
    check_date("0001-12-31 BC", -730120, NULL);
    check_date("0001-02-29 BC", -730426, NULL);
    check_date("2000-02-29", 59, NULL);
    check_date("10000-01-01", 2921940, NULL);
    check_date("29.02.2000", 59, NULL);
    check_date("31.12.0001 BC", -730120, NULL);
}
END_TEST

static void check_refused_date(const char *text, const char *why)
{
    int32_t value = 77;
    const char *reason = value_read_date(exact_copy(text), &value);

    ck_assert_msg(reason && strstr(reason, why), "\"%s\": %s", text, reason);
    ck_assert_int_eq(value, 77);
}

START_TEST(refused_dates)
{
    static const char *const bad[] = {
        "",
        "2000",
        "2000-01",
        "2000-01-",
        "2000-01-1",
        "2000-1-01",
        "2000-01-011",
        "2000-01-01 ",
        " 2000-01-01",
        "2000-01-01 AD",
        "2000-01-01 BCE",
        "2000-01-01 00:00:00",
        "-2000-01-01",
        "+2000-01-01",
        "0000-01-01",
        "0000-01-01 BC",
        "200-01-01",
        "20000101",
        "12345678-01-01",
        "2000-00-01",
        "2000-13-01",
        "2000-01-00",
        "2000-01-32",
        "2000-04-31",
        "1900-02-29",
        "2001-02-29",
        "0002-02-29 BC",
        "Infinity",
        "infinity ",
        "--infinity",
        "+infinity",
        "01.13.2000",
        "1.1.2000",
        "01.01.00",
        "29.02.2001",
        "2000/01/01",
        "Sat Jan 01 2000",
        "today",
        "2000-01-0\xb2",
    };

    for (size_t i = 0; i < LENGTH(bad); i++)
        check_refused_date(bad[i], "not a date");
    check_refused_date("4714-11-23 BC", "out of range");
    check_refused_date("5874898-01-01", "out of range");
    check_refused_date("9999999-12-31", "out of range");
    check_refused_date("9999999-12-31 BC", "out of range");
}
END_TEST

/* Also those that only look as if they were clear: it must not depend on the day. */
START_TEST(ambiguous_dates)
{
    static const char *const bad[] = {"12/17/1997", "17/12/1997",    "12-17-1997",   "17-12-1997",
                                      "01/02/1997", "01/02/0001 BC", "01-02-294276", "01/01/2000"};
    int64_t value = 77;

    for (size_t i = 0; i < LENGTH(bad); i++)
        check_refused_date(bad[i], "day and month could be taken for each other");
    ck_assert_pstr_eq(value_read_timestamp("12/17/1997 07:37:16", &value),
                      "in this datestyle day and month could be taken for each other; ISO is read");
    ck_assert_ptr_nonnull(
        strstr(value_read_timestamptz("17/12/1997 07:37:16.5 PST", &value), "day and month"));
    ck_assert_int_eq(value, 77);
}
END_TEST

static void check_time(const char *text, int64_t microseconds, const char *hex)
{
    struct evpg_param param = evpg_time(microseconds);
    void *bytes = value_of(&param);
    int64_t value = 77;

    ck_assert_pstr_eq(value_read_time(exact_copy(text), &value), NULL);
    ck_assert_int_eq(value, microseconds);
    if (hex)
        check_param(param, 1083, hex);
    value = 77;
    ck_assert_pstr_eq(value_binary_time(bytes, param.length, &value), NULL);
    ck_assert_int_eq(value, microseconds);
    free(bytes);
}

static void check_timetz(const char *text, int64_t microseconds, int32_t zone, const char *hex)
{
    struct evpg_param param = evpg_timetz_param((struct evpg_timetz){microseconds, zone});
    void *bytes = value_of(&param);
    struct evpg_timetz value = {77, 78};

    ck_assert_pstr_eq(value_read_timetz(exact_copy(text), &value), NULL);
    ck_assert_int_eq(value.microseconds, microseconds);
    ck_assert_int_eq(value.zone, zone);
    if (hex)
        check_param(param, 1266, hex);
    value = (struct evpg_timetz){77, 78};
    ck_assert_pstr_eq(value_binary_timetz(bytes, param.length, &value), NULL);
    ck_assert_int_eq(value.microseconds, microseconds);
    ck_assert_int_eq(value.zone, zone);
    free(bytes);
}

START_TEST(ty26_times)
{
    check_time("24:00:00", 86400000000, "000000141dd76000");
    check_time("00:00:00", 0, "0000000000000000");
    check_time("23:59:59.999999", 86399999999, NULL);
    check_time("00:00:00.1", 100000, NULL);
    check_time("00:00:00.000001", 1, NULL);
    check_time("00:00:00.00001", 10, NULL);
    check_timetz("10:10:00+01:30", 36600000000, -5400, "000000088587ae00ffffeae8");
    check_timetz("24:00:00+00", 86400000000, 0, NULL);
    check_timetz("00:00:00-15:59:59", 0, 57599, NULL);
    check_timetz("12:34:56.789+00:00:01", 45296789000, -1, NULL);
    check_timetz("12:34:56-00:44:30", 45296000000, 2670, NULL);
    check_timetz("12:34:56+167", 45296000000, -601200, NULL);
}
END_TEST

START_TEST(refused_times)
{
    static const char *const bad[] = {
        "",           "24:00:00.000001",
        "24:00:01",   "25:00:00",
        "00:60:00",   "00:00:60",
        "1:00:00",    "001:00:00",
        "00:0:00",    "00:00:0",
        "00:00",      "00:00:00.",
        "00:00:00 ",  " 00:00:00",
        "-00:00:0",   "00:00:00.0000001",
        "00:00:00+",  "00.00.00",
        "00:00:00:0", "infinity",
        "00:00:",     "00:",
    };
    static const char *const bad_zones[] = {
        "",     "+",         "+1", "+1:00", "+01:",  "+01:0", "+01:00:", "+01:60", "01:00",
        " +01", "+01:00:60", "Z",  " UTC",  "+0100", "+168",  "-168",    "+1000",  "+01 BC"};
    int64_t value = 77;
    struct evpg_timetz zoned = {77, 78};

    for (size_t i = 0; i < LENGTH(bad); i++)
        ck_assert_msg(value_read_time(exact_copy(bad[i]), &value), "\"%s\" is read", bad[i]);
    for (size_t i = 0; i < LENGTH(bad_zones); i++) {
        char text[40];

        sprintf(text, "00:00:00%s", bad_zones[i]);
        ck_assert_msg(value_read_timetz(exact_copy(text), &zoned), "\"%s\" is read", text);
    }
    ck_assert(value == 77 && zoned.microseconds == 77 && zoned.zone == 78);
}
END_TEST

static void check_timestamp(const char *text, int64_t microseconds, const char *hex)
{
    struct evpg_param param = evpg_timestamp(microseconds);
    void *bytes = value_of(&param);
    int64_t value = 77;

    ck_assert_pstr_eq(value_read_timestamp(exact_copy(text), &value), NULL);
    ck_assert_int_eq(value, microseconds);
    if (hex)
        check_param(param, 1114, hex);
    value = 77;
    ck_assert_pstr_eq(value_binary_timestamp(bytes, param.length, &value), NULL);
    ck_assert_int_eq(value, microseconds);
    free(bytes);
}

static void check_timestamptz(const char *text, int64_t microseconds, const char *hex)
{
    int64_t value = 77;

    ck_assert_pstr_eq(value_read_timestamptz(exact_copy(text), &value), NULL);
    ck_assert_int_eq(value, microseconds);
    if (hex)
        check_param(evpg_timestamptz(microseconds), 1184, hex);
}

START_TEST(ty20_ty21_ty22_ty24_timestamps)
{
    check_timestamptz("infinity", EVPG_TIMESTAMP_INFINITY, "7fffffffffffffff");
    check_timestamptz("-infinity", EVPG_TIMESTAMP_MINUS_INFINITY, "8000000000000000");
    check_timestamp("infinity", EVPG_TIMESTAMP_INFINITY, "7fffffffffffffff");
    check_timestamp("-infinity", EVPG_TIMESTAMP_MINUS_INFINITY, "8000000000000000");
    check_timestamptz("0001-01-01 00:00:00+00 BC", -63113904000000000, "ff1fc63d1bb12000");
    check_timestamptz("4714-11-24 00:00:00+00 BC", -211813488000000000, NULL);
    check_timestamp("4714-11-24 00:00:00 BC", -211813488000000000, NULL);
    check_timestamp("294276-12-31 23:59:59.999999", 9223371331199999999, "7fffff5bb3b29fff");
    check_timestamptz("2000-01-01 05:45:00+05:45", 0, "0000000000000000");
    check_timestamptz("1999-12-31 20:30:00-03:30", 0, NULL);
    check_timestamptz("1999-12-31 23:15:30-00:44:30", 0, NULL);
    check_timestamptz("1999-12-31 23:59:59.999999+00", -1, "ffffffffffffffff");
    check_timestamptz("294277-01-01 13:59:59.999999+14", 9223371331199999999, NULL);
    check_timestamptz("4714-11-23 12:00:00-12 BC", -211813488000000000, NULL);
    check_timestamptz("0001-12-31 19:00:00-05 BC", -63082281600000000, NULL);
    check_timestamptz("2000-01-07 23:00:00+167", 0, NULL);
}
END_TEST

START_TEST(timestamps_in_other_datestyles)
{
    check_timestamp("17.12.1997 07:37:16.5", -64340563500000, NULL);
    check_timestamp("01.02.2000 00:00:00", 31 * INT64_C(86400000000), NULL);
    check_timestamp("01.01.0001 00:00:00 BC", -63113904000000000, NULL);
    check_timestamp("Wed Dec 17 07:37:16.5 1997", -64340563500000, NULL);
    check_timestamp("Wed 17 Dec 07:37:16.5 1997", -64340563500000, NULL);
    check_timestamp("Sat 01 Jan 00:00:00 2000", 0, NULL);
    check_timestamp("Fri Dec 31 23:59:59.999999 1999", -1, NULL);
    check_timestamp("Mon Nov 24 00:00:00 4714 BC", -211813488000000000, NULL);
    check_timestamp("Sun Dec 31 23:59:59.999999 294276", 9223371331199999999, NULL);
}
END_TEST

static void check_refused(const char *text, const char *why, bool zoned)
{
    int64_t value = 77;
    const char *reason = zoned ? value_read_timestamptz(exact_copy(text), &value)
                               : value_read_timestamp(exact_copy(text), &value);

    ck_assert_msg(reason && strstr(reason, why), "\"%s\": %s", text, reason);
    ck_assert_int_eq(value, 77);
}

START_TEST(refused_timestamps)
{
    static const char *const bad[] = {
        "",
        "2000-01-01",
        "2000-01-01 ",
        "2000-01-01T00:00:00",
        "2000-01-01  00:00:00",
        "2000-01-01 24:00:00",
        "2000-01-01 00:00",
        "2000-01-01 00:00:00.",
        "2000-01-01 00:00:00.0000001",
        "2000-01-01 00:00:00+00",
        "2000-01-01 00:00:00 ",
        "2000-01-01 00:00:00 AD",
        "0000-01-01 00:00:00",
        "0000-01-01 00:00:00 BC",
        "2000-02-30 00:00:00",
        "Sun Jan 01 00:00:00 2000",
        "Sat Jan 32 00:00:00 2000",
        "Sat Jax 01 00:00:00 2000",
        "Sat Jan 1 00:00:00 2000",
        "Sat Jan 01 00:00:00 2000 UTC",
        "Sat 01 01 00:00:00 2000",
        "sat Jan 01 00:00:00 2000",
        "Sat Jan 01 2000 00:00:00",
        "Sat Ja",
        "01.01.2000 00:00:00 UTC",
    };

    for (size_t i = 0; i < LENGTH(bad); i++)
        check_refused(bad[i], "not a timestamp", false);
    check_refused("4714-11-23 23:59:59.999999 BC", "out of range", false);
    check_refused("294277-01-01 00:00:00", "out of range", false);
    check_refused("9999999-01-01 00:00:00", "out of range", false);
    check_refused("9999999-01-01 00:00:00 BC", "out of range", false);
}
END_TEST

START_TEST(refused_timestamps_with_a_zone)
{
    check_refused("2000-01-01 00:00:00", "not a timestamp with a zone", true);
    check_refused("2000-01-01 00:00:00 BC", "not a timestamp with a zone", true);
    check_refused("2000-01-01 00:00:00 UTC", "not a timestamp with a zone", true);
    check_refused("2000-01-01 00:00:00Z", "not a timestamp with a zone", true);
    check_refused("2000-01-01 00:00:00+168:00:01", "not a timestamp with a zone", true);
    check_refused("2000-01-01 00:00:00+00 PST", "not a timestamp", true);
    check_refused("2000-01-01 00:00:00+00 BC ", "not a timestamp", true);
    check_refused("2000-01-01 00:00:00.123", "not a timestamp with a zone", true);
    check_refused("01.01.2000 00:00:00 UTC", "the zone is an abbreviation", true);
    check_refused("01.01.2000 00:00:00 +0545", "the zone is an abbreviation", true);
    check_refused("Sat Jan 01 00:00:00 2000 UTC", "the zone is an abbreviation", true);
    check_refused("Sat Jan 01 00:00:00 2000 PST", "the zone is an abbreviation", true);
    check_refused("294276-12-31 23:59:59.999999-00:00:01", "out of range", true);
    check_refused("4714-11-24 00:00:00+00:00:01 BC", "out of range", true);
    check_refused("9999999-12-31 23:59:59-167", "out of range", true);
}
END_TEST

static int64_t random_up_to(int64_t limit)
{
    uint64_t bits = 0;

    for (int i = 0; i < 5; i++)
        bits = bits << 15 ^ (uint64_t)rand();
    return (int64_t)(bits % ((uint64_t)limit + 1));
}

/* A day, with its text; what it is from timegm(). */
static int64_t random_day(int first_year, int last_year, char *text, const char **era)
{
    struct tm day = {0};
    int year = first_year + (int)random_up_to(last_year - first_year);
    time_t seconds;

    if (random_up_to(3) != 0)
        year = 1900 + (int)random_up_to(200);
    day.tm_year = year - 1900;
    day.tm_mon = (int)random_up_to(11);
    day.tm_mday = 1 + (int)random_up_to(30);
    seconds = timegm(&day); /* which makes 2 March of 30 February */
    year = day.tm_year + 1900;
    *era = year > 0 ? "" : " BC";
    sprintf(text, "%04d-%02d-%02d", year > 0 ? year : 1 - year, day.tm_mon + 1, day.tm_mday);
    return seconds / 86400 - 10957;
}

/* Of a day, its fraction without the zeros at its end. */
static int64_t random_clock(char *text)
{
    static const int64_t steps[] = {1, 1000, 1000000, 60000000};
    int64_t time = random_up_to(86399999999), seconds;
    char fraction[16] = "";

    time -= time % steps[random_up_to(3)];
    seconds = time / 1000000;
    if (time % 1000000 != 0) {
        sprintf(fraction, ".%06d", (int)(time % 1000000));
        while (fraction[strlen(fraction) - 1] == '0')
            fraction[strlen(fraction) - 1] = '\0';
    }
    sprintf(text, "%02d:%02d:%02d%s", (int)(seconds / 3600), (int)(seconds / 60 % 60),
            (int)(seconds % 60), fraction);
    return time;
}

/* West of UTC; of up to 15:59:59, and as a rule no more than hours or minutes. */
static int32_t random_zone(char *text)
{
    static const int steps[] = {1, 60, 900, 3600};
    int size = (int)random_up_to(57599);
    bool west = random_up_to(1);

    size -= size % steps[random_up_to(3)];
    text += sprintf(text, "%c%02d", west && size ? '-' : '+', size / 3600);
    if (size % 3600)
        text += sprintf(text, ":%02d", size / 60 % 60);
    if (size % 60)
        sprintf(text, ":%02d", size % 60);
    return west ? size : -size;
}

START_TEST(random_dates)
{
    char day[40], text[60];
    const char *era;

    srand(23);
    for (int i = 0; i < ROUNDS; i++) {
        int64_t days = random_day(-4700, 5874896, day, &era);

        sprintf(text, "%s%s", day, era);
        check_date(text, (int32_t)days, NULL);
    }
}
END_TEST

START_TEST(random_times)
{
    char clock[40], zone[40], text[90];

    srand(26);
    for (int i = 0; i < ROUNDS; i++) {
        int64_t time = random_clock(clock);
        int32_t west = random_zone(zone);

        check_time(clock, time, NULL);
        sprintf(text, "%s%s", clock, zone);
        check_timetz(text, time, west, NULL);
    }
}
END_TEST

START_TEST(random_timestamps)
{
    char day[40], clock[40], zone[40], text[130];
    const char *era;

    srand(22);
    for (int i = 0; i < ROUNDS; i++) {
        int64_t days = random_day(-4700, 294275, day, &era), time = random_clock(clock);
        int32_t west = random_zone(zone);
        int64_t local = days * 86400000000 + time;

        sprintf(text, "%s %s%s", day, clock, era);
        check_timestamp(text, local, NULL);
        sprintf(text, "%s %s%s%s", day, clock, zone, era);
        check_timestamptz(text, local + west * INT64_C(1000000), NULL);
    }
}
END_TEST

static const char *read_binary(int type, const void *bytes, size_t length)
{
    int32_t days;
    int64_t number;
    struct evpg_timetz timetz;
    struct evpg_interval interval;

    switch (type) {
    case 0:
        return value_binary_date(bytes, length, &days);
    case 1:
        return value_binary_time(bytes, length, &number);
    case 2:
        return value_binary_timetz(bytes, length, &timetz);
    case 3:
        return value_binary_timestamp(bytes, length, &number);
    default:
        return value_binary_interval(bytes, length, &interval);
    }
}

START_TEST(wrong_lengths)
{
    static const size_t right[] = {4, 8, 12, 8, 16};

    for (int type = 0; type < 5; type++) {
        for (size_t length = 0; length <= 20; length++) {
            void *bytes = calloc(1, length ? length : 1);
            const char *why = read_binary(type, bytes, length);

            ck_assert_pstr_eq(why, length == right[type] ? NULL : "not as long as its type");
            free(bytes);
        }
    }
}
END_TEST

/* What the server cannot hold, up to the first that it can. */
START_TEST(binary_values_out_of_range)
{
    static const int32_t dates[] = {INT32_MIN + 1, -2451546, 2145031949, INT32_MAX - 1};
    static const int64_t stamps[] = {INT64_MIN + 1, -211813488000000001, 9223371331200000000,
                                     INT64_MAX - 1};
    static const int64_t times[] = {INT64_MIN, -1, 86400000001, INT64_MAX};
    static const int32_t zones[] = {INT32_MIN, -604800, 604800, INT32_MAX};

    for (int i = 0; i < 4; i++) {
        struct evpg_param bad[] = {evpg_date(dates[i]), evpg_time(times[i]),
                                   evpg_timetz_param((struct evpg_timetz){times[i], 0}),
                                   evpg_timestamp(stamps[i]),
                                   evpg_timetz_param((struct evpg_timetz){0, zones[i]})};

        for (int type = 0; type < 5; type++)
            ck_assert_pstr_eq(
                read_binary(type < 4 ? type : 2, bad[type].value.inline_bytes, bad[type].length),
                "out of range");
    }
}
END_TEST

static void read_all(const char *text)
{
    int32_t days;
    int64_t number;
    struct evpg_timetz timetz;
    struct evpg_interval interval;

    value_read_date(text, &days);
    value_read_time(text, &number);
    value_read_timetz(text, &timetz);
    value_read_timestamp(text, &number);
    value_read_timestamptz(text, &number);
    value_read_interval(text, &interval);
}

/* Any text gives a value or a reason: good ones that are cut off, then changed, and mere noise. */
START_TEST(noise)
{
    static const char *const good[] = {"294276-12-31 23:59:59.999999-15:59:59 BC",
                                       "Wed Dec 17 07:37:16.5 1997 PST",
                                       "17.12.1997 07:37:16 BC",
                                       "1 year -2 mons +3 days -04:05:06.7",
                                       "@ 1 year 2 mons -3 days 4 hours 5 mins 6.7 secs ago",
                                       "+1-2 -3 +4:05:06.7",
                                       "P1Y2M3DT4H5M6.789S",
                                       "9999999999-99 9999999999 9999999999:99:99"};
    static const char alphabet[] = "0123456789-+:. PTYMDHS@ago/BC\xff";
    char text[100];

    srand(20261125);
    for (int round = 0; round < 200000; round++) {
        char *copy;

        strcpy(text, good[round % 8]);
        for (long changes = (long)random_up_to(3); changes > 0; changes--)
            text[random_up_to((int64_t)strlen(text) - 1)] =
                alphabet[random_up_to(sizeof(alphabet) - 2)];
        copy = strndup(text, (size_t)random_up_to((int64_t)strlen(text)));
        read_all(copy);
        free(copy);
    }
}
END_TEST

/* What the maker cannot convert is refused by the call that takes it: see unit_params. */
START_TEST(timespec_params)
{
    check_param(evpg_timestamptz_timespec((struct timespec){946684800, 999}), 1184,
                "0000000000000000");
    check_param(evpg_timestamptz_timespec((struct timespec){946684799, 999999999}), 1184,
                "ffffffffffffffff");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("unit_value_time");
    TCase *tcase = tcase_create("value_time");

    tcase_set_timeout(tcase, 60);
    tcase_add_test(tcase, ty23_dates);
    tcase_add_test(tcase, refused_dates);
    tcase_add_test(tcase, ambiguous_dates);
    tcase_add_test(tcase, ty26_times);
    tcase_add_test(tcase, refused_times);
    tcase_add_test(tcase, ty20_ty21_ty22_ty24_timestamps);
    tcase_add_test(tcase, timestamps_in_other_datestyles);
    tcase_add_test(tcase, refused_timestamps);
    tcase_add_test(tcase, refused_timestamps_with_a_zone);
    tcase_add_test(tcase, random_dates);
    tcase_add_test(tcase, random_times);
    tcase_add_test(tcase, random_timestamps);
    tcase_add_test(tcase, wrong_lengths);
    tcase_add_test(tcase, binary_values_out_of_range);
    tcase_add_test(tcase, noise);
    tcase_add_test(tcase, timespec_params);
    suite_add_tcase(suite, tcase);
    return run_suite(suite, false);
}
