/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * reentry_loop: the loop is left, or the connection freed, at its k-th pass; F29 and F30.
 *
 * The event that does it comes first in its pass, so the connection's own events are active and are
 * never called. The server's bytes come in small pieces, for many passes; each completion submits
 * again, so there is always work. And such chains of completions do not make the stack grow.
 */
#include "harness.h"

#include <stdint.h>
#include <stdio.h>

enum { LAST_PASS = 200, IN_ONE_PROCESS = 10, PIECE = 64, SERIES = 3 };

static bool free_inside, freeing, freed;
static int opened, left_behind;

static void submit_series(void);

static enum evpg_flow expect_living(const struct evpg_row *row, struct outcome *outcome)
{
    (void)row;
    (void)outcome;
    ck_assert(!freed && !freeing);
    return EVPG_NEXT;
}

static void go_on(const struct evpg_result *result, struct outcome *outcome)
{
    (void)outcome;
    ck_assert(!freed);
    if (freeing) {
        ck_assert_int_eq(evpg_error_code(evpg_result_error(result)), EVPG_E_CLOSED);
        left_behind++;
    } else {
        ck_assert_ptr_null(evpg_result_error(result));
        submit_series();
    }
}

static void submit_series(void)
{
    struct outcome *series = new_outcome();

    series->discard = true;
    series->on_row = expect_living;
    series->on_done = go_on;
    ck_assert_ptr_nonnull(submit(series, "select generate_series(1,100)", EVPG_NO_PARAMS));
}

static void count_opening(struct evpg_db *which, const struct evpg_error *error, void *arg)
{
    (void)which;
    (void)arg;
    ck_assert(!freed);
    ck_assert_int_eq(error != NULL, freeing);
    opened++;
}

static void free_now(void)
{
    struct evpg_db *victim = db;

    db = NULL;
    freeing = true;
    evpg_free(victim);
    freed = true;
    ck_assert(all_done());
    ck_assert_int_eq(opened, 1);
    ck_assert_int_eq(left_behind, SERIES);
}

static void leave(evutil_socket_t fd, short what, void *arg)
{
    (void)fd;
    (void)what;
    (void)arg;
    if (free_inside)
        free_now();
    event_base_loopbreak(base);
}

static void begin_series(void)
{
    char conninfo[64];

    freeing = freed = false;
    opened = left_behind = 0;
    begin_closed(NULL, NULL);
    evpg_free(db);
    snprintf(conninfo, sizeof(conninfo), "host=127.0.0.1 port=%d sslmode=disable",
             proxied_port(PIECE));
    db = evpg_conn_new(base, conninfo, NULL);
    ck_assert_ptr_nonnull(evpg_open(db, count_opening, NULL));
    for (int i = 0; i < SERIES; i++)
        submit_series();
}

static void leave_at(int pass)
{
    struct event *breaker;

    begin_series();
    for (int i = 1; i < pass; i++)
        event_base_loop(base, EVLOOP_ONCE);
    breaker = event_new(base, -1, 0, leave, NULL);
    event_active(breaker, EV_TIMEOUT, 0);
    event_base_dispatch(base);
    ck_assert(event_base_got_break(base));
    event_free(breaker);
    if (!free_inside)
        free_now();
    run_for(1);
    end();
}

START_TEST(left_and_freed)
{
    free_inside = false;
    for (int i = 1; i <= IN_ONE_PROCESS; i++)
        leave_at(_i * IN_ONE_PROCESS + i);
}
END_TEST

START_TEST(freed_in_the_pass)
{
    free_inside = true;
    for (int i = 1; i <= IN_ONE_PROCESS; i++)
        leave_at(_i * IN_ONE_PROCESS + i);
}
END_TEST

static int links, finished;
static bool cancels;
static uintptr_t highest, lowest = UINTPTR_MAX;

static void add_link(void);

static void on_link(const struct evpg_result *result, void *arg)
{
    uintptr_t here = (uintptr_t)__builtin_frame_address(0);

    (void)arg;
    ck_assert_int_eq(evpg_result_error(result) != NULL, cancels);
    highest = here > highest ? here : highest;
    lowest = here < lowest ? here : lowest;
    if (links-- > 0)
        add_link();
    else
        finished = 1;
}

static void add_link(void)
{
    struct evpg_request *request = evpg_query(db, "select 1", EVPG_NO_PARAMS, NULL, on_link, NULL);

    ck_assert_ptr_nonnull(request);
    if (cancels)
        evpg_request_cancel(request);
}

/* Each completion submits the next; which is answered, or canceled at once. */
START_TEST(a_chain_of_completions)
{
    begin(ALONE);
    cancels = _i;
    links = sized(10000, 100000);
    add_link();
    ck_assert(await_flag(&finished, 100000));
    ck_assert_uint_le(highest - lowest, 4096);
    end();
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("reentry_loop");
    TCase *tcase = tcase_create("loop");

    tcase_set_timeout(tcase, sized(40, 200));
    tcase_add_loop_test(tcase, left_and_freed, 0, LAST_PASS / IN_ONE_PROCESS);
    tcase_add_loop_test(tcase, freed_in_the_pass, 0, LAST_PASS / IN_ONE_PROCESS);
    tcase_add_loop_test(tcase, a_chain_of_completions, 0, 2);
    suite_add_tcase(suite, tcase);
    return run_suite(suite, true);
}
