/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * login: what a hook before_connect is handed, a pool's or a listener's: the application says what
 * to connect with, in its own time.
 *
 * Called by pool_login.c and listener_connect.c, the owners, and by the application. Invariants: a
 * login lives until the application has finished it and its owner has dropped it, in whichever
 * order; finishing one leaves its outcome for the owner's next turn, so nothing is called back from
 * inside.
 */
#include "login.h"

#include "err.h"
#include "mem.h"

#include <event2/buffer.h>
#include <libpq-fe.h>
#include <stdio.h>
#include <string.h>

#define DEFAULT_TIMEOUT_MS 15000

struct evpg_login {
    void (*on_over)(void *arg); /* NULL: it is not wanted any more */
    void *arg;
    const char *preset; /* the owner's connection string, or NULL */
    bool is_for_standby;
    bool is_over;
    bool no_memory;
    char *conninfo; /* or NULL */
    char why[200];  /* there is to be no connection; else "" */
};

struct evpg_login *login_new(const char *conninfo, bool is_for_standby, void (*on_over)(void *arg),
                             void *arg)
{
    struct evpg_login *login = mem_alloc(sizeof(*login));

    if (!login)
        return NULL;
    login->on_over = on_over;
    login->arg = arg;
    login->preset = conninfo;
    login->is_for_standby = is_for_standby;
    return login;
}

static void destroy(struct evpg_login *login)
{
    mem_free(login->conninfo);
    mem_free(login);
}

void login_drop(struct evpg_login *login)
{
    if (!login)
        return;
    login->on_over = NULL;
    if (login->is_over)
        destroy(login);
}

bool login_is_over(const struct evpg_login *login)
{
    return login->is_over;
}

bool evpg_login_is_wanted(const struct evpg_login *login)
{
    return login->on_over;
}

bool evpg_login_is_for_standby(const struct evpg_login *login)
{
    return login->on_over && login->is_for_standby;
}

static void add_option(struct evbuffer *to, const char *keyword, const char *value)
{
    evbuffer_add_printf(to, "%s='", keyword);
    for (; *value; value++) {
        if (*value == '\'' || *value == '\\')
            evbuffer_add(to, "\\", 1);
        evbuffer_add(to, value, 1);
    }
    evbuffer_add(to, "' ", 2);
}

/* All that the string sets, for it may be a URI, and the password. One that libpq cannot read stays
 * as it is: opening will tell. */
static char *with_password(const char *conninfo, const char *password)
{
    PQconninfoOption *options = PQconninfoParse(conninfo ? conninfo : "", NULL);
    struct evbuffer *text = evbuffer_new();
    char *copy = NULL;

    for (PQconninfoOption *option = options; text && option && option->keyword; option++)
        if (option->val && strcmp(option->keyword, "password") != 0)
            add_option(text, option->keyword, option->val);
    if (text && options) {
        add_option(text, "password", password);
        evbuffer_add(text, "", 1);
        copy = mem_strdup((const char *)evbuffer_pullup(text, -1));
    } else if (text) {
        copy = mem_strdup(conninfo);
    }
    if (text)
        evbuffer_free(text);
    PQconninfoFree(options);
    return copy;
}

static void take(struct evpg_login *login, const char *conninfo, const char *password)
{
    conninfo = conninfo ? conninfo : login->preset;
    login->conninfo = password ? with_password(conninfo, password) : mem_strdup(conninfo);
    login->no_memory = (conninfo || password) && !login->conninfo;
}

void evpg_login_finish(struct evpg_login *login, const char *conninfo, const char *password,
                       const char *why)
{
    if (login->is_over)
        return;
    login->is_over = true;
    if (!login->on_over) {
        destroy(login);
        return;
    }
    if (why)
        snprintf(login->why, sizeof(login->why), "before_connect: %s", why);
    else
        take(login, conninfo, password);
    login->on_over(login->arg);
}

int64_t login_end_ns(int64_t began_ns, int timeout_ms)
{
    if (timeout_ms < 0)
        return LOGIN_NEVER;
    return began_ns + (int64_t)(timeout_ms ? timeout_ms : DEFAULT_TIMEOUT_MS) * 1000000;
}

bool login_fails(const struct evpg_login *login, struct evpg_error *why)
{
    if (login->is_over && login->no_memory) {
        err_set(why, EVPG_E_MEMORY, EVPG_FATE_NOT_SENT, "out of memory");
        return true;
    }
    if (login->is_over && !*login->why)
        return false;
    if (login->is_over)
        err_set(why, EVPG_E_CONNECT, EVPG_FATE_NOT_SENT, "%s", login->why);
    else
        err_set(why, EVPG_E_TIMEOUT, EVPG_FATE_NOT_SENT, "before_connect has not finished in time");
    err_set_sqlstate(why, "08001");
    return true;
}

const char *login_conninfo(const struct evpg_login *login)
{
    return login->conninfo;
}
