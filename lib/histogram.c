/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * histogram: how long things took, by buckets: four of the same width for each power of two.
 *
 * Adding is in the header, for it is done for every request. Called by the application; pure.
 * Invariants: bounds rise with the buckets, each bucket holds what is less than its bound and not
 * less than the bound before, and the last holds the rest.
 */
#include "histogram.h"

enum { LAST = EVPG_HISTOGRAM_BUCKETS - 1 };

uint64_t evpg_histogram_bound(int bucket)
{
    if (bucket < 0 || bucket >= LAST)
        return UINT64_MAX;
    if (bucket < 4)
        return (uint64_t)bucket + 1;
    return (uint64_t)(bucket % 4 + 5) << (bucket / 4 - 1);
}

/* Of so many values the first `rank` are in this bucket or before it. */
static int bucket_of_rank(const struct evpg_histogram *histogram, uint64_t rank)
{
    uint64_t seen = 0;
    int bucket = 0;

    while (bucket < LAST && (seen += histogram->bucket[bucket]) < rank)
        bucket++;
    return bucket;
}

uint64_t evpg_histogram_quantile(const struct evpg_histogram *histogram, double part)
{
    uint64_t rank, most;

    if (!histogram || histogram->count == 0)
        return 0;
    part = part > 1 ? 1 : part;
    rank = part > 0 ? (uint64_t)(part * (double)histogram->count + 0.5) : 1;
    if (rank == 0)
        rank = 1;
    most = evpg_histogram_bound(bucket_of_rank(histogram, rank)) - 1;
    return most < histogram->max_us ? most : histogram->max_us;
}
