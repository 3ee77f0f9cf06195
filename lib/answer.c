/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * answer: whose each answer is, and what it means for the request at the head.
 *
 * Called by io.c, with each result that libpq gives. Invariants: answers come in the order in which
 * pipeline.c has sent; a request is settled when its results have ended, and completed when its
 * Sync is answered, so an error there overrides an earlier success; the NULL behind an answer is
 * libpq's own, and is taken without asking whether it is busy; an answer that does not fit closes
 * the connection, before it could be taken for somebody else's.
 */
#include "answer.h"

#include "group.h"
#include "io.h"
#include "pipeline.h"

#include <evpg/request.h>

#include <string.h>

static void broken(struct conn *conn, const char *how)
{
    struct evpg_error why;

    pq_set_loss(&why, EVPG_E_PROTOCOL, *how ? how : "libpq has lost track of the answers");
    conn_down(conn, &why);
}

/* The server has ended the session, or libpq has: nothing more will come. */
static void take_last_words(struct conn *conn, PGresult *result)
{
    struct evpg_error why = conn->fatal;

    if (!why.code && pq_is_local_error(result))
        pq_set_loss(&why, EVPG_E_LOST, PQresultErrorMessage(result));
    else if (!why.code || pq_is_fatal(result))
        pq_set_error(&why, EVPG_E_LOST, EVPG_FATE_UNKNOWN, result);
    if (!*why.sqlstate && why.code != EVPG_E_MEMORY)
        err_set_sqlstate(&why, "08006");
    conn_down(conn, &why);
    PQclear(result);
}

static void note_first_row(struct evpg_request *request, int64_t now_ns)
{
    struct stats *stats = request->db->stats;

    request->row_seen = true;
    if (stats && !request->part)
        histogram_add(&stats->all.first_row_time, now_ns - request->queued_ns);
    db_tell(request->db, EVPG_EVENT_FIRST_ROW, request, NULL);
}

/* Of what was sent to prepare it. */
static void end_prelude(struct conn *conn, struct evpg_request *head)
{
    head->answered = false;
    head->preludes--;
    pipeline_stream_if_wanted(conn, head);
}

static void end_last(struct conn *conn, struct evpg_request *head)
{
    head->state = REQ_SETTLING;
    if (head->group)
        group_settle(conn, head);
}

/* Of one that has several answers. */
static void end_one(struct conn *conn, struct evpg_request *head, struct budget *budget)
{
    bool others = head->ops->next(head);

    budget_count(budget);
    if (head->unsent) {
        conn->unflushed = true;
        if (!head->ops->more(head, conn->pg)) {
            io_lost(conn);
            return;
        }
    }
    if (!others) {
        end_last(conn, head);
        return;
    }
    head->answered = false;
    pipeline_stream_if_wanted(conn, head);
}

static void end_answer(struct conn *conn, struct evpg_request *head, struct budget *budget)
{
    if (head->preludes > 0)
        end_prelude(conn, head);
    else if (head->ops->next)
        end_one(conn, head, budget);
    else
        end_last(conn, head);
}

/* What was said before is about the statement, and may be the user's own words. */
const char *answer_last_words(const struct conn *conn)
{
    const struct evpg_request *head = TAILQ_FIRST(&conn->sent);
    const char *words = PQerrorMessage(conn->pg);
    size_t said = head && head->off_pipeline ? head->said : 0;

    return strlen(words) > said ? words + said : "";
}

static void lose(struct conn *conn)
{
    struct evpg_error why;

    pq_set_loss(&why, EVPG_E_LOST, answer_last_words(conn));
    conn_down(conn, &why);
}

/* The end of a request's results. An error at the Sync is followed by an end as well; and so is,
 * for ever, the end of the connection, where none was due. */
static void take_end(struct conn *conn, struct evpg_request *head, struct budget *budget)
{
    bool due = head->ends;

    head->ends = false;
    if (!due && PQstatus(conn->pg) == CONNECTION_BAD) {
        lose(conn);
    } else if (head->off_pipeline && head->answered) {
        pipeline_complete(conn, head, budget);
    } else if (head->state == REQ_ACTIVE && head->answered) {
        end_answer(conn, head, budget);
    } else if (head->state == REQ_SETTLING && head->failed_at_sync) {
        head->failed_at_sync = false;
    } else {
        broken(conn, "the server broke the protocol: an answer is missing");
    }
}

/* That of its preludes, which are nothing of its own. */
static bool take_early_sync(struct evpg_request *head)
{
    if (!head->parted || head->state != REQ_ACTIVE || head->preludes > 0 || head->answered)
        return false;
    head->parted = false;
    return true;
}

static void take_sync(struct conn *conn, struct evpg_request *head, struct budget *budget)
{
    bool settling = head->state == REQ_SETTLING && !head->failed_at_sync;

    if (take_early_sync(head))
        return;
    if (!settling) {
        broken(conn, "the server broke the protocol: a Sync was answered before its statement");
        return;
    }
    if (head->group)
        group_answered(conn, head, budget);
    else
        pipeline_complete(conn, head, budget);
}

