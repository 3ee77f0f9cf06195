/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * stmt: which statements of a session are prepared: a bounded cache, by what was used last.
 *
 * Called by op_query.c, which sends, and judges by answers; pure policy, nothing is sent here.
 * Invariants: a name is made from the statement's text and its parameters' types, so that behind a
 * pooler, where sessions change, the same name always means the same statement; one that is in use
 * is not evicted, and its memory stays until nobody uses it, though the cache may have forgotten
 * it; what was evicted stays on a list until the server has been told.
 */
#include "stmt.h"

#include "mem.h"

#include <stdio.h>
#include <string.h>

#define uthash_malloc mem_alloc
#define uthash_free(memory, size) mem_free(memory)
#define HASH_NONFATAL_OOM 1
#define HASH_FUNCTION(key, length, hash) ((hash) = (unsigned)*(const uint64_t *)(key))
#include <uthash.h>

struct stmt {
    UT_hash_handle hh;
    TAILQ_ENTRY(stmt) link; /* of used, or evicted */
    uint64_t hash;
    unsigned n_users;
    bool prepared; /* the server has said so */
    bool known;    /* in the cache */
    bool evicted;  /* on that list */
    char name[STMT_NAME_SIZE];
    size_t size;
    size_t length;
    int n_types;
    Oid *types;
    char *sql;
};

static uint64_t mix(uint64_t hash, const void *bytes, size_t length)
{
    const unsigned char *at = bytes;

    for (; length >= 8; at += 8, length -= 8) {
        uint64_t word;

        memcpy(&word, at, 8);
        hash = (hash ^ word) * 0x9E3779B97F4A7C15u;
        hash ^= hash >> 32;
    }
    for (; length > 0; at++, length--)
        hash = (hash ^ *at) * 0x100000001B3u;
    return hash ^ hash >> 29;
}

void stmt_make_key(struct stmt_key *key, const char *sql, size_t length, const Oid *types,
                   int n_types)
{
    *key = (struct stmt_key){mix(0xCBF29CE484222325u, sql, length), sql, length, types, n_types};
    key->hash = mix(key->hash ^ length, types, (size_t)n_types * sizeof(*types));
}

void stmt_cache_start(struct stmt_cache *cache, int max_count, size_t max_bytes)
{
    memset(cache, 0, sizeof(*cache));
    TAILQ_INIT(&cache->used);
    TAILQ_INIT(&cache->evicted);
    cache->max_count = max_count;
    cache->max_bytes = max_bytes;
}

static void take_out(struct stmt_cache *cache, struct stmt *stmt)
{
    HASH_DEL(cache->table, stmt);
    TAILQ_REMOVE(&cache->used, stmt, link);
    cache->count--;
    cache->bytes -= stmt->size;
    stmt->known = false;
}

void stmt_forget(struct stmt_cache *cache, struct stmt *stmt)
{
    if (!stmt->known)
        return;
    take_out(cache, stmt);
    if (stmt->n_users == 0)
        mem_free(stmt);
}

static void leave_evicted(struct stmt_cache *cache, struct stmt *stmt)
{
    TAILQ_REMOVE(&cache->evicted, stmt, link);
    stmt->evicted = false;
    if (stmt->n_users == 0)
        mem_free(stmt);
}

void stmt_cache_clear(struct stmt_cache *cache)
{
    struct stmt *stmt;

    while ((stmt = TAILQ_FIRST(&cache->used)))
        stmt_forget(cache, stmt);
    while ((stmt = TAILQ_FIRST(&cache->evicted)))
        leave_evicted(cache, stmt);
    cache->generation = 0;
}

static bool is(const struct stmt *stmt, const struct stmt_key *key)
{
    size_t types_size = (size_t)key->n_types * sizeof(Oid);

    return stmt->length == key->length && stmt->n_types == key->n_types &&
           memcmp(stmt->sql, key->sql, key->length) == 0 &&
           (types_size == 0 || memcmp(stmt->types, key->types, types_size) == 0);
}

static struct stmt *look_up(const struct stmt_cache *cache, uint64_t hash)
{
    struct stmt *stmt;

    HASH_FIND(hh, cache->table, &hash, sizeof(hash), stmt);
    return stmt;
}

