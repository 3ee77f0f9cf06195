/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef CONNECT_H
#define CONNECT_H

#include "conn.h"

/* From OPENING to CONNECTING; ends in READY or, by conn_down, in DOWN. */
void connect_begin(struct conn *conn);

/* Ends an attempt, if there is one, but for the PGconn. */
void connect_stop(struct conn *conn);

void connect_on_timeout(evutil_socket_t fd, short what, void *conn);

#endif
