/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * op_query: evpg_query, one statement by the extended protocol.
 *
 * Called by the application; driven by the pipeline through its req_ops, of which op_rows.c has
 * most. Invariants: a query is one block of memory, made when it is submitted.
 */
#include "mem.h"
#include "op_rows.h"
#include "params.h"

#include <evpg/query.h>
#include <evpg/request.h>

#include <errno.h>
#include <string.h>

struct query {
    struct op_rows rows;
    struct params params;
    max_align_t memory[]; /* parameters, SQL */
};

static bool query_send(struct evpg_request *request, PGconn *pg)
{
    const struct query *query = (const struct query *)request;
    const struct params *params = &query->params;

    return PQsendQueryParams(pg, query->rows.sql, params->count, params->types, params->values,
                             params->lengths, params->formats,
                             request->flags & EVPG_BINARY ? 1 : 0) == 1;
}

static bool query_streams(const struct evpg_request *request)
{
    return op_rows_of(request)->on_row;
}

static const struct req_ops query_ops = {
    .send = query_send,
    .streams = query_streams,
    .result = op_rows_result,
    .deliver = op_rows_deliver,
    .discard = op_rows_discard,
    .abandon = op_rows_abandon,
    .finish = op_rows_finish,
    .release = op_rows_release,
};

/* Whether it can be sent at all; if not, errno says so and the log hook why. */
static bool check(struct evpg_db *db, const char *sql, const struct evpg_param *params,
                  size_t n_params)
{
    char why[128];

    if (!op_rows_check(db, sql))
        return false;
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
    query->rows.sql = memcpy(end, sql, sql_size);
    query->rows.word = sqlword_of(sql);
    query->rows.base.ops = &query_ops;
    query->rows.base.size = size;
    query->rows.base.alone = query->rows.word != SQLWORD_PLAIN;
    return query;
}

struct evpg_request *evpg_query(struct evpg_db *db, const char *sql,
                                const struct evpg_param *params, size_t n_params,
                                evpg_row_cb on_row, evpg_done_cb on_done, void *arg)
{
    struct query *query;

    if (!check(db, sql, params, n_params))
        return NULL;
    query = make(sql, params, n_params);
    return query ? op_rows_submit(&query->rows, db, on_row, on_done, arg) : NULL;
}
