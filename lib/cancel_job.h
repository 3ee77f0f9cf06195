/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef CANCEL_JOB_H
#define CANCEL_JOB_H

#include <event2/event.h>
#include <libpq-fe.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/queue.h>

/* The most that may be under way at a time for those who share this. */
#define CANCEL_JOBS_MOST 4

struct cancel_job;

/* Of those who share it: what is under way, also for connections that are no more. */
struct cancel_jobs {
    LIST_HEAD(, cancel_job) all;
    size_t n;
    bool wanted;                /* somebody found no room */
    void (*on_room)(void *arg); /* there is some again; calls nothing of the application's */
    void *arg;
};

/* Whether another may be started; if not, on_room will be called. */
bool cancel_jobs_have_room(struct cancel_jobs *jobs);

/* Nobody waits for any of them. */
void cancel_jobs_end(struct cancel_jobs *jobs);

/* It is over: the server has taken note of it or it has failed, which cannot be told apart for
 * certain. known is false where it can no longer be waited for, and may hit the session still. */
typedef void (*cancel_over_cb)(bool known, void *arg);

/* Asks the server to stop what a session is running, by a connection of its own, without waiting.
 * on_over is called from the loop, once; the job is gone then. jobs: what it is one of, or NULL.
 * NULL: it could not be begun, and nothing was sent. */
struct cancel_job *cancel_job_start(struct event_base *base, struct cancel_jobs *jobs, PGconn *pg,
                                    cancel_over_cb on_over, void *arg);

/* Nobody is to be called any more. What cannot be stopped counts as one of its jobs until it ends.
 */
void cancel_job_abandon(struct cancel_job *job);

#endif
