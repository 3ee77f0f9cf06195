/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef VALUE_NUMERIC_H
#define VALUE_NUMERIC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A numeric as its binary format has it, checked; points into that. */
struct numeric {
    const char *special;         /* "NaN", "Infinity", "-Infinity"; NULL: it is a number */
    const unsigned char *groups; /* each four decimal digits, in two bytes; the first is not 0 */
    int count;                   /* of the groups */
    int weight;                  /* the first one counts 10000 to this power */
    int scale;                   /* digits after the point, shown even when they are 0 */
    bool negative;
};

/* Reads binary format. NULL, or the reason why it cannot be read. Any bytes will do. */
const char *value_numeric_read(const void *bytes, size_t length, struct numeric *number);

/* The bytes that its text takes, with the NUL byte at its end. */
size_t value_numeric_size(const struct numeric *number);

/* Writes that: as the server would, ended by a NUL byte. */
void value_numeric_write(const struct numeric *number, char *to);

/* Whether this is a numeric as the server writes it; NULL, or why not. */
const char *value_numeric_check_written(const char *text, size_t length);

/* Whether the server takes this for a numeric; NULL, or why not. It may still be out of range. */
const char *value_numeric_check_given(const char *text, size_t length);

/* What the server wrote, ended by a NUL byte, times 10 to the power of scale. NULL, or the reason
 * why that is no integer of 64 bits. */
const char *value_numeric_scaled(const char *text, int scale, int64_t *value);

#endif
