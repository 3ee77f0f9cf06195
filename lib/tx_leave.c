/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * tx_leave: transactions that are ended from outside: freed, canceled, abandoned, too late.
 *
 * Called by the engine through the req_ops of tx_start.c, and by tx_db.c. Invariants: what is freed
 * or too late is over for the application before the call returns: its statements are told, those
 * on the wire keep their places there, and then it is; it is rolled back by itself afterwards.
 * After each callback its connection may be gone, and then it has been told of that.
 */
#include "cancel_request.h"
#include "timeout.h"
#include "tx.h"

#include <evpg/request.h>

/* Of a part of it that has begun. */
static bool has_begun(const struct evpg_request *request)
{
    return request->ops->begin && ((const struct tx *)request)->attempt > 0;
}

/* One that has begun has statements to be told, also when it was abandoned itself. */
static bool is_told(const struct evpg_request *request)
{
    return has_begun(request) ? ((const struct tx *)request)->told : request->abandoned;
}

/* The first that is not done. */
static struct evpg_request *find(const struct tx *tx, struct req_list *list)
{
    struct evpg_request *request;

    TAILQ_FOREACH (request, list, link)
        if (request->db == &tx->db && !is_told(request))
            return request;
    return NULL;
}

static void leave_unsent(struct tx *tx, struct evpg_request *request, struct evpg_error *why)
{
    struct conn *conn = tx->base.conn;

    if (has_begun(request)) {
        tx_leave((struct tx *)request, why);
        return;
    }
    why->fate = EVPG_FATE_NOT_SENT;
    conn_complete(conn, &conn->queued, request, why);
}

static void leave_sent(struct tx *tx, struct req_list *list, struct evpg_request *request,
                       struct evpg_error *why)
{
    struct conn *conn = tx->base.conn;

    why->fate = request->in_block ? EVPG_FATE_NOT_EXECUTED : EVPG_FATE_UNKNOWN;
    if (group_is_answered(request))
        group_cut_off(conn, list, request, why);
    else if (request->group == request)
        group_leave_behind(conn, request, why);
    else
        timeout_leave_behind(conn, request, why);
}

/* False: there is none. */
static bool leave_one(struct tx *tx, struct evpg_error why)
{
    struct conn *conn = tx->base.conn;
    struct evpg_request *request;

    if ((request = find(tx, &conn->settling)))
        leave_sent(tx, &conn->settling, request, &why);
    else if ((request = find(tx, &conn->sent)))
        leave_sent(tx, &conn->sent, request, &why);
    else if ((request = find(tx, &conn->queued)))
        leave_unsent(tx, request, &why);
    return request;
}

bool tx_is_gone(const struct tx *tx)
{
    return tx->base.conn->dying || tx_is_lost(tx);
}

static void go_on_untold(struct tx *tx)
{
    if (tx->stage == TX_RESTING)
        tx_over(tx, true);
    else if (tx->commit_sent)
        tx_hurry(tx);
    else
        tx_end(tx);
}

static void tell(struct tx *tx, const struct evpg_error *why)
{
    deadline_clear(tx->base.conn->deadlines, &tx->base);
    req_clear_handle(&tx->base);
    if (!tx->told)
        tx_tell(tx, why);
}

/* It is failing from the beginning on, so that nothing can be submitted meanwhile. */
static void leave(struct tx *tx, const struct evpg_error *why)
{
    if (!tx->why.code && !tx->commit_sent)
        tx->why = *why;
    conn_finish_begun(tx->base.conn);
    while (!tx_is_gone(tx) && leave_one(tx, *why))
        ;
    if (!tx_is_gone(tx))
        tx_finish_left_over(tx);
    if (tx_is_gone(tx))
        return;
    tell(tx, why);
    if (!tx_is_gone(tx) && tx->stage != TX_OVER)
        go_on_untold(tx);
}

/* Of one that is lost: what its connection is about to tell. False: there is none. */
static bool leave_lost(struct tx *tx, const struct evpg_error *why)
{
    struct conn *conn = tx->base.conn;
    struct req_list *list = &conn->doomed;
    struct evpg_request *request = find(tx, list);
    struct evpg_error cut;

    if (!request)
        request = find(tx, list = &conn->canceled);
    if (!request)
        return false;
    req_cut(request, why, false, &cut);
    if (has_begun(request))
        tx_leave((struct tx *)request, why);
    else if (request->group)
        group_cut_off(conn, list, request, &cut);
    else
        conn_complete(conn, list, request, &cut);
    return true;
}

void tx_leave(struct tx *tx, const struct evpg_error *why)
{
    struct conn *conn = tx->base.conn;

    if (tx->told)
        return;
    conn_hold(conn);
    tx_hold(tx);
    if (tx_is_gone(tx))
        conn_finish_begun(conn);
    else
        leave(tx, why);
    while (!tx->told && leave_lost(tx, why))
        ;
    tell(tx, why);
    tx_release(tx);
    conn_release(conn);
}

void tx_overdue(struct evpg_request *request, struct evpg_error *why)
{
    tx_leave((struct tx *)request, why);
}

static void cancel_sent(struct tx *tx, struct req_list *list)
{
    struct evpg_request *request;

    TAILQ_FOREACH (request, list, link)
        if (request->db == &tx->db)
            evpg_request_cancel(request);
}

/* It was canceled, and so are its parts, and what is on the wire. */
void tx_discard(struct evpg_request *request, enum evpg_code code)
{
    struct tx *tx = (struct tx *)request;
    struct conn *conn = request->conn;
    struct evpg_request *part, *next;

    if (tx->stage == TX_RESTING) {
        err_set(&tx->why, code, EVPG_FATE_NOT_EXECUTED, "canceled");
        tx_over(tx, true);
        return;
    }
    if (tx->commit_sent && tx->stage == TX_ENDING) {
        evpg_request_cancel(&tx->last.base);
        return;
    }
    for (part = TAILQ_FIRST(&conn->queued); part && part != request; part = next) {
        next = TAILQ_NEXT(part, link);
        if (part->db == &tx->db && part->state == REQ_ACTIVE)
            evpg_request_cancel(part);
    }
    tx_fail_as(tx, code, "canceled");
    cancel_sent(tx, &conn->settling);
    cancel_sent(tx, &conn->sent);
}

void tx_abandon(struct evpg_request *request)
{
    struct tx *tx = (struct tx *)request;

    tx->body = NULL;
    tx->on_done = NULL;
}
