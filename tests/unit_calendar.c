/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * unit_calendar: timestamps and dates to struct timespec and struct evpg_civil, and back.
 *
 * The counterpart of lib/calendar.c; needs no server. What is expected comes from the C library's
 * gmtime_r() and timegm(), which know nothing of 2000-01-01.
 */
#include "harness.h"

#include "calendar.h"

#include <errno.h>
#include <limits.h>
#include <time.h>

#define FIRST INT64_C(-211813488000000000)
#define LAST INT64_C(9223371331199999999)
#define POSIX INT64_C(946684800)

static void check_timespec(int64_t timestamp, int64_t seconds, long nanoseconds)
{
    struct timespec time = {77, 78};
    int64_t back = 77;

    ck_assert_int_eq(evpg_timestamp_to_timespec(timestamp, &time), 0);
    ck_assert_int_eq(time.tv_sec, seconds);
    ck_assert_int_eq(time.tv_nsec, nanoseconds);
    for (long below = 0; below < 1000; below += 999) {
        time.tv_nsec = nanoseconds + below;
        ck_assert_int_eq(evpg_timestamp_from_timespec(&time, &back), 0);
        ck_assert_int_eq(back, timestamp);
    }
}

START_TEST(timespecs)
{
    check_timespec(0, POSIX, 0);
    check_timespec(-1, POSIX - 1, 999999000);
    check_timespec(-POSIX * 1000000, 0, 0);
    check_timespec(-POSIX * 1000000 - 1, -1, 999999000);
    check_timespec(-POSIX * 1000000 - 1500000, -2, 500000000);
    check_timespec(FIRST, FIRST / 1000000 + POSIX, 0);
    check_timespec(LAST, LAST / 1000000 + POSIX, 999999000);
}
END_TEST

START_TEST(timestamps_that_are_no_timespec)
{
    static const struct {
        int64_t timestamp;
        int error;
    } cases[] = {{INT64_MAX, EINVAL}, {INT64_MIN, EINVAL},     {FIRST - 1, ERANGE},
                 {LAST + 1, ERANGE},  {INT64_MIN + 1, ERANGE}, {INT64_MAX - 1, ERANGE}};
    struct timespec time = {77, 78};
    struct evpg_civil civil = {.year = 77};

    for (int i = 0; i < 6; i++) {
        errno = 0;
        ck_assert_int_eq(evpg_timestamp_to_timespec(cases[i].timestamp, &time), -1);
        ck_assert_int_eq(errno, cases[i].error);
        errno = 0;
        ck_assert_int_eq(evpg_timestamp_to_civil(cases[i].timestamp, &civil), -1);
        ck_assert_int_eq(errno, cases[i].error);
    }
    ck_assert(time.tv_sec == 77 && time.tv_nsec == 78 && civil.year == 77);
}
END_TEST

START_TEST(timespecs_that_are_no_timestamp)
{
    static const struct {
        struct timespec time;
        int error;
    } cases[] = {{{0, -1}, EINVAL},
                 {{0, 1000000000}, EINVAL},
                 {{0, LONG_MAX}, EINVAL},
                 {{INT64_MAX, 0}, ERANGE},
                 {{INT64_MIN, 0}, ERANGE},
                 {{INT64_MIN + POSIX, 0}, ERANGE},
                 {{FIRST / 1000000 + POSIX - 1, 999999999}, ERANGE},
                 {{LAST / 1000000 + POSIX + 1, 0}, ERANGE}};
    int64_t timestamp = 77;

    for (int i = 0; i < 8; i++) {
        errno = 0;
        ck_assert_int_eq(evpg_timestamp_from_timespec(&cases[i].time, &timestamp), -1);
        ck_assert_int_eq(errno, cases[i].error);
    }
    ck_assert_int_eq(timestamp, 77);
}
END_TEST

static void check_civil(int64_t timestamp)
{
    int64_t micro = (timestamp % 1000000 + 1000000) % 1000000, back = 77;
    time_t seconds = (timestamp - micro) / 1000000 + POSIX;
    struct evpg_civil civil = {0};
    struct tm expected;

    gmtime_r(&seconds, &expected);
    ck_assert_int_eq(evpg_timestamp_to_civil(timestamp, &civil), 0);
    ck_assert_int_eq(civil.year, expected.tm_year + 1900);
    ck_assert_int_eq(civil.month, expected.tm_mon + 1);
    ck_assert_int_eq(civil.day, expected.tm_mday);
    ck_assert_int_eq(civil.hour, expected.tm_hour);
    ck_assert_int_eq(civil.minute, expected.tm_min);
    ck_assert_int_eq(civil.second, expected.tm_sec);
    ck_assert_int_eq(civil.microsecond, micro);
    ck_assert_int_eq(evpg_timestamp_from_civil(&civil, &back), 0);
    ck_assert_int_eq(back, timestamp);
}

static void check_date(int32_t date)
{
    time_t seconds = date * INT64_C(86400) + POSIX;
    struct evpg_civil civil = {.hour = 77};
    struct tm expected;
    int32_t back = 77;

    gmtime_r(&seconds, &expected);
    ck_assert_int_eq(evpg_date_to_civil(date, &civil), 0);
    ck_assert_int_eq(civil.year, expected.tm_year + 1900);
    ck_assert_int_eq(civil.month, expected.tm_mon + 1);
    ck_assert_int_eq(civil.day, expected.tm_mday);
    ck_assert(!civil.hour && !civil.minute && !civil.second && !civil.microsecond);
    civil.hour = 77; /* is not looked at */
    ck_assert_int_eq(evpg_date_from_civil(&civil, &back), 0);
    ck_assert_int_eq(back, date);
}

