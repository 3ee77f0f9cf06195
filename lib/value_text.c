/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * value_text: writes dates, times, intervals and uuids as text that the server reads.
 *
 * Called by param_text.c, for parts of values that travel as text; pure. Invariants: the text means
 * the same whatever DateStyle, IntervalStyle and TimeZone are: years come first and have four
 * digits or more, timestamps with a zone are in UTC, and each part of an interval has its sign.
 * What the server could not hold is written as something that it refuses.
 */
#include "value_text.h"

#include "type.h"
#include "value_time.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#define SECOND 1000000

/* What is written, and how far. */
struct text {
    char *to;
    size_t length;
};

__attribute__((format(printf, 2, 3))) static void put(struct text *text, const char *format, ...)
{
    va_list args;
    int length;

    va_start(args, format);
    length = vsnprintf(text->to + text->length, VALUE_TEXT_SIZE - text->length, format, args);
    va_end(args);
    text->length += length > 0 ? (size_t)length : 0;
}

static void put_day(struct text *text, const struct evpg_civil *civil)
{
    put(text, "%04d-%02d-%02d", civil->year > 0 ? civil->year : 1 - civil->year, civil->month,
        civil->day);
}

/* Hours may be many. */
static void put_clock(struct text *text, uint64_t microseconds)
{
    uint64_t seconds = microseconds / SECOND;

    put(text, "%02" PRIu64 ":%02" PRIu64 ":%02" PRIu64 ".%06" PRIu64, seconds / 3600,
        seconds / 60 % 60, seconds % 60, microseconds % SECOND);
}

/* Of a day, or a day and a time, that the server can hold. */
static void put_civil(struct text *text, const struct evpg_civil *civil, const char *zone)
{
    put_day(text, civil);
    if (zone)
        put(text, " %02d:%02d:%02d.%06d%s", civil->hour, civil->minute, civil->second,
            civil->microsecond, zone);
    if (civil->year <= 0)
        put(text, " BC");
}

static const char *put_date(struct text *text, const unsigned char *bytes)
{
    struct evpg_civil civil;
    int32_t days;
    const char *why = value_binary_date(bytes, 4, &days);

    if (why)
        return why;
    if (evpg_date_to_civil(days, &civil) < 0)
        return days > 0 ? "infinity" : "-infinity";
    put_civil(text, &civil, NULL);
    return NULL;
}

static const char *put_timestamp(struct text *text, const unsigned char *bytes, const char *zone)
{
    struct evpg_civil civil;
    int64_t timestamp;
    const char *why = value_binary_timestamp(bytes, 8, &timestamp);

    if (why)
        return why;
    if (evpg_timestamp_to_civil(timestamp, &civil) < 0)
        return timestamp > 0 ? "infinity" : "-infinity";
    put_civil(text, &civil, zone);
    return NULL;
}

static const char *put_time(struct text *text, const unsigned char *bytes)
{
    int64_t microseconds;
    const char *why = value_binary_time(bytes, 8, &microseconds);

    if (!why)
        put_clock(text, (uint64_t)microseconds);
    return why;
}

static const char *put_timetz(struct text *text, const unsigned char *bytes)
{
    struct evpg_timetz value;
    const char *why = value_binary_timetz(bytes, VALUE_TIMETZ_SIZE, &value);
    int zone;

    if (why)
        return why;
    zone = abs(value.zone);
    put_clock(text, (uint64_t)value.microseconds);
    put(text, "%c%02d:%02d:%02d", value.zone > 0 ? '-' : '+', zone / 3600, zone / 60 % 60,
        zone % 60);
    return NULL;
}

static bool is_infinite(const struct evpg_interval *value)
{
    return (value->months == INT32_MAX && value->days == INT32_MAX &&
            value->microseconds == INT64_MAX) ||
           (value->months == INT32_MIN && value->days == INT32_MIN &&
            value->microseconds == INT64_MIN);
}

static const char *put_interval(struct text *text, const unsigned char *bytes)
{
    struct evpg_interval value;
    const char *why = value_binary_interval(bytes, VALUE_INTERVAL_SIZE, &value);
    uint64_t clock;

    if (why)
        return why;
    if (is_infinite(&value))
        return value.days > 0 ? "infinity" : "-infinity";
    clock = (uint64_t)value.microseconds;
    put(text, "%+" PRId32 " mons %+" PRId32 " days %c", value.months, value.days,
        value.microseconds < 0 ? '-' : '+');
    put_clock(text, value.microseconds < 0 ? 0 - clock : clock);
    return NULL;
}

static const char *put_uuid(struct text *text, const unsigned char *bytes)
{
    for (int i = 0; i < 16; i++)
        put(text, "%02x", bytes[i]);
    return NULL;
}

bool value_text_can(uint32_t type)
{
    return type == TYPE_DATE || type == TYPE_TIME || type == TYPE_TIMETZ ||
           type == TYPE_TIMESTAMP || type == TYPE_TIMESTAMPTZ || type == TYPE_INTERVAL ||
           type == TYPE_UUID;
}

/* NULL; or a word in its place. */
static const char *put_value(struct text *text, uint32_t type, const unsigned char *bytes)
{
    if (type == TYPE_DATE)
        return put_date(text, bytes);
    if (type == TYPE_TIME)
        return put_time(text, bytes);
    if (type == TYPE_TIMETZ)
        return put_timetz(text, bytes);
    if (type == TYPE_TIMESTAMP)
        return put_timestamp(text, bytes, "");
    if (type == TYPE_TIMESTAMPTZ)
        return put_timestamp(text, bytes, "+00");
    return type == TYPE_INTERVAL ? put_interval(text, bytes) : put_uuid(text, bytes);
}

size_t value_text_write(uint32_t type, const unsigned char *bytes, char to[VALUE_TEXT_SIZE])
{
    struct text text = {to, 0};
    const char *word = put_value(&text, type, bytes);

    if (word)
        put(&text, "%s", word);
    return text.length;
}
