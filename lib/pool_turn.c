/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * pool_turn: what a pool does when something has happened, or time has passed.
 *
 * Called by the loop. Invariants: a turn looks after everything, in the same order: who has waited
 * for too long, what is to be closed, who can be served; it ends in setting the one timer to the
 * first thing that time will bring. After each callback the pool may be dying. Work that is left
 * over is for the loop's next pass.
 */
#include "pool_login.h"
#include "timeout.h"

static bool is_due(const struct pool *pool, const struct evpg_request *request)
{
    int ms = pool->config.query_wait_timeout_ms;

    return ms >= 0 && pool->now_ns - request->queued_ns >= (int64_t)ms * 1000000;
}

static void time_out(struct pool *pool, struct conn *lobby, struct evpg_request *request)
{
    struct evpg_error why;

    err_set(&why, EVPG_E_TIMEOUT, EVPG_FATE_NOT_SENT,
            "no connection was free within query_wait_timeout_ms (%d)",
            pool->config.query_wait_timeout_ms);
    if (pool->last_error.code)
        err_append(&why, "; the last attempt to connect: %s", pool->last_error.message);
    why.phase = req_phase(request, conn_is_connecting(lobby));
    conn_complete(lobby, &lobby->queued, request, &why);
}

/* Of one of the two queues; the oldest is its first. */
static void expire(struct pool *pool, struct conn *lobby)
{
    struct evpg_request *request = TAILQ_FIRST(&lobby->queued);
    struct budget budget;

    if (!request || !is_due(pool, request))
        return;
    budget_start(&budget);
    conn_hold(lobby);
    while (!pool->dying && (request = TAILQ_FIRST(&lobby->queued)) && is_due(pool, request) &&
           budget_take(&budget))
        time_out(pool, lobby, request);
    conn_release(lobby);
}

/* Those on which nothing is under way any more. */
static void reap(struct pool *pool)
{
    struct slot *slot, *next;

    for (slot = TAILQ_FIRST(&pool->in[SLOT_CLOSING]); slot; slot = next) {
        next = TAILQ_NEXT(slot, link);
        slot_close(slot);
    }
}

static void bring_forward(int64_t *first_ns, int64_t ns)
{
    *first_ns = ns < *first_ns ? ns : *first_ns;
}

static void note_expiry(const struct pool *pool, const struct conn *lobby, int64_t *first_ns)
{
    const struct evpg_request *request = TAILQ_FIRST(&lobby->queued);
    int ms = pool->config.query_wait_timeout_ms;

    if (request && ms >= 0)
        bring_forward(first_ns, request->queued_ns + (int64_t)ms * 1000000);
}

/* When those who wait may have another choice: a connection has become slow, or its opening has. */
static void note_guards(const struct pool *pool, int64_t *first_ns)
{
    int64_t guard_ns = (int64_t)pool->config.head_of_line_ms * 1000000 + 1;
    const struct slot *slot;

    if (pool->config.head_of_line_ms < 0)
        return;
    TAILQ_FOREACH (slot, &pool->in[SLOT_SHARED], link)
        if (!pool_is_slow(slot))
            bring_forward(first_ns, slot->head_ns + guard_ns);
    TAILQ_FOREACH (slot, &pool->in[SLOT_OPENING], link)
        if (pool_is_young(slot))
            bring_forward(first_ns, slot->since_ns + guard_ns);
}

static void note_logins(const struct pool *pool, int64_t *first_ns)
{
    const struct slot *slot;

    TAILQ_FOREACH (slot, &pool->in[SLOT_OPENING], link)
        bring_forward(first_ns, pool_login_end(slot));
}

/* Tells the application once that there is too much waiting, and once that there is little again.
 */
static void tell_water(struct pool *pool)
{
    const struct evpg_pool_config *config = &pool->config;
    size_t n = pool_n_waiting_all(pool);

    if (!config->on_water || config->high_water < 0)
        return;
    if (pool->is_high ? n > (size_t)config->low_water : n < (size_t)config->high_water)
        return;
    pool->is_high = !pool->is_high;
    config->on_water(&pool->db, pool->is_high, config->on_water_arg);
}

