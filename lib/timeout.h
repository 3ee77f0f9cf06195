/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef TIMEOUT_H
#define TIMEOUT_H

#include "conn.h"

/* The timer of a connection's deadlines. */
void timeout_on_timer(evutil_socket_t fd, short what, void *conn);

/* Tells a request that is on the wire that it is over, for this reason. It keeps its place there,
 * as if it were abandoned, and the server is asked to stop it. Unless conn is held, it may be gone
 * afterwards. */
void timeout_leave_behind(struct conn *conn, struct evpg_request *request, struct evpg_error *why);

/* Tells requests whose deadlines have passed, as many as may be told in one turn, until *dying. */
void timeout_tell(struct deadlines *deadlines, const bool *dying);

#endif
