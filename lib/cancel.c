/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * cancel: requests that nobody wants any more.
 *
 * Called by the application. Invariants: no callback runs from inside these calls: what was not
 * sent waits on conn->canceled for the loop's next turn, and the server never hears of it; what was
 * sent keeps its place among the answers, for libpq has one stream, its answer is waited for, and
 * the server is asked to stop it (cancel_request.c).
 */
#include "cancel.h"

#include "group.h"
#include "io.h"

#include <evpg/request.h>

static bool is_over(const struct evpg_request *request)
{
    return !request || !request->conn || request->state == REQ_DONE || group_holds(request) ||
           conn_is_inherited(request->conn) || request->conn->dying;
}

static void cancel_unsent(struct conn *conn, struct evpg_request *request)
{
    if (request->canceled)
        return;
    request->canceled = true;
    if (conn->opening != request)
        conn_move(conn, &conn->queued, &conn->canceled, request);
    conn_again(conn);
}

void cancel_withdraw(struct conn *conn, struct evpg_request *request, enum evpg_code code)
{
    request->withdrawn = (uint8_t)code;
    cancel_unsent(conn, request);
}

/* Its rows are not wanted any more, either. */
static void cancel_sent(struct conn *conn, struct evpg_request *request)
{
    if (conn->paused == request)
        io_discard_paused(conn, EVPG_E_CANCELED);
    else if (!request->canceled)
        request->ops->discard(request, EVPG_E_CANCELED);
    request->canceled = true;
    cancel_request_want(conn, request);
}

/* Those of a connection that was lost are on their way to be completed for that. */
static bool is_doomed(const struct evpg_request *request)
{
    return request->life != request->conn->life;
}

void evpg_request_cancel(struct evpg_request *request)
{
    if (is_over(request) || is_doomed(request) || db_is_observed(request->db))
        return;
    db_tell(request->db, EVPG_EVENT_CANCELED, request, NULL);
    if (request->state == REQ_QUEUED)
        cancel_unsent(request->conn, request);
    else
        cancel_sent(request->conn, request);
}

/* Also while its connection is being freed, or in a child: its arg must not be touched any more. */
void evpg_request_abandon(struct evpg_request *request)
{
    if (!request || !request->conn || request->state == REQ_DONE || db_is_observed(request->db))
        return;
    if (request->db->stats && !request->abandoned)
        request->db->stats->all.abandoned++;
    request->abandoned = true;
    req_clear_handle(request);
    request->ops->abandon(request);
    evpg_request_cancel(request);
}

void cancel_opening(struct conn *conn)
{
    struct evpg_error why;

    err_set(&why, EVPG_E_CANCELED, EVPG_FATE_NOT_SENT, "opening the connection was canceled");
    conn_down(conn, &why);
}

void cancel_explain(const struct evpg_request *request, struct evpg_error *why)
{
    if (request->withdrawn)
        err_set(why, (enum evpg_code)request->withdrawn, EVPG_FATE_NOT_SENT,
                "its transaction failed before it was sent");
    else
        err_set(why, EVPG_E_CANCELED, EVPG_FATE_NOT_SENT, "canceled before it was sent");
    why->phase = req_phase(request, conn_is_connecting(request->conn));
}

/* An opening is canceled after those that an earlier loss has doomed are told of that. */
void cancel_complete(struct conn *conn)
{
    struct evpg_request *request;
    struct evpg_error why;
    struct budget budget;

    budget_start(&budget);
    while ((request = TAILQ_FIRST(&conn->canceled)) && budget_take(&budget)) {
        cancel_explain(request, &why);
        conn_complete(conn, &conn->canceled, request, &why);
    }
    if (conn->opening && conn->opening->canceled && TAILQ_EMPTY(&conn->doomed))
        cancel_opening(conn);
    if (!TAILQ_EMPTY(&conn->canceled) || (conn->opening && conn->opening->canceled))
        conn_again(conn);
}
