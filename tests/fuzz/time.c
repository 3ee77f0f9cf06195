/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * time: what lib/value_time.c, value_time_binary.c and calendar.c read: dates, times, timestamps.
 *
 * An input is a letter and text, or the same letter in upper case and binary format: d date, t
 * time, z timetz, s timestamp, m timestamptz. What is read is written in both formats, as the
 * server writes them in ISO style, and read again; and it goes by way of civil time and of POSIX's.
 */
#include "fuzz.h"

#include "value_time.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

const char fuzz_name[] = "time";

enum { DAY_SECONDS = 86400 };

/* 1997-12-17, and what stands behind the year's end. */
static const char *print_day(const struct evpg_civil *civil)
{
    return fuzz_print("%04d-%02d-%02d", civil->year > 0 ? civil->year : 1 - civil->year,
                      civil->month, civil->day);
}

static const char *print_era(const struct evpg_civil *civil)
{
    return civil->year > 0 ? "" : " BC";
}

static const char *print_infinity(bool positive)
{
    return positive ? "infinity" : "-infinity";
}

static const char *print_date(int32_t days)
{
    struct evpg_civil civil;
    int32_t again;

    if (days == EVPG_DATE_INFINITY || days == EVPG_DATE_MINUS_INFINITY) {
        fuzz_require(evpg_date_to_civil(days, &civil) == -1 && errno == EINVAL);
        return print_infinity(days > 0);
    }
    fuzz_require(evpg_date_to_civil(days, &civil) == 0);
    fuzz_require(evpg_date_from_civil(&civil, &again) == 0 && again == days);
    return fuzz_print("%s%s", print_day(&civil), print_era(&civil));
}

static void check_date(int32_t days)
{
    unsigned char bytes[4];
    int32_t again;

    fuzz_put(bytes, (uint32_t)days, 4);
    fuzz_require(!value_binary_date(bytes, 4, &again) && again == days);
    fuzz_require(!value_read_date(print_date(days), &again) && again == days);
}

static const char *print_clock(int64_t microseconds)
{
    int64_t seconds = microseconds / 1000000;

    return fuzz_print("%02d:%02d:%02d.%06d", (int)(seconds / 3600), (int)(seconds / 60 % 60),
                      (int)(seconds % 60), (int)(microseconds % 1000000));
}

static void check_time(int64_t microseconds)
{
    unsigned char bytes[8];
    int64_t again;

    fuzz_require(microseconds >= 0 && microseconds <= INT64_C(86400000000));
    fuzz_put(bytes, (uint64_t)microseconds, 8);
    fuzz_require(!value_binary_time(bytes, 8, &again) && again == microseconds);
    fuzz_require(!value_read_time(print_clock(microseconds), &again) && again == microseconds);
}

static void check_timetz(const struct evpg_timetz *value)
{
    unsigned char *bytes = fuzz_room(VALUE_TIMETZ_SIZE);
    struct evpg_timetz again;
    int zone = abs(value->zone);
    const char *text =
        fuzz_print("%s%c%02d:%02d:%02d", print_clock(value->microseconds),
                   value->zone > 0 ? '-' : '+', zone / 3600, zone / 60 % 60, zone % 60);

    check_time(value->microseconds);
    fuzz_require(zone < VALUE_ZONE_END);
    value_write_timetz(value, bytes);
    fuzz_require(!value_binary_timetz(bytes, VALUE_TIMETZ_SIZE, &again));
    fuzz_require(again.microseconds == value->microseconds && again.zone == value->zone);
    fuzz_require(!value_read_timetz(text, &again));
    fuzz_require(again.microseconds == value->microseconds && again.zone == value->zone);
}

