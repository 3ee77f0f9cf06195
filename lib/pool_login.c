/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * pool_login: the hook before_connect: the application says what to connect with, in its own time.
 *
 * Called by pool_connect.c and pool_turn.c, and by the application. Invariants: a login lives until
 * the application has finished it and its slot has dropped it, in whichever order; finishing one
 * only leaves its outcome to the pool's next turn, so nothing is called back from inside. A slot
 * that waits for one is OPENING and has no connection.
 */
#include "pool_login.h"

#include "mem.h"

#include <event2/buffer.h>
#include <stdio.h>
#include <string.h>

#define DEFAULT_TIMEOUT_MS 15000

struct evpg_login {
    struct slot *slot; /* NULL: it is not wanted any more */
    bool is_over;
    bool no_memory;
    char *conninfo; /* or NULL */
    char why[200];  /* there is to be no connection; else "" */
};

static void destroy(struct evpg_login *login)
{
    mem_free(login->conninfo);
    mem_free(login);
}

bool pool_login_start(struct slot *slot)
{
    struct evpg_login *login = mem_alloc(sizeof(*login));
    const struct evpg_pool_config *config = &slot->pool->config;

    if (!login)
        return false;
    login->slot = slot;
    slot->login = login;
    config->before_connect(login, config->before_connect_arg);
    return true;
}

void pool_login_drop(struct slot *slot)
{
    struct evpg_login *login = slot->login;

    slot->login = NULL;
    if (!login)
        return;
    login->slot = NULL;
    if (login->is_over)
        destroy(login);
}

bool evpg_login_is_wanted(const struct evpg_login *login)
{
    return login->slot;
}

bool evpg_login_is_for_standby(const struct evpg_login *login)
{
    return login->slot && login->slot->pool->primary;
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
    conninfo = conninfo ? conninfo : login->slot->pool->conninfo_text;
    login->conninfo = password ? with_password(conninfo, password) : mem_strdup(conninfo);
    login->no_memory = (conninfo || password) && !login->conninfo;
}

void evpg_login_finish(struct evpg_login *login, const char *conninfo, const char *password,
                       const char *why)
{
    if (login->is_over)
        return;
    login->is_over = true;
    if (!login->slot) {
        destroy(login);
        return;
    }
    if (why)
        snprintf(login->why, sizeof(login->why), "before_connect: %s", why);
    else
        take(login, conninfo, password);
    pool_kick(login->slot->pool);
}

int64_t pool_login_end(const struct slot *slot)
{
    int ms = slot->pool->config.server_connect_timeout_ms;

    if (!slot->login || ms < 0)
        return POOL_NEVER;
    return slot->since_ns + (int64_t)(ms ? ms : DEFAULT_TIMEOUT_MS) * 1000000;
}

static void give_up(struct slot *slot, enum evpg_code code, const char *message)
{
    struct evpg_error why;

    err_set(&why, code, EVPG_FATE_NOT_SENT, "%s", message);
    err_set_sqlstate(&why, code == EVPG_E_MEMORY ? "" : "08001");
    pool_login_drop(slot);
    pool_fail_slot(slot, &why);
}

static void go_on(struct slot *slot)
{
    struct evpg_login *login = slot->login;
    char message[sizeof(login->why)];

    if (*login->why) {
        memcpy(message, login->why, sizeof(message));
        give_up(slot, EVPG_E_CONNECT, message);
    } else if (login->no_memory) {
        give_up(slot, EVPG_E_MEMORY, "out of memory");
    } else {
        pool_connect_slot(slot, login->conninfo);
        pool_login_drop(slot);
    }
}

void pool_login_turn(struct pool *pool)
{
    struct slot *slot, *next;

    for (slot = TAILQ_FIRST(&pool->in[SLOT_OPENING]); slot && !pool->dying; slot = next) {
        next = TAILQ_NEXT(slot, link);
        if (slot->login && slot->login->is_over)
            go_on(slot);
        else if (pool->now_ns >= pool_login_end(slot))
            give_up(slot, EVPG_E_TIMEOUT, "before_connect has not finished in time");
    }
}
