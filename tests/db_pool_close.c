/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * db_pool_close: the end of a pool, from everywhere: PO18, PO19, PO20, and evpg_free in callbacks.
 *
 * The counterpart of lib/pool_close.c.
 */
#include "oracle.h"

#include <errno.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

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

static void begin_with(int mode, int max_connections)
{
    n_closed = 0;
    free_when_closed = false;
    begin_pool(mode, &EVPG_POOL_CONFIG(.max_connections = max_connections));
}

/* Closed, once, and nothing of it keeps the loop from ending. */
static void check_closed(size_t cut_off)
{
    ck_assert(await_flag(&n_closed, 5000));
    run_for(20);
    ck_assert_int_eq(n_closed, 1);
    ck_assert_uint_eq(last_cut_off, cut_off);
    if (!db)
        return;
    errno = 0;
    ck_assert_ptr_null(evpg_query(db, "select 1", EVPG_NO_PARAMS, NULL, NULL, NULL));
    ck_assert_int_eq(errno, ESHUTDOWN);
    ck_assert_int_eq(evpg_close(db, 0, NULL, NULL), -1);
    ck_assert_int_eq(errno, EALREADY);
}

static void check_loop_ends(void)
{
    double start = now_ms();

    ck_assert_int_eq(event_base_dispatch(base), 1);
    ck_assert(now_ms() - start < 1000);
}

static int n_told;

/* The first of many: the others are told later, of what the first was told of. */
static void close_when_told(struct evpg_db *lease, const struct evpg_error *error, void *arg)
{
    (void)arg;
    ck_assert_ptr_null(lease);
    ck_assert_int_eq(evpg_error_code(error), EVPG_E_CONNECT);
    ck_assert_int_eq(evpg_error_phase(error), EVPG_PHASE_CONNECTING);
    if (n_told++ == 0)
        close_now(-1);
}

static void free_and_end(void)
{
    evpg_free(db);
    db = NULL;
    end();
}

START_TEST(finishes_what_was_submitted)
{
    begin_with(_i, 2);
    for (int i = 0; i < 50; i++)
        query("select 1", EVPG_NO_PARAMS);
    submit_script(new_outcome(), "select 1; select 2");
    close_now(-1);
    ck_assert_ptr_null(evpg_query(db, "select 1", EVPG_NO_PARAMS, NULL, NULL, NULL));
    ck_assert_int_eq(errno, ESHUTDOWN);
    ck_assert_int_eq(evpg_close(db, 0, NULL, NULL), -1);
    ck_assert_int_eq(errno, EALREADY);
    check_closed(0);
    check_all_succeeded();
    if (_i < FRAGMENTED_1021) /* else there is the proxy */
        check_loop_ends();
    free_and_end();
}
END_TEST

START_TEST(closes_idle_connections)
{
    begin_with(_i, 2);
    for (int i = 0; i < 2; i++)
        query("select pg_sleep(0.01)", EVPG_NO_PARAMS);
    await_all();
    close_now(1000);
    check_closed(0);
    if (_i < FRAGMENTED_1021)
        check_loop_ends();
    free_and_end();
}
END_TEST

START_TEST(cuts_off_at_the_deadline)
{
    struct outcome *sent, *waiting;
    double start;

    begin_with(ALONE, 1);
    sent = query("select pg_sleep(10)", EVPG_NO_PARAMS);
    run_for(100);
    waiting = new_outcome();
    submit_script(waiting, "select 1");
    start = now_ms();
    close_now(200);
    check_closed(2);
    ck_assert(now_ms() - start >= 200 && now_ms() - start < 1500);
    ck_assert_int_eq(evpg_error_code(sent->error), EVPG_E_CLOSED);
    ck_assert_int_eq(evpg_error_fate(sent->error), EVPG_FATE_UNKNOWN);
    ck_assert_int_eq(evpg_error_code(waiting->error), EVPG_E_CLOSED);
    ck_assert_int_eq(evpg_error_fate(waiting->error), EVPG_FATE_NOT_SENT);
    check_loop_ends();
    free_and_end();
}
END_TEST