struct stmt *stmt_find(struct stmt_cache *cache, const struct stmt_key *key)
{
    struct stmt *stmt = look_up(cache, key->hash);

    if (!stmt || !is(stmt, key))
        return NULL;
    TAILQ_REMOVE(&cache->used, stmt, link);
    TAILQ_INSERT_HEAD(&cache->used, stmt, link);
    stmt->n_users++;
    return stmt;
}

static void name(struct stmt *stmt, unsigned generation)
{
    snprintf(stmt->name, sizeof(stmt->name), generation ? "evpg_%016llx_%x" : "evpg_%016llx",
             (unsigned long long)stmt->hash, generation);
}

static struct stmt *make(const struct stmt_key *key)
{
    size_t types_size = (size_t)key->n_types * sizeof(Oid);
    size_t size = sizeof(struct stmt) + types_size + key->length + 1;
    struct stmt *stmt = mem_alloc(size);

    if (!stmt)
        return NULL;
    stmt->hash = key->hash;
    stmt->size = size;
    stmt->length = key->length;
    stmt->n_types = key->n_types;
    stmt->types = (Oid *)(stmt + 1);
    stmt->sql = (char *)stmt->types + types_size;
    if (types_size > 0)
        memcpy(stmt->types, key->types, types_size);
    memcpy(stmt->sql, key->sql, key->length);
    return stmt;
}

/* Onto the list of those that are to be dropped, once nobody uses it. */
static void evict(struct stmt_cache *cache, struct stmt *stmt)
{
    take_out(cache, stmt);
    stmt->evicted = true;
    TAILQ_INSERT_TAIL(&cache->evicted, stmt, link);
}

void stmt_retire(struct stmt_cache *cache, struct stmt *stmt)
{
    if (!stmt->known)
        return;
    evict(cache, stmt);
    cache->generation++;
}

/* One that nobody uses. False: there is none. */
static bool evict_one(struct stmt_cache *cache)
{
    struct stmt *stmt;

    TAILQ_FOREACH_REVERSE(stmt, &cache->used, stmt_list, link)
    {
        if (stmt->n_users > 0)
            continue;
        evict(cache, stmt);
        return true;
    }
    return false;
}

static bool make_room(struct stmt_cache *cache, size_t size)
{
    if (cache->max_count <= 0 || size > cache->max_bytes)
        return false;
    while (cache->count >= cache->max_count || cache->bytes + size > cache->max_bytes)
        if (!evict_one(cache))
            return false;
    return true;
}

struct stmt *stmt_add(struct stmt_cache *cache, const struct stmt_key *key)
{
    struct stmt *stmt = look_up(cache, key->hash) ? NULL : make(key);

    if (!stmt)
        return NULL;
    if (!make_room(cache, stmt->size)) {
        mem_free(stmt);
        return NULL;
    }
    HASH_ADD(hh, cache->table, hash, sizeof(stmt->hash), stmt);
    if (!stmt->hh.tbl) {
        mem_free(stmt);
        return NULL;
    }
    name(stmt, cache->generation);
    TAILQ_INSERT_HEAD(&cache->used, stmt, link);
    cache->count++;
    cache->bytes += stmt->size;
    stmt->known = true;
    stmt->n_users = 1;
    return stmt;
}

void stmt_release(struct stmt *stmt)
{
    if (--stmt->n_users == 0 && !stmt->known && !stmt->evicted)
        mem_free(stmt);
}

void stmt_note_prepared(struct stmt *stmt)
{
    stmt->prepared = true;
}

bool stmt_is_prepared(const struct stmt *stmt)
{
    return stmt->prepared;
}

const char *stmt_name(const struct stmt *stmt)
{
    return stmt->name;
}

bool stmt_take_evicted(struct stmt_cache *cache, char dropped[STMT_NAME_SIZE])
{
    struct stmt *stmt = TAILQ_FIRST(&cache->evicted);

    while (stmt && stmt->n_users > 0)
        stmt = TAILQ_NEXT(stmt, link);
    if (!stmt)
        return false;
    memcpy(dropped, stmt->name, STMT_NAME_SIZE);
    leave_evicted(cache, stmt);
    return true;
}
