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

/* What target_session_attrs asks for; NULL or "": any server. */
const char *conninfo_target(const struct conninfo *info);

/* Whether that is a standby, or else any server. */
bool conninfo_prefers_standby(const struct conninfo *info);

/* Whether addresses that a name has are to be tried in an order of chance; its own list is in one
 * already. */
bool conninfo_balances_load(const struct conninfo *info);

/* Whether a session without TLS will not do. */
bool conninfo_requires_tls(const struct conninfo *info);

/* PQconnectStartParams for one of its addresses, or one found for a name of them. any_server: the
 * second round of those that prefer a standby. NULL without memory. */
PGconn *conninfo_start(struct conninfo *info, const struct address *address, bool any_server);

#endif
