/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * db_close: a connection is closed in good order: what was accepted is finished; PI13.
 *
 * The counterpart of lib/close.c.
 */
#include "oracle.h"

#include <errno.h>
#include <stdio.h>

static int n_closed;
static size_t last_cut_off;
static bool free_when_closed;

static void on_closed(struct evpg_db *closed, size_t cut_off, void *arg)
{
    ck_assert_ptr_eq(closed, db);
    ck_assert_ptr_eq(arg, &n_closed);
    ck_assert(all_done());
    n_closed++;
    last_cut_off = cut_off;
    if (free_when_closed) {
        db = NULL;
        evpg_free(closed);
    }
}

static void close_now(int deadline_ms)
{
    ck_assert_int_eq(evpg_close(db, deadline_ms, on_closed, &n_closed), 0);
    ck_assert_int_eq(n_closed, 0);
}

/* Closed, once, and nothing of it keeps the loop from ending. */
static void check_closed(size_t cut_off)
{
    ck_assert(await_flag(&n_closed, 5000));
    run_for(20);
    ck_assert_int_eq(n_closed, 1);
    ck_assert_uint_eq(last_cut_off, cut_off);
    if (db) {
        ck_assert_ptr_null(evpg_pgconn(db));
        errno = 0;
        ck_assert_ptr_null(evpg_query(db, "select 1", EVPG_NO_PARAMS, NULL, NULL, NULL));
        ck_assert_int_eq(errno, ENOTCONN);
    }
}

static void free_and_end(void)
{
    evpg_free(db);
    db = NULL;
    ck_assert_int_eq(n_closed, 1);
    end();
}

START_TEST(pi13_at_once_after_submitting)
{
    struct outcome *first, *second;

    begin(_i);
    first = query("select 1", EVPG_NO_PARAMS);
    second = query("select generate_series(1,300)", EVPG_NO_PARAMS);
    close_now(-1);
    errno = 0;
    ck_assert_ptr_null(submit(new_outcome(), "select 3", EVPG_NO_PARAMS));
    ck_assert_int_eq(errno, ESHUTDOWN);
    ck_assert_int_eq(evpg_close(db, -1, NULL, NULL), -1);
    ck_assert_int_eq(errno, EALREADY);
    check_closed(0);
    ck_assert_outcome_ok(first);
    ck_assert_outcome_ok(second);
    ck_assert_int_eq(second->n_rows, 300);
    free_and_end();
}
END_TEST

START_TEST(a_long_queue)
{
    begin(_i);
    for (int i = 0; i < 1000; i++)
        query("select 1", EVPG_NO_PARAMS);
    close_now(10000);
    check_closed(0);
    check_all_succeeded();
    free_and_end();
}
END_TEST

START_TEST(idle)
{
    begin(_i);
    free_when_closed = true;
    close_now(-1);
    check_closed(0);
    ck_assert_ptr_null(db);
    end();
}
END_TEST

/* The server's work goes on, but nobody waits for it. */
START_TEST(deadline)
{
    struct outcome *done, *slow, *behind;
    double start;

    begin(ALONE);
    done = query("select 1", EVPG_NO_PARAMS);
    slow = query("select pg_sleep(5)", EVPG_NO_PARAMS);
    behind = query("select 2", EVPG_NO_PARAMS);
    start = now_ms();
    close_now(150);
    check_closed(2);
    ck_assert_double_ge(now_ms() - start, 150);
    ck_assert_outcome_ok(done);
    ck_assert_int_eq(evpg_error_code(slow->error), EVPG_E_CLOSED);
    ck_assert_int_eq(evpg_error_fate(slow->error), EVPG_FATE_UNKNOWN);
    ck_assert_int_eq(evpg_error_code(behind->error), EVPG_E_CLOSED);
    free_and_end();
}
END_TEST

static void free_db(const struct evpg_result *result, struct outcome *outcome)
{
    struct evpg_db *victim = db;

    (void)result;
    (void)outcome;
    evpg_free(victim);
    db = NULL;
}

/* All that was cut off counts, also where a callback makes an end of the connection meanwhile. */
START_TEST(freed_by_what_the_deadline_cuts_off)
{
    begin(ALONE);
    for (int i = 0; i < 5; i++) {
        struct outcome *slow = new_outcome();

        slow->on_done = i == 1 ? free_db : NULL;
        ck_assert_ptr_nonnull(submit(slow, "select pg_sleep(5)", EVPG_NO_PARAMS));
    }
    close_now(50);
    check_closed(5);
    end();
}
END_TEST

START_TEST(deadline_of_nothing)
{
    begin(ALONE);
    query("select pg_sleep(5)", EVPG_NO_PARAMS);
    close_now(0);
    check_closed(1);
    free_and_end();
}
END_TEST

static int n_opened;

static void on_open(struct evpg_db *opened, const struct evpg_error *error, void *arg)
{
    int *code = arg;

    (void)opened;
    n_opened++;
    *code = error ? (int)evpg_error_code(error) : 0;
}

/* With nothing waiting for it, it is given up; else it is finished. */
START_TEST(while_opening)
{
    int code = -1;
    struct outcome *one = NULL;

    begin_closed(NULL, NULL);
    ck_assert_ptr_nonnull(evpg_open(db, on_open, &code));
    for (int i = 0; i < _i / 2; i++)
        event_base_loop(base, EVLOOP_ONCE | EVLOOP_NONBLOCK);
    if (_i % 2) {
        one = new_outcome();
        ck_assert_ptr_nonnull(submit(one, "select 1", EVPG_NO_PARAMS));
    }
    close_now(-1);
    check_closed(0);
    ck_assert_int_eq(n_opened, 1);
    if (one)
        ck_assert_outcome_ok(one);
    ck_assert(!one || code == 0);
    free_and_end();
}
END_TEST

