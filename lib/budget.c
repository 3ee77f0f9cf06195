/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * budget: bounds the library's stay in one turn of the loop, by count and by time.
 *
 * Used by io.c, conn.c and the operations. Invariants: one hot connection cannot hold up the loop's
 * other work for longer than STAY_NS and a callback or, after short ones, four; and STEPS answers
 * for which nobody is called.
 */
#include "budget.h"

#include <time.h>

#define STEPS 256
#define STAY_NS 1000000

/* The clock is looked at after so many steps while all of them are short, and else after each. */
#define MOST_STRIDE 4
#define SHORT_NS 8000

int64_t budget_now_ns(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

void budget_start(struct budget *budget)
{
    budget->left = STEPS;
    budget->stride = 0;
    budget->unlooked = 1;
    budget->looked_ns = budget_now_ns();
    budget->end_ns = budget->looked_ns + STAY_NS;
}

/* A step is taken before the callback that it is for: the first look has seen none. */
void budget_look(struct budget *budget)
{
    int64_t now = budget_now_ns();

    if (budget->stride == 0 || now - budget->looked_ns > SHORT_NS)
        budget->stride = 1;
    else if (budget->stride < MOST_STRIDE)
        budget->stride *= 2;
    budget->unlooked = budget->stride;
    budget->looked_ns = now;
    if (now >= budget->end_ns)
        budget->left = 0;
}
