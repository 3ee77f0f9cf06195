/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * params_packed: sets of parameters, packed.
 *
 * Used by op_many.c; pure. Invariants: a value is its length, or -1 for NULL, with a bit for binary
 * format, and then its bytes and a NUL byte, which is what libpq needs of text; nothing is aligned.
 * The types are not in it: they are the statement's.
 */
#include "params_packed.h"

#include <string.h>

/* No value is so long. */
#define BINARY 0x40000000

size_t params_packed_size(const struct evpg_param *params, size_t count)
{
    return params_size(params, count) - count * PARAMS_SLOT + count * sizeof(int32_t);
}

char *params_pack(const struct params *params, char *to)
{
    for (int i = 0; i < params->count; i++) {
        int32_t head = params->values[i] ? params->lengths[i] : -1;
        size_t size = params->values[i] ? (size_t)head + 1 : 0;

        if (params->values[i] && params->formats[i] == 1)
            head |= BINARY;
        memcpy(to, &head, sizeof(head));
        if (size > 0)
            memcpy(to + sizeof(head), params->values[i], size);
        to += sizeof(head) + size;
    }
    return to;
}

const char *params_unpack(struct params *params, const char *from)
{
    for (int i = 0; i < params->count; i++) {
        int32_t head;

        memcpy(&head, from, sizeof(head));
        from += sizeof(head);
        params->values[i] = head < 0 ? NULL : from;
        params->formats[i] = head >= 0 && head & BINARY ? 1 : 0;
        params->lengths[i] = head < 0 ? 0 : head & ~BINARY;
        from += head < 0 ? 0 : params->lengths[i] + 1;
    }
    return from;
}
