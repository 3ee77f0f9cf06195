/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * value_time: reads dates and times from the text in which the server sends them.
 *
 * Called by row_time.c; pure. The server writes them by datestyle (PostgreSQL sources, datetime.c,
 * EncodeDateTime() and its kin). Invariants: any text gives a value or a reason; nothing is read
 * beyond its end; a text that could mean two things is refused, and so is a style in which some
 * values would be: what is read of one day must not depend on which day it is.
 */
#include "value_time.h"

#include "calendar.h"
#include "scan.h"

#include <string.h>

static const char *const ambiguous =
    "in this datestyle day and month could be taken for each other; ISO is read";
static const char *const abbreviated =
    "in this datestyle the zone is an abbreviation, which tells no offset; ISO is read";

enum style { STYLE_ISO, STYLE_GERMAN, STYLE_POSTGRES };

/* What is written of a date and a time. */
struct moment {
    enum style style;
    int64_t year, month, day;
    int64_t weekday; /* from 0, Sunday; of STYLE_POSTGRES */
    uint64_t time;   /* of day, in microseconds */
    int64_t west;    /* of UTC, in seconds */
};

/* 1997-12-17 */
static bool scan_iso_date(const char **at, struct moment *moment)
{
    moment->style = STYLE_ISO;
    return scan_digits(at, 4, 7, &moment->year) && scan_char(at, '-') &&
           scan_two_digits(at, &moment->month) && scan_char(at, '-') &&
           scan_two_digits(at, &moment->day);
}

/* 17.12.1997 */
static bool scan_german_date(const char **at, struct moment *moment)
{
    moment->style = STYLE_GERMAN;
    return scan_two_digits(at, &moment->day) && scan_char(at, '.') &&
           scan_two_digits(at, &moment->month) && scan_char(at, '.') &&
           scan_digits(at, 4, 7, &moment->year);
}

static bool scan_date(const char **at, struct moment *moment)
{
    const char *start = *at;

    if (scan_iso_date(at, moment))
        return true;
    *at = start;
    return scan_german_date(at, moment);
}

/* 12/17/1997, 17/12/1997, and with '-' the same. */
static bool is_ambiguous(const char *text)
{
    int64_t number;
    char between;

    if (!scan_two_digits(&text, &number) || (*text != '/' && *text != '-'))
        return false;
    between = *text++;
    return scan_two_digits(&text, &number) && *text == between;
}

/* One of `count` words of three letters; which, from 0. */
static bool scan_name(const char **at, const char *names, int count, int64_t *which)
{
    for (int i = 0; i < count; i++) {
        if (strncmp(*at, names + 3 * i, 3) != 0)
            continue;
        *at += 3;
        *which = i;
        return true;
    }
    return false;
}

static bool scan_month(const char **at, struct moment *moment)
{
    if (!scan_name(at, "JanFebMarAprMayJunJulAugSepOctNovDec", 12, &moment->month))
        return false;
    moment->month++;
    return true;
}

/* Dec 17, or 17 Dec. */
static bool scan_month_and_day(const char **at, struct moment *moment)
{
    if (scan_month(at, moment))
        return scan_char(at, ' ') && scan_two_digits(at, &moment->day);
    return scan_two_digits(at, &moment->day) && scan_char(at, ' ') && scan_month(at, moment);
}

/* Wed Dec 17 07:37:16 1997 */
static bool scan_postgres(const char **at, struct moment *moment)
{
    moment->style = STYLE_POSTGRES;
    return scan_name(at, "SunMonTueWedThuFriSat", 7, &moment->weekday) && scan_char(at, ' ') &&
           scan_month_and_day(at, moment) && scan_char(at, ' ') &&
           scan_time_of_day(at, &moment->time) && scan_char(at, ' ') &&
           scan_digits(at, 4, 7, &moment->year);
}

static bool scan_date_and_time(const char **at, struct moment *moment)
{
    if (!scan_is_digit(**at))
        return scan_postgres(at, moment);
    return scan_date(at, moment) && scan_char(at, ' ') && scan_time_of_day(at, &moment->time);
}

/* Minutes or seconds of an offset, which are not there where they are 0. */
static bool scan_more_of_zone(const char **at, int64_t *number)
{
    *number = 0;
    return !scan_char(at, ':') || (scan_two_digits(at, number) && *number < 60);
}

