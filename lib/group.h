/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef GROUP_H
#define GROUP_H

#include "conn.h"

/*
 * Several requests that share one Sync.
 *
 * A group is a request itself, the first member of what is made of it: the beginning of a
 * transaction. It is submitted, waits in a queue, goes from one connection to another, is canceled,
 * timed and freed as any request is. Its members are ordinary requests that were not submitted,
 * such as op_query_new() makes, in `members`. When its turn comes all of them are sent, in this
 * order and in one go whatever the window, and the Sync behind them is the group's own: on the wire
 * it stands behind its last member. From then on each member has its results, rows and deadline as
 * if it had been submitted alone.
 *
 * The Sync answered, the members are completed in order, in slices, and then the group. Lost before
 * that, all are told so. What happens afterwards changes nothing: they were answered.
 *
 * Whoever makes one sets base.ops, base.db, base.size (all in all), calls group_start(), adds at
 * least one member, and submits. In its struct req_ops
 *   send, streams, result, deliver, discard are group_write, ..., below, and stale is NULL;
 *   abandon is its own, which calls group_abandon();
 *   finish is its own, which calls group_finish() first, and may be called twice, as any (a
 * deadline that has passed); it looks at `failed` to know what became of it when it is not cut off,
 * and must call nobody the second time; release is its own, which calls
 * group_release() before it frees the group. A member must not be alone, off the pipeline, or a
 * group.
 */
struct group {
    struct evpg_request base;
    struct req_list members; /* before they are sent */
    size_t n_members;        /* of all, also of those that were gathered */
    const struct evpg_db
        *of; /* whose requests it takes along from behind it in the queue; or NULL */
    /* Asked of every member but `failed`, once there is one: whether this error is its outcome.
     * False, or NULL: what the server has said of it is. */
    bool (*spoils)(const struct group *group, const struct evpg_request *member,
                   struct evpg_error *error);
    bool answered; /* its Sync is */
    /* The first member that the server has failed. It is not freed before the group is. */
    struct evpg_request *failed;
    size_t failed_number; /* which, from 1 */
    size_t n_ended;       /* members whose results have come */
};

static inline struct group *group_of(const struct evpg_request *request)
{
    return (struct group *)request->group;
}

void group_start(struct group *group);
void group_add(struct group *group, struct evpg_request *member);

/* For struct req_ops; see there. */
bool group_write(struct evpg_request *request, PGconn *pg);
bool group_streams(const struct evpg_request *request);
bool group_result(struct evpg_request *request, PGresult *result, ExecStatusType status);
void group_deliver(struct evpg_request *request, struct budget *budget);
void group_discard(struct evpg_request *request, enum evpg_code code);

/* All members forget their callbacks. */
void group_abandon(struct evpg_request *request);

/* Completes the members that were not sent, for the same reason as the group. */
void group_finish(struct evpg_request *request, const struct evpg_error *cut);

/* Frees what the group has, members included, but not the group. */
void group_release(struct group *group);

/* Whether the Sync of a member's or a group's is answered: then what the server said counts. */
static inline bool group_is_answered(const struct evpg_request *request)
{
    return request->group && group_of(request)->answered;
}

/* Whether it is a member that was not sent: it has its group's place in the queue, and none of its
 * own. */
static inline bool group_holds(const struct evpg_request *request)
{
    return request->group && request->group != request && request->state == REQ_QUEUED;
}

/* For the engine: sends a group with its members; false: libpq refused. */
bool group_send(struct conn *conn, struct evpg_request *request);

/* For the engine: the results of a member that is the head have ended. */
void group_settle(struct conn *conn, struct evpg_request *member);

/* For the engine: the server has failed a member, or the Sync. */
void group_note_failure(struct evpg_request *request);

/* For the engine: the Sync was answered. */
void group_answered(struct conn *conn, struct evpg_request *request, struct budget *budget);

/* For the engine: completes a member or a group of a connection that is lost or ended; *cut is why,
 * unless it was answered. */
void group_cut_off(struct conn *conn, struct req_list *list, struct evpg_request *request,
                   struct evpg_error *cut);

/* For the engine: a group on the wire is over, for this reason, and its members are before it. */
void group_leave_behind(struct conn *conn, struct evpg_request *request,
                        const struct evpg_error *why);

#endif
