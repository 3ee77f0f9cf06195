/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * pool_stats: what a pool is doing and has done, for the application.
 *
 * Called by the application. What happens is counted where it does (stats.c); what is the case can
 * be seen, and is looked up here. Invariants: nothing changes by looking.
 */
#include "pool.h"

#include <errno.h>
#include <string.h>

/* Those of a standby are added. */
static void look_at(const struct pool *pool, struct evpg_pool_stats *stats)
{
    stats->connections += pool_n_connections(pool);
    stats->opening += pool->count[SLOT_OPENING];
    stats->idle += pool->count[SLOT_IDLE];
    stats->busy += pool->count[SLOT_SHARED];
    stats->leased += pool->count[SLOT_LEASED];
    stats->waiting += pool_n_waiting(pool);
    stats->waiting_bytes += pool->crowd->queued_bytes + pool->singles->queued_bytes;
    stats->canceling += pool->cancel_jobs.n;
    for (int i = 0; i < pool->config.max_connections; i++)
        if (pool->slots[i].conn)
            stats->running += pool->slots[i].conn->n_counted;
}

static void look(const struct pool *pool, struct evpg_pool_stats *stats)
{
    *stats = pool->stats.all;
    look_at(pool, stats);
    if (!pool->standby)
        return;
    stats->standby_connections = pool_n_connections(pool->standby);
    look_at(pool->standby, stats);
}

static bool is_alive(struct evpg_db *db)
{
    return db && pool_is(db) && !pool_of(db)->dying;
}

int evpg_pool_get_stats(struct evpg_db *db, struct evpg_pool_stats *stats)
{
    struct evpg_pool_stats seen;
    size_t size = stats ? stats->size : 0;

    if (!is_alive(db) || size < sizeof(size)) {
        db_refuse(db, EINVAL, "statistics are of a pool, and need their size");
        return -1;
    }
    look(pool_of(db), &seen);
    memset(stats, 0, size);
    memcpy(stats, &seen, size < sizeof(seen) ? size : sizeof(seen));
    stats->size = size;
    return 0;
}

const struct evpg_name_stats *evpg_pool_name_stats(struct evpg_db *db, size_t index)
{
    return is_alive(db) ? stats_name(&pool_of(db)->stats, index) : NULL;
}
