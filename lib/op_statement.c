/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * op_statement: one statement by the extended protocol, prepared by itself.
 *
 * Called by op_query.c, op_batch.c and op_many.c. Invariants: what the server plans is prepared
 * when it is first sent, with its execution behind it in the same Sync group, so that neither costs
 * a trip of its own; where the prepared statement turns out to be missing or out of date, and
 * nothing has come of it, the request is sent once more, unprepared.
 */
#include "op_statement.h"

/* How many that nobody wants any more are dropped along with one. */
#define MOST_CLOSES 2

void statement_make(struct statement *statement, const char *sql, size_t length, enum sqlword word,
                    const struct params *params)
{
    statement->planned = word == SQLWORD_PLAIN && sqlword_is_planned(sql);
    if (word == SQLWORD_PLAIN)
        stmt_make_key(&statement->key, sql, length, params->types, params->count);
    else
        statement->key = (struct stmt_key){.sql = sql, .length = length};
}

static bool send_unprepared(const struct statement *statement, struct op_rows *rows,
                            const struct params *params, PGconn *pg)
{
    const char *sql = statement->key.sql;

    if (statement->describe) {
        rows->base.preludes++;
        return PQsendPrepare(pg, "", sql, params->count, params->types) == 1 &&
               PQsendDescribePrepared(pg, "") == 1;
    }
    return PQsendQueryParams(pg, sql, params->count, params->types, params->values, params->lengths,
                             params->formats, statement_format(rows)) == 1;
}

static bool is_prepared(const struct statement *statement, const struct op_rows *rows)
{
    return statement->key.hash != 0 && !rows->base.renewed && !(rows->base.flags & EVPG_UNPREPARED);
}

/* Not within a transaction, which one that is missing would end; and only before what the server
 * plans, since there are others, such as CREATE TABLESPACE, before which nothing may have run. */
static bool send_closes(const struct statement *statement, struct preparing *preparing,
                        struct op_rows *rows, PGconn *pg)
{
    struct conn *conn = rows->base.conn;
    bool may = statement->planned && is_prepared(statement, rows) && !conn->in_transaction &&
               !rows->base.in_block;
    char name[STMT_NAME_SIZE];

    while (may && preparing->n_closes < MOST_CLOSES && stmt_take_evicted(&conn->statements, name)) {
        if (!pq_send_close(pg, name))
            return false;
        preparing->n_closes++;
        rows->base.preludes++;
    }
    return true;
}

void statement_look_up(struct statement *statement, const struct op_rows *rows)
{
    if (!statement->stmt && is_prepared(statement, rows))
        statement->stmt = stmt_find(&rows->base.conn->statements, &statement->key);
}

static bool send_prepare(const struct statement *statement, struct op_rows *rows,
                         const struct params *params, PGconn *pg)
{
    rows->base.preludes++;
    return PQsendPrepare(pg, stmt_name(statement->stmt), statement->key.sql, params->count,
                         params->types) == 1;
}

bool statement_send(struct statement *statement, struct op_rows *rows, const struct params *params,
                    PGconn *pg)
{
    if (statement->stmt)
        return statement_send_again(statement, rows, params, pg);
    if (statement->planned && is_prepared(statement, rows))
        statement->stmt = stmt_add(&rows->base.conn->statements, &statement->key);
    if (!statement->stmt)
        return send_unprepared(statement, rows, params, pg);
    return send_prepare(statement, rows, params, pg) &&
           statement_send_again(statement, rows, params, pg);
}

bool statement_send_first(struct statement *statement, struct preparing *preparing,
                          struct op_rows *rows, const struct params *params, PGconn *pg)
{
    rows->base.preludes = 0;
    preparing->n_closes = 0;
    statement_look_up(statement, rows);
    return send_closes(statement, preparing, rows, pg) &&
           statement_send(statement, rows, params, pg);
}

/* Of one that was to be dropped: if it was not there, all behind it is skipped. */
static void take_closed(struct preparing *preparing, struct op_rows *rows, PGresult *result)
{
    ExecStatusType status = PQresultStatus(result);

    preparing->n_closes--;
    if (status == PGRES_COMMAND_OK) {
        PQclear(result);
        return;
    }
    preparing->stale = true;
    op_rows_result(&rows->base, result, status);
}

static void take_prepared(struct statement *statement, struct preparing *preparing,
                          struct op_rows *rows, PGresult *result)
{
    ExecStatusType status = PQresultStatus(result);

    if (status == PGRES_COMMAND_OK) {
        PQclear(result);
        return;
    }
    if (statement->stmt && pq_is_prepared_already(result))
        preparing->stale = true;
    else if (statement->stmt)
        stmt_forget(&rows->base.conn->statements, statement->stmt);
    op_rows_result(&rows->base, result, status);
}

void statement_prelude(struct statement *statement, struct preparing *preparing,
                       struct op_rows *rows, PGresult *result)
{
    if (preparing->n_closes > 0)
        take_closed(preparing, rows, result);
    else
        take_prepared(statement, preparing, rows, result);
}

/* In a transaction block that has failed the server misses a statement before it sees that it is to
 * ignore it: it is missing because its preparation, on the wire before, was ignored or has failed.
 */
void statement_failed(struct statement *statement, struct preparing *preparing,
                      struct op_rows *rows, const PGresult *error)
{
    struct conn *conn = rows->base.conn;
    struct stmt_cache *cache = &conn->statements;
    enum pq_stale how;

    if (!statement->stmt)
        return;
    how = pq_staleness(error, stmt_name(statement->stmt));
    if (how == PQ_MISSING)
        rows->ignored = !stmt_forget(cache, statement->stmt) && conn->in_transaction;
    else if (how == PQ_OUTDATED)
        stmt_retire(cache, statement->stmt);
    preparing->stale = how != PQ_FRESH;
}

void statement_release(struct statement *statement)
{
    if (statement->stmt)
        stmt_release(statement->stmt);
    statement->stmt = NULL;
}

/* By a cancel request that was meant for another; and nothing has been done that should have come
 * after it. */
static bool is_hit_by_mistake(const struct evpg_request *request, bool suspect)
{
    return suspect && request->hit && (request->unordered || TAILQ_EMPTY(&request->conn->sent));
}

bool statement_is_stale(const struct preparing *preparing, const struct evpg_request *request,
                        bool suspect)
{
    return preparing->stale || is_hit_by_mistake(request, suspect);
}

bool statement_may_be_renewed(const struct evpg_request *request)
{
    return !request->renewed && !request->abandoned && !request->canceled;
}

void statement_reset(struct preparing *preparing, struct op_rows *rows, bool suspect)
{
    struct evpg_request *request = &rows->base;

    request->alone = request->alone || is_hit_by_mistake(request, suspect);
    preparing->stale = request->suspect = request->hit = false;
    op_rows_reset(rows);
}
