/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef PARAMS_H
#define PARAMS_H

#include "pq.h"

#include <evpg/param.h>

/* The most one statement may take with all its parameters: below the server's limit of 1 GB for a
 * message, and with it below what libpq counts in an int. */
#define PARAMS_MAX_BYTES 0x3ff00000

/* Which maker made a parameter: how it is checked and copied. Part of the ABI. */
enum params_kind {
    PARAMS_NULL = 1,
    PARAMS_INLINE,
    PARAMS_TEXT,
    PARAMS_BYTES,
    PARAMS_NUMERIC, /* text */
    PARAMS_BITS,    /* text */
    PARAMS_ARRAY,
    PARAMS_RANGE,
    PARAMS_COMPOSITE,
    PARAMS_REFUSED, /* a value that a maker could not take: why */
    PARAMS_KINDS
};

/* Whether it is sent as text, when it stands alone. */
static inline bool params_is_text(const struct evpg_param *param)
{
    return param->kind == PARAMS_TEXT || param->kind == PARAMS_NUMERIC ||
           param->kind == PARAMS_BITS;
}

/* For makers: a number of up to 8 bytes, in binary; text or, for NULL, the NULL of that type; and a
 * parameter that params_check refuses for that reason, which must live for ever. */
struct evpg_param params_number(uint32_t oid, uint64_t bits, unsigned size);
struct evpg_param params_text(uint32_t oid, enum params_kind kind, const char *text);
struct evpg_param params_refused(const char *why);

/* What libpq takes: four arrays of `count`, and what each parameter takes in them. */
struct params {
    int count;
    const char **values;
    int *lengths;
    int *formats;
    Oid *types;
};
#define PARAMS_SLOT (sizeof(char *) + 2 * sizeof(int) + sizeof(Oid))

/* Whether the library can send them; if not, why, naming the parameter. */
bool params_check(const struct evpg_param *params, size_t count, char *why, size_t why_size);

/* Why one cannot be sent, whatever its parts are; or NULL. */
const char *params_complaint(const struct evpg_param *param);

/* The same, and the memory that params_copy needs. */
bool params_measure(const struct evpg_param *params, size_t count, size_t *size, char *why,
                    size_t why_size);

/* The memory that params_copy needs. Only for parameters that were checked. */
size_t params_size(const struct evpg_param *params, size_t count);

/* Copies them, values and all, into memory aligned for pointers. */
void params_copy(struct params *to, const struct evpg_param *params, size_t count, void *memory);

#endif
