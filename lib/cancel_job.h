/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef CANCEL_JOB_H
#define CANCEL_JOB_H

#include <event2/event.h>
#include <libpq-fe.h>

struct cancel_job;

/* Asks the server to stop what a session is running, by a connection of its own, without waiting.
 * on_over is called from the loop, once, when the server has taken note of it or it has failed,
 * which cannot be told apart for certain; the job is gone then. NULL: it could not be begun. */
struct cancel_job *cancel_job_start(struct event_base *base, PGconn *pg, void (*on_over)(void *arg),
                                    void *arg);

/* Nobody is to be called any more. */
void cancel_job_abandon(struct cancel_job *job);

#endif
