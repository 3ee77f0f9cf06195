/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef PARAMS_PACKED_H
#define PARAMS_PACKED_H

#include "params.h"

/* Many sets of parameters for one statement, one behind the other, in little more than the memory
 * that their values take. */

/* What one set takes, that was checked. */
size_t params_packed_size(const struct evpg_param *params, size_t count);

/* Writes the set that params_copy has laid out; returns the end. */
char *params_pack(const struct params *params, char *to);

/* Lays the next one out, its values where they are: values, lengths and formats, which have room.
 * Returns the end. */
const char *params_unpack(struct params *params, const char *from);

#endif
