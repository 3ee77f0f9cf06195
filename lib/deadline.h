/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef DEADLINE_H
#define DEADLINE_H

#include <event2/event.h>
#include <stdbool.h>
#include <stdint.h>

struct evpg_request;

/* A request's own: when, and its place in the heap. */
struct deadline {
    int64_t at_ns;                              /* on the monotonic clock; 0: it has none */
    struct evpg_request *child, *next, *before; /* before: the previous one, or whose child it is */
};

/* Those of one db's requests, the earliest first, and the timer for that. */
struct deadlines {
    struct evpg_request *first;
    struct event *timer;
    int64_t timer_ns; /* when it comes; 0: it is not set */
    bool put_off;     /* once, for a loop that stood still */
};

/* In place of the one that it had; takes no memory. */
void deadline_set(struct deadlines *deadlines, struct evpg_request *request, int64_t at_ns);
void deadline_clear(struct deadlines *deadlines, struct evpg_request *request);

/* Called by the timer: whether deadlines that have passed are due. If not, it comes again. */
bool deadline_are_due(struct deadlines *deadlines);

/* The next that has passed, without its deadline from now on; or NULL. */
struct evpg_request *deadline_take(struct deadlines *deadlines);

/* Has the timer come for the earliest that is left. */
void deadline_wait(struct deadlines *deadlines);

/* Where there is none left, the timer does not come, which would keep the loop up. */
void deadline_rest(struct deadlines *deadlines);

#endif