/* +05:45, in which '+' is east. */
static bool scan_zone(const char **at, int64_t *west)
{
    bool east = **at == '+';
    int64_t hours, minutes, seconds;

    if ((!scan_char(at, '+') && !scan_char(at, '-')) || !scan_digits(at, 2, 3, &hours) ||
        !scan_more_of_zone(at, &minutes) || !scan_more_of_zone(at, &seconds))
        return false;
    seconds += (hours * 60 + minutes) * 60;
    *west = east ? -seconds : seconds;
    return seconds < VALUE_ZONE_END;
}

/* The text's end, before which there may be a BC; and the day. */
static bool end_date(const char *at, struct moment *moment, int64_t *days)
{
    if (moment->year == 0)
        return false;
    if (scan_word(&at, " BC"))
        moment->year = 1 - moment->year;
    return !*at && calendar_days(moment->year, moment->month, moment->day, days);
}

/* 2000-01-01 was a Saturday. */
static bool is_weekday(int64_t days, int64_t weekday)
{
    return ((days + 6) % 7 + 7) % 7 == weekday;
}

static int infinity_sign(const char *text)
{
    if (*text != 'i' && *text != '-')
        return 0;
    if (strcmp(text, "infinity") == 0)
        return 1;
    return strcmp(text, "-infinity") == 0 ? -1 : 0;
}

const char *value_read_date(const char *text, int32_t *value)
{
    struct moment moment;
    int64_t days;
    int sign = infinity_sign(text);

    if (sign != 0) {
        *value = sign > 0 ? EVPG_DATE_INFINITY : EVPG_DATE_MINUS_INFINITY;
        return NULL;
    }
    if (is_ambiguous(text))
        return ambiguous;
    if (!scan_date(&text, &moment) || !end_date(text, &moment, &days))
        return "not a date";
    if (!calendar_has_date(days))
        return "out of range";
    *value = (int32_t)days;
    return NULL;
}

static bool scan_time(const char **at, int64_t *microseconds)
{
    uint64_t time;

    if (!scan_time_of_day(at, &time) || time > CALENDAR_DAY)
        return false;
    *microseconds = (int64_t)time;
    return true;
}

const char *value_read_time(const char *text, int64_t *microseconds)
{
    int64_t time;

    if (!scan_time(&text, &time) || *text)
        return "not a time of day";
    *microseconds = time;
    return NULL;
}

const char *value_read_timetz(const char *text, struct evpg_timetz *value)
{
    int64_t time, west;

    if (!scan_time(&text, &time) || !scan_zone(&text, &west) || *text)
        return "not a time of day with a zone";
    *value = (struct evpg_timetz){.microseconds = time, .zone = (int32_t)west};
    return NULL;
}

/* What both kinds of timestamps have in common: all but the zone, and what may follow it. */
static const char *scan_timestamp(const char **at, struct moment *moment)
{
    if (is_ambiguous(*at))
        return ambiguous;
    moment->west = 0;
    return scan_date_and_time(at, moment) && moment->time < CALENDAR_DAY ? NULL : "not a timestamp";
}

static const char *end_timestamp(const char *at, struct moment *moment, int64_t *microseconds)
{
    int64_t days;

    if (!end_date(at, moment, &days))
        return "not a timestamp";
    if (moment->style == STYLE_POSTGRES && !is_weekday(days, moment->weekday))
        return "not a timestamp: it was another day of the week";
    if (!calendar_timestamp(days, (int64_t)moment->time, moment->west, microseconds))
        return "out of range";
    return NULL;
}

static bool read_infinity(const char *text, int64_t *microseconds)
{
    int sign = infinity_sign(text);

    if (sign == 0)
        return false;
    *microseconds = sign > 0 ? EVPG_TIMESTAMP_INFINITY : EVPG_TIMESTAMP_MINUS_INFINITY;
    return true;
}

const char *value_read_timestamp(const char *text, int64_t *microseconds)
{
    struct moment moment;
    const char *why;

    if (read_infinity(text, microseconds))
        return NULL;
    why = scan_timestamp(&text, &moment);
    return why ? why : end_timestamp(text, &moment, microseconds);
}

const char *value_read_timestamptz(const char *text, int64_t *microseconds)
{
    struct moment moment;
    const char *why;

    if (read_infinity(text, microseconds))
        return NULL;
    why = scan_timestamp(&text, &moment);
    if (why)
        return why;
    if (moment.style != STYLE_ISO)
        return abbreviated;
    if (!scan_zone(&text, &moment.west))
        return "not a timestamp with a zone";
    return end_timestamp(text, &moment, microseconds);
}