START_TEST(civil_timestamps)
{
    static const int64_t ends[] = {0, 1, -1, FIRST, FIRST + 1, LAST, -86400000000, -86400000001};

    srand(1);
    for (size_t i = 0; i < sizeof(ends) / sizeof(*ends); i++)
        check_civil(ends[i]);
    for (int i = 0; i < 10000; i++) {
        uint64_t bits = (uint64_t)rand() << 33 ^ (uint64_t)rand() << 16 ^ (uint64_t)rand();
        int64_t random = (int64_t)(bits >> 1);

        check_civil(random % LAST);
        check_civil(-(random % -FIRST));
    }
}
END_TEST

/* Each day of 800 years around year 0 and around 2000; and some of all. */
START_TEST(civil_dates)
{
    for (int32_t date = -876583; date < -584388; date++)
        check_date(date);
    for (int32_t date = -146097; date < 146097; date++)
        check_date(date);
    for (int64_t date = -2451545; date < 2145031949; date += 214747)
        check_date((int32_t)date);
    check_date(2145031948);
}
END_TEST

START_TEST(dates_out_of_range)
{
    static const struct {
        int32_t date;
        int error;
    } cases[] = {{INT32_MAX, EINVAL},  {INT32_MIN, EINVAL}, {INT32_MAX - 1, ERANGE},
                 {2145031949, ERANGE}, {-2451546, ERANGE},  {INT32_MIN + 1, ERANGE}};
    struct evpg_civil civil = {.year = 77};

    for (int i = 0; i < 6; i++) {
        errno = 0;
        ck_assert_int_eq(evpg_date_to_civil(cases[i].date, &civil), -1);
        ck_assert_int_eq(errno, cases[i].error);
    }
    ck_assert_int_eq(civil.year, 77);
}
END_TEST

START_TEST(no_such_day_or_time)
{
    static const struct {
        struct evpg_civil civil;
        int error;      /* of a timestamp */
        int date_error; /* 0: it is a date */
    } cases[] = {{{2000, 0, 1, 0, 0, 0, 0}, EINVAL, EINVAL},
                 {{2000, 13, 1, 0, 0, 0, 0}, EINVAL, EINVAL},
                 {{2000, INT_MIN, 1, 0, 0, 0, 0}, EINVAL, EINVAL},
                 {{2000, 1, 0, 0, 0, 0, 0}, EINVAL, EINVAL},
                 {{2000, 1, 32, 0, 0, 0, 0}, EINVAL, EINVAL},
                 {{2000, 1, INT_MAX, 0, 0, 0, 0}, EINVAL, EINVAL},
                 {{1900, 2, 29, 0, 0, 0, 0}, EINVAL, EINVAL},
                 {{-1, 2, 29, 0, 0, 0, 0}, EINVAL, EINVAL},
                 {{2000, 1, 1, 24, 0, 0, 0}, EINVAL, 0},
                 {{2000, 1, 1, -1, 0, 0, 0}, EINVAL, 0},
                 {{2000, 1, 1, 0, 60, 0, 0}, EINVAL, 0},
                 {{2000, 1, 1, 0, -1, 0, 0}, EINVAL, 0},
                 {{2000, 1, 1, 0, 0, 60, 0}, EINVAL, 0},
                 {{2000, 1, 1, 0, 0, -1, 0}, EINVAL, 0},
                 {{2000, 1, 1, 0, 0, 0, 1000000}, EINVAL, 0},
                 {{2000, 1, 1, 0, 0, 0, -1}, EINVAL, 0},
                 {{-4713, 11, 23, 23, 59, 59, 999999}, ERANGE, ERANGE},
                 {{294277, 1, 1, 0, 0, 0, 0}, ERANGE, 0},
                 {{5874898, 1, 1, 0, 0, 0, 0}, ERANGE, ERANGE},
                 {{INT_MAX, 12, 31, 0, 0, 0, 0}, ERANGE, ERANGE},
                 {{INT_MIN, 1, 1, 0, 0, 0, 0}, ERANGE, ERANGE}};
    int64_t timestamp = 77;
    int32_t date;

    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        int expected = cases[i].date_error;

        errno = 0;
        ck_assert_int_eq(evpg_timestamp_from_civil(&cases[i].civil, &timestamp), -1);
        ck_assert_int_eq(errno, cases[i].error);
        ck_assert_int_eq(timestamp, 77);
        errno = 0;
        date = 77;
        ck_assert_int_eq(evpg_date_from_civil(&cases[i].civil, &date), expected ? -1 : 0);
        ck_assert_int_eq(errno, expected);
        ck_assert_int_eq(date == 77, expected != 0);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("unit_calendar");
    TCase *tcase = tcase_create("calendar");

    tcase_set_timeout(tcase, 60);
    tcase_add_test(tcase, timespecs);
    tcase_add_test(tcase, timestamps_that_are_no_timespec);
    tcase_add_test(tcase, timespecs_that_are_no_timestamp);
    tcase_add_test(tcase, civil_timestamps);
    tcase_add_test(tcase, civil_dates);
    tcase_add_test(tcase, dates_out_of_range);
    tcase_add_test(tcase, no_such_day_or_time);
    suite_add_tcase(suite, tcase);
    return run_suite(suite, false);
}
