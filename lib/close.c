/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * close: evpg_close of a connection, its orderly end: what was accepted is finished, within a
 * deadline.
 *
 * Called by the application and, as things get done, by conn.c. Invariants: a connection is being
 * closed from evpg_close until its callback is called, exactly once, from the loop or from
 * evpg_free; meanwhile nothing new is accepted. All that it needs is allocated at its start.
 */
#include "close.h"

#include "io.h"
#include "mem.h"

#include <errno.h>

struct closing {
    evpg_closed_cb on_closed;
    void *arg;
    struct event *timer;
    int64_t deadline_ns;
    bool put_off; /* once, for a loop that stood still */
};

static void free_closing(struct closing *closing)
{
    if (closing->timer)
        event_free(closing->timer);
    mem_free(closing);
}

void close_finish(struct conn *conn)
{
    struct closing *closing = conn->closing;
    evpg_closed_cb on_closed;
    void *arg;

    if (!closing)
        return;
    on_closed = closing->on_closed;
    arg = closing->arg;
    conn->closing = NULL;
    if (!conn_is_inherited(conn))
        free_closing(closing);
    if (on_closed)
        on_closed(&conn->db, conn->n_cut_off, arg);
}

void close_if_done(struct conn *conn)
{
    struct evpg_error why;

    if (!conn->closing || conn_is_busy(conn))
        return;
    err_set(&why, EVPG_E_CLOSED, EVPG_FATE_NOT_SENT, "the connection was closed");
    conn_cut_off(conn, &why);
    if (!conn->dying)
        close_finish(conn);
}

static bool await_deadline(struct closing *closing)
{
    int64_t us = (closing->deadline_ns - budget_now_ns()) / 1000 + 1;
    const struct timeval time = {us / 1000000, us % 1000000};

    return evtimer_add(closing->timer, &time) == 0;
}

static bool has_stood_still(struct closing *closing)
{
    int64_t now = budget_now_ns();

    if (closing->put_off || now - closing->deadline_ns < BUDGET_STALL_NS)
        return false;
    closing->put_off = true;
    closing->deadline_ns = now + BUDGET_STALL_NS;
    return true;
}

/* The loop's clock is coarse: the timer may come early. */
static void on_deadline(evutil_socket_t fd, short what, void *arg)
{
    struct conn *conn = arg;
    struct closing *closing = conn->closing;
    struct evpg_error why;

    (void)fd;
    (void)what;
    if ((budget_now_ns() < closing->deadline_ns || has_stood_still(closing)) &&
        await_deadline(closing))
        return;
    conn_hold(conn);
    err_set(&why, EVPG_E_CLOSED, EVPG_FATE_NOT_SENT,
            "the connection was closed, its deadline has passed");
    conn_cut_off(conn, &why);
    if (!conn->dying)
        close_finish(conn);
    conn_release(conn);
}

static struct closing *make(struct conn *conn, int deadline_ms)
{
    struct closing *closing = mem_alloc(sizeof(*closing));

    if (!closing || deadline_ms < 0)
        return closing;
    closing->deadline_ns = budget_now_ns() + (int64_t)deadline_ms * 1000000;
    closing->timer = evtimer_new(conn->base, on_deadline, conn);
    if (closing->timer && await_deadline(closing))
        return closing;
    free_closing(closing);
    errno = ENOMEM;
    return NULL;
}

static int refusal_of(struct conn *conn, int deadline_ms)
{
    struct evpg_db *db = &conn->db;

    if (conn_is_inherited(conn))
        return db_refuse(db, EINVAL, "the connection belongs to the parent process");
    if (conn->dying)
        return db_refuse(db, ESHUTDOWN, "the connection is being freed");
    if (conn->closing)
        return db_refuse(db, EALREADY, "the connection is being closed already");
    if (deadline_ms < -1)
        return db_refuse(db, EINVAL, "a deadline of %d ms: -1 is none", deadline_ms);
    return 0;
}

int close_begin(struct evpg_db *db, int deadline_ms, evpg_closed_cb on_closed, void *arg)
{
    struct conn *conn = conn_of(db);

    if (refusal_of(conn, deadline_ms) != 0)
        return -1;
    conn->closing = make(conn, deadline_ms);
    if (!conn->closing)
        return -1;
    conn->n_cut_off = 0;
    conn->closing->on_closed = on_closed;
    conn->closing->arg = arg;
    io_discard_paused(conn, EVPG_E_CLOSED);
    conn_again(conn);
    return 0;
}
