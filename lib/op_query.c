/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * op_query: evpg_query and evpg_prepare, one statement by the extended protocol.
 *
 * Called by the application; driven by the pipeline through its req_ops, of which op_rows.c has
 * most. Invariants: a query is one block of memory, made when it is submitted. What the server
 * plans is prepared when it is first sent, with its execution behind it in the same Sync group, so
 * that neither costs a trip of its own; where the prepared statement turns out to be missing or out
 * of date, and nothing has come of it, it is sent once more, unprepared.
 */
#include "op_query.h"

#include "mem.h"
#include "op_submit.h"
#include "params.h"

#include <evpg/query.h>
#include <evpg/request.h>

#include <errno.h>
#include <string.h>

/* How many that nobody wants any more are dropped along with one. */
#define MOST_CLOSES 2

struct query {
    struct op_rows rows;
    struct params params;
    struct stmt_key key;  /* hash 0: it cannot be prepared */
    bool planned;         /* prepared without having been asked for */
    bool describe;        /* evpg_prepare: not run, but described */
    struct stmt *stmt;    /* by which it was sent, or NULL */
    int n_closes;         /* whose answers are to come */
    bool stale;           /* it failed because of its prepared statement */
    max_align_t memory[]; /* parameters, SQL */
};

static bool send_unprepared(struct query *query, PGconn *pg)
{
    const struct params *params = &query->params;

    if (query->describe) {
        query->rows.base.preludes++;
        return PQsendPrepare(pg, "", query->rows.sql, params->count, params->types) == 1 &&
               PQsendDescribePrepared(pg, "") == 1;
    }
    return PQsendQueryParams(pg, query->rows.sql, params->count, params->types, params->values,
                             params->lengths, params->formats,
                             query->rows.base.flags & EVPG_BINARY ? 1 : 0) == 1;
}

static bool send_prepared(const struct query *query, PGconn *pg)
{
    const struct params *params = &query->params;

    if (query->describe)
        return PQsendDescribePrepared(pg, stmt_name(query->stmt)) == 1;
    return PQsendQueryPrepared(pg, stmt_name(query->stmt), params->count, params->values,
                               params->lengths, params->formats,
                               query->rows.base.flags & EVPG_BINARY ? 1 : 0) == 1;
}

/* Not within a transaction, which one that is missing would end; and only before what the server
 * plans, since there are others, such as CREATE TABLESPACE, before which nothing may have run. */
static bool send_closes(struct query *query, PGconn *pg)
{
    struct conn *conn = query->rows.base.conn;
    bool may = query->planned && !conn->in_transaction && !query->rows.base.in_block;
    char name[STMT_NAME_SIZE];

    while (may && query->n_closes < MOST_CLOSES && stmt_take_evicted(&conn->statements, name)) {
        if (!pq_send_close(pg, name))
            return false;
        query->n_closes++;
        query->rows.base.preludes++;
    }
    return true;
}

static bool send_prepare(struct query *query, PGconn *pg)
{
    query->rows.base.preludes++;
    return PQsendPrepare(pg, stmt_name(query->stmt), query->rows.sql, query->params.count,
                         query->params.types) == 1;
}

static bool send_first_time(struct query *query, PGconn *pg)
{
    query->stmt = stmt_add(&query->rows.base.conn->statements, &query->key);
    if (!query->stmt)
        return send_unprepared(query, pg);
    return send_prepare(query, pg) && send_prepared(query, pg);
}

/* It is looked up first: one that is wanted again is not dropped. */
static bool query_send(struct evpg_request *request, PGconn *pg)
{
    struct query *query = (struct query *)request;

    request->preludes = 0;
    query->n_closes = 0;
    if (query->key.hash == 0 || request->renewed || request->flags & EVPG_UNPREPARED)
        return send_unprepared(query, pg);
    query->stmt = stmt_find(&request->conn->statements, &query->key);
    if (!send_closes(query, pg))
        return false;
    if (query->stmt)
        return send_prepared(query, pg);
    return query->planned ? send_first_time(query, pg) : send_unprepared(query, pg);
}

