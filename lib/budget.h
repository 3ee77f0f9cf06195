/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef BUDGET_H
#define BUDGET_H

#include <stdbool.h>
#include <stdint.h>

/* A timer that is late by more: the loop stood still, or did other things. A deadline is then put
 * off by as much, once, so that what has come meanwhile is looked at first. */
#define BUDGET_STALL_NS 50000000

/* How much the library may do before control goes back to the loop. */
struct budget {
    int left;
    int stride, unlooked; /* steps between looks at the clock, and before the next */
    int64_t looked_ns, end_ns;
};

void budget_start(struct budget *budget);

/* Takes one row or completion off it. False: it is spent. */
bool budget_take(struct budget *budget);

bool budget_is_spent(const struct budget *budget);

/* The monotonic clock. */
int64_t budget_now_ns(void);

#endif
