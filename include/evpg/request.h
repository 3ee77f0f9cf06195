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
 * Says that the request is not wanted any more. Its done callback still comes, once, from the loop,
 * never from inside this call.
 *
 * What has not been sent fails with EVPG_E_CANCELED and EVPG_FATE_NOT_SENT: the server never hears
 * of it. What has been sent is answered as the server answers it: this version does not ask the
 * server to stop; but rows that are paused are thrown away, and the request then fails with
 * EVPG_E_CANCELED, fate EVPG_FATE_EXECUTED. evpg_open()'s request: the opening is given up, and
 * what waits for it fails as well.
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
    /** Its row callback may return EVPG_PAUSE: in a pool it has a connection to itself, so that
     * nobody else is held up by the pause. On a connection it changes nothing. */
    EVPG_MAY_PAUSE = 1u << 3
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
