/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * op_rows: what operations that are answered by rows have in common: delivery, and judgement.
 *
 * Called by the pipeline through the req_ops of op_query.c and op_script.c. Invariants: completing
 * one cannot fail for want of memory; while its row callback runs it may be completed, but neither
 * it nor its rows are freed before the callback is back (conn.c's graveyard); rows come before
 * done, and none after; a success is one only when nothing that came later says otherwise.
 */
#include "op_rows.h"

#include "cancel_request.h"
#include "io.h"
#include "mem.h"

#include <evpg/request.h>

#include <string.h>

/* The rows that are kept back of one that may have to be sent again. */
#define MOST_HELD ((size_t)64 << 10)

static void replace(PGresult **slot, PGresult *result)
{
    if (*slot)
        PQclear(*slot);
    *slot = result;
}

/* With chunks the tag may come with the last of them, and the end has none. */
static void note_tag(struct op_rows *rows, const char *tag)
{
    size_t length = strlen(tag);

    length = length < OP_ROWS_TAG_SIZE - 1 ? length : OP_ROWS_TAG_SIZE - 1;
    memcpy(rows->tag, tag, length);
    rows->tag[length] = '\0';
    if (*tag == 'D' && (strcmp(tag, "DISCARD ALL") == 0 || strcmp(tag, "DEALLOCATE ALL") == 0))
        stmt_cache_clear(&rows->base.conn->statements);
    if (rows->base.off_pipeline)
        req_note_tag(&rows->base, tag);
    if (*tag != 'C' && *tag != 'P' && *tag != 'R')
        return;
    if (strcmp(tag, "COMMIT") == 0 || strcmp(tag, "PREPARE TRANSACTION") == 0)
        rows->committed = rows->base.ended_block = true;
    if (strcmp(tag, "ROLLBACK") == 0 && rows->statement == 0 && rows->word == SQLWORD_COMMIT)
        rows->rolled_back = true;
}

/* To be delivered from now on. */
static void show(struct op_rows *rows, PGresult *result, bool part)
{
    replace(&rows->rows, result);
    rows->row_count = PQntuples(result);
    rows->next_row = 0;
    rows->more = part;
    rows->base.has_rows = true;
}

static void drop_held(struct op_rows *rows)
{
    while (rows->next_held < rows->n_held)
        PQclear(rows->held[rows->next_held++]);
    mem_free(rows->held);
    rows->held = NULL;
    rows->n_held = rows->next_held = rows->held_room = 0;
    rows->held_bytes = 0;
}

/* Of those that were kept back, if any. */
static void show_next(struct op_rows *rows)
{
    PGresult *next = rows->next_held < rows->n_held ? rows->held[rows->next_held] : NULL;

    rows->next_held += next != NULL;
    if (next)
        show(rows, next, pq_is_row_part(PQresultStatus(next)));
    else if (rows->held)
        drop_held(rows);
}

/* What was kept back is delivered now, as this statement's, which has no other behind it. */
static void end_statement(struct op_rows *rows, PGresult *result)
{
    replace(&rows->last, result);
    rows->base.suspect = false;
    if (rows->held)
        show_next(rows);
    else
        rows->statement++;
}

/* Room for one more, and for another that may have to come behind it; false: there is no memory. */
static bool grow(struct op_rows *rows)
{
    int room = rows->held_room ? 2 * rows->held_room : 8;
    PGresult **held;

    if (rows->n_held + 1 < rows->held_room)
        return true;
    held = mem_alloc((size_t)room * sizeof(*held));
    if (!held)
        return false;
    if (rows->n_held > 0)
        memcpy(held, rows->held, (size_t)rows->n_held * sizeof(*held));
    mem_free(rows->held);
    rows->held = held;
    rows->held_room = room;
    return true;
}

/* Keeps a suspect's rows back, until they are too many, or all. False: it is none any more, and
 * nothing was kept. */
static bool hold(struct op_rows *rows, PGresult *result, bool part)
{
    bool roomy = rows->n_rows == 0 && grow(rows);
    bool kept = rows->n_rows == 0 && rows->n_held < rows->held_room;

    if (kept) {
        rows->held[rows->n_held++] = result;
        rows->held_bytes += PQresultMemorySize(result);
    }
    if (roomy && part && rows->held_bytes <= MOST_HELD)
        return true;
    rows->base.suspect = false;
    if (kept)
        show_next(rows);
    return kept;
}

/* Rows that came as parts, or as a whole because libpq could not stream them or was not asked to.
 * Those that nobody wants end here. */
static void take_rows(struct op_rows *rows, PGresult *result, bool part)
{
    int count = PQntuples(result);

    if (!rows->on_row)
        rows->n_rows += (uint64_t)count;
    else if (rows->muted && count > 0)
        rows->dropped = true;
    if (rows->on_row && !rows->muted && count > 0) {
        if (!rows->base.suspect || !hold(rows, result, part))
            show(rows, result, part);
    } else if (part) {
        PQclear(result);
    } else {
        end_statement(rows, result);
    }
}

void op_rows_reset(struct op_rows *rows)
{
    drop_held(rows);
    replace(&rows->last, NULL);
    replace(&rows->failed, NULL);
    rows->statement = 0;
    rows->n_rows = 0;
    rows->committed = rows->rolled_back = false;
    *rows->tag = '\0';
}

/* In a block of the user's it may be his own wish; of a transaction's, tx_db.c knows that. */
static void note_role(const struct op_rows *rows, const char *sqlstate)
{
    struct conn *conn = rows->base.conn;

    if (sqlstate && !conn->in_transaction && !rows->base.in_block &&
        role_is_denied(conn->role, sqlstate))
        conn->role_denied = true;
}

/* Of several errors the first is what went wrong: behind it all is skipped. Rows that were kept
 * back are as good as any, unless it is to be sent again. */
static void note_failure(struct op_rows *rows, PGresult *result)
{
    if (rows->failed && PQresultStatus(result) == PGRES_PIPELINE_ABORTED) {
        PQclear(result);
        return;
    }
    if (pq_is_stopped(result))
        cancel_request_note_hit(&rows->base);
    else if (rows->held)
        show_next(rows);
    replace(&rows->failed, result);
    note_role(rows, PQresultErrorField(result, PG_DIAG_SQLSTATE));
    rows->failed_in = req_phase(&rows->base, false);
}

/* What is no rows. */
static bool take_other(struct op_rows *rows, PGresult *result, ExecStatusType status)
{
    if (status == PGRES_FATAL_ERROR || status == PGRES_PIPELINE_ABORTED) {
        note_failure(rows, result);
        return true;
    }
    if (status == PGRES_COMMAND_OK || status == PGRES_EMPTY_QUERY) {
        end_statement(rows, result);
        return true;
    }
    PQclear(result);
    return false;
}

/* Rows that no tag has come with have had no end: libpq takes other messages for it. */
bool op_rows_result(struct evpg_request *request, PGresult *result, ExecStatusType status)
{
    struct op_rows *rows = op_rows_of(request);
    const char *tag = PQcmdStatus(result);
    bool part = pq_is_row_part(status);

    if (*tag)
        note_tag(rows, tag);
    if (!part && (status != PGRES_TUPLES_OK || !(*rows->tag || request->off_pipeline)))
        return take_other(rows, result, status);
    take_rows(rows, result, part);
    return true;
}

/* After the last row of a whole result, which also describes the columns. */
static void end_rows(struct op_rows *rows)
{
    rows->base.has_rows = false;
    if (rows->more)
        PQclear(rows->rows);
    else
        end_statement(rows, rows->rows);
    rows->rows = NULL;
    if (rows->held)
        show_next(rows);
}

void op_rows_discard(struct evpg_request *request, enum evpg_code code)
{
    struct op_rows *rows = op_rows_of(request);

    rows->dropped = rows->dropped || rows->next_held < rows->n_held ||
                    (rows->rows && rows->next_row < rows->row_count);
    rows->muted = true;
    rows->discarded = code;
}

/* on_row stays: it tells whether rows stream; it is not called for one that is muted. */
void op_rows_abandon(struct evpg_request *request)
{
    struct op_rows *rows = op_rows_of(request);

    rows->muted = true;
    rows->on_done = NULL;
}

/* False: there is no pause, for nobody wants the rest: it is thrown away. */
static bool pause(struct op_rows *rows)
{
    struct conn *conn = rows->base.conn;
    bool closing = conn_is_closing(conn);

    if (!closing && !rows->base.canceled) {
        io_pause(conn, &rows->base);
        return true;
    }
    op_rows_discard(&rows->base, closing ? EVPG_E_CLOSED : EVPG_E_CANCELED);
    return false;
}

/* False: no more rows now, and the request may be no more. */
static bool deliver_row(struct op_rows *rows, const struct evpg_row *row)
{
    struct conn *conn = rows->base.conn;
    enum evpg_flow flow;

    row_set_reset(row->set, &rows->base);
    rows->n_rows++;
    rows->base.resumed = false;
    flow = rows->on_row(row, rows->arg);
    if (conn->dying)
        return false;
    if (flow == EVPG_NEXT) {
        rows->muted = rows->muted || rows->base.abandoned;
        return true;
    }
    if (flow == EVPG_PAUSE && !rows->base.resumed && !rows->base.abandoned)
        return !pause(rows);
    rows->muted = flow != EVPG_PAUSE || rows->base.abandoned;
    rows->stopped = flow == EVPG_STOP;
    if (rows->base.group && rows->muted && !rows->stopped)
        rows->row_failed = evpg_error_copy(row->set->failed);
    if (rows->stopped && rows->base.flags & EVPG_READ_ONLY && !conn->in_transaction &&
        !rows->shares && !rows->base.group)
        cancel_request_want(conn, &rows->base);
    return true;
}

void op_rows_deliver(struct evpg_request *request, struct budget *budget)
{
    struct op_rows *rows = op_rows_of(request);
    struct evpg_row row = row_of(&request->conn->row_set, rows->rows, 0, rows->statement);

    while (!rows->muted && rows->next_row < rows->row_count) {
        if (!budget_take(budget))
            return;
        row.index = rows->next_row++;
        if (!deliver_row(rows, &row))
            return;
    }
    end_rows(rows);
}

/* What the statement has done when the server reports an error: it may have committed before it
 * came to that. */
static enum evpg_fate fate_of_failed(const struct op_rows *rows)
{
    bool maybe = rows->word == SQLWORD_ALONE || rows->committed;

    return maybe ? EVPG_FATE_UNKNOWN : EVPG_FATE_NOT_EXECUTED;
}

/* It was to be stopped, and had no more to do. */
static bool is_well_stopped(const struct op_rows *rows)
{
    return rows->stopped && rows->base.hit && rows->base.flags & EVPG_READ_ONLY && !rows->shares;
}

/* In the server's words. */
static void set_ignored(struct evpg_error *error)
{
    static const char state[] = "25P02", message[] = "current transaction is aborted, commands "
                                                     "ignored until end of transaction block";

    err_set(error, EVPG_E_SERVER, EVPG_FATE_NOT_EXECUTED, "ERROR %s: %s", state, message);
    err_set_sqlstate(error, state);
    error->field[EVPG_FIELD_SEVERITY] = "ERROR";
    error->field[EVPG_FIELD_SQLSTATE] = state;
    error->field[EVPG_FIELD_MESSAGE] = message;
}

bool op_rows_judge(const struct op_rows *rows, struct evpg_error *error)
{
    const struct evpg_error *row_error =
        rows->base.group ? rows->row_failed : rows->base.conn->row_set.failed;
    bool canceled = rows->base.canceled && rows->base.hit;

    if (rows->failed && is_well_stopped(rows))
        return false;

    if (rows->failed && PQresultStatus(rows->failed) == PGRES_PIPELINE_ABORTED)
        err_set(error, EVPG_E_ABORTED, EVPG_FATE_NOT_EXECUTED, "skipped after an earlier error");
    else if (rows->failed && rows->ignored)
        set_ignored(error);
    else if (rows->failed && rows->base.struck)
        cancel_request_explain(error);
    else if (rows->failed)
        pq_set_error(error, canceled ? EVPG_E_CANCELED : EVPG_E_SERVER, fate_of_failed(rows),
                     rows->failed);
    else if (rows->rolled_back)
        err_set(error, EVPG_E_ROLLED_BACK, EVPG_FATE_NOT_EXECUTED,
                "the transaction had failed: it was rolled back, not committed");
    else if (rows->discarded && rows->dropped)
        err_set(error, rows->discarded, EVPG_FATE_EXECUTED,
                "closed or canceled before all rows were delivered");
    else if (rows->discarded)
        return false;
    else if (rows->muted && !rows->stopped && row_error)
        *error = *row_error;
    else if (rows->muted && !rows->stopped)
        err_set(error, EVPG_E_VALUE, EVPG_FATE_EXECUTED, "refused by the row callback");
    else
        return false;
    error->phase = rows->failed ? rows->failed_in : EVPG_PHASE_SETTLING;
    return true;
}

/* A row of this request that is still borrowed, because it is freed by its own row callback, must
 * not lead back to it. */
static void call_done(struct op_rows *rows, struct evpg_result *result)
{
    struct row_set *set = result->set;
    evpg_done_cb on_done = rows->on_done;

    rows->on_done = NULL; /* when its time is up, it is called before the answer is there */
    if (result->kept)
        row_set_reset(set, &rows->base);
    if (on_done)
        on_done(result, rows->arg);
    if (result->kept)
        row_set_reset(set, NULL);
    else if (set->request == &rows->base)
        set->request = NULL;
}

static bool has_learnt(struct op_rows *rows, struct evpg_error *error)
{
    if (!rows->learn || rows->learn(rows, error))
        return true;
    error->phase = EVPG_PHASE_SETTLING;
    return false;
}

void op_rows_finish(struct evpg_request *request, struct evpg_error *cut)
{
    struct op_rows *rows = op_rows_of(request);
    struct evpg_error judged;
    struct evpg_result result = {
        .request = request,
        .db = request->db,
        .error = cut,
        .last = rows->last,
        .tag = rows->tag,
        .rows = rows->n_rows,
        .stopped = rows->stopped,
        .set = &request->conn->row_set,
    };

    if (!cut && (op_rows_judge(rows, &judged) || !has_learnt(rows, &judged)))
        result.error = cut = &judged;
    if (cut)
        req_describe(request, rows->sql, cut);
    result.kept = !cut && !rows->on_row && !request->off_pipeline && rows->last;
    if (!rows->on_row && cut)
        result.rows = 0;
    if (request->db->stats && !rows->counted)
        request->db->stats->all.rows += result.rows;
    rows->counted = true;
    db_note_done(request, cut);
    call_done(rows, &result);
}

static void clear(struct op_rows *rows)
{
    drop_held(rows);
    PQclear(rows->rows);
    PQclear(rows->last);
    PQclear(rows->failed);
    evpg_error_free(rows->row_failed);
}

void op_rows_clear(struct op_rows *rows)
{
    clear(rows);
    rows->rows = rows->last = rows->failed = NULL;
    rows->row_failed = NULL;
}

void op_rows_release(struct evpg_request *request)
{
    clear(op_rows_of(request));
    mem_free(request);
}
