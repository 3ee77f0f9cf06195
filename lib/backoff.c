/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * backoff: how long to wait before the next attempt, each time twice as long, and a little by
 * chance, so that many who have lost the same server do not come back all at once.
 *
 * Called by the pool; pure. Invariants: the same seed gives the same waits; none is longer than
 * max_ms and a tenth of it; nothing overflows, however many failures there are.
 */
#include "backoff.h"

/* One step of splitmix64. */
static uint64_t chance(struct backoff *backoff)
{
    uint64_t z = backoff->seed += 0x9e3779b97f4a7c15u;

    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

int64_t backoff_jitter_ns(struct backoff *backoff, int64_t ns)
{
    uint64_t range = (uint64_t)ns / 5;

    return ns - ns / 10 + (int64_t)(chance(backoff) % (range + 1));
}

int64_t backoff_fail_ns(struct backoff *backoff)
{
    int64_t ms = backoff->min_ms;

    for (unsigned i = 0; i < backoff->failures && ms < backoff->max_ms; i++)
        ms *= 2;
    backoff->failures++;
    return backoff_jitter_ns(backoff, (ms < backoff->max_ms ? ms : backoff->max_ms) * 1000000);
}
