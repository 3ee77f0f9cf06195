/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * pool_policy: which connection a request of a pool gets, and when another one is opened.
 *
 * Called by pool_dispatch.c and pool_slots.c; pure. Invariants: there are never more connections
 * than max, nor more attempts than at_once; where none can be opened nobody waits for one. A
 * request that finds no idle connection waits for one that is to come, as long as those who wait
 * are no more than those to come: it then cannot get stuck behind a slow one. The others share.
 */
#include "pool_policy.h"

static size_t less(size_t from, size_t what)
{
    return from > what ? from - what : 0;
}

static size_t min(size_t a, size_t b)
{
    return a < b ? a : b;
}

static size_t max(size_t a, size_t b)
{
    return a > b ? a : b;
}

size_t policy_may_open(const struct policy_supply *supply)
{
    if (supply->waits)
        return 0;
    return min(less(supply->max, supply->all), less(supply->at_once, supply->opening));
}

size_t policy_to_open(const struct policy_supply *supply)
{
    size_t wanted = less(supply->waiting, supply->opening);

    return min(policy_may_open(supply), max(wanted, less(supply->min, supply->all)));
}

bool policy_is_to_wait(const struct policy_supply *supply)
{
    return supply->waiting <= policy_may_open(supply) + supply->young;
}

size_t policy_ramp(size_t at_once, size_t most)
{
    return min(2 * at_once, most);
}

bool policy_is_better(const struct policy_load *a, const struct policy_load *b)
{
    if (a->slow != b->slow)
        return b->slow;
    return a->requests < b->requests;
}

bool policy_has_room(bool had_room, size_t requests, size_t most, size_t bytes, size_t most_bytes)
{
    if (requests == 0)
        return true;
    if (bytes >= most_bytes || requests >= most)
        return false;
    return had_room || requests <= most / 2;
}
