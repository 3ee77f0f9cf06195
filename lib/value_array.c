/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * value_array: reads arrays: {1,NULL,3}, and what array_send makes of them.
 *
 * Called by row_parts.c; pure. Invariants: any bytes give an array or a reason; nothing is read
 * beyond the end; the product of the lengths is the number of elements, and each element takes
 * bytes, so neither can be more than has come; what is open when text is read is kept in an array
 * of six, not on the stack.
 */
#include "value_array.h"

#include "type.h"

#include <string.h>
#include <strings.h>

struct reader {
    const char *at, *end;
    char delimiter;
    bool bounded;                  /* the text has said how long each dimension is */
    int depth;                     /* how many braces are open */
    int32_t seen[VALUE_ARRAY_MAX]; /* how much has been in each of them */
    struct value_array *array;
    struct value_parts *parts;
};

static bool is_at(const struct reader *reader, char c)
{
    return reader->at < reader->end && *reader->at == c;
}

static bool take(struct reader *reader, char c)
{
    if (!is_at(reader, c))
        return false;
    reader->at++;
    return true;
}

static void skip_blanks(struct reader *reader)
{
    reader->at = value_skip_blanks(reader->at, reader->end);
}

static bool take_number(struct reader *reader, int64_t *number)
{
    bool negative = take(reader, '-');
    const char *from = reader->at;

    *number = 0;
    while (reader->at < reader->end && *reader->at >= '0' && *reader->at <= '9') {
        if (reader->at - from == 10)
            return false;
        *number = *number * 10 + (*reader->at++ - '0');
    }
    if (negative)
        *number = -*number;
    return reader->at > from && *number >= INT32_MIN && *number <= INT32_MAX;
}

/* [1:3] */
static const char *read_bounds(struct reader *reader)
{
    struct value_array *array = reader->array;
    int64_t lower, upper;

    if (array->dimensions == VALUE_ARRAY_MAX)
        return "more than 6 dimensions";
    if (!take_number(reader, &lower) || !take(reader, ':') || !take_number(reader, &upper) ||
        !take(reader, ']'))
        return "its bounds are not [number:number]";
    if (upper < lower || upper - lower >= INT32_MAX)
        return "its upper bound does not fit its lower bound";
    array->lower_bounds[array->dimensions] = (int32_t)lower;
    array->lengths[array->dimensions] = (int32_t)(upper - lower + 1);
    array->dimensions++;
    return NULL;
}

/* [1:3][-1:0]=, if it is there */
static const char *read_all_bounds(struct reader *reader)
{
    while (take(reader, '[')) {
        const char *why = read_bounds(reader);

        if (why)
            return why;
        reader->bounded = true;
        skip_blanks(reader);
    }
    if (reader->bounded && !take(reader, '='))
        return "its bounds are not followed by =";
    skip_blanks(reader);
    return NULL;
}

/* Up to the first element the braces say how many dimensions there are, then they must agree. */
static const char *open_braces(struct reader *reader)
{
    while (take(reader, '{')) {
        if (reader->depth == VALUE_ARRAY_MAX)
            return "more than 6 dimensions";
        reader->seen[reader->depth++] = 0;
        skip_blanks(reader);
    }
    if (reader->array->dimensions == 0)
        reader->array->dimensions = reader->depth;
    return reader->depth == reader->array->dimensions ? NULL : "its parts differ in dimensions";
}

static const char *close_braces(struct reader *reader)
{
    while (reader->depth > 0 && take(reader, '}')) {
        int32_t *length = &reader->array->lengths[--reader->depth];

        if (*length == 0)
            *length = reader->seen[reader->depth];
        if (*length != reader->seen[reader->depth])
            return "its parts differ in length";
        if (reader->depth > 0)
            reader->seen[reader->depth - 1]++;
        skip_blanks(reader);
    }
    return NULL;
}

static const char *read_quoted(struct reader *reader)
{
    struct value_parts *parts = reader->parts;
    size_t start = parts->size;

    while (reader->at < reader->end && *reader->at != '"') {
        if (*reader->at == '\\' && ++reader->at == reader->end)
            break;
        value_parts_put(parts, *reader->at++);
    }
    if (!take(reader, '"'))
        return "it ends in quotes";
    value_parts_end(parts, start, reader->array->element_type);
    return NULL;
}

/* Puts what stands there, but for its backslashes. */
static void put_plain(struct reader *reader, const char *from, const char *end)
{
    size_t start = reader->parts->size;

    for (; from < end; from++) {
        from += *from == '\\';
        value_parts_put(reader->parts, *from);
    }
    value_parts_end(reader->parts, start, reader->array->element_type);
}

