/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * pool_phases: a pool of two connections, through a proxy, in each of the states in which a fault
 * may meet it, with all oracles.
 *
 *     pool_phase_begin(POOL_SENT, false);
 *     ... the fault ... and its mending ...
 *     pool_phase_end();
 */
#ifndef POOL_PHASES_H
#define POOL_PHASES_H

#include "oracle.h"
#include "proxy.h"

enum pool_phase {
    POOL_IDLE,      /* nothing to do */
    POOL_QUEUED,    /* both connections are busy, and others wait for them */
    POOL_SENT,      /* on the wire, some at work and some behind these */
    POOL_ROWS,      /* rows are coming */
    POOL_CANCELING, /* the server has been asked to stop something */
    POOL_CLOSING,   /* evpg_close is under way */
    N_POOL_PHASES
};

enum { POOL_SIZE = 2 };

extern struct proxy *pool_proxy;
extern pid_t pool_pids[POOL_SIZE]; /* the server's processes */

/* Makes it and brings it there. silent: the fault is one that only deadlines end, so there are
 * some. The heart beats. */
void pool_phase_begin(enum pool_phase phase, bool silent);

/* The same without the proxy: by this connection string. code: with what those may fail that
 * wait, for the fault is one that does not pass; or 0, they may not. */
void pool_phase_begin_at(enum pool_phase phase, const char *conninfo, enum evpg_code code);

/* The pool has come to itself: all is completed, what was lost was on the wire, what waited was
 * served, both connections get the right answers, the ledger is right, and nothing is left. */
void pool_phase_end(void);

/* The same, and what is left is not looked at yet. */
void pool_phase_leave(void);

#endif
