/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * listener: keeps one connection, to listen on: its making, its loss, its silence and its end.
 *
 * Called by the application, by the timer and by the connection; its opening is in
 * listener_connect.c, and what is listened to in listener_channels.c. Invariants: the connection is
 * one and the same, opened again and again, and its face is the listener's db, so that the
 * application knows no other; the next attempt comes from the timer, never from a callback;
 * whatever has changed wakes the timer, and each turn ends with its being set to what is due next;
 * a question to the server has a deadline; memory stays while a frame holds it, and as long as the
 * connection's.
 */
#include "listener.h"

#include "listener_config.h"
#include "mem.h"

#include <evpg/param.h>
#include <evpg/query.h>

#include <errno.h>
#include <string.h>
#include <unistd.h>

#define NEVER INT64_MAX

/* A connection that has lasted for so long was no failure. */
#define LASTED_NS 1000000000

static struct evpg_listener *listener_of(struct evpg_db *db)
{
    return (struct evpg_listener *)db; /* its first member */
}

static bool is_inherited(const struct evpg_listener *listener)
{
    return listener->pid != getpid();
}

void listener_hold(struct evpg_listener *listener)
{
    listener->hold++;
}

static void destroy(struct evpg_listener *listener)
{
    channels_free(listener);
    types_forget(&listener->db.types);
    mem_free(listener->conninfo_text);
    mem_free(listener);
}

void listener_release(struct evpg_listener *listener)
{
    if (--listener->hold > 0)
        return;
    if (!listener->dying)
        channels_sweep(listener);
    else if (!listener->conn)
        destroy(listener);
}

/* Frames of the connection's may be using its face until now. */
static void on_gone(void *arg)
{
    struct evpg_listener *listener = arg;

    listener->conn = NULL;
    if (listener->hold == 0)
        destroy(listener);
}

static const struct conn_owner owner = {.gone = on_gone};

int listener_refusal(struct evpg_listener *listener)
{
    if (is_inherited(listener))
        return db_refuse(&listener->db, EINVAL, "the listener belongs to the parent process");
    if (listener->dying)
        return db_refuse(&listener->db, ESHUTDOWN, "the listener is being freed");
    return db_is_observed(&listener->db) ? EINVAL : 0;
}

static void set_timer(struct evpg_listener *listener, int64_t ns)
{
    int64_t us = ns > 0 ? ns / 1000 + 1 : 0;
    const struct timeval time = {us / 1000000, us % 1000000};

    if (evtimer_add(listener->timer, &time) < 0)
        event_active(listener->timer, EV_TIMEOUT, 0); /* which needs no memory */
}

void listener_wake(struct evpg_listener *listener)
{
    if (listener->awake || listener->dying)
        return;
    listener->awake = true;
    set_timer(listener, 0);
}

void listener_tell_lost(struct evpg_listener *listener, const struct evpg_error *why)
{
    listener_hold(listener);
    if (listener->on_lost)
        listener->on_lost(listener, why, listener->arg);
    listener_release(listener);
}

void listener_asks(struct evpg_listener *listener)
{
    if (listener->n_asked++ == 0)
        listener->asked_ns = budget_now_ns();
}

void listener_hears(struct evpg_listener *listener)
{
    listener->heard_ns = budget_now_ns();
    listener->put_off = false;
}

void listener_is_answered(struct evpg_listener *listener)
{
    listener->n_asked--;
    listener_hears(listener);
    listener_wake(listener);
}

