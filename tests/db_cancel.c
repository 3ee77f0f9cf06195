/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * db_cancel: requests that are canceled, abandoned, or pointed at by a handle, and cancel requests
 * that get nowhere; CA01, CA03, CA09.
 *
 * The counterpart of lib/cancel.c; what else may be hit is in db_cancel_race.c.
 */
#include "harness.h"
#include "oracle.h"
#include "proxy.h"

#include <stdio.h>

static void check_canceled(const struct outcome *outcome, enum evpg_phase phase)
{
    ck_assert_int_eq(outcome->completions, 1);
    ck_assert_ptr_nonnull(outcome->error);
    ck_assert_int_eq(evpg_error_code(outcome->error), EVPG_E_CANCELED);
    ck_assert_int_eq(evpg_error_fate(outcome->error), EVPG_FATE_NOT_SENT);
    ck_assert_int_eq(evpg_error_phase(outcome->error), phase);
}

/* Behind a barrier, so it has not been sent. */
START_TEST(ca03_queued)
{
    struct outcome *running, *queued, *behind;

    begin(_i);
    running = query("do $$begin perform pg_sleep(0.05); end$$", EVPG_NO_PARAMS);
    queued = new_outcome();
    ck_assert_ptr_nonnull(submit(queued, "select 1/0", EVPG_NO_PARAMS));
    behind = query("select 'behind'", EVPG_NO_PARAMS);
    run_for(20);
    evpg_request_cancel(queued->request);
    evpg_request_cancel(queued->request);
    ck_assert_int_eq(queued->completions, 0);
    turn();
    turn();
    check_canceled(queued, EVPG_PHASE_QUEUED);
    ck_assert_int_eq(running->completions, 0);
    await_all();
    ck_assert_outcome_ok(running);
    ck_assert_str_eq(cell(behind, 0, 0), "behind");
    end();
}
END_TEST

START_TEST(at_once_and_while_connecting)
{
    struct outcome *first, *second;

    begin_closed(NULL, NULL);
    ck_assert_ptr_nonnull(evpg_open(db, NULL, NULL));
    first = query("select 1", EVPG_NO_PARAMS);
    second = query("select 2", EVPG_NO_PARAMS);
    evpg_request_cancel(first->request);
    await_all();
    check_canceled(first, EVPG_PHASE_CONNECTING);
    ck_assert_outcome_ok(second);
    end();
}
END_TEST

static void check_stopped(const struct outcome *outcome)
{
    ck_assert_outcome_sqlstate(outcome, "57014");
    ck_assert_int_eq(evpg_error_code(outcome->error), EVPG_E_CANCELED);
    ck_assert_int_eq(evpg_error_fate(outcome->error), EVPG_FATE_NOT_EXECUTED);
}

START_TEST(ca01_sent)
{
    struct outcome *slow;
    double start = now_ms();

    begin(_i);
    query("begin", EVPG_NO_PARAMS);
    query("rollback", EVPG_NO_PARAMS);
    slow = query("select pg_sleep(20)", EVPG_NO_PARAMS);
    run_for(50);
    evpg_request_cancel(slow->request);
    evpg_request_cancel(slow->request);
    ck_assert_int_eq(slow->completions, 0);
    await_all();
    ck_assert(now_ms() - start < (SANITIZED ? 10000 : 1500));
    check_stopped(slow);
    evpg_request_cancel(NULL);
    evpg_request_abandon(NULL);
    end();
}
END_TEST

START_TEST(a_hundred_thousand)
{
    static struct outcome *all[100000];

    begin_closed(NULL, NULL);
    ck_assert_ptr_nonnull(evpg_open(db, NULL, NULL));
    for (int i = 0; i < 100000; i++)
        all[i] = query("select 1", EVPG_NO_PARAMS);
    for (int i = 0; i < 100000; i++)
        evpg_request_cancel(all[i]->request);
    await_all();
    for (int i = 0; i < 100000; i++)
        check_canceled(all[i], evpg_error_phase(all[i]->error));
    end();
}
END_TEST