/* Before anything has happened, and while a connection is being opened for nobody. */
START_TEST(po20_while_connecting)
{
    struct outcome *waiting;

    begin_with(ALONE, 1);
    if (_i == 0) {
        close_now(0);
        check_closed(0);
        free_and_end();
        return;
    }
    waiting = query("select 1", EVPG_NO_PARAMS);
    if (_i == 2)
        turn();
    evpg_request_cancel(waiting->request);
    close_now(-1);
    check_closed(0);
    check_loop_ends();
    free_and_end();
}
END_TEST

START_TEST(waits_for_a_server_until_the_deadline)
{
    char conninfo[80];
    int port, fd = deaf_listener(&port);
    struct outcome *waiting;

    n_closed = 0;
    snprintf(conninfo, sizeof(conninfo), "host=127.0.0.1 port=%d", port);
    begin_pool_at(conninfo, NULL);
    waiting = query("select 1", EVPG_NO_PARAMS);
    run_for(50);
    close_now(100);
    check_closed(1);
    ck_assert_int_eq(evpg_error_code(waiting->error), EVPG_E_CLOSED);
    check_loop_ends();
    close(fd);
    free_and_end();
}
END_TEST

START_TEST(closed_while_waiters_are_told)
{
    enum { N_WAITERS = 20000 };
    char conninfo[80];
    int port, fd = deaf_listener(&port);

    close(fd);
    n_closed = n_told = 0;
    free_when_closed = false;
    snprintf(conninfo, sizeof(conninfo), "host=127.0.0.1 port=%d", port);
    begin_pool_at(conninfo, NULL);
    for (int i = 0; i < N_WAITERS; i++)
        ck_assert_ptr_nonnull(evpg_acquire(db, close_when_told, NULL));
    check_closed(0);
    ck_assert_int_eq(n_told, N_WAITERS);
    free_and_end();
}
END_TEST

START_TEST(frees_in_the_closed_callback)
{
    begin_with(ALONE, 2);
    query("select 1", EVPG_NO_PARAMS);
    query("select pg_sleep(5)", EVPG_NO_PARAMS);
    free_when_closed = true;
    close_now(100);
    check_closed(1);
    ck_assert_ptr_null(db);
    check_loop_ends();
    end();
}
END_TEST

START_TEST(frees_while_closing)
{
    begin_with(ALONE, 2);
    query("select pg_sleep(5)", EVPG_NO_PARAMS);
    run_for(100);
    close_now(-1);
    run_for(20);
    evpg_free(db);
    db = NULL;
    ck_assert_int_eq(n_closed, 1);
    ck_assert_uint_eq(last_cut_off, 1);
    check_loop_ends();
    end();
}
END_TEST

START_TEST(cannot_be_closed_so)
{
    begin_with(ALONE, 1);
    ck_assert_int_eq(evpg_close(db, -2, NULL, NULL), -1);
    ck_assert_int_eq(errno, EINVAL);
    ck_assert_ptr_nonnull(strstr(last_log(), "deadline"));
    query("select 1", EVPG_NO_PARAMS);
    await_all();
    end();
}
END_TEST

static void free_db(void)
{
    struct evpg_db *freed = db;

    db = NULL;
    evpg_free(freed);
}

static void free_in_done(const struct evpg_result *result, struct outcome *outcome)
{
    (void)result;
    (void)outcome;
    free_db();
}

static enum evpg_flow free_in_row(const struct evpg_row *row, struct outcome *outcome)
{
    (void)outcome;
    if (db)
        free_db();
    ck_assert_str_eq(evpg_row_text(row, 0), "1");
    ck_assert_ptr_nonnull(evpg_row_name(row, 0));
    return EVPG_NEXT;
}

