/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * tx_config: reads a transaction's configuration, which the application has made, perhaps for
 * another version of this library; and the BEGIN that it makes.
 *
 * Called by tx.c and tx_parts.c; pure. Invariants: what is taken has no zeros left where 0 is a
 * default; what a newer application has set beyond what is known here is refused and not ignored.
 */
#include "settings.h"
#include "tx.h"

#include <stdio.h>
#include <string.h>

#define DEFAULT_IDLE_TIMEOUT_MS 30000
#define DEFAULT_RETRY_MIN_MS 10
#define DEFAULT_RETRY_MAX_MS 1000

/* Where only one was set, the default of the other gives way. */
static void suit_waits(struct evpg_tx_config *to)
{
    int min = to->retry_min_ms, max = to->retry_max_ms;

    if (min == 0)
        to->retry_min_ms = max > 0 && max < DEFAULT_RETRY_MIN_MS ? max : DEFAULT_RETRY_MIN_MS;
    if (max == 0)
        to->retry_max_ms = min > DEFAULT_RETRY_MAX_MS ? min : DEFAULT_RETRY_MAX_MS;
}

static const char *find_mistake(const struct evpg_tx_config *of, bool part)
{
    if ((unsigned)of->isolation > EVPG_SERIALIZABLE)
        return "an isolation level that is not known";
    if (of->timeout_ms < -1 || of->idle_timeout_ms < -1)
        return "a timeout that is negative";
    if (of->max_attempts < 1 || of->retry_min_ms < 0 || of->retry_min_ms > of->retry_max_ms)
        return "attempts, or waits between them, that cannot be";
    if (part && (of->isolation || of->read_only || of->deferrable))
        return "the isolation level and read_only are those of the whole transaction";
    if (part && of->max_attempts > 1)
        return "only a whole transaction can be tried again";
    return NULL;
}

bool tx_config_take(struct evpg_tx_config *to, const struct evpg_tx_config *from, bool part,
                    const char **why)
{
    *to = evpg_tx_config_default();
    *why = "a configuration with a member that this version does not know";
    if (from && !settings_are_known(from, sizeof(*from)))
        return false;
    if (from)
        memcpy(to, from, from->size < sizeof(*to) ? from->size : sizeof(*to));
    if (to->idle_timeout_ms == 0)
        to->idle_timeout_ms = DEFAULT_IDLE_TIMEOUT_MS;
    if (to->max_attempts == 0)
        to->max_attempts = 1;
    suit_waits(to);
    *why = find_mistake(to, part);
    return !*why;
}

void tx_config_write(const struct evpg_tx_config *config, char *sql, size_t size)
{
    static const char *const levels[] = {"", " isolation level read committed",
                                         " isolation level repeatable read",
                                         " isolation level serializable"};

    snprintf(sql, size, "begin%s%s%s", levels[config->isolation],
             config->read_only ? " read only" : "", config->deferrable ? " deferrable" : "");
}
