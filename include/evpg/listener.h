/* SPDX-License-Identifier: BSD-2-Clause */
/**
 * @file evpg/listener.h
 * LISTEN and NOTIFY (PostgreSQL manual, "LISTEN", "NOTIFY"): a listener, which keeps a connection
 * of its own to listen on for as long as it lives, and evpg_notify().
 *
 * A server keeps nothing for those who do not listen: what is notified while a connection is away
 * is gone. So a listener says when it listens, and whether it has missed something:
 *
 *     struct evpg_listener *listener = evpg_listener_new(base, NULL, NULL);
 *     evpg_listener_listen(listener, "orders", on_order, on_ready, NULL);
 *
 * on_ready is called when the server has acknowledged the LISTEN, and again whenever it has done so
 * after a loss, then with gap true. What is notified after that reaches on_order, once and in the
 * order of the server's, until the connection is lost. What may have been notified before is to be
 * looked up in on_ready: in the table that the notifications are about.
 *
 * A listener needs a session of its own at the server: a pooler in transaction mode, such as
 * PgBouncer's, has none to give.
 */
#ifndef EVPG_LISTENER_H
#define EVPG_LISTENER_H

#include <evpg/common.h>
#include <evpg/conn.h>
#include <evpg/login.h>
#include <evpg/notify.h>

