/* SPDX-License-Identifier: BSD-2-Clause */
/* unit_deadline: the heap of deadlines, beside a list that is searched. */
#include "harness.h"

#include "budget.h"
#include "deadline.h"
#include "req.h"

enum { MANY = 500 };

static struct evpg_request requests[MANY];
static struct deadlines deadlines;
static int n_wakes;

static void on_timer(evutil_socket_t fd, short what, void *arg)
{
    (void)fd;
    (void)what;
    (void)arg;
    n_wakes++;
}

static void start(void)
{
    base = event_base_new();
    deadlines = (struct deadlines){.timer = evtimer_new(base, on_timer, NULL)};
}

static void stop(void)
{
    event_free(deadlines.timer);
    event_base_free(base);
}

/* The earliest there is, by looking at all. */
static int64_t earliest(void)
{
    int64_t at_ns = 0;

    for (int i = 0; i < MANY; i++)
        if (requests[i].deadline.at_ns && (!at_ns || requests[i].deadline.at_ns < at_ns))
            at_ns = requests[i].deadline.at_ns;
    return at_ns;
}

static void check_first(void)
{
    ck_assert_int_eq(deadlines.first ? deadlines.first->deadline.at_ns : 0, earliest());
}

/* Set, set anew, cleared and taken by chance, all of them in the past; many alike. */
START_TEST(by_chance)
{
    int64_t past = budget_now_ns() - 1000000;

    start();
    srand(_i + 1);
    for (int step = 0; step < 20000; step++) {
        struct evpg_request *request = &requests[rand() % MANY], *taken;
        int64_t first = earliest();

        switch (rand() % 5) {
        case 0:
            deadline_clear(&deadlines, request);
            break;
        case 1:
            taken = deadline_take(&deadlines);
            ck_assert_int_eq(taken != NULL, first != 0);
            ck_assert(!taken || taken->deadline.at_ns == 0);
            break;
        default:
            deadline_set(&deadlines, request, past - rand() % 1000);
        }
        check_first();
    }
    while (deadline_take(&deadlines))
        check_first();
    ck_assert_ptr_null(deadlines.first);
    stop();
}
END_TEST

/* In order, as they are with the same time for all: the heap then is but a chain. */
START_TEST(in_order)
{
    int64_t past = budget_now_ns() - 1000000;

    start();
    for (int round = 0; round < 200; round++) {
        for (int i = 0; i < MANY; i++)
            deadline_set(&deadlines, &requests[i], past + i);
        for (int i = 0; i < MANY; i++)
            if (round % 2)
                ck_assert_ptr_eq(deadline_take(&deadlines), &requests[i]);
            else
                deadline_clear(&deadlines, &requests[i]);
        ck_assert_ptr_null(deadlines.first);
    }
    stop();
}
END_TEST

/* It comes for the earliest; for one that was put after it, it does not come twice. */
START_TEST(the_timer)
{
    int64_t now = budget_now_ns();

    start();
    deadline_set(&deadlines, &requests[0], now + 400000000);
    deadline_set(&deadlines, &requests[1], now + 20000000);
    deadline_set(&deadlines, &requests[2], now + 300000000);
    ck_assert(await_flag(&n_wakes, 5000));
    ck_assert(budget_now_ns() >= now + 19000000 && budget_now_ns() < now + 290000000);
    while (budget_now_ns() < requests[1].deadline.at_ns)
        ;
    ck_assert(deadline_are_due(&deadlines));
    ck_assert_ptr_eq(deadline_take(&deadlines), &requests[1]);
    ck_assert_ptr_null(deadline_take(&deadlines));
    deadline_wait(&deadlines);
    n_wakes = 0;
    ck_assert(await_flag(&n_wakes, 5000));
    ck_assert_int_eq(n_wakes, 1);
    stop();
}
END_TEST

/* A later one that is set while those that have passed are told, as by a callback: the earlier one
 * behind them is not forgotten. */
START_TEST(set_while_they_are_told)
{
    int64_t now = budget_now_ns();

    start();
    deadline_set(&deadlines, &requests[0], now + 20000000);
    deadline_set(&deadlines, &requests[1], now + 60000000);
    ck_assert(await_flag(&n_wakes, 5000));
    while (budget_now_ns() < now + 20000000)
        ;
    ck_assert(deadline_are_due(&deadlines));
    ck_assert_ptr_eq(deadline_take(&deadlines), &requests[0]);
    deadline_set(&deadlines, &requests[2], now + 30000000000);
    deadline_wait(&deadlines);
    n_wakes = 0;
    ck_assert(await_flag(&n_wakes, 10000));
    stop();
}
END_TEST

/* Once, and not again until all that is late has been dealt with. */
START_TEST(put_off_for_a_loop_that_stood_still)
{
    int64_t now = budget_now_ns();

    start();
    deadline_set(&deadlines, &requests[0], now - 2 * BUDGET_STALL_NS);
    deadline_set(&deadlines, &requests[1], now - 2 * BUDGET_STALL_NS);
    ck_assert(!deadline_are_due(&deadlines));
    ck_assert(deadline_are_due(&deadlines));
    ck_assert_ptr_nonnull(deadline_take(&deadlines));
    deadline_wait(&deadlines);
    ck_assert(deadline_are_due(&deadlines));
    ck_assert_ptr_nonnull(deadline_take(&deadlines));
    deadline_wait(&deadlines);
    deadline_set(&deadlines, &requests[0], now - 2 * BUDGET_STALL_NS);
    ck_assert(!deadline_are_due(&deadlines));
    stop();
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("unit_deadline");
    TCase *tcase = tcase_create("deadline");

    tcase_set_timeout(tcase, 60);
    tcase_add_loop_test(tcase, by_chance, 0, 5);
    tcase_add_test(tcase, in_order);
    tcase_add_test(tcase, the_timer);
    tcase_add_test(tcase, set_while_they_are_told);
    tcase_add_test(tcase, put_off_for_a_loop_that_stood_still);
    suite_add_tcase(suite, tcase);
    return run_suite(suite, false);
}
