/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * unit_value_interval: the readers of intervals in all four styles, and in binary; TY27, TY28.
 *
 * The counterpart of lib/value_interval.c; needs no server. Random intervals are written here in
 * each style as the server does it, and must come back with nothing carried.
 */
#include "harness.h"

#include "value.h"
#include "value_time.h"

#include <inttypes.h>
#include <stdio.h>

#define LENGTH(array) (sizeof(array) / sizeof(*(array)))
#define HOUR INT64_C(3600000000)

enum { ROUNDS = 10000 };

static void check(const char *text, int32_t months, int32_t days, int64_t microseconds)
{
    struct evpg_interval value = {77, 78, 79};
    char *copy = strdup(text);
    const char *why = value_read_interval(copy, &value);

    free(copy);
    ck_assert_msg(!why, "\"%s\": %s", text, why);
    ck_assert_msg(value.months == months && value.days == days &&
                      value.microseconds == microseconds,
                  "\"%s\" is read as %d months, %d days, %" PRId64 " us", text, value.months,
                  value.days, value.microseconds);
}

static void check_binary(int32_t months, int32_t days, int64_t microseconds, const char *hex)
{
    struct evpg_param param =
        evpg_interval_param((struct evpg_interval){microseconds, days, months});
    struct evpg_interval value = {77, 78, 79};
    unsigned char *bytes = malloc(16);
    char written[33];

    ck_assert_uint_eq(param.length, 16);
    ck_assert_uint_eq(param.oid, 1186);
    ck_assert_int_eq(param.format, 1);
    memcpy(bytes, param.value.inline_bytes, 16);
    ck_assert_ptr_null(value_binary_interval(bytes, 16, &value));
    ck_assert_int_eq(value.months, months);
    ck_assert_int_eq(value.days, days);
    ck_assert_int_eq(value.microseconds, microseconds);
    for (int i = 0; i < 16; i++)
        sprintf(written + 2 * i, "%02x", bytes[i]);
    if (hex)
        ck_assert_str_eq(written, hex);
    free(bytes);
}

START_TEST(ty27_binary)
{
    check_binary(-35, -10, -7200800000, "fffffffe52cc8300fffffff6ffffffdd");
    check_binary(INT32_MIN, INT32_MAX, INT64_MIN, "80000000000000007fffffff80000000");
    check_binary(0, 0, 0, "00000000000000000000000000000000");
}
END_TEST

START_TEST(ty27_ty28_postgres)
{
    check("-2 years -11 mons -10 days -02:00:00.8", -35, -10, -7200800000);
    check("1 mon -1 days +00:00:00.000001", 1, -1, 1);
    check("1 day 25:00:00", 0, 1, 25 * HOUR);
    check("00:00:00", 0, 0, 0);
    check("1 year", 12, 0, 0);
    check("-1 years +1 mon", -11, 0, 0);
    check("1 year 2 mons 3 days 04:05:06.7", 14, 3, 14706700000);
    check("-00:00:00.8", 0, 0, -800000);
    check("-1 days +00:00:00.8", 0, -1, 800000);
    check("-2147483648 days", 0, INT32_MIN, 0);
    check("178956970 years 7 mons 2147483647 days", INT32_MAX, INT32_MAX, 0);
    check("-178956970 years -8 mons", INT32_MIN, 0, 0);
    check("2562047788:00:54.775807", 0, 0, INT64_MAX);
    check("-2562047788:00:54.775808", 0, 0, INT64_MIN);
}
END_TEST

START_TEST(verbose)
{
    check("@ 2 years 11 mons 10 days 2 hours 0.8 secs ago", -35, -10, -7200800000);
    check("@ 1 mon -1 days 0.000001 secs", 1, -1, 1);
    check("@ 1 day 25 hours", 0, 1, 25 * HOUR);
    check("@ 0", 0, 0, 0);
    check("@ 1 sec", 0, 0, 1000000);
    check("@ 1 year -2 mons", 10, 0, 0);
    check("@ 1 day -0.8 secs ago", 0, -1, 800000);
    check("@ 1 hour 5 mins 6 secs ago", 0, 0, -3906000000);
    check("@ 2147483648 days ago", 0, INT32_MIN, 0);
    check("@ 178956970 years 8 mons ago", INT32_MIN, 0, 0);
    check("@ 2562047788 hours 54.775808 secs ago", 0, 0, INT64_MIN);
    check("@ 2562047788 hours 54.775807 secs", 0, 0, INT64_MAX);
}
END_TEST

