/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * calendar: days and timestamps counted from 2000-01-01, and what they are to people and to POSIX.
 *
 * The conversions in evpg/time.h, called by the application; and the arithmetic below them, called
 * by the readers of values, too. Pure. Invariants: the calendar is the Gregorian one at all times,
 * its year 0 is 1 BC; nothing overflows, whatever numbers come in; what the server could not hold
 * does not come out.
 */
#include "calendar.h"

#include <errno.h>

/* From 4714-11-24 BC to before 5874898-01-01, or 294277-01-01 (PostgreSQL sources, timestamp.h). */
#define FIRST_DAY (-2451545)
#define END_OF_DATES 2145031949
#define END_OF_TIMESTAMPS 106751983

/* From 1970-01-01 to 2000-01-01. */
#define POSIX_SECONDS INT64_C(946684800)

/* In 400 years, which are all alike; and to 2000-03-01, from where on leap days come last. */
#define DAYS_OF_ERA 146097
#define DAYS_TO_MARCH 60

static int64_t divide_down(int64_t number, int64_t by)
{
    return number / by - (number % by < 0);
}

static bool is_leap_year(int64_t year)
{
    return year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
}

static int days_of_month(int64_t year, int64_t month)
{
    static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};

    return days[month - 1] + (month == 2 && is_leap_year(year));
}

bool calendar_days(int64_t year, int64_t month, int64_t day, int64_t *days)
{
    int64_t era, from_march;

    if (month < 1 || month > 12 || day < 1 || day > days_of_month(year, month))
        return false;
    from_march = (month + 9) % 12;
    year -= 2000 + (month < 3);
    era = divide_down(year, 400);
    year -= era * 400;
    *days = era * DAYS_OF_ERA + year * 365 + year / 4 - year / 100 + (153 * from_march + 2) / 5 +
            day - 1 + DAYS_TO_MARCH;
    return true;
}

/* The same backwards, of a day that the server can hold. */
static struct evpg_civil day_of(int64_t days)
{
    int64_t era = divide_down(days - DAYS_TO_MARCH, DAYS_OF_ERA);
    int day = (int)(days - DAYS_TO_MARCH - era * DAYS_OF_ERA);
    int year = (day - day / 1460 + day / 36524 - day / 146096) / 365;
    int month;

    day -= year * 365 + year / 4 - year / 100;
    month = (5 * day + 2) / 153;
    return (struct evpg_civil){.year = (int)(era * 400) + year + 2000 + (month >= 10),
                               .month = (month + 2) % 12 + 1,
                               .day = day - (153 * month + 2) / 5 + 1};
}

bool calendar_has_date(int64_t days)
{
    return days >= FIRST_DAY && days < END_OF_DATES;
}

bool calendar_has_timestamp(int64_t microseconds)
{
    return microseconds >= FIRST_DAY * CALENDAR_DAY &&
           microseconds < END_OF_TIMESTAMPS * CALENDAR_DAY;
}

/* In seconds first: they cannot overflow. */
bool calendar_timestamp(int64_t days, int64_t microseconds, int64_t offset, int64_t *timestamp)
{
    int64_t seconds = days * 86400 + microseconds / 1000000 + offset;

    if (seconds < FIRST_DAY * INT64_C(86400) || seconds >= END_OF_TIMESTAMPS * INT64_C(86400))
        return false;
    *timestamp = seconds * 1000000 + microseconds % 1000000;
    return true;
}

static int fail(int error)
{
    errno = error;
    return -1;
}

/* 0 for one that can be converted. */
static int check_timestamp(int64_t timestamp)
{
    if (timestamp == EVPG_TIMESTAMP_INFINITY || timestamp == EVPG_TIMESTAMP_MINUS_INFINITY)
        return fail(EINVAL);
    return calendar_has_timestamp(timestamp) ? 0 : fail(ERANGE);
}

int evpg_timestamp_to_timespec(int64_t timestamp, struct timespec *time)
{
    int64_t seconds;
    time_t posix;

    if (check_timestamp(timestamp) < 0)
        return -1;
    seconds = divide_down(timestamp, 1000000);
    posix = (time_t)(seconds + POSIX_SECONDS);
    if (posix != seconds + POSIX_SECONDS)
        return fail(ERANGE);
    time->tv_sec = posix;
    time->tv_nsec = (long)(timestamp - seconds * 1000000) * 1000;
    return 0;
}

int evpg_timestamp_from_timespec(const struct timespec *time, int64_t *timestamp)
{
    int64_t seconds = time->tv_sec;

    if (time->tv_nsec < 0 || time->tv_nsec > 999999999)
        return fail(EINVAL);
    if (seconds < INT64_MIN + POSIX_SECONDS ||
        !calendar_timestamp(0, time->tv_nsec / 1000, seconds - POSIX_SECONDS, timestamp))
        return fail(ERANGE);
    return 0;
}

int evpg_timestamp_to_civil(int64_t timestamp, struct evpg_civil *civil)
{
    int64_t days;
    int seconds;

    if (check_timestamp(timestamp) < 0)
        return -1;
    days = divide_down(timestamp, CALENDAR_DAY);
    seconds = (int)((timestamp - days * CALENDAR_DAY) / 1000000);
    *civil = day_of(days);
    civil->hour = seconds / 3600;
    civil->minute = seconds / 60 % 60;
    civil->second = seconds % 60;
    civil->microsecond = (int)((timestamp - days * CALENDAR_DAY) % 1000000);
    return 0;
}

static bool is_time_of_day(const struct evpg_civil *civil)
{
    return civil->hour >= 0 && civil->hour < 24 && civil->minute >= 0 && civil->minute < 60 &&
           civil->second >= 0 && civil->second < 60 && civil->microsecond >= 0 &&
           civil->microsecond < 1000000;
}

int evpg_timestamp_from_civil(const struct evpg_civil *civil, int64_t *timestamp)
{
    int64_t days, seconds;

    if (!is_time_of_day(civil) || !calendar_days(civil->year, civil->month, civil->day, &days))
        return fail(EINVAL);
    seconds = (civil->hour * 60 + civil->minute) * 60 + civil->second;
    if (!calendar_timestamp(days, seconds * 1000000 + civil->microsecond, 0, timestamp))
        return fail(ERANGE);
    return 0;
}

int evpg_date_to_civil(int32_t date, struct evpg_civil *civil)
{
    if (date == EVPG_DATE_INFINITY || date == EVPG_DATE_MINUS_INFINITY)
        return fail(EINVAL);
    if (!calendar_has_date(date))
        return fail(ERANGE);
    *civil = day_of(date);
    return 0;
}

int evpg_date_from_civil(const struct evpg_civil *civil, int32_t *date)
{
    int64_t days;

    if (!calendar_days(civil->year, civil->month, civil->day, &days))
        return fail(EINVAL);
    if (!calendar_has_date(days))
        return fail(ERANGE);
    *date = (int32_t)days;
    return 0;
}