/* Within the row or done callback of one of many: all are done when it is back. */
START_TEST(frees_in_callbacks)
{
    struct outcome *freeing;

    begin_with(_i % N_MODES, 2);
    for (int i = 0; i < 40; i++)
        query("select 1", EVPG_NO_PARAMS);
    freeing = new_outcome();
    if (_i < N_MODES)
        freeing->on_done = free_in_done;
    else
        freeing->on_row = free_in_row;
    submit(freeing, "select 1::text", EVPG_NO_PARAMS);
    for (int i = 0; i < 40; i++)
        query("select 1", EVPG_NO_PARAMS);
    submit_script(new_outcome(), "select 1; select 2");
    await_all();
    ck_assert_ptr_null(db);
    end();
}
END_TEST

/* Of one that fails because it has waited, was canceled, or there is no server. */
START_TEST(frees_in_callbacks_of_what_was_not_sent)
{
    struct outcome *freeing = new_outcome(), *last;
    char conninfo[80];
    int port, fd = deaf_listener(&port);

    snprintf(conninfo, sizeof(conninfo), "host=127.0.0.1 port=%d", port);
    begin_pool_at(conninfo, &EVPG_POOL_CONFIG(.query_wait_timeout_ms = 100));
    freeing->on_done = free_in_done;
    query("select 1", EVPG_NO_PARAMS);
    submit(freeing, "select 1", EVPG_NO_PARAMS);
    last = query("select 1", EVPG_NO_PARAMS);
    if (_i == 1)
        evpg_request_cancel(freeing->request);
    if (_i == 2)
        close(fd);
    await_all();
    ck_assert_ptr_null(db);
    ck_assert_int_eq(evpg_error_code(last->error), EVPG_E_CLOSED);
    ck_assert_int_eq(evpg_error_fate(last->error), EVPG_FATE_NOT_SENT);
    ck_assert_int_eq(evpg_error_phase(last->error), EVPG_PHASE_CONNECTING);
    if (_i != 2)
        close(fd);
    end();
}
END_TEST

/* The parent's sessions go on, whatever the child does. */
START_TEST(child_frees)
{
    int status;
    pid_t child;

    begin_with(ALONE, 2);
    for (int i = 0; i < 2; i++)
        query("select pg_sleep(0.05)", EVPG_NO_PARAMS);
    await_all();
    for (int i = 0; i < 2; i++)
        query("select pg_sleep(0.2)", EVPG_NO_PARAMS);
    run_for(50);
    child = fork();
    if (child == 0) {
        bool refused = !evpg_query(db, "select 1", EVPG_NO_PARAMS, NULL, NULL, NULL) &&
                       errno == EINVAL && evpg_close(db, 0, NULL, NULL) == -1;

        evpg_free(db);
        _exit(refused ? 0 : 1);
    }
    waitpid(child, &status, 0);
    ck_assert_int_eq(status, 0);
    await_all();
    check_all_succeeded();
    end();
}
END_TEST

static Suite *make_suite(void)
{
    Suite *suite = suite_create("db_pool_close");
    TCase *tcase = tcase_create("close");

    tcase_set_timeout(tcase, sized(60, 300));
    tcase_add_loop_test(tcase, finishes_what_was_submitted, 0, N_MODES);
    tcase_add_loop_test(tcase, closes_idle_connections, 0, N_MODES);
    tcase_add_test(tcase, cuts_off_at_the_deadline);
    tcase_add_loop_test(tcase, po20_while_connecting, 0, 3);
    tcase_add_test(tcase, waits_for_a_server_until_the_deadline);
    tcase_add_test(tcase, closed_while_waiters_are_told);
    tcase_add_test(tcase, frees_in_the_closed_callback);
    tcase_add_test(tcase, frees_while_closing);
    tcase_add_test(tcase, cannot_be_closed_so);
    tcase_add_loop_test(tcase, frees_in_callbacks, 0, 2 * N_MODES);
    tcase_add_loop_test(tcase, frees_in_callbacks_of_what_was_not_sent, 0, 3);
    tcase_add_test(tcase, child_frees);
    suite_add_tcase(suite, tcase);
    return suite;
}

int main(void)
{
    return run_suite(make_suite(), true);
}
