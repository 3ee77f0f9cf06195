/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * group: requests that share one Sync; group.h says how.
 *
 * Called by the pipeline and, where requests end without an answer, by conn.c and timeout.c.
 * Invariants: on the wire a group stands right behind its members; those whose results have ended
 * wait on conn->settling, so the head of conn->sent is always the one whose results come; no more
 * than one group is settling at a time. A group that is answered stays the head until its members
 * are completed, with rows to deliver, as it were, so that nothing is taken before that. It is
 * freed after its members. None of it is ever sent once more.
 */
#include "group.h"

#include "io.h"
#include "pipeline.h"
#include "timeout.h"

#include <evpg/request.h>

/* As the window of the pipeline, for what a group takes along. */
#define MOST_GATHERED 256
#define MOST_GATHERED_BYTES ((size_t)1 << 20)

void group_start(struct group *group)
{
    TAILQ_INIT(&group->members);
    group->base.group = &group->base;
    group->base.special = true;
}

void group_add(struct group *group, struct evpg_request *member)
{
    member->group = &group->base;
    member->state = REQ_QUEUED;
    TAILQ_INSERT_TAIL(&group->members, member, link);
    group->n_members++;
}

bool group_write(struct evpg_request *request, PGconn *pg)
{
    (void)request;
    (void)pg;
    return true;
}

bool group_streams(const struct evpg_request *request)
{
    (void)request;
    return false;
}

/* Nothing but an error can come for the Sync itself. It is of no use to the members, which were
 * answered: a transaction sees for itself when it is none any more. */
bool group_result(struct evpg_request *request, PGresult *result, ExecStatusType status)
{
    (void)request;
    PQclear(result);
    return status == PGRES_FATAL_ERROR;
}

void group_note_failure(struct evpg_request *request)
{
    struct group *group = group_of(request);

    if (group->failed || request == &group->base)
        return;
    group->failed = request;
    group->failed_number = group->n_ended + 1;
}

/* Before the group, which is on the list of those that were sent. */
static bool write_member(struct conn *conn, struct group *group, struct evpg_request *member)
{
    member->group = &group->base;
    member->conn = conn;
    member->life = conn->life;
    member->in_block = member->in_block || group->base.in_block;
    TAILQ_INSERT_BEFORE(&group->base, member, link);
    return pipeline_write(conn, member);
}

static bool may_join(const struct group *group, const struct evpg_request *request)
{
    return request->db == group->of && !request->alone && !request->special &&
           !(request->flags & EVPG_EXCLUSIVE);
}

static bool write_gathered(struct conn *conn, struct group *group)
{
    struct evpg_request *next;

    while ((next = TAILQ_FIRST(&conn->queued)) && may_join(group, next) &&
           group->n_members < MOST_GATHERED && conn->sent_bytes < MOST_GATHERED_BYTES) {
        conn_detach(conn, &conn->queued, next);
        group->n_members++;
        if (!write_member(conn, group, next))
            return false;
    }
    return true;
}

bool group_send(struct conn *conn, struct evpg_request *request)
{
    struct group *group = group_of(request);
    struct evpg_request *member;

    conn_detach(conn, &conn->queued, request);
    TAILQ_INSERT_TAIL(&conn->sent, request, link);
    request->state = REQ_SENT;
    while ((member = TAILQ_FIRST(&group->members))) {
        TAILQ_REMOVE(&group->members, member, link);
        if (!write_member(conn, group, member))
            return false;
    }
    if (group->of && !write_gathered(conn, group))
        return false;
    return pipeline_write(conn, request) && pq_send_sync(conn->pg);
}

void group_settle(struct conn *conn, struct evpg_request *member)
{
    struct group *group = group_of(member);
    struct evpg_request *next;

    group->n_ended++;
    conn_move(conn, &conn->sent, &conn->settling, member);
    cancel_request_answered(conn, member);
    next = TAILQ_FIRST(&conn->sent);
    if (next == &group->base)
        next->state = REQ_SETTLING;
    else
        pipeline_activate(conn, next);
}

/* Its Sync is answered. The one that failed is kept, for the group to tell of. */
static void complete_answered(struct conn *conn, struct req_list *list, struct evpg_request *member)
{
    struct group *group = group_of(member);
    struct evpg_error error;
    bool spoilt = group->failed && member != group->failed && group->spoils &&
                  group->spoils(group, member, &error);

    member->done_ns = group->base.done_ns;
    if (member->life == conn->life)
        cancel_request_answered(conn, member);
    if (member == group->failed)
        conn_finish(conn, list, member, NULL);
    else
        conn_complete(conn, list, member, spoilt ? &error : NULL);
}

