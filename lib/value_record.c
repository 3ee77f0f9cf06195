/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * value_record: reads composites: (,1234,"x y"), and what record_send makes of them.
 *
 * Called by row_parts.c; pure. Invariants: any bytes give fields or a reason; nothing is read
 * beyond the end; each field takes a byte of text, or eight of binary, so there cannot be more of
 * them than has come.
 */
#include "value_record.h"

#include "type.h"

const char *value_record_text(const char *text, size_t length, struct value_parts *parts)
{
    const char *end = text + length, *at = value_skip_blanks(text, end);

    if (at == end || *at != '(')
        return "it does not begin with a parenthesis";
    do {
        at = value_parts_item(parts, at + 1, end, ",)", TYPE_NONE);
        if (!at || at == end)
            return "a field is not followed by another or a parenthesis";
    } while (*at == ',');
    if (value_skip_blanks(at + 1, end) < end)
        return "there is something after its last parenthesis";
    return NULL;
}

const char *value_record_binary(const void *bytes, size_t length, struct value_parts *parts)
{
    struct value_rest rest = {bytes, length};
    int32_t count, type;
    const char *why = value_rest_int32(&rest, &count);

    if (why)
        return why;
    if (count < 0 || (size_t)count > rest.length / 8)
        return "it has more fields than bytes";
    while (count-- > 0 && !why) {
        why = value_rest_int32(&rest, &type);
        if (!why)
            why = value_rest_part(&rest, (uint32_t)type, parts);
    }
    return why ? why : value_rest_end(&rest);
}
