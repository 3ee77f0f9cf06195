/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * lease: a connection as a db of its own, for as long as one user has it.
 *
 * Called by the application through db.c, and by the pool, whose slots have one each. Invariants:
 * while it is out, the connection's face is the lease, and what is submitted is the connection's at
 * once; nothing of it ever moves to another connection. One that was given back refuses everything,
 * until it is given out again. What happens to the connection then is its owner's business.
 */
#include "lease.h"

#include "mem.h"
#include "op_rows.h"

#include <evpg/pool.h>

#include <errno.h>

static struct lease *lease_of(struct evpg_db *db)
{
    return (struct lease *)db; /* its first member */
}

/* What the words do not tell may be in a script. */
static void note_listening(struct lease *lease, const struct evpg_request *request)
{
    if (request->off_pipeline || (request->pins && op_rows_of(request)->word == SQLWORD_LISTEN))
        lease->listened = true;
}

static int lease_submit(struct evpg_db *db, struct evpg_request *request)
{
    struct lease *lease = lease_of(db);

    if (!lease->out)
        return db_refuse(db, EINVAL, "the lease has been given back");
    if (!lease->conn)
        return db_refuse(db, ENOTCONN, "the lease's connection is gone");
    note_listening(lease, request);
    return lease->conn->db.ops->submit(&lease->conn->db, request);
}

static void lease_free(struct evpg_db *db)
{
    struct lease *lease = lease_of(db);

    if (!lease->out) {
        db_refuse(db, EINVAL, "the lease has been given back already");
        return;
    }
    lease_end(lease);
    if (lease->conn)
        conn_finish_begun(lease->conn);
    lease->on_release(lease);
}

static struct conn *lease_session(struct evpg_db *db)
{
    struct lease *lease = lease_of(db);

    return lease->out ? lease->conn : NULL;
}

static void *lease_pgconn(struct evpg_db *db)
{
    struct conn *conn = lease_session(db);

    return conn ? conn->pg : NULL;
}

static const struct db_ops lease_ops = {
    .submit = lease_submit,
    .free = lease_free,
    .pgconn = lease_pgconn,
    .session = lease_session,
};

void lease_note(struct evpg_db *db, const struct evpg_request *request)
{
    if (db->ops == &lease_ops)
        note_listening(lease_of(db), request);
}

void lease_start(struct lease *lease, struct conn *conn, const struct evpg_db *hooks)
{
    mem_free(lease->name);
    lease->db.ops = &lease_ops;
    lease->db.hooks = hooks->hooks;
    lease->db.hooks_arg = hooks->hooks_arg;
    lease->name = NULL;
    lease->since_ns = budget_now_ns();
    lease->conn = conn;
    lease->listened = false;
    lease->out = true;
    conn->face = &lease->db;
}

void lease_end(struct lease *lease)
{
    struct conn *conn = lease->conn;

    lease->out = false;
    types_forget(&lease->db.types);
    if (!conn)
        return;
    conn->on_notification = NULL;
    conn->on_lost = NULL;
}

void lease_finish(struct lease *lease)
{
    types_forget(&lease->db.types);
    mem_free(lease->name);
}

void evpg_release(struct evpg_db *lease)
{
    if (!lease || db_is_observed(lease))
        return;
    if (lease->ops == &lease_ops)
        lease_free(lease);
    else
        db_refuse(lease, EINVAL, "only a lease can be given back");
}
