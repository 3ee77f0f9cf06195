/* SPDX-License-Identifier: BSD-2-Clause */
/**
 * @file evpg/pool.h
 * A pool: a db that keeps several connections to one server, opens them as they are needed, opens
 * them again when they are lost, and gives each request to one of them.
 *
 * evpg_query(), evpg_script(), evpg_prepare(), evpg_close() and evpg_free() serve a pool as they
 * serve a connection. Requests are independent of each other: they may run in any order, at the
 * same time, on any connection, and several share one (each with a Sync of its own). A
 * transaction of several statements is had by evpg_transaction(); whatever else needs the same
 * session twice, a temporary table or LISTEN, takes a lease (evpg_acquire()); a statement that
 * begins with one of BEGIN, COMMIT, ROLLBACK, SAVEPOINT, LISTEN and their like is refused on the
 * pool itself with EINVAL. What a statement leaves behind in its session (SET), another one may
 * find: use SET LOCAL, the connection string, or a lease with server_reset_query.
 *
 * A script, a statement that goes alone (CALL, VACUUM, CREATE INDEX and their like), and a request
 * with EVPG_EXCLUSIVE or EVPG_MAY_PAUSE has a connection to itself while it runs.
 *
 * evpg_open() and evpg_setcb() are not for pools, and evpg_pgconn() of one is NULL.
 */
#ifndef EVPG_POOL_H
#define EVPG_POOL_H

#include <evpg/common.h>
#include <evpg/conn.h>