static int n_opened, open_code;

static void on_open(struct evpg_db *opened, const struct evpg_error *error, void *arg)
{
    (void)opened;
    (void)arg;
    n_opened++;
    open_code = error ? (int)evpg_error_code(error) : 0;
}

START_TEST(opening)
{
    struct evpg_request *request;
    struct outcome *waiting;

    begin_closed(NULL, NULL);
    request = evpg_open(db, on_open, NULL);
    waiting = query("select 1", EVPG_NO_PARAMS);
    for (int i = 0; i < _i; i++)
        event_base_loop(base, EVLOOP_ONCE | EVLOOP_NONBLOCK);
    ck_assert_int_eq(n_opened, 0);
    evpg_request_cancel(request);
    ck_assert_int_eq(n_opened, 0);
    await_all();
    ck_assert_int_eq(n_opened, 1);
    ck_assert_int_eq(open_code, EVPG_E_CANCELED);
    check_canceled(waiting, EVPG_PHASE_CONNECTING);
    evpg_free(db);
    db = NULL;
    end();
}
END_TEST

static int touched;

static enum evpg_flow touch_row(const struct evpg_row *row, void *arg)
{
    (void)row;
    (void)arg;
    touched++;
    return EVPG_NEXT;
}

static void touch_done(const struct evpg_result *result, void *arg)
{
    (void)result;
    (void)arg;
    touched++;
}

/* Queued, sent, and with rows on their way: never heard of again, and nothing else is disturbed. */
START_TEST(abandoned)
{
    static const char *const sql[] = {"select generate_series(1,1000)", "select 1/0",
                                      "insert into nowhere values (1)"};
    struct evpg_request *requests[3];
    struct outcome *after;

    begin(_i % N_MODES);
    for (int i = 0; i < 3; i++)
        requests[i] =
            evpg_query(db, sql[i], EVPG_NO_PARAMS, i ? NULL : touch_row, touch_done, NULL);
    if (_i >= N_MODES)
        event_base_loop(base, EVLOOP_ONCE | EVLOOP_NONBLOCK);
    touched = 0;
    for (int i = 0; i < 3; i++)
        evpg_request_abandon(requests[i]);
    after = query("select 'after'", EVPG_NO_PARAMS);
    await_all();
    ck_assert_int_eq(touched, 0);
    ck_assert_str_eq(cell(after, 0, 0), "after");
    end();
}
END_TEST

static int rows_before;

static enum evpg_flow abandon_at_five(const struct evpg_row *row, void *arg)
{
    (void)arg;
    if (++rows_before < 5)
        return EVPG_NEXT;
    evpg_request_abandon(evpg_row_request(row));
    return rows_before % 2 ? EVPG_PAUSE : EVPG_NEXT;
}

START_TEST(abandoned_in_its_row_callback)
{
    struct outcome *after;

    begin(_i);
    ck_assert_ptr_nonnull(evpg_query(db, "select generate_series(1,1000)", EVPG_NO_PARAMS,
                                     abandon_at_five, touch_done, NULL));
    after = query("select 'after'", EVPG_NO_PARAMS);
    await_all();
    ck_assert_int_eq(rows_before, 5);
    ck_assert_int_eq(touched, 0);
    ck_assert_str_eq(cell(after, 0, 0), "after");
    end();
}
END_TEST

static struct evpg_request *handle;

static void check_handle(const struct evpg_result *result, struct outcome *outcome)
{
    (void)outcome;
    ck_assert_ptr_null(handle);
    evpg_request_set_handle(evpg_result_request(result), &handle);
    ck_assert_ptr_null(handle);
    evpg_request_cancel(evpg_result_request(result));
    evpg_request_abandon(evpg_result_request(result));
}