void group_deliver(struct evpg_request *request, struct budget *budget)
{
    struct conn *conn = request->conn;
    unsigned life = conn->life;
    struct evpg_request *member;

    while ((member = TAILQ_FIRST(&conn->settling))) {
        if (!budget_take(budget))
            return;
        complete_answered(conn, &conn->settling, member);
        if (conn->dying || conn->life != life)
            return;
    }
    request->has_rows = false;
    pipeline_complete(conn, request, budget);
}

/* The next request's rows have to be asked for at once, though the group stays the head. */
void group_answered(struct conn *conn, struct evpg_request *request, struct budget *budget)
{
    struct group *group = group_of(request);
    struct evpg_request *next = TAILQ_NEXT(request, link);

    group->answered = true;
    request->done_ns = budget->looked_ns;
    if (next)
        pipeline_activate(conn, next);
    else
        conn->in_transaction = PQtransactionStatus(conn->pg) != PQTRANS_IDLE;
    request->has_rows = true;
}

void group_cut_off(struct conn *conn, struct req_list *list, struct evpg_request *request,
                   struct evpg_error *cut)
{
    struct group *group = group_of(request);

    if (request == &group->base)
        conn_complete(conn, list, request, group->answered ? NULL : cut);
    else if (group->answered)
        complete_answered(conn, list, request);
    else if (request == group->failed)
        conn_finish(conn, list, request, cut);
    else
        conn_complete(conn, list, request, cut);
}

/* The next on the wire, or settling; NULL: the group is. */
static struct evpg_request *next_member(const struct conn *conn, const struct group *group,
                                        struct evpg_request *member)
{
    struct evpg_request *next = TAILQ_NEXT(member, link);

    if (!next) /* the last that is settling */
        next = TAILQ_FIRST(&conn->sent);
    return next == &group->base ? NULL : next;
}

/* NULL: it is not on the wire. */
static struct evpg_request *first_member(const struct conn *conn, const struct group *group)
{
    struct evpg_request *first = TAILQ_FIRST(&conn->settling), *before;

    if (group->base.state == REQ_QUEUED || group->base.state == REQ_DONE)
        return NULL;
    if (first && first->group == &group->base)
        return first;
    first = TAILQ_PREV(&group->base, req_list, link);
    if (!first || first->group != &group->base)
        return NULL;
    while ((before = TAILQ_PREV(first, req_list, link)) && before->group == &group->base)
        first = before;
    return first;
}

void group_discard(struct evpg_request *request, enum evpg_code code)
{
    struct group *group = group_of(request);
    struct conn *conn = request->conn;
    struct evpg_request *member;

    if (group->answered)
        return;
    if (conn->paused && conn->paused->group == request)
        io_discard_paused(conn, code);
    for (member = first_member(conn, group); member; member = next_member(conn, group, member)) {
        member->ops->discard(member, code);
        member->canceled = member->canceled || code == EVPG_E_CANCELED;
        if (member->state != REQ_SETTLING)
            cancel_request_want(conn, member);
    }
}

static void abandon_member(struct evpg_request *member)
{
    member->abandoned = true;
    req_clear_handle(member);
    member->ops->abandon(member);
}

void group_abandon(struct evpg_request *request)
{
    struct group *group = group_of(request);
    struct conn *conn = request->conn;
    struct evpg_request *member;

    TAILQ_FOREACH (member, &group->members, link)
        abandon_member(member);
    if (!conn || request->life != conn->life)
        return;
    for (member = first_member(conn, group); member; member = next_member(conn, group, member))
        abandon_member(member);
}

void group_leave_behind(struct conn *conn, struct evpg_request *request,
                        const struct evpg_error *why)
{
    struct group *group = group_of(request);
    struct evpg_request *member = first_member(conn, group);
    struct evpg_error error;
    unsigned life = conn->life;

    while (member) {
        error = *why;
        if (!member->abandoned)
            timeout_leave_behind(conn, member, &error);
        if (conn->dying || conn->life != life)
            return; /* what was left has been told of that */
        member = next_member(conn, group, member);
    }
    error = *why;
    if (!request->abandoned)
        timeout_leave_behind(conn, request, &error);
}

void group_finish(struct evpg_request *request, const struct evpg_error *cut)
{
    struct group *group = group_of(request);
    struct evpg_request *member;
    struct evpg_error error;

    while (cut && (member = TAILQ_FIRST(&group->members))) {
        TAILQ_REMOVE(&group->members, member, link);
        error = *cut;
        error.fate = EVPG_FATE_NOT_SENT;
        member->conn = request->conn;
        conn_complete(request->conn, NULL, member, &error);
    }
}

void group_release(struct group *group)
{
    struct evpg_request *member;

    while ((member = TAILQ_FIRST(&group->members))) {
        TAILQ_REMOVE(&group->members, member, link);
        req_release(member);
    }
    if (group->failed)
        req_release(group->failed);
}
