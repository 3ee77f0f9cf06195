/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * sweep: one and the same session over and over, each time distorted at another place.
 *
 *     sweep_begin();                          records it with the real server
 *     sweep_run(0, 10000, choose);
 *     sweep_end();
 *
 * A session opens a connection, has ten requests answered and is freed. Each distortion may fail
 * what it likes, but: each request is completed exactly once, and no row comes after that; what
 * succeeds has its own values, not a neighbour's; a connection that waits for what will not come is
 * ended by evpg_close within its deadline; nothing spins meanwhile; the heart beats.
 */
#ifndef SWEEP_H
#define SWEEP_H

#include "oracle.h"
#include "replay.h"

struct sweep_counts {
    long sessions, opened;
    long succeeded, failed;          /* requests */
    long by_code[EVPG_E_MEMORY + 1]; /* of those failed */
    long cut_off;                    /* sessions, by the deadline */
    long passes;                     /* of the loop */
    double longest_ms;               /* from the deadline's call to its end */
};

extern struct recording recording;
extern struct sweep_counts sweep_counts;

/* Makes `base`, records the session, and checks that without distortion all goes well. */
void sweep_begin(void);

/* Runs the sessions with these numbers, many at once. */
void sweep_run(long first, long count, replay_choose_cb choose);

/* All the same afterwards as before. */
void sweep_end(void);

/* One line of what became of them. */
void sweep_tell(const char *what);

#endif
