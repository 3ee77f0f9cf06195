/* SPDX-License-Identifier: BSD-2-Clause */
/**
 * @file evpg/hooks.h
 * What the library says besides its callbacks. It prints nothing itself.
 */
#ifndef EVPG_HOOKS_H
#define EVPG_HOOKS_H

#include <evpg/common.h>

#ifdef __cplusplus
extern "C" {
#endif

/** How much a line of the log matters. */
enum evpg_log_level {
    EVPG_LOG_DEBUG,   /**< for somebody who looks into this library */
    EVPG_LOG_INFO,    /**< good to know */
    EVPG_LOG_WARNING, /**< a call was refused: the line says why */
    EVPG_LOG_ERROR    /**< something failed */
};

/** What is happening. Where there is a request, its name is had by evpg_request_name(). */
enum evpg_event {
    EVPG_EVENT_QUEUED,         /**< a request was accepted */
    EVPG_EVENT_SENT,           /**< it is being sent to the server; perhaps once more */
    EVPG_EVENT_FIRST_ROW,      /**< its first row has come */
    EVPG_EVENT_DONE,           /**< it is done, and its callback comes next; with its error */
    EVPG_EVENT_CANCELED,       /**< evpg_request_cancel() or evpg_request_abandon() was called */
    EVPG_EVENT_ACQUIRED,       /**< evpg_acquire() has got a lease, and its callback comes next */
    EVPG_EVENT_RELEASED,       /**< a lease was given back */
    EVPG_EVENT_CONNECTED,      /**< a connection is open */
    EVPG_EVENT_CONNECT_FAILED, /**< one could not be opened; with the error */
    EVPG_EVENT_LOST,           /**< one was lost; with the error */
    EVPG_EVENT_CLOSED          /**< one was closed by this side */
};

/** Hooks of a db. Made by EVPG_HOOKS() or evpg_hooks_default(); a hook that is NULL is not called.
 */
struct evpg_hooks {
    /** sizeof(struct evpg_hooks), as the two makers set it. */
    size_t size;

    /**
     * Called with one line, without a line feed, borrowed until it returns. It is called from
     * inside the call that is refused; every call is legal in it.
     */
    void (*log)(struct evpg_db *db, enum evpg_log_level level, const char *line, void *arg);

    /**
     * Called for each notice and warning of the server's (PostgreSQL manual, "Asynchronous
     * Operations"), before the row or completion that was sent after it. From the loop; every call
     * is legal in it. A notice is described as an error is: message, SQLSTATE and fields, among
     * them EVPG_FIELD_SEVERITY; its code, fate and phase mean nothing. Borrowed until it returns.
     */
    void (*notice)(struct evpg_db *db, const struct evpg_error *notice, void *arg);

    /**
     * Called for each setting that the server reports: for all of them after a login, and then for
     * each that has changed, by whatever has changed it: SET, a function, the end of a transaction,
     * a reload of the server's configuration (which a session notices with its next statement), a
     * promotion (in_hot_standby). From the loop, after
     * the callbacks of what has come along with it, and once for several changes that have come
     * together; every call is legal in it. Which settings these are depends on the server:
     * application_name, client_encoding, DateStyle, default_transaction_read_only, in_hot_standby,
     * integer_datetimes, IntervalStyle, is_superuser, scram_iterations, search_path,
     * server_encoding, server_version, session_authorization, standard_conforming_strings,
     * TimeZone. PostgreSQL manual, "Asynchronous Operations" (ParameterStatus). name and value are
     * borrowed until it returns.
     */
    void (*parameter)(struct evpg_db *db, const char *name, const char *value, void *arg);

    /**
     * Called whenever something happens, in the midst of it: for tracing, and numbers that struct
     * evpg_pool_stats does not have. It observes: submits to this db, evpg_acquire(), evpg_open(),
     * evpg_close(), evpg_release() and evpg_free() of it, and evpg_request_cancel() and
     * evpg_request_abandon() of its requests, do nothing in it but tell the log hook why; those
     * that return something fail with EINVAL. A transaction does not fail by that, as it does by
     * what is refused elsewhere. A pool's hears of its requests and of all its
     * connections; a lease begins with the pool's.
     * request is NULL where it is about a connection, error where nothing went wrong; both are
     * borrowed until it returns.
     */
    void (*event)(struct evpg_db *db, enum evpg_event event, const struct evpg_request *request,
                  const struct evpg_error *error, void *arg);
};

/** Hooks, in C: EVPG_HOOKS(.log = print_line). */
#define EVPG_HOOKS(...) ((struct evpg_hooks){.size = sizeof(struct evpg_hooks), __VA_ARGS__})

/** Hooks that are all NULL, for any language; set members afterwards. */
static inline struct evpg_hooks evpg_hooks_default(void)
{
    struct evpg_hooks hooks = {sizeof(struct evpg_hooks), NULL, NULL, NULL, NULL};
    return hooks;
}

/**
 * Sets all hooks of a db.
 *
 * @param hooks copied; NULL: none. Members that this library does not know are ignored.
 * @param arg passed to each
 */
EVPG_EXPORT void evpg_set_hooks(struct evpg_db *db, const struct evpg_hooks *hooks, void *arg);

#ifdef __cplusplus
}
#endif

#endif