static int64_t first_to_come(const struct pool *pool)
{
    bool is_wanting = pool_n_connections(pool) < pool_min(pool);
    int64_t first_ns = pool_close_deadline(pool);

    bring_forward(&first_ns, pool->upkeep_ns);
    note_logins(pool, &first_ns);
    if (pool_n_waiting(pool) > 0) {
        note_expiry(pool, pool->crowd, &first_ns);
        note_expiry(pool, pool->singles, &first_ns);
        note_guards(pool, &first_ns);
    }
    if ((pool_n_waiting(pool) > 0 || is_wanting) && pool->now_ns < pool->next_attempt_ns)
        bring_forward(&first_ns, pool->next_attempt_ns);
    return first_ns;
}

/* Without memory the timer stays as it was; one that is set needs none. */
static void set_timer(struct pool *pool)
{
    int64_t first_ns = pool->again ? pool->now_ns : first_to_come(pool), us;
    struct timeval time = {0, 0};

    if (first_ns == pool->timer_ns)
        return;
    pool->timer_ns = first_ns;
    if (first_ns == POOL_NEVER) {
        event_del(pool->timer_event);
        return;
    }
    us = (first_ns - budget_now_ns()) / 1000 + 1;
    if (us > 0)
        time = (struct timeval){us / 1000000, us % 1000000};
    if (evtimer_add(pool->timer_event, &time) < 0)
        event_active(pool->timer_event, EV_TIMEOUT, 0);
}

/* Without connections nothing is to be looked after, and the loop can end. */
static void arm(struct pool *pool)
{
    if (pool_n_connections(pool) == 0)
        pool->upkeep_ns = POOL_NEVER;
    set_timer(pool);
}

static void take_turn(struct pool *pool)
{
    pool_hold(pool);
    pool->turning = true;
    pool->again = false;
    pool->now_ns = budget_now_ns();
    expire(pool, pool->crowd);
    if (!pool->dying)
        expire(pool, pool->singles);
    if (!pool->dying) {
        pool_upkeep(pool);
        reap(pool);
    }
    if (!pool->dying)
        pool_login_turn(pool);
    if (!pool->dying && pool->primary)
        pool_fall_back(pool);
    if (!pool->dying)
        pool_dispatch(pool);
    if (!pool->dying)
        tell_water(pool);
    if (!pool->dying && pool->closing)
        pool_close_turn(pool);
    pool->turning = false;
    if (!pool->dying && pool->primary && (pool->primary->closing || pool->primary->is_high))
        pool_kick(pool->primary);
    if (!pool->dying)
        arm(pool);
    pool_release(pool);
}

/* The one that has waited for room for the longest; NULL: none does. */
static struct conn *first_lacking_room(const struct pool *pool)
{
    struct conn *conn, *first = NULL;

    for (int i = 0; i < pool->config.max_connections; i++) {
        conn = pool->slots[i].conn;
        if (!conn || conn->canceling.lacking_ns == 0)
            continue;
        if (!first || conn->canceling.lacking_ns < first->canceling.lacking_ns)
            first = conn;
    }
    return first;
}

void pool_on_cancel_room(void *arg)
{
    struct pool *pool = arg;
    struct conn *conn;

    while (!pool->dying && (conn = first_lacking_room(pool)) &&
           cancel_jobs_have_room(&pool->cancel_jobs))
        cancel_request_look(conn);
}

void pool_on_deadline(evutil_socket_t fd, short what, void *arg)
{
    struct pool *pool = arg;

    (void)fd;
    (void)what;
    if (!deadline_are_due(&pool->db.deadlines))
        return;
    pool_hold(pool);
    timeout_tell(&pool->db.deadlines, &pool->dying);
    pool_kick(pool);
    pool_release(pool);
}

void pool_on_kick(evutil_socket_t fd, short what, void *arg)
{
    struct pool *pool = arg;

    (void)fd;
    (void)what;
    pool->kicked = false;
    take_turn(pool);
}

void pool_on_timer(evutil_socket_t fd, short what, void *arg)
{
    struct pool *pool = arg;

    (void)fd;
    (void)what;
    pool->timer_ns = POOL_NEVER;
    take_turn(pool);
}
