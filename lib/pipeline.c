/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * pipeline: what may be sent, who is the head of those that were, and who leaves them.
 *
 * Called by io.c, answer.c and group.c. Invariants: conn->sent mirrors libpq's own queue; each
 * request has a Sync of its own and is completed when that is answered; a request becomes the head,
 * and has its rows streamed, right after the libpq call that made it so, for libpq applies the mode
 * to its head and only before it has looked at the answer.
 */
#include "pipeline.h"

#include "group.h"

#include <evpg/request.h>

/* Enough to keep the server busy; it bounds what is lost with a connection, and libpq's buffer. */
#define WINDOW 256
#define WINDOW_BYTES ((size_t)1 << 20)

static bool is_alone(const struct evpg_request *request)
{
    return request->alone || request->flags & EVPG_EXCLUSIVE;
}

static bool fits(const struct conn *conn, const struct evpg_request *request)
{
    const struct evpg_request *last = TAILQ_LAST(&conn->sent, req_list);

    if (!last)
        return request->state == REQ_QUEUED;
    return !is_alone(request) && !is_alone(last) && conn->n_sent < WINDOW &&
           conn->sent_bytes < WINDOW_BYTES;
}

/* The window is filled up when it is half empty: sending in bulk saves system calls. While libpq is
 * skipping to the Sync after an error it would miscount what is sent. */
bool pipeline_may_send(const struct conn *conn)
{
    const struct evpg_request *next = TAILQ_FIRST(&conn->queued);

    return next && !conn->canceling.unsettled && fits(conn, next) && conn->n_sent <= WINDOW / 2 &&
           PQpipelineStatus(conn->pg) != PQ_PIPELINE_ABORTED;
}

/* Right after the call that made its own results the next ones. */
void pipeline_stream_if_wanted(struct conn *conn, struct evpg_request *head)
{
    if (head->preludes == 0 && head->ops->streams(head))
        pq_stream_rows(conn->pg);
}

/* Its results come next. */
static inline void activate(struct conn *conn, struct evpg_request *head)
{
    if (!head || head->state != REQ_SENT)
        return;
    head->state = REQ_ACTIVE;
    pipeline_stream_if_wanted(conn, head);
}

void pipeline_activate(struct conn *conn, struct evpg_request *head)
{
    activate(conn, head);
}

/* Each way is but a flip of a flag in libpq, which has nothing under way then. */
static bool set_mode(PGconn *pg, const struct evpg_request *request)
{
    bool off = PQpipelineStatus(pg) == PQ_PIPELINE_OFF;

    if (off == request->off_pipeline)
        return true;
    if (off)
        pq_stop_streaming(pg);
    return (off ? PQenterPipelineMode(pg) : PQexitPipelineMode(pg)) == 1;
}

static void note_sent(const struct conn *conn, struct evpg_request *request)
{
    struct stats *stats = request->db->stats;

    if (stats && !request->renewed && !request->part)
        histogram_add(&stats->all.queue_time, conn->send_ns - request->queued_ns);
    db_tell(request->db, EVPG_EVENT_SENT, request, NULL);
}

/* It is on the list of those that were sent. */
static inline bool write_one(struct conn *conn, struct evpg_request *request)
{
    conn->n_sent++;
    conn->n_counted += request->in_stats;
    conn->sent_bytes += request->size;
    request->state = REQ_SENT;
    note_sent(conn, request);
    if (!set_mode(conn->pg, request) || !request->ops->send(request, conn->pg))
        return false;
    activate(conn, TAILQ_FIRST(&conn->sent));
    return true;
}

bool pipeline_write(struct conn *conn, struct evpg_request *request)
{
    return write_one(conn, request);
}

static bool send_one(struct conn *conn, struct evpg_request *request)
{
    TAILQ_REMOVE(&conn->queued, request, link);
    conn->n_queued--;
    conn->n_counted -= request->in_stats;
    conn->queued_bytes -= request->size;
    conn->queued_more -= request->more;
    TAILQ_INSERT_TAIL(&conn->sent, request, link);
    return write_one(conn, request) &&
           (request->off_pipeline || request->unsent || pq_send_sync(conn->pg));
}

/* False: libpq refused. What begins does so in a later turn, for it may call the application. */
static bool send_special(struct conn *conn, struct evpg_request *request)
{
    if (request->group)
        return group_send(conn, request);
    conn_again(conn);
    return true;
}

bool pipeline_send(struct conn *conn)
{
    struct evpg_request *next;

    conn->send_ns = budget_now_ns();
    while ((next = TAILQ_FIRST(&conn->queued)) && fits(conn, next)) {
        if (next->special ? !send_special(conn, next) : !send_one(conn, next))
            return false;
        if (pq_output_waits(conn->pg) || next->state == REQ_QUEUED)
            break;
    }
    return true;
}

void pipeline_begin(struct conn *conn)
{
    struct evpg_request *next = TAILQ_FIRST(&conn->queued);

    if (!next || !next->ops->begin || conn->state != CONN_READY || conn->write_waits ||
        conn->paused || !pipeline_may_send(conn))
        return;
    next->state = REQ_ACTIVE;
    next->in_block = true;
    conn->send_ns = budget_now_ns();
    note_sent(conn, next);
    next->ops->begin(next);
}

/* Before all that was never sent, and in the order in which they were. */
static void send_again(struct conn *conn, struct evpg_request *request)
{
    struct evpg_request *before = TAILQ_FIRST(&conn->queued);

    while (before && before->renewed)
        before = TAILQ_NEXT(before, link);
    request->state = REQ_QUEUED;
    request->renewed = true;
    request->answered = false;
    if (request->db->stats)
        request->db->stats->all.sent_again++;
    conn->n_queued++;
    conn->n_counted += request->in_stats;
    conn->queued_bytes += request->size;
    conn->queued_more += request->more;
    if (before)
        TAILQ_INSERT_BEFORE(before, request, link);
    else
        TAILQ_INSERT_TAIL(&conn->queued, request, link);
}

/* The server's state is known only when nothing is on the wire; what changes it is alone there. */
static void look_at_transaction(struct conn *conn)
{
    if (TAILQ_EMPTY(&conn->sent))
        conn->in_transaction = PQtransactionStatus(conn->pg) != PQTRANS_IDLE;
}

static bool is_to_be_sent_again(const struct conn *conn, const struct evpg_request *request)
{
    const struct req_ops *ops = request->ops;

    return !conn->in_transaction && ops->stale && ops->stale(request) && ops->unseen(request);
}

void pipeline_complete(struct conn *conn, struct evpg_request *head, struct budget *budget)
{
    TAILQ_REMOVE(&conn->sent, head, link);
    conn->n_sent--;
    conn->n_counted -= head->in_stats;
    conn->sent_bytes -= head->size;
    look_at_transaction(conn);
    cancel_request_answered(conn, head);
    activate(conn, TAILQ_FIRST(&conn->sent));
    budget_take(budget);
    if (is_to_be_sent_again(conn, head)) {
        head->ops->reset(head);
        send_again(conn, head);
        return;
    }
    head->done_ns = budget->looked_ns;
    conn_complete(conn, NULL, head, NULL);
}
