/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * tx: what becomes of a transaction, and that it is told so once.
 *
 * Called by tx_start.c, tx_leave.c, tx_db.c, and tx_parts.c when COMMIT is answered. Invariants:
 * from its beginning to its end its request is in its connection's queue, and nothing behind it is
 * sent; it fails once, for the first reason there is, and is then rolled back; done comes once,
 * after those of its statements, and without an error only when COMMIT was acknowledged. When the
 * application has been told early, it goes on by itself until it is rolled back. Its memory stays
 * while a frame or the engine has a part of it.
 */
#include "tx.h"

#include "cancel.h"
#include "cancel_request.h"
#include "mem.h"
#include "result.h"

#include <string.h>
#include <unistd.h>

bool tx_is(const struct evpg_db *db)
{
    return db->ops == &tx_db_ops;
}

void tx_set_stage(struct tx *tx, enum tx_stage stage)
{
    tx->stage = stage;
}

void tx_hold(struct tx *tx)
{
    tx->hold++;
}

static void stop_timer(struct tx *tx)
{
    if (tx->attempt > 0 && tx->pid == getpid())
        event_del(&tx->timer);
}

void tx_release(struct tx *tx)
{
    if (--tx->hold > 0)
        return;
    stop_timer(tx);
    types_forget(&tx->db.types);
    evpg_error_free(tx->whole);
    mem_free(tx);
}

bool tx_is_lost(const struct tx *tx)
{
    return tx->base.life != tx->base.conn->life;
}

void tx_set_timer(struct tx *tx, int64_t ns)
{
    int64_t us = ns > 0 ? ns / 1000 + 1 : 0;
    const struct timeval time = {us / 1000000, us % 1000000};

    if (evtimer_add(&tx->timer, &time) < 0)
        event_active(&tx->timer, EV_TIMEOUT, 0); /* which needs no memory */
}

void tx_set_idle_timer(struct tx *tx)
{
    if (tx->config.idle_timeout_ms > 0)
        tx_set_timer(tx, (int64_t)tx->config.idle_timeout_ms * 1000000);
}

/* Only what is before it in the queue is its own; a part of it that has begun ends by itself. */
static void withdraw(struct tx *tx)
{
    struct conn *conn = tx->base.conn;
    struct evpg_request *request, *next;

    for (request = TAILQ_FIRST(&conn->queued); request && request != &tx->base; request = next) {
        next = TAILQ_NEXT(request, link);
        if (request->db != &tx->db)
            continue;
        if (request->state == REQ_QUEUED)
            cancel_withdraw(conn, request, EVPG_E_ABORTED);
        else
            tx_fail_as((struct tx *)request, EVPG_E_ABORTED, "what it is a part of has failed");
    }
}

void tx_fail(struct tx *tx, const struct evpg_error *why)
{
    bool is_due = tx->stage == TX_OPEN || tx->stage == TX_ENDING;

    if (tx->why.code || !is_due || tx->commit_sent || tx_is_lost(tx))
        return;
    tx->whole = evpg_error_copy(why);
    tx->why = *why;
    tx->why.query = NULL;
    memset(tx->why.field, 0, sizeof(tx->why.field));
    tx->why.fate = EVPG_FATE_NOT_EXECUTED;
    withdraw(tx);
    tx_end(tx);
}

/* What was stopped for another is not what it has failed for. */
void tx_fail_by(struct tx *tx, const struct evpg_request *request, const struct evpg_error *why)
{
    struct evpg_error canceled;

    if (!request->struck) {
        tx_fail(tx, why);
        return;
    }
    err_set(&canceled, EVPG_E_CANCELED, EVPG_FATE_NOT_EXECUTED, "a statement was canceled");
    err_set_sqlstate(&canceled, "57014");
    canceled.phase = EVPG_PHASE_RUNNING;
    tx_fail(tx, &canceled);
}

void tx_fail_as(struct tx *tx, enum evpg_code code, const char *message)
{
    struct evpg_error why;

    err_set(&why, code, EVPG_FATE_NOT_EXECUTED, "%s", message);
    why.phase = EVPG_PHASE_RUNNING;
    tx_fail(tx, &why);
}

void tx_spoil(struct tx *tx)
{
    for (; tx; tx = tx->outer) {
        tx_fail_as(tx, EVPG_E_ABORTED, "one of its statements has ended the transaction");
        tx->why.fate = EVPG_FATE_UNKNOWN;
    }
}

