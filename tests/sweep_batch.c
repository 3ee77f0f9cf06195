/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * sweep_batch: batches, sets of parameters and transactions while the server's stream is cut before
 * a byte, silent from it on, or has bytes changed by chance; while a message is left out, said
 * twice or too early; and while the server says what it must not; F12 to F15.
 */
#include "sins.h"
#include "sweep.h"

#include <stdio.h>

enum { N_PLANS = 2, N_PARTS = 3 };

static const struct sweep_plan *const plans[N_PLANS] = {&sweep_bundles, &sweep_windows};
static const char *const plan_names[N_PLANS] = {"bundles", "windows"};

static enum distortion_kind kind;
static long stride;

/* Each place, or one of so many, not always the same in a message: those of a set's answer are as
 * many as there are sets. */
static struct distortion at_place(long number)
{
    return (struct distortion){.kind = kind, .at = (size_t)(number * stride)};
}

static void run_plan(int plan, const char *name, bool by_byte, int every)
{
    char what[60];
    size_t n_places;

    resources_note();
    sweep_begin(plans[plan]);
    stride = every;
    n_places = by_byte ? recording.length : recording.n_messages;
    snprintf(what, sizeof(what), "%s, %s, of %zu", plan_names[plan], name, n_places);
    sweep_run(0, ((long)n_places - 1) / stride + 1, at_place);
    sweep_tell(what);
    if (kind == CUT || kind == CUT_HARD)
        ck_assert_int_lt(sweep_counts.cut_off * 4, sweep_counts.sessions); /* a slow machine */
    sweep_end();
    resources_check(32768);
}

START_TEST(at_each_byte)
{
    static const enum distortion_kind kinds[] = {CUT, CUT_HARD, MUTE};
    static const char *const names[] = {"cut by FIN", "cut by RST", "silent"};

    kind = kinds[_i % 3];
    run_plan(_i / 3, names[_i % 3], true, _i / 3 ? sized(83, 5) : sized(7, 1));
}
END_TEST

START_TEST(each_message)
{
    static const enum distortion_kind kinds[] = {SKIP, SAY_TWICE, SWAP};
    static const char *const names[] = {"left out", "said twice", "before its time"};

    kind = kinds[_i % 3];
    run_plan(_i / 3, names[_i % 3], false, _i / 3 ? sized(17, 1) : 1);
}
END_TEST

static struct distortion description_at(long number)
{
    static const unsigned char empty[] = {'T', 0, 0, 0, 6, 0, 0};

    return (struct distortion){
        .kind = INSTEAD, .at = (size_t)number, .bytes = empty, .length = sizeof(empty)};
}

/* libpq takes it for the end of the rows before it. */
START_TEST(a_description_in_place_of_each_message)
{
    resources_note();
    sweep_begin(&sweep_bundles);
    sweep_run((long)recording.group[1], (long)(recording.n_messages - recording.group[1]),
              description_at);
    sweep_tell("a description in its place");
    sweep_end();
    resources_check(32768);
}
END_TEST

/* From a number a place behind the login and the bits. */
static struct distortion by_chance(long number)
{
    size_t first = recording.message[recording.group[1]];
    uint64_t x = (uint64_t)number * 0x9E3779B97F4A7C15u + 0x1234567;

    x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9u;
    x = (x ^ (x >> 27)) * 0x94D049BB133111EBu;
    x ^= x >> 31;
    return (struct distortion){.kind = FLIP,
                               .at = first + (size_t)(x >> 16) % (recording.length - first),
                               .mask = (unsigned char)(1 + x % 255)};
}

/* EVPG_TEST_SEED=n: that session alone. */
START_TEST(f13_flips)
{
    const char *seed = getenv("EVPG_TEST_SEED");
    long count = sized(_i ? 200 : 1000, SANITIZED ? 20000 : 200000) / (_i ? 4 : 1);

    resources_note();
    sweep_begin(plans[_i]);
    sweep_run(seed ? atol(seed) : 0, seed ? 1 : count, by_chance);
    sweep_tell("flips");
    sweep_end();
    resources_check(32768);
}
END_TEST

static const void *said[200];
static size_t said_length[200];

/* A number is a sin, a message behind the login, and whether that is left out for it. */
static struct distortion by_number(long number)
{
    size_t n = (size_t)(number * stride), first = recording.group[1];
    size_t n_places = recording.n_messages - first, i = n / 2 / n_places;

    return (struct distortion){.kind = n % 2 ? INSTEAD : SAY,
                               .at = first + n / 2 % n_places,
                               .bytes = said[i],
                               .length = said_length[i]};
}

START_TEST(each_sin)
{
    const char *seed = getenv("EVPG_TEST_SEED");
    long most, from, to;

    resources_note();
    sweep_begin(&sweep_bundles);
    for (size_t i = 0; i < n_sins; i++)
        said[i] = sin_bytes(&sins[i], &said_length[i]);
    stride = sized(13, 1);
    most = (long)(n_sins * 2 * (recording.n_messages - recording.group[1])) / stride;
    from = seed ? atol(seed) : most * _i / N_PARTS;
    to = seed ? from + 1 : most * (_i + 1) / N_PARTS;
    sweep_run(from, to - from, by_number);
    sweep_tell("sins");
    for (size_t i = 0; i < n_sins; i++)
        free((void *)said[i]);
    sweep_end();
    resources_check(32768);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("sweep_batch");
    TCase *tcase = tcase_create("batch");

    tcase_set_timeout(tcase, sized(120, 3600));
    tcase_add_loop_test(tcase, at_each_byte, 0, 3 * N_PLANS);
    tcase_add_loop_test(tcase, each_message, 0, 3 * N_PLANS);
    tcase_add_test(tcase, a_description_in_place_of_each_message);
    tcase_add_loop_test(tcase, f13_flips, 0, N_PLANS);
    tcase_add_loop_test(tcase, each_sin, 0, N_PARTS);
    suite_add_tcase(suite, tcase);
    return run_suite(suite, true);
}
