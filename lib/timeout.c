/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * timeout: what becomes of a request whose deadline has passed.
 *
 * Called by the application, and by the timer of a connection's deadlines. Invariants: done comes
 * at the deadline, whatever the server does, and once; what was not sent is never sent; what was
 * sent keeps its place among the answers, as if it were abandoned (a zombie), and the server is
 * asked to stop it.
 */
#include "timeout.h"

#include "cancel_request.h"
#include "group.h"
#include "io.h"

#include <evpg/request.h>

/* It waits to be completed already, for another reason. */
static bool is_settled(const struct conn *conn, const struct evpg_request *request)
{
    return request->life != conn->life || (request->canceled && request->state == REQ_QUEUED) ||
           request->abandoned || group_holds(request) || group_is_answered(request);
}

static void explain(const struct conn *conn, const struct evpg_request *request,
                    struct evpg_error *why)
{
    bool sent = request->state != REQ_QUEUED;

    err_set(why, EVPG_E_TIMEOUT, sent ? EVPG_FATE_UNKNOWN : EVPG_FATE_NOT_SENT,
            "not done within %d ms", request->timeout_ms);
    if (sent && request->in_block)
        why->fate = EVPG_FATE_NOT_EXECUTED;
    why->phase = req_phase(request, conn_is_connecting(conn));
}

/* Its callbacks are taken from it first, for done may end the connection. */
void timeout_leave_behind(struct conn *conn, struct evpg_request *request, struct evpg_error *why)
{
    enum evpg_code code = why->code;

    db_note_done(request, why);
    if (conn->paused == request)
        io_discard_paused(conn, code);
    else
        request->ops->discard(request, code);
    request->abandoned = true;
    cancel_request_want(conn, request);
    req_clear_handle(request);
    request->ops->finish(request, why);
}

static void expire(struct evpg_request *request)
{
    struct conn *conn = request->conn;
    struct evpg_error why;

    if (is_settled(conn, request))
        return;
    conn_hold(conn);
    explain(conn, request, &why);
    if (conn->opening == request)
        conn_down(conn, &why);
    else if (request->state == REQ_QUEUED)
        conn_complete(conn, &conn->queued, request, &why);
    else if (request->ops->overdue)
        request->ops->overdue(request, &why);
    else if (request->group == request)
        group_leave_behind(conn, request, &why);
    else
        timeout_leave_behind(conn, request, &why);
    conn_release(conn);
}

void timeout_tell(struct deadlines *deadlines, const bool *dying)
{
    struct evpg_request *request;
    struct budget budget;

    budget_start(&budget);
    while (!*dying && budget_take(&budget) && (request = deadline_take(deadlines)))
        expire(request);
    if (!*dying)
        deadline_wait(deadlines);
}

void timeout_on_timer(evutil_socket_t fd, short what, void *arg)
{
    struct conn *conn = arg;

    (void)fd;
    (void)what;
    if (!deadline_are_due(&conn->db.deadlines))
        return;
    conn_hold(conn);
    timeout_tell(&conn->db.deadlines, &conn->dying);
    conn_release(conn);
}

void evpg_request_set_timeout(struct evpg_request *request, int ms)
{
    struct conn *conn = request ? request->conn : NULL;

    if (!conn || request->state == REQ_DONE || request->abandoned || conn->dying ||
        conn_is_inherited(conn) || !conn->deadlines->timer)
        return;
    if (ms < 0) {
        db_warn(request->db, "a timeout of %d ms: 0 is none", ms);
        return;
    }
    request->timeout_ms = ms;
    if (ms == 0)
        deadline_clear(conn->deadlines, request);
    else
        deadline_set(conn->deadlines, request, budget_now_ns() + (int64_t)ms * 1000000);
}
