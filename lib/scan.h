/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SCAN_H
#define SCAN_H

#include <stdbool.h>
#include <stdint.h>

/* Each reads something at *at, which must be ended by a NUL byte, and moves *at behind it. False:
 * it is not there, and *at stays. */
bool scan_char(const char **at, char c);
bool scan_word(const char **at, const char *word);

/* Between min and max digits, and no more follow. max is at most 18. */
bool scan_digits(const char **at, int min, int max, int64_t *number);

/* A '.' and up to six digits; without them it is 0. */
bool scan_fraction(const char **at, int64_t *microseconds);

/* H:MM:SS[.ffffff], without a sign, of at most 2^63 microseconds. */
bool scan_clock(const char **at, int min_hour_digits, int max_hour_digits, uint64_t *microseconds);

#endif
