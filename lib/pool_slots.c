/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * pool_slots: the connections of a pool, by what they are doing.
 *
 * Called by the other files of the pool, and by the connections through their struct conn_owner.
 * Invariants: a slot is on the list of its state, which slot_set_state alone changes; what a
 * connection calls here never calls the application; a connection that was lost, or is to be
 * closed, gets nothing more; what it had not sent is back in the pool's queue, in its old place
 * there.
 */
#include "pool.h"

#include <string.h>

/* The one that was used last first; one that was only asked whether it is there keeps its place. */
static void insert_idle(struct pool *pool, struct slot *slot)
{
    struct slot *before = TAILQ_FIRST(&pool->in[SLOT_IDLE]);

    while (before && before->used_ns > slot->used_ns)
        before = TAILQ_NEXT(before, link);
    if (before)
        TAILQ_INSERT_BEFORE(before, slot, link);
    else
        TAILQ_INSERT_TAIL(&pool->in[SLOT_IDLE], slot, link);
}

void slot_set_state(struct slot *slot, enum slot_state state)
{
    struct pool *pool = slot->pool;

    TAILQ_REMOVE(&pool->in[slot->state], slot, link);
    pool->count[slot->state]--;
    slot->state = state;
    if (state == SLOT_IDLE)
        insert_idle(pool, slot);
    else
        TAILQ_INSERT_TAIL(&pool->in[state], slot, link);
    pool->count[state]++;
}

static bool is_used_up(const struct slot *slot)
{
    int max_uses = slot->pool->config.max_uses;

    return max_uses > 0 && slot->uses >= max_uses;
}

void slot_give(struct slot *slot, struct evpg_request *request)
{
    if (slot->state == SLOT_IDLE) {
        slot->had_room = true;
        slot->head_ns = slot->pool->now_ns;
        slot_set_state(slot, SLOT_SHARED);
        pool_upkeep_note(slot);
    }
    slot->uses++;
    conn_hand_over(request, slot->conn, NULL);
    if (is_used_up(slot))
        slot_set_state(slot, SLOT_CLOSING);
}

void slot_close(struct slot *slot)
{
    struct conn *conn = slot->conn;
    struct evpg_error why;

    if (conn_is_busy(conn)) {
        if (slot->state != SLOT_CLOSING)
            slot_set_state(slot, SLOT_CLOSING);
        return;
    }
    err_set(&why, EVPG_E_CLOSED, EVPG_FATE_NOT_SENT, "the connection was closed");
    slot_end(slot, &why);
}

void slot_end(struct slot *slot, const struct evpg_error *why)
{
    struct pool *pool = slot->pool;
    struct conn *conn = slot->conn;

    pool_hold(pool);
    slot->ending = conn;
    slot->conn = slot->lease.conn = NULL;
    slot_set_state(slot, SLOT_EMPTY);
    conn_end(conn, why);
    slot->ending = NULL;
    pool_release(pool);
}

static bool is_worn(const struct slot *slot)
{
    return is_used_up(slot) || budget_now_ns() >= slot->end_ns;
}

/* A script may have left a transaction open. One that may still be hit by a cancel would keep the
 * next request waiting: it is not idle until then, and gets nothing either. */
void slot_settle(struct slot *slot)
{
    if (slot->conn->canceling.unsettled && !slot->conn->in_transaction) {
        if (slot->state != SLOT_SHARED)
            slot_set_state(slot, SLOT_SHARED);
        return;
    }
    slot->whole = slot->reserved = false;
    if (slot->conn->in_transaction)
        pool_reset(slot, false, NULL);
    else if (is_worn(slot))
        slot_set_state(slot, SLOT_CLOSING);
    else
        slot_set_state(slot, SLOT_IDLE);
    if (slot->state == SLOT_IDLE)
        pool_upkeep_note(slot);
}

/* The server is there, and not only whatever lets one log in. */
static void prove(struct slot *slot)
{
    slot->proven = true;
    slot->pool->backoff.failures = 0;
}

