/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * settings: reads a configuration that the application has made, perhaps for another version of
 * this library.
 *
 * Called by conn.c; pure. Invariants: of an older application's, which is shorter, the rest has its
 * defaults; of a newer one's, what we do not know must be zero, for else it would be ignored
 * silently.
 */
#include "settings.h"

#include <string.h>

#define DEFAULT_MAX_QUEUED_REQUESTS 200000
#define DEFAULT_MAX_QUEUED_BYTES ((int64_t)256 << 20)
#define DEFAULT_MAX_PREPARED_STATEMENTS 200
#define DEFAULT_CANCEL_WAIT_TIMEOUT_MS 10000
#define DEFAULT_MAX_PREPARED_BYTES ((int64_t)4 << 20)

bool settings_are_known(const void *from, size_t known)
{
    const unsigned char *bytes = from;
    size_t size;

    memcpy(&size, from, sizeof(size));
    for (size_t i = known; i < size; i++)
        if (bytes[i])
            return false;
    return size >= sizeof(size);
}

bool settings_take(struct evpg_conn_config *to, const struct evpg_conn_config *from)
{
    *to = evpg_conn_config_default();
    if (from && !settings_are_known(from, sizeof(*to)))
        return false;
    if (from)
        memcpy(to, from, from->size < sizeof(*to) ? from->size : sizeof(*to));
    if (to->server_connect_timeout_ms < -1 || to->max_queued_requests < -1 ||
        to->max_queued_bytes < -1 || to->open_timeout_ms < -1 || (to->resolve && to->dns_base) ||
        to->max_prepared_statements < -1 || to->max_prepared_bytes < -1 ||
        to->cancel_wait_timeout_ms < -1)
        return false;
    if (to->max_queued_requests == 0)
        to->max_queued_requests = DEFAULT_MAX_QUEUED_REQUESTS;
    if (to->max_queued_bytes == 0)
        to->max_queued_bytes = DEFAULT_MAX_QUEUED_BYTES;
    if (to->max_prepared_statements == 0)
        to->max_prepared_statements = DEFAULT_MAX_PREPARED_STATEMENTS;
    if (to->max_prepared_bytes == 0)
        to->max_prepared_bytes = DEFAULT_MAX_PREPARED_BYTES;
    if (to->cancel_wait_timeout_ms == 0)
        to->cancel_wait_timeout_ms = DEFAULT_CANCEL_WAIT_TIMEOUT_MS;
    return true;
}
