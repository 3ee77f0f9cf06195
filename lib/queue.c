/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * queue: the lists that a connection's requests are on, and how one ends that leaves them.
 *
 * Called by the engine, and by the pool, which keeps its waiting requests in the queue of a
 * connection that is never opened, and hands them over from there. Invariants: a request is on one
 * list at most, and its `conn` is that list's; the counts are those of `queued` and `sent`; it is
 * on none when its callback is called.
 */
#include "conn.h"

#include <errno.h>

static bool is_counted(const struct conn *conn, const struct req_list *list,
                       const struct evpg_request *request)
{
    return request->in_stats &&
           (list == &conn->queued || list == &conn->sent || list == &conn->settling);
}

void conn_detach(struct conn *conn, struct req_list *list, struct evpg_request *request)
{
    TAILQ_REMOVE(list, request, link);
    conn->n_counted -= is_counted(conn, list, request);
    if (list == &conn->queued) {
        conn->n_queued--;
        conn->queued_bytes -= request->size;
        conn->queued_more -= request->more;
    } else if (list == &conn->sent) {
        conn->n_sent--;
        conn->sent_bytes -= request->size;
    }
}

void conn_move(struct conn *conn, struct req_list *from, struct req_list *to,
               struct evpg_request *request)
{
    conn_detach(conn, from, request);
    TAILQ_INSERT_TAIL(to, request, link);
    conn->n_counted += is_counted(conn, to, request);
}

static void insert(struct conn *conn, struct evpg_request *request, struct evpg_request *before)
{
    request->conn = conn;
    request->life = conn->life;
    if (before)
        TAILQ_INSERT_BEFORE(before, request, link);
    else
        TAILQ_INSERT_TAIL(&conn->queued, request, link);
    conn->n_queued++;
    conn->n_counted += request->in_stats;
    conn->queued_bytes += request->size;
    conn->queued_more += request->more;
    if (conn->state == CONN_READY)
        conn_kick(conn);
}

int conn_admit(struct conn *conn, struct evpg_db *db, const struct evpg_request *request)
{
    int max = conn->config.max_queued_requests;
    int64_t max_bytes = conn->config.max_queued_bytes;

    if (conn->owner && conn->owner->asks_freely && request->db == &conn->db)
        return 0;
    if (max >= 0 && conn->n_queued + conn->queued_more + request->more >= (size_t)max)
        return db_refuse(db, ENOBUFS, "max_queued_requests (%d) is reached", max);
    if (max_bytes >= 0 && conn->queued_bytes + request->size > (uint64_t)max_bytes)
        return db_refuse(db, ENOBUFS, "max_queued_bytes (%lld) is reached", (long long)max_bytes);
    return 0;
}

void conn_enqueue(struct conn *conn, struct evpg_request *request)
{
    request->state = REQ_QUEUED;
    insert(conn, request, NULL);
}

void conn_enqueue_before(struct conn *conn, struct evpg_request *request,
                         struct evpg_request *before)
{
    request->state = REQ_QUEUED;
    insert(conn, request, before);
}

void conn_hand_over(struct evpg_request *request, struct conn *to, struct evpg_request *before)
{
    conn_detach(request->conn, &request->conn->queued, request);
    insert(to, request, before);
}

bool conn_is_busy(const struct conn *conn)
{
    return !TAILQ_EMPTY(&conn->queued) || !TAILQ_EMPTY(&conn->sent) ||
           !TAILQ_EMPTY(&conn->doomed) || !TAILQ_EMPTY(&conn->canceled) || conn->finishing;
}

/* Of a dying connection, a frame further up may be in the midst of this request's row callback. */
static void recycle(struct conn *conn, struct evpg_request *request)
{
    if (conn->dying)
        TAILQ_INSERT_TAIL(&conn->graveyard, request, link);
    else
        req_release(request);
}

static inline void finish(struct conn *conn, struct req_list *list, struct evpg_request *request,
                          struct evpg_error *cut)
{
    if (list)
        conn_detach(conn, list, request);
    request->state = REQ_DONE;
    deadline_clear(conn->deadlines, request);
    if (conn->state == CONN_DOWN && !conn_is_inherited(conn))
        deadline_rest(conn->deadlines);
    req_clear_handle(request);
    request->ops->finish(request, cut);
}

void conn_finish(struct conn *conn, struct req_list *list, struct evpg_request *request,
                 struct evpg_error *cut)
{
    finish(conn, list, request, cut);
}

void conn_complete(struct conn *conn, struct req_list *list, struct evpg_request *request,
                   struct evpg_error *cut)
{
    finish(conn, list, request, cut);
    recycle(conn, request);
    if (conn->owner && conn->owner->completed)
        conn->owner->completed(conn);
    if (conn->closing && !conn_is_busy(conn))
        conn_again(conn);
}

void conn_finish_begun(struct conn *conn)
{
    while (conn->finishing)
        conn->finishing->ops->finish(conn->finishing, NULL);
}