/* Blanks at its end are none of its. */
static const char *read_plain(struct reader *reader)
{
    const char *from = reader->at, *end = from;

    for (; reader->at < reader->end; reader->at++) {
        char c = *reader->at;

        if (c == reader->delimiter || c == '}')
            break;
        if (c == '{' || c == '"')
            return "a brace or quote in an element without quotes";
        if (c == '\\' && ++reader->at == reader->end)
            return "it ends in a backslash";
        if (c == '\\' || value_skip_blanks(reader->at, reader->at + 1) == reader->at)
            end = reader->at + 1;
    }
    if (end == from)
        return "an element is missing";
    if (end - from == 4 && strncasecmp(from, "NULL", 4) == 0)
        value_parts_null(reader->parts, reader->array->element_type);
    else
        put_plain(reader, from, end);
    return NULL;
}

/* An element with the braces before and after it. */
static const char *read_element(struct reader *reader)
{
    const char *why = open_braces(reader);

    if (!why)
        why = take(reader, '"') ? read_quoted(reader) : read_plain(reader);
    if (why)
        return why;
    reader->seen[reader->depth - 1]++;
    skip_blanks(reader);
    return close_braces(reader);
}

static const char *read_elements(struct reader *reader)
{
    for (;;) {
        const char *why = read_element(reader);

        if (why || reader->depth == 0)
            return why;
        if (!take(reader, reader->delimiter))
            return "an element is not followed by another or a brace";
        skip_blanks(reader);
    }
}

/* {} */
static bool take_empty(struct reader *reader)
{
    const char *from = reader->at;

    if (!reader->bounded && take(reader, '{')) {
        skip_blanks(reader);
        if (take(reader, '}'))
            return true;
    }
    reader->at = from;
    return false;
}

const char *value_array_text(const char *text, size_t length, uint32_t element_type,
                             struct value_array *array, struct value_parts *parts)
{
    struct reader reader = {.at = text,
                            .end = text + length,
                            .delimiter = type_delimiter(element_type),
                            .array = array,
                            .parts = parts};
    const char *why;

    *array = (struct value_array){.element_type = element_type};
    for (int i = 0; i < VALUE_ARRAY_MAX; i++)
        array->lower_bounds[i] = 1;
    if (length > INT32_MAX)
        return "it is too long";
    skip_blanks(&reader);
    why = read_all_bounds(&reader);
    if (!why && !is_at(&reader, '{'))
        why = "it does not begin with a brace";
    if (!why && !take_empty(&reader))
        why = read_elements(&reader);
    skip_blanks(&reader);
    if (!why && reader.at < reader.end)
        why = "there is something after its last brace";
    return why;
}

/* Each element has 4 bytes for its length, at least; so no product is larger than what is left. */
static const char *read_dimensions(struct value_rest *rest, struct value_array *array,
                                   size_t *product)
{
    size_t count = (size_t)array->dimensions, most;

    if (rest->length < 8 * count)
        return "it ends too early";
    most = (rest->length - 8 * count) / 4;
    *product = count > 0;
    for (size_t i = 0; i < count; i++) {
        int32_t length = 0, lower = 0;

        value_rest_int32(rest, &length);
        value_rest_int32(rest, &lower);
        if (length < 0 || (length > 0 && *product > most / (size_t)length))
            return "it has more elements than bytes";
        if (length > 0 && lower > INT32_MAX - length + 1)
            return "its upper bound does not fit its lower bound";
        array->lengths[i] = length;
        array->lower_bounds[i] = lower;
        *product *= (size_t)length;
    }
    return NULL;
}

/* The number of dimensions, whether there are NULLs, and the elements' type. */
static const char *read_header(struct value_rest *rest, struct value_array *array)
{
    int32_t dimensions, flags, type;
    const char *why = value_rest_int32(rest, &dimensions);

    if (!why)
        why = value_rest_int32(rest, &flags);
    if (!why)
        why = value_rest_int32(rest, &type);
    if (why)
        return why;
    if (dimensions < 0 || dimensions > VALUE_ARRAY_MAX)
        return "more than 6 dimensions";
    if (flags != 0 && flags != 1)
        return "its flags are unknown";
    array->dimensions = dimensions;
    array->element_type = (uint32_t)type;
    return NULL;
}

const char *value_array_binary(const void *bytes, size_t length, struct value_array *array,
                               struct value_parts *parts)
{
    struct value_rest rest = {bytes, length};
    size_t product = 0;
    const char *why = read_header(&rest, array);

    if (!why)
        why = read_dimensions(&rest, array, &product);
    for (size_t i = 0; i < product && !why; i++)
        why = value_rest_part(&rest, array->element_type, parts);
    return why ? why : value_rest_end(&rest);
}