void tx_end(struct tx *tx)
{
    if (tx->stage != TX_OPEN)
        return;
    tx_set_stage(tx, TX_ENDING);
    stop_timer(tx);
    if (tx_is_lost(tx))
        return;
    if (tx->why.code)
        tx_set_idle_timer(tx); /* for rows that are paused */
    if (tx->why.code && tx_withdraw_parts(tx))
        tx_over(tx, true);
    else
        tx_end_parts(tx);
}

static void forget_failure(struct tx *tx)
{
    evpg_error_free(tx->whole);
    tx->whole = NULL;
    tx->why.code = 0;
}

static bool may_be_tried_again(const struct tx *tx)
{
    const struct evpg_error *why = &tx->why;

    return why->code == EVPG_E_SERVER && why->fate == EVPG_FATE_NOT_EXECUTED && !tx->outer &&
           !tx->told && !tx->base.canceled && tx->attempt < tx->config.max_attempts &&
           (strcmp(why->sqlstate, "40001") == 0 || strcmp(why->sqlstate, "40P01") == 0);
}

bool tx_has_left_over(const struct tx *tx)
{
    const struct evpg_request *request;

    TAILQ_FOREACH (request, &tx->base.conn->canceled, link)
        if (request->db == &tx->db)
            return true;
    return false;
}

void tx_over(struct tx *tx, bool later)
{
    struct conn *conn = tx->base.conn;

    if (may_be_tried_again(tx)) {
        forget_failure(tx);
        tx_set_stage(tx, TX_RESTING);
        tx_set_timer(tx, backoff_fail_ns(&tx->backoff));
        return;
    }
    tx_set_stage(tx, TX_OVER);
    stop_timer(tx);
    if (!later && !tx_has_left_over(tx)) {
        conn_complete(conn, &conn->queued, &tx->base, NULL);
        return;
    }
    tx->base.state = REQ_QUEUED;
    tx->base.canceled = false; /* by the application, when it had begun */
    cancel_withdraw(conn, &tx->base, EVPG_E_ABORTED);
}

/* What has become of it; cut says why it has not come to an end of its own. The fields of an error
 * live as long as the transaction. */
static bool judge(const struct tx *tx, const struct evpg_error *cut, struct evpg_error *error)
{
    bool own = tx->stage == TX_OVER || (tx->why.code && !tx->commit_sent);
    bool may_be_committed = tx->commit_sent && !tx->outer;

    if (own && !tx->why.code)
        return true;
    if (own) {
        *error = tx->whole ? *tx->whole : tx->why;
        error->fate = tx->why.fate;
        return false;
    }
    *error = *cut;
    if (tx->attempt > 0)
        error->fate = may_be_committed ? EVPG_FATE_UNKNOWN : EVPG_FATE_NOT_EXECUTED;
    return false;
}

/* The last that the application hears of it. */
void tx_tell(struct tx *tx, const struct evpg_error *cut)
{
    struct evpg_error error;
    bool good = judge(tx, cut, &error);
    struct evpg_result result = {
        .request = &tx->base,
        .db = tx->base.db,
        .error = good ? NULL : &error,
        .tag = tx->last.tag,
        .set = &tx->base.conn->row_set,
    };

    tx->told = true;
    stop_timer(tx);
    if (!good && tx->base.name)
        err_prefix(&error, tx->base.name);
    db_note_done(&tx->base, result.error);
    tx->base.abandoned = true;
    if (tx->on_done)
        tx->on_done(&result, tx->arg);
}

/* Those that were withdrawn, and not told so yet, come before it. */
void tx_finish_left_over(struct tx *tx)
{
    struct conn *conn = tx->base.conn;
    struct evpg_request *request;
    struct evpg_error why;

    do {
        TAILQ_FOREACH (request, &conn->canceled, link)
            if (request->db == &tx->db)
                break;
        if (!request)
            return;
        cancel_explain(request, &why);
        conn_complete(conn, &conn->canceled, request, &why);
    } while (!tx->told);
}

void tx_finish(struct evpg_request *request, struct evpg_error *cut)
{
    struct tx *tx = (struct tx *)request;

    if (request->unwanted && !tx_is_lost(tx))
        cancel_request_answered(request->conn, request);
    request->unwanted = false;
    if (tx->attempt > 0)
        tx_finish_left_over(tx);
    if (!tx->told)
        tx_tell(tx, cut);
}
