/* SPDX-License-Identifier: BSD-2-Clause */
/**
 * @file evpg/batch.h
 * Several statements in one trip, all or nothing: a batch; and one statement with many sets of
 * parameters.
 *
 *     struct evpg_batch *batch = evpg_batch_new(db);
 *     evpg_batch_add(batch, "insert into orders values ($1)", EVPG_PARAMS(evpg_int64(id)), NULL,
 *                    NULL, NULL);
 *     evpg_batch_add(batch, "update stock set left = left - 1 where item = $1",
 *                    EVPG_PARAMS(evpg_int64(item)), NULL, NULL, NULL);
 *     if (!evpg_batch_submit(batch, on_done, NULL))
 *         perror("batch");
 *
 * The statements travel together and are ended by one Sync, so that they are one transaction to the
 * server (PostgreSQL manual, "Pipelining"): either all of them count, or none. Where the connection
 * is in a transaction block already, they are a part of that. When one fails, those behind it are
 * not run, and those before it are undone.
 *
 * Requests that are independent of each other need no batch: they share a trip by themselves, and
 * one that fails takes no other with it.
 *
 * The server sends its answers when 8 KiB have collected, or at the end: rows of a member may wait
 * for those behind it.
 */
#ifndef EVPG_BATCH_H
#define EVPG_BATCH_H

#include <evpg/common.h>
#include <evpg/param.h>

