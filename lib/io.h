/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef IO_H
#define IO_H

#include "conn.h"

/* Makes a connection that is logged in ready for work: libpq's modes, the events. False: it could
 * not. */
bool io_start(struct conn *conn);

/* Deletes the socket's events; before the PGconn goes. */
void io_stop(struct conn *conn);

/* Sends what may be sent. All of these may end in conn_down, and in callbacks. */
void io_send(struct conn *conn);

/* What there was is gone, or libpq has refused to send: ends it, with the server's last words for a
 * reason, if there are any. */
void io_lost(struct conn *conn);

/* Stops reading and writing, for the sake of this request, until evpg_request_resume. */
void io_pause(struct conn *conn, struct evpg_request *request);

/* Ends a pause, if there is one, for good: its request's remaining rows are thrown away, and it
 * fails with that code. */
void io_discard_paused(struct conn *conn, enum evpg_code code);

/* Goes on where the budget ran out, or a pause has ended. */
void io_continue(struct conn *conn);

void io_on_readable(evutil_socket_t fd, short what, void *conn);
void io_on_writable(evutil_socket_t fd, short what, void *conn);

#endif
