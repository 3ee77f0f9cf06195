/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * pool_standby: a pool's second pool, of connections to standbys, for requests that may run there;
 * and servers that are not any more what they were.
 *
 * Called by the pool's other files. The second pool is one like the first, but for its face, which
 * is the first's, and its deadlines and statistics, which the two share. Invariants: a request
 * waits in it only while it has connections that can run it, else in the primary's; so whatever
 * happens to the standbys, what may run there waits no longer than what may not.
 */
#include "pool.h"

#include <evpg/request.h>

#include <string.h>

bool pool_make_standby(struct pool *pool)
{
    struct evpg_pool_config config = pool->config;
    const char *conninfo = config.standby_conninfo;

    pool->config.standby_conninfo = NULL; /* which is borrowed */
    if (!conninfo)
        return true;
    config.standby_conninfo = NULL;
    config.on_water = NULL;
    pool->standby = pool_make(pool->base, conninfo, &config, &pool->connection, pool);
    return pool->standby;
}

static bool can_run(const struct pool *standby)
{
    return standby->count[SLOT_IDLE] + standby->count[SLOT_SHARED] + standby->count[SLOT_RESET] > 0;
}

/* Backwards, and each is put before the one that came after it. */
static void hand_over(struct pool *pool, bool all)
{
    struct evpg_request *request, *next, *behind = NULL;

    for (request = TAILQ_LAST(&pool->crowd->queued, req_list); request; request = next) {
        next = TAILQ_PREV(request, req_list, link);
        if (request->sorted && !all)
            return;
        request->sorted = true;
        if (!(request->flags & EVPG_STANDBY_OK))
            continue;
        pool->standby->wanted = true;
        if (!can_run(pool->standby))
            continue;
        conn_hand_over(request, pool->standby->crowd, behind);
        behind = request;
    }
}

/* What has come since the last time; or all, when the standby has become able to run it. */
void pool_sort_out(struct pool *pool)
{
    struct pool *standby = pool->standby;
    size_t before;

    if (!standby)
        return;
    before = standby->crowd->n_queued + standby->wanted;
    hand_over(pool, pool->sort_again);
    pool->sort_again = false;
    if (standby->crowd->n_queued + standby->wanted > before)
        pool_kick(standby);
}

/* Each in its place. */
static void take_back_all(struct conn *from, struct conn *to)
{
    struct evpg_request *request, *before = TAILQ_FIRST(&to->queued);

    while ((request = TAILQ_FIRST(&from->queued))) {
        while (before && before->serial < request->serial)
            before = TAILQ_NEXT(before, link);
        conn_hand_over(request, to, before);
    }
}

void pool_fall_back(struct pool *standby)
{
    struct pool *primary = standby->primary;

    if (can_run(standby) || pool_n_waiting(standby) == 0)
        return;
    take_back_all(standby->crowd, primary->crowd);
    take_back_all(standby->singles, primary->crowd);
    pool_kick(primary);
}

static bool is_same_server(const struct conn *a, const struct conn *b)
{
    return a->pg && b->pg && strcmp(PQhost(a->pg), PQhost(b->pg)) == 0 &&
           strcmp(PQport(a->pg), PQport(b->pg)) == 0;
}

/* As if it were too old. */
static void let_go(struct slot *slot)
{
    slot->end_ns = slot->pool->now_ns;
    if (slot->state == SLOT_IDLE || slot->state == SLOT_SHARED)
        slot_set_state(slot, SLOT_CLOSING);
}

void pool_look_at_role(struct slot *slot)
{
    const struct conn *conn = slot->conn;
    struct pool *pool = slot->pool;

    if (conn->role == ROLE_ANY || !conn->pg)
        return;
    if (!conn->role_denied && (conn->n_sent > 0 || role_fits(conn->role, conn->pg)))
        return;
    for (int i = 0; i < pool->config.max_connections; i++)
        if (pool->slots[i].conn && is_same_server(pool->slots[i].conn, conn))
            let_go(&pool->slots[i]);
}
