/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * deeds: what a callback may do: the actions of reentry_matrix, and what must hold after them.
 */
#ifndef DEEDS_H
#define DEEDS_H

#include "harness.h"

enum { MOST_QUEUED = 100, MOST_OTHERS = 8 };

/* What the deeds find, and what they leave. */
struct scene {
    struct evpg_request *self; /* whose callback it is; NULL: no request's */
    struct outcome *outcome;   /* of self; NULL: it is evpg_open's */
    struct outcome *others[MOST_OTHERS];
    int n_others;
    struct outcome *series; /* the rows that are amid or paused, if there are any */
    bool down;              /* the callback is told of a loss */
    bool freeing, freed, broke, reopened;
    int opened, closed;
};
extern struct scene scene;

struct deed {
    const char *name;
    void (*act)(void);
    bool of_itself; /* only where the callback is a request's */
    bool closes;
    bool limited; /* max_queued_requests is MOST_QUEUED */
};
extern const struct deed deeds[];
extern const int n_deeds;

/* evpg_query with the callbacks of the matrix; NULL, with errno, when it is refused. */
struct outcome *try_post(const char *sql);

/* Frees db. All that was submitted must be done when evpg_free returns, and nothing comes later. */
void free_now(void);

#endif
