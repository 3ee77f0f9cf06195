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

    if (!op_rows_check(db, sql, &of->sql_length, &of->word))
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

static struct query *make(const char *sql, const struct evpg_param *params, size_t n_params,
                          const struct measures *of)
{
    size_t size = sizeof(struct query) + of->params_bytes + of->sql_length + 1;
    struct query *query = mem_alloc(size);
    char *end;

    if (!query)
        return NULL;
    params_copy(&query->params, params, n_params, query->memory);
    end = (char *)query->memory + of->params_bytes;
    query->rows.sql = memcpy(end, sql, of->sql_length + 1);
    query->rows.word = of->word;
    query->rows.base.ops = &query_ops;
    query->rows.base.size = size;
    query->rows.base.alone = of->word != SQLWORD_PLAIN;
    return query;
}

struct evpg_request *evpg_query(struct evpg_db *db, const char *sql,
                                const struct evpg_param *params, size_t n_params,
                                evpg_row_cb on_row, evpg_done_cb on_done, void *arg)
{
    struct measures of;
    struct query *query;

    if (!check(db, sql, params, n_params, &of))
        return NULL;
    query = make(sql, params, n_params, &of);
    return query ? op_rows_submit(&query->rows, db, on_row, on_done, arg) : NULL;
}