START_TEST(never_opened)
{
    begin_closed(NULL, NULL);
    close_now(-1);
    check_closed(0);
    free_and_end();
}
END_TEST

/* The callback comes from inside evpg_free. */
START_TEST(freed_while_closing)
{
    begin(ALONE);
    for (int i = 0; i < 3; i++)
        query("select pg_sleep(1)", EVPG_NO_PARAMS);
    close_now(5000);
    run_for(20);
    ck_assert_int_eq(n_closed, 0);
    evpg_free(db);
    ck_assert_uint_eq(last_cut_off, 3);
    db = NULL;
    ck_assert_int_eq(n_closed, 1);
    end();
}
END_TEST

START_TEST(opened_again)
{
    int code = -1;
    struct outcome *again;

    begin(ALONE);
    close_now(-1);
    check_closed(0);
    ck_assert_ptr_nonnull(evpg_open(db, on_open, &code));
    again = query("select 'again'", EVPG_NO_PARAMS);
    await_all();
    ck_assert_int_eq(code, 0);
    ck_assert_str_eq(cell(again, 0, 0), "again");
    end();
}
END_TEST

/* The server ends it first: the requests are lost, and the closing is over. */
START_TEST(lost_while_closing)
{
    struct outcome *fatal;

    begin(_i);
    fatal = new_outcome();
    ck_assert_ptr_nonnull(
        submit(fatal, "select pg_terminate_backend(pg_backend_pid())", EVPG_NO_PARAMS));
    close_now(-1);
    check_closed(0);
    ck_assert_int_eq(evpg_error_code(fatal->error), EVPG_E_LOST);
    free_and_end();
}
END_TEST

/* The end of an idle session is read before the close has had its turn. */
START_TEST(found_dead_while_closing)
{
    begin(_i);
    query("set application_name = 'ending'", EVPG_NO_PARAMS);
    await_all();
    free(admin("select pg_terminate_backend(pid, 5000) from pg_stat_activity"
               " where application_name = 'ending'"));
    close_now(-1);
    check_closed(0);
    free_and_end();
}
END_TEST

static int paused;

static enum evpg_flow pause_at_ten(const struct evpg_row *row, struct outcome *outcome)
{
    (void)row;
    if (outcome->n_rows < 10)
        return EVPG_NEXT;
    paused++;
    if (outcome->number)
        ck_assert_int_eq(evpg_close(db, -1, on_closed, &n_closed), 0);
    return EVPG_PAUSE;
}

/* Before the pause is returned, or after. */
START_TEST(while_paused)
{
    struct outcome *rows, *behind;

    begin(ALONE);
    rows = new_outcome();
    rows->on_row = pause_at_ten;
    rows->number = _i;
    ck_assert_ptr_nonnull(submit(rows, "select generate_series(1,10000)", EVPG_NO_PARAMS));
    behind = query("select 'behind'", EVPG_NO_PARAMS);
    ck_assert(await_flag(&paused, 5000));
    if (!_i)
        close_now(-1);
    check_closed(0);
    ck_assert_int_eq(rows->n_rows, 10);
    ck_assert_int_eq(evpg_error_code(rows->error), EVPG_E_CLOSED);
    ck_assert_int_eq(evpg_error_fate(rows->error), EVPG_FATE_EXECUTED);
    ck_assert_str_eq(cell(behind, 0, 0), "behind");
    free_and_end();
}
END_TEST

START_TEST(refused)
{
    errno = 0;
    ck_assert_int_eq(evpg_close(NULL, 0, NULL, NULL), -1);
    ck_assert_int_eq(errno, EINVAL);
    begin(ALONE);
    ck_assert_int_eq(evpg_close(db, -2, NULL, NULL), -1);
    ck_assert_int_eq(errno, EINVAL);
    ck_assert_ptr_nonnull(strstr(last_log(), "-2 ms"));
    end();
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("db_close");
    TCase *tcase = tcase_create("close");

    tcase_set_timeout(tcase, 30);
    tcase_add_loop_test(tcase, pi13_at_once_after_submitting, 0, N_MODES);
    tcase_add_loop_test(tcase, a_long_queue, 0, N_LARGE_MODES);
    tcase_add_loop_test(tcase, idle, 0, N_MODES);
    tcase_add_test(tcase, deadline);
    tcase_add_test(tcase, deadline_of_nothing);
    tcase_add_test(tcase, freed_by_what_the_deadline_cuts_off);
    tcase_add_loop_test(tcase, while_opening, 0, 12);
    tcase_add_test(tcase, never_opened);
    tcase_add_test(tcase, freed_while_closing);
    tcase_add_test(tcase, opened_again);
    tcase_add_loop_test(tcase, lost_while_closing, 0, N_MODES);
    tcase_add_loop_test(tcase, found_dead_while_closing, 0, N_MODES);
    tcase_add_loop_test(tcase, while_paused, 0, 2);
    tcase_add_test(tcase, refused);
    suite_add_tcase(suite, tcase);
    return run_suite(suite, true);
}
