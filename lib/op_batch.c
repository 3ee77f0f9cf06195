/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * op_batch: a batch as a request: one for the engine, with an answer for each member.
 *
 * Made by batch.c; driven by the pipeline through its req_ops. Its struct op_rows is that of the
 * member whose answer comes, so rows are taken and delivered by the same code as a query's; when an
 * answer has ended, what came of it is put by, and the next member takes its place. Invariants: all
 * is sent in one go, with one Sync; no done callback is called before that is answered; what has
 * failed stays in rows.failed, for behind it the server skips all; each done callback is called
 * once, by op_batch_done.c.
 */
#include "op_batch.h"

#include "mem.h"
#include "op_batch_done.h"

#include <string.h>

/* The next answer is its. */
static void turn_to(struct evpg_batch *batch, struct member *member, int number)
{
    struct op_rows *rows = &batch->rows;

    batch->at = member;
    batch->at_number = rows->statement = number;
    rows->on_row = member->on_row;
    rows->arg = member->arg;
    rows->sql = member->statement->key.sql;
    rows->base.preludes = member->preludes;
    if (batch->suspect && !batch->seen)
        rows->base.suspect = true;
}

/* For the first member, or one behind another that has had more than a tag. */
static void clear(struct op_rows *rows)
{
    rows->n_rows = 0;
    *rows->tag = '\0';
    rows->muted = rows->base.abandoned || rows->discarded;
    rows->stopped = rows->dropped = false;
}

static bool send_member(struct evpg_batch *batch, struct member *member, PGconn *pg)
{
    struct op_rows *rows = &batch->rows;

    if (member->statement->stmt)
        return statement_send_again(member->statement, rows, &member->params, pg);
    statement_look_up(member->statement, rows);
    return statement_send(member->statement, rows, &member->params, pg);
}

static bool batch_send(struct evpg_request *request, PGconn *pg)
{
    struct evpg_batch *batch = op_batch_of(request);
    struct member *first = STAILQ_FIRST(&batch->members), *member = first;

    if (!statement_send_first(first->statement, &batch->preparing, &batch->rows, &first->params,
                              pg))
        return false;
    first->preludes = request->preludes;
    while ((member = STAILQ_NEXT(member, link))) {
        request->preludes = 0;
        if (!send_member(batch, member, pg))
            return false;
        member->preludes = request->preludes;
    }
    clear(&batch->rows);
    turn_to(batch, first, 0);
    return true;
}

static bool batch_streams(const struct evpg_request *request)
{
    return op_rows_of(request)->on_row;
}

/* Whose failure it is. One that is skipped has not failed, the first error is what has. */
static void note_culprit(struct evpg_batch *batch, const PGresult *result)
{
    if (batch->rows.failed || PQresultStatus(result) != PGRES_FATAL_ERROR)
        return;
    if (batch->rows.base.state == REQ_SETTLING) {
        batch->failed_at_end = true;
        return;
    }
    batch->culprit = batch->at;
    batch->culprit_number = batch->at_number;
}

static void batch_prelude(struct evpg_request *request, PGresult *result)
{
    struct evpg_batch *batch = op_batch_of(request);

    note_culprit(batch, result);
    statement_prelude(batch->at->statement, &batch->preparing, &batch->rows, result);
}

/* Most of them are alike. */
static void set_tag(struct evpg_batch *batch, struct member *member, const char *tag)
{
    size_t length;

    if (strcmp(tag, batch->tag) != 0) {
        length = strnlen(tag, sizeof(member->room) - 1);
        memcpy(member->room, tag, length);
        member->room[length] = '\0';
        batch->tag = member->room;
        batch->tag_count = result_count(batch->tag);
    }
    member->tag = batch->tag;
    batch->affected += batch->tag_count;
}

/* Of what most batches are made of, whose answer is but a tag. To keep the results of all of them
 * would cost more than all else. */
static bool take_command(struct evpg_batch *batch, PGresult *result)
{
    set_tag(batch, batch->at, PQcmdStatus(result));
    batch->rows.base.suspect = false;
    PQclear(result);
    return true;
}

static bool batch_result(struct evpg_request *request, PGresult *result, ExecStatusType status)
{
    struct evpg_batch *batch = op_batch_of(request);

    if (request->suspect)
        batch->suspect = true;
    if (status == PGRES_COMMAND_OK)
        return take_command(batch, result);
    if (status == PGRES_FATAL_ERROR) {
        note_culprit(batch, result);
        statement_failed(batch->at->statement, &batch->preparing, &batch->rows, result);
    }
    return op_rows_result(request, result, status);
}