/* Nobody is there to send or take what is to be copied. */
static void refuse(struct conn *conn, ExecStatusType status)
{
    struct evpg_error why;

    if (status != PGRES_COPY_IN && status != PGRES_COPY_OUT && status != PGRES_COPY_BOTH) {
        broken(conn, "the server broke the protocol: an answer of a kind not asked for");
        return;
    }
    err_set(&why, EVPG_E_PROTOCOL, EVPG_FATE_UNKNOWN,
            "COPY was run where it cannot be: the connection was closed");
    err_set_sqlstate(&why, "0A000");
    conn_down(conn, &why);
}

/* Nothing else comes of a statement that is prepared, or dropped. */
static void take_prelude(struct conn *conn, struct evpg_request *head, PGresult *result,
                         ExecStatusType status)
{
    if (status == PGRES_COMMAND_OK || status == PGRES_FATAL_ERROR ||
        status == PGRES_PIPELINE_ABORTED) {
        head->ops->prelude(head, result);
        return;
    }
    PQclear(result);
    refuse(conn, status);
}

/* Whether more of the same answer may follow. Most are but a tag, of which that is known. */
static inline bool is_part(ExecStatusType status)
{
    return status != PGRES_COMMAND_OK && pq_is_row_part(status);
}

static void note_error(const struct conn *conn, struct evpg_request *head)
{
    if (head->off_pipeline)
        head->said = strlen(PQerrorMessage(conn->pg));
    if (head->group && !head->parted)
        group_note_failure(head);
}

/* What the head makes of it; where that is no rows to be delivered, the end comes at once. */
static void hand_on(struct conn *conn, struct evpg_request *head, PGresult *result,
                    ExecStatusType status, struct budget *budget)
{
    if (!head->ops->result(head, result, status))
        refuse(conn, status);
    else if (head->has_rows && !head->row_seen)
        note_first_row(head, budget->looked_ns);
    else if (head->ends && !head->has_rows)
        answer_take(conn, PQgetResult(conn->pg), budget);
    else if (is_part(status) && !head->has_rows)
        budget_take(budget); /* rows that nobody wants any more count as well */
}

static void take_answer(struct conn *conn, struct evpg_request *head, PGresult *result,
                        ExecStatusType status, struct budget *budget)
{
    bool error = status == PGRES_FATAL_ERROR;

    if (head->answered && !error && !head->off_pipeline) {
        PQclear(result);
        broken(conn, "the server broke the protocol: a statement was answered twice");
        return;
    }
    head->failed_at_sync = head->state == REQ_SETTLING;
    head->answered = head->answered || !is_part(status);
    head->ends = head->answered && !head->off_pipeline;
    if (error)
        note_error(conn, head);
    if (head->preludes > 0)
        take_prelude(conn, head, result, status);
    else
        hand_on(conn, head, result, status, budget);
}

/* Outside the pipeline the error that a statement was answered with is still there. */
bool answer_has_lost_track(const struct conn *conn)
{
    const struct evpg_request *head = TAILQ_FIRST(&conn->sent);

    return head && !(head->off_pipeline && head->answered) && pq_has_lost_track(conn->pg, NULL);
}

/* For want of memory, or because what came was not to be understood: the message tells, in English
 * at least. */
void answer_lose_track(struct conn *conn, const char *message)
{
    broken(conn, message);
}

/* Whoever went on would take the next answers for the wrong requests. Most answers are no error,
 * and libpq has nothing to say. */
static bool take_trouble(struct conn *conn, PGresult *result, ExecStatusType status)
{
    bool error = status == PGRES_FATAL_ERROR, local = error && pq_is_local_error(result);

    if (!error && !*PQerrorMessage(conn->pg))
        return false;
    if ((!local && !pq_has_lost_track(conn->pg, result)) || PQstatus(conn->pg) == CONNECTION_BAD)
        return false;
    answer_lose_track(conn, local ? PQresultErrorMessage(result) : PQerrorMessage(conn->pg));
    PQclear(result);
    return true;
}

static void take_result(struct conn *conn, struct evpg_request *head, PGresult *result,
                        struct budget *budget)
{
    ExecStatusType status = PQresultStatus(result);

    if (take_trouble(conn, result, status))
        return;
    if (status == PGRES_PIPELINE_SYNC) {
        PQclear(result);
        take_sync(conn, head, budget);
    } else if (status == PGRES_FATAL_ERROR &&
               (PQstatus(conn->pg) == CONNECTION_BAD || pq_is_fatal(result))) {
        take_last_words(conn, result);
    } else {
        take_answer(conn, head, result, status, budget);
    }
}

void answer_take(struct conn *conn, PGresult *result, struct budget *budget)
{
    struct evpg_request *head = TAILQ_FIRST(&conn->sent);

    if (result)
        take_result(conn, head, result, budget);
    else
        take_end(conn, head, budget);
}