static void on_completed(struct conn *conn)
{
    struct slot *slot = conn->owner_arg;

    if (slot->pool->dying || slot->conn != conn)
        return;
    if (!slot->proven && slot->uses > 0 && conn->pg)
        prove(slot);
    pool_kick(slot->pool);
    pool_look_at_role(slot);
    if (slot->state != SLOT_SHARED)
        return;
    slot->used_ns = budget_now_ns();
    if (conn->n_sent + conn->n_queued > 0)
        slot->head_ns = slot->used_ns;
    else if (conn->pg)
        slot_settle(slot);
}

/* Before all that came later. */
static void insert_in_order(struct evpg_request *request, struct conn *lobby)
{
    struct evpg_request *before = TAILQ_FIRST(&lobby->queued);

    while (before && before->serial < request->serial)
        before = TAILQ_NEXT(before, link);
    conn_hand_over(request, lobby, before);
}

static void take_back(struct conn *conn, struct evpg_request *request)
{
    struct slot *slot = conn->owner_arg;

    if (!slot->pool->dying && slot->conn == conn && request->db == slot->pool->face)
        insert_in_order(request, slot->pool->crowd);
}

/* One that has never answered anything, and is lost soon after its login, is no better than none:
 * it must not be opened again and again without a pause. */
static void on_lost(struct conn *conn, const struct evpg_error *why)
{
    struct slot *slot = conn->owner_arg;
    struct pool *pool = slot->pool;

    if (pool->dying || slot->conn != conn)
        return;
    pool->db.stats->all.connections_lost++;
    if (!slot->proven && budget_now_ns() - slot->since_ns < 1000000000)
        pool_note_failure(pool, why);
    else
        pool->backoff.failures = 0;
    if (slot->state != SLOT_LEASED)
        slot_close(slot);
    pool_kick(pool);
}

/* What a lease's user does with it, until he gives it back, is his business. */
static bool is_closing(const struct conn *conn)
{
    const struct slot *slot = conn->owner_arg;

    return pool_is_ending(slot->pool) && slot->state != SLOT_LEASED;
}

static void on_gone(void *arg)
{
    struct slot *slot = arg;

    pool_release(slot->pool);
}

static const struct conn_owner slot_owner = {.asks_freely = true,
                                             .lost = on_lost,
                                             .take_back = take_back,
                                             .completed = on_completed,
                                             .is_closing = is_closing,
                                             .gone = on_gone};

struct conn *slot_make_conn(struct slot *slot, const char *conninfo)
{
    struct pool *pool = slot->pool;
    struct evpg_db *db = evpg_conn_new(pool->base, conninfo, &pool->connection);
    struct conn *conn = db ? conn_of(db) : NULL;

    if (!conn)
        return NULL;
    conn->face = pool->face;
    conn->owner = &slot_owner;
    conn->owner_arg = slot;
    conn->deadlines = &pool->face->deadlines;
    conn->cancel_jobs = &pool->cancel_jobs;
    pool_hold(pool);
    slot->conn = conn;
    slot->proven = slot->whole = slot->reserved = false;
    slot->uses = 0;
    slot->end_ns = POOL_NEVER;
    return conn;
}

static void on_lobby_completed(struct conn *lobby)
{
    pool_kick(lobby->owner_arg);
}

static bool is_lobby_up(const struct conn *lobby)
{
    const struct pool *pool = lobby->owner_arg;

    return pool->was_up || pool_n_up(pool) > 0;
}

static void on_lobby_gone(void *arg)
{
    pool_release(arg);
}

static const struct evpg_error *last_failure_of_lobby(const struct conn *lobby)
{
    const struct pool *pool = lobby->owner_arg;

    return pool->last_error.code ? &pool->last_error : NULL;
}

static const struct conn_owner lobby_owner = {.completed = on_lobby_completed,
                                              .is_up = is_lobby_up,
                                              .last_failure = last_failure_of_lobby,
                                              .gone = on_lobby_gone};

struct conn *pool_make_lobby(struct pool *pool)
{
    struct evpg_db *db = evpg_conn_new(pool->base, NULL, NULL);
    struct conn *lobby = db ? conn_of(db) : NULL;

    if (!lobby)
        return NULL;
    lobby->face = pool->face;
    lobby->owner = &lobby_owner;
    lobby->owner_arg = pool;
    lobby->deadlines = &pool->face->deadlines;
    pool_hold(pool);
    return lobby;
}