/* What ended it does not matter. */
START_TEST(handles)
{
    static const char *const ends[] = {"select 1", "select 1/0",
                                       "select pg_terminate_backend(pg_backend_pid())"};
    struct evpg_request *other;
    struct outcome *one;

    begin(ALONE);
    one = new_outcome();
    one->on_done = check_handle;
    ck_assert_ptr_nonnull(submit(one, ends[_i], EVPG_NO_PARAMS));
    evpg_request_set_handle(one->request, &other);
    ck_assert_ptr_eq(other, one->request);
    evpg_request_set_handle(one->request, &handle);
    ck_assert_ptr_null(other);
    ck_assert_ptr_eq(handle, one->request);
    await_all();
    ck_assert_ptr_null(handle);
    evpg_free(db);
    db = NULL;
    end();
}
END_TEST

START_TEST(handle_of_an_abandoned_one)
{
    begin(ALONE);
    evpg_request_set_handle(evpg_query(db, "select 1", EVPG_NO_PARAMS, NULL, NULL, NULL), &handle);
    ck_assert_ptr_nonnull(handle);
    evpg_request_abandon(handle);
    ck_assert_ptr_null(handle);
    end();
}
END_TEST

static struct outcome *last;

static void reopen_and_cancel(const struct evpg_result *result, struct outcome *outcome)
{
    (void)outcome;
    ck_assert_ptr_nonnull(evpg_open(evpg_result_db(result), on_open, NULL));
    evpg_request_cancel(last->request);
}

/* One of a connection that was lost, while the next is being opened: it fails for the loss. */
START_TEST(of_an_earlier_life)
{
    struct outcome *fatal, *next;

    begin(ALONE);
    fatal = new_outcome();
    fatal->on_done = reopen_and_cancel;
    ck_assert_ptr_nonnull(
        submit(fatal, "select pg_terminate_backend(pg_backend_pid())", EVPG_NO_PARAMS));
    for (int i = 0; i < 1000; i++)
        last = query("select 1", EVPG_NO_PARAMS);
    ck_assert(await_flag(&n_opened, 5000));
    next = query("select 'next'", EVPG_NO_PARAMS);
    await_all();
    ck_assert_int_eq(evpg_error_code(last->error), EVPG_E_LOST);
    ck_assert_int_eq(evpg_error_fate(last->error), EVPG_FATE_NOT_SENT);
    ck_assert_str_eq(cell(next, 0, 0), "next");
    end();
}
END_TEST

static struct proxy *begin_by_proxy(int cancel_wait_ms)
{
    struct proxy *proxy;
    char conninfo[128];

    begin_closed(NULL, NULL);
    evpg_free(db);
    proxy = proxy_new(base, getenv("PGHOST"), getenv("PGPORT"));
    snprintf(conninfo, sizeof(conninfo), "host=127.0.0.1 port=%d sslmode=disable",
             proxy_port(proxy));
    db = evpg_conn_new(base, conninfo, &EVPG_CONN_CONFIG(.cancel_wait_timeout_ms = cancel_wait_ms));
    ck_assert_ptr_nonnull(evpg_open(db, note_opening, NULL));
    ck_assert(await_flag(&n_openings, 5000));
    return proxy;
}

/* The session, which has nothing to do yet, takes no note of it. */
START_TEST(comes_too_early)
{
    struct proxy *proxy = begin_by_proxy(_i ? -1 : 10000);
    struct outcome *slow;
    double start;

    proxy->settings.hold = true;
    proxy_apply(proxy);
    slow = query("select pg_sleep(20)", EVPG_NO_PARAMS);
    run_for(20);
    proxy->settings.hold = false;
    evpg_request_cancel(slow->request);
    run_for(40);
    ck_assert_int_eq(proxy->counters.live, 1);
    proxy_apply(proxy);
    start = now_ms();
    ck_assert(await_flag(&slow->completions, 10000));
    ck_assert(now_ms() - start < 5000);
    ck_assert_int_eq(evpg_error_code(slow->error), EVPG_E_CANCELED);
    end();
}
END_TEST

