/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * op_query: evpg_query, one statement by the extended protocol.
 *
 * Called by the application; driven by the pipeline through its req_ops. Invariants: a query is one
 * block of memory, made when it is submitted, so that completing it cannot fail for want of memory;
 * while its row callback runs, the query may be completed, but neither it nor its rows are freed
 * before the callback is back (conn.c's graveyard).
 */
#include "conn.h"
#include "io.h"
#include "mem.h"
#include "params.h"
#include "result.h"
#include "sqlword.h"

#include <evpg/query.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define TAG_SIZE 64 /* COMPLETION_TAG_BUFSIZE of the server */

struct query {
    struct evpg_request base;
    evpg_row_cb on_row;
    evpg_done_cb on_done;
    void *arg;
    struct params params;
    const char *sql;
    PGresult *rows;   /* that are being delivered */
    int next_row;     /* in them */
    PGresult *last;   /* the final one: columns, and rows if they are kept */
    PGresult *failed; /* the server's error */
    uint64_t n_rows, affected;
    enum evpg_phase failed_in;
    bool muted;               /* no more rows are wanted */
    bool stopped;             /* by EVPG_STOP; else muted is by EVPG_FAIL */
    enum evpg_code discarded; /* or by close or cancel while the rows were paused; 0: not */
    enum sqlword word;
    char tag[TAG_SIZE];
    max_align_t memory[]; /* parameters, SQL */
};

static struct query *query_of(const struct evpg_request *request)
{
    return (struct query *)request;
}

static bool query_send(struct evpg_request *request, PGconn *pg)
{
    const struct query *query = query_of(request);
    const struct params *params = &query->params;

    return PQsendQueryParams(pg, query->sql, params->count, params->types, params->values,
                             params->lengths, params->formats, 0) == 1;
}

static bool query_streams(const struct evpg_request *request)
{
    return query_of(request)->on_row;
}

static void replace(PGresult **slot, PGresult *result)
{
    PQclear(*slot);
    *slot = result;
}

/* With chunks the tag may come with the last of them, and the end has none. */
static void note_tag(struct query *query, PGresult *result)
{
    const char *tag = PQcmdStatus(result);

    if (!*tag)
        return;
    strncpy(query->tag, tag, TAG_SIZE - 1);
    query->affected = strtoull(PQcmdTuples(result), NULL, 10);
}

/* Rows that came as parts, or as a whole because libpq could not stream them. */
static void take_rows(struct query *query, PGresult *result)
{
    if (query->muted || PQntuples(result) == 0)
        return;
    replace(&query->rows, result);
    query->next_row = 0;
    query->base.has_rows = true;
}

static bool query_result(struct evpg_request *request, PGresult *result)
{
    struct query *query = query_of(request);

    note_tag(query, result);
    switch (PQresultStatus(result)) {
    case PGRES_COMMAND_OK:
    case PGRES_EMPTY_QUERY:
        replace(&query->last, result);
        return true;
    case PGRES_TUPLES_OK:
        if (query->on_row)
            take_rows(query, result);
        else
            query->n_rows = (uint64_t)PQntuples(result);
        if (query->rows != result)
            replace(&query->last, result);
        return true;
    case PGRES_FATAL_ERROR:
    case PGRES_PIPELINE_ABORTED:
        replace(&query->failed, result);
        query->failed_in = req_phase(request, false);
        return true;
    default:
        if (pq_is_row_part(PQresultStatus(result))) {
            take_rows(query, result);
            if (query->rows != result)
                PQclear(result);
            return true;
        }
        PQclear(result);
        return false;
    }
}

/* After the last row of a whole result, which also describes the columns. */
static void end_rows(struct query *query)
{
    query->base.has_rows = false;
    if (PQresultStatus(query->rows) == PGRES_TUPLES_OK)
        replace(&query->last, query->rows);
    else
        PQclear(query->rows);
    query->rows = NULL;
}

static void query_discard(struct evpg_request *request, enum evpg_code code)
{
    struct query *query = query_of(request);

    query->muted = true;
    query->discarded = code;
}

/* on_row stays: it tells whether rows stream; it is not called for one that is muted. */
static void query_abandon(struct evpg_request *request)
{
    struct query *query = query_of(request);

    query->muted = true;
    query->on_done = NULL;
}

/* False: there is no pause, for nobody wants the rest: it is thrown away. */
static bool pause(struct query *query)
{
    struct conn *conn = query->base.conn;

    if (!conn->closing && !query->base.canceled) {
        io_pause(conn, &query->base);
        return true;
    }
    query_discard(&query->base, conn->closing ? EVPG_E_CLOSED : EVPG_E_CANCELED);
    return false;
}

/* False: no more rows now, and the query may be no more. */
static bool deliver_row(struct query *query, struct row_set *set)
{
    struct evpg_row row = {set, query->rows, query->next_row++};
    struct conn *conn = query->base.conn;
    enum evpg_flow flow;

    row_set_reset(set, &query->base);
    query->n_rows++;
    query->base.resumed = false;
    flow = query->on_row(&row, query->arg);
    if (conn->dying)
        return false;
    if (flow == EVPG_PAUSE && !query->base.resumed && !query->base.abandoned)
        return !pause(query);
    query->muted = (flow != EVPG_NEXT && flow != EVPG_PAUSE) || query->base.abandoned;
    query->stopped = flow == EVPG_STOP;
    return true;
}

static void query_deliver(struct evpg_request *request, struct budget *budget)
{
    struct query *query = query_of(request);
    struct row_set *set = &request->conn->row_set;

    while (!query->muted && query->next_row < PQntuples(query->rows)) {
        if (!budget_take(budget))
            return;
        if (!deliver_row(query, set))
            return;
    }
    end_rows(query);
}

/* What the statement has done when the server reports an error: it may have committed before it
 * came to that. */
static enum evpg_fate fate_of_failed(const struct query *query)
{
    return query->word == SQLWORD_ALONE ? EVPG_FATE_UNKNOWN : EVPG_FATE_NOT_EXECUTED;
}

/* What the server's answer, and the row callback's, amount to. False: success. */
static bool judge(const struct query *query, struct evpg_error *error)
{
    const struct evpg_error *row_error = query->base.conn->row_set.failed;

    if (query->failed && PQresultStatus(query->failed) == PGRES_PIPELINE_ABORTED)
        err_set(error, EVPG_E_ABORTED, EVPG_FATE_NOT_EXECUTED, "skipped after an earlier error");
    else if (query->failed)
        pq_set_error(error, EVPG_E_SERVER, fate_of_failed(query), query->failed);
    else if (query->word == SQLWORD_COMMIT && strcmp(query->tag, "ROLLBACK") == 0)
        err_set(error, EVPG_E_ROLLED_BACK, EVPG_FATE_NOT_EXECUTED,
                "the transaction had failed: it was rolled back, not committed");
    else if (query->discarded)
        err_set(error, query->discarded, EVPG_FATE_EXECUTED,
                "closed or canceled while the rows were paused");
    else if (query->muted && !query->stopped && row_error)
        *error = *row_error;
    else if (query->muted && !query->stopped)
        err_set(error, EVPG_E_VALUE, EVPG_FATE_EXECUTED, "refused by the row callback");
    else
        return false;
    error->phase = query->failed ? query->failed_in : EVPG_PHASE_SETTLING;
    return true;
}

/* A row of this query that is still borrowed, because it is freed by its own row callback, must not
 * lead back to it. */
static void call_done(struct query *query, struct evpg_result *result)
{
    struct row_set *set = result->set;

    if (result->kept)
        row_set_reset(set, &query->base);
    if (query->on_done)
        query->on_done(result, query->arg);
    if (result->kept)
        row_set_reset(set, NULL);
    else if (set->request == &query->base)
        set->request = NULL;
}

static void query_finish(struct evpg_request *request, struct evpg_error *cut)
{
    struct query *query = query_of(request);
    struct evpg_error judged;
    struct evpg_result result = {
        .request = request,
        .db = request->db,
        .error = cut,
        .last = query->last,
        .tag = query->tag,
        .rows = query->n_rows,
        .affected = query->affected,
        .stopped = query->stopped,
        .set = &request->conn->row_set,
    };

    if (!cut && judge(query, &judged))
        result.error = cut = &judged;
    if (cut)
        cut->query = query->sql;
    result.kept = !cut && !query->on_row && query->last;
    if (!query->on_row && !result.kept)
        result.rows = 0;
    call_done(query, &result);
}

static void query_release(struct evpg_request *request)
{
    struct query *query = query_of(request);

    PQclear(query->rows);
    PQclear(query->last);
    PQclear(query->failed);
    mem_free(query);
}

static const struct req_ops query_ops = {
    .send = query_send,
    .streams = query_streams,
    .result = query_result,
    .deliver = query_deliver,
    .discard = query_discard,
    .abandon = query_abandon,
    .finish = query_finish,
    .release = query_release,
};

/* Whether it can be sent at all; if not, errno says so and the log hook why. */
static bool check(struct evpg_db *db, const char *sql, const struct evpg_param *params,
                  size_t n_params)
{
    char why[128];

    if (!db || !sql) {
        db_refuse(db, EINVAL, "the statement is NULL");
        return false;
    }
    if (strlen(sql) > PARAMS_MAX_BYTES) {
        db_refuse(db, EINVAL, "the statement is longer than one may be");
        return false;
    }
    if (sqlword_of(sql) == SQLWORD_COPY) {
        db_refuse(db, EINVAL, "COPY cannot be run as a query");
        return false;
    }
    if (!params_check(params, n_params, why, sizeof(why))) {
        db_refuse(db, EINVAL, "%s", why);
        return false;
    }
    if (strlen(sql) + params_size(params, n_params) > PARAMS_MAX_BYTES) {
        db_refuse(db, EINVAL, "the statement is, with its parameters, longer than one may be");
        return false;
    }
    return true;
}

static struct query *make(const char *sql, const struct evpg_param *params, size_t n_params)
{
    size_t sql_size = strlen(sql) + 1;
    size_t params_bytes = params_size(params, n_params);
    size_t size = sizeof(struct query) + params_bytes + sql_size;
    struct query *query = mem_alloc(size);
    char *end;

    if (!query)
        return NULL;
    params_copy(&query->params, params, n_params, query->memory);
    end = (char *)query->memory + params_bytes;
    query->sql = memcpy(end, sql, sql_size);
    query->base.ops = &query_ops;
    query->base.size = size;
    query->word = sqlword_of(sql);
    query->base.alone = query->word != SQLWORD_PLAIN;
    return query;
}

struct evpg_request *evpg_query(struct evpg_db *db, const char *sql,
                                const struct evpg_param *params, size_t n_params,
                                evpg_row_cb on_row, evpg_done_cb on_done, void *arg)
{
    struct query *query;
    int refusal;

    if (!check(db, sql, params, n_params))
        return NULL;
    query = make(sql, params, n_params);
    if (!query)
        return NULL;
    query->base.db = db;
    query->on_row = on_row;
    query->on_done = on_done;
    query->arg = arg;
    refusal = db->ops->submit(db, &query->base);
    if (refusal == 0)
        return &query->base;
    mem_free(query);
    errno = refusal;
    return NULL;
}
