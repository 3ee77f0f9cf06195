/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef CONNINFO_H
#define CONNINFO_H

#include "address.h"
#include "pq.h"

/* A connection string, read and completed once, from which connections to single addresses are
 * started. */
struct conninfo;

/* Reads it with what its service file and the environment add; NULL: those alone. Reads files, but
 * does not connect. NULL with the error filled in. */
struct conninfo *conninfo_new(const char *text, struct evpg_error *error);

void conninfo_free(struct conninfo *info);

/* Where to connect to, in order. */
const struct address_list *conninfo_addresses(const struct conninfo *info);

/* Its connect_timeout in milliseconds, by libpq's rules; 0: not set; -1: no limit. */
int conninfo_timeout_ms(const struct conninfo *info);

/* PQconnectStartParams for one of its addresses. NULL without memory. */
PGconn *conninfo_start(struct conninfo *info, const struct address *address);

#endif
