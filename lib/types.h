/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef TYPES_H
#define TYPES_H

#include <evpg/type.h>

struct types_entry;

/* The types that a db knows; all zero: none. */
struct types {
    struct types_entry *by_name, *by_oid; /* uthash's */
};

/* From now on it is known by that name, and by its OID. False: memory ran out. */
bool types_learn(struct types *types, const char *name, const struct evpg_type *type);

void types_forget(struct types *types);

const struct evpg_type *types_named(const struct types *types, const char *name);
const struct evpg_type *types_of(const struct types *types, uint32_t oid);

#endif
