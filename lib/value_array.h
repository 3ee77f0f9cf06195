/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef VALUE_ARRAY_H
#define VALUE_ARRAY_H

#include "value_part.h"

/* The server's own limit. */
#define VALUE_ARRAY_MAX 6

/* What an array is, beside its elements. */
struct value_array {
    uint32_t element_type;
    int dimensions; /* 0: it is empty */
    int32_t lengths[VALUE_ARRAY_MAX];
    int32_t lower_bounds[VALUE_ARRAY_MAX];
};

/* The elements become parts, row by row. NULL, or the reason why it cannot be read; then what has
 * been set means nothing. */
const char *value_array_text(const char *text, size_t length, uint32_t element_type,
                             struct value_array *array, struct value_parts *parts);
const char *value_array_binary(const void *bytes, size_t length, struct value_array *array,
                               struct value_parts *parts);

#endif
