/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * kinds_time: dates, times and intervals, by chance.
 *
 * Called by db_roundtrip, as kinds.h has it. The literals are written from year, month and day,
 * which evpg_date_to_civil() and its like have been asked for, not by way of a parameter.
 */
#include "kinds.h"

#include "chance.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SECOND 1000000ULL

/* HH:MM:SS.ffffff; more than 24 hours in an interval. */
static char *write_clock(unsigned long long microseconds)
{
    unsigned long long seconds = microseconds / SECOND;

    return format("%02llu:%02llu:%02llu.%06llu", seconds / 3600, seconds / 60 % 60, seconds % 60,
                  microseconds % SECOND);
}

static char *write_civil(const struct evpg_civil *civil, const char *zone)
{
    return format("%04d-%02d-%02d %02d:%02d:%02d.%06d%s%s",
                  civil->year > 0 ? civil->year : 1 - civil->year, civil->month, civil->day,
                  civil->hour, civil->minute, civil->second, civil->microsecond, zone,
                  civil->year > 0 ? "" : " BC");
}

static void make_date(struct value *value, const struct kind *kind)
{
    struct evpg_civil civil;

    (void)kind;
    value->integer = chance_date();
    value->param = evpg_date((int32_t)value->integer);
    if (value->integer == EVPG_DATE_INFINITY || value->integer == EVPG_DATE_MINUS_INFINITY)
        value->literal = strdup(value->integer > 0 ? "infinity" : "-infinity");
    else if (evpg_date_to_civil((int32_t)value->integer, &civil) == 0)
        value->literal = write_civil(&civil, "");
}

static bool same_date(const struct evpg_row *row, int column, const struct value *value,
                      const struct kind *kind)
{
    int32_t date;

    (void)kind;
    return evpg_row_date(row, column, &date) == 0 && date == value->integer;
}

static void make_time(struct value *value, const struct kind *kind)
{
    (void)kind;
    value->integer = chance_time();
    value->literal = write_clock((unsigned long long)value->integer);
    value->param = evpg_time(value->integer);
}

static bool same_time(const struct evpg_row *row, int column, const struct value *value,
                      const struct kind *kind)
{
    int64_t time;

    (void)kind;
    return evpg_row_time(row, column, &time) == 0 && time == value->integer;
}

static void make_timetz(struct value *value, const struct kind *kind)
{
    int east;
    char *clock;

    (void)kind;
    value->timetz = chance_timetz();
    east = abs(value->timetz.zone);
    clock = write_clock((unsigned long long)value->timetz.microseconds);
    value->literal = format("%s%c%02d:%02d:%02d", clock, value->timetz.zone > 0 ? '-' : '+',
                            east / 3600, east / 60 % 60, east % 60);
    free(clock);
    value->param = evpg_timetz_param(value->timetz);
}

static bool same_timetz(const struct evpg_row *row, int column, const struct value *value,
                        const struct kind *kind)
{
    struct evpg_timetz timetz;

    (void)kind;
    return evpg_row_timetz(row, column, &timetz) == 0 && timetz.zone == value->timetz.zone &&
           timetz.microseconds == value->timetz.microseconds;
}

static bool is_infinite(int64_t timestamp)
{
    return timestamp == EVPG_TIMESTAMP_INFINITY || timestamp == EVPG_TIMESTAMP_MINUS_INFINITY;
}

static void set_timestamp(struct value *value, int64_t timestamp, const char *zone)
{
    struct evpg_civil civil;

    value->integer = timestamp;
    if (is_infinite(timestamp))
        value->literal = strdup(timestamp > 0 ? "infinity" : "-infinity");
    else if (evpg_timestamp_to_civil(timestamp, &civil) == 0)
        value->literal = write_civil(&civil, zone);
}

static void make_timestamp(struct value *value, const struct kind *kind)
{
    (void)kind;
    set_timestamp(value, chance_timestamp(), "");
    value->param = evpg_timestamp(value->integer);
}

static bool same_timestamp(const struct evpg_row *row, int column, const struct value *value,
                           const struct kind *kind)
{
    int64_t timestamp;

    (void)kind;
    return evpg_row_timestamp(row, column, &timestamp) == 0 && timestamp == value->integer;
}

static void make_timestamptz(struct value *value, const struct kind *kind)
{
    (void)kind;
    set_timestamp(value, chance_timestamp(), "+00");
    value->param = evpg_timestamptz(value->integer);
}

static bool same_timestamptz(const struct evpg_row *row, int column, const struct value *value,
                             const struct kind *kind)
{
    int64_t timestamp;

    (void)kind;
    return evpg_row_timestamptz(row, column, &timestamp) == 0 && timestamp == value->integer;
}

static struct timespec to_timespec(int64_t timestamp)
{
    int64_t second = timestamp / (int64_t)SECOND, rest = timestamp % (int64_t)SECOND;

    if (rest < 0) {
        second--;
        rest += (int64_t)SECOND;
    }
    return (struct timespec){second + 946684800, (long)rest * 1000};
}

static void make_timespec(struct value *value, const struct kind *kind)
{
    int64_t timestamp = chance_timestamp();

    (void)kind;
    set_timestamp(value, is_infinite(timestamp) ? 0 : timestamp, "+00");
    value->param = evpg_timestamptz_timespec(to_timespec(value->integer));
}

static bool same_timespec(const struct evpg_row *row, int column, const struct value *value,
                          const struct kind *kind)
{
    struct timespec time, expected = to_timespec(value->integer);

    return same_timestamptz(row, column, value, kind) &&
           evpg_row_timespec(row, column, &time) == 0 && time.tv_sec == expected.tv_sec &&
           time.tv_nsec == expected.tv_nsec;
}

static void make_interval(struct value *value, const struct kind *kind)
{
    struct evpg_interval interval = chance_interval();
    unsigned long long size = (unsigned long long)llabs((long long)interval.microseconds);
    char *clock = write_clock(size);

    (void)kind;
    value->interval = interval;
    value->literal = format("%d mons %d days %s%s", interval.months, interval.days,
                            interval.microseconds < 0 ? "-" : "+", clock);
    free(clock);
    value->param = evpg_interval_param(interval);
}

static bool same_interval(const struct evpg_row *row, int column, const struct value *value,
                          const struct kind *kind)
{
    struct evpg_interval interval;

    (void)kind;
    return evpg_row_interval(row, column, &interval) == 0 &&
           interval.microseconds == value->interval.microseconds &&
           interval.days == value->interval.days && interval.months == value->interval.months;
}

const struct kind kind_date = {"date", 1082, make_date, same_date, NULL};
const struct kind kind_time = {"time", 1083, make_time, same_time, NULL};
const struct kind kind_timetz = {"timetz", 1266, make_timetz, same_timetz, NULL};
const struct kind kind_timestamp = {"timestamp", 1114, make_timestamp, same_timestamp, NULL};
const struct kind kind_timestamptz = {"timestamptz", 1184, make_timestamptz, same_timestamptz,
                                      NULL};
const struct kind kind_timespec = {"timestamptz", 1184, make_timespec, same_timespec, NULL};
const struct kind kind_interval = {"interval", 1186, make_interval, same_interval, NULL};
