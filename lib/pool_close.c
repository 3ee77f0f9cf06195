/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * pool_close: the end of a pool: evpg_close, in good order and within a deadline, and what
 * evpg_free shares with it.
 *
 * Called by the application and by pool_turn.c. Invariants: a pool is being closed from evpg_close
 * until its callback is called, exactly once, from the loop or from evpg_free; from then on it is
 * closed, has no connection and no event, and takes nothing more. All that a close needs is
 * allocated at its start.
 */
#include "io.h"
#include "mem.h"
#include "pool_login.h"

#include <errno.h>

struct pool_closing {
    evpg_closed_cb on_closed;
    void *arg;
    int64_t deadline_ns;
    bool has_told; /* those who wait for a lease */
    bool put_off;  /* once, for a loop that stood still */
};

/* Those that somebody waits for; what the pool itself asks is of the connection. */
static size_t count(const struct conn *conn)
{
    const struct evpg_request *request;
    const struct req_list *const lists[] = {&conn->settling, &conn->sent, &conn->queued,
                                            &conn->doomed, &conn->canceled};
    size_t n = 0;

    for (size_t i = 0; i < sizeof(lists) / sizeof(*lists); i++)
        TAILQ_FOREACH (request, lists[i], link)
            n += !request->abandoned && !request->part && request->db != &conn->db;
    return n;
}

/* It is closed as a whole. */
static struct pool *top(struct pool *pool)
{
    return pool->primary ? pool->primary : pool;
}

/* Counted first: a callback may be the last that happens to this pool. */
static void cut_off_slot(struct slot *slot, const struct evpg_error *why)
{
    top(slot->pool)->n_cut_off += count(slot->conn);
    if (slot->pool->dying)
        lease_end(&slot->lease);
    slot_end(slot, why);
}

static void drop_login(struct slot *slot)
{
    pool_login_drop(slot);
    slot_set_state(slot, SLOT_EMPTY);
}

static void cut_off_lobby(struct pool *pool, struct conn *lobby, const struct evpg_error *why)
{
    top(pool)->n_cut_off += count(lobby);
    if (pool->dying) {
        conn_end(lobby, why);
        return;
    }
    conn_hold(lobby);
    conn_cut_off(lobby, why);
    conn_release(lobby);
}

/* A callback may free both. */
static void cut_off_standby(struct pool *standby, const struct evpg_error *why)
{
    pool_hold(standby);
    pool_cut_off(standby, why);
    pool_release(standby);
}

void pool_cut_off(struct pool *pool, const struct evpg_error *why)
{
    bool was_dying = pool->dying;

    pool->was_up = pool_n_up(pool) > 0;
    for (int i = 0; i < pool->config.max_connections && pool->dying == was_dying; i++) {
        if (pool->slots[i].login)
            drop_login(&pool->slots[i]);
        if (pool->slots[i].ending) /* by a frame further up: what it was to complete */
            conn_cut_off(pool->slots[i].ending, why);
        if (pool->slots[i].conn)
            cut_off_slot(&pool->slots[i], why);
    }
    if (pool->dying == was_dying)
        cut_off_lobby(pool, pool->crowd, why);
    if (pool->dying == was_dying)
        cut_off_lobby(pool, pool->singles, why);
    if (pool->dying == was_dying && pool->standby)
        cut_off_standby(pool->standby, why);
}

void pool_close_finish(struct pool *pool)
{
    struct pool_closing *closing = pool->closing;
    evpg_closed_cb on_closed;
    void *arg;

    if (!closing)
        return;
    on_closed = closing->on_closed;
    arg = closing->arg;
    pool->closing = NULL;
    pool->closed = true;
    mem_free(closing);
    if (on_closed)
        on_closed(&pool->db, pool->n_cut_off, arg);
}

int64_t pool_close_deadline(const struct pool *pool)
{
    return pool->closing ? pool->closing->deadline_ns : POOL_NEVER;
}

static bool is_any_busy(const struct pool *pool)
{
    const struct slot *slot;

    TAILQ_FOREACH (slot, &pool->in[SLOT_SHARED], link)
        if (conn_is_busy(slot->conn))
            return true;
    return pool->count[SLOT_CLOSING] > 0 || pool->count[SLOT_LEASED] > 0;
}

