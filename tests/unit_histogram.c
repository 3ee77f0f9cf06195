/* SPDX-License-Identifier: BSD-2-Clause */
/* unit_histogram: which bucket a time is in, and what the buckets tell, without a server. */
#include "harness.h"

#include "histogram.h"

enum { LAST = EVPG_HISTOGRAM_BUCKETS - 1 };

/* Each holds what is less than its bound, and not less than the one before. */
START_TEST(bounds)
{
    uint64_t before = 0;

    for (int bucket = 0; bucket < LAST; bucket++) {
        uint64_t bound = evpg_histogram_bound(bucket);

        ck_assert_uint_gt(bound, before);
        ck_assert(before < 8 || bound - before <= before / 4);
        ck_assert_int_eq(histogram_bucket(before), bucket);
        ck_assert_int_eq(histogram_bucket(bound - 1), bucket);
        before = bound;
    }
    ck_assert_int_eq(histogram_bucket(before), LAST);
    ck_assert_int_eq(histogram_bucket(UINT64_MAX), LAST);
    ck_assert(before > (uint64_t)2 * 3600 * 1000000);
    ck_assert(evpg_histogram_bound(LAST) == UINT64_MAX);
    ck_assert(evpg_histogram_bound(-1) == UINT64_MAX);
    ck_assert(evpg_histogram_bound(EVPG_HISTOGRAM_BUCKETS) == UINT64_MAX);
}
END_TEST

START_TEST(sums)
{
    struct evpg_histogram histogram = {0};

    histogram_add(&histogram, 1500);
    histogram_add(&histogram, 7000000);
    histogram_add(&histogram, -5);
    ck_assert_uint_eq(histogram.count, 3);
    ck_assert_uint_eq(histogram.sum_us, 7001);
    ck_assert_uint_eq(histogram.max_us, 7000);
    ck_assert_uint_eq(histogram.bucket[0], 1);
    ck_assert_uint_eq(histogram.bucket[1], 1);
    ck_assert_uint_eq(histogram.bucket[histogram_bucket(7000)], 1);
}
END_TEST

/* Never less than the true one, and by no more than a quarter above. */
START_TEST(quantiles)
{
    struct evpg_histogram histogram = {0};

    ck_assert_uint_eq(evpg_histogram_quantile(NULL, 0.5), 0);
    ck_assert_uint_eq(evpg_histogram_quantile(&histogram, 0.5), 0);
    for (int us = 1; us <= 10000; us++)
        histogram_add(&histogram, (int64_t)us * 1000);
    for (int percent = 1; percent <= 100; percent++) {
        uint64_t quantile = evpg_histogram_quantile(&histogram, percent / 100.0);

        ck_assert_uint_ge(quantile, (uint64_t)percent * 100);
        ck_assert_uint_le(quantile, (uint64_t)percent * 125);
    }
    ck_assert_uint_eq(evpg_histogram_quantile(&histogram, 1), 10000);
    ck_assert_uint_eq(evpg_histogram_quantile(&histogram, 7), 10000);
    ck_assert_uint_eq(evpg_histogram_quantile(&histogram, 0), 1);
    ck_assert_uint_eq(evpg_histogram_quantile(&histogram, -1), 1);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("unit_histogram");
    TCase *tcase = tcase_create("histogram");

    tcase_add_test(tcase, bounds);
    tcase_add_test(tcase, sums);
    tcase_add_test(tcase, quantiles);
    suite_add_tcase(suite, tcase);
    return run_suite(suite, false);
}
