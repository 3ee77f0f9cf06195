/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * stats: what is counted of requests that are done, all together and by their names.
 *
 * Called by the operations; a part of each pool. Pure. Invariants: a name is counted from its first
 * request on, or never: there are no more than most_names; without memory for a name its requests
 * are counted with all others only.
 */
#include "stats.h"

#include "err.h"
#include "mem.h"

#include <string.h>

#define uthash_malloc mem_alloc
#define uthash_free(memory, size) mem_free(memory)
#define HASH_NONFATAL_OOM 1
#include <uthash.h>

struct stats_name {
    UT_hash_handle hh;
    struct evpg_name_stats shown;
    char name[STATS_MOST_NAME_BYTES + 1];
};

static void count_failure(struct evpg_pool_stats *all, enum evpg_code code)
{
    all->failed++;
    all->timed_out += code == EVPG_E_TIMEOUT;
    all->canceled += code == EVPG_E_CANCELED;
    all->lost += code == EVPG_E_LOST;
    all->cut_off += code == EVPG_E_CLOSED;
}

/* One that uthash had no memory for is not in the table. */
static struct stats_name *add_name(struct stats *stats, const char *name, size_t length)
{
    struct stats_name *added;

    if (stats->n_names >= stats->most_names)
        return NULL;
    added = mem_alloc(sizeof(*added));
    if (!added)
        return NULL;
    memcpy(added->name, name, length);
    added->shown.name = added->name;
    HASH_ADD_KEYPTR(hh, stats->names, added->name, length, added);
    if (!added->hh.tbl) {
        mem_free(added);
        return NULL;
    }
    stats->n_names++;
    return added;
}

static struct stats_name *find_name(struct stats *stats, const char *name)
{
    size_t length = strnlen(name, STATS_MOST_NAME_BYTES);
    struct stats_name *found;

    HASH_FIND(hh, stats->names, name, length, found);
    return found ? found : add_name(stats, name, length);
}

static void count_name(struct stats *stats, const char *text, bool failed, int64_t ns)
{
    struct stats_name *name = find_name(stats, text);

    if (!name)
        return;
    name->shown.failed += failed;
    name->shown.succeeded += !failed;
    histogram_add(&name->shown.total_time, ns);
}

void stats_done(struct stats *stats, const char *name, const struct evpg_error *error, int64_t ns)
{
    if (error)
        count_failure(&stats->all, error->code);
    else
        stats->all.succeeded++;
    histogram_add(&stats->all.total_time, ns);
    if (name && stats->most_names > 0)
        count_name(stats, name, error, ns);
}

/* Names stay and keep their order, so whoever asks for one after the other does not start over. */
const struct evpg_name_stats *stats_name(struct stats *stats, size_t index)
{
    if (!stats->looked_at || index < stats->looked_at_index) {
        stats->looked_at = stats->names;
        stats->looked_at_index = 0;
    }
    if (index >= stats->n_names)
        return NULL;
    for (; stats->looked_at_index < index; stats->looked_at_index++)
        stats->looked_at = stats->looked_at->hh.next;
    return &stats->looked_at->shown;
}

void stats_finish(struct stats *stats)
{
    struct stats_name *name, *next;

    for (name = stats->names; name; name = next) {
        next = name->hh.next;
        HASH_DELETE(hh, stats->names, name);
        mem_free(name);
    }
}
