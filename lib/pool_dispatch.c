/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * pool_dispatch: gives the requests that wait to connections.
 *
 * Called by pool_turn.c. The rules are pool_policy.c's. Invariants: each of the two queues is
 * served in its order, and of the two heads the older first; a request is given only to a
 * connection that sends it at once, so that it is not stuck behind others that are slow. One that
 * needs a connection to itself and finds none idle has one reserved, which gets nothing more until
 * it is idle; so it cannot starve, however busy the others are.
 */
#include "pool.h"

#include "pool_policy.h"

#include <evpg/request.h>

#include <stdint.h>

static int64_t guard_ns(const struct pool *pool)
{
    int ms = pool->config.head_of_line_ms;

    return ms < 0 ? INT64_MAX : (int64_t)ms * 1000000;
}

bool pool_is_slow(const struct slot *slot)
{
    return slot->pool->now_ns - slot->head_ns > guard_ns(slot->pool);
}

bool pool_is_young(const struct slot *slot)
{
    return slot->pool->now_ns - slot->since_ns <= guard_ns(slot->pool);
}

static struct policy_supply supply_of(const struct pool *pool)
{
    struct policy_supply supply = {
        .min = pool_min(pool),
        .max = (size_t)pool->config.max_connections,
        .all = pool_n_connections(pool),
        .opening = pool->count[SLOT_OPENING],
        .at_once = pool->at_once,
        .waits = pool->now_ns < pool->next_attempt_ns,
        .waiting = pool_n_waiting(pool),
    };
    const struct slot *slot;

    TAILQ_FOREACH (slot, &pool->in[SLOT_OPENING], link)
        supply.young += pool_is_young(slot);
    return supply;
}

static struct policy_load load_of(const struct slot *slot)
{
    struct policy_load load = {slot->conn->n_sent + slot->conn->n_queued, pool_is_slow(slot)};

    return load;
}

static bool has_room(struct slot *slot)
{
    const struct evpg_pool_config *config = &slot->pool->config;
    int64_t most_bytes = config->max_bytes_per_connection;
    const struct conn *conn = slot->conn;

    if (conn->canceling.unsettled)
        return false; /* it sends nothing for a while */
    slot->had_room = policy_has_room(
        slot->had_room, conn->n_sent + conn->n_queued, (size_t)config->max_requests_per_connection,
        conn->sent_bytes + conn->queued_bytes, most_bytes < 0 ? SIZE_MAX : (size_t)most_bytes);
    return slot->had_room;
}

static bool is_shared_by_all(const struct slot *slot)
{
    return !slot->whole && !slot->reserved;
}

/* Where all that have room are slow, one that has none soon will. */
static struct slot *find_company(struct pool *pool)
{
    struct policy_load load, best_load;
    struct slot *slot, *best = NULL;
    bool some_are_quick = false;

    TAILQ_FOREACH (slot, &pool->in[SLOT_SHARED], link) {
        if (!is_shared_by_all(slot))
            continue;
        load = load_of(slot);
        some_are_quick = some_are_quick || !load.slow;
        if (!has_room(slot) || (best && !policy_is_better(&load, &best_load)))
            continue;
        best = slot;
        best_load = load;
    }
    return best && best_load.slow && some_are_quick ? NULL : best;
}

/* NULL: it is better to wait. */
static struct slot *find_shared(struct pool *pool)
{
    struct policy_supply supply = supply_of(pool);
    struct slot *slot;

    if (policy_is_to_wait(&supply))
        return NULL;
    slot = find_company(pool);
    if (slot && pool_is_slow(slot) && policy_may_open(&supply) + supply.young > 0)
        return NULL;
    return slot;
}

static bool place_among_others(struct pool *pool, struct evpg_request *request)
{
    struct slot *slot = TAILQ_FIRST(&pool->in[SLOT_IDLE]);

    if (!slot)
        slot = find_shared(pool);
    if (slot)
        slot_give(slot, request);
    return slot;
}