/* With or without the zone, which is UTC. */
static const char *print_timestamp(int64_t microseconds, const char *zone)
{
    struct evpg_civil civil;
    int64_t again;

    if (microseconds == EVPG_TIMESTAMP_INFINITY || microseconds == EVPG_TIMESTAMP_MINUS_INFINITY)
        return print_infinity(microseconds > 0);
    fuzz_require(evpg_timestamp_to_civil(microseconds, &civil) == 0);
    fuzz_require(evpg_timestamp_from_civil(&civil, &again) == 0 && again == microseconds);
    return fuzz_print("%s %02d:%02d:%02d.%06d%s%s", print_day(&civil), civil.hour, civil.minute,
                      civil.second, civil.microsecond, zone, print_era(&civil));
}

static void check_timespec(int64_t microseconds)
{
    struct timespec time;
    int64_t again;

    if (evpg_timestamp_to_timespec(microseconds, &time) < 0) {
        fuzz_require(microseconds == EVPG_TIMESTAMP_INFINITY ||
                     microseconds == EVPG_TIMESTAMP_MINUS_INFINITY);
        return;
    }
    fuzz_require(time.tv_nsec >= 0 && time.tv_nsec <= 999999999);
    fuzz_require(evpg_timestamp_from_timespec(&time, &again) == 0 && again == microseconds);
}

static void check_timestamp(int64_t microseconds)
{
    unsigned char bytes[8];
    int64_t again;

    fuzz_put(bytes, (uint64_t)microseconds, 8);
    fuzz_require(!value_binary_timestamp(bytes, 8, &again) && again == microseconds);
    fuzz_require(!value_read_timestamp(print_timestamp(microseconds, ""), &again));
    fuzz_require(again == microseconds);
    fuzz_require(!value_read_timestamptz(print_timestamp(microseconds, "+00"), &again));
    fuzz_require(again == microseconds);
    check_timespec(microseconds);
}

static void read_text(unsigned char kind, const char *text)
{
    struct evpg_timetz timetz;
    int64_t value = 7;
    int32_t days;
    bool good;

    if (kind == 'd') {
        if (fuzz_good(value_read_date(text, &days)))
            check_date(days);
    } else if (kind == 'z') {
        if (fuzz_good(value_read_timetz(text, &timetz)))
            check_timetz(&timetz);
    } else if (kind == 't') {
        if (fuzz_good(value_read_time(text, &value)))
            check_time(value);
    } else {
        good = fuzz_good(kind == 's' ? value_read_timestamp(text, &value)
                                     : value_read_timestamptz(text, &value));
        if (good)
            check_timestamp(value);
    }
}

static void read_binary(unsigned char kind, const void *bytes, size_t size)
{
    struct evpg_timetz timetz;
    int64_t value;
    int32_t days;

    if (kind == 'D') {
        if (fuzz_good(value_binary_date(bytes, size, &days)))
            check_date(days);
    } else if (kind == 'Z') {
        if (fuzz_good(value_binary_timetz(bytes, size, &timetz)))
            check_timetz(&timetz);
    } else if (kind == 'T') {
        if (fuzz_good(value_binary_time(bytes, size, &value)))
            check_time(value);
    } else if (fuzz_good(value_binary_timestamp(bytes, size, &value))) {
        check_timestamp(value);
    }
}

/* Any civil time at all: a reason, or what comes back. */
static void read_civil(const unsigned char *bytes, size_t size)
{
    struct evpg_civil civil = {0}, again;
    int64_t microseconds;
    int32_t days;

    memcpy(&civil, bytes, size < sizeof(civil) ? size : sizeof(civil));
    if (evpg_date_from_civil(&civil, &days) == 0)
        check_date(days);
    if (evpg_timestamp_from_civil(&civil, &microseconds) < 0)
        return;
    check_timestamp(microseconds);
    fuzz_require(evpg_timestamp_to_civil(microseconds, &again) == 0);
    fuzz_require(memcmp(&civil, &again, sizeof(civil)) == 0);
}

void fuzz_one(const unsigned char *bytes, size_t size)
{
    if (size == 0)
        return;
    if (*bytes == 'c')
        read_civil(bytes + 1, size - 1);
    else if (*bytes >= 'a')
        read_text(*bytes, fuzz_text(bytes + 1, size - 1));
    else
        read_binary(*bytes, fuzz_copy(bytes + 1, size - 1), size - 1);
}