/* Its reason is borrowed from a getter until the next row; of several, the first is kept. */
static void note_row_failure(struct evpg_batch *batch, struct member *member)
{
    const struct evpg_error *why = batch->rows.base.conn->row_set.failed;

    if (batch->row_failed || !member->muted || member->stopped || batch->rows.discarded)
        return;
    batch->row_failed = member;
    if (why)
        batch->row_error = *why;
    else
        err_set(&batch->row_error, EVPG_E_VALUE, EVPG_FATE_EXECUTED, "refused by the row callback");
}

/* What came of the member whose answer has ended. Not inlined: most members need none of this. */
static void __attribute__((noinline)) put_by(struct evpg_batch *batch)
{
    struct op_rows *rows = &batch->rows;
    struct member *member = batch->at;

    member->last = rows->last;
    rows->last = NULL;
    member->n_rows = rows->n_rows;
    set_tag(batch, member, rows->tag);
    member->muted = rows->muted;
    member->stopped = rows->stopped;
    member->dropped = rows->dropped;
    batch->rowful = true;
    batch->seen = batch->seen || (member->on_row && rows->n_rows > 0);
    note_row_failure(batch, member);
    if (STAILQ_NEXT(member, link))
        clear(rows);
}

/* Of most members there is a tag only, and that was put by. */
static bool batch_next(struct evpg_request *request)
{
    struct evpg_batch *batch = op_batch_of(request);
    const struct op_rows *rows = &batch->rows;
    struct member *next;

    if (rows->last || rows->muted || rows->n_rows > 0)
        put_by(batch);
    next = STAILQ_NEXT(batch->at, link);
    if (next)
        turn_to(batch, next, batch->at_number + 1);
    return next;
}

/* Where there are none but tags, the members are not looked at once more. */
static void forget_answers(struct evpg_batch *batch)
{
    struct member *member = batch->rowful ? STAILQ_FIRST(&batch->members) : NULL;
    struct statement *statement = batch->statements;

    for (; member; member = STAILQ_NEXT(member, link)) {
        PQclear(member->last);
        member->last = NULL;
    }
    for (; statement; statement = statement->before)
        statement_release(statement);
}

static void forget_tags(struct evpg_batch *batch)
{
    struct member *member;

    STAILQ_FOREACH(member, &batch->members, link)
    member->tag = "";
    batch->tag = "";
    batch->tag_count = batch->affected = 0;
}

static bool batch_stale(const struct evpg_request *request)
{
    const struct evpg_batch *batch = op_batch_of(request);

    return statement_is_stale(&batch->preparing, request, batch->suspect);
}

static bool batch_unseen(const struct evpg_request *request)
{
    return !op_batch_of(request)->seen && statement_may_be_renewed(request);
}

static void batch_reset(struct evpg_request *request)
{
    struct evpg_batch *batch = op_batch_of(request);

    forget_answers(batch);
    forget_tags(batch);
    statement_reset(&batch->preparing, &batch->rows, batch->suspect);
    batch->culprit = batch->row_failed = NULL;
    batch->failed_at_end = batch->suspect = false;
}

static void batch_abandon(struct evpg_request *request)
{
    struct evpg_batch *batch = op_batch_of(request);
    struct member *member;

    op_rows_abandon(request);
    batch->on_done = NULL;
    STAILQ_FOREACH(member, &batch->members, link)
    member->on_done = NULL;
}

static void batch_release(struct evpg_request *request)
{
    op_batch_release(op_batch_of(request));
}

static const struct req_ops batch_ops = {
    .send = batch_send,
    .streams = batch_streams,
    .result = batch_result,
    .prelude = batch_prelude,
    .next = batch_next,
    .stale = batch_stale,
    .unseen = batch_unseen,
    .reset = batch_reset,
    .deliver = op_rows_deliver,
    .discard = op_rows_discard,
    .abandon = batch_abandon,
    .finish = op_batch_finish,
    .release = batch_release,
};

struct evpg_batch *op_batch_new(void)
{
    struct evpg_batch *batch = mem_take(sizeof(*batch));

    if (!batch)
        return NULL;
    memset(batch, 0, offsetof(struct evpg_batch, why));
    batch->rows.base.ops = &batch_ops;
    batch->rows.shares = true;
    batch->tag = "";
    STAILQ_INIT(&batch->members);
    return batch;
}

void op_batch_release(struct evpg_batch *batch)
{
    forget_answers(batch);
    arena_free(&batch->arena);
    op_rows_release(&batch->rows.base);
}
