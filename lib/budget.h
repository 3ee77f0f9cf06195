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

/* At the clock. */
void budget_look(struct budget *budget);

static inline bool budget_is_spent(const struct budget *budget)
{
    return budget->left <= 0;
}

/* Takes one row or completion off it. False: it is spent. */
static inline bool budget_take(struct budget *budget)
{
    if (budget_is_spent(budget))
        return false;
    budget->left--;
    if (--budget->unlooked <= 0)
        budget_look(budget);
    return true;
}

/* Takes off it what calls nobody, and is short: its number is bound enough, and the next step that
 * is not looks at the clock. */
static inline void budget_count(struct budget *budget)
{
    budget->left--;
    budget->unlooked--;
}

/* The monotonic clock. */
int64_t budget_now_ns(void);

#endif
