/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * thread_bases: two loops in two threads, each with connections of its own, share nothing.
 *
 * Each thread queries with rows and notices, closes in order, opens again, and frees, over and
 * over. It is meant for ThreadSanitizer (configure --enable-sanitizers=thread), which sees what the
 * library would write in common; the outcomes are looked at in every build. The harness is of one
 * thread, so little of it is used here: errors are counted, and asserted by the main thread.
 */
#include "harness.h"

#include <pthread.h>
#include <stdio.h>

enum { THREADS = 2, CONNECTIONS = 2, QUERIES = 2000, ROUND = 250, ROWS = 3 };

#define NOISY                                                                                      \
    "create function pg_temp.noisy(n int) returns int language plpgsql as"                         \
    " $$begin if n % 50 = 0 then raise notice '%', n; end if; return n; end$$"

/* One connection of one thread. */
struct side {
    struct event_base *base;
    struct evpg_db *db;
    int submitted, next; /* the number of the next query, and of the next completion */
    int rows, notices, openings, closings;
    int errors; /* whatever is not as it should be */
};

static void expect(struct side *side, bool truth)
{
    side->errors += !truth;
}

static enum evpg_flow on_row(const struct evpg_row *row, void *arg)
{
    struct side *side = arg;
    int32_t number = -1;

    expect(side, evpg_row_int32(row, 0, &number) == 0 && number == side->next);
    expect(side, strcmp(evpg_row_text(row, 1), "a text") == 0);
    side->rows++;
    return EVPG_NEXT;
}

static void on_done(const struct evpg_result *result, void *arg)
{
    struct side *side = arg;

    expect(side, !evpg_result_error(result) && evpg_result_rows(result) == ROWS);
    side->next++;
}

static void on_made(const struct evpg_result *result, void *arg)
{
    expect(arg, !evpg_result_error(result));
}

static void on_failed(const struct evpg_result *result, void *arg)
{
    const struct evpg_error *error = evpg_result_error(result);

    expect(arg, error && strcmp(evpg_error_sqlstate(error), "22012") == 0);
}

static void on_notice(struct evpg_db *which, const struct evpg_error *notice, void *arg)
{
    struct side *side = arg;

    expect(side, which == side->db && evpg_error_field(notice, EVPG_FIELD_MESSAGE));
    side->notices++;
}

static void on_open(struct evpg_db *which, const struct evpg_error *error, void *arg)
{
    struct side *side = arg;

    expect(side, which == side->db && !error);
    side->openings++;
}

static void begin_round(struct side *side);

static void on_closed(struct evpg_db *which, size_t cut_off, void *arg)
{
    struct side *side = arg;

    expect(side, which == side->db && cut_off == 0 && side->next == side->submitted);
    side->closings++;
    if (side->submitted < QUERIES)
        begin_round(side);
    else
        evpg_free(which);
}

static void begin_round(struct side *side)
{
    expect(side, evpg_open(side->db, on_open, side));
    expect(side, evpg_query(side->db, NOISY, EVPG_NO_PARAMS, NULL, on_made, side));
    expect(side, evpg_query(side->db, "select 1/0", EVPG_NO_PARAMS, NULL, on_failed, side));
    expect(side, !evpg_query(side->db, "copy t to stdout", EVPG_NO_PARAMS, NULL, NULL, NULL));
    for (int i = 0; i < ROUND; i++)
        expect(side,
               evpg_query(side->db, "select pg_temp.noisy($1), 'a text' from generate_series(1,3)",
                          EVPG_PARAMS(evpg_int32(side->submitted++)), on_row, on_done, side));
    expect(side, evpg_close(side->db, -1, on_closed, side) == 0);
}

static void *run(void *arg)
{
    struct side *sides = arg;
    struct event_base *own = event_base_new();

    for (int i = 0; i < CONNECTIONS; i++) {
        sides[i].base = own;
        sides[i].db = evpg_conn_new(own, NULL, NULL);
        evpg_set_hooks(sides[i].db, &EVPG_HOOKS(.notice = on_notice), &sides[i]);
        begin_round(&sides[i]);
    }
    expect(sides, event_base_dispatch(own) == 1);
    event_base_free(own);
    return NULL;
}

static void check_side(const struct side *side)
{
    ck_assert_int_eq(side->errors, 0);
    ck_assert_int_eq(side->next, QUERIES);
    ck_assert_int_eq(side->rows, QUERIES * ROWS);
    ck_assert_int_eq(side->notices, QUERIES * ROWS / 50);
    ck_assert_int_eq(side->openings, QUERIES / ROUND);
    ck_assert_int_eq(side->closings, QUERIES / ROUND);
}

START_TEST(share_nothing)
{
    struct side sides[THREADS][CONNECTIONS] = {0};
    pthread_t threads[THREADS];

    for (int i = 0; i < THREADS; i++)
        ck_assert_int_eq(pthread_create(&threads[i], NULL, run, sides[i]), 0);
    for (int i = 0; i < THREADS; i++)
        ck_assert_int_eq(pthread_join(threads[i], NULL), 0);
    for (int i = 0; i < THREADS * CONNECTIONS; i++)
        check_side(&sides[i / CONNECTIONS][i % CONNECTIONS]);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("thread_bases");
    TCase *tcase = tcase_create("threads");

    tcase_set_timeout(tcase, 120);
    tcase_add_test(tcase, share_nothing);
    suite_add_tcase(suite, tcase);
    return run_suite(suite, true);
}
