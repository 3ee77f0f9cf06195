/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * types: what a db knows of the server's types: by the names they were asked for, and by OID.
 *
 * Filled by op_type.c from the server's answers; a part of each db. Pure. Invariants: every entry
 * is in by_name; of those with the same OID, which were asked for by several names, the latest is
 * also in by_oid. An entry is one block of memory, names included.
 */
#include "types.h"

#include "mem.h"

#include <string.h>

#define uthash_malloc mem_alloc
#define uthash_free(memory, size) mem_free(memory)
#define HASH_NONFATAL_OOM 1
#include <uthash.h>

struct types_entry {
    UT_hash_handle named, numbered;
    struct evpg_type type;
    bool is_numbered; /* in by_oid */
    char names[];     /* as it was asked for, and as the server writes it */
};

static void leave_numbered(struct types *types, struct types_entry *entry)
{
    if (entry && entry->is_numbered)
        HASH_DELETE(numbered, types->by_oid, entry);
    if (entry)
        entry->is_numbered = false;
}

static void forget(struct types *types, struct types_entry *entry)
{
    leave_numbered(types, entry);
    HASH_DELETE(named, types->by_name, entry);
    mem_free(entry);
}

static struct types_entry *find_named(const struct types *types, const char *name)
{
    struct types_entry *entry;

    HASH_FIND(named, types->by_name, name, strlen(name), entry);
    return entry;
}

static struct types_entry *find_numbered(const struct types *types, uint32_t oid)
{
    struct types_entry *entry;

    HASH_FIND(numbered, types->by_oid, &oid, sizeof(oid), entry);
    return entry;
}

static struct types_entry *make(const char *name, const struct evpg_type *type)
{
    size_t asked = strlen(name) + 1, written = strlen(type->name) + 1;
    struct types_entry *entry = mem_alloc(sizeof(*entry) + asked + written);

    if (!entry)
        return NULL;
    memcpy(entry->names, name, asked);
    memcpy(entry->names + asked, type->name, written);
    entry->type = *type;
    entry->type.name = entry->names + asked;
    return entry;
}

bool types_learn(struct types *types, const char *name, const struct evpg_type *type)
{
    struct types_entry *entry = make(name, type);
    struct types_entry *old = find_named(types, name);

    if (!entry)
        return false;
    if (old)
        forget(types, old);
    HASH_ADD_KEYPTR(named, types->by_name, entry->names, strlen(entry->names), entry);
    if (!entry->named.tbl) {
        mem_free(entry);
        return false;
    }
    leave_numbered(types, find_numbered(types, type->oid));
    HASH_ADD(numbered, types->by_oid, type.oid, sizeof(entry->type.oid), entry);
    entry->is_numbered = entry->numbered.tbl;
    if (entry->is_numbered)
        return true;
    forget(types, entry);
    return false;
}

void types_forget(struct types *types)
{
    struct types_entry *entry, *next;

    HASH_ITER(named, types->by_name, entry, next)
    {
        forget(types, entry);
    }
}

const struct evpg_type *types_named(const struct types *types, const char *name)
{
    struct types_entry *entry = find_named(types, name);

    return entry ? &entry->type : NULL;
}

const struct evpg_type *types_of(const struct types *types, uint32_t oid)
{
    struct types_entry *entry = find_numbered(types, oid);

    return entry ? &entry->type : NULL;
}
