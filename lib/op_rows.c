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

#include "io.h"
#include "mem.h"
#include "params.h"

#include <errno.h>
#include <string.h>

static void replace(PGresult **slot, PGresult *result)
{
    PQclear(*slot);
    *slot = result;
}

/* With chunks the tag may come with the last of them, and the end has none. */
static void note_tag(struct op_rows *rows, PGresult *result)
{
    const char *tag = PQcmdStatus(result);
    size_t length = strlen(tag);

    if (length == 0)
        return;
    length = length < OP_ROWS_TAG_SIZE - 1 ? length : OP_ROWS_TAG_SIZE - 1;
    memcpy(rows->tag, tag, length);
    rows->tag[length] = '\0';
    if (*tag == 'D' && (strcmp(tag, "DISCARD ALL") == 0 || strcmp(tag, "DEALLOCATE ALL") == 0))
        stmt_cache_clear(&rows->base.conn->statements);
    if (*tag != 'C' && *tag != 'P' && *tag != 'R')
        return;
    if (strcmp(tag, "COMMIT") == 0 || strcmp(tag, "PREPARE TRANSACTION") == 0)
        rows->committed = true;
    if (strcmp(tag, "ROLLBACK") == 0 && rows->statement == 0 && rows->word == SQLWORD_COMMIT)
        rows->rolled_back = true;
}

static void end_statement(struct op_rows *rows, PGresult *result)
{
    replace(&rows->last, result);
    rows->statement++;
}

/* Rows that came as parts, or as a whole because libpq could not stream them or was not asked to.
 * Those that nobody wants end here. */
static void take_rows(struct op_rows *rows, PGresult *result)
{
    bool part = pq_is_row_part(PQresultStatus(result));

    if (!rows->on_row)
        rows->n_rows += (uint64_t)PQntuples(result);
    if (rows->on_row && !rows->muted && PQntuples(result) > 0) {
        replace(&rows->rows, result);
        rows->next_row = 0;
        rows->base.has_rows = true;
    } else if (part) {
        PQclear(result);
    } else {
        end_statement(rows, result);
    }
}

void op_rows_reset(struct op_rows *rows)
{
    replace(&rows->last, NULL);
    replace(&rows->failed, NULL);
    rows->statement = 0;
    rows->committed = rows->rolled_back = false;
    *rows->tag = '\0';
}

/* Of several errors the first is what went wrong: behind it all is skipped. */
static void note_failure(struct op_rows *rows, PGresult *result)
{
    if (rows->failed && PQresultStatus(result) == PGRES_PIPELINE_ABORTED) {
        PQclear(result);
        return;
    }
    replace(&rows->failed, result);
    rows->failed_in = req_phase(&rows->base, false);
}

bool op_rows_result(struct evpg_request *request, PGresult *result)
{
    struct op_rows *rows = op_rows_of(request);
    ExecStatusType status = PQresultStatus(result);

    note_tag(rows, result);
    if (status == PGRES_FATAL_ERROR || status == PGRES_PIPELINE_ABORTED) {
        note_failure(rows, result);
        return true;
    }
    if (status == PGRES_TUPLES_OK || pq_is_row_part(status)) {
        take_rows(rows, result);
        return true;
    }
    if (status == PGRES_COMMAND_OK || status == PGRES_EMPTY_QUERY) {
        end_statement(rows, result);
        return true;
    }
    PQclear(result);
    return false;
}

/* After the last row of a whole result, which also describes the columns. */
static void end_rows(struct op_rows *rows)
{
    rows->base.has_rows = false;
    if (PQresultStatus(rows->rows) == PGRES_TUPLES_OK)
        end_statement(rows, rows->rows);
    else
        PQclear(rows->rows);
    rows->rows = NULL;
}

void op_rows_discard(struct evpg_request *request, enum evpg_code code)
{
    struct op_rows *rows = op_rows_of(request);

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

    if (!conn->closing && !rows->base.canceled) {
        io_pause(conn, &rows->base);
        return true;
    }
    op_rows_discard(&rows->base, conn->closing ? EVPG_E_CLOSED : EVPG_E_CANCELED);
    return false;
}

