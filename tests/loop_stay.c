/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * loop_stay: how long the library keeps the loop in one pass: never more than 5 ms.
 *
 * Measured as the thread's CPU time from before epoll to after the callbacks, so that what else the
 * machine does counts little; libpq's and the callbacks' own work is in it. In a virtual machine
 * some of the host's time is in it as well: two stays of thousands may be longer, to 25 ms, and
 * what was too long is done again, twice at most: a stay that is ours comes again. Skipped under
 * sanitizers, which slow all of it down.
 */
#include "oracle.h"

#include <stdio.h>
#include <time.h>

#define MOST_MS 5.0
#define EVER_MS 25.0

enum { WORST = 3, MOST_ATTEMPTS = 3 };

static double worst_ms[WORST]; /* the longest stays, longest first */
static int wrong;

static double cpu_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return (double)now.tv_sec * 1e3 + (double)now.tv_nsec / 1e6;
}

static void note_stay(double stay)
{
    for (int i = 0; i < WORST; i++) {
        double other = worst_ms[i];

        if (stay <= other)
            continue;
        worst_ms[i] = stay;
        stay = other;
    }
}

static void pass(void)
{
    double before = cpu_ms();

    event_base_loop(base, EVLOOP_ONCE);
    note_stay(cpu_ms() - before);
}

static void run_all(void)
{
    while (!all_done())
        pass();
}

/* Whether it need not be done again. */
static bool stays_were_short(int attempt)
{
    bool are = worst_ms[2] <= MOST_MS && worst_ms[0] <= EVER_MS;

    fprintf(stderr, "# the longest stays: %.2f, %.2f, %.2f ms\n", worst_ms[0], worst_ms[1],
            worst_ms[2]);
    ck_assert_msg(are || attempt < MOST_ATTEMPTS, "stays of %.2f and %.2f ms", worst_ms[0],
                  worst_ms[2]);
    memset(worst_ms, 0, sizeof(worst_ms));
    return are;
}

/* Each test's work is a function, which begins and ends by itself. */
static void try_until_short(void (*work)(int mode), int mode)
{
    int attempt = 0;

    do
        work(mode);
    while (!stays_were_short(++attempt));
}

static long least_kib, most_kib;

static enum evpg_flow count_row(const struct evpg_row *row, struct outcome *outcome)
{
    int64_t n = -1;

    wrong += evpg_row_int64(row, 0, &n) != 0 || n != outcome->n_rows;
    if (outcome->n_rows >= 1000 && outcome->n_rows % 1000 == 0) {
        long now = resident_kib();

        least_kib = least_kib == 0 || now < least_kib ? now : least_kib;
        most_kib = now > most_kib ? now : most_kib;
    }
    return EVPG_NEXT;
}

/* Memory is looked at while they come, too. */
static void take_rows(int mode)
{
    int many = sized(500000, 5000000);
    struct outcome *rows;

    least_kib = most_kib = 0;
    begin(mode);
    rows = new_outcome();
    rows->discard = true;
    rows->on_row = count_row;
    ck_assert_ptr_nonnull(submit(rows,
                                 "select n, repeat('x', 100) from generate_series(1, $1::int4) n",
                                 EVPG_PARAMS(evpg_int32(many))));
    run_all();
    ck_assert_outcome_ok(rows);
    ck_assert_int_eq(rows->n_rows, many);
    ck_assert_int_eq(wrong, 0);
    ck_assert_msg(most_kib - least_kib <= 4096, "between %ld and %ld KiB", least_kib, most_kib);
    fprintf(stderr, "# memory between %ld and %ld KiB\n", least_kib, most_kib);
    end();
}

START_TEST(millions_of_rows)
{
    try_until_short(take_rows, _i ? BINARY : ALONE);
}
END_TEST

enum { QUERIES = 100000 };

static int n_done;

static void check_number(const struct evpg_result *result, void *arg)
{
    const struct evpg_row *row = evpg_result_row(result, 0);
    int64_t number = -1;

    (void)arg;
    wrong += evpg_result_error(result) || !row || evpg_row_int64(row, 0, &number) != 0 ||
             number != n_done;
    n_done++;
}

static void take_answers(int mode)
{
    long before;

    n_done = 0;
    begin(mode);
    before = resident_kib();
    for (int i = 0; i < QUERIES; i++)
        ck_assert_ptr_nonnull(evpg_query(db, "select $1::int8", EVPG_PARAMS(evpg_int64(i)), NULL,
                                         check_number, NULL));
    while (n_done < QUERIES)
        pass();
    ck_assert_int_eq(wrong, 0);
    ck_assert_int_le(resident_kib() - before, QUERIES); /* a KiB each */
    end();
}

START_TEST(pi07_a_hundred_thousand_queries)
{
    try_until_short(take_answers, ALONE);
}
END_TEST

/* All at once lost, and told in slices. */
static void lose(int mode)
{
    begin(mode);
    ck_assert_ptr_nonnull(
        submit(new_outcome(), "select pg_terminate_backend(pg_backend_pid())", EVPG_NO_PARAMS));
    for (int i = 0; i < QUERIES; i++)
        ck_assert_ptr_nonnull(submit(new_outcome(), "select 1", EVPG_NO_PARAMS));
    run_all();
    evpg_free(db);
    db = NULL;
    end();
}

START_TEST(a_long_queue_is_lost)
{
    try_until_short(lose, ALONE);
}
END_TEST

static void add_tests(TCase *tcase)
{
    tcase_set_timeout(tcase, sized(120, 900));
    tcase_add_loop_test(tcase, millions_of_rows, 0, 2);
    tcase_add_test(tcase, pi07_a_hundred_thousand_queries);
    tcase_add_test(tcase, a_long_queue_is_lost);
}

int main(void)
{
    Suite *suite;
    TCase *tcase;

    if (SANITIZED) {
        puts("1..0 # SKIP its figures mean nothing under sanitizers");
        return 0;
    }
    suite = suite_create("loop_stay");
    tcase = tcase_create("stay");
    add_tests(tcase);
    suite_add_tcase(suite, tcase);
    return run_suite(suite, true);
}
