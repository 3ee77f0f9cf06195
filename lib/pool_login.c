/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * pool_login: a pool's hook before_connect, for each of its connections.
 *
 * Called by pool_connect.c and pool_turn.c. Invariants: a slot that waits for a login is OPENING
 * and has no connection; one that is over, or takes too long, is dealt with in a turn of the
 * pool's.
 */
#include "pool_login.h"

#include "login.h"

static void on_over(void *pool)
{
    pool_kick(pool);
}

bool pool_login_start(struct slot *slot)
{
    struct pool *pool = slot->pool;

    slot->login = login_new(pool->conninfo_text, pool->primary, on_over, pool);
    if (!slot->login)
        return false;
    pool->config.before_connect(slot->login, pool->config.before_connect_arg);
    return true;
}

void pool_login_drop(struct slot *slot)
{
    struct evpg_login *login = slot->login;

    slot->login = NULL;
    login_drop(login);
}

int64_t pool_login_end(const struct slot *slot)
{
    return slot->login ? login_end_ns(slot->since_ns, slot->pool->config.server_connect_timeout_ms)
                       : POOL_NEVER;
}

static void go_on(struct slot *slot)
{
    struct evpg_error why;

    if (login_fails(slot->login, &why)) {
        pool_login_drop(slot);
        pool_fail_slot(slot, &why);
    } else {
        pool_connect_slot(slot, login_conninfo(slot->login));
        pool_login_drop(slot);
    }
}

void pool_login_turn(struct pool *pool)
{
    struct slot *slot, *next;

    for (slot = TAILQ_FIRST(&pool->in[SLOT_OPENING]); slot && !pool->dying; slot = next) {
        next = TAILQ_NEXT(slot, link);
        if (slot->login && (login_is_over(slot->login) || pool->now_ns >= pool_login_end(slot)))
            go_on(slot);
    }
}
