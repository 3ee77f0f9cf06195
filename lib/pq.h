/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef PQ_H
#define PQ_H

#include "err.h"

#include <libpq-fe.h>

struct pg_cancel_conn; /* libpq 17's PGcancelConn */

/* Why the libpq that is running is too old to be used, or NULL. */
const char *pq_unusable(int version);

/* Ends a Sync group. False: the connection is to be closed. On libpq 17 and newer nothing is
 * written to the socket before PQflush. */
bool pq_send_sync(PGconn *pg);

/* Has the server forget a prepared statement. Its answer is one of its own. False: as above. */
bool pq_send_close(PGconn *pg, const char *name);

/* Whether a cancel request can be sent without waiting; if so, one that is on its way, polled as a
 * connection is that is being opened, until OK or FAILED. NULL: it could not be begun. */
bool pq_can_cancel(void);
struct pg_cancel_conn *pq_cancel_start(PGconn *pg);
PostgresPollingStatusType pq_cancel_poll(struct pg_cancel_conn *cancel);
int pq_cancel_socket(const struct pg_cancel_conn *cancel);
void pq_cancel_free(struct pg_cancel_conn *cancel);

/* Whether output is known to wait for the socket; what pq_send_sync only collects is not counted.
 */
bool pq_output_waits(PGconn *pg);

/* Whether data have been received that neither libpq holds nor the socket tells of: OpenSSL keeps
 * them. Then PQconsumeInput is due, without waiting. Newer versions of libpq see to that. */
bool pq_hides_input(PGconn *pg);

/* Has the rows of the request at the head of libpq's queue come as they arrive: each as a result of
 * its own or, in pipeline mode, in chunks. False: they come as one result, complete. Outside that
 * mode libpq would keep a chunk that was never ended for the next request. */
bool pq_stream_rows(PGconn *pg);

/* Outside pipeline mode, with nothing under way: the next request's rows come as one result, unless
 * it is asked otherwise. libpq would have what pq_stream_rows set go on for the first request of a
 * pipeline. */
void pq_stop_streaming(PGconn *pg);

/* Whether a result carries rows of which more may follow. */
bool pq_is_row_part(ExecStatusType status);

/* Whether a result says that the server has ended the session. */
bool pq_is_fatal(const PGresult *result);

/* Whether libpq has had trouble of its own that this answer of the server's does not tell: it ran
 * out of memory, and what it dropped may have been the end of an answer. NULL: while it waits for
 * one. */
bool pq_has_lost_track(const PGconn *pg, const PGresult *answer);

/* Whether libpq's message says that memory ran out; by its words, in English at least. */
bool pq_is_want_of_memory(const char *message);

/* Whether libpq's message is OpenSSL's complaint; likewise. */
bool pq_is_tls_error(const char *message);

/* Whether an error is libpq's own, and not the server's. */
bool pq_is_local_error(const PGresult *result);

/* Whether a notice is none: an error that came while nothing was asked. libpq passes it off as one.
 */
bool pq_is_stray_error(const PGresult *notice);

/* Makes an error of what libpq says on the end of a connection, or on its having lost track: by its
 * words, in English at least, memory ran out, or the server broke the protocol; else the code is
 * `otherwise`. */
void pq_set_loss(struct evpg_error *error, enum evpg_code otherwise, const char *message);

/* Whether an error says that the prepared statement of that name is not there, or not as it was
 * when it was prepared: nothing has been done by it then. */
enum pq_stale { PQ_FRESH, PQ_MISSING, PQ_OUTDATED };
enum pq_stale pq_staleness(const PGresult *error, const char *name);

/* Whether an error says that the statement was stopped because somebody asked for that, or because
 * its time was up by a setting of the server's. */
bool pq_is_stopped(const PGresult *error);

/* Whether an error says that a statement of that name is prepared already. */
bool pq_is_prepared_already(const PGresult *error);

/* Makes an error of the server's one, its fields borrowed from the result. */
void pq_set_error(struct evpg_error *error, enum evpg_code code, enum evpg_fate fate,
                  const PGresult *result);

/* The SQLSTATE in the text of a failed login, made with PQERRORS_VERBOSE; "" when there is none. */
void pq_login_sqlstate(const char *message, char sqlstate[6]);

/* Adds libpq's text on a failed connection to an error's message, without what verbosity added. */
void pq_append_login_message(struct evpg_error *error, const char *message);

#endif
