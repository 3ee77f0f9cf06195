/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * listener_connect: opens a listener's connection, as often as it takes.
 *
 * Called by the listener's timer, and by the connection when its opening is over. Invariants: an
 * attempt begins in a turn of the timer's, when something is listened to and the wait after the
 * last one is over; where there is a hook before_connect, it is asked first, and what it says is
 * taken in a later turn; meanwhile there is a login, and the connection is down.
 */
#include "listener.h"

#include "login.h"
#include "mem.h"

void listener_put_off(struct evpg_listener *listener)
{
    listener->attempt_ns = budget_now_ns() + backoff_fail_ns(&listener->connecting);
    listener_wake(listener);
}

static void fail(struct evpg_listener *listener, const struct evpg_error *why)
{
    listener_put_off(listener);
    listener_tell_lost(listener, why);
}

static void on_open(struct evpg_db *db, const struct evpg_error *error, void *arg)
{
    struct evpg_listener *listener = arg;

    (void)db;
    if (listener->dying)
        return;
    if (error) {
        fail(listener, error);
        return;
    }
    listener->opened_ns = budget_now_ns();
    listener->retrying.failures = 0;
    listener_hears(listener);
    channels_retry(listener);
    listener_hold(listener);
    channels_send(listener);
    listener_wake(listener);
    listener_release(listener);
}

static void open_it(struct evpg_listener *listener)
{
    if (!evpg_open(&listener->conn->db, on_open, listener))
        listener_put_off(listener);
}

static void on_login_over(void *listener)
{
    listener_wake(listener);
}

void listener_drop_login(struct evpg_listener *listener)
{
    struct evpg_login *login = listener->login;

    listener->login = NULL;
    login_drop(login);
}

/* The hook may finish it at once, free the listener, or both. */
static void ask(struct evpg_listener *listener)
{
    listener->login = login_new(listener->conninfo_text, false, on_login_over, listener);
    if (!listener->login) {
        listener_put_off(listener);
        return;
    }
    listener->login_ns = budget_now_ns();
    listener->config.before_connect(listener->login, listener->config.before_connect_arg);
}

static void open_with(struct evpg_listener *listener, const char *conninfo)
{
    char *copy = mem_strdup(conninfo);

    if (conninfo && !copy) {
        listener_put_off(listener);
        return;
    }
    mem_free(listener->conn->conninfo_text);
    listener->conn->conninfo_text = copy;
    open_it(listener);
}

int64_t listener_login_end(const struct evpg_listener *listener)
{
    return login_end_ns(listener->login_ns, listener->connection.server_connect_timeout_ms);
}

static void mind_login(struct evpg_listener *listener)
{
    struct evpg_error why;

    if (!login_is_over(listener->login) && budget_now_ns() < listener_login_end(listener))
        return;
    if (!login_fails(listener->login, &why)) {
        open_with(listener, login_conninfo(listener->login));
        listener_drop_login(listener);
        return;
    }
    listener_drop_login(listener);
    fail(listener, &why);
}

void listener_connect(struct evpg_listener *listener)
{
    if (listener->login)
        mind_login(listener);
    else if (listener->n_subscriptions == 0 || budget_now_ns() < listener->attempt_ns)
        return;
    else if (listener->config.before_connect)
        ask(listener);
    else
        open_it(listener);
}
