/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef LEASE_H
#define LEASE_H

#include "conn.h"

/* A connection of somebody's, which one user has to himself for a while. Its memory is the owner's,
 * and may be leased again. */
struct lease {
    struct evpg_db db;
    struct conn *conn; /* NULL: it has been taken away, or the lease is not out */
    bool out;          /* it has been given to the application, and not been given back */
    bool listened;     /* the session may be listening */
    char *name;        /* of the request that acquired it; or NULL */
    int64_t since_ns;
    void (*on_release)(struct lease *lease);
};

/* Gives it out, without a name yet. */
void lease_start(struct lease *lease, struct conn *conn, const struct evpg_db *hooks);

/* What is submitted to a part of a lease, such as a transaction on it, is noted as if it were
 * submitted to the lease. db: of any kind. */
void lease_note(struct evpg_db *db, const struct evpg_request *request);

/* Frees what it has, but not itself. */
void lease_finish(struct lease *lease);

/* It is not out any more, whatever its user thinks. */
void lease_end(struct lease *lease);

#endif
