/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * db_pause: rows are paused and go on; what is on the connection waits, and nothing is lost.
 *
 * The counterpart of EVPG_PAUSE and evpg_request_resume. That the server waits is asked of the
 * server.
 */
#include "harness.h"

#include <stdio.h>
#include <unistd.h>

static int pause_at, paused, out_of_order;
static bool free_at_pause, resume_at_pause, cancel_at_pause;

static enum evpg_flow on_row(const struct evpg_row *row, struct outcome *outcome)
{
    struct evpg_db *victim = db;
    int64_t value;

    ck_assert_int_eq(evpg_row_int64(row, 0, &value), 0);
    out_of_order += value != outcome->n_rows;
    if (outcome->n_rows != pause_at)
        return EVPG_NEXT;
    paused++;
    if (free_at_pause) {
        db = NULL;
        evpg_free(victim);
    }
    if (cancel_at_pause)
        evpg_request_cancel(evpg_row_request(row));
    if (resume_at_pause)
        evpg_request_resume(evpg_row_request(row));
    return EVPG_PAUSE;
}

static struct outcome *submit_series(int rows, int pause)
{
    struct outcome *series = new_outcome();

    pause_at = pause;
    series->on_row = on_row;
    series->discard = true;
    ck_assert_ptr_nonnull(submit(series, "select n, repeat('x', 100) from generate_series(1,$1) n",
                                 EVPG_PARAMS(evpg_int32(rows))));
    return series;
}

static void check_series(const struct outcome *series, int rows)
{
    ck_assert_outcome_ok(series);
    ck_assert_int_eq(series->n_rows, rows);
    ck_assert_int_eq(out_of_order, 0);
    ck_assert_int_eq(paused, 1);
}

/* Once at each of these rows of 1000: the first and last, and where chunks begin and end. */
static const int places[] = {1, 2, 63, 64, 65, 127, 128, 500, 999, 1000};
enum { N_PLACES = sizeof(places) / sizeof(*places) };

static void pause_and_resume(int mode, int rows, int place)
{
    struct outcome *series, *next;

    begin(mode);
    series = submit_series(rows, place);
    next = new_outcome();
    ck_assert_ptr_nonnull(submit(next, "select 'next'", EVPG_NO_PARAMS));
    ck_assert(await_flag(&paused, 5000));
    run_for(60);
    ck_assert_int_eq(series->n_rows, place);
    ck_assert_int_eq(next->completions, 0);
    evpg_request_resume(series->request);
    ck_assert_int_eq(series->n_rows, place);
    await_all();
    check_series(series, rows);
    ck_assert_outcome_ok(next);
    ck_assert_str_eq(cell(next, 0, 0), "next");
    end();
}

START_TEST(at_each_place)
{
    pause_and_resume(ALONE, 1000, places[_i]);
}
END_TEST

START_TEST(in_fragments)
{
    pause_and_resume(_i, 100, 50);
}
END_TEST

START_TEST(taken_back_in_the_callback)
{
    struct outcome *series;

    begin(_i);
    resume_at_pause = true;
    series = submit_series(300, 100);
    await_all();
    check_series(series, 300);
    end();
}
END_TEST

/* The socket fills up, and the server waits for us to read. */
START_TEST(the_server_waits)
{
    struct outcome *series;
    char *event;

    begin(ALONE);
    ck_assert_ptr_nonnull(submit(new_outcome(), "set application_name = 'paused'", EVPG_NO_PARAMS));
    series = submit_series(sized(300000, 1000000), 1000);
    ck_assert(await_flag(&paused, 5000));
    run_for(300);
    event = admin("select wait_event from pg_stat_activity where application_name = 'paused'");
    ck_assert_str_eq(event, "ClientWrite");
    free(event);
    evpg_request_resume(series->request);
    evpg_request_resume(series->request);
    await_all();
    check_series(series, sized(300000, 1000000));
    end();
}
END_TEST

/* They wait until it goes on, however many they are. */
START_TEST(submits_while_paused)
{
    struct outcome *series, *behind[500];

    begin(_i);
    series = submit_series(400, 200);
    ck_assert(await_flag(&paused, 5000));
    for (int i = 0; i < 500; i++) {
        behind[i] = new_outcome();
        ck_assert_ptr_nonnull(submit(behind[i], "select $1", EVPG_PARAMS(evpg_int32(i))));
    }
    run_for(50);
    ck_assert_int_eq(behind[0]->completions, 0);
    evpg_request_resume(series->request);
    await_all();
    check_series(series, 400);
    for (int i = 0; i < 500; i++)
        ck_assert_int_eq(atoi(cell(behind[i], 0, 0)), i);
    end();
}
END_TEST

