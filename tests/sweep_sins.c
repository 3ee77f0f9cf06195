/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * sweep_sins: a server that says what it must not, at each place of a session, beside or in place
 * of what belongs there; and what it must, too often, not at all, or too early; F14, F15, F42.
 */
#include "sins.h"
#include "sweep.h"

#include <stdio.h>

/* The tests go on in parallel no more than the sins of one can be told apart. */
enum { N_PARTS = 4 };

static enum distortion_kind kind;
static void **said;
static size_t *said_length;
static size_t *places, n_places;

static struct distortion at_message(long number)
{
    return (struct distortion){.kind = kind, .at = (size_t)number};
}

START_TEST(each_message)
{
    static const enum distortion_kind kinds[] = {SKIP, SAY_TWICE, SWAP};
    static const char *const names[] = {"left out", "said twice", "before its time"};

    resources_note();
    sweep_begin(&sweep_queries);
    kind = kinds[_i];
    sweep_run(0, (long)recording.n_messages, at_message);
    sweep_tell(names[_i]);
    sweep_end();
    resources_check(16384);
}
END_TEST

/* All messages, but of many parameters only the first and the last. */
static void find_places(void)
{
    size_t first = recording_find(&recording, 0, 'S'), key = recording_find(&recording, 0, 'K');

    places = calloc(recording.n_messages, sizeof(*places));
    for (size_t i = 0; i < recording.n_messages; i++)
        if (i <= first || i + 1 >= key)
            places[n_places++] = i;
}

static void prepare(void)
{
    said = calloc(n_sins, sizeof(*said));
    said_length = calloc(n_sins, sizeof(*said_length));
    for (size_t i = 0; i < n_sins; i++)
        said[i] = sin_bytes(&sins[i], &said_length[i]);
    find_places();
}

static void clean_up(void)
{
    for (size_t i = 0; i < n_sins; i++)
        free(said[i]);
    free(said);
    free(said_length);
    free(places);
}

/* A number is a sin, a place, and whether something else is left out for it. */
static struct distortion by_number(long number)
{
    size_t n = (size_t)number, i = n / 2 / n_places;

    return (struct distortion){.kind = n % 2 ? INSTEAD : SAY,
                               .at = places[n / 2 % n_places],
                               .bytes = said[i],
                               .length = said_length[i]};
}

/* EVPG_TEST_SEED=n: the session with that number alone. */
START_TEST(each_sin)
{
    const char *seed = getenv("EVPG_TEST_SEED");
    long one, from, to;

    resources_note();
    sweep_begin(&sweep_queries);
    prepare();
    one = (long)n_places * 2;
    from = (long)n_sins * _i / N_PARTS * one;
    to = (long)n_sins * (_i + 1) / N_PARTS * one;
    if (seed)
        sweep_run(atol(seed), 1, by_number);
    else
        sweep_run(from, to - from, by_number);
    fprintf(stderr, "# %zu sins at %zu places, this is part %d of %d\n", n_sins, n_places, _i + 1,
            N_PARTS);
    sweep_tell("sins");
    clean_up();
    sweep_end();
    resources_check(32768);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("sweep_sins");
    TCase *tcase = tcase_create("sins");

    tcase_set_timeout(tcase, 120);
    tcase_add_loop_test(tcase, each_message, 0, 3);
    tcase_add_loop_test(tcase, each_sin, 0, N_PARTS);
    suite_add_tcase(suite, tcase);
    return run_suite(suite, true);
}
