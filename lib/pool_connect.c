/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * pool_connect: opens the connections of a pool, and bears with a server that cannot be had.
 *
 * Called by pool_dispatch.c, and by the connections when their opening is over. Invariants: after a
 * failure there is one attempt at a time, and none before its wait is over; after the first success
 * there may be one more at a time, then twice as many. While there never was a connection, and
 * where the reason will not go away by itself, those who wait are told at once, unless another
 * connection will serve them.
 */
#include "pool.h"

#include "pool_login.h"
#include "pool_policy.h"

#include <string.h>

static bool is_permanent(const struct evpg_error *error)
{
    return error->code == EVPG_E_AUTH || error->code == EVPG_E_TLS;
}

void pool_note_failure(struct pool *pool, const struct evpg_error *why)
{
    pool->last_error = *why;
    memset(pool->last_error.field, 0, sizeof(pool->last_error.field));
    pool->last_error.query = NULL;
    pool->at_once = 1;
    if (budget_now_ns() >= pool->next_attempt_ns)
        pool->next_attempt_ns = budget_now_ns() + backoff_fail_ns(&pool->backoff);
}

/* In slices: they may be many. Whatever they submit in turn waits for the next attempt. */
static void fail_waiters(struct pool *pool)
{
    struct evpg_error why = pool->last_error;

    pool_hold(pool);
    conn_down(pool->crowd, &why);
    if (!pool->dying)
        conn_down(pool->singles, &why);
    pool_release(pool);
}

void pool_fail_slot(struct slot *slot, const struct evpg_error *why)
{
    struct pool *pool = slot->pool;

    pool_note_failure(pool, why);
    pool->db.stats->all.connect_failures++;
    if (slot->conn)
        slot_close(slot);
    else
        slot_set_state(slot, SLOT_EMPTY);
    pool_kick(pool);
    if (!pool->primary && (!pool->ever || is_permanent(why)) && pool_n_up(pool) == 0)
        fail_waiters(pool);
}

static int64_t end_of_life(struct pool *pool, int64_t now_ns)
{
    int ms = pool->config.server_lifetime_ms;

    return ms < 0 ? POOL_NEVER : now_ns + backoff_jitter_ns(&pool->backoff, (int64_t)ms * 1000000);
}

static void succeed(struct slot *slot)
{
    struct pool *pool = slot->pool;

    pool->ever = true;
    pool->last_error.code = 0;
    pool->next_attempt_ns = 0;
    pool->at_once = policy_ramp(pool->at_once, (size_t)pool->config.max_connecting);
    slot->used_ns = budget_now_ns();
    histogram_add(&pool->db.stats->all.connect_time, slot->used_ns - slot->since_ns);
    pool->db.stats->all.connected++;
    slot->since_ns = slot->used_ns;
    slot->end_ns = end_of_life(pool, slot->since_ns);
    slot_settle(slot);
    pool_kick(pool);
    if (!pool->primary)
        return;
    pool->primary->sort_again = true;
    pool_kick(pool->primary);
}

static void on_open(struct evpg_db *db, const struct evpg_error *error, void *arg)
{
    struct slot *slot = arg;

    if (slot->pool->dying || slot->conn != conn_of(db))
        return;
    if (error)
        pool_fail_slot(slot, error);
    else
        succeed(slot);
}

static void fail_for_memory(struct slot *slot)
{
    struct evpg_error why;

    err_set(&why, EVPG_E_MEMORY, EVPG_FATE_NOT_SENT, "out of memory");
    pool_fail_slot(slot, &why);
}

void pool_connect_slot(struct slot *slot, const char *conninfo)
{
    struct conn *conn = slot_make_conn(slot, conninfo);

    if (!conn || !evpg_open(&conn->db, on_open, slot))
        fail_for_memory(slot);
}

void pool_open_slot(struct slot *slot)
{
    struct pool *pool = slot->pool;

    slot->since_ns = pool->now_ns;
    slot_set_state(slot, SLOT_OPENING);
    if (!pool->config.before_connect)
        pool_connect_slot(slot, pool->conninfo_text);
    else if (!pool_login_start(slot))
        fail_for_memory(slot);
}
