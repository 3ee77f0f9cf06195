/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * value_range: reads ranges and multiranges: [1,10), {[1,3),[5,7)}, and their binary formats.
 *
 * Called by row_parts.c; pure. Invariants: any bytes give a range or a reason; nothing is read
 * beyond the end; there are always two bounds, and one that is infinite, or of an empty range, is
 * NULL and not inclusive.
 */
#include "value_range.h"

#include <string.h>
#include <strings.h>

/* PostgreSQL sources, rangetypes.h */
enum {
    RANGE_EMPTY = 0x01,
    RANGE_LB_INC = 0x02,
    RANGE_UB_INC = 0x04,
    RANGE_LB_INF = 0x08,
    RANGE_UB_INF = 0x10,
    RANGE_ALL = 0x1f
};

static const char *make_empty(uint32_t bound_type, struct value_range *range,
                              struct value_parts *parts)
{
    *range = (struct value_range){.empty = true};
    value_parts_null(parts, bound_type);
    value_parts_null(parts, bound_type);
    return NULL;
}

/* Moves beyond "empty", and says whether it was there. */
static bool take_empty(const char **at, const char *end)
{
    if (end - *at < 5 || strncasecmp(*at, "empty", 5) != 0)
        return false;
    *at += 5;
    return true;
}

/* Both bounds with what is around them, and blanks behind. */
static const char *read_bounds(const char **at, const char *end, uint32_t bound_type,
                               struct value_range *range, struct value_parts *parts)
{
    const char *from = *at;
    bool lower_inclusive = *from == '[', upper_inclusive;
    const char *comma = value_parts_item(parts, from + 1, end, ",)]", bound_type), *last;

    if (!comma || comma == end || *comma != ',')
        return "its lower bound is not followed by a comma";
    last = value_parts_item(parts, comma + 1, end, ",)]", bound_type);
    if (!last || last == end || *last == ',')
        return "its upper bound is not followed by a bracket";
    upper_inclusive = *last == ']';
    *range = (struct value_range){.infinite = {comma == from + 1, last == comma + 1}};
    range->inclusive[0] = lower_inclusive && !range->infinite[0];
    range->inclusive[1] = upper_inclusive && !range->infinite[1];
    *at = value_skip_blanks(last + 1, end);
    return NULL;
}

/* One range, from its first character on. */
static const char *read_range(const char **at, const char *end, uint32_t bound_type,
                              struct value_range *range, struct value_parts *parts)
{
    if (*at == end || (**at != '[' && **at != '('))
        return "it does not begin with a bracket";
    return read_bounds(at, end, bound_type, range, parts);
}

const char *value_range_text(const char *text, size_t length, uint32_t bound_type,
                             struct value_range *range, struct value_parts *parts)
{
    const char *end = text + length, *at = value_skip_blanks(text, end);
    const char *why;

    if (take_empty(&at, end)) {
        at = value_skip_blanks(at, end);
        why = make_empty(bound_type, range, parts);
    } else {
        why = read_range(&at, end, bound_type, range, parts);
    }
    if (!why && at < end)
        why = "there is something after its last bracket";
    return why;
}

/* None is NULL in binary format: what is not there is told by the flags. */
static const char *take_part(struct value_rest *rest, uint32_t type, struct value_parts *parts)
{
    struct value_rest ahead = *rest;
    int32_t length;

    if (!value_rest_int32(&ahead, &length) && length == -1)
        return "a part is NULL";
    return value_rest_part(rest, type, parts);
}

/* A bound that is there; NULL where it is not. */
static const char *read_bound(struct value_rest *rest, bool infinite, uint32_t bound_type,
                              struct value_parts *parts)
{
    if (!infinite)
        return take_part(rest, bound_type, parts);
    value_parts_null(parts, bound_type);
    return NULL;
}

static const char *read_both(struct value_rest *rest, uint32_t bound_type,
                             const struct value_range *range, struct value_parts *parts)
{
    const char *why = read_bound(rest, range->infinite[0], bound_type, parts);

    return why ? why : read_bound(rest, range->infinite[1], bound_type, parts);
}

const char *value_range_binary(const void *bytes, size_t length, uint32_t bound_type,
                               struct value_range *range, struct value_parts *parts)
{
    const unsigned char *flags = bytes;
    struct value_rest rest;
    const char *why;

    if (length == 0)
        return "it ends too early";
    rest = (struct value_rest){flags + 1, length - 1};
    if (*flags & ~RANGE_ALL)
        return "its flags are unknown";
    if (*flags & RANGE_EMPTY) {
        why = make_empty(bound_type, range, parts);
    } else {
        *range = (struct value_range){.infinite = {*flags & RANGE_LB_INF, *flags & RANGE_UB_INF}};
        range->inclusive[0] = *flags & RANGE_LB_INC && !range->infinite[0];
        range->inclusive[1] = *flags & RANGE_UB_INC && !range->infinite[1];
        why = read_both(&rest, bound_type, range, parts);
    }
    return why ? why : value_rest_end(&rest);
}

/* Finds where a range ends, and takes it as it stands. */
static const char *take_range(const char **at, const char *end, uint32_t range_type,
                              struct value_parts *parts)
{
    const char *from = *at;
    struct value_parts unused = {0};
    struct value_range range;
    const char *why;

    if (take_empty(at, end)) {
        *at = value_skip_blanks(*at, end);
        why = NULL;
    } else {
        why = read_range(at, end, 0, &range, &unused);
    }
    if (!why)
        value_parts_copy(parts, from, (size_t)(*at - from), range_type);
    return why;
}

static const char *take_ranges(const char **at, const char *end, uint32_t range_type,
                               struct value_parts *parts)
{
    for (;;) {
        const char *why;

        *at = value_skip_blanks(*at, end);
        why = take_range(at, end, range_type, parts);
        if (why)
            return why;
        if (*at == end || (**at != ',' && **at != '}'))
            return "a range is not followed by another or a brace";
        if (*(*at)++ == '}')
            return NULL;
    }
}

const char *value_multirange_text(const char *text, size_t length, uint32_t range_type,
                                  struct value_parts *parts)
{
    const char *end = text + length, *at = value_skip_blanks(text, end);
    const char *why = NULL;

    if (at == end || *at++ != '{')
        return "it does not begin with a brace";
    at = value_skip_blanks(at, end);
    if (at < end && *at == '}')
        at++;
    else
        why = take_ranges(&at, end, range_type, parts);
    if (!why && value_skip_blanks(at, end) < end)
        why = "there is something after its last brace";
    return why;
}

const char *value_multirange_binary(const void *bytes, size_t length, uint32_t range_type,
                                    struct value_parts *parts)
{
    struct value_rest rest = {bytes, length};
    int32_t count;
    const char *why = value_rest_int32(&rest, &count);

    if (why)
        return why;
    if (count < 0 || (size_t)count > rest.length / 4)
        return "it has more ranges than bytes";
    while (count-- > 0 && !why)
        why = take_part(&rest, range_type, parts);
    return why ? why : value_rest_end(&rest);
}
