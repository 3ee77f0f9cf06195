/* SPDX-License-Identifier: BSD-2-Clause */
/**
 * @file evpg/conn.h
 * One connection to a server: a db that runs requests in the order of their submission, with one
 * exception: a request whose prepared statement was missing or out of date is sent once more, and
 * then runs after those that were on the wire with it (see evpg_query()).
 *
 * Requests are pipelined by themselves: many are on their way at once, each with a Sync message of
 * its own, so that each is a transaction of its own and an error concerns its own request only
 * (libpq manual, "Pipeline Mode"; PostgreSQL manual, "Message Flow", "Extended Query").
 */
#ifndef EVPG_CONN_H
#define EVPG_CONN_H

#include <evpg/common.h>
#include <evpg/resolve.h>

#ifdef __cplusplus
extern "C" {
#endif

/**
 * Settings of a connection. Plain data, made by EVPG_CONN_CONFIG() or evpg_conn_config_default()
 * and never otherwise, so that members which later versions add have their defaults.
 * In every member but size, 0 means the default and -1 means none.
 */
struct evpg_conn_config {
    /** sizeof(struct evpg_conn_config), as the two makers set it. */
    size_t size;

    /**
     * The longest a connection attempt to one address may take, login included, in milliseconds;
     * and the lookup of one host name.
     * Default: connect_timeout of the connection string or its environment, where 0 is no limit,
     * else 15,000.
     * PgBouncer's server_connect_timeout, but for each address; libpq's own connect_timeout does
     * not bound asynchronous connecting.
     */
    int server_connect_timeout_ms;

    /** The most requests that may wait to be sent. Of a batch, each statement counts. Default:
     * 200,000. */
    int max_queued_requests;

    /** The most memory that requests waiting to be sent may take, in bytes. Default: 256 MiB. */
    int64_t max_queued_bytes;

    /**
     * The longest opening may take, all lookups and addresses together, in milliseconds. Default:
     * none beside what server_connect_timeout_ms is for each.
     */
    int open_timeout_ms;

    /**
     * Looks up host names. Default, NULL: libevent's evdns does. See evpg/resolve.h.
     */
    evpg_resolve_cb resolve;

    /** Passed to resolve. */
    void *resolve_arg;

    /**
     * The evdns_base to look host names up with, which must be of the same loop and outlive the
     * connection, by a turn of the loop where that is freed while a name is being looked up.
     * Default, NULL: one of our own, by /etc/resolv.conf and /etc/hosts. Not together with resolve.
     */
    struct evdns_base *dns_base;

    /**
     * How many statements may be kept prepared in the session, those that were used last.
     * SELECT and its like are prepared when they are first run, in the same trip, and found again
     * by their text and the types of their parameters. -1: none, for poolers that give each
     * transaction another session and do not know of prepared statements. Default: 200.
     */
    int max_prepared_statements;

    /** The most memory their texts may take here, in bytes; -1: any. Default: 4 MiB. */
    int64_t max_prepared_bytes;

    /**
     * How long the server is waited for when it has been asked to stop a request, because that was
     * canceled or its time was up (see evpg/request.h), in milliseconds; then the connection is
     * closed, as if it were lost. Of a pool's connections four at most ask at a time, and the
     * others' turn is part of this time. Default: 10,000, as PgBouncer's cancel_wait_timeout, which
     * is about a client's wait for a cancel request to be passed on.
     */
    int cancel_wait_timeout_ms;
};

/**
 * A configuration, in C: EVPG_CONN_CONFIG(.server_connect_timeout_ms = 2000), or empty. It is an
 * object whose address can be taken: &EVPG_CONN_CONFIG(...).
 */
#define EVPG_CONN_CONFIG(...)                                                                      \
    ((struct evpg_conn_config){.size = sizeof(struct evpg_conn_config), __VA_ARGS__})

/** A configuration with all defaults, for any language; set members afterwards. */
static inline struct evpg_conn_config evpg_conn_config_default(void)
{
    struct evpg_conn_config config = {
        sizeof(struct evpg_conn_config), 0, 0, 0, 0, NULL, NULL, NULL, 0, 0, 0};
    return config;
}

/**
 * Makes a connection that is not opened yet. Does no input or output.
 *
 * @param base its loop; must outlive the connection
 * @param conninfo libpq's connection string or URI (libpq manual, "Connection Strings"), with what
 *     it leaves open taken from libpq's environment; NULL is the environment alone. It is read
 *     when the connection is opened: mistakes in it are reported there.
 * @param config copied; NULL: the defaults
 * @return the connection, to be freed by evpg_free(); or NULL with errno EINVAL (base is NULL; the
 *     configuration has a value below -1, both resolve and dns_base, or members this library does
 *     not know) or ENOMEM
 */
EVPG_EXPORT struct evpg_db *evpg_conn_new(struct event_base *base, const char *conninfo,
                                          const struct evpg_conn_config *config);

/**
 * Connects and logs in, without blocking. Requests may be submitted as soon as this has returned;
 * they wait until the connection is up, and fail, not sent, when it cannot be had.
 *
 * Of the hosts in the connection string each is tried in order, until one works or one refuses the
 * login; with libpq's load_balance_hosts=random, in an order of chance. A host's name is looked up
 * when its turn comes (see evpg/resolve.h), and each of its addresses is tried. With
 * target_session_attrs=prefer-standby, all are tried a second time if none is a standby.
 * gssencmode is "disable" unless it is set. A unix-domain socket whose backlog is full is tried
 * again within its time.
 *
 * After the connection was lost, or could not be had, it may be opened again.
 *
 * @param conn a connection that is not open
 * @param on_open called once from the loop, or from evpg_free(); may be NULL. Its error's code is
 *     EVPG_E_CONNECT, EVPG_E_AUTH (the server refused the login: SQLSTATE 28xxx or 3D000; or it
 *     wants a password, and there is none), EVPG_E_TLS (with sslmode require or verify-…: no TLS is
 *     to be had, or a certificate does not do, or the connection ended while TLS was begun),
 * EVPG_E_TIMEOUT, EVPG_E_CLOSED or EVPG_E_MEMORY: what came of the last address that was tried. Its
 * message has one part for each; where they are many, the first ones and the last.
 * @param arg passed to on_open
 * @return the request; or NULL with errno EINVAL (already open, or being opened; conn is NULL),
 *     ESHUTDOWN (conn is being closed or freed) or ENOMEM
 */
EVPG_EXPORT struct evpg_request *evpg_open(struct evpg_db *conn, evpg_db_cb on_open, void *arg);

/**
 * Frees a db at once, whatever it is doing. Every outstanding done callback of its requests runs
 * before this returns, in the order of submission, with EVPG_E_CLOSED; what had been sent has the
 * fate EVPG_FATE_UNKNOWN. Afterwards nothing of the db calls back.
 *
 * Legal in every callback, those of this very db included; what that callback borrowed stays valid
 * until it returns. A connection that is open keeps event_base_dispatch() from returning, even
 * when it is idle; this ends that.
 *
 * In a child process made by fork, what would use the connection is refused, and this frees the
 * child's memory and descriptor, but for what evdns has of a lookup that was under way: the
 * parent's session goes on undisturbed. The child must not run,
 * nor reinitialize, the event_base that it has inherited.
 *
 * @param db NULL is allowed
 */
EVPG_EXPORT void evpg_free(struct evpg_db *db);

/**
 * Called once when evpg_close() is over.
 *
 * @param db closed; freeing it is still due, here or later
 * @param cut_off how many requests the deadline, or evpg_free(), has cut off
 * @param arg what evpg_close() was given
 */
typedef void (*evpg_closed_cb)(struct evpg_db *db, size_t cut_off, void *arg);

/**
 * Closes a connection in good order: what was accepted is finished, nothing new is. Rows that are
 * paused are not waited for: they are thrown away, and their request fails with EVPG_E_CLOSED. A
 * connection that is still being opened, with nothing waiting for it, is given up.
 *
 * Afterwards the loop can end. The connection may be opened again, or freed; freeing it earlier is
 * legal, and the callback then comes from inside evpg_free().
 *
 * @param db a connection, in whatever state; or a pool (see evpg_pool_new())
 * @param deadline_ms how long that may take; then all that is left fails with EVPG_E_CLOSED, which
 *     has the fate EVPG_FATE_UNKNOWN where it was sent. 0: no longer than this turn of the loop;
 * -1: as long as it takes
 * @param on_closed called once, never from inside this call; or NULL
 * @param arg passed to on_closed
 * @return 0; or -1 with errno EALREADY (being closed already: nothing is changed), ESHUTDOWN (being
 *     freed), EINVAL (db is NULL or a lease; a deadline below -1) or ENOMEM, and no callback comes
 */
EVPG_EXPORT int evpg_close(struct evpg_db *db, int deadline_ms, evpg_closed_cb on_closed,
                           void *arg);

/**
 * The latest value of a setting that the server reports, such as "server_version" or "TimeZone";
 * the hook `parameter` (evpg/hooks.h) lists them and tells of changes.
 *
 * @param name    just as there; one that the server does not report gives NULL
 * @return borrowed until control returns to the loop; NULL while the connection is not open
 */
EVPG_EXPORT const char *evpg_parameter(struct evpg_db *db, const char *name);

/**
 * The PGconn underneath, for what libpq offers and this library does not, such as
 * PQserverVersion(). Only for looking: a call that sends, receives or changes its mode breaks the
 * connection.
 *
 * @return a PGconn *, valid until control returns to the loop; NULL while there is none
 */
EVPG_EXPORT void *evpg_pgconn(struct evpg_db *db);

#ifdef __cplusplus
}
#endif

#endif
