/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef PARAMS_H
#define PARAMS_H

#include "pq.h"

#include <evpg/param.h>

/* The most one statement may take with all its parameters: below the server's limit of 1 GB for a
 * message, and with it below what libpq counts in an int. */
#define PARAMS_MAX_BYTES 0x3ff00000

/* Which maker made a parameter. */
enum kind {
    KIND_NULL = 1,
    KIND_INLINE,
    KIND_TEXT,
    KIND_BYTES,
    KIND_ARRAY,
    KIND_RANGE,
    KIND_COMPOSITE
};

/* What libpq takes: four arrays of `count`. */
struct params {
    int count;
    const char **values;
    int *lengths;
    int *formats;
    Oid *types;
};

/* Whether the library can send them; if not, why, naming the parameter. */
bool params_check(const struct evpg_param *params, size_t count, char *why, size_t why_size);

/* Why one cannot be sent, whatever its parts are; or NULL. */
const char *params_complaint(const struct evpg_param *param);

/* The memory that params_copy needs. Only for parameters that were checked. */
size_t params_size(const struct evpg_param *params, size_t count);

/* Copies them, values and all, into memory aligned for pointers. */
void params_copy(struct params *to, const struct evpg_param *params, size_t count, void *memory);

#endif
