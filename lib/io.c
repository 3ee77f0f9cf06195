/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * io: moves bytes between the socket and libpq, and results from libpq to the pipeline.
 *
 * Called by the loop and by conn.c. Invariants: what libpq holds is drained before more is read,
 * since libpq that meets the end of the stream with answers still unread would misplace them; libpq
 * is asked for a result only when it is not busy, else it would wait (the NULL behind the last one
 * of a request it has without being asked whether it is); once reading or writing has
 * failed no success is believed any more; every wake-up ends with sending what may be sent; a stay
 * is bounded by a budget, and what it leaves is continued by a zero timer; while rows are paused
 * nothing is read or written, and what libpq holds waits in it.
 */
#ifdef HAVE_CONFIG_H
#include <config.h>
#endif

#include "io.h"

#include "answer.h"
#include "news.h"
#include "pipeline.h"

#include <evpg/request.h>

#include <poll.h>
#include <string.h>

#ifndef POLLRDHUP
#define POLLRDHUP 0
#endif

/* Before sending on a connection that was idle for longer, one look whether it is still there. */
#define IDLE_LOOK_NS 1000000

enum next { WAIT, AGAIN, GONE };

bool io_start(struct conn *conn)
{
    int fd = PQsocket(conn->pg);

    if (PQsetnonblocking(conn->pg, 1) != 0 || PQenterPipelineMode(conn->pg) != 1)
        return false;
    conn->idle_since_ns = budget_now_ns();
    return event_assign(conn->read_event, conn->base, fd, EV_READ | EV_PERSIST, io_on_readable,
                        conn) == 0 &&
           event_assign(conn->write_event, conn->base, fd, EV_WRITE, io_on_writable, conn) == 0 &&
           event_add(conn->read_event, NULL) == 0;
}

void io_stop(struct conn *conn)
{
    event_del(conn->read_event);
    event_del(conn->write_event);
}

/* One more result, if there is one, behind the NULLs that end a request's. */
static PGresult *read_on(struct conn *conn)
{
    PGresult *result = NULL;

    for (int i = 0; i < 2 && !result && !PQisBusy(conn->pg); i++)
        result = PQgetResult(conn->pg);
    return result;
}

/* Reads on for the reason only: the last words of the server, if it had any, stand behind all that
 * it has answered before. */
static void find_reason(struct conn *conn, struct evpg_error *why)
{
    PGresult *result;
    int reads = 16, results = 10000; /* a dead connection may give the same error for ever */

    pq_set_loss(why, EVPG_E_LOST, answer_last_words(conn));
    while (!conn->fatal.code && results-- > 0) {
        result = read_on(conn);
        if (!result && (reads-- == 0 || !PQisBusy(conn->pg) || !PQconsumeInput(conn->pg)))
            break;
        if (pq_is_fatal(result))
            pq_set_error(&conn->fatal, EVPG_E_LOST, EVPG_FATE_UNKNOWN, result);
        memset(conn->fatal.field, 0, sizeof(conn->fatal.field));
        PQclear(result);
    }
    if (!*why->message)
        pq_set_loss(why, EVPG_E_LOST, answer_last_words(conn));
    if (!*why->message)
        err_append(why, "it was closed");
    if (conn->fatal.code)
        *why = conn->fatal;
}

void io_lost(struct conn *conn)
{
    struct evpg_error why;

    find_reason(conn, &why);
    io_stop(conn); /* libpq may have closed the socket, and a callback may open another */
    news_deliver_notices(conn, NULL);
    if (conn->pg)
        conn_down(conn, &why);
}

/* A FATAL that came as a notice: the server has ended the session, or is about to. */
static bool has_ended(struct conn *conn)
{
    return conn->fatal.code || PQstatus(conn->pg) == CONNECTION_BAD;
}

/* PQisBusy, which reads what has come: where libpq then closes the socket, the events go first, for
 * a callback may open another with the same number. */