#ifdef __cplusplus
extern "C" {
#endif

/** The most statements that a batch may have: they are sent, and told of, in one stay in the loop.
 */
#define EVPG_BATCH_MOST 1000

/** The most memory that a batch may take, its statements and parameters with all that belongs to
 * them, in bytes: libpq takes a batch as a whole. */
#define EVPG_BATCH_MOST_BYTES (16u << 20)

/** Statements that are being collected. Not a request yet. */
struct evpg_batch;

/**
 * Makes an empty batch. It does no input or output, and is not the db's: a batch that is never
 * submitted must be freed by evpg_batch_free(), before or after the db.
 *
 * @param db where it shall run; a db of any kind. In a pool it goes to one connection, as a whole.
 *     It must be alive when something is added to the batch, and when it is submitted
 * @return the batch; NULL with errno EINVAL (db is NULL) or ENOMEM
 */
EVPG_EXPORT struct evpg_batch *evpg_batch_new(struct evpg_db *db);

/**
 * Adds a statement, the batch's next member.
 *
 * What cannot be a member fails the batch, and evpg_batch_submit() then refuses it with the first
 * reason: so nothing has to be looked at in between. Refused, with EINVAL, are what evpg_query()
 * refuses, and statements that need a session or the wire to themselves: transaction control
 * (BEGIN, COMMIT, SAVEPOINT and their kin), LISTEN, UNLISTEN, CALL, DO, VACUUM, CLUSTER, REINDEX,
 * ALTER, DISCARD, DEALLOCATE, CREATE or DROP of an INDEX or DATABASE. With ENOBUFS: more than
 * EVPG_BATCH_MOST statements, or more memory than EVPG_BATCH_MOST_BYTES. With ENOMEM: memory ran
 * out.
 *
 * Members are prepared by themselves, as evpg_query()'s statements are; a member whose text and
 * types are those of the one before it takes the least.
 *
 * @param batch NULL is allowed
 * @param sql one statement, copied
 * @param params the parameters, copied: EVPG_PARAMS() or EVPG_NO_PARAMS make this argument and the
 *     next
 * @param n_params how many
 * @param on_row called for each of its rows, soon after it has come, and so before it is known
 *     whether the batch succeeds: evpg_row_statement() is the member's number, counted from 0, and
 *     evpg_row_request() the batch's request. EVPG_PAUSE pauses the batch; EVPG_STOP and EVPG_FAIL
 *     end this member's rows only, and do not undo it or stop the server. NULL: its rows are kept
 *     for on_done, in memory
 * @param on_done called once if the batch is accepted, when the server has answered the Sync at its
 *     end: those of all members in order, then the batch's own. What it is handed is this member's:
 *     rows, tag, columns, and its error. Of a batch that has failed, the member that did so has the
 *     server's error; all others have EVPG_E_ABORTED and EVPG_FATE_NOT_EXECUTED, those before it,
 *     too. NULL: nobody wants to know
 * @param arg passed to both
 */
EVPG_EXPORT void evpg_batch_add(struct evpg_batch *batch, const char *sql,
                                const struct evpg_param *params, size_t n_params,
                                evpg_row_cb on_row, evpg_done_cb on_done, void *arg);

/**
 * Submits a batch, which is not the caller's any more, even if this fails: then it is freed, and
 * none of its callbacks is called. It is one request: canceling, abandoning or giving it a timeout,
 * a name or flags means all of it, and so does evpg_request_resume(). EVPG_READ_ONLY makes no
 * difference to EVPG_STOP here. Its statements count one by one where a bound is one of requests
 * (max_queued_requests), and statistics and the event hook take it for one request.
 *
 * Like a query's, the batch's prepared statements may turn out to be missing or out of date; where
 * no row has been delivered, and outside a transaction block, the batch is then sent once more,
 * unprepared.
 *
 * @param batch NULL is refused
 * @param on_done called once, after those of the members; NULL: nobody wants to know.
 *     evpg_result_rows() and evpg_result_affected() are those of all members together, the tag is
 *     empty, and there are no columns. The error, when
 *     - a member has failed: the server's, its message beginning with which member it was, its
 *       SQLSTATE and fields as the server gave them, evpg_error_query() the member's statement. The
 *       fate is EVPG_FATE_NOT_EXECUTED;
 *     - only the end has failed, say for a deferred constraint: the server's, of no member, each of
 *       which has EVPG_E_ABORTED. Nothing has come of the batch;
 *     - a row callback has returned EVPG_FAIL, or rows were thrown away because the batch was
 *       canceled too late: that member's, EVPG_FATE_EXECUTED: the batch was done and counts, and
 *       the other members have succeeded;
 *     - the connection was lost, the batch canceled, its time up, the db closed: that, which all
 *       members have, too
 * @param arg passed to on_done
 * @return the request; or NULL with errno: as evpg_query(), for a reason that evpg_batch_add() had,
 *     and EINVAL for a batch without members
 */
EVPG_EXPORT struct evpg_request *evpg_batch_submit(struct evpg_batch *batch, evpg_done_cb on_done,
                                                   void *arg);

/** Frees a batch that was not submitted; NULL is allowed. */
EVPG_EXPORT void evpg_batch_free(struct evpg_batch *batch);

/**
 * Runs one statement with many sets of parameters: all of them count, or none, as in a batch.
 *
 * The statement is prepared once. The sets are sent in windows of some hundreds, so that neither
 * the memory of this process nor the server's grows with their number, beyond the copy of them that
 * this call makes; one Sync ends it. Meanwhile nothing else is sent on that connection, and in a
 * pool it has one to itself. Its flags, name, timeout, cancellation are a request's as any.
 *
 * This call copies all sets: some tenths of a second for a million of them, in which the loop
 * stands still. For very many rows into one table, COPY costs the server less.
 *
 * A million sets of one integer take 9 MB of this process's memory; they count as one request, and
 * with all their bytes, where a db's requests are bounded.
 *
 * @param db where it shall run
 * @param sql one statement, copied; not what must not be a member of a batch
 * @param params n_sets times n_params parameters, those of the first set first, copied. Those of
 *     one place must be of the same type, or of none, such as evpg_text(), evpg_null()
 * @param n_params how many a set has; 0 is allowed
 * @param n_sets how many sets
 * @param on_done called once: evpg_result_affected() and evpg_result_rows() are the sums; rows
 *     themselves are thrown away. The tag is empty. The error, when
 *     - the server has failed a set: the server's, its message beginning with the set's number,
 *       counted from 1, as in "set 7 of 1000"; EVPG_FATE_NOT_EXECUTED: nothing has come of any set;
 *     - it was canceled or its time was up before all sets had been sent: the rest is not sent, and
 *       the server stops and undoes what it has done; a deadline that has passed is told at once,
 * as of any request;
 *     - the connection was lost: EVPG_FATE_NOT_EXECUTED while sets were still to be sent, since the
 *       Sync comes behind them; EVPG_FATE_UNKNOWN after that.
 *     NULL: nobody wants to know
 * @param arg passed to on_done
 * @return as evpg_query(); EINVAL as well for no sets, and types that differ: the log hook is told
 *     which set and parameter it was
 */
EVPG_EXPORT struct evpg_request *evpg_many(struct evpg_db *db, const char *sql,
                                           const struct evpg_param *params, size_t n_params,
                                           size_t n_sets, evpg_done_cb on_done, void *arg);

#ifdef __cplusplus
}
#endif

#endif
