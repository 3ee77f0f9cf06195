/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef HISTOGRAM_H
#define HISTOGRAM_H

#include <evpg/stats.h>

/* The first whose bound is more than that. */
static inline int histogram_bucket(uint64_t us)
{
    int high = us < 4 ? 0 : 63 - __builtin_clzll(us);
    int bucket = us < 4 ? (int)us : 4 * (high - 1) + (int)((us >> (high - 2)) & 3);

    return bucket < EVPG_HISTOGRAM_BUCKETS ? bucket : EVPG_HISTOGRAM_BUCKETS - 1;
}

/* A time that is not one, for the clock was read too early, is none. */
static inline void histogram_add(struct evpg_histogram *histogram, int64_t ns)
{
    uint64_t us = ns > 0 ? (uint64_t)ns / 1000 : 0;

    histogram->count++;
    histogram->sum_us += us;
    if (us > histogram->max_us)
        histogram->max_us = us;
    histogram->bucket[histogram_bucket(us)]++;
}

#endif
