/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * budget: bounds the library's stay in one turn of the loop, by count and by time.
 *
 * Used by io.c, conn.c and the operations. Invariants: one hot connection cannot hold up the loop's
 * other work for longer than STAY_NS and one callback.
 */
#include "budget.h"

#include <time.h>

#define STEPS 256
#define STAY_NS 1000000

/* The clock is looked at after so many steps where they are short, and else after each. */
#define STRIDE 16
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
    budget->unlooked = 1;
    budget->looked_ns = budget_now_ns();
    budget->end_ns = budget->looked_ns + STAY_NS;
}

static void look(struct budget *budget)
{
    int64_t now = budget_now_ns();

    budget->unlooked = now - budget->looked_ns < SHORT_NS ? STRIDE : 1;
    budget->looked_ns = now;
    if (now >= budget->end_ns)
        budget->left = 0;
}

bool budget_take(struct budget *budget)
{
    if (budget->left <= 0)
        return false;
    budget->left--;
    if (--budget->unlooked <= 0)
        look(budget);
    return true;
}

bool budget_is_spent(const struct budget *budget)
{
    return budget->left <= 0;
}