static bool is_busy(struct conn *conn)
{
    bool busy = PQisBusy(conn->pg);

    if (PQstatus(conn->pg) == CONNECTION_BAD)
        io_stop(conn);
    return busy;
}

/* Hands on what libpq holds, until it needs more from the socket. */
static enum next drain(struct conn *conn, struct budget *budget)
{
    while (conn->pg) {
        struct evpg_request *head = TAILQ_FIRST(&conn->sent);

        if (conn->paused)
            return WAIT;
        if (budget_is_spent(budget))
            return AGAIN;
        if (head && head->has_rows) {
            head->ops->deliver(head, budget);
            continue;
        }
        if (!(head && head->ends) && is_busy(conn)) {
            if (!answer_has_lost_track(conn))
                return WAIT;
            answer_lose_track(conn, PQerrorMessage(conn->pg));
            return GONE;
        }
        if (!STAILQ_EMPTY(&conn->notices)) {
            news_deliver_notices(conn, budget);
            continue;
        }
        if (head) {
            answer_take(conn, PQgetResult(conn->pg), budget);
            continue;
        }
        if (has_ended(conn))
            io_lost(conn);
        return conn->pg ? WAIT : GONE;
    }
    return GONE;
}

/* As drain; and where TLS keeps data back that the socket will not tell of, reads them first. Not
 * for ever: where it cannot be known, it is only tried. */
static enum next drain_all(struct conn *conn, struct budget *budget)
{
    enum next next = drain(conn, budget);

    for (int i = 0; i < 4 && next == WAIT && !conn->paused && pq_hides_input(conn->pg); i++) {
        if (!PQconsumeInput(conn->pg)) {
            io_lost(conn);
            return GONE;
        }
        next = drain(conn, budget);
    }
    return next;
}

static void flush(struct conn *conn)
{
    int waits = PQflush(conn->pg);

    conn->write_waits = waits > 0;
    conn->unflushed = false;
    if (waits < 0 || (waits > 0 && event_add(conn->write_event, NULL) < 0))
        io_lost(conn);
}

/* Finds a death that has arrived while nothing was on the wire, so that what is about to be sent is
 * not lost with it. */
static bool look_alive(struct conn *conn)
{
    if (conn->n_sent > 0 || budget_now_ns() - conn->idle_since_ns < IDLE_LOOK_NS)
        return true;
    if (PQconsumeInput(conn->pg) && !PQisBusy(conn->pg) && !has_ended(conn))
        return true;
    io_lost(conn);
    return false;
}

/* False: it may be gone. */
static bool send_queued(struct conn *conn)
{
    if (!look_alive(conn))
        return false;
    if (pipeline_send(conn))
        return true;
    io_lost(conn);
    return false;
}

void io_send(struct conn *conn)
{
    bool may;

    if (conn->state != CONN_READY || conn->write_waits || conn->paused)
        return;
    may = pipeline_may_send(conn);
    if ((!may && !conn->unflushed) || (may && !send_queued(conn)))
        return;
    flush(conn);
    if (conn->pg && conn->n_sent > 0 && !is_busy(conn))
        conn_again(conn); /* libpq has read while it wrote: the socket will not tell of that */
}

/* The end of every wake-up. Asking for notifications makes libpq read on, and it may find reason to
 * close the socket: not while answers are left that would have to tell of it first. */
static void finish(struct conn *conn, enum next next, struct budget *budget)
{
    if (!conn->pg)
        return;
    news_deliver_notices(conn, budget);
    if (next != AGAIN && !conn->paused)
        news_deliver_notifications(conn, budget);
    if (conn->face->hooks.parameter)
        parameters_tell(conn);
    if (!conn->pg)
        return;
    cancel_request_look(conn);
    if (conn->n_sent == 0)
        conn->idle_since_ns = budget_now_ns();
    io_send(conn);
    if ((next == AGAIN || budget_is_spent(budget)) && conn->pg)
        conn_again(conn);
}

