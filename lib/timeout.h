/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef TIMEOUT_H
#define TIMEOUT_H

#include "conn.h"

/* The timer of a connection's deadlines. */
void timeout_on_timer(evutil_socket_t fd, short what, void *conn);

/* Tells requests whose deadlines have passed, as many as may be told in one turn, until *dying. */
void timeout_tell(struct deadlines *deadlines, const bool *dying);

#endif
