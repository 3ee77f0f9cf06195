/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * pool_lease: connections of a pool that are leased: how one is acquired, and what happens to it
 * when it is given back.
 *
 * Called by the application, by pool_dispatch.c when a connection is idle, and by lease.c. Who
 * waits for a lease is a request like others, in the pool's queue. Invariants: a connection goes
 * back to the pool only outside of a transaction, with nothing under way; what the lease has left
 * behind is undone before by requests of our own, or else the connection is closed.
 */
#include "mem.h"
#include "pool.h"

#include <evpg/param.h>
#include <evpg/query.h>
#include <evpg/result.h>

#include <errno.h>
#include <stddef.h>

struct acquire {
    struct evpg_request base;
    evpg_db_cb on_lease;
    void *arg;
    struct lease *lease; /* when there is one */
};

/* As the request was, which is counted by its name before. */
static void name_lease(struct acquire *acquire)
{
    acquire->lease->name = acquire->base.name;
    acquire->base.name = NULL;
}

static void finish(struct evpg_request *request, struct evpg_error *cut)
{
    struct acquire *acquire = (struct acquire *)request;

    if (cut)
        req_describe(request, NULL, cut);
    db_note_done(request, cut);
    if (!cut)
        name_lease(acquire);
    if (acquire->on_lease)
        acquire->on_lease(cut ? NULL : &acquire->lease->db, cut, acquire->arg);
}

static void release(struct evpg_request *request)
{
    mem_free(request);
}

static void abandon(struct evpg_request *request)
{
    ((struct acquire *)request)->on_lease = NULL;
}

static const struct req_ops acquire_ops = {
    .abandon = abandon, .finish = finish, .release = release};

bool pool_is_acquire(const struct evpg_request *request)
{
    return request->ops == &acquire_ops;
}

static struct slot *slot_of(struct lease *lease)
{
    return (struct slot *)(void *)((char *)lease - offsetof(struct slot, lease));
}

/* The last one judges for all. When the connection is lost, on_lost will follow. */
static void on_reset(const struct evpg_result *result, void *arg)
{
    struct slot *slot = arg;
    struct conn *conn = slot->conn;

    if (slot->pool->dying || !conn || slot->state != SLOT_RESET || !conn->pg)
        return;
    slot->spoiled = slot->spoiled || evpg_result_error(result);
    if (conn->n_queued + conn->n_sent > 0)
        return;
    if (slot->spoiled || conn->in_transaction)
        slot_set_state(slot, SLOT_CLOSING);
    else
        slot_settle(slot);
    pool_kick(slot->pool);
}

static bool run(struct slot *slot, const char *sql)
{
    return evpg_query(&slot->conn->db, sql, EVPG_NO_PARAMS, NULL, on_reset, slot);
}

void pool_reset(struct slot *slot, bool unlisten, const char *query)
{
    bool done = true;

    slot->spoiled = false;
    slot->since_ns = budget_now_ns();
    slot_set_state(slot, SLOT_RESET);
    if (slot->conn->in_transaction)
        done = run(slot, "ROLLBACK");
    if (unlisten)
        done = done && run(slot, "UNLISTEN *");
    if (query)
        done = done && evpg_script(&slot->conn->db, query, NULL, on_reset, slot);
    slot->spoiled = slot->spoiled || !done;
    pool_upkeep_note(slot);
    if (slot->conn->n_queued == 0)
        slot_set_state(slot, SLOT_CLOSING);
}

void pool_check(struct slot *slot)
{
    slot->spoiled = false;
    slot->since_ns = budget_now_ns();
    slot_set_state(slot, SLOT_RESET);
    if (!run(slot, ""))
        slot_set_state(slot, SLOT_CLOSING);
    pool_upkeep_note(slot);
}

static void cut_off(struct slot *slot)
{
    struct evpg_error why;

    err_set(&why, EVPG_E_CLOSED, EVPG_FATE_NOT_SENT, "the lease was given back");
    slot_end(slot, &why);
}

static void on_release(struct lease *lease)
{
    struct slot *slot = slot_of(lease);
    struct pool *pool = slot->pool;
    const char *query = pool->config.server_reset_query;
    struct conn *conn = slot->conn;

    if (pool->dying || !conn || slot->state != SLOT_LEASED)
        return;
    pool_kick(pool);
    db_tell(pool->face, EVPG_EVENT_RELEASED, NULL, NULL);
    slot->used_ns = budget_now_ns();
    conn->face = pool->face;
    if (pool_is_inherited(pool) || conn_is_busy(conn) || !conn->pg)
        cut_off(slot);
    else if (conn->in_transaction || lease->listened || query)
        pool_reset(slot, lease->listened, query);
    else
        slot_settle(slot);
}

void pool_lease_out(struct slot *slot, struct evpg_request *request)
{
    struct acquire *acquire = (struct acquire *)request;
    struct conn *lobby = request->conn;
    struct pool *pool = slot->pool;

    slot_set_state(slot, SLOT_LEASED);
    slot->uses++;
    slot->lease.on_release = on_release;
    lease_start(&slot->lease, slot->conn, pool->face);
    acquire->lease = &slot->lease;
    slot->lease.db.stats = pool->db.stats;
    slot->lease.db.whole = pool->face;
    pool->db.stats->all.leases++;
    histogram_add(&pool->db.stats->all.queue_time, budget_now_ns() - request->queued_ns);
    db_tell(pool->face, EVPG_EVENT_ACQUIRED, request, NULL);
    conn_hold(lobby);
    conn_complete(lobby, &lobby->queued, request, NULL);
    conn_release(lobby);
}

/* The one that was leased first. */
static const struct slot *longest_lease(const struct pool *pool)
{
    return TAILQ_FIRST(&pool->in[SLOT_LEASED]);
}

/* Whoever acquires a second lease while holding the first may wait for himself. False: the hook has
 * freed the pool. */
static bool warn_if_exhausted(struct pool *pool)
{
    const struct slot *slot = longest_lease(pool);
    bool lives;

    if (pool->count[SLOT_LEASED] < (size_t)pool->config.max_connections)
        return true;
    pool_hold(pool);
    db_warn(&pool->db, "all %d connections are leased, the first of them by %s for %lld ms",
            pool->config.max_connections, slot->lease.name ? slot->lease.name : "a nameless one",
            (long long)((budget_now_ns() - slot->lease.since_ns) / 1000000));
    lives = !pool->dying;
    pool_release(pool);
    return lives;
}

static struct acquire *make(struct evpg_db *db, evpg_db_cb on_lease, void *arg)
{
    struct acquire *acquire = mem_alloc(sizeof(*acquire));

    if (!acquire)
        return NULL;
    acquire->base.ops = &acquire_ops;
    acquire->base.db = db;
    acquire->base.size = sizeof(*acquire);
    acquire->base.alone = true;
    acquire->on_lease = on_lease;
    acquire->arg = arg;
    return acquire;
}

struct evpg_request *evpg_acquire(struct evpg_db *db, evpg_db_cb on_lease, void *arg)
{
    struct acquire *acquire;
    int refusal;

    if (!db || !pool_is(db) || !on_lease) {
        db_refuse(db, EINVAL, "a lease is had from a pool, and needs a callback");
        return NULL;
    }
    if (!warn_if_exhausted(pool_of(db))) {
        errno = ESHUTDOWN;
        return NULL;
    }
    acquire = make(db, on_lease, arg);
    if (!acquire)
        return NULL;
    refusal = db_submit(db, &acquire->base);
    if (refusal == 0)
        return &acquire->base;
    mem_free(acquire);
    errno = refusal;
    return NULL;
}