#ifdef __cplusplus
extern "C" {
#endif

/** Keeps a set of channels listened to. */
struct evpg_listener;

/** One callback on one channel. Valid until evpg_listener_unlisten() or evpg_listener_free(). */
struct evpg_subscription;

/**
 * Called when a subscription gets all notifications from now on: the server has acknowledged its
 * LISTEN. From the loop, never from inside evpg_listener_listen().
 *
 * @param subscription ending it here is legal, and so is freeing the listener
 * @param gap false the first time. True after a loss of the connection: what was notified
 *     meanwhile has not been seen
 * @param arg of the subscription
 */
typedef void (*evpg_ready_cb)(struct evpg_subscription *subscription, bool gap, void *arg);

/**
 * Called when a listener does not hear what it should.
 *
 * @param listener freeing it here is legal
 * @param error borrowed until the callback returns
 * @param arg what evpg_listener_setcb() was given
 */
typedef void (*evpg_listener_cb)(struct evpg_listener *listener, const struct evpg_error *error,
                                 void *arg);

/**
 * Settings of a listener. Plain data, made by EVPG_LISTENER_CONFIG() or
 * evpg_listener_config_default() and never otherwise, so that members which later versions add have
 * their defaults. In every member but size, 0 (or NULL) means the default and -1 means none, where
 * none makes sense. Times are in milliseconds.
 */
struct evpg_listener_config {
    /** sizeof(struct evpg_listener_config), as the two makers set it. */
    size_t size;

    /**
     * When nothing was heard of the server for so long, it is asked for an answer: for a listener
     * sends nothing by itself, and TCP does not notice an end that says nothing. -1: it is not
     * asked. Default: 30,000.
     */
    int probe_interval_ms;

    /**
     * How long the server may be silent when an answer is due, to that or to LISTEN; then the
     * connection is given up, as one that is lost. -1: as long as it likes. Default: 5,000.
     */
    int probe_timeout_ms;

    /**
     * How long to wait before connecting again, after a loss or an attempt that has failed. Each
     * further wait is twice as long, until a connection has lasted for a second. Default: 100.
     */
    int reconnect_min_ms;

    /** The longest of these waits. Each is longer or shorter by chance, by a tenth. Default:
     * 10,000. */
    int reconnect_max_ms;

    /** How the connection is made. Copied. NULL: the defaults. */
    const struct evpg_conn_config *connection;

    /**
     * Called before each attempt to connect, to say what to connect with (evpg/login.h). If it says
     * that there is to be no connection, or takes too long, that is told to on_lost, and it is
     * asked again as connecting is tried again. Default: none.
     */
    evpg_before_connect_cb before_connect;

    /** Passed to before_connect. */
    void *before_connect_arg;
};

/**
 * A configuration, in C: EVPG_LISTENER_CONFIG(.probe_interval_ms = 5000), or empty. It is an object
 * whose address can be taken: &EVPG_LISTENER_CONFIG(...).
 */
#define EVPG_LISTENER_CONFIG(...)                                                                  \
    ((struct evpg_listener_config){.size = sizeof(struct evpg_listener_config), __VA_ARGS__})

/** A configuration with all defaults, for any language; set members afterwards. */
static inline struct evpg_listener_config evpg_listener_config_default(void)
{
    struct evpg_listener_config config = {
        sizeof(struct evpg_listener_config), 0, 0, 0, 0, NULL, NULL, NULL};
    return config;
}

/**
 * Makes a listener. Does no input or output: it connects, in a later turn of the loop, when there
 * is something to listen to, and stays connected until it is freed. It never gives up: whatever
 * goes wrong, it tries again.
 *
 * From its first evpg_listener_listen() on it keeps event_base_dispatch() from returning, until it
 * is freed.
 *
 * @param base its loop; must outlive the listener
 * @param conninfo as for evpg_conn_new(), and read at each opening. With several hosts and
 *     target_session_attrs=read-write a promotion is followed; a standby takes no LISTEN
 * @param config copied; NULL: the defaults
 * @return the listener, to be freed by evpg_listener_free(); or NULL with errno EINVAL (base is
 *     NULL; the configuration has a value that cannot be, such as a reconnect_min_ms above
 *     reconnect_max_ms, or members this library does not know) or ENOMEM
 */
EVPG_EXPORT struct evpg_listener *evpg_listener_new(struct event_base *base, const char *conninfo,
                                                    const struct evpg_listener_config *config);

/**
 * Frees a listener at once, its connection and its subscriptions with it. Nothing of it calls back
 * afterwards. Legal in every callback, its own included.
 *
 * In a child process made by fork all other calls are refused, with EINVAL, and this frees the
 * child's memory and descriptor: the parent's listener goes on.
 *
 * @param listener NULL is allowed
 */
EVPG_EXPORT void evpg_listener_free(struct evpg_listener *listener);

/**
 * Sets who hears of trouble. At any time; it replaces the one before.
 *
 * @param listener NULL is allowed
 * @param on_lost or NULL. Called, from the loop, with the reason:
 *     - when the connection was lost (EVPG_E_LOST; a server that has not answered within
 *       probe_timeout_ms among them): from then on nothing is heard, until on_ready of each
 *       subscription
 *     - each time when an attempt to connect has failed, with the error of evpg_open()
 *     - when the server refuses a LISTEN or UNLISTEN, as a standby does: EVPG_E_SERVER, with a
 *       SQLSTATE, and the message begins with the channel. The others are listened to, and this
 *       one is tried again as connecting is
 * @param arg passed to on_lost
 */
EVPG_EXPORT void evpg_listener_setcb(struct evpg_listener *listener, evpg_listener_cb on_lost,
                                     void *arg);

/**
 * Listens to a channel. A channel may have any number of subscriptions; LISTEN is sent for the
 * first of them alone, and each gets every notification, in the order in which they were made.
 * What the session itself sends is heard as well.
 *
 * @param listener whose connection may be up or down
 * @param channel its name, exactly, copied: no folding of case, and quoted as need be. From 1 to 63
 *     bytes, also in the server's encoding: it would cut a longer one
 * @param on_notification called, from the loop, for each notification that is sent after on_ready,
 *     and for some, perhaps, sent shortly before; evpg_notification_db() of it is
 *     evpg_listener_db()
 * @param on_ready or NULL
 * @param arg passed to both
 * @return the subscription; or NULL with errno EINVAL (listener, channel or on_notification is
 *     NULL, or the channel's name is empty or too long: the log hook is told), ESHUTDOWN (the
 *     listener is being freed) or ENOMEM
 */
EVPG_EXPORT struct evpg_subscription *evpg_listener_listen(struct evpg_listener *listener,
                                                           const char *channel,
                                                           evpg_notify_cb on_notification,
                                                           evpg_ready_cb on_ready, void *arg);

/**
 * Ends a subscription, from now on: none of its callbacks is called any more. Others on the same
 * channel go on; with the last one UNLISTEN is sent. Legal in every callback, its own included,
 * unless the listener has been freed before.
 *
 * @param subscription not to be used afterwards; NULL is allowed
 */
EVPG_EXPORT void evpg_listener_unlisten(struct evpg_subscription *subscription);

/** The name of a subscription's channel; valid as long as it is. */
EVPG_EXPORT const char *evpg_subscription_channel(const struct evpg_subscription *subscription);

/**
 * The listener as a db, for evpg_set_hooks(), evpg_parameter() and evpg_pgconn(): it takes no work
 * of the application's. evpg_free() of it is evpg_listener_free().
 *
 * @param listener NULL gives NULL
 */
EVPG_EXPORT struct evpg_db *evpg_listener_db(struct evpg_listener *listener);

/**
 * Notifies a channel, by the server's function pg_notify(): all sessions that listen to it hear of
 * it when the transaction has been committed, which on_done tells unless it runs in a transaction
 * block. Within a transaction, the same payload on the same channel is heard once.
 *
 * @param db of any kind: a pool is as good as a connection
 * @param channel its name, as for evpg_listener_listen(), but checked by the server: SQLSTATE 22023
 *     when it is empty or too long
 * @param payload less than 8000 bytes, checked by the server (22023); NULL is ""
 * @param on_done called once; NULL: nobody wants to know
 * @param arg passed to on_done
 * @return as evpg_query(); and EINVAL when channel is NULL
 */
EVPG_EXPORT struct evpg_request *evpg_notify(struct evpg_db *db, const char *channel,
                                             const char *payload, evpg_done_cb on_done, void *arg);

#ifdef __cplusplus
}
#endif

#endif