/* What the server has said before it stopped comes slowly. It goes on with what is behind
 * meanwhile. True: that was left alone. */
static bool goes_on_behind(void)
{
    struct proxy *proxy = begin_by_proxy(10000);
    struct outcome *large, *behind[2];
    bool done;

    large = query("select repeat('x', 1000) from generate_series(1, 20000)", EVPG_NO_PARAMS);
    behind[0] = query("select pg_sleep(0.7)", EVPG_NO_PARAMS);
    behind[1] = query("select 1", EVPG_NO_PARAMS);
    proxy->settings.piece = 2000;
    proxy->settings.delay_ms = 8;
    run_for(100);
    evpg_request_cancel(large->request);
    await_all();
    ck_assert_int_eq(evpg_error_code(large->error), EVPG_E_CANCELED);
    ck_assert_outcome_ok(behind[1]);
    done = !behind[0]->error;
    if (!done)
        ck_assert_outcome_sqlstate(behind[0], "57014");
    end();
    return done;
}

/* Where the server's one signal came twice, what is behind is hit for that. */
START_TEST(the_answer_is_on_its_way)
{
    int attempts = 1;

    while (!goes_on_behind())
        ck_assert_int_lt(attempts++, 5);
}
END_TEST

/* The server cannot be reached for it: the connection is closed, in time. */
START_TEST(ca09_unreachable)
{
    struct proxy *proxy = begin_by_proxy(300);
    struct outcome *slow, *behind;
    double start;

    heart_start();
    proxy->settings.silent = true;
    slow = query("select pg_sleep(20)", EVPG_NO_PARAMS);
    behind = query("select 1", EVPG_NO_PARAMS);
    run_for(20);
    start = now_ms();
    if (_i)
        evpg_request_set_timeout(slow->request, 10);
    else
        evpg_request_cancel(slow->request);
    await_all();
    ck_assert(now_ms() - start >= 290);
    ck_assert(now_ms() - start < (SANITIZED ? 3000 : 600));
    ck_assert_int_eq(evpg_error_code(slow->error), _i ? EVPG_E_TIMEOUT : EVPG_E_LOST);
    ck_assert_int_eq(evpg_error_fate(slow->error), EVPG_FATE_UNKNOWN);
    ck_assert_int_eq(evpg_error_code(behind->error), EVPG_E_LOST);
    ck_assert_ptr_nonnull(
        strstr(evpg_error_message(behind->error), "cancel_wait_timeout_ms (300)"));
    heart_stop();
    evpg_free(db);
    db = NULL;
    end();
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("db_cancel");
    TCase *tcase = tcase_create("cancel");

    tcase_set_timeout(tcase, 60);
    tcase_add_loop_test(tcase, ca03_queued, 0, N_MODES);
    tcase_add_test(tcase, at_once_and_while_connecting);
    tcase_add_loop_test(tcase, ca01_sent, 0, N_MODES);
    tcase_add_test(tcase, a_hundred_thousand);
    tcase_add_loop_test(tcase, opening, 0, 3);
    tcase_add_loop_test(tcase, abandoned, 0, 2 * N_MODES);
    tcase_add_loop_test(tcase, abandoned_in_its_row_callback, 0, N_MODES);
    tcase_add_loop_test(tcase, handles, 0, 3);
    tcase_add_test(tcase, handle_of_an_abandoned_one);
    tcase_add_test(tcase, of_an_earlier_life);
    tcase_add_loop_test(tcase, comes_too_early, 0, 2);
    tcase_add_test(tcase, the_answer_is_on_its_way);
    tcase_add_loop_test(tcase, ca09_unreachable, 0, 2);
    suite_add_tcase(suite, tcase);
    return run_suite(suite, true);
}
