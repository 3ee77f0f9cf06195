/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * cancel_thread: sends a cancel request where libpq can only do so by waiting (before 17).
 *
 * Called by cancel_job.c. Invariants: the thread is detached, has all signals blocked, and shares
 * nothing with the loop but a pair of sockets, one end each: so it can be forgotten at any time,
 * and nothing of it is ever waited for. It takes as long as connecting to the server takes, and
 * ends.
 */
#include "cancel_thread.h"

#include "mem.h"

#include <pthread.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

struct work {
    PGcancel *cancel;
    int end; /* of the pair */
};

/* What PQcancel says is not looked at: success is no proof, and neither is failure. */
static void *run(void *arg)
{
    struct work *work = arg;
    char message[256];

    PQcancel(work->cancel, message, sizeof(message));
    PQfreeCancel(work->cancel);
    send(work->end, "", 1, MSG_NOSIGNAL);
    close(work->end);
    mem_free(work);
    return NULL;
}

/* A new thread inherits what is blocked. */
static int start_detached(struct work *work)
{
    pthread_attr_t attributes;
    sigset_t all, before;
    pthread_t thread;
    int failure = pthread_attr_init(&attributes);

    if (failure)
        return failure;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
    failure = pthread_create(&thread, &attributes, run, work);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    pthread_attr_destroy(&attributes);
    return failure;
}

bool cancel_thread_start(PGcancel *cancel, int end)
{
    struct work *work = mem_alloc(sizeof(*work));

    if (!work)
        return false;
    *work = (struct work){cancel, end};
    if (start_detached(work) == 0)
        return true;
    mem_free(work);
    return false;
}
