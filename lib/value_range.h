/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef VALUE_RANGE_H
#define VALUE_RANGE_H

#include "value_part.h"

#include <stdbool.h>

/* What a range is, beside its bounds. */
struct value_range {
    bool empty;
    bool infinite[2]; /* lower, upper */
    bool inclusive[2];
};

/* The bounds become two parts of that type, NULL where there is none. NULL, or the reason why it
 * cannot be read; then what has been set means nothing. */
const char *value_range_text(const char *text, size_t length, uint32_t bound_type,
                             struct value_range *range, struct value_parts *parts);
const char *value_range_binary(const void *bytes, size_t length, uint32_t bound_type,
                               struct value_range *range, struct value_parts *parts);

/* The ranges of a multirange become parts of that type, each a range as the server writes it. */
const char *value_multirange_text(const char *text, size_t length, uint32_t range_type,
                                  struct value_parts *parts);
const char *value_multirange_binary(const void *bytes, size_t length, uint32_t range_type,
                                    struct value_parts *parts);

#endif