/* Of one that was to be dropped: if it was not there, all behind it is skipped. */
static void take_closed(struct query *query, PGresult *result)
{
    query->n_closes--;
    if (PQresultStatus(result) == PGRES_COMMAND_OK) {
        PQclear(result);
        return;
    }
    query->stale = true;
    op_rows_result(&query->rows.base, result);
}

static void take_prepared(struct query *query, PGresult *result)
{
    struct stmt_cache *cache = &query->rows.base.conn->statements;

    if (PQresultStatus(result) == PGRES_COMMAND_OK) {
        PQclear(result);
        return;
    }
    if (!query->stmt) {
        op_rows_result(&query->rows.base, result);
        return;
    }
    query->stale = query->stale || pq_is_prepared_already(result);
    if (!pq_is_prepared_already(result))
        stmt_forget(cache, query->stmt);
    op_rows_result(&query->rows.base, result);
}

static void query_prelude(struct evpg_request *request, PGresult *result)
{
    struct query *query = (struct query *)request;

    if (query->n_closes > 0)
        take_closed(query, result);
    else
        take_prepared(query, result);
}

/* In a transaction block that has failed the server misses a statement before it sees that it is to
 * ignore it: it is missing because its preparation, on the wire before, was ignored or has failed.
 */
static void note_staleness(struct query *query, const PGresult *error)
{
    struct conn *conn = query->rows.base.conn;
    struct stmt_cache *cache = &conn->statements;
    enum pq_stale how = pq_staleness(error, stmt_name(query->stmt));

    if (how == PQ_MISSING)
        query->rows.ignored = !stmt_forget(cache, query->stmt) && conn->in_transaction;
    else if (how == PQ_OUTDATED)
        stmt_retire(cache, query->stmt);
    query->stale = how != PQ_FRESH;
}

static bool query_result(struct evpg_request *request, PGresult *result)
{
    struct query *query = (struct query *)request;

    if (query->stmt && PQresultStatus(result) == PGRES_FATAL_ERROR)
        note_staleness(query, result);
    return op_rows_result(request, result);
}

/* Of those on the wire; a member of a group, with that. */
static bool is_last_sent(const struct evpg_request *request)
{
    const struct evpg_request *last = TAILQ_LAST(&request->conn->sent, req_list);

    return !last || last == request->group;
}

static void release_stmt(struct query *query)
{
    if (query->stmt)
        stmt_release(query->stmt);
    query->stmt = NULL;
}

/* By a cancel request that was meant for another; and nothing has been done that should have come
 * after it. */
static bool is_hit_by_mistake(const struct evpg_request *request)
{
    return request->suspect && request->hit && (request->unordered || is_last_sent(request));
}

static bool query_stale(const struct evpg_request *request)
{
    return ((const struct query *)request)->stale || is_hit_by_mistake(request);
}

/* Rows that are kept for done have not been seen. */
static bool query_unseen(const struct evpg_request *request)
{
    const struct op_rows *rows = op_rows_of(request);

    return (rows->n_rows == 0 || !rows->on_row) && !request->renewed && !request->abandoned &&
           !request->canceled;
}

static void query_reset(struct evpg_request *request)
{
    struct query *query = (struct query *)request;

    request->alone = request->alone || is_hit_by_mistake(request);
    query->stale = request->suspect = request->hit = false;
    release_stmt(query);
    op_rows_reset(&query->rows);
}

static bool query_streams(const struct evpg_request *request)
{
    return op_rows_of(request)->on_row;
}

static void query_release(struct evpg_request *request)
{
    release_stmt((struct query *)request);
    op_rows_release(request);
}

static const struct req_ops query_ops = {
    .send = query_send,
    .streams = query_streams,
    .result = query_result,
    .prelude = query_prelude,
    .stale = query_stale,
    .unseen = query_unseen,
    .reset = query_reset,
    .deliver = op_rows_deliver,
    .discard = op_rows_discard,
    .abandon = op_rows_abandon,
    .finish = op_rows_finish,
    .release = query_release,
};