START_TEST(sql_standard)
{
    check("-2-11 -10 -2:00:00.8", -35, -10, -7200800000);
    check("+0-1 -1 +0:00:00.000001", 1, -1, 1);
    check("1 25:00:00", 0, 1, 25 * HOUR);
    check("0", 0, 0, 0);
    check("-1 1:00:00", 0, -1, -HOUR);
    check("-1:00:00", 0, 0, -HOUR);
    check("1:02:03", 0, 0, 3723000000);
    check("1-2", 14, 0, 0);
    check("-1-2", -14, 0, 0);
    check("+1-2 -3 +4:05:06", 14, -3, 14706000000);
    check("-1-2 +3 -4:05:06", -14, 3, -14706000000);
    check("-2147483648 0:00:00", 0, INT32_MIN, 0);
    check("-178956970-8", INT32_MIN, 0, 0);
    check("-2562047788:00:54.775808", 0, 0, INT64_MIN);
}
END_TEST

START_TEST(ty28_iso_8601)
{
    check("P-2Y-11M-10DT-2H-0.8S", -35, -10, -7200800000);
    check("P1M-1DT0.000001S", 1, -1, 1);
    check("P1DT25H", 0, 1, 25 * HOUR);
    check("PT0S", 0, 0, 0);
    check("P1M", 1, 0, 0);
    check("PT1M", 0, 0, 60000000);
    check("P1MT1M", 1, 0, 60000000);
    check("P-1DT0.8S", 0, -1, 800000);
    check("P-2147483648D", 0, INT32_MIN, 0);
    check("P-178956970Y-8M", INT32_MIN, 0, 0);
    check("PT-2562047788H-54.775808S", 0, 0, INT64_MIN);
}
END_TEST

START_TEST(infinity)
{
    check("infinity", INT32_MAX, INT32_MAX, INT64_MAX);
    check("-infinity", INT32_MIN, INT32_MIN, INT64_MIN);
}
END_TEST

static void check_refused(const char *text, const char *why)
{
    struct evpg_interval value = {77, 78, 79};
    char *copy = strdup(text);
    const char *reason = value_read_interval(copy, &value);

    free(copy);
    ck_assert_msg(reason && strcmp(reason, why) == 0, "\"%s\": %s", text, reason);
    ck_assert(value.microseconds == 77 && value.days == 78 && value.months == 79);
}

START_TEST(refused)
{
    static const char *const bad[] = {
        "",
        " ",
        "1",
        "-0",
        "1 ",
        "1 day ",
        " 1 day",
        "1 days1",
        "1 week",
        "1 month",
        "1 minute",
        "1.5 days",
        "1 day 2 days",
        "1 day 1 mon",
        "1 mon 1 year",
        "00:00:00 1 day",
        "1 day 1:2:3",
        "00:00",
        "00:60:00",
        "00:00:60",
        "00:00:00.",
        "00:00:00.1234567",
        "1 day --00:00:00",
        "1 day  00:00:00",
        "- 1 day",
        "1  day",
        "1day",
        "+",
        "-",
        ":",
        "1 day ago",
        "@",
        "@ ",
        "@ 1",
        "@ 0 ",
        "@ ago",
        "@ 1 day ago ago",
        "@ 1 day  ago",
        "@ 00:00:00",
        "@ 1.5 hours",
        "@ 1 sec 1 min",
        "@1 day",
        "@ 1 day ag",
        "@ 0 ago",
        "1-12",
        "1-2 3",
        "1-2 3 4:05:06",
        "+1-2 3 4:05:06",
        "1-2 +3 +4:05:06",
        "+1-2 +3 4:05:06",
        "+1-2 +3 +4:05",
        "+1-2 +3",
        "+1-2 +4:05:06",
        "1-",
        "-1-",
        "--1-2",
        "1 2",
        "1 2-3",
        "1 -1:00:00",
        "1-2-3",
        "P",
        "PT",
        "P1",
        "P1DT",
        "PD",
        "P1D1Y",
        "P1H",
        "PT1D",
        "P1.5D",
        "PT1.5H",
        "PT1S1S",
        "p1D",
        "P1D ",
        "P1DT1HT1M",
        "PT1.S",
        "P1W",
        "P 1D",
        "P1Y2",
        "Infinity",
        "infinity ",
        "--infinity",
    };

    for (size_t i = 0; i < LENGTH(bad); i++)
        check_refused(bad[i], "not an interval");
}
END_TEST

