/* SPDX-License-Identifier: BSD-2-Clause */
/**
 * @file evpg/common.h
 * What all other headers share: version, the types' names, and the callbacks.
 */
#ifndef EVPG_COMMON_H
#define EVPG_COMMON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/** The version of these headers: major, minor and patch, in hundreds. 0.1.0 is 100. */
#define EVPG_VERSION_NUMBER 100

/** The version of these headers as text. */
#define EVPG_VERSION "0.1.0"

/** Marks what the shared library exports. */
#if defined(__GNUC__)
#define EVPG_EXPORT __attribute__((visibility("default")))
#else
#define EVPG_EXPORT
#endif

#ifdef __cplusplus
extern "C" {
#endif

struct event_base;
struct evdns_base;

/** Where work is submitted: a connection (see evpg/conn.h), a pool of them, or a lease, one of a
 * pool's connections for a while (see evpg/pool.h). */
struct evpg_db;

/** One accepted unit of work. Valid until its done callback has returned. */
struct evpg_request;

/** One row, borrowed by a row callback or from a result. See evpg/row.h. */
struct evpg_row;

/** What became of a request, borrowed by its done callback. See evpg/result.h. */
struct evpg_result;

/** Why something failed. See evpg/error.h. */
struct evpg_error;

/** A parameter of a statement. See evpg/param.h. */
struct evpg_param;

/** What a row callback wants next. A value that is none of these counts as EVPG_FAIL. */
enum evpg_flow {
    /** Go on with the next row. */
    EVPG_NEXT = 0,
    /**
     * No row for now: the connection stops reading, until evpg_request_resume(). The server is held
     * up by that as soon as the buffers on the way are full, and so is every other request on this
     * connection; nothing more is sent on it meanwhile. Notifications are seen only after it. The
     * loss of the connection is seen at once where libevent's back end can tell (epoll), and what
     * had come but was not delivered is gone then; elsewhere it is seen after the pause, and a
     * paused connection does not keep event_base_dispatch() from returning. evpg_free(),
     * evpg_close() and evpg_request_cancel() end a pause as well.
     */
    EVPG_PAUSE = 1,
    /**
     * No more rows, please: the rest is read and thrown away, and the request succeeds, with
     * evpg_result_stopped() true. The statement itself is not undone and goes on to its end.
     */
    EVPG_STOP = 2,
    /**
     * As EVPG_STOP, but the request fails: with what evpg_row_error() says of this row, else with
     * a general message; code EVPG_E_VALUE, or EVPG_E_MEMORY. An error of the server's goes before
     * it.
     */
    EVPG_FAIL = 3
};

/**
 * Called for each row, in the order in which the server sends them.
 *
 * Rows that were delivered promise nothing about the statement: it can still fail.
 *
 * @param row borrowed until the callback returns
 * @param arg what the request was submitted with
 * @return what shall happen next
 */
typedef enum evpg_flow (*evpg_row_cb)(const struct evpg_row *row, void *arg);

/**
 * Called exactly once for an accepted request, after its last row.
 *
 * Success is reported when the server has answered the request's own Sync message: what the
 * statement did is then committed, unless it ran inside a transaction block of the user's.
 *
 * @param result borrowed until the callback returns; evpg_result_error() is NULL on success
 * @param arg what the request was submitted with
 */
typedef void (*evpg_done_cb)(const struct evpg_result *result, void *arg);

/**
 * Called once when a db can be used, or cannot.
 *
 * @param db the db; freeing it here is legal
 * @param error NULL on success; borrowed until the callback returns
 * @param arg what the call was given
 */
typedef void (*evpg_db_cb)(struct evpg_db *db, const struct evpg_error *error, void *arg);

/** The version of the library that is running, as text; that of the headers is EVPG_VERSION. */
EVPG_EXPORT const char *evpg_version(void);

#ifdef __cplusplus
}
#endif

#endif