/* Connections on which nothing is under way, or being opened for nobody, are not waited for. */
static bool is_done(const struct pool *pool)
{
    return !conn_is_busy(pool->crowd) && !conn_is_busy(pool->singles) && !is_any_busy(pool) &&
           (!pool->standby || is_done(pool->standby));
}

static bool has_stood_still(const struct pool *pool, struct pool_closing *closing)
{
    if (closing->put_off || pool->now_ns - closing->deadline_ns < BUDGET_STALL_NS)
        return false;
    closing->put_off = true;
    closing->deadline_ns = pool->now_ns + BUDGET_STALL_NS;
    return true;
}

static void end(struct pool *pool, const char *how)
{
    struct evpg_error why;

    err_set(&why, EVPG_E_CLOSED, EVPG_FATE_NOT_SENT, "the pool was closed%s", how);
    pool_cut_off(pool, &why);
    if (pool->dying)
        return;
    cancel_jobs_end(&pool->cancel_jobs);
    if (pool->standby) {
        cancel_jobs_end(&pool->standby->cancel_jobs);
        pool_kick(pool->standby); /* whose timer is not needed any more */
    }
    pool_close_finish(pool);
}

/* It counts as one of an earlier life, so that canceling it makes no difference any more. */
static void doom(struct conn *lobby, struct evpg_request *request)
{
    request->life = lobby->life - 1;
    conn_move(lobby, &lobby->queued, &lobby->doomed, request);
}

/* A lease would only be the beginning of something new. */
static void doom_acquires(struct conn *lobby)
{
    struct evpg_request *request, *next;

    for (request = TAILQ_FIRST(&lobby->queued); request; request = next) {
        next = TAILQ_NEXT(request, link);
        if (pool_is_acquire(request))
            doom(lobby, request);
    }
    err_set(&lobby->lost, EVPG_E_CLOSED, EVPG_FATE_NOT_SENT, "the pool is being closed");
    lobby->lost_connecting = false;
    conn_again(lobby);
}

void pool_close_turn(struct pool *pool)
{
    struct pool_closing *closing = pool->closing;

    if (!closing->has_told) {
        closing->has_told = true;
        doom_acquires(pool->crowd);
        doom_acquires(pool->singles);
        if (pool->standby) {
            doom_acquires(pool->standby->crowd);
            doom_acquires(pool->standby->singles);
        }
    }
    if (is_done(pool))
        end(pool, "");
    else if (pool->now_ns >= closing->deadline_ns && !has_stood_still(pool, closing))
        end(pool, ", its deadline has passed");
}

static int refusal_of(struct pool *pool, int deadline_ms)
{
    struct evpg_db *db = &pool->db;

    if (pool_is_inherited(pool))
        return db_refuse(db, EINVAL, "the pool belongs to the parent process");
    if (pool->dying)
        return db_refuse(db, ESHUTDOWN, "the pool is being freed");
    if (pool->closing || pool->closed)
        return db_refuse(db, EALREADY, "the pool is closed already, or being closed");
    if (deadline_ms < -1)
        return db_refuse(db, EINVAL, "a deadline of %d ms: -1 is none", deadline_ms);
    return 0;
}

/* Not those of leases. */
static void discard_paused(struct pool *pool)
{
    for (int i = 0; i < pool->config.max_connections; i++)
        if (pool->slots[i].conn && conn_is_closing(pool->slots[i].conn))
            io_discard_paused(pool->slots[i].conn, EVPG_E_CLOSED);
    if (pool->standby)
        discard_paused(pool->standby);
}

int pool_close(struct evpg_db *db, int deadline_ms, evpg_closed_cb on_closed, void *arg)
{
    struct pool *pool = pool_of(db);

    if (refusal_of(pool, deadline_ms) != 0)
        return -1;
    pool->closing = mem_alloc(sizeof(*pool->closing));
    if (!pool->closing)
        return -1;
    pool->n_cut_off = 0;
    pool->closing->on_closed = on_closed;
    pool->closing->arg = arg;
    pool->closing->deadline_ns =
        deadline_ms < 0 ? POOL_NEVER : budget_now_ns() + (int64_t)deadline_ms * 1000000;
    discard_paused(pool);
    pool_kick(pool);
    return 0;
}