static int64_t later(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

static int64_t after(int64_t ns, int ms)
{
    return ms < 0 ? NEVER : ns + (int64_t)ms * 1000000;
}

/* When the server has to be asked, or given up. */
static int64_t silence_due(const struct evpg_listener *listener)
{
    if (listener->n_asked > 0)
        return after(later(listener->asked_ns, listener->heard_ns),
                     listener->config.probe_timeout_ms);
    return after(later(listener->conn->idle_since_ns, listener->heard_ns),
                 listener->config.probe_interval_ms);
}

static int64_t due(const struct evpg_listener *listener)
{
    int64_t silence;

    if (listener->login)
        return listener_login_end(listener);
    if (listener->conn->state == CONN_DOWN)
        return listener->n_subscriptions > 0 ? listener->attempt_ns : NEVER;
    if (listener->conn->state != CONN_READY)
        return NEVER;
    silence = silence_due(listener);
    if (TAILQ_EMPTY(&listener->refused) || silence < listener->retry_ns)
        return silence;
    return listener->retry_ns;
}

/* The connection's callback. What was on its way is completed already. */
static void on_lost(struct evpg_db *db, const struct evpg_error *why, void *arg)
{
    struct evpg_listener *listener = arg;

    (void)db;
    if (budget_now_ns() - listener->opened_ns >= LASTED_NS)
        listener->connecting.failures = 0;
    channels_lost(listener);
    listener_put_off(listener);
    listener_tell_lost(listener, why);
}

static void on_probed(const struct evpg_result *result, void *arg)
{
    (void)result;
    listener_is_answered(arg);
}

/* An empty statement, which does nothing, in any state of the server. Without memory for it, later.
 */
static void probe(struct evpg_listener *listener)
{
    if (evpg_query(&listener->conn->db, "", EVPG_NO_PARAMS, NULL, on_probed, listener))
        listener_asks(listener);
    else
        listener_hears(listener);
}

/* What has come meanwhile is looked at first. */
static bool has_stood_still(struct evpg_listener *listener, int64_t late_ns)
{
    if (listener->put_off || late_ns < BUDGET_STALL_NS)
        return false;
    listener->put_off = true;
    listener->asked_ns =
        budget_now_ns() + BUDGET_STALL_NS - (int64_t)listener->config.probe_timeout_ms * 1000000;
    return true;
}

static void give_up(struct evpg_listener *listener)
{
    struct evpg_error why;

    err_set(&why, EVPG_E_LOST, EVPG_FATE_UNKNOWN,
            "the server did not answer within probe_timeout_ms (%d)",
            listener->config.probe_timeout_ms);
    err_set_sqlstate(&why, "08006");
    conn_down(listener->conn, &why);
}

static void mind_silence(struct evpg_listener *listener)
{
    int64_t late_ns = budget_now_ns() - silence_due(listener);

    if (late_ns < 0)
        return;
    if (listener->n_asked == 0)
        probe(listener);
    else if (!has_stood_still(listener, late_ns))
        give_up(listener);
}

static void work(struct evpg_listener *listener)
{
    if (budget_now_ns() >= listener->retry_ns)
        channels_retry(listener);
    channels_send(listener);
    if (!listener->dying)
        channels_tell_ready(listener);
    if (!listener->dying && listener->conn->state == CONN_READY)
        mind_silence(listener);
}

static void wait_for_more(struct evpg_listener *listener)
{
    int64_t when = due(listener);

    if (!listener->awake && when != NEVER)
        set_timer(listener, when - budget_now_ns());
}

static void on_timer(evutil_socket_t fd, short what, void *arg)
{
    struct evpg_listener *listener = arg;

    (void)fd;
    (void)what;
    listener->awake = false;
    listener_hold(listener);
    if (listener->conn->state == CONN_DOWN)
        listener_connect(listener);
    else if (listener->conn->state == CONN_READY)
        work(listener);
    if (!listener->dying)
        wait_for_more(listener);
    listener_release(listener);
}

static int listener_submit(struct evpg_db *db, struct evpg_request *request)
{
    (void)request;
    return db_refuse(db, EINVAL, "a listener takes no work: use a connection or a pool");
}

/* The completions that this leads to are our own. */
static void listener_end(struct evpg_db *db)
{
    struct evpg_listener *listener = listener_of(db);

    if (listener->dying)
        return;
    listener_hold(listener);
    listener->dying = true;
    if (!is_inherited(listener))
        event_free(listener->timer);
    listener_drop_login(listener);
    evpg_free(&listener->conn->db);
    listener_release(listener);
}

static void *listener_pgconn(struct evpg_db *db)
{
    struct conn *conn = listener_of(db)->conn;

    return conn ? conn->pg : NULL;
}

static struct conn *listener_session(struct evpg_db *db)
{
    (void)db;
    return NULL;
}

static const struct db_ops listener_ops = {
    .submit = listener_submit,
    .free = listener_end,
    .pgconn = listener_pgconn,
    .session = listener_session,
};

static void fill_in(struct evpg_listener *listener)
{
    uint64_t seed = (uint64_t)budget_now_ns() ^ (uint64_t)(uintptr_t)listener ^ (uint64_t)getpid();
    struct backoff waits = {.seed = seed,
                            .min_ms = listener->config.reconnect_min_ms,
                            .max_ms = listener->config.reconnect_max_ms};

    listener->db.ops = &listener_ops;
    listener->pid = getpid();
    listener->epoch = 1;
    listener->connecting = listener->retrying = waits;
    TAILQ_INIT(&listener->todo);
    TAILQ_INIT(&listener->refused);
    TAILQ_INIT(&listener->telling);
    TAILQ_INIT(&listener->heard);
    TAILQ_INIT(&listener->dead);
}

static bool make_parts(struct evpg_listener *listener, struct event_base *base,
                       const char *conninfo)
{
    struct evpg_db *conn = evpg_conn_new(base, conninfo, &listener->connection);

    if (!conn)
        return false;
    listener->timer = evtimer_new(base, on_timer, listener);
    if (!listener->timer) {
        evpg_free(conn);
        return false;
    }
    listener->conn = conn_of(conn);
    listener->conn->face = &listener->db;
    listener->conn->owner = &owner;
    listener->conn->owner_arg = listener;
    evpg_setcb(conn, channels_on_notification, on_lost, listener);
    return true;
}

struct evpg_listener *evpg_listener_new(struct event_base *base, const char *conninfo,
                                        const struct evpg_listener_config *config)
{
    struct evpg_listener_config checked;
    struct evpg_conn_config connection;
    struct evpg_listener *listener;

    if (!base || !listener_config_take(&checked, &connection, config)) {
        errno = EINVAL;
        return NULL;
    }
    listener = mem_alloc(sizeof(*listener));
    if (!listener)
        return NULL;
    listener->config = checked;
    listener->connection = connection;
    listener->config.connection = &listener->connection;
    fill_in(listener);
    listener->conninfo_text = mem_strdup(conninfo);
    if ((!conninfo || listener->conninfo_text) && make_parts(listener, base, conninfo))
        return listener;
    mem_free(listener->conninfo_text);
    mem_free(listener);
    errno = ENOMEM;
    return NULL;
}

void evpg_listener_free(struct evpg_listener *listener)
{
    if (listener)
        evpg_free(&listener->db);
}

void evpg_listener_setcb(struct evpg_listener *listener, evpg_listener_cb lost, void *arg)
{
    if (!listener)
        return;
    listener->on_lost = lost;
    listener->arg = arg;
}

struct evpg_db *evpg_listener_db(struct evpg_listener *listener)
{
    return listener ? &listener->db : NULL;
}
