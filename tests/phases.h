/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * phases: a connection in each of the states in which a fault may meet it, with all oracles.
 *
 *     phase_begin(SENT, NULL);
 *     ... the fault ...
 *     phase_await_loss();
 *     ... and its mending ...
 *     phase_end();
 */
#ifndef PHASES_H
#define PHASES_H

#include "oracle.h"

enum phase { IDLE, QUEUED, SENT, ROWS, IN_TRANSACTION, PAUSED, CLOSING, N_PHASES };

/* What the callbacks have noted. */
struct phase_notes {
    int n_lost, n_closed;
    enum evpg_code code; /* of the loss */
    char sqlstate[6];
    struct outcome *stream; /* the rows of ROWS and PAUSED */
};
extern struct phase_notes notes;

/* Opens `db`, by a connection string that may go another way than the tests' own, which NULL is,
 * and brings it into the phase. The heart beats. */
void phase_begin(enum phase phase, const char *conninfo);

/* The loss is noticed, once, and all is completed, once; the heart has not missed a beat. */
void phase_await_loss(void);

/* What has not been answered is cut off by evpg_close, after so long; or, where that is under way
 * already, by evpg_free. The same holds then. */
void phase_give_up(int deadline_ms);

/* Opens it again, and looks at what is left: the ledger, sessions, descriptors, memory. */
void phase_end(void);

/* evpg_open's callback, whose argument is an int: 1, or the error's code, negative. */
void phase_on_open(struct evpg_db *opened, const struct evpg_error *error, void *outcome);

#endif
