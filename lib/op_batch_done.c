/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * op_batch_done: what a batch amounts to, and who is told: the members in order, then the batch.
 *
 * Called by the engine through the req_ops of op_batch.c. Invariants: each callback is called once,
 * whatever the others do: each is taken before it is called; where one of them frees the db, the
 * rest come from there, before that returns (conn_finish_begun), and none after. What is handed out
 * lives in the batch, which nobody frees meanwhile.
 */
#include "op_batch_done.h"

#include <stdio.h>
#include <string.h>

/* So much of a statement is shown where only its beginning is. */
#define EXCERPT 60

/* Not in the midst of a character, taking the text for UTF-8. */
static int excerpt_length(const char *sql)
{
    int length = (int)strnlen(sql, EXCERPT);

    while (length > 0 && length == EXCERPT && ((unsigned char)sql[length] & 0xC0) == 0x80)
        length--;
    return length;
}

/* Which member it is about, in words; "the end" where it is none. */
static void name_member(const struct evpg_batch *batch, const struct member *member, size_t number,
                        char *name, size_t size)
{
    const char *sql = member ? member->statement->key.sql : "";
    int length = excerpt_length(sql);

    if (member)
        snprintf(name, size, "member %zu of %zu (%.*s%s)", number, batch->n_members, length, sql,
                 sql[length] ? "..." : "");
    else
        snprintf(name, size, "the end of the batch");
}

static size_t number_of(const struct evpg_batch *batch, const struct member *wanted)
{
    const struct member *member;
    size_t number = 0;

    STAILQ_FOREACH(member, &batch->members, link)
    {
        number++;
        if (member == wanted)
            break;
    }
    return number;
}

/* As the batch's: whose it was stands before it. */
static void blame(struct evpg_batch *batch, const struct member *member)
{
    char name[ERR_MESSAGE_SIZE / 2];

    name_member(batch, member, member ? number_of(batch, member) : 0, name, sizeof(name));
    err_prefix(&batch->error, name);
    batch->error.query = member ? member->statement->key.sql : NULL;
}

static const struct member *first_dropped(const struct evpg_batch *batch)
{
    const struct member *member = batch->rows.discarded ? STAILQ_FIRST(&batch->members) : NULL;

    while (member && !member->dropped)
        member = STAILQ_NEXT(member, link);
    return member;
}

static void set_dropped(const struct evpg_batch *batch, struct evpg_error *error)
{
    err_set(error, batch->rows.discarded, EVPG_FATE_EXECUTED,
            "closed or canceled before all rows were delivered");
    error->phase = EVPG_PHASE_SETTLING;
}

/* The server has done all of it. */
static bool judge_rows(struct evpg_batch *batch)
{
    const struct member *dropped = first_dropped(batch);

    if (batch->row_failed) {
        batch->error = batch->row_error;
        batch->error.fate = EVPG_FATE_EXECUTED;
        batch->error.phase = EVPG_PHASE_SETTLING;
        blame(batch, batch->row_failed);
    } else if (dropped) {
        set_dropped(batch, &batch->error);
        blame(batch, dropped);
    }
    return batch->row_failed || dropped;
}

static bool judge(struct evpg_batch *batch, const struct evpg_error *cut)
{
    if (cut) {
        batch->cut = true;
        batch->error = *cut;
        return true;
    }
    if (!batch->rows.failed)
        return judge_rows(batch);
    op_rows_judge(&batch->rows, &batch->error);
    if (batch->culprit || batch->failed_at_end)
        blame(batch, batch->culprit);
    else
        batch->cut = true; /* skipped as a whole */
    return true;
}

/* Nothing is left of it, though nothing was wrong with it. */
static void set_aborted(const struct evpg_batch *batch, int number, struct evpg_error *error)
{
    bool done = batch->failed_at_end || number < batch->culprit_number;

    err_set(error, EVPG_E_ABORTED, EVPG_FATE_NOT_EXECUTED, "%s, because of %s",
            done ? "undone" : "skipped", batch->error.message);
    error->phase = EVPG_PHASE_SETTLING;
}

/* False: it has succeeded. */
static bool judge_member(const struct evpg_batch *batch, const struct member *member, int number,
                         struct evpg_error *error)
{
    if (batch->cut)
        *error = batch->error;
    else if (batch->rows.failed && member == batch->culprit)
        op_rows_judge(&batch->rows, error);
    else if (batch->rows.failed)
        set_aborted(batch, number, error);
    else if (member == batch->row_failed)
        *error = batch->row_error;
    else if (member->muted && !member->stopped && !batch->rows.discarded)
        err_set(error, EVPG_E_VALUE, EVPG_FATE_EXECUTED, "refused by the row callback");
    else if (member->dropped && batch->rows.discarded)
        set_dropped(batch, error);
    else
        return false;
    if (!batch->rows.failed && !batch->cut)
        error->phase = EVPG_PHASE_SETTLING;
    return true;
}

