/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * cancel_request: asking the server to stop what it is running for a connection.
 *
 * Called by cancel.c and timeout.c, which know what is unwanted, and by io.c and pipeline.c, which
 * know what is running. The server stops whatever it is running when it is asked, so: it is asked
 * only about the head, whose answer is awaited, and those under its Sync; one request at a time is
 * under way; nothing is sent until it cannot hit anything any more, and what was on the wire behind
 * is suspect until then: hit by mistake, it is sent once more (op_query.c). Invariants: nothing
 * waits here; if the server does not take note in time, the connection is closed; of a pool's
 * connections a few ask at a time.
 */
#include "cancel_request.h"

#include "cancel_job.h"
#include "conn.h"
#include "io.h"

/* What nobody waits for any more gets so long to end by itself. */
#define GRACE_NS 20000000

void cancel_request_want(struct conn *conn, struct evpg_request *request)
{
    if (request->unwanted)
        return;
    request->unwanted = true;
    conn->canceling.n_unwanted++;
    conn_again(conn);
}

static void set_timer(struct canceling *canceling, int64_t at_ns)
{
    int64_t us = (at_ns - budget_now_ns()) / 1000 + 1;
    struct timeval time = {0, 0};

    if (us > 0)
        time = (struct timeval){us / 1000000, us % 1000000};
    if (evtimer_add(canceling->timer, &time) < 0)
        event_active(canceling->timer, EV_TIMEOUT, 0);
}

/* Both are over: what was asked for has been done, or has been missed. */
static void settle(struct conn *conn)
{
    struct canceling *canceling = &conn->canceling;

    if (!canceling->unsettled && canceling->wait_ns == 0)
        return;
    if (canceling->job || canceling->target)
        return;
    canceling->wait_ns = 0;
    if (!canceling->graced)
        event_del(canceling->timer);
    canceling->unsettled = canceling->unsettled && conn->n_sent > 0;
}

static void on_over(void *arg)
{
    struct conn *conn = arg;

    conn->canceling.job = NULL;
    settle(conn);
    if (!conn->canceling.unsettled && conn->owner && conn->owner->completed)
        conn->owner->completed(conn);
    conn_again(conn);
}

/* From when it is first wanted. */
static void set_limit(struct conn *conn)
{
    struct canceling *canceling = &conn->canceling;
    int wait_ms = conn->config.cancel_wait_timeout_ms;

    if (canceling->wait_ns != 0)
        return;
    event_del(canceling->timer);
    if (wait_ms < 0)
        return;
    canceling->wait_ns = budget_now_ns() + (int64_t)wait_ms * 1000000;
    set_timer(canceling, canceling->wait_ns);
}

static void start(struct conn *conn, struct evpg_request *target)
{
    struct canceling *canceling = &conn->canceling;
    struct evpg_request *other = target;

    canceling->graced = NULL;
    canceling->target = target;
    canceling->unsettled = true;
    while ((other = TAILQ_NEXT(other, link)))
        other->suspect = true;
    if (conn->face->stats)
        conn->face->stats->all.cancel_requests++;
    canceling->job = cancel_job_start(conn->base, conn->cancel_jobs, conn->pg, on_over, conn);
}

/* Whether it still has time to end by itself. */
static bool has_grace(struct canceling *canceling, struct evpg_request *request)
{
    if (!request->abandoned)
        return false;
    if (canceling->graced != request) {
        canceling->graced = request;
        canceling->grace_ns = budget_now_ns() + GRACE_NS;
        set_timer(canceling, canceling->grace_ns);
    }
    return budget_now_ns() < canceling->grace_ns;
}

/* The one to be stopped, of which the server may be running. It keeps the answers of a group back
 * until the Sync, so the head tells no more than which group that is. */
static struct evpg_request *find_target(const struct conn *conn)
{
    struct evpg_request *head = TAILQ_FIRST(&conn->sent), *request = head;

    if (!head || head->state != REQ_ACTIVE)
        return NULL;
    while (head->group && !request->unwanted && request != head->group)
        request = TAILQ_NEXT(request, link);
    return request->unwanted && request != head->group ? request : NULL;
}

void cancel_request_look(struct conn *conn)
{
    struct canceling *canceling = &conn->canceling;
    int64_t lacking_ns = canceling->lacking_ns;
    struct evpg_request *target;

    canceling->lacking_ns = 0;
    if (canceling->n_unwanted == 0 || canceling->job || canceling->target)
        return;
    target = find_target(conn);
    if (!target || has_grace(canceling, target))
        return;
    set_limit(conn);
    if (cancel_jobs_have_room(conn->cancel_jobs))
        start(conn, target);
    else
        canceling->lacking_ns = lacking_ns ? lacking_ns : budget_now_ns();
}

void cancel_request_answered(struct conn *conn, struct evpg_request *request)
{
    struct canceling *canceling = &conn->canceling;

    if (request->unwanted)
        canceling->n_unwanted--;
    request->unwanted = false;
    if (canceling->graced == request)
        canceling->graced = NULL;
    if (canceling->target == request)
        canceling->target = NULL;
    settle(conn);
}

/* Elsewhere one that is hit by what was meant for another is sent once more. */
void cancel_request_note_hit(struct evpg_request *request)
{
    request->hit = true;
    request->struck = request->in_block && request->conn->canceling.unsettled &&
                      !request->canceled && !request->abandoned;
}

void cancel_request_explain(struct evpg_error *why)
{
    err_set(why, EVPG_E_ABORTED, EVPG_FATE_NOT_EXECUTED,
            "stopped, for another statement of the transaction was canceled");
    err_set_sqlstate(why, "57014");
}

void cancel_request_forget(struct conn *conn)
{
    struct canceling *canceling = &conn->canceling;
    struct event *timer = canceling->timer;

    if (!conn_is_inherited(conn)) {
        event_del(timer);
        cancel_job_abandon(canceling->job);
    }
    *canceling = (struct canceling){.timer = timer};
}

static void give_up(struct conn *conn)
{
    struct evpg_error why;

    err_set(&why, EVPG_E_LOST, EVPG_FATE_UNKNOWN,
            "canceling took longer than cancel_wait_timeout_ms (%d): the connection was closed",
            conn->config.cancel_wait_timeout_ms);
    err_set_sqlstate(&why, "08006");
    conn_down(conn, &why);
}

static int64_t timer_ns(const struct canceling *canceling)
{
    if (canceling->wait_ns)
        return canceling->wait_ns;
    return canceling->graced ? canceling->grace_ns : 0;
}

/* The loop's clock is coarse: it may come early. */
void cancel_request_on_timer(int fd, short what, void *arg)
{
    struct conn *conn = arg;
    struct canceling *canceling = &conn->canceling;
    int64_t until_ns = timer_ns(canceling);

    (void)fd;
    (void)what;
    conn_hold(conn);
    if (budget_now_ns() < until_ns)
        set_timer(canceling, until_ns);
    else if (canceling->wait_ns)
        give_up(conn);
    else
        conn_again(conn);
    conn_release(conn);
}
