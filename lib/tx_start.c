/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * tx_start: evpg_transaction(), and the beginning of each attempt.
 *
 * Called by the application and, when its turn has come, by the pipeline. Invariants: it is one
 * block of memory, made when it is submitted; body is called when nothing is on the wire, and what
 * it submits finds BEGIN in the queue before itself; one that nothing comes of is ended in time.
 */
#include "mem.h"
#include "tx.h"

#include <evpg/request.h>

#include <errno.h>
#include <stdio.h>
#include <unistd.h>

/* Nothing of it is queued, on the wire, or on its way to be told. */
static bool is_quiet(const struct tx *tx)
{
    const struct conn *conn = tx->base.conn;

    return TAILQ_FIRST(&conn->queued) == &tx->base && TAILQ_EMPTY(&conn->sent) &&
           TAILQ_EMPTY(&conn->canceled);
}

static void look_if_forgotten(struct tx *tx)
{
    int64_t now_ns = budget_now_ns(), limit_ns = (int64_t)tx->config.idle_timeout_ms * 1000000;
    int64_t left_ns = tx->active_ns + limit_ns - now_ns;
    char message[96];

    if (!is_quiet(tx)) {
        tx_set_timer(tx, limit_ns);
    } else if (left_ns > 0) {
        tx_set_timer(tx, left_ns);
    } else if (!tx->put_off && -left_ns >= BUDGET_STALL_NS) {
        tx->put_off = true;
        tx_set_timer(tx, BUDGET_STALL_NS);
    } else {
        snprintf(message, sizeof(message), "neither used nor ended within idle_timeout_ms (%d)",
                 tx->config.idle_timeout_ms);
        tx_fail_as(tx, EVPG_E_TIMEOUT, message);
    }
}

/* It has failed, and is kept from being rolled back by rows that are paused, of which there is only
 * its own on its connection: nobody will want them any more. */
static void end_pause(struct tx *tx)
{
    evpg_request_cancel(tx->base.conn->paused);
    tx_set_idle_timer(tx);
}

/* Between attempts nothing is on the wire, and nothing before it in the queue. */
static void on_timer(evutil_socket_t fd, short what, void *arg)
{
    struct tx *tx = arg;

    (void)fd;
    (void)what;
    if (tx_is_lost(tx))
        return;
    if (tx->stage == TX_OPEN)
        look_if_forgotten(tx);
    else if (tx->stage == TX_ENDING && tx->why.code)
        end_pause(tx);
    if (tx->stage != TX_RESTING)
        return;
    if (tx_has_left_over(tx)) {
        tx_set_timer(tx, 1000000);
        return;
    }
    tx->base.state = REQ_QUEUED;
    tx->base.renewed = true;
    conn_again(tx->base.conn);
}

/* Somebody has said BEGIN on this connection, whose COMMIT this would be. */
static void refuse_open_block(struct tx *tx)
{
    err_set(&tx->why, EVPG_E_ABORTED, EVPG_FATE_NOT_SENT,
            "a transaction block is open already on the connection");
    err_set_sqlstate(&tx->why, "25001");
    tx->why.phase = EVPG_PHASE_QUEUED;
    tx_over(tx, false);
}

static void start(struct tx *tx)
{
    if (tx->attempt++ == 0)
        evtimer_assign(&tx->timer, tx->base.conn->base, on_timer, tx);
    tx->asked = tx->began = tx->commit_sent = tx->put_off = tx->has_saves = false;
    tx->active_ns = budget_now_ns();
    tx_set_stage(tx, TX_OPEN);
    tx_start_db(tx);
    tx_begin_parts(tx);
    tx_set_idle_timer(tx);
    if (tx->body)
        tx->body(&tx->db, tx->arg);
}

static void begin(struct evpg_request *request)
{
    struct tx *tx = (struct tx *)request;

    tx_hold(tx);
    if (tx->attempt > 0)
        tx_finish_left_over(tx);
    if (tx_is_gone(tx) || tx->stage == TX_OVER)
        ;
    else if (!tx->outer && request->conn->in_transaction)
        refuse_open_block(tx);
    else
        start(tx);
    tx_release(tx);
}

static void release(struct evpg_request *request)
{
    tx_release((struct tx *)request);
}

static const struct req_ops tx_ops = {
    .begin = begin,
    .discard = tx_discard,
    .overdue = tx_overdue,
    .abandon = tx_abandon,
    .finish = tx_finish,
    .release = release,
};

static void fill(struct tx *tx, struct evpg_db *db, struct tx *outer, int depth)
{
    static const struct db_ops inner_ops;

    tx->base.ops = &tx_ops;
    tx->base.db = db;
    tx->base.size = sizeof(*tx);
    tx->base.alone = tx->base.special = true;
    tx->base.in_block = outer;
    tx->db.ops = &tx_db_ops;
    tx->inner.ops = &inner_ops;
    tx->outer = outer;
    tx->depth = depth;
    tx->on_pool = outer ? outer->on_pool : !db->ops->session(db);
    tx->pid = getpid();
    tx->backoff = (struct backoff){.seed = (uint64_t)budget_now_ns() ^ (uintptr_t)tx,
                                   .min_ms = tx->config.retry_min_ms,
                                   .max_ms = tx->config.retry_max_ms};
    tx->hold = 1;
    snprintf(tx->savepoint, sizeof(tx->savepoint), "evpg_%d", depth);
}

static struct tx *make(struct evpg_db *db, const struct evpg_tx_config *config)
{
    struct tx *outer = tx_is(db) ? tx_of(db) : NULL, *tx;
    int depth = outer ? outer->depth + 1 : 1;
    struct evpg_tx_config checked;
    const char *why;

    if (depth > EVPG_TX_MAX_DEPTH) {
        db_refuse(db, EINVAL, "transactions nested deeper than %d", EVPG_TX_MAX_DEPTH);
        return NULL;
    }
    if (!tx_config_take(&checked, config, outer, &why)) {
        db_refuse(db, EINVAL, "a transaction's settings: %s", why);
        return NULL;
    }
    tx = mem_alloc(sizeof(*tx));
    if (!tx) {
        db_lacks_memory(db);
        return NULL;
    }
    tx->config = checked;
    fill(tx, db, outer, depth);
    return tx;
}

struct evpg_request *evpg_transaction(struct evpg_db *db, const struct evpg_tx_config *config,
                                      evpg_body_cb body, evpg_done_cb on_done, void *arg)
{
    struct tx *tx;
    int refusal;

    if (!db || !body) {
        db_refuse(db, EINVAL, "a transaction needs a db and a body");
        return NULL;
    }
    tx = make(db, config);
    if (!tx)
        return NULL;
    tx->body = body;
    tx->on_done = on_done;
    tx->arg = arg;
    refusal = db_submit(db, &tx->base);
    if (refusal == 0) {
        if (tx->config.timeout_ms != 0)
            evpg_request_set_timeout(&tx->base,
                                     tx->config.timeout_ms > 0 ? tx->config.timeout_ms : 0);
        return &tx->base;
    }
    mem_free(tx);
    errno = refusal;
    return NULL;
}
