/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef CONNECT_H
#define CONNECT_H

#include "conn.h"

/* From OPENING to CONNECTING; ends in READY or, by conn_down, in DOWN. */
void connect_begin(struct conn *conn);

/* Forgets the addresses, when one has been connected to or none shall be. */
void connect_forget(struct conn *conn);

void connect_on_timeout(evutil_socket_t fd, short what, void *conn);

#endif