static bool is_at_end(int fd)
{
    struct pollfd socket = {.fd = fd, .events = POLLRDHUP};

    return poll(&socket, 1, 0) > 0;
}

/* The other end is gone, and what it has sent before that is not waited for. */
static void on_watched(evutil_socket_t fd, short what, void *arg)
{
    struct conn *conn = arg;

    (void)what;
    if (!is_at_end(fd))
        return;
    conn_hold(conn);
    conn->paused = NULL;
    io_lost(conn);
    conn_release(conn);
}

/* By the event that is not needed meanwhile. Edge-triggered, for an end does not go away, and a
 * reset, of which libevent makes EV_READ and EV_WRITE, would keep the loop spinning otherwise.
 * Where libevent's back end cannot do this, the end is seen when the rows go on. */
static void watch_for_end(struct conn *conn)
{
    const int needed = EV_FEATURE_EARLY_CLOSE | EV_FEATURE_ET;
    const short what = EV_CLOSED | EV_WRITE | EV_ET | EV_PERSIST;

    if ((event_base_get_features(conn->base) & needed) != needed)
        return;
    if (event_assign(conn->write_event, conn->base, PQsocket(conn->pg), what, on_watched, conn) ==
        0)
        event_add(conn->write_event, NULL);
}

/* Writing is over as well: libpq reads when it cannot write, and would collect all that comes. */
void io_pause(struct conn *conn, struct evpg_request *request)
{
    conn->paused = request;
    event_del(conn->read_event);
    event_del(conn->write_event);
    watch_for_end(conn);
}

/* Not at once: this may be called from anywhere, and must not call back. */
void evpg_request_resume(struct evpg_request *request)
{
    struct conn *conn = request ? request->conn : NULL;

    if (!conn || conn_is_inherited(conn))
        return;
    request->resumed = true;
    if (conn->paused != request)
        return;
    conn->paused = NULL;
    conn_again(conn);
}

void io_discard_paused(struct conn *conn, enum evpg_code code)
{
    struct evpg_request *paused = conn->paused;

    if (!paused)
        return;
    conn->paused = NULL;
    paused->ops->discard(paused, code);
    conn_again(conn);
}

static bool rearm(struct conn *conn)
{
    if (event_pending(conn->read_event, EV_READ, NULL))
        return true;
    event_del(conn->write_event);
    return event_assign(conn->write_event, conn->base, PQsocket(conn->pg), EV_WRITE, io_on_writable,
                        conn) == 0 &&
           event_add(conn->read_event, NULL) == 0 &&
           (!conn->write_waits || event_add(conn->write_event, NULL) == 0);
}

void io_continue(struct conn *conn)
{
    struct budget budget;

    if (conn->state != CONN_READY || conn->paused)
        return;
    if (PQstatus(conn->pg) != CONNECTION_BAD && !rearm(conn)) {
        io_lost(conn);
        return;
    }
    budget_start(&budget);
    finish(conn, drain_all(conn, &budget), &budget);
}

void io_on_readable(evutil_socket_t fd, short what, void *arg)
{
    struct conn *conn = arg;
    struct budget budget;
    enum next next;

    (void)fd;
    (void)what;
    if (evtimer_pending(conn->again_event, NULL))
        return; /* it comes in this very turn, and goes on where the last one ended */
    conn_hold(conn);
    budget_start(&budget);
    next = drain(conn, &budget);
    if (next == WAIT && !conn->paused) {
        conn->canceling.heard = true;
        if (PQconsumeInput(conn->pg))
            next = drain_all(conn, &budget);
        else
            io_lost(conn);
    }
    finish(conn, next, &budget);
    conn_release(conn);
}

/* PQflush may have read as well. */
void io_on_writable(evutil_socket_t fd, short what, void *arg)
{
    struct conn *conn = arg;

    (void)fd;
    (void)what;
    conn_hold(conn);
    flush(conn);
    if (conn->pg)
        io_continue(conn);
    conn_release(conn);
}
