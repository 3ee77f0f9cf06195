/* SPDX-License-Identifier: BSD-2-Clause */
/* unit_pool_policy: which connection a request gets, when to open another, how long to wait for the
 * next attempt; without a server. */
#include "harness.h"

#include "backoff.h"
#include "pool_policy.h"

static const struct policy_supply fresh = {.max = 8, .at_once = 2};

START_TEST(opens_for_those_who_wait)
{
    struct policy_supply supply = fresh;

    ck_assert_uint_eq(policy_to_open(&supply), 0);
    supply.waiting = 1;
    ck_assert_uint_eq(policy_to_open(&supply), 1);
    supply.waiting = 100;
    ck_assert_uint_eq(policy_to_open(&supply), 2);
    supply.all = supply.opening = 1;
    ck_assert_uint_eq(policy_to_open(&supply), 1);
    supply.waiting = 1;
    ck_assert_uint_eq(policy_to_open(&supply), 0);
    supply.waiting = 100;
    supply.all = supply.opening = 2;
    ck_assert_uint_eq(policy_to_open(&supply), 0);
    supply.opening = 1;
    supply.all = 8;
    ck_assert_uint_eq(policy_to_open(&supply), 0);
    supply.all = 9;
    ck_assert_uint_eq(policy_to_open(&supply), 0);
}
END_TEST

START_TEST(opens_the_least_number)
{
    struct policy_supply supply = fresh;

    supply.min = 3;
    ck_assert_uint_eq(policy_to_open(&supply), 2);
    supply.all = 2;
    ck_assert_uint_eq(policy_to_open(&supply), 1);
    supply.all = supply.opening = 2;
    ck_assert_uint_eq(policy_to_open(&supply), 0);
    supply.opening = 0;
    supply.all = 3;
    ck_assert_uint_eq(policy_to_open(&supply), 0);
}
END_TEST

START_TEST(opens_none_while_it_waits_after_a_failure)
{
    struct policy_supply supply = fresh;

    supply.min = 3;
    supply.waiting = 100;
    supply.waits = true;
    ck_assert_uint_eq(policy_to_open(&supply), 0);
    ck_assert(!policy_is_to_wait(&supply));
    supply.waits = false;
    supply.at_once = 1;
    ck_assert_uint_eq(policy_to_open(&supply), 1);
}
END_TEST

START_TEST(waits_for_what_is_to_come)
{
    struct policy_supply supply = fresh;

    supply.all = 1;
    supply.waiting = 2;
    ck_assert(policy_is_to_wait(&supply));
    supply.waiting = 3;
    ck_assert(!policy_is_to_wait(&supply));
    supply.all = 3;
    supply.opening = supply.young = 2;
    supply.waiting = 2;
    ck_assert(policy_is_to_wait(&supply));
    supply.young = 1; /* the other has been at it for too long */
    ck_assert(!policy_is_to_wait(&supply));
    supply.opening = supply.young = 0;
    supply.all = 8;
    supply.waiting = 1;
    ck_assert(!policy_is_to_wait(&supply));
}
END_TEST

START_TEST(ramps_up)
{
    size_t at_once = 1;

    ck_assert_uint_eq(at_once = policy_ramp(at_once, 5), 2);
    ck_assert_uint_eq(at_once = policy_ramp(at_once, 5), 4);
    ck_assert_uint_eq(at_once = policy_ramp(at_once, 5), 5);
    ck_assert_uint_eq(policy_ramp(at_once, 5), 5);
    ck_assert_uint_eq(policy_ramp(1, 1), 1);
}
END_TEST

START_TEST(prefers_few_and_quick)
{
    const struct policy_load few = {1, false}, many = {5, false}, slow = {1, true},
                             slower = {2, true};

    ck_assert(policy_is_better(&few, &many));
    ck_assert(!policy_is_better(&many, &few));
    ck_assert(!policy_is_better(&few, &few));
    ck_assert(policy_is_better(&many, &slow));
    ck_assert(!policy_is_better(&slow, &many));
    ck_assert(policy_is_better(&slow, &slower));
}
END_TEST

START_TEST(fills_up_when_half_empty)
{
    ck_assert(policy_has_room(true, 63, 64, 0, 100));
    ck_assert(!policy_has_room(true, 64, 64, 0, 100));
    ck_assert(!policy_has_room(false, 33, 64, 0, 100));
    ck_assert(policy_has_room(false, 32, 64, 0, 100));
    ck_assert(!policy_has_room(true, 1, 64, 100, 100));
    ck_assert(policy_has_room(true, 1, 64, 99, 100));
    ck_assert(policy_has_room(false, 0, 1, 1000, 100));
    ck_assert(!policy_has_room(true, 1, 1, 0, 100));
}
END_TEST

static double ms(int64_t ns)
{
    return (double)ns / 1e6;
}

START_TEST(backs_off)
{
    struct backoff backoff = {.seed = (uint64_t)_i, .min_ms = 100, .max_ms = 10000};
    double expected = 100;

    for (int i = 0; i < 200; i++) {
        double wait = ms(backoff_fail_ns(&backoff));

        ck_assert(wait >= 0.9 * expected && wait <= 1.1 * expected);
        expected = expected < 5000 ? 2 * expected : 10000;
    }
    backoff.failures = 0;
    ck_assert(ms(backoff_fail_ns(&backoff)) <= 110);
    backoff.max_ms = backoff.min_ms = 1;
    ck_assert(ms(backoff_fail_ns(&backoff)) <= 1.1);
    backoff.max_ms = INT32_MAX;
    backoff.failures = UINT32_MAX - 1;
    ck_assert(ms(backoff_fail_ns(&backoff)) <= 1.1 * INT32_MAX);
}
END_TEST

/* By chance, but the same for the same seed; and over all of the range. */
START_TEST(jitters)
{
    struct backoff one = {.seed = 1}, again = {.seed = 1}, other = {.seed = 2};
    int low = 0, high = 0, same = 0;

    for (int i = 0; i < 1000; i++) {
        int64_t ns = backoff_jitter_ns(&one, 1000000);

        ck_assert_int_eq(ns, backoff_jitter_ns(&again, 1000000));
        same += ns == backoff_jitter_ns(&other, 1000000);
        low += ns < 920000;
        high += ns > 1080000;
        ck_assert(ns >= 900000 && ns <= 1100000);
    }
    ck_assert_int_lt(same, 5);
    ck_assert_int_gt(low, 50);
    ck_assert_int_gt(high, 50);
    ck_assert_int_eq(backoff_jitter_ns(&one, 0), 0);
}
END_TEST

static Suite *make_suite(void)
{
    Suite *suite = suite_create("unit_pool_policy");
    TCase *tcase = tcase_create("policy");

    tcase_add_test(tcase, opens_for_those_who_wait);
    tcase_add_test(tcase, opens_the_least_number);
    tcase_add_test(tcase, opens_none_while_it_waits_after_a_failure);
    tcase_add_test(tcase, waits_for_what_is_to_come);
    tcase_add_test(tcase, ramps_up);
    tcase_add_test(tcase, prefers_few_and_quick);
    tcase_add_test(tcase, fills_up_when_half_empty);
    tcase_add_loop_test(tcase, backs_off, 0, 5);
    tcase_add_test(tcase, jitters);
    suite_add_tcase(suite, tcase);
    return suite;
}

int main(void)
{
    return run_suite(make_suite(), false);
}
