/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * stmt: which statements of a session are prepared: a bounded cache, by what was used last.
 *
 * Called by op_query.c, which sends, and judges by answers; pure policy, nothing is sent here.
 * Invariants: a name is made from the statement's text and its parameters' types, so that behind a
 * pooler, where sessions change, the same name always means the same statement. A name that was
 * dropped is not used again, for PgBouncer does not see DEALLOCATE. One that is in use is not
 * evicted, and its memory stays until nobody uses it, though the cache may have forgotten it. What
 * was evicted stays on a list, which is short, until the server has been told; until then its name
 * is taken, and it comes back when it is wanted again.
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
    bool known;   /* in the cache */
    bool evicted; /* on that list */
    bool retired; /* and not to be used again */
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

bool stmt_forget(struct stmt_cache *cache, struct stmt *stmt)
{
    if (!stmt->known)
        return false;
    take_out(cache, stmt);
    if (stmt->n_users == 0)
        mem_free(stmt);
    return true;
}

static void leave_evicted(struct stmt_cache *cache, struct stmt *stmt)
{
    TAILQ_REMOVE(&cache->evicted, stmt, link);
    cache->n_evicted--;
    stmt->evicted = false;
}

static void drop_evicted(struct stmt_cache *cache, struct stmt *stmt)
{
    leave_evicted(cache, stmt);
    if (stmt->n_users == 0)
        mem_free(stmt);
}

void stmt_cache_clear(struct stmt_cache *cache)
{
    struct stmt *stmt;

    while ((stmt = TAILQ_FIRST(&cache->used)))
        stmt_forget(cache, stmt);
    while ((stmt = TAILQ_FIRST(&cache->evicted)))
        drop_evicted(cache, stmt);
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

static void join_evicted(struct stmt_cache *cache, struct stmt *stmt)
{
    stmt->evicted = true;
    cache->n_evicted++;
    TAILQ_INSERT_TAIL(&cache->evicted, stmt, link);
}

/* Onto the list of those that are to be dropped, once nobody uses it. */
static void evict(struct stmt_cache *cache, struct stmt *stmt)
{
    take_out(cache, stmt);
    join_evicted(cache, stmt);
}

void stmt_retire(struct stmt_cache *cache, struct stmt *stmt)
{
    if (!stmt->known)
        return;
    stmt->retired = true;
    evict(cache, stmt);
    cache->generation++;
}

/* One that nobody uses. False: there is none, or too many wait already to be dropped, as in a
 * transaction block. */
static bool evict_one(struct stmt_cache *cache)
{
    struct stmt *stmt;

    if (cache->n_evicted >= STMT_MOST_EVICTED)
        return false;
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

/* Into the cache. False: there is no room. */
static bool put_in(struct stmt_cache *cache, struct stmt *stmt)
{
    if (!make_room(cache, stmt->size))
        return false;
    HASH_ADD(hh, cache->table, hash, sizeof(stmt->hash), stmt);
    if (!stmt->hh.tbl)
        return false;
    TAILQ_INSERT_HEAD(&cache->used, stmt, link);
    cache->count++;
    cache->bytes += stmt->size;
    stmt->known = true;
    return true;
}

/* The one of that name which the server still has, though it was evicted. */
static struct stmt *look_up_evicted(const struct stmt_cache *cache, uint64_t hash)
{
    struct stmt *stmt;

    TAILQ_FOREACH (stmt, &cache->evicted, link)
        if (stmt->hash == hash && !stmt->retired)
            return stmt;
    return NULL;
}

/* Back into the cache, from the list of those that are to be dropped, where it makes room for
 * another. */
static struct stmt *revive(struct stmt_cache *cache, const struct stmt_key *key)
{
    struct stmt *stmt = look_up_evicted(cache, key->hash);

    if (!stmt || !is(stmt, key))
        return NULL;
    leave_evicted(cache, stmt);
    if (put_in(cache, stmt))
        return stmt;
    join_evicted(cache, stmt);
    return NULL;
}

struct stmt *stmt_find(struct stmt_cache *cache, const struct stmt_key *key)
{
    struct stmt *stmt = look_up(cache, key->hash);

    if (stmt && !is(stmt, key))
        return NULL;
    if (stmt) {
        TAILQ_REMOVE(&cache->used, stmt, link);
        TAILQ_INSERT_HEAD(&cache->used, stmt, link);
    } else {
        stmt = revive(cache, key);
    }
    if (stmt)
        stmt->n_users++;
    return stmt;
}

struct stmt *stmt_add(struct stmt_cache *cache, const struct stmt_key *key)
{
    bool taken = look_up(cache, key->hash) || look_up_evicted(cache, key->hash);
    struct stmt *stmt = taken ? NULL : make(key);

    if (!stmt)
        return NULL;
    if (!put_in(cache, stmt)) {
        mem_free(stmt);
        return NULL;
    }
    name(stmt, cache->generation);
    stmt->n_users = 1;
    return stmt;
}

void stmt_release(struct stmt *stmt)
{
    if (--stmt->n_users == 0 && !stmt->known && !stmt->evicted)
        mem_free(stmt);
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
    drop_evicted(cache, stmt);
    cache->generation++;
    return true;
}