static bool place_alone(struct pool *pool, struct evpg_request *request)
{
    struct slot *slot = TAILQ_FIRST(&pool->in[SLOT_IDLE]);

    if (!slot)
        return false;
    if (pool_is_acquire(request)) {
        pool_lease_out(slot, request);
    } else {
        slot->whole = true;
        slot_give(slot, request);
    }
    return true;
}

static bool needs_its_own(const struct evpg_request *request)
{
    return request->alone || request->flags & (EVPG_EXCLUSIVE | EVPG_MAY_PAUSE);
}

/* In order: one that came back from a connection that was lost may be older than others. */
static void set_apart(struct pool *pool, struct evpg_request *request)
{
    struct evpg_request *before = TAILQ_FIRST(&pool->singles->queued);

    if (before && TAILQ_LAST(&pool->singles->queued, req_list)->serial < request->serial)
        before = NULL;
    while (before && before->serial < request->serial)
        before = TAILQ_NEXT(before, link);
    conn_hand_over(request, pool->singles, before);
}

/* Whether there is more to do. */
static bool place_one(struct pool *pool)
{
    struct evpg_request *many = TAILQ_FIRST(&pool->crowd->queued);
    struct evpg_request *single = TAILQ_FIRST(&pool->singles->queued);

    if (many && needs_its_own(many)) {
        set_apart(pool, many);
        return true;
    }
    if (single && (!many || single->serial < many->serial) && place_alone(pool, single))
        return true;
    if (many && place_among_others(pool, many))
        return true;
    return single && place_alone(pool, single);
}

static size_t count_reserved(const struct pool *pool, size_t *not_reserved)
{
    const struct slot *slot;
    size_t n = 0;

    *not_reserved = 0;
    TAILQ_FOREACH (slot, &pool->in[SLOT_SHARED], link) {
        n += slot->reserved;
        *not_reserved += is_shared_by_all(slot);
    }
    return n;
}

static void reserve_one(struct pool *pool)
{
    struct policy_load load, best_load;
    struct slot *slot, *best = NULL;

    TAILQ_FOREACH (slot, &pool->in[SLOT_SHARED], link) {
        if (!is_shared_by_all(slot))
            continue;
        load = load_of(slot);
        if (best && !policy_is_better(&load, &best_load))
            continue;
        best = slot;
        best_load = load;
    }
    if (best)
        best->reserved = true;
}

/* As many as are needed and will not be opened; but one is left to the others if there is another.
 */
static void reserve(struct pool *pool)
{
    struct policy_supply supply = supply_of(pool);
    size_t to_come = policy_may_open(&supply) + supply.young, left;
    size_t reserved = count_reserved(pool, &left);

    while (pool->singles->n_queued > to_come + reserved && left > (reserved > 0)) {
        reserve_one(pool);
        reserved++;
        left--;
    }
}

static void unreserve(struct pool *pool)
{
    struct slot *slot;

    TAILQ_FOREACH (slot, &pool->in[SLOT_SHARED], link)
        slot->reserved = false;
}

static void open_more(struct pool *pool)
{
    struct policy_supply supply;
    size_t n;

    if (pool_n_waiting(pool) == 0 && pool_n_connections(pool) >= pool_min(pool))
        return;
    supply = supply_of(pool);
    n = policy_to_open(&supply);
    while (n-- > 0 && !pool->dying && pool->now_ns >= pool->next_attempt_ns)
        pool_open_slot(TAILQ_FIRST(&pool->in[SLOT_EMPTY]));
}

/* Within a budget: who gets a lease may give it back and want another in the same callback. */
static void place_all(struct pool *pool)
{
    struct budget budget;

    budget_start(&budget);
    while (!pool->dying && budget_take(&budget) && place_one(pool))
        ;
    if (budget_is_spent(&budget))
        pool_kick(pool);
}

void pool_dispatch(struct pool *pool)
{
    pool_sort_out(pool);
    if (pool->singles->n_queued == 0)
        unreserve(pool);
    if (pool_n_waiting(pool) > 0)
        place_all(pool);
    if (!pool->dying && pool->singles->n_queued > 0)
        reserve(pool);
    if (!pool->dying)
        open_more(pool);
}
