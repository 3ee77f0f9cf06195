/* SPDX-License-Identifier: BSD-2-Clause */
/**
 * @file evpg/request.h
 * What can be done with a request until its done callback has returned.
 */
#ifndef EVPG_REQUEST_H
#define EVPG_REQUEST_H

#include <evpg/common.h>

#ifdef __cplusplus
extern "C" {
#endif

/**
 * Has the rows go on that the row callback has paused by EVPG_PAUSE. Those that had been received
 * come first, from the loop, never from inside this call. Called during the row callback, it takes
 * back the pause that this callback is about to return. Else it does nothing.
 *
 * @param request NULL is allowed
 */
EVPG_EXPORT void evpg_request_resume(struct evpg_request *request);

/**
 * Gives a request a deadline, so long after this call: for waiting, connecting, preparing, running
 * and the last row, all together. It takes the place of one that it had.
 *
 * At the deadline the done callback comes, from the loop, with EVPG_E_TIMEOUT, whatever the server
 * does. What had not been sent never is (EVPG_FATE_NOT_SENT). Of what had, nobody knows what
 * becomes (EVPG_FATE_UNKNOWN): its place on the connection is kept, its answer is thrown away, and
 * the server is asked to stop it, as evpg_request_cancel() does; it is given 20 ms to end by itself
 * first. evpg_error_phase() says how far it had come, and in a pool the message, why no connection
 * could be had, if that was the reason. evpg_open()'s request: the opening is given
 * up, and what waits for it fails as well. Where the loop itself stood still beyond the deadline,
 * that is put off by 50 ms, once, and what has come meanwhile is looked at first.
 *
 * @param request NULL is allowed; one that is being done is left alone
 * @param ms in milliseconds; 0: no deadline any more. A negative one changes nothing, and the log
 *     hook is told
 */
EVPG_EXPORT void evpg_request_set_timeout(struct evpg_request *request, int ms);

/**
 * Says that the request is not wanted any more. Its done callback still comes, once, from the loop,
 * never from inside this call, and no row callback any more.
 *
 * What has not been sent fails with EVPG_E_CANCELED and EVPG_FATE_NOT_SENT: the server never hears
 * of it. When the server has come to what was sent, it is asked to stop it (PostgreSQL manual,
 * "Canceling Requests in Progress"), and its answer is waited for. If it has stopped it, the
 * request fails with EVPG_E_CANCELED, SQLSTATE 57014; a transaction block that it was in has
 * failed. Where that came too late, the request succeeds; or, if rows were thrown away, it fails
 * with EVPG_E_CANCELED and EVPG_FATE_EXECUTED.
 *
 * The server stops whatever it is running when it gets to know. So nothing more is sent on the
 * connection until that is over. What was on the wire behind, and is hit by mistake, is sent once
 * more, by itself, where that does not change its order: outside a transaction block, before any of
 * its rows was delivered, and with nothing behind it on the wire; else it fails with SQLSTATE 57014
 * and EVPG_FATE_NOT_EXECUTED. A server that was asked just before it began ignores that, so it is
 * asked again after 50 ms, and then less and less often; with others on the wire behind, only when
 * no answers have come meanwhile. If canceling is not over within cancel_wait_timeout_ms, the
 * connection is closed, and what was on the wire is lost. Before libpq 17 it takes a thread for
 * each time, which ends by itself.
 *
 * evpg_open()'s request: the opening is given up, and what waits for it fails as well. That of
 * evpg_transaction(): see there.
 *
 * A statement of a transaction fails all of that with it, unless the cancel came too late. What the
 * transaction has sent along with its BEGIN shares a Sync, and the server keeps back what it has
 * answered until then: a cancel of one of these stops whichever of them runs. Then the one that was
 * canceled fails with EVPG_E_CANCELED, those that were stopped or skipped for it with
 * EVPG_E_ABORTED, and the transaction with EVPG_E_CANCELED.
 *
 * @param request NULL is allowed; one that is being done is left alone
 */
EVPG_EXPORT void evpg_request_cancel(struct evpg_request *request);

/**
 * As evpg_request_cancel(), and nobody is told: after this call neither the callbacks nor their
 * argument are touched again. The one exception to the rule that a done callback always comes.
 *
 * @param request NULL is allowed; not valid any more when this has returned
 */
EVPG_EXPORT void evpg_request_abandon(struct evpg_request *request);

/**
 * Keeps a variable that points at the request for as long as there is one: it is set by this call,
 * and set to NULL just before the done callback, by evpg_request_abandon(), or when another
 * variable takes its place.
 *
 * @param request NULL is allowed
 * @param slot must stay where it is until then; NULL: no variable any more
 */
EVPG_EXPORT void evpg_request_set_handle(struct evpg_request *request, struct evpg_request **slot);

/** What a request can be asked to do otherwise. */
enum evpg_request_flag {
    /**
     * Values come in binary format (PostgreSQL manual, "Message Formats", Bind): less to convert at
     * both ends for numbers and bytes. The getters read both formats alike; evpg_row_text() gives
     * only types whose binary format is text. Not for a script.
     */
    EVPG_BINARY = 1u << 0,
    /** Nothing else is on the wire of its connection while it runs. */
    EVPG_EXCLUSIVE = 1u << 1,
    /** Not by a prepared statement, whatever max_prepared_statements is. */
    EVPG_UNPREPARED = 1u << 2,
    /**
     * The caller's word that the statement has no side effect. When its row callback returns
     * EVPG_STOP, outside a transaction block, the server is asked to stop it, in place of the rest
     * of its rows being read; that it was stopped is no error then.
     */
    EVPG_READ_ONLY = 1u << 3,
    /** Its row callback may return EVPG_PAUSE: in a pool it has a connection to itself, so that
     * nobody else is held up by the pause. On a connection it changes nothing. */
    EVPG_MAY_PAUSE = 1u << 4,
    /** It may run on a standby, where it sees what had arrived there: see standby_conninfo of
     * struct evpg_pool_config. Elsewhere it changes nothing. */
    EVPG_STANDBY_OK = 1u << 5
};

/**
 * Sets the flags of a request, in place of those it had. Only before it is sent, which never
 * happens before control is back in the loop; later, and with flags that cannot be, nothing changes
 * and the log hook is told.
 *
 * @param request NULL is allowed
 * @param flags of enum evpg_request_flag, joined by |
 */
EVPG_EXPORT void evpg_request_set_flags(struct evpg_request *request, unsigned flags);

/**
 * Gives a request a name: it stands before the message of the request's error.
 *
 * @param request NULL is allowed
 * @param name copied; without memory for that the request keeps the one it had. NULL: none
 */
EVPG_EXPORT void evpg_request_set_name(struct evpg_request *request, const char *name);

/** Its name, borrowed from the request; NULL when it has none. */
EVPG_EXPORT const char *evpg_request_name(const struct evpg_request *request);

#ifdef __cplusplus
}
#endif

#endif
