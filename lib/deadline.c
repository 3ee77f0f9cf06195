/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * deadline: when requests must be done at the latest.
 *
 * Used by each kind of db, which says what becomes of a request then; pure but for the timer.
 * Invariants: a pairing heap that is threaded through the requests, so that no deadline takes
 * memory or can fail to be kept; the timer never comes later than the earliest deadline, and may
 * come earlier, when that has been cleared; a deadline that the loop was late for, because it stood
 * still, is put off once, so that what has come meanwhile is looked at first.
 */
#include "deadline.h"

#include "budget.h"
#include "req.h"

#include <stddef.h>

static struct evpg_request *meld(struct evpg_request *one, struct evpg_request *other)
{
    struct evpg_request *earlier = one, *later = other;

    if (!one || !other)
        return one ? one : other;
    if (other->deadline.at_ns < one->deadline.at_ns) {
        earlier = other;
        later = one;
    }
    later->deadline.before = earlier;
    later->deadline.next = earlier->deadline.child;
    if (later->deadline.next)
        later->deadline.next->deadline.before = later;
    earlier->deadline.child = later;
    return earlier;
}

/* Takes the first off a chain of siblings. */
static struct evpg_request *take_sibling(struct evpg_request **chain)
{
    struct evpg_request *first = *chain;

    if (first) {
        *chain = first->deadline.next;
        first->deadline.next = first->deadline.before = NULL;
    }
    return first;
}

/* Two by two, and then the pairs, the last first: that keeps the heap flat. */
static struct evpg_request *meld_all(struct evpg_request *chain)
{
    struct evpg_request *pairs = NULL, *all = NULL, *pair;

    while (chain) {
        struct evpg_request *one = take_sibling(&chain), *other = take_sibling(&chain);

        pair = meld(one, other);
        pair->deadline.next = pairs;
        pairs = pair;
    }
    while ((pair = take_sibling(&pairs)))
        all = meld(all, pair);
    return all;
}

static void cut_out(struct evpg_request *request)
{
    struct deadline *deadline = &request->deadline;

    if (deadline->before->deadline.child == request)
        deadline->before->deadline.child = deadline->next;
    else
        deadline->before->deadline.next = deadline->next;
    if (deadline->next)
        deadline->next->deadline.before = deadline->before;
}

void deadline_clear(struct deadlines *deadlines, struct evpg_request *request)
{
    struct evpg_request *below = request->deadline.child;

    if (request->deadline.at_ns == 0)
        return;
    if (deadlines->first == request) {
        deadlines->first = meld_all(below);
    } else {
        cut_out(request);
        deadlines->first = meld(deadlines->first, meld_all(below));
    }
    request->deadline = (struct deadline){0, NULL, NULL, NULL};
}

/* Without memory for the timer it comes at once, and tries again. */
static void set_timer(struct deadlines *deadlines, int64_t at_ns)
{
    int64_t us = (at_ns - budget_now_ns()) / 1000 + 1;
    struct timeval time = {0, 0};

    if (us > 0)
        time = (struct timeval){us / 1000000, us % 1000000};
    deadlines->timer_ns = at_ns;
    if (evtimer_add(deadlines->timer, &time) < 0)
        event_active(deadlines->timer, EV_TIMEOUT, 0);
}

void deadline_set(struct deadlines *deadlines, struct evpg_request *request, int64_t at_ns)
{
    deadline_clear(deadlines, request);
    request->deadline.at_ns = at_ns;
    deadlines->first = meld(deadlines->first, request);
    if (deadlines->timer_ns == 0 || at_ns < deadlines->timer_ns)
        set_timer(deadlines, deadlines->first->deadline.at_ns); /* perhaps not of this one */
}

bool deadline_are_due(struct deadlines *deadlines)
{
    int64_t now = budget_now_ns();

    deadlines->timer_ns = 0;
    if (!deadlines->first) {
        deadlines->put_off = false;
        return false;
    }
    if (now < deadlines->first->deadline.at_ns) {
        deadline_wait(deadlines);
        return false;
    }
    if (!deadlines->put_off && now - deadlines->first->deadline.at_ns >= BUDGET_STALL_NS) {
        deadlines->put_off = true;
        set_timer(deadlines, now + BUDGET_STALL_NS);
        return false;
    }
    return true;
}

struct evpg_request *deadline_take(struct deadlines *deadlines)
{
    struct evpg_request *first = deadlines->first;

    if (!first || budget_now_ns() < first->deadline.at_ns)
        return NULL;
    deadline_clear(deadlines, first);
    return first;
}

void deadline_wait(struct deadlines *deadlines)
{
    const struct evpg_request *first = deadlines->first;

    deadlines->put_off = deadlines->put_off && first && first->deadline.at_ns <= budget_now_ns();
    if (first && deadlines->timer_ns == 0)
        set_timer(deadlines, first->deadline.at_ns);
}

void deadline_rest(struct deadlines *deadlines)
{
    if (deadlines->first || deadlines->timer_ns == 0 || !deadlines->timer)
        return;
    event_del(deadlines->timer);
    deadlines->timer_ns = 0;
    deadlines->put_off = false;
}
