/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * cancel_job: one cancel request, from its start to the server's closing that connection.
 *
 * Called by cancel_request.c. The server sends its signal before it closes, so a session is sure to
 * be hit by nothing that comes later. Two ways: libpq 17 is polled, like a connection that is being
 * opened; before, a thread does it (cancel_thread.c). Invariants: one event, made anew for each
 * poll, for libpq may have gone on to another socket; it is deleted before the socket is closed.
 */
#include "cancel_job.h"

#include "cancel_thread.h"
#include "mem.h"
#include "pq.h"

#include <unistd.h>

struct cancel_job {
    struct event_base *base;
    struct event *event;
    struct pg_cancel_conn *pg; /* or NULL: */
    int thread;                /* readable when it is over */
    void (*on_over)(void *arg);
    void *arg;
};

void cancel_job_abandon(struct cancel_job *job)
{
    if (!job)
        return;
    if (job->event)
        event_free(job->event);
    if (job->pg)
        pq_cancel_free(job->pg);
    if (job->thread >= 0)
        close(job->thread);
    mem_free(job);
}

static void end(struct cancel_job *job)
{
    void (*on_over)(void *arg) = job->on_over;
    void *arg = job->arg;

    cancel_job_abandon(job);
    on_over(arg);
}

static bool await(struct cancel_job *job, int fd, short what, event_callback_fn on_event)
{
    if (job->event)
        event_free(job->event);
    job->event = event_new(job->base, fd, what, on_event, job);
    return job->event && event_add(job->event, NULL) == 0;
}

static void on_thread(evutil_socket_t fd, short what, void *arg)
{
    (void)fd;
    (void)what;
    end(arg);
}

static void on_poll(evutil_socket_t fd, short what, void *arg)
{
    struct cancel_job *job = arg;
    PostgresPollingStatusType status = pq_cancel_poll(job->pg);
    short wanted = status == PGRES_POLLING_READING ? EV_READ : EV_WRITE;

    (void)fd;
    (void)what;
    if (status == PGRES_POLLING_OK || status == PGRES_POLLING_FAILED ||
        !await(job, pq_cancel_socket(job->pg), wanted, on_poll))
        end(job);
}

static bool begin(struct cancel_job *job, PGconn *pg)
{
    PGcancel *cancel;

    if (pq_can_cancel()) {
        job->pg = pq_cancel_start(pg);
        return job->pg && await(job, pq_cancel_socket(job->pg), EV_WRITE, on_poll);
    }
    cancel = PQgetCancel(pg);
    job->thread = cancel ? cancel_thread_start(cancel) : -1;
    return job->thread >= 0 && await(job, job->thread, EV_READ, on_thread);
}

struct cancel_job *cancel_job_start(struct event_base *base, PGconn *pg, void (*on_over)(void *arg),
                                    void *arg)
{
    struct cancel_job *job = mem_alloc(sizeof(*job));

    if (!job)
        return NULL;
    *job = (struct cancel_job){.base = base, .thread = -1, .on_over = on_over, .arg = arg};
    if (begin(job, pg))
        return job;
    cancel_job_abandon(job);
    return NULL;
}
