/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef POOL_POLICY_H
#define POOL_POLICY_H

#include <stdbool.h>
#include <stddef.h>

/* What connections there are, and who waits for one. */
struct policy_supply {
    size_t min, max; /* of all */
    size_t all;      /* those being opened included */
    size_t opening;
    size_t young;   /* of them, those begun a short while ago */
    size_t at_once; /* how many may be being opened */
    bool waits;     /* the last attempt has failed, and the time for the next has not come */
    size_t waiting; /* requests that have found no place */
};

/* How many attempts may begin now; and how many are to. */
size_t policy_may_open(const struct policy_supply *supply);
size_t policy_to_open(const struct policy_supply *supply);

/* Whether somebody who waits had better wait for a connection that is to come than share one. */
bool policy_is_to_wait(const struct policy_supply *supply);

/* How many attempts may be under way at once after one more has succeeded: the first alone, then
 * twice as many each time. */
size_t policy_ramp(size_t at_once, size_t most);

/* What a connection that is shared has to do. */
struct policy_load {
    size_t requests;
    bool slow; /* the one that is running has been for long */
};

/* Whether a is better company than b. */
bool policy_is_better(const struct policy_load *a, const struct policy_load *b);

/* Whether a connection takes more requests, which is so until it has the most and then not before
 * it has half of that: sending in bulk saves system calls. */
bool policy_has_room(bool had_room, size_t requests, size_t most, size_t bytes, size_t most_bytes);

#endif