/* False: no more rows now, and the request may be no more. */
static bool deliver_row(struct op_rows *rows, struct row_set *set)
{
    struct evpg_row row = row_of(set, rows->rows, rows->next_row++, rows->statement);
    struct conn *conn = rows->base.conn;
    enum evpg_flow flow;

    row_set_reset(set, &rows->base);
    rows->n_rows++;
    rows->base.resumed = false;
    flow = rows->on_row(&row, rows->arg);
    if (conn->dying)
        return false;
    if (flow == EVPG_PAUSE && !rows->base.resumed && !rows->base.abandoned)
        return !pause(rows);
    rows->muted = (flow != EVPG_NEXT && flow != EVPG_PAUSE) || rows->base.abandoned;
    rows->stopped = flow == EVPG_STOP;
    return true;
}

void op_rows_deliver(struct evpg_request *request, struct budget *budget)
{
    struct op_rows *rows = op_rows_of(request);
    struct row_set *set = &request->conn->row_set;

    while (!rows->muted && rows->next_row < PQntuples(rows->rows)) {
        if (!budget_take(budget))
            return;
        if (!deliver_row(rows, set))
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

/* What the server's answer, and the row callback's, amount to. False: success. */
static bool judge(const struct op_rows *rows, struct evpg_error *error)
{
    const struct evpg_error *row_error = rows->base.conn->row_set.failed;

    if (rows->failed && PQresultStatus(rows->failed) == PGRES_PIPELINE_ABORTED)
        err_set(error, EVPG_E_ABORTED, EVPG_FATE_NOT_EXECUTED, "skipped after an earlier error");
    else if (rows->failed)
        pq_set_error(error, EVPG_E_SERVER, fate_of_failed(rows), rows->failed);
    else if (rows->rolled_back)
        err_set(error, EVPG_E_ROLLED_BACK, EVPG_FATE_NOT_EXECUTED,
                "the transaction had failed: it was rolled back, not committed");
    else if (rows->discarded)
        err_set(error, rows->discarded, EVPG_FATE_EXECUTED,
                "closed or canceled while the rows were paused");
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

    if (result->kept)
        row_set_reset(set, &rows->base);
    if (rows->on_done)
        rows->on_done(result, rows->arg);
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

    if (!cut && (judge(rows, &judged) || !has_learnt(rows, &judged)))
        result.error = cut = &judged;
    if (cut)
        req_describe(request, rows->sql, cut);
    result.kept = !cut && !rows->on_row && !request->off_pipeline && rows->last;
    if (!rows->on_row && cut)
        result.rows = 0;
    call_done(rows, &result);
}

void op_rows_release(struct evpg_request *request)
{
    struct op_rows *rows = op_rows_of(request);

    PQclear(rows->rows);
    PQclear(rows->last);
    PQclear(rows->failed);
    mem_free(rows);
}

bool op_rows_check(struct evpg_db *db, const char *sql, size_t *length, enum sqlword *word)
{
    if (!db || !sql)
        return !db_refuse(db, EINVAL, "the statement is NULL");
    *length = strlen(sql);
    if (*length > PARAMS_MAX_BYTES)
        return !db_refuse(db, EINVAL, "the statement is longer than one may be");
    *word = sqlword_of(sql);
    if (*word == SQLWORD_COPY)
        return !db_refuse(db, EINVAL, "COPY cannot be run as a query");
    return true;
}

struct evpg_request *op_rows_submit(struct op_rows *rows, struct evpg_db *db, evpg_row_cb on_row,
                                    evpg_done_cb on_done, void *arg)
{
    int refusal;

    rows->base.db = db;
    rows->base.pins = sqlword_pins(rows->word);
    rows->on_row = on_row;
    rows->on_done = on_done;
    rows->arg = arg;
    refusal = db->ops->submit(db, &rows->base);
    if (refusal == 0)
        return &rows->base;
    mem_free(rows);
    errno = refusal;
    return NULL;
}
