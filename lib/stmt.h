/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef STMT_H
#define STMT_H

#include "pq.h"

#include <sys/queue.h>

#define STMT_NAME_SIZE 36

/* While so many wait to be dropped, no more are evicted. */
#define STMT_MOST_EVICTED 8

/* Which statement: its text and its parameters' types. The hash is made once, with the request. */
struct stmt_key {
    uint64_t hash;
    const char *sql;
    size_t length; /* of sql */
    const Oid *types;
    int n_types;
};

void stmt_make_key(struct stmt_key *key, const char *sql, size_t length, const Oid *types,
                   int n_types);

struct stmt;

/* Those of one session, the least recently used last. */
struct stmt_cache {
    struct stmt *table; /* uthash's */
    TAILQ_HEAD(stmt_list, stmt) used;
    struct stmt_list evicted; /* the server still has them, and nobody here wants them */
    int n_evicted;
    int count, max_count;
    size_t bytes, max_bytes;
    unsigned generation; /* in names, so that one that is retired or dropped has another's */
};

/* max_count 0: there is no cache. */
void stmt_cache_start(struct stmt_cache *cache, int max_count, size_t max_bytes);

/* The session is over, or has dropped all its statements. Those in use live until nobody uses
 * them. */
void stmt_cache_clear(struct stmt_cache *cache);

/* The statement, to be used from now on; or NULL. */
struct stmt *stmt_find(struct stmt_cache *cache, const struct stmt_key *key);

/* A new one, in use, that is to be prepared by that name; others are evicted for it. NULL: it
 * cannot be kept: it is too long, another has its name, none can be evicted, or memory ran out. */
struct stmt *stmt_add(struct stmt_cache *cache, const struct stmt_key *key);

/* No longer used by one that had it from stmt_find or stmt_add. */
void stmt_release(struct stmt *stmt);

/* The server has it no more, or never had. False: that was known before. */
bool stmt_forget(struct stmt_cache *cache, struct stmt *stmt);

/* The server has it, and it is of no use any more: the tables it was made for are not the same. */
void stmt_retire(struct stmt_cache *cache, struct stmt *stmt);

/* What it is called in the session. */
const char *stmt_name(const struct stmt *stmt);

/* The name of one that the server is to be told to drop; then it is gone here. False: there is
 * none.
 */
bool stmt_take_evicted(struct stmt_cache *cache, char dropped[STMT_NAME_SIZE]);

#endif
