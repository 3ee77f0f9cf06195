/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * chaos_links: the connections and pools that the load of chaos runs on, and their life.
 */
#ifndef CHAOS_LINKS_H
#define CHAOS_LINKS_H

#include "chaos.h"

#include "proxy.h"

enum { N_LINKS = 10, N_PROXIES = 3, MOST_IN_FLIGHT = 40 };

enum link_state { LINK_DOWN, LINK_OPENING, LINK_UP, LINK_CLOSING, LINK_FREEING };

struct link {
    struct evpg_db *db;
    char conninfo[256];
    struct proxy *proxy; /* on its way; NULL: none */
    bool is_pool;        /* which is up for as long as it is there */
    enum link_state state;
    int in_flight; /* requests that are not done */
    int due;       /* callbacks of evpg_open that are due */
    bool complained;
    double moved_ms; /* when something of it moved last: a row, a completion, its state */
    double since_ms; /* it has been in its state, which it may be in for so long; 0: for ever */
    double bound_ms;
    double reopen_ms;
};
extern struct link links[N_LINKS];

/* Makes the proxies and the connections, and begins to open them. */
void links_begin(void);

/* Opens what is down, closes what is stuck, and submits: all that is due by now. */
void links_tick(void);

/* No more load; connections that are lost are opened all the same. */
void links_rest(void);
bool links_at_rest(void);

/* Says how each is. */
void links_explain(void);

/* A marker on each, to be awaited by links_have_answered. */
void links_ask(void);
bool links_have_answered(void);

/* Whether it accepts another request of the load; in callbacks as well. */
bool link_has_room(const struct link *link);

void links_end(void);
void links_report(void);

#endif
