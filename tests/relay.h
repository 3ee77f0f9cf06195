/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef RELAY_H
#define RELAY_H

#include <event2/event.h>

/* Listens on a port of 127.0.0.1, which it returns, and relays each connection to the server's unix
 * socket in `folder`; what the server sends goes on in pieces of that many bytes, one in each turn
 * of the loop. */
int relay_start(struct event_base *base, const char *folder, const char *port, int piece);

/* Ends all relays and their connections. */
void relay_stop(void);

#endif
