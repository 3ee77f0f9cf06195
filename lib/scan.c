/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * scan: the small parts that dates, times and intervals are written with.
 *
 * Called by the readers of values; pure. Invariants: nothing is read beyond the NUL byte; what is
 * not there leaves the place where it was; no number overflows, since the digits are counted.
 */
#include "scan.h"

#include <string.h>

/* The longest interval has 2562047788:00:54.775808. */
#define MAX_MICROSECONDS ((uint64_t)1 << 63)
#define MAX_HOURS 2562047788

bool scan_word(const char **at, const char *word)
{
    size_t length = strlen(word);

    if (strncmp(*at, word, length) != 0)
        return false;
    *at += length;
    return true;
}

bool scan_digits(const char **at, int min, int max, int64_t *number)
{
    const char *end = *at;
    int64_t sum = 0;

    for (; scan_is_digit(*end) && end - *at < max; end++)
        sum = sum * 10 + (*end - '0');
    if (end - *at < min || scan_is_digit(*end))
        return false;
    *at = end;
    *number = sum;
    return true;
}

bool scan_fraction(const char **at, int64_t *microseconds)
{
    static const int units[] = {1000000, 100000, 10000, 1000, 100, 10, 1}; /* of so many digits */
    const char *end = *at;

    *microseconds = 0;
    if (!scan_char(&end, '.'))
        return true;
    if (!scan_digits(&end, 1, 6, microseconds))
        return false;
    *microseconds *= units[end - *at - 1];
    *at = end;
    return true;
}

/* Minutes or seconds behind a ':'. */
static bool scan_sixtieth(const char **at, int64_t *number)
{
    return scan_char(at, ':') && scan_two_digits(at, number) && *number < 60;
}

/* Behind the hours. */
static bool scan_rest_of_clock(const char **at, int64_t hours, uint64_t *microseconds)
{
    int64_t minutes, seconds, fraction;

    if (hours > MAX_HOURS || !scan_sixtieth(at, &minutes) || !scan_sixtieth(at, &seconds) ||
        !scan_fraction(at, &fraction))
        return false;
    *microseconds =
        (uint64_t)((hours * 60 + minutes) * 60 + seconds) * 1000000 + (uint64_t)fraction;
    return *microseconds <= MAX_MICROSECONDS;
}

bool scan_clock(const char **at, int min_hour_digits, int max_hour_digits, uint64_t *microseconds)
{
    const char *end = *at;
    int64_t hours;

    if (!scan_digits(&end, min_hour_digits, max_hour_digits, &hours) ||
        !scan_rest_of_clock(&end, hours, microseconds))
        return false;
    *at = end;
    return true;
}

bool scan_time_of_day(const char **at, uint64_t *microseconds)
{
    const char *end = *at;
    int64_t hours;

    if (!scan_two_digits(&end, &hours) || !scan_rest_of_clock(&end, hours, microseconds))
        return false;
    *at = end;
    return true;
}
