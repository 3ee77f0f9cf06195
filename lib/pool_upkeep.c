/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * pool_upkeep: what time does to the connections of a pool: they get too old, are not used for too
 * long, do not answer.
 *
 * Called by pool_turn.c when the first of these is due, and by pool_slots.c when a connection's
 * state changes. Invariants: upkeep_ns is not later than the first thing that is due; nothing here
 * touches what is under way for the application: a connection that is too old is closed when it has
 * nothing to do. No callback of the application's is called.
 */
#include "pool.h"

static int64_t after(int64_t ns, int ms)
{
    return ms < 0 ? POOL_NEVER : ns + (int64_t)ms * 1000000;
}

static int64_t first(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

static bool may_be_missed(const struct pool *pool)
{
    return pool_n_connections(pool) - pool->count[SLOT_CLOSING] > pool_min(pool);
}

static int64_t idle_end(const struct slot *slot)
{
    const struct pool *pool = slot->pool;

    if (!may_be_missed(pool))
        return POOL_NEVER;
    return after(slot->used_ns, pool->config.server_idle_timeout_ms);
}

/* It was last heard of when its connection read something. */
static int64_t check_due(const struct slot *slot)
{
    return after(slot->conn->idle_since_ns, slot->pool->config.server_check_delay_ms);
}

static int64_t due(const struct slot *slot)
{
    switch (slot->state) {
    case SLOT_IDLE:
        return first(first(slot->end_ns, idle_end(slot)), check_due(slot));
    case SLOT_SHARED:
        return slot->end_ns;
    case SLOT_RESET:
        return after(slot->since_ns, slot->pool->config.server_check_timeout_ms);
    case SLOT_EMPTY:
    case SLOT_OPENING:
    case SLOT_LEASED:
    case SLOT_CLOSING:
    case N_SLOT_STATES:
        break;
    }
    return POOL_NEVER;
}

void pool_upkeep_note(const struct slot *slot)
{
    slot->pool->upkeep_ns = first(slot->pool->upkeep_ns, due(slot));
}

static void end_silent(struct slot *slot)
{
    struct evpg_error why;

    err_set(&why, EVPG_E_LOST, EVPG_FATE_UNKNOWN,
            "the connection did not answer within server_check_timeout_ms (%d)",
            slot->pool->config.server_check_timeout_ms);
    slot_end(slot, &why);
}

static void look_after(struct slot *slot)
{
    int64_t now_ns = slot->pool->now_ns;

    if (slot->state == SLOT_RESET && now_ns >= due(slot))
        end_silent(slot);
    else if (slot->state == SLOT_SHARED && now_ns >= slot->end_ns)
        slot_set_state(slot, SLOT_CLOSING);
    else if (slot->state != SLOT_IDLE)
        return;
    else if (now_ns >= slot->end_ns || now_ns >= idle_end(slot))
        slot_set_state(slot, SLOT_CLOSING);
    else if (now_ns >= check_due(slot))
        pool_check(slot);
}

/* From the last: of those that are idle, it was not used for longest. */
static void look_after_all(struct pool *pool, enum slot_state state)
{
    struct slot *slot, *before;

    for (slot = TAILQ_LAST(&pool->in[state], slot_list); slot; slot = before) {
        before = TAILQ_PREV(slot, slot_list, link);
        look_after(slot);
    }
}

void pool_upkeep(struct pool *pool)
{
    static const enum slot_state looked_after[] = {SLOT_RESET, SLOT_SHARED, SLOT_IDLE};
    const struct slot *slot;

    if (pool->now_ns < pool->upkeep_ns)
        return;
    for (int i = 0; i < 3; i++)
        look_after_all(pool, looked_after[i]);
    pool->upkeep_ns = POOL_NEVER;
    for (int i = 0; i < 3; i++)
        TAILQ_FOREACH (slot, &pool->in[looked_after[i]], link)
            pool_upkeep_note(slot);
}
