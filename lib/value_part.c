/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * value_part: what the readers of arrays, ranges and composites have in common: the parts.
 *
 * Called by value_array.c, value_range.c and value_record.c; pure. Invariants: what is counted in
 * the first run is what is put in the second, because both are the same code; nothing is read
 * beyond the end; a part that may be asked for as text is copied, with a NUL byte after it, and all
 * others stay where they are in the value.
 */
#include "value_part.h"

#include "type.h"

#include <string.h>

static void add(struct value_parts *parts, const char *text, size_t length, uint32_t type)
{
    if (parts->cells)
        parts->cells[parts->count] = (struct row_cell){text, length, type};
    parts->count++;
}

void value_parts_end(struct value_parts *parts, size_t start, uint32_t type)
{
    size_t length = parts->size - start;

    value_parts_put(parts, '\0');
    add(parts, parts->cells ? parts->copies + start : NULL, length, type);
}

void value_parts_null(struct value_parts *parts, uint32_t type)
{
    add(parts, NULL, 0, type);
}

void value_parts_copy(struct value_parts *parts, const char *text, size_t length, uint32_t type)
{
    size_t start = parts->size;

    if (parts->cells)
        memcpy(parts->copies + start, text, length);
    parts->size += length;
    value_parts_end(parts, start, type);
}

/* One byte, or a pair that stands for one; NULL: the text ends in its midst. */
static const char *put_one(struct value_parts *parts, const char *at, const char *end, bool *quoted)
{
    if (*at == '\\') {
        if (++at == end)
            return NULL;
        value_parts_put(parts, *at);
    } else if (*at != '"') {
        value_parts_put(parts, *at);
    } else if (*quoted && end - at > 1 && at[1] == '"') {
        value_parts_put(parts, *++at);
    } else {
        *quoted = !*quoted;
    }
    return at + 1;
}

const char *value_parts_item(struct value_parts *parts, const char *at, const char *end,
                             const char *stops, uint32_t type)
{
    size_t start = parts->size;
    const char *from = at;
    bool quoted = false;

    while (at && at < end && (quoted || !*at || !strchr(stops, *at)))
        at = put_one(parts, at, end, &quoted);
    if (!at || quoted)
        return NULL;
    if (at == from)
        value_parts_null(parts, type);
    else
        value_parts_end(parts, start, type);
    return at;
}

const char *value_rest_int32(struct value_rest *rest, int32_t *number)
{
    const unsigned char *at = rest->at;

    if (rest->length < 4)
        return "it ends too early";
    *number =
        (int32_t)((uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3]);
    rest->at += 4;
    rest->length -= 4;
    return NULL;
}

/* jsonb is text after its first byte. */
static bool may_be_text(uint32_t type)
{
    return type_is_text(type) || type == TYPE_JSONB;
}

const char *value_rest_part(struct value_rest *rest, uint32_t type, struct value_parts *parts)
{
    int32_t length;
    const char *why = value_rest_int32(rest, &length);

    if (why)
        return why;
    if (length == -1) {
        value_parts_null(parts, type);
        return NULL;
    }
    if (length < 0 || (size_t)length > rest->length)
        return "a part is longer than the whole";
    if (may_be_text(type))
        value_parts_copy(parts, (const char *)rest->at, (size_t)length, type);
    else
        add(parts, (const char *)rest->at, (size_t)length, type);
    rest->at += length;
    rest->length -= (size_t)length;
    return NULL;
}

const char *value_rest_end(const struct value_rest *rest)
{
    return rest->length > 0 ? "there are bytes after its end" : NULL;
}

const char *value_skip_blanks(const char *at, const char *end)
{
    while (at < end && *at && strchr(" \t\n\r\v\f", *at))
        at++;
    return at;
}
