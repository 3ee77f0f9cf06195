/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * open: evpg_open, a request like others in that its callback comes exactly once.
 *
 * Called by the application; completed by conn.c. Invariants: it is never on a list but in
 * conn->opening, at most one at a time; connecting begins in a later turn of the loop, so that one
 * that is called for a connection just lost, from a callback, does not grow the stack.
 */
#include "conn.h"
#include "mem.h"

#include <errno.h>

struct open {
    struct evpg_request base;
    evpg_db_cb on_open;
    void *arg;
};

static void finish(struct evpg_request *request, struct evpg_error *cut)
{
    struct open *open = (struct open *)request;

    if (cut)
        req_describe(request, NULL, cut);
    if (open->on_open)
        open->on_open(request->db, cut, open->arg);
}

static void release(struct evpg_request *request)
{
    mem_free(request);
}

static void abandon(struct evpg_request *request)
{
    ((struct open *)request)->on_open = NULL;
}

static const struct req_ops open_ops = {.abandon = abandon, .finish = finish, .release = release};

struct evpg_request *evpg_open(struct evpg_db *db, evpg_db_cb on_open, void *arg)
{
    struct conn *conn;
    struct open *open;

    if (!db || !conn_is(db)) {
        db_refuse(db, EINVAL, "only a connection can be opened");
        return NULL;
    }
    conn = conn_of(db);
    if (conn_is_inherited(conn)) {
        db_refuse(db, EINVAL, "the connection belongs to the parent process");
        return NULL;
    }
    if (conn->dying) {
        db_refuse(db, ESHUTDOWN, "the connection is being freed");
        return NULL;
    }
    if (db_is_observed(db))
        return NULL;
    if (conn->closing) {
        db_refuse(db, ESHUTDOWN, "the connection is being closed");
        return NULL;
    }
    if (conn->state != CONN_DOWN) {
        db_refuse(db, EINVAL, "the connection is open already, or being opened");
        return NULL;
    }
    open = mem_alloc(sizeof(*open));
    if (!open)
        return NULL;
    open->base.ops = &open_ops;
    open->base.db = db;
    open->base.conn = conn;
    open->base.life = conn->life;
    open->base.size = sizeof(*open);
    open->on_open = on_open;
    open->arg = arg;
    conn->opening = &open->base;
    conn_set_state(conn, CONN_OPENING);
    conn_again(conn);
    return &open->base;
}
