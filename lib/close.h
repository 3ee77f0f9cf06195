/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef CLOSE_H
#define CLOSE_H

#include "conn.h"

/* evpg_close of a connection. */
int close_begin(struct evpg_db *db, int deadline_ms, evpg_closed_cb on_closed, void *arg);

/* When the connection is being closed and has nothing left to do: ends it. The application may be
 * called; conn may be dying afterwards. */
void close_if_done(struct conn *conn);

/* For evpg_free: the close ends with it. */
void close_finish(struct conn *conn);

#endif
