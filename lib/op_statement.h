/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef OP_STATEMENT_H
#define OP_STATEMENT_H

#include "op_rows.h"
#include "params.h"

#include <evpg/request.h>

/* A statement, which may be run several times over, with other parameters of the same types. */
struct statement {
    struct stmt_key key;      /* hash 0: it cannot be prepared */
    bool planned;             /* prepared without having been asked for */
    bool describe;            /* not run, but described */
    struct stmt *stmt;        /* by which it was sent, or NULL */
    struct statement *before; /* of the same batch; or NULL */
};

/* What a request has sent besides its statements, and what came of preparing them. */
struct preparing {
    int n_closes; /* whose answers are to come */
    bool stale;   /* it failed because of a prepared statement */
};

/* key.sql and key.types are borrowed from the request. */
void statement_make(struct statement *statement, const char *sql, size_t length, enum sqlword word,
                    const struct params *params);

/* Looks it up among those that are prepared: before it is sent, unless it was already. */
void statement_look_up(struct statement *statement, const struct op_rows *rows);

/* Sends it, after it was looked up, and adds to rows->base.preludes what is answered before. False:
 * libpq refused. */
bool statement_send(struct statement *statement, struct op_rows *rows, const struct params *params,
                    PGconn *pg);

/* In which format its rows are to come. */
static inline int statement_format(const struct op_rows *rows)
{
    return rows->base.flags & EVPG_BINARY ? 1 : 0;
}

/* The same, of one that is known to be prepared. */
static inline bool statement_send_again(const struct statement *statement,
                                        const struct op_rows *rows, const struct params *params,
                                        PGconn *pg)
{
    if (statement->describe)
        return PQsendDescribePrepared(pg, stmt_name(statement->stmt)) == 1;
    return PQsendQueryPrepared(pg, stmt_name(statement->stmt), params->count, params->values,
                               params->lengths, params->formats, statement_format(rows)) == 1;
}

/* The first of a request: looks it up, and has the server drop some that are not wanted any more.
 * It is looked up first: one that is wanted again is not dropped. False: libpq refused. */
bool statement_send_first(struct statement *statement, struct preparing *preparing,
                          struct op_rows *rows, const struct params *params, PGconn *pg);

/* For struct req_ops, prelude: takes the answer to the next of those. */
void statement_prelude(struct statement *statement, struct preparing *preparing,
                       struct op_rows *rows, PGresult *result);

/* The server has refused to run it: notes whether that is because of how it is prepared. */
void statement_failed(struct statement *statement, struct preparing *preparing,
                      struct op_rows *rows, const PGresult *error);

/* Does not use the prepared one any more. */
void statement_release(struct statement *statement);

/* Whether a request has failed for no reason of its own: because of how a statement of it was
 * prepared; or, if it was suspect, because it was stopped in another's place. */
bool statement_is_stale(const struct preparing *preparing, const struct evpg_request *request,
                        bool suspect);

/* Whether it may be sent once more, if nothing of it was seen. */
bool statement_may_be_renewed(const struct evpg_request *request);

/* Makes it as new then. */
void statement_reset(struct preparing *preparing, struct op_rows *rows, bool suspect);

#endif
