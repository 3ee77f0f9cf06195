/* SPDX-License-Identifier: BSD-2-Clause */
/**
 * @file evpg/query.h
 * Running statements: one with parameters, or several in a string; and preparing one.
 */
#ifndef EVPG_QUERY_H
#define EVPG_QUERY_H

#include <evpg/common.h>
#include <evpg/param.h>

#ifdef __cplusplus
extern "C" {
#endif

/**
 * Submits one statement, with parameters $1, $2, ... in place of values, and returns at once.
 * Nothing is sent before control is back in the event loop. It runs by the extended query protocol
 * (libpq manual, PQsendQueryParams). Values come in text format, or in binary format where
 * evpg_request_set_flags() has set EVPG_BINARY.
 *
 * Prepared statements: one that begins with SELECT, INSERT, UPDATE, DELETE, MERGE, VALUES, TABLE or
 * WITH is prepared when it is first sent on a connection, in the same trip, under a name of the
 * library's; from then on it is only run. It is found again by its text and its parameters' types.
 * Those used last are kept, as many as max_prepared_statements and max_prepared_bytes allow (see
 * evpg/conn.h). EVPG_UNPREPARED has one request do without, max_prepared_statements = -1 all.
 *
 * When the server says that the prepared statement is missing, is there already, or is out of date
 * because a table or type has changed (SQLSTATE 26000, 42P05, 0A000), nothing has come of it. The
 * request is then sent once more, unprepared, and runs, and is answered, after those that were on
 * the wire with it. Not within a transaction block, which the error has ended: there it is the
 * request's error, the library forgets what was missing or out of date, and after ROLLBACK the same
 * statement works.
 *
 * What the server has read when it prepared the statement it does not read again: 'now' and 'today'
 * in quotes remain that moment, and types that it has inferred for parameters remain, even where a
 * column has another type since. now() and current_date, evpg_typed(), EVPG_UNPREPARED, or
 * DEALLOCATE ALL after such a change, are the ways out (PostgreSQL manual, "Date/Time Input",
 * special values).
 *
 * The statement's first word decides what may share the connection with it: transaction control,
 * LISTEN, UNLISTEN, CALL, DO, VACUUM, CLUSTER, REINDEX, ALTER, DISCARD, DEALLOCATE, and CREATE or
 * DROP of an INDEX or DATABASE run with nothing else on the wire, so that they see the statements
 * before them finished, and those after them see what they have done.
 *
 * Transaction blocks: BEGIN and COMMIT are statements like any other here, and what is submitted
 * between them runs inside the block, even what follows a statement that failed (SQLSTATE 25P02).
 * A COMMIT that the server answers with ROLLBACK fails with EVPG_E_ROLLED_BACK. On a pool they are
 * refused, and on a transaction: see evpg/tx.h.
 *
 * @param db where it shall run
 * @param sql one statement, copied. An empty one succeeds, with an empty tag. Several in one
 *     string are an error of the server's (SQLSTATE 42601).
 * @param params the parameters, copied: EVPG_PARAMS() or EVPG_NO_PARAMS make this argument and the
 *     next; an array and its length are as good
 * @param n_params how many; 65,535 at most
 * @param on_row called for each row, soon after it has come; with libpq 17 or newer when 64 have
 *     come, or the last (libpq manual, "Retrieving Query Results in Chunks"): rows that the server
 *     takes its time over come together. NULL: all rows are kept for on_done (evpg_result_row()),
 *     in memory
 * @param on_done called once; NULL: nobody wants to know
 * @param arg passed to both
 * @return the request; or NULL with errno
 *     - EINVAL: db or sql is NULL, too many parameters, a parameter not made by its makers, a NUL
 *       byte in a text parameter, more than 1 GB in all, or the statement is COPY, which needs
 *       calls of its own
 *     - ENOTCONN: the connection is not open and not being opened
 *     - ENOBUFS: max_queued_requests or max_queued_bytes is reached
 *     - ESHUTDOWN: the db is being closed or freed
 *     - ENOMEM
 */
EVPG_EXPORT struct evpg_request *evpg_query(struct evpg_db *db, const char *sql,
                                            const struct evpg_param *params, size_t n_params,
                                            evpg_row_cb on_row, evpg_done_cb on_done, void *arg);

/**
 * Prepares a statement without running it, and has it described: the types of its parameters and
 * its columns. A later evpg_query() with the same text and parameters of the same types then only
 * runs it. Most statements need no such call, they are prepared by themselves; it finds errors
 * early, tells types, and prepares what is not prepared by itself, such as FETCH. (PostgreSQL
 * manual, "Message Flow", "Extended Query".)
 *
 * Where nothing is kept prepared (max_prepared_statements -1), or as many as may be are in use, the
 * statement is described all the same.
 *
 * @param db where it shall be prepared
 * @param sql one statement, copied
 * @param types the types of its parameters, as far as they are to be set; 0: the server infers
 * @param n_types how many of these there are; 0 is allowed
 * @param on_done called once: evpg_result_params(), evpg_result_param_type() and
 *     evpg_result_columns() tell what it is; NULL: nobody wants to know
 * @param arg passed to on_done
 * @return as evpg_query()
 */
EVPG_EXPORT struct evpg_request *evpg_prepare(struct evpg_db *db, const char *sql,
                                              const uint32_t *types, size_t n_types,
                                              evpg_done_cb on_done, void *arg);

/**
 * Submits several statements in one string, separated by semicolons: a migration, a test's set-up.
 * They run by the simple query protocol (PostgreSQL manual, "Multiple Statements in a Simple
 * Query"): unless the string itself says BEGIN and COMMIT, all of them are one transaction, and the
 * first that fails ends and undoes it. It has the connection for itself while it runs.
 *
 * There are no parameters: what goes into the string must be known to be harmless. For values use
 * evpg_query().
 *
 * @param db where it shall run
 * @param sql the statements, copied; none at all is a success
 * @param on_row called for each row, of whatever statement: evpg_row_statement() tells which. Each
 *     statement has columns of its own. NULL: rows are thrown away
 * @param on_done called once, at the end; NULL: nobody wants to know. The tag, the columns and the
 *     number of rows affected are the last statement's that was answered, the number of rows is all
 *     statements' together. An error's fate is EVPG_FATE_NOT_EXECUTED, or EVPG_FATE_UNKNOWN where
 *     something may have been committed before. COPY in it ends the connection: EVPG_E_PROTOCOL,
 *     SQLSTATE 0A000
 * @param arg passed to both
 * @return as evpg_query()
 */
EVPG_EXPORT struct evpg_request *evpg_script(struct evpg_db *db, const char *sql,
                                             evpg_row_cb on_row, evpg_done_cb on_done, void *arg);

#ifdef __cplusplus
}
#endif

#endif