START_TEST(out_of_range)
{
    static const char *const bad[] = {
        "2147483648 days",
        "-2147483649 days",
        "@ 2147483648 days",
        "P2147483648D",
        "2147483648 0:00:00",
        "178956970 years 8 mons",
        "-178956970 years -9 mons",
        "178956970-8",
        "9999999999 years",
        "9999999999 years -9999999999 mons",
        "P9999999999M",
        "PT5124095577H",
        "@ 9999999999 hours",
        "PT9999999999H",
        "@ 2562047788 hours 54.775808 secs",
        "@ 2562047788 hours 54.775809 secs ago",
        "PT2562047788H54.775808S",
        "2562047788:00:54.775808",
        "PT2562047788H9999999999M",
    };

    for (size_t i = 0; i < LENGTH(bad); i++)
        check_refused(bad[i], "out of range");
    check_refused("-2562047788:00:54.775809", "not an interval");
    check_refused("2562047789:00:00", "not an interval");
    check_refused("99999999999 days", "not an interval");
}
END_TEST

/* An interval as EncodeInterval() gets it: all parts of one of the three have the same sign. */
struct parts {
    int year, mon, mday;
    int64_t hour;
    int min, sec, fsec;
};

static struct parts parts_of(struct evpg_interval value)
{
    return (struct parts){.year = value.months / 12,
                          .mon = value.months % 12,
                          .mday = value.days,
                          .hour = value.microseconds / HOUR,
                          .min = (int)(value.microseconds / 60000000 % 60),
                          .sec = (int)(value.microseconds / 1000000 % 60),
                          .fsec = (int)(value.microseconds % 1000000)};
}

/* Without the zeros at the fraction's end. */
static char *put_seconds(char *at, int sec, int fsec, int width)
{
    at += sprintf(at, "%0*d", width, abs(sec));
    if (fsec == 0)
        return at;
    at += sprintf(at, ".%06d", abs(fsec));
    while (at[-1] == '0')
        *--at = '\0';
    return at;
}

static bool is_negative(const struct parts *p)
{
    return p->hour < 0 || p->min < 0 || p->sec < 0 || p->fsec < 0;
}

static bool has_time(const struct parts *p)
{
    return p->hour || p->min || p->sec || p->fsec;
}

static char *put_clock(char *at, const struct parts *p, int width)
{
    at += sprintf(at, "%0*lld", width, llabs(p->hour));
    at += sprintf(at, ":%02d:", abs(p->min));
    return put_seconds(at, p->sec, p->fsec, 2);
}

static void put_postgres(char *at, const struct parts *p)
{
    static const char *const names[] = {"year", "mon", "day"};
    const int numbers[] = {p->year, p->mon, p->mday};
    bool empty = true, before = false;

    for (int i = 0; i < 3; i++) {
        if (numbers[i] == 0)
            continue;
        at += sprintf(at, "%s%s%d %s%s", empty ? "" : " ", before && numbers[i] > 0 ? "+" : "",
                      numbers[i], names[i], numbers[i] != 1 ? "s" : "");
        before = numbers[i] < 0;
        empty = false;
    }
    if (!empty && !has_time(p))
        return;
    at += sprintf(at, "%s%s", empty ? "" : " ", is_negative(p) ? "-" : before ? "+" : "");
    put_clock(at, p, 2);
}