START_TEST(freed_while_paused)
{
    struct outcome *series;

    begin(_i);
    series = submit_series(400, 200);
    ck_assert(await_flag(&paused, 5000));
    evpg_free(db);
    db = NULL;
    ck_assert_int_eq(series->n_rows, 200);
    ck_assert_int_eq(evpg_error_code(series->error), EVPG_E_CLOSED);
    run_for(20);
    end();
}
END_TEST

START_TEST(freed_in_the_callback_that_pauses)
{
    struct outcome *series;

    begin(_i);
    free_at_pause = true;
    resume_at_pause = false;
    series = submit_series(400, 200);
    await_all();
    ck_assert_int_eq(evpg_error_code(series->error), EVPG_E_CLOSED);
    run_for(20);
    end();
}
END_TEST

/* In the callback that pauses, or after it: the rest is thrown away, and others are not disturbed.
 */
START_TEST(canceled)
{
    struct outcome *series, *next;

    begin(ALONE);
    cancel_at_pause = _i;
    series = submit_series(4000, 200);
    next = query("select 'next'", EVPG_NO_PARAMS);
    ck_assert(await_flag(&paused, 5000));
    if (!_i)
        evpg_request_cancel(series->request);
    await_all();
    ck_assert_int_eq(series->n_rows, 200);
    ck_assert_int_eq(evpg_error_code(series->error), EVPG_E_CANCELED);
    ck_assert_int_ne(evpg_error_fate(series->error), EVPG_FATE_UNKNOWN);
    ck_assert_str_eq(cell(next, 0, 0), "next");
    end();
}
END_TEST

static struct outcome *pause_and_die(void)
{
    struct outcome *series;

    begin(ALONE);
    find_backend();
    series = submit_series(1000000, 100);
    ck_assert(await_flag(&paused, 5000));
    end_backend();
    run_for(50);
    return series;
}

static void check_lost(const struct outcome *series)
{
    ck_assert_int_eq(evpg_error_code(series->error), EVPG_E_LOST);
    ck_assert_int_eq(evpg_error_fate(series->error), EVPG_FATE_UNKNOWN);
    ck_assert_int_eq(out_of_order, 0);
    evpg_free(db);
    db = NULL;
    end();
}

/* It is seen at once, and what waits is told. */
START_TEST(the_server_dies_while_paused)
{
    struct outcome *series = pause_and_die();

    ck_assert_int_eq(series->completions, 1);
    ck_assert_int_eq(series->n_rows, 100);
    ck_assert_ptr_null(evpg_pgconn(db));
    check_lost(series);
}
END_TEST

/* By poll(2), libevent cannot tell: the rows that had come are delivered, and then the loss. */
START_TEST(the_server_dies_while_paused_unseen)
{
    struct outcome *series;

    setenv("EVENT_NOEPOLL", "1", 1);
    series = pause_and_die();
    ck_assert_int_eq(series->completions, 0);
    evpg_request_resume(series->request);
    await_all();
    ck_assert_int_gt(series->n_rows, 100);
    check_lost(series);
}
END_TEST

/* Of a request that is not paused, or nothing at all. */
START_TEST(idle_resumes)
{
    struct outcome *one;

    begin(_i);
    one = new_outcome();
    ck_assert_ptr_nonnull(submit(one, "select 1", EVPG_NO_PARAMS));
    evpg_request_resume(one->request);
    evpg_request_resume(NULL);
    await_all();
    ck_assert_outcome_ok(one);
    end();
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("db_pause");
    TCase *tcase = tcase_create("pause");

    tcase_set_timeout(tcase, 60);
    tcase_add_loop_test(tcase, at_each_place, 0, N_PLACES);
    tcase_add_loop_test(tcase, in_fragments, 0, N_MODES);
    tcase_add_loop_test(tcase, taken_back_in_the_callback, 0, N_MODES);
    tcase_add_test(tcase, the_server_waits);
    tcase_add_loop_test(tcase, submits_while_paused, 0, N_LARGE_MODES);
    tcase_add_loop_test(tcase, freed_while_paused, 0, N_MODES);
    tcase_add_loop_test(tcase, freed_in_the_callback_that_pauses, 0, N_MODES);
    tcase_add_loop_test(tcase, canceled, 0, 2);
    tcase_add_test(tcase, the_server_dies_while_paused);
    tcase_add_test(tcase, the_server_dies_while_paused_unseen);
    tcase_add_loop_test(tcase, idle_resumes, 0, N_MODES);
    suite_add_tcase(suite, tcase);
    return run_suite(suite, true);
}
