/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * listener_config: reads a listener's configuration, which the application has made, perhaps for
 * another version of this library.
 *
 * Called by listener.c; pure. Invariants: what is taken has no zeros left, and waits that do not
 * contradict each other; what a newer application has set beyond what is known here is refused and
 * not ignored.
 */
#include "listener_config.h"

#include "settings.h"

#include <string.h>

#define DEFAULT_PROBE_INTERVAL_MS 30000
#define DEFAULT_PROBE_TIMEOUT_MS 5000
#define DEFAULT_RECONNECT_MIN_MS 100
#define DEFAULT_RECONNECT_MAX_MS 10000

/* Where only one was set, the default of the other gives way. */
static void suit_waits(struct evpg_listener_config *to)
{
    int min = to->reconnect_min_ms, max = to->reconnect_max_ms;

    if (min == 0)
        to->reconnect_min_ms =
            max > 0 && max < DEFAULT_RECONNECT_MIN_MS ? max : DEFAULT_RECONNECT_MIN_MS;
    if (max == 0)
        to->reconnect_max_ms = min > DEFAULT_RECONNECT_MAX_MS ? min : DEFAULT_RECONNECT_MAX_MS;
}

bool listener_config_take(struct evpg_listener_config *to, struct evpg_conn_config *connection,
                          const struct evpg_listener_config *from)
{
    *to = evpg_listener_config_default();
    if (from && !settings_are_known(from, sizeof(*from)))
        return false;
    if (from)
        memcpy(to, from, from->size < sizeof(*to) ? from->size : sizeof(*to));
    if (to->probe_interval_ms == 0)
        to->probe_interval_ms = DEFAULT_PROBE_INTERVAL_MS;
    if (to->probe_timeout_ms == 0)
        to->probe_timeout_ms = DEFAULT_PROBE_TIMEOUT_MS;
    suit_waits(to);
    if (to->probe_interval_ms < -1 || to->probe_timeout_ms < -1 || to->reconnect_min_ms < 0 ||
        to->reconnect_min_ms > to->reconnect_max_ms || !settings_take(connection, to->connection))
        return false;
    to->connection = connection;
    return true;
}