static void put_verbose(char *at, const struct parts *p)
{
    static const char *const names[] = {"year", "mon", "day", "hour", "min"};
    const int64_t numbers[] = {p->year, p->mon, p->mday, p->hour, p->min};
    bool empty = true, ago = false, minus = p->sec < 0 || p->fsec < 0;

    at += sprintf(at, "@");
    for (int i = 0; i < 5; i++) {
        int64_t number = ago ? -numbers[i] : numbers[i];

        if (number == 0)
            continue;
        if (empty && number < 0) {
            ago = true;
            number = -number;
        }
        at += sprintf(at, " %" PRId64 " %s%s", number, names[i], number != 1 ? "s" : "");
        empty = false;
    }
    if (p->sec || p->fsec) {
        ago |= empty && minus;
        at += sprintf(at, minus != ago ? " -" : " ");
        at = put_seconds(at, p->sec, p->fsec, 1);
        at += sprintf(at, abs(p->sec) != 1 || p->fsec ? " secs" : " sec");
        empty = false;
    }
    sprintf(at, "%s%s", empty ? " 0" : "", ago ? " ago" : "");
}

static void put_sql(char *at, const struct parts *p)
{
    bool minus = p->year < 0 || p->mon < 0 || p->mday < 0 || is_negative(p);
    bool plus = p->year > 0 || p->mon > 0 || p->mday > 0 || (has_time(p) && !is_negative(p));
    bool months = p->year || p->mon, time = p->mday || has_time(p);

    if (!minus && !plus) {
        strcpy(at, "0");
    } else if ((minus && plus) || (months && time)) {
        at += sprintf(at, "%c%d-%d %c%lld ", p->year < 0 || p->mon < 0 ? '-' : '+', abs(p->year),
                      abs(p->mon), p->mday < 0 ? '-' : '+', llabs(p->mday));
        *at++ = is_negative(p) ? '-' : '+';
        put_clock(at, p, 1);
    } else {
        at += sprintf(at, minus ? "-" : "");
        if (months) {
            sprintf(at, "%d-%d", abs(p->year), abs(p->mon));
            return;
        }
        if (p->mday)
            at += sprintf(at, "%lld ", llabs(p->mday));
        put_clock(at, p, 1);
    }
}

static void put_iso(char *at, const struct parts *p)
{
    const int64_t numbers[] = {p->year, p->mon, p->mday, p->hour, p->min};

    strcpy(at, "PT0S");
    at++;
    for (int i = 0; i < 5; i++) {
        if (i == 3 && has_time(p))
            at += sprintf(at, "T");
        if (numbers[i])
            at += sprintf(at, "%" PRId64 "%c", numbers[i], "YMDHM"[i]);
    }
    if (!p->sec && !p->fsec)
        return;
    at += sprintf(at, p->sec < 0 || p->fsec < 0 ? "-" : "");
    sprintf(put_seconds(at, p->sec, p->fsec, 1), "S");
}

/* Of every size; one in three is 0. */
static int64_t random_number(int bits)
{
    uint64_t number = 0;

    for (int i = 0; i < 5; i++)
        number = number << 15 ^ (uint64_t)rand();
    number >>= 64 - bits;
    number >>= rand() % bits;
    if (rand() % 3 == 0)
        return 0;
    return rand() % 2 ? (int64_t)number : -(int64_t)number;
}

START_TEST(random_intervals)
{
    static void (*const put[])(char *, const struct parts *) = {put_postgres, put_verbose, put_sql,
                                                                put_iso};
    static const int64_t steps[] = {1, 1000, 1000000, 60000000, HOUR};

    srand(27);
    for (int i = 0; i < ROUNDS; i++) {
        int64_t time = random_number(63);
        struct evpg_interval value = {time - time % steps[rand() % 5], (int32_t)random_number(31),
                                      (int32_t)random_number(31)};
        struct parts parts = parts_of(value);

        for (int style = 0; style < 4; style++) {
            char text[200];

            put[style](text, &parts);
            check(text, value.months, value.days, value.microseconds);
        }
        check_binary(value.months, value.days, value.microseconds, NULL);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("unit_value_interval");
    TCase *tcase = tcase_create("value_interval");

    tcase_set_timeout(tcase, 60);
    tcase_add_test(tcase, ty27_binary);
    tcase_add_test(tcase, ty27_ty28_postgres);
    tcase_add_test(tcase, verbose);
    tcase_add_test(tcase, sql_standard);
    tcase_add_test(tcase, ty28_iso_8601);
    tcase_add_test(tcase, infinity);
    tcase_add_test(tcase, refused);
    tcase_add_test(tcase, out_of_range);
    tcase_add_test(tcase, random_intervals);
    suite_add_tcase(suite, tcase);
    return run_suite(suite, false);
}
