/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * pool_config: reads a pool's configuration, which the application has made, perhaps for another
 * version of this library, and says what is wrong with it.
 *
 * Called by the application and by pool.c. Invariants: what is taken has no zeros left but those
 * that mean 0, and no sizes that contradict each other; what a newer application has set beyond
 * what is known here is refused and not ignored; each complaint names its setting.
 */
#include "pool_config.h"

#include "conninfo.h"
#include "settings.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define MOST_CONNECTIONS 10000

/* A whole number among the settings. */
struct number {
    const char *name;
    size_t offset;
    bool wide; /* int64_t; else int */
    bool none; /* -1 makes sense */
    int64_t preset;
};

#define NUMBER(member, none, preset)                                                               \
    {                                                                                              \
#member, offsetof(struct evpg_pool_config, member),                                        \
            sizeof(((struct evpg_pool_config *)0)->member) == sizeof(int64_t), none, preset        \
    }

static const struct number numbers[] = {
    NUMBER(max_connections, false, 8),
    NUMBER(min_connections, true, 0),
    NUMBER(max_connecting, false, 2),
    NUMBER(max_requests_per_connection, false, 64),
    NUMBER(max_bytes_per_connection, true, 256 << 10),
    NUMBER(head_of_line_ms, true, 100),
    NUMBER(max_queued_requests, true, 200000),
    NUMBER(max_queued_bytes, true, 256 << 20),
    NUMBER(query_wait_timeout_ms, true, 30000),
    NUMBER(query_timeout_ms, true, -1),
    NUMBER(server_lifetime_ms, true, 3600000),
    NUMBER(server_idle_timeout_ms, true, 600000),
    NUMBER(max_uses, true, -1),
    NUMBER(server_check_delay_ms, true, 30000),
    NUMBER(server_check_timeout_ms, true, 5000),
    NUMBER(reconnect_min_ms, false, 100),
    NUMBER(reconnect_max_ms, false, 10000),
    NUMBER(server_connect_timeout_ms, true, 0),
    NUMBER(high_water, true, 0),
    NUMBER(low_water, true, 0),
    NUMBER(max_request_names, true, 0),
};

enum { N_NUMBERS = sizeof(numbers) / sizeof(*numbers) };

static int64_t get(const struct evpg_pool_config *config, const struct number *number)
{
    const char *at = (const char *)config + number->offset;

    return number->wide ? *(const int64_t *)(const void *)at : *(const int *)(const void *)at;
}

static void set(struct evpg_pool_config *config, const struct number *number, int64_t value)
{
    char *at = (char *)config + number->offset;

    if (number->wide)
        *(int64_t *)(void *)at = value;
    else
        *(int *)(void *)at = (int)value;
}

/* Three quarters of what may wait, and half of that. */
static void suit_water(struct evpg_pool_config *to)
{
    if (to->high_water == 0)
        to->high_water = to->max_queued_requests < 0
                             ? -1
                             : to->max_queued_requests - to->max_queued_requests / 4;
    if (to->low_water <= 0)
        to->low_water = to->high_water / 2;
}

static bool take_numbers(struct evpg_pool_config *to, char *why, size_t why_size)
{
    for (const struct number *number = numbers; number < numbers + N_NUMBERS; number++) {
        int64_t value = get(to, number);

        if (value < -1 || (value == -1 && !number->none)) {
            snprintf(why, why_size, "%s is %lld: it must be %s, or 0 for the default", number->name,
                     (long long)value, number->none ? "positive, -1 for none" : "positive");
            return false;
        }
        if (value == 0)
            set(to, number, number->preset);
    }
    if (to->min_connections < 0)
        to->min_connections = 0;
    if (to->max_request_names < 0)
        to->max_request_names = 0;
    suit_water(to);
    return true;
}

/* The default of the one gives way to the other, where that was set. */
static void suit_waits(struct evpg_pool_config *to)
{
    if (to->reconnect_min_ms == 0 && to->reconnect_max_ms > 0 && to->reconnect_max_ms < 100)
        to->reconnect_min_ms = to->reconnect_max_ms;
    if (to->reconnect_max_ms == 0 && to->reconnect_min_ms > 10000)
        to->reconnect_max_ms = to->reconnect_min_ms;
}

static bool fit(const struct evpg_pool_config *to, char *why, size_t why_size)
{
    if (to->max_connections > MOST_CONNECTIONS)
        snprintf(why, why_size, "max_connections is %d: it can be %d at most", to->max_connections,
                 MOST_CONNECTIONS);
    else if (to->min_connections > to->max_connections)
        snprintf(why, why_size, "min_connections is %d, more than max_connections, %d",
                 to->min_connections, to->max_connections);
    else if (to->reconnect_min_ms > to->reconnect_max_ms)
        snprintf(why, why_size, "reconnect_min_ms is %d, more than reconnect_max_ms, %d",
                 to->reconnect_min_ms, to->reconnect_max_ms);
    else if (to->high_water >= 0 && to->low_water > to->high_water)
        snprintf(why, why_size, "low_water is %d, more than high_water, %d", to->low_water,
                 to->high_water);
    else if (to->max_queued_requests >= 0 && to->high_water > to->max_queued_requests)
        snprintf(why, why_size, "high_water is %d, more than max_queued_requests, %d",
                 to->high_water, to->max_queued_requests);
    else
        return true;
    return false;
}

static bool take_connection(struct evpg_conn_config *connection, const struct evpg_pool_config *to,
                            char *why, size_t why_size)
{
    if (!settings_take(connection, to->connection)) {
        snprintf(why, why_size, "connection has a value or a member that cannot be");
        return false;
    }
    if (to->server_connect_timeout_ms != 0)
        connection->server_connect_timeout_ms = to->server_connect_timeout_ms;
    return true;
}

bool pool_config_take(struct evpg_pool_config *to, struct evpg_conn_config *connection,
                      const struct evpg_pool_config *from, char *why, size_t why_size)
{
    *to = evpg_pool_config_default();
    if (from && !settings_are_known(from, sizeof(*from))) {
        snprintf(why, why_size, "size is not that of a configuration, or has members not known");
        return false;
    }
    if (from)
        memcpy(to, from, from->size < sizeof(*to) ? from->size : sizeof(*to));
    suit_waits(to);
    return take_numbers(to, why, why_size) && fit(to, why, why_size) &&
           take_connection(connection, to, why, why_size);
}

/* setting: what it is, where that has to be said. */
static bool check_conninfo(const char *conninfo, const char *setting, char *why, size_t why_size)
{
    struct evpg_error error;
    struct conninfo *read = conninfo_new(conninfo, &error);

    if (!read) {
        snprintf(why, why_size, "%s%s", setting, error.message);
        errno = error.code == EVPG_E_MEMORY ? ENOMEM : EINVAL;
        return false;
    }
    conninfo_free(read);
    return true;
}

int evpg_pool_config_check(const char *conninfo, const struct evpg_pool_config *config, char *why,
                           size_t why_size)
{
    struct evpg_pool_config taken;
    struct evpg_conn_config connection;

    if (!why)
        why_size = 0;
    if (why_size > 0)
        *why = '\0';
    if (!pool_config_take(&taken, &connection, config, why, why_size)) {
        errno = EINVAL;
        return -1;
    }
    if (!check_conninfo(conninfo, "", why, why_size))
        return -1;
    if (taken.standby_conninfo &&
        !check_conninfo(taken.standby_conninfo, "standby_conninfo: ", why, why_size))
        return -1;
    return 0;
}
