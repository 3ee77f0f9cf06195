/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SCAN_H
#define SCAN_H

#include <stdbool.h>
#include <stdint.h>

static inline bool scan_is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* Each reads something at *at, which must be ended by a NUL byte, and moves *at behind it. False:
 * it is not there, and *at stays. */
static inline bool scan_char(const char **at, char c)
{
    if (**at != c || !c)
        return false;
    ++*at;
    return true;
}

bool scan_word(const char **at, const char *word);

/* Between min and max digits, and no more follow. max is at most 18. */
bool scan_digits(const char **at, int min, int max, int64_t *number);

/* Two digits, and no more follow. */
static inline bool scan_two_digits(const char **at, int64_t *number)
{
    const char *text = *at;

    if (!scan_is_digit(text[0]) || !scan_is_digit(text[1]) || scan_is_digit(text[2]))
        return false;
    *number = (text[0] - '0') * 10 + (text[1] - '0');
    *at += 2;
    return true;
}

/* A '.' and up to six digits; without them it is 0. */
bool scan_fraction(const char **at, int64_t *microseconds);

/* H:MM:SS[.ffffff], without a sign, of at most 2^63 microseconds. */
bool scan_clock(const char **at, int min_hour_digits, int max_hour_digits, uint64_t *microseconds);

/* The same with two digits of hours. */
bool scan_time_of_day(const char **at, uint64_t *microseconds);

#endif
