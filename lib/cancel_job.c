/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * cancel_job: one cancel request, from its start to the server's closing that connection.
 *
 * Called by cancel_request.c. The server sends its signal before it closes, so a session is sure to
 * be hit by nothing that comes later. Two ways: libpq 17 is polled, like a connection that is being
 * opened; before, a thread does it (cancel_thread.c). Invariants: one event, assigned anew for each
 * poll, for libpq may have gone on to another socket; it is deleted before the socket is closed.
 * All that waiting needs is there before anything is sent: the server signals twice, and the first
 * may already have ended what it was for. A thread cannot be stopped: where jobs are counted, one
 * that nobody waits for is kept until it ends.
 */
#include "cancel_job.h"

#include "cancel_thread.h"
#include "mem.h"
#include "pq.h"

#include <sys/socket.h>
#include <unistd.h>

struct cancel_job {
    LIST_ENTRY(cancel_job) link;
    struct cancel_jobs *jobs; /* or NULL */
    struct event_base *base;
    struct event *event;
    struct pg_cancel_conn *pg; /* or NULL: */
    int thread;                /* readable when it is over */
    cancel_over_cb on_over;    /* NULL: nobody waits for it */
    void *arg;
};

static void forget(struct cancel_job *job)
{
    if (job->jobs) {
        LIST_REMOVE(job, link);
        job->jobs->n--;
    }
    if (job->event)
        event_free(job->event);
    if (job->pg)
        pq_cancel_free(job->pg);
    if (job->thread >= 0)
        close(job->thread);
    mem_free(job);
}

bool cancel_jobs_have_room(struct cancel_jobs *jobs)
{
    if (!jobs || jobs->n < CANCEL_JOBS_MOST)
        return true;
    jobs->wanted = true;
    return false;
}

void cancel_jobs_end(struct cancel_jobs *jobs)
{
    while (!LIST_EMPTY(&jobs->all))
        forget(LIST_FIRST(&jobs->all));
}

static void tell_of_room(struct cancel_jobs *jobs)
{
    if (!jobs || !jobs->wanted)
        return;
    jobs->wanted = false;
    jobs->on_room(jobs->arg);
}

void cancel_job_abandon(struct cancel_job *job)
{
    struct cancel_jobs *jobs = job ? job->jobs : NULL;

    if (!job)
        return;
    job->on_over = NULL;
    if (jobs && job->thread >= 0)
        return;
    forget(job);
    tell_of_room(jobs);
}

static void end(struct cancel_job *job, bool known)
{
    cancel_over_cb on_over = job->on_over;
    struct cancel_jobs *jobs = job->jobs;
    void *arg = job->arg;

    forget(job);
    tell_of_room(jobs);
    if (on_over)
        on_over(known, arg);
}

static bool await(struct cancel_job *job, int fd, short what, event_callback_fn on_event)
{
    event_del(job->event);
    return event_assign(job->event, job->base, fd, what, on_event, job) == 0 &&
           event_add(job->event, NULL) == 0;
}

static void on_thread(evutil_socket_t fd, short what, void *arg)
{
    (void)fd;
    (void)what;
    end(arg, true);
}

static void on_poll(evutil_socket_t fd, short what, void *arg)
{
    struct cancel_job *job = arg;
    PostgresPollingStatusType status = pq_cancel_poll(job->pg);
    short wanted = status == PGRES_POLLING_READING ? EV_READ : EV_WRITE;

    (void)fd;
    (void)what;
    if (status == PGRES_POLLING_OK || status == PGRES_POLLING_FAILED)
        end(job, true);
    else if (!await(job, pq_cancel_socket(job->pg), wanted, on_poll))
        end(job, false);
}

static bool begin_thread(struct cancel_job *job, PGconn *pg)
{
    PGcancel *cancel = PQgetCancel(pg);
    int ends[2];

    if (!cancel || socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends) < 0) {
        PQfreeCancel(cancel);
        return false;
    }
    job->thread = ends[0];
    if (await(job, ends[0], EV_READ, on_thread) && cancel_thread_start(cancel, ends[1]))
        return true;
    close(ends[1]);
    PQfreeCancel(cancel);
    return false;
}

static bool begin(struct cancel_job *job, PGconn *pg)
{
    job->event = event_new(job->base, -1, 0, on_poll, job);
    if (!job->event)
        return false;
    if (!pq_can_cancel())
        return begin_thread(job, pg);
    job->pg = pq_cancel_start(pg);
    return job->pg && await(job, pq_cancel_socket(job->pg), EV_WRITE, on_poll);
}

static void count(struct cancel_jobs *jobs, struct cancel_job *job)
{
    if (!jobs)
        return;
    job->jobs = jobs;
    LIST_INSERT_HEAD(&jobs->all, job, link);
    jobs->n++;
}

struct cancel_job *cancel_job_start(struct event_base *base, struct cancel_jobs *jobs, PGconn *pg,
                                    cancel_over_cb on_over, void *arg)
{
    struct cancel_job *job = mem_alloc(sizeof(*job));

    if (!job)
        return NULL;
    *job = (struct cancel_job){.base = base, .thread = -1, .on_over = on_over, .arg = arg};
    if (!begin(job, pg)) {
        forget(job);
        return NULL;
    }
    count(jobs, job);
    return job;
}
