/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * sweep_bytes: the server's stream cut before each byte, silent from each byte on, and with bytes
 * changed by chance; F12, F13.
 */
#include "sweep.h"

#include <stdio.h>

static enum distortion_kind kind;

static struct distortion at_byte(long number)
{
    return (struct distortion){.kind = kind, .at = (size_t)number};
}

START_TEST(at_each_byte)
{
    static const enum distortion_kind kinds[] = {CUT, CUT_HARD, MUTE};
    static const char *const names[] = {"cut by FIN", "cut by RST", "silent"};

    kind = kinds[_i];
    resources_note();
    sweep_begin(&sweep_queries);
    sweep_run(0, (long)recording.length, at_byte);
    sweep_tell(names[_i]);
    ck_assert_int_ge(sweep_counts.sessions, 1000);
    if (kind == MUTE)
        ck_assert_int_eq(sweep_counts.cut_off, sweep_counts.sessions);
    else
        ck_assert_int_lt(sweep_counts.cut_off * 4, sweep_counts.sessions); /* a slow machine */
    sweep_end();
    resources_check(32768);
}
END_TEST

/* From a number a place and the bits, by a generator of its own, so that a session can be run
 * again. */
static struct distortion by_chance(long number)
{
    uint64_t x = (uint64_t)number * 0x9E3779B97F4A7C15u + 0x1234567;

    x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9u;
    x = (x ^ (x >> 27)) * 0x94D049BB133111EBu;
    x ^= x >> 31;
    return (struct distortion){.kind = FLIP,
                               .at = (size_t)(x >> 16) % recording.length,
                               .mask = (unsigned char)(1 + x % 255)};
}

/* EVPG_TEST_SEED=n: that session alone; n,m: m from there on. */
START_TEST(f13_flips)
{
    const char *seed = getenv("EVPG_TEST_SEED");
    long count = sized(SANITIZED ? 10000 : 2000, SANITIZED ? 100000 : 1000000) / 2;

    resources_note();
    sweep_begin(&sweep_queries);
    if (seed)
        sweep_run(atol(seed), strchr(seed, ',') ? atol(strchr(seed, ',') + 1) : 1, by_chance);
    else
        sweep_run(_i * count, count, by_chance);
    sweep_tell("flips");
    sweep_end();
    resources_check(32768);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("sweep_bytes");
    TCase *tcase = tcase_create("bytes");

    tcase_set_timeout(tcase, sized(120, 3600));
    tcase_add_loop_test(tcase, at_each_byte, 0, 3);
    tcase_add_loop_test(tcase, f13_flips, 0, 2);
    suite_add_tcase(suite, tcase);
    return run_suite(suite, true);
}