/* From inside of another's callback, what that one has borrowed must stay as it is. */
static void call(struct evpg_batch *batch, evpg_done_cb on_done, void *arg,
                 const struct evpg_result *result)
{
    bool resets = batch->n_calls++ == 0 && result->kept;

    if (resets)
        row_set_reset(result->set, &batch->rows.base);
    if (on_done)
        on_done(result, arg);
    if (resets)
        row_set_reset(result->set, NULL);
    batch->n_calls--;
}

static void tell_member(struct evpg_batch *batch, const struct member *member, int number)
{
    struct op_rows *rows = &batch->rows;
    struct evpg_error error;
    bool failed = judge_member(batch, member, number, &error);
    struct evpg_result result = {
        .request = &rows->base,
        .db = rows->base.db,
        .error = failed ? &error : NULL,
        .last = member->last,
        .tag = member->tag,
        .rows = failed && !member->on_row ? 0 : member->n_rows,
        .stopped = member->stopped,
        .kept = !failed && !member->on_row && member->last,
        .set = &rows->base.conn->row_set,
    };

    if (failed)
        req_describe(&rows->base, member->statement->key.sql, &error);
    call(batch, member->on_done, member->arg, &result);
}

static uint64_t count_rows(const struct evpg_batch *batch)
{
    const struct member *member;
    uint64_t sum = 0;

    if (!batch->rowful)
        return 0;
    STAILQ_FOREACH(member, &batch->members, link)
    sum += batch->failed && !member->on_row ? 0 : member->n_rows;
    return sum;
}

static uint64_t count_affected(const struct evpg_request *request)
{
    const struct evpg_batch *batch = op_batch_of(request);

    return batch->cut || batch->rows.failed ? 0 : batch->affected;
}

/* The batch's own error, with its name; of its members', each has that by itself. */
static const struct evpg_error *name_error(const struct evpg_batch *batch, struct evpg_error *named)
{
    if (!batch->failed)
        return NULL;
    *named = batch->error;
    req_describe(&batch->rows.base, batch->error.query, named);
    return named;
}

static void tell_all_of_it(struct evpg_batch *batch)
{
    struct op_rows *rows = &batch->rows;
    struct evpg_error named;
    struct evpg_result result = {
        .request = &rows->base,
        .db = rows->base.db,
        .error = name_error(batch, &named),
        .tag = "",
        .rows = count_rows(batch),
        .affected = count_affected,
        .set = &rows->base.conn->row_set,
    };

    call(batch, batch->on_done, batch->arg, &result);
    if (result.set->request == &rows->base)
        result.set->request = NULL; /* of a row that is borrowed still, by the one that frees it */
}

/* The next that is to be told, which is taken; NULL: there is none. */
static struct member *take_next(struct evpg_batch *batch)
{
    struct member *member = batch->listened ? batch->to_tell : NULL;
    int number = batch->to_tell_number;

    for (; member && !member->on_done; number++)
        member = STAILQ_NEXT(member, link);
    batch->to_tell = member ? STAILQ_NEXT(member, link) : NULL;
    batch->to_tell_number = number + 1;
    return member;
}

/* One after the other, by whichever frame comes to it. */
static void tell_rest(struct evpg_batch *batch)
{
    struct conn *conn = batch->rows.base.conn;

    while (batch->is_telling) {
        struct member *member = take_next(batch);

        if (member) {
            tell_member(batch, member, batch->to_tell_number - 1);
        } else {
            batch->is_telling = false;
            conn->finishing = batch->outer;
            tell_all_of_it(batch);
        }
    }
}

static void begin_to_tell(struct evpg_batch *batch)
{
    struct evpg_request *request = &batch->rows.base;

    batch->told = batch->is_telling = true;
    batch->to_tell = STAILQ_FIRST(&batch->members);
    batch->outer = request->conn->finishing;
    request->conn->finishing = request;
}

/* When its time is up, it is told of that, and later of its answer, when there is nobody left. */
void op_batch_finish(struct evpg_request *request, struct evpg_error *cut)
{
    struct evpg_batch *batch = op_batch_of(request);
    struct evpg_error named;

    if (!batch->told) {
        batch->at->n_rows = batch->rows.n_rows; /* its answer may not have ended */
        batch->rowful = batch->rowful || batch->rows.n_rows > 0;
        batch->failed = judge(batch, cut);
        if (request->db->stats)
            request->db->stats->all.rows += count_rows(batch);
        db_note_done(request, name_error(batch, &named));
        begin_to_tell(batch);
    }
    tell_rest(batch);
}