#ifdef __cplusplus
extern "C" {
#endif

/** A connection that is about to be opened. */
struct evpg_login;

/**
 * Says what to connect with, by whatever means: must not wait, and must lead to exactly one
 * evpg_login_finish(), at once or later, in the thread of the pool's loop. If that takes longer
 * than server_connect_timeout_ms (default here 15,000), the attempt has failed.
 *
 * @param login what to finish; valid until then, even when the pool is freed first
 * @param arg of the configuration
 */
typedef void (*evpg_before_connect_cb)(struct evpg_login *login, void *arg);

/**
 * Called once when high_water requests or more wait for a connection, and once when there are no
 * more than low_water again; from the loop. A server that answers "try later" meanwhile spares its
 * clients the wait.
 *
 * @param pool freeing it here is legal
 * @param high whether there is too much to do
 * @param arg of the configuration
 */
typedef void (*evpg_water_cb)(struct evpg_db *pool, bool high, void *arg);

/**
 * Settings of a pool. Plain data, made by EVPG_POOL_CONFIG() or evpg_pool_config_default() and
 * never otherwise, so that members which later versions add have their defaults.
 * In every member but size, 0 (or NULL) means the default and -1 means none, where none makes
 * sense. Times are in milliseconds. Names are PgBouncer's where it has the setting.
 */
struct evpg_pool_config {
    /** sizeof(struct evpg_pool_config), as the two makers set it. */
    size_t size;

    /** The most connections there may be at a time, at most 10,000. Default: 8. */
    int max_connections;

    /**
     * How many connections are kept, whether they are needed or not: they are opened from the
     * loop's first turn on, and no idle timeout closes them. Default: none.
     */
    int min_connections;

    /** How many connections may be being opened at the same time; a login costs CPU. Default: 2. */
    int max_connecting;

    /** The most requests that may be under way at a time on one connection. Default: 64. */
    int max_requests_per_connection;

    /** Once requests under way on one connection take so many bytes, it gets no more. Default:
     * 256 KiB. */
    int64_t max_bytes_per_connection;

    /**
     * A connection on which one request has been running for longer than this gets no new ones
     * while another can be had. Default: 100.
     */
    int head_of_line_ms;

    /** The most requests that may wait for a connection; one more is refused with ENOBUFS. Of a
     * batch, each statement counts. Default: 200,000. */
    int max_queued_requests;

    /** The most memory that waiting requests may take, in bytes; beyond, ENOBUFS. Default: 256 MiB.
     */
    int64_t max_queued_bytes;

    /**
     * The longest a request, or evpg_acquire(), may wait for a connection; then it fails with
     * EVPG_E_TIMEOUT and EVPG_FATE_NOT_SENT, and its message says what came of the last attempt to
     * connect, if that failed. Unlike PgBouncer's, also where no connection can be had. Default:
     * 30,000.
     */
    int query_wait_timeout_ms;

    /**
     * The deadline of each request, as evpg_request_set_timeout() sets it, which goes before it;
     * not of what is submitted on a lease. PgBouncer's query_timeout, but from the submission on,
     * and the connection goes on. Default: none.
     */
    int query_timeout_ms;

    /** A connection older than this, give or take a tenth, is closed when it is not in use.
     * Default: 3,600,000. */
    int server_lifetime_ms;

    /** A connection that was not used for so long is closed, unless min_connections keeps it.
     * Default: 600,000. */
    int server_idle_timeout_ms;

    /** After so many requests and leases a connection is closed. Default: none. */
    int max_uses;

    /** An idle connection is asked for an answer when it was not heard of for so long. Default:
     * 30,000. */
    int server_check_delay_ms;

    /**
     * The longest that answer, or the reset after a lease, may take; then the connection is closed.
     * Default: 5,000.
     */
    int server_check_timeout_ms;

    /**
     * SQL to run when a lease has been given back, one or more statements, such as "RESET ALL".
     * Copied. A transaction that was left open is rolled back, and what was listened to is not any
     * more, without it. Default: none.
     */
    const char *server_reset_query;

    /** The first wait after a connection could not be had; each further one is twice as long.
     * Default: 100. */
    int reconnect_min_ms;

    /** The longest of these waits. Each is longer or shorter by chance, by a tenth. Default:
     * 10,000.
     */
    int reconnect_max_ms;

    /** As in struct evpg_conn_config, and goes before what connection has for it. */
    int server_connect_timeout_ms;

    /**
     * How each connection is made. Copied. Its max_queued_requests and max_queued_bytes are those
     * of a lease. NULL: the defaults.
     */
    const struct evpg_conn_config *connection;

    /**
     * Called before each connection is opened, to say what to connect with: for passwords that are
     * good for a short while only, or a server that is to be found out. Default: none.
     */
    evpg_before_connect_cb before_connect;

    /** Passed to before_connect. */
    void *before_connect_arg;

    /** How many waiting requests are many. Default: three quarters of max_queued_requests. */
    int high_water;

    /** How many are few again. Default: half of high_water. */
    int low_water;

    /** Told of these. Default: none. */
    evpg_water_cb on_water;

    /** Passed to on_water. */
    void *on_water_arg;

    /**
     * Of how many names of requests (evpg_request_set_name()) it is counted by itself how often and
     * how long they ran, see evpg_pool_name_stats(); each takes 1.2 KiB, once it is used, and
     * evpg_pool_write_metrics() takes longer with each: keep it to some dozens. Default: none.
     */
    int max_request_names;

    /**
     * Where standbys are: a connection string of its own, "target_session_attrs=standby" among it,
     * if only standbys will do. Requests, and evpg_acquire(), that have EVPG_STANDBY_OK run there
     * while there is a connection, which is opened with the first of them and kept, and else on the
     * primary, by conninfo: where no standby can be had, nobody waits for one. There are as many
     * connections more as max_connections says. Copied. Default: none.
     */
    const char *standby_conninfo;
};

/**
 * A configuration, in C: EVPG_POOL_CONFIG(.max_connections = 4), or empty. It is an object whose
 * address can be taken: &EVPG_POOL_CONFIG(...).
 */
#define EVPG_POOL_CONFIG(...)                                                                      \
    ((struct evpg_pool_config){.size = sizeof(struct evpg_pool_config), __VA_ARGS__})

/** A configuration with all defaults, for any language; set members afterwards. */
static inline struct evpg_pool_config evpg_pool_config_default(void)
{
    struct evpg_pool_config config = {sizeof(struct evpg_pool_config),
                                      0,
                                      0,
                                      0,
                                      0,
                                      0,
                                      0,
                                      0,
                                      0,
                                      0,
                                      0,
                                      0,
                                      0,
                                      0,
                                      0,
                                      0,
                                      NULL,
                                      0,
                                      0,
                                      0,
                                      NULL,
                                      NULL,
                                      NULL,
                                      0,
                                      0,
                                      NULL,
                                      NULL,
                                      0,
                                      NULL};
    return config;
}

/**
 * Says whether a pool can be made of these, without making one or connecting. Reads what libpq
 * reads for a connection string: its environment and service file.
 *
 * @param conninfo as for evpg_pool_new(), and checked here, as standby_conninfo is
 * @param config NULL: the defaults
 * @param why where to put what is wrong, naming the setting: "" if nothing is; may be NULL
 * @param why_size of that
 * @return 0; or -1 with errno EINVAL or ENOMEM
 */
EVPG_EXPORT int evpg_pool_config_check(const char *conninfo, const struct evpg_pool_config *config,
                                       char *why, size_t why_size);

/**
 * Makes a pool. Does no input or output: a connection is opened, in a later turn of the loop, when
 * a request needs it, or min_connections wants it.
 *
 * While the pool has never had a connection, a failed attempt fails all that waits for one, so that
 * a mistake shows at once; and so do, later on, errors that will not go away by themselves
 * (EVPG_E_AUTH, EVPG_E_TLS), where no other connection is up. Otherwise requests wait for the next
 * attempt. Requests that were not sent when their connection was lost go to another one; those that
 * were fail with EVPG_E_LOST and EVPG_FATE_UNKNOWN. Nothing is run twice.
 *
 * An open connection keeps event_base_dispatch() from returning, also when it is idle: evpg_close()
 * or evpg_free() the pool when it is not needed any more.
 *
 * evpg_close() of a pool finishes what was submitted, and fails those who wait for a lease with
 * EVPG_E_CLOSED; it is over when all leases have been given back. A pool cannot be opened again.
 *
 * @param base its loop; must outlive the pool
 * @param conninfo as for evpg_conn_new(), and read at each opening
 * @param config copied; NULL: the defaults
 * @return the pool, to be freed by evpg_free(); or NULL with errno EINVAL (base is NULL, or the
 *     configuration cannot be: evpg_pool_config_check() says why) or ENOMEM
 */
EVPG_EXPORT struct evpg_db *evpg_pool_new(struct event_base *base, const char *conninfo,
                                          const struct evpg_pool_config *config);

/** Whether the outcome is still wanted. evpg_login_finish() is due in any case. */
EVPG_EXPORT bool evpg_login_is_wanted(const struct evpg_login *login);

/** Whether the connection is to be one to a standby, by standby_conninfo; while it is wanted. */
EVPG_EXPORT bool evpg_login_is_for_standby(const struct evpg_login *login);

/**
 * Has a connection be opened, or not. Nothing is called back from inside this.
 *
 * @param login is gone when control is back in the loop
 * @param conninfo what to connect with, copied; NULL: the pool's
 * @param password to be used in place of one in conninfo, copied; NULL: none
 * @param why no connection is to be opened: the attempt has failed, and this becomes part of the
 *     error's message; NULL: it is to be opened
 */
EVPG_EXPORT void evpg_login_finish(struct evpg_login *login, const char *conninfo,
                                   const char *password, const char *why);

/**
 * Acquires one of the pool's connections for oneself, to run a transaction on it or whatever needs
 * one session. It is a db as a connection is: evpg_query() and the like, evpg_setcb(),
 * evpg_pgconn() and evpg_set_hooks() (it begins with the pool's hooks). If its connection is lost,
 * what had been submitted fails, and what is submitted then is refused with ENOTCONN: it is never
 * continued on another one. It is still to be given back.
 *
 * Whoever waits for a lease is served in turn with all other requests. It may be canceled by
 * evpg_request_cancel(), and named by evpg_request_set_name(): the name is in the warning that the
 * log hook gets when a lease is wanted while all connections are leased.
 *
 * @param pool from evpg_pool_new()
 * @param on_lease called once, from the loop or from evpg_free(): with the lease; or with db NULL
 *     and the error, as for a request that was not sent
 * @param arg passed to on_lease
 * @return the request; or NULL with errno EINVAL (no pool, no callback), ENOBUFS (a bound of the
 *     pool's is reached), ESHUTDOWN (it is closed, or being closed or freed) or ENOMEM
 */
EVPG_EXPORT struct evpg_request *evpg_acquire(struct evpg_db *pool, evpg_db_cb on_lease, void *arg);

/**
 * Gives a lease back; evpg_free() of one is the same. What was left behind is undone before the
 * connection is used by others: a transaction that is open is rolled back, what was listened to is
 * not any more, and server_reset_query is run. If something is still under way on it, the
 * connection is closed, and that fails with EVPG_E_CLOSED before this returns.
 *
 * The lease must not be used afterwards. As long as the pool lives and has not leased the same
 * connection again, that is noticed: it is refused, and the log hook told.
 *
 * @param lease NULL is allowed
 */
EVPG_EXPORT void evpg_release(struct evpg_db *lease);

#ifdef __cplusplus
}
#endif

#endif
