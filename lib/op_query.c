/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * op_query: evpg_query and evpg_prepare, one statement by the extended protocol.
 *
 * Called by the application; driven by the pipeline through its req_ops, of which op_rows.c has
 * most, and op_statement.c what has to do with preparing it. Invariants: a query is one block of
 * memory, made when it is submitted.
 */
#include "op_query.h"

#include "mem.h"
#include "op_statement.h"
#include "op_submit.h"

#include <evpg/query.h>

#include <errno.h>
#include <string.h>

struct query {
    struct op_rows rows;
    struct statement statement;
    struct preparing preparing;
    struct params params;
    max_align_t memory[]; /* parameters, SQL */
};

static bool query_send(struct evpg_request *request, PGconn *pg)
{
    struct query *query = (struct query *)request;

    return statement_send_first(&query->statement, &query->preparing, &query->rows, &query->params,
                                pg);
}

static void query_prelude(struct evpg_request *request, PGresult *result)
{
    struct query *query = (struct query *)request;

    statement_prelude(&query->statement, &query->preparing, &query->rows, result);
}

static bool query_result(struct evpg_request *request, PGresult *result, ExecStatusType status)
{
    struct query *query = (struct query *)request;

    if (status == PGRES_FATAL_ERROR)
        statement_failed(&query->statement, &query->preparing, &query->rows, result);
    return op_rows_result(request, result, status);
}

static bool query_stale(const struct evpg_request *request)
{
    const struct query *query = (const struct query *)request;

    return statement_is_stale(&query->preparing, request, request->suspect);
}

/* Rows that are kept for done have not been seen. */
static bool query_unseen(const struct evpg_request *request)
{
    const struct op_rows *rows = op_rows_of(request);

    return (rows->n_rows == 0 || !rows->on_row) && statement_may_be_renewed(request);
}

static void query_reset(struct evpg_request *request)
{
    struct query *query = (struct query *)request;

    statement_release(&query->statement);
    statement_reset(&query->preparing, &query->rows, request->suspect);
}

static bool query_streams(const struct evpg_request *request)
{
    return op_rows_of(request)->on_row;
}

static void query_release(struct evpg_request *request)
{
    statement_release(&((struct query *)request)->statement);
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
    if (!params_measure(params, n_params, &of->params_bytes, why, sizeof(why))) {
        db_refuse(db, EINVAL, "%s", why);
        return false;
    }
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
    statement_make(&query->statement, query->rows.sql, of->sql_length, of->word, &query->params);
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
        query->statement.describe = query->statement.planned = true;
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
