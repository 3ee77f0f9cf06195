/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef BACKOFF_H
#define BACKOFF_H

#include <stdint.h>

/* How long to wait after each failure in a row, and chance. */
struct backoff {
    uint64_t seed;
    int min_ms, max_ms;
    unsigned failures; /* in a row */
};

/* One more failure: how long to wait. */
int64_t backoff_fail_ns(struct backoff *backoff);

/* That time, or any, longer or shorter by a tenth at most. */
int64_t backoff_jitter_ns(struct backoff *backoff, int64_t ns);

#endif
