/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * sweep: one and the same session over and over, each time distorted at another place.
 *
 *     sweep_begin(&sweep_queries);            records it with the real server
 *     sweep_run(0, 10000, choose);
 *     sweep_end();
 *
 * A session opens a connection, has what its plan says answered, and is freed. Each distortion may
 * fail what it likes, but: each request is completed exactly once, and no row comes after that;
 * what succeeds has its own values, not a neighbour's; a connection that waits for what will not
 * come is ended by evpg_close within its deadline; nothing spins meanwhile; the heart beats.
 */
#ifndef SWEEP_H
#define SWEEP_H

#include "oracle.h"
#include "replay.h"

struct sweep_session {
    long number; /* -1: with the real server */
    struct distortion how;
    bool true_answers;   /* whatever comes is what the real server has said */
    bool beyond_telling; /* whose answers are whose */
    struct evpg_db *db;
    void *work; /* the plan's */
    int openings;
    bool opened;
    double progress_ms;
    bool closing, closed;
    double closing_ms;
};

/* What a session has to do. */
struct sweep_plan {
    int patience_ms; /* without progress for so long a session is closed */
    size_t size;     /* of the memory at `work`, which is zero in the beginning */
    void (*begin)(struct sweep_session *session); /* submits all of it */
    bool (*is_over)(const struct sweep_session *session);

    /* After the db was freed: fails the test where something was not completed exactly once. False:
     * not all of it has come as it should without distortion. */
    bool (*went_well)(const struct sweep_session *session);
};

/* Ten requests, of rows, kept rows, errors, a script, with notices and notifications. */
extern const struct sweep_plan sweep_queries;

/* Batches, of which some fail, in a member and at the end; sets of parameters; transactions of
 * these. And so many sets that they take several windows. */
extern const struct sweep_plan sweep_bundles, sweep_windows;

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
void sweep_begin(const struct sweep_plan *plan);

/* Runs the sessions with these numbers, many at once. */
void sweep_run(long first, long count, replay_choose_cb choose);

/* All the same afterwards as before. */
void sweep_end(void);

/* One line of what became of them. */
void sweep_tell(const char *what);

/* For a plan: something has come; a request is done, with or without an error; one has to be in
 * time. */
void sweep_progress(struct sweep_session *session);
void sweep_count(const struct evpg_error *error);

#endif
