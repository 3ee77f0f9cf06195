/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef VALUE_PART_H
#define VALUE_PART_H

#include <stddef.h>
#include <stdint.h>

/* A value, or a part of one, as the getters have it. */
struct row_cell {
    const char *text; /* in the row's format; what may be text is ended by a NUL byte; NULL: NULL */
    size_t length;
    uint32_t type; /* TYPE_NONE when the value does not tell */
};

/* Where the readers of arrays, ranges and composites put the parts. They are run twice: first
 * without cells, to count; then with as much room as was counted. */
struct value_parts {
    size_t count;           /* so far */
    size_t size;            /* of the copies, so far */
    struct row_cell *cells; /* room for the parts; NULL: they are only counted */
    char *copies;           /* room for the copies */
};

static inline void value_parts_put(struct value_parts *parts, char byte)
{
    if (parts->cells)
        parts->copies[parts->size] = byte;
    parts->size++;
}

/* The bytes put since the size was `start` are a part of that type. */
void value_parts_end(struct value_parts *parts, size_t start, uint32_t type);

void value_parts_null(struct value_parts *parts, uint32_t type);

/* A part that is text, as it stands. */
void value_parts_copy(struct value_parts *parts, const char *text, size_t length, uint32_t type);

/* A bound or a field in text format, up to one of `stops` that is not quoted: quotes and
 * backslashes are taken off, and nothing at all is NULL. Gives where it ends, or NULL when the text
 * ends in quotes or in a backslash; `end` itself when there is no stop. */
const char *value_parts_item(struct value_parts *parts, const char *at, const char *end,
                             const char *stops, uint32_t type);

/* What is left of a value in binary format. */
struct value_rest {
    const unsigned char *at;
    size_t length;
};

/* The next number; NULL, or the reason why there is none. */
const char *value_rest_int32(struct value_rest *rest, int32_t *number);

/* The next part, with its length before it. */
const char *value_rest_part(struct value_rest *rest, uint32_t type, struct value_parts *parts);

/* Nothing, once it is used up; else the reason. */
const char *value_rest_end(const struct value_rest *rest);

/* What the server takes for blanks between the parts; the first that is none. */
const char *value_skip_blanks(const char *at, const char *end);

#endif
