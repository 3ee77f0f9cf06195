/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef NAME_SERVER_H
#define NAME_SERVER_H

#include <event2/event.h>

/* What it answers to a question for one name's IPv4 addresses; for all others, that there is no
 * such name. */
struct zone {
    const char *name;
    const char *addresses[4]; /* ended by NULL; none: it has none */
    int delay_ms;             /* -1: no answer comes */
};

/* A name server on a port of 127.0.0.1, which it returns, in the same loop. zone: ended by a name
 * of NULL, and not copied. */
int name_server_start(struct event_base *base, const struct zone *zones);

void name_server_stop(void);

/* How many questions it was asked. */
int name_server_questions(void);

#endif
