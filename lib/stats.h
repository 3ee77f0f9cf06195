/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef STATS_H
#define STATS_H

#include "histogram.h"

#include <evpg/error.h>

struct stats_name;

/* What is more of a name is cut off. */
enum { STATS_MOST_NAME_BYTES = 63 };

/* What a pool counts. What it can tell by looking is not counted here. */
struct stats {
    struct evpg_pool_stats all;
    struct stats_name *names; /* a hash */
    size_t n_names, most_names;
    struct stats_name *looked_at; /* by stats_name(), last; or NULL */
    size_t looked_at_index;
};

/* A request is done. name: NULL, it has none; error: NULL, it has succeeded. */
void stats_done(struct stats *stats, const char *name, const struct evpg_error *error, int64_t ns);

/* The first, second, ... name; NULL: there are no more. */
const struct evpg_name_stats *stats_name(struct stats *stats, size_t index);

/* Frees what it has, but not itself. */
void stats_finish(struct stats *stats);

#endif