/* What is found out about one before it is made. */
struct measures {
    size_t sql_length, params_bytes;
    enum sqlword word;
};

/* Whether it can be sent at all; if not, errno says so and the log hook why. */
static bool check(struct evpg_db *db, const char *sql, const struct evpg_param *params,
                  size_t n_params, struct measures *of)
{
    char why[256];

    if (!op_submit_check(db, sql, &of->sql_length, &of->word))
        return false;
    if (!params_check(params, n_params, why, sizeof(why))) {
        db_refuse(db, EINVAL, "%s", why);
        return false;
    }
    of->params_bytes = params_size(params, n_params);
    if (of->sql_length + of->params_bytes > PARAMS_MAX_BYTES) {
        db_refuse(db, EINVAL, "the statement is, with its parameters, longer than one may be");
        return false;
    }
    return true;
}

static struct query *make(struct evpg_db *db, const char *sql, const struct evpg_param *params,
                          size_t n_params, const struct measures *of)
{
    size_t size = sizeof(struct query) + of->params_bytes + of->sql_length + 1;
    struct query *query = mem_alloc(size);
    char *end;

    if (!query) {
        db_lacks_memory(db);
        return NULL;
    }
    params_copy(&query->params, params, n_params, query->memory);
    end = (char *)query->memory + of->params_bytes;
    query->rows.sql = memcpy(end, sql, of->sql_length + 1);
    query->rows.word = of->word;
    query->planned = of->word == SQLWORD_PLAIN && sqlword_is_planned(sql);
    if (of->word == SQLWORD_PLAIN)
        stmt_make_key(&query->key, query->rows.sql, of->sql_length, query->params.types,
                      query->params.count);
    query->rows.base.ops = &query_ops;
    query->rows.base.size = size;
    query->rows.base.alone = of->word != SQLWORD_PLAIN;
    return query;
}

struct op_rows *op_query_new(struct evpg_db *db, const char *sql, const struct evpg_param *params,
                             size_t n_params)
{
    struct measures of;
    struct query *query = NULL;

    if (check(db, sql, params, n_params, &of))
        query = make(db, sql, params, n_params, &of);
    if (query)
        query->rows.base.db = db;
    return query ? &query->rows : NULL;
}

struct evpg_request *evpg_query(struct evpg_db *db, const char *sql,
                                const struct evpg_param *params, size_t n_params,
                                evpg_row_cb on_row, evpg_done_cb on_done, void *arg)
{
    struct measures of;
    struct query *query;

    if (!check(db, sql, params, n_params, &of))
        return NULL;
    query = make(db, sql, params, n_params, &of);
    return query ? op_submit(&query->rows, db, on_row, on_done, arg) : NULL;
}

/* NULLs of these types: a preparation looks at the types alone. */
static struct evpg_param *make_types(const uint32_t *types, size_t n_types)
{
    struct evpg_param *params = mem_alloc(n_types * sizeof(*params));

    for (size_t i = 0; params && i < n_types; i++)
        params[i] = (struct evpg_param){.oid = types[i], .kind = PARAMS_NULL};
    return params;
}

static struct query *make_preparation(struct evpg_db *db, const char *sql, const uint32_t *types,
                                      size_t n_types)
{
    struct evpg_param *params = make_types(types, n_types);
    struct query *query = NULL;
    struct measures of;

    if (!params)
        db_lacks_memory(db);
    else if (check(db, sql, params, n_types, &of))
        query = make(db, sql, params, n_types, &of);
    mem_free(params);
    if (query)
        query->describe = query->planned = true;
    return query;
}

struct evpg_request *evpg_prepare(struct evpg_db *db, const char *sql, const uint32_t *types,
                                  size_t n_types, evpg_done_cb on_done, void *arg)
{
    struct query *query;

    if (n_types > PQ_QUERY_PARAM_MAX_LIMIT || (n_types > 0 && !types)) {
        db_refuse(db, EINVAL, "%zu types of parameters", n_types);
        return NULL;
    }
    query = make_preparation(db, sql, types, n_types);
    return query ? op_submit(&query->rows, db, NULL, on_done, arg) : NULL;
}
