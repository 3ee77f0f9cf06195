/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * twin_values: decodes (int4, text, float8, timestamptz) by hand, as a careful program does it that
 * knows which columns it has asked for.
 *
 * Called by rows_libpq.c. The types are looked at once for a query; each value is asked whether it
 * is NULL; of text each number must end where its text does and be in range, and of a timestamp
 * each field must be in range, with whatever zone it has come. In binary format each length must be
 * the type's own. It is left to strtol() and strtod() what can be: the locale is the "C" locale.
 */
#include "bench.h"
#include "twin.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static const Oid types[] = {23, 25, 701, 1184}; /* int4, text, float8, timestamptz */

static _Noreturn void refuse(const char *why)
{
    bench_die("value", why);
}

static const char *field(const PGresult *result, int row, int column)
{
    if (PQgetisnull(result, row, column))
        refuse("NULL");
    return PQgetvalue(result, row, column);
}

/* --- text format */

static int32_t read_int4(const char *text)
{
    char *end;
    long value;

    errno = 0;
    value = strtol(text, &end, 10);
    if (end == text || *end || errno || value < INT32_MIN || value > INT32_MAX)
        refuse(text);
    return (int32_t)value;
}

static double read_float8(const char *text)
{
    char *end;
    double value;

    errno = 0;
    value = strtod(text, &end);
    if (end == text || *end || (errno == ERANGE && isinf(value)))
        refuse(text);
    return value;
}

/* Exactly two digits; -1: something else is there. */
static int two_digits(const char *at)
{
    unsigned tens = (unsigned)at[0] - '0', ones;

    if (tens > 9)
        return -1;
    ones = (unsigned)at[1] - '0';
    return ones > 9 ? -1 : (int)(tens * 10 + ones);
}

/* From 2000-01-01. The years begin in March, so that the leap day is the last. */
static int64_t count_days(int64_t year, int month, int day)
{
    int64_t era, of_era;

    year -= month <= 2;
    era = (year >= 0 ? year : year - 399) / 400;
    of_era = year - era * 400;
    return era * 146097 + of_era * 365 + of_era / 4 - of_era / 100 +
           (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1 - 730425;
}

static int days_of_month(int64_t year, int month)
{
    static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};

    return days[month - 1] + (month == 2 && year % 4 == 0 && (year % 100 != 0 || year % 400 == 0));
}

/* 2024-02-29; gives what is behind it, and NULL where it is no date. A year BC is told by the
 * text's end, and the year before 1 is 0. */
static const char *read_date(const char *at, bool bc, int64_t *days)
{
    int64_t year = 0;
    int month, day;

    for (; *at >= '0' && *at <= '9' && year < 1000000; at++)
        year = year * 10 + (*at - '0');
    if (*at != '-' || year == 0)
        return NULL;
    year = bc ? 1 - year : year;
    month = two_digits(at + 1);
    if (month < 1 || month > 12 || at[3] != '-')
        return NULL;
    day = two_digits(at + 4);
    if (day < 1 || day > days_of_month(year, month))
        return NULL;
    *days = count_days(year, month, day);
    return at + 6;
}

/* 12:34:56.789; the seconds' fraction may be missing. */
static const char *read_clock(const char *at, int64_t *microseconds)
{
    int hour = two_digits(at), minute, second, fraction = 0, unit = 1000000;

    if (hour < 0 || hour > 23 || at[2] != ':')
        return NULL;
    minute = two_digits(at + 3);
    if (minute < 0 || minute > 59 || at[5] != ':')
        return NULL;
    second = two_digits(at + 6);
    if (second < 0 || second > 59)
        return NULL;
    at += 8;
    if (*at == '.')
        for (at++; *at >= '0' && *at <= '9' && unit > 1; at++)
            fraction += (*at - '0') * (unit /= 10);
    *microseconds = ((hour * 60 + minute) * 60 + second) * INT64_C(1000000) + fraction;
    return at;
}

/* +05:45, or with seconds, or without minutes: in seconds east of UTC. */
static const char *read_zone(const char *at, int *seconds)
{
    bool west = *at == '-';
    int unit = 3600, part;

    if (!west && *at != '+')
        return NULL;
    *seconds = 0;
    do {
        part = two_digits(at + 1);
        if (part < 0 || (unit < 3600 && part > 59))
            return NULL;
        *seconds += part * unit;
        unit /= 60;
        at += 3;
    } while (*at == ':' && unit > 0);
    *seconds = west ? -*seconds : *seconds;
    return at;
}

/* From 2000-01-01 UTC; the infinities are the numbers that the server has for them. */
static int64_t read_timestamptz(const char *text)
{
    bool bc;
    int64_t days, microseconds;
    int zone;
    const char *at;

    if (*text == 'i' && strcmp(text, "infinity") == 0)
        return INT64_MAX;
    if (*text == '-' && strcmp(text, "-infinity") == 0)
        return INT64_MIN;
    bc = text[strlen(text) - 1] == 'C';
    at = read_date(text, bc, &days);
    at = at && *at == ' ' ? read_clock(at + 1, &microseconds) : NULL;
    at = at ? read_zone(at, &zone) : NULL;
    if (!at || strcmp(at, bc ? " BC" : "") != 0)
        refuse(text);
    return days * INT64_C(86400000000) + microseconds - zone * INT64_C(1000000);
}

static void take_text(const PGresult *result, int row)
{
    bench_take(read_int4(field(result, row, 0)), field(result, row, 1),
               read_float8(field(result, row, 2)), read_timestamptz(field(result, row, 3)));
}

/* --- binary format */

static uint64_t read_bytes(const PGresult *result, int row, int column, int length)
{
    const unsigned char *bytes = (const unsigned char *)field(result, row, column);
    uint64_t sum = 0;

    if (PQgetlength(result, row, column) != length)
        refuse("not as long as its type");
    for (int i = 0; i < length; i++)
        sum = sum << 8 | bytes[i];
    return sum;
}

static void take_binary(const PGresult *result, int row)
{
    uint64_t bits = read_bytes(result, row, 2, 8);
    double number;

    memcpy(&number, &bits, sizeof(number));
    bench_take((int32_t)read_bytes(result, row, 0, 4), field(result, row, 1), number,
               (int64_t)read_bytes(result, row, 3, 8));
}

static void check_types(const PGresult *result, bool binary)
{
    if (PQnfields(result) != 4 || PQbinaryTuples(result) != binary)
        refuse("other columns than were asked for");
    for (int i = 0; i < 4; i++)
        if (PQftype(result, i) != types[i])
            refuse("of another type than was asked for");
}

void twin_take_values(const PGresult *result, bool binary, bool first)
{
    int rows = PQntuples(result);

    if (first)
        check_types(result, binary);
    for (int row = 0; row < rows; row++) {
        if (binary)
            take_binary(result, row);
        else
            take_text(result, row);
    }
}
