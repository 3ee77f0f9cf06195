/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * cancel_request: asking the server to stop what it is running for a connection.
 *
 * Called by cancel.c and timeout.c, which know what is unwanted, and by io.c and pipeline.c, which
 * know what is running. The server stops whatever it is running when it is asked, so: it is asked
 * only about the head, whose answer is awaited, and those under its Sync; one request at a time is
 * under way; nothing is sent until it cannot hit anything any more, and what was on the wire behind
 * is suspect until then: hit by mistake, it is sent once more (op_query.c). A session that is asked
 * just before it begins with its next statement ignores it, so it is asked again. Invariants:
 * nothing waits here; if the server does not take note in time, the connection is closed; of a
 * pool's connections a few ask at a time.
 */
#include "cancel_request.h"

#include "cancel_job.h"
#include "conn.h"
#include "io.h"

/* What nobody waits for any more gets so long to end by itself. */
#define GRACE_NS 20000000

/* Before it is asked once more, the first time and at most: twice as long each time. */
#define ASK_NS 50000000
#define MOST_DOUBLINGS 5

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

static int64_t timer_ns(const struct canceling *canceling)
{
    int64_t graced_ns = canceling->graced ? canceling->grace_ns : 0;
    int64_t end_ns = canceling->wait_ns ? canceling->wait_ns : graced_ns;
    bool asks_first = canceling->ask_ns && (end_ns == 0 || canceling->ask_ns < end_ns);

    return asks_first ? canceling->ask_ns : end_ns;
}

/* Both are over: what was asked for has been done, or has been missed. */
static void settle(struct conn *conn)
{
    struct canceling *canceling = &conn->canceling;

    if (!canceling->unsettled && canceling->wait_ns == 0)
        return;
    if (canceling->job || canceling->target)
        return;
    canceling->wait_ns = canceling->ask_ns = 0;
    canceling->n_asked = 0;
    if (!canceling->graced)
        event_del(canceling->timer);
    canceling->unsettled = canceling->unsettled && conn->n_sent > 0;
}

static void lose(struct conn *conn)
{
    struct evpg_error why;

    err_set(&why, EVPG_E_MEMORY, EVPG_FATE_UNKNOWN,
            "out of memory for waiting for a cancel request: the connection was closed");
    conn_hold(conn);
    conn_down(conn, &why);
    conn_release(conn);
}

/* If it is still not answered by then. */
static void ask_later(struct canceling *canceling)
{
    unsigned doublings = canceling->n_asked < MOST_DOUBLINGS ? canceling->n_asked : MOST_DOUBLINGS;

    canceling->ask_ns = budget_now_ns() + ((int64_t)ASK_NS << doublings);
    canceling->heard = false;
    canceling->n_asked++;
    set_timer(canceling, timer_ns(canceling));
}

/* One that may come yet would hit whatever is sent next. */
static void on_over(bool known, void *arg)
{
    struct conn *conn = arg;

    conn->canceling.job = NULL;
    if (!known) {
        lose(conn);
        return;
    }
    if (conn->canceling.target)
        ask_later(&conn->canceling);
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
    canceling->ask_ns = 0;
    canceling->target = target;
    canceling->unsettled = true;
    while ((other = TAILQ_NEXT(other, link)))
        other->suspect = true;
    canceling->job = cancel_job_start(conn->base, conn->cancel_jobs, conn->pg, on_over, conn);
    if (!canceling->job)
        ask_later(canceling);
    else if (conn->face->stats)
        conn->face->stats->all.cancel_requests++;
}

/* Where answers are still coming, that of the target may be on its way, and the server have gone on
 * to the next. */
static bool may_hit_another(const struct canceling *canceling)
{
    const struct evpg_request *target = canceling->target;

    return canceling->heard && TAILQ_NEXT(target->group ? target->group : target, link);
}

static void ask_again(struct conn *conn)
{
    struct canceling *canceling = &conn->canceling;

    if (may_hit_another(canceling) || !cancel_jobs_have_room(conn->cancel_jobs)) {
        ask_later(canceling);
        return;
    }
    start(conn, canceling->target);
    if (canceling->wait_ns)
        set_timer(canceling, timer_ns(canceling));
}

/* Whether it still has time to end by itself; not where another had its own, and waits for room: by
 * then the timer is that of the limit. */
static bool has_grace(struct canceling *canceling, struct evpg_request *request)
{
    if (!request->abandoned || canceling->wait_ns)
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
    else if (canceling->ask_ns && until_ns == canceling->ask_ns)
        ask_again(conn);
    else if (canceling->wait_ns)
        give_up(conn);
    else
        conn_again(conn);
    conn_release(conn);
}
