/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef TIMEOUT_H
#define TIMEOUT_H

#include "conn.h"

/* The timer of a connection's deadlines. */
void timeout_on_timer(evutil_socket_t fd, short what, void *conn);

/* The deadline of one has passed, and is its own no more. Whoever calls this looks afterwards
 * whether what it works for is dying. */
void timeout_expire(struct evpg_request *request);

#endif
