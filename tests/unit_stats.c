/* SPDX-License-Identifier: BSD-2-Clause */
/* unit_stats: what is counted of requests, all together and by their names, without a server. */
#include "harness.h"

#include "err.h"
#include "mem.h"
#include "stats.h"

#include <stdio.h>

static void done(struct stats *stats, const char *name, enum evpg_code code)
{
    struct evpg_error error;

    if (code)
        err_set(&error, code, EVPG_FATE_UNKNOWN, "some error");
    stats_done(stats, name, code ? &error : NULL, 5000);
}

START_TEST(by_code)
{
    static const enum evpg_code codes[] = {EVPG_E_TIMEOUT, EVPG_E_CANCELED, EVPG_E_LOST,
                                           EVPG_E_LOST,    EVPG_E_CLOSED,   EVPG_E_SERVER};
    struct stats stats = {0};

    for (size_t i = 0; i < sizeof(codes) / sizeof(*codes); i++)
        done(&stats, "unnoticed", codes[i]);
    done(&stats, NULL, (enum evpg_code)0);
    ck_assert_uint_eq(stats.all.failed, 6);
    ck_assert_uint_eq(stats.all.succeeded, 1);
    ck_assert_uint_eq(stats.all.timed_out, 1);
    ck_assert_uint_eq(stats.all.canceled, 1);
    ck_assert_uint_eq(stats.all.lost, 2);
    ck_assert_uint_eq(stats.all.cut_off, 1);
    ck_assert_uint_eq(stats.all.total_time.count, 7);
    ck_assert_ptr_null(stats_name(&stats, 0));
    stats_finish(&stats);
}
END_TEST

/* The first so many names; of long ones the beginning counts. */
START_TEST(by_name)
{
    struct stats stats = {.most_names = 3};
    char name[101] = "";

    memset(name, 'x', 100);
    for (int round = 0; round < 4; round++) {
        name[99] = (char)('a' + round);
        done(&stats, "first", (enum evpg_code)0);
        done(&stats, "", EVPG_E_LOST);
        done(&stats, name, (enum evpg_code)0);
        done(&stats, "too many", (enum evpg_code)0);
        done(&stats, NULL, (enum evpg_code)0);
    }
    ck_assert_str_eq(stats_name(&stats, 0)->name, "first");
    ck_assert_uint_eq(stats_name(&stats, 0)->succeeded, 4);
    ck_assert_str_eq(stats_name(&stats, 1)->name, "");
    ck_assert_uint_eq(stats_name(&stats, 1)->failed, 4);
    ck_assert_uint_eq(strlen(stats_name(&stats, 2)->name), 63);
    ck_assert_uint_eq(stats_name(&stats, 2)->total_time.count, 4);
    ck_assert_ptr_null(stats_name(&stats, 3));
    ck_assert_uint_eq(stats.all.succeeded, 16);
    stats_finish(&stats);
}
END_TEST

static int allocations_left;

static void *failing_alloc(size_t size)
{
    return allocations_left-- > 0 ? malloc(size) : NULL;
}

/* Then the name is not counted, and all the rest is. */
START_TEST(without_memory)
{
    void *(*source)(size_t) = mem_source;

    for (int left = 0; left < 4; left++) {
        struct stats stats = {.most_names = 2};

        allocations_left = left;
        mem_source = failing_alloc;
        done(&stats, "name", (enum evpg_code)0);
        mem_source = source;
        ck_assert_uint_eq(stats.all.succeeded, 1);
        done(&stats, "name", (enum evpg_code)0);
        ck_assert_uint_eq(stats_name(&stats, 0)->succeeded,
                          stats.n_names == 1 && left == 3 ? 2 : 1);
        ck_assert_uint_eq(stats.n_names, 1);
        stats_finish(&stats);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("unit_stats");
    TCase *tcase = tcase_create("stats");

    tcase_add_test(tcase, by_code);
    tcase_add_test(tcase, by_name);
    tcase_add_test(tcase, without_memory);
    suite_add_tcase(suite, tcase);
    return run_suite(suite, false);
}
