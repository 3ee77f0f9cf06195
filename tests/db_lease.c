/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * db_lease: one connection of a pool for oneself, and what becomes of it afterwards; PO02, PO03,
 * PO08 to PO11, PO18, PO22, PO23.
 *
 * The counterpart of lib/lease.c and lib/pool_lease.c.
 */
#include "oracle.h"

#include <errno.h>
#include <stdio.h>

/* What became of one evpg_acquire. */
struct acquired {
    struct evpg_request *request;
    struct evpg_db *lease;
    struct evpg_error *error;
    int calls;
    double at_ms;
    bool release_at_once;
};

static struct acquired acquired[16];
static struct evpg_db *pool;
static struct acquired *to_cancel; /* by the next that fails */

static void on_lease(struct evpg_db *lease, const struct evpg_error *error, void *arg)
{
    struct acquired *one = arg;

    ck_assert((lease == NULL) == (error != NULL));
    one->calls++;
    one->lease = lease;
    one->error = evpg_error_copy(error);
    one->at_ms = now_ms();
    one->request = NULL;
    if (error && to_cancel)
        evpg_request_cancel(to_cancel->request);
    to_cancel = NULL;
    if (one->release_at_once)
        evpg_release(lease);
}

static void acquire(int i)
{
    acquired[i].calls = 0;
    acquired[i].request = evpg_acquire(pool, on_lease, &acquired[i]);
    ck_assert_msg(acquired[i].request != NULL, "%s", last_log());
    ck_assert_int_eq(acquired[i].calls, 0);
}

static struct evpg_db *lease(int i)
{
    acquire(i);
    ck_assert(await_flag(&acquired[i].calls, 5000));
    ck_assert_msg(acquired[i].lease != NULL, "%s", evpg_error_message(acquired[i].error));
    return acquired[i].lease;
}

static void begin_leases(int mode, const struct evpg_pool_config *config)
{
    begin_pool(mode, config);
    pool = db;
}

static void end_leases(void)
{
    db = pool;
    end();
    for (int i = 0; i < 16; i++)
        evpg_error_free(acquired[i].error);
    memset(acquired, 0, sizeof(acquired));
}

/* On the lease, or on the pool. */
static struct outcome *query_on(struct evpg_db *on, const char *sql)
{
    struct outcome *outcome;

    db = on;
    outcome = query(sql, EVPG_NO_PARAMS);
    db = pool;
    return outcome;
}

static int pid_on(struct evpg_db *on)
{
    struct outcome *pid = query_on(on, "select pg_backend_pid()::text");

    await_all();
    ck_assert_outcome_ok(pid);
    return atoi(cell(pid, 0, 0));
}

static void check_on(struct evpg_db *on, const char *sql, const char *expected)
{
    struct outcome *outcome = query_on(on, sql);

    await_all();
    ck_assert_outcome_ok(outcome);
    ck_assert_str_eq(cell(outcome, 0, 0), expected);
}

static void check_code(int i, enum evpg_code code)
{
    ck_assert_int_eq(acquired[i].calls, 1);
    ck_assert_ptr_nonnull(acquired[i].error);
    ck_assert_int_eq(evpg_error_code(acquired[i].error), code);
    ck_assert_int_eq(evpg_error_fate(acquired[i].error), EVPG_FATE_NOT_SENT);
}

/* A transaction of several calls, while the pool goes on. */
START_TEST(runs_a_transaction)
{
    struct evpg_db *mine;

    begin_leases(_i, &EVPG_POOL_CONFIG(.max_connections = 2));
    mine = lease(0);
    query_on(mine, "begin");
    query_on(mine, "create temporary table mine(a int) on commit drop");
    query_on(mine, "insert into mine values (7)");
    check_on(mine, "select a::text from mine", "7");
    check_on(pool, "select (to_regclass('pg_temp.mine') is null)::text", "true");
    query_on(mine, "commit");
    await_all();
    check_all_succeeded();
    ck_assert_ptr_nonnull(evpg_pgconn(mine));
    ck_assert_ptr_nonnull(evpg_parameter(mine, "server_version"));
    evpg_release(mine);
    end_leases();
}
END_TEST

START_TEST(po02_wait_has_an_end)
{
    double start;

    begin_leases(ALONE, &EVPG_POOL_CONFIG(.max_connections = 1, .query_wait_timeout_ms = 100));
    lease(0);
    start = now_ms();
    for (int i = 1; i <= 3; i++)
        acquire(i);
    ck_assert(await_flag(&acquired[3].calls, 2000));
    for (int i = 1; i <= 3; i++) {
        check_code(i, EVPG_E_TIMEOUT);
        ck_assert(acquired[i].at_ms - start >= 99 && acquired[i].at_ms - start < 200);
    }
    ck_assert_int_gt(pid_on(acquired[0].lease), 0);
    evpg_release(acquired[0].lease);
    lease(4);
    evpg_release(acquired[4].lease);
    end_leases();
}
END_TEST

static void release_later(evutil_socket_t fd, short what, void *arg)
{
    struct acquired *one = arg;

    (void)fd;
    (void)what;
    if (one->lease)
        evpg_release(one->lease);
}

/* Five who hold each for 0.3 s, on two connections; the third gives up after 0.1 s. */
START_TEST(po03_one_gives_up)
{
    const struct timeval hold = {0, 300000};
    bool held[5] = {false};
    int n_held = 0;
    double start;

    begin_leases(ALONE, &EVPG_POOL_CONFIG(.max_connections = 2));
    start = now_ms();
    for (int i = 0; i < 5; i++)
        acquire(i);
    while (n_held < 4) {
        turn();
        if (now_ms() - start > 100 && acquired[2].calls == 0)
            evpg_request_cancel(acquired[2].request);
        for (int i = 0; i < 5; i++) {
            if (!acquired[i].lease || held[i])
                continue;
            held[i] = true;
            n_held++;
            event_base_once(base, -1, EV_TIMEOUT, release_later, &acquired[i], &hold);
        }
    }
    run_for(400);
    check_code(2, EVPG_E_CANCELED);
    for (int i = 0; i < 5; i++)
        ck_assert_int_eq(acquired[i].calls, 1);
    end_leases();
}
END_TEST

START_TEST(po08_rolls_back)
{
    struct evpg_db *mine;
    int pid;

    begin_leases(_i, &EVPG_POOL_CONFIG(.max_connections = 1));
    mine = lease(0);
    pid = pid_on(mine);
    query_on(mine, "begin");
    query_on(mine, "create table left_behind(a int)");
    await_all();
    evpg_release(mine);
    check_on(pool, "select (to_regclass('left_behind') is null)::text", "true");
    ck_assert_int_eq(pid_on(pool), pid);
    end_leases();
}
END_TEST

START_TEST(po09_rolls_back_what_failed)
{
    struct evpg_db *mine;
    struct outcome *failed;
    int pid;

    begin_leases(_i, &EVPG_POOL_CONFIG(.max_connections = 1));
    mine = lease(0);
    pid = pid_on(mine);
    query_on(mine, "begin");
    failed = query_on(mine, "select 1/0");
    await_all();
    ck_assert_outcome_sqlstate(failed, "22012");
    evpg_release(mine);
    ck_assert_int_eq(pid_on(pool), pid);
    end_leases();
}
END_TEST

/* Released while something runs, also from the row callback of that. */
static struct evpg_db *releasing;

static enum evpg_flow release_in_row(const struct evpg_row *row, struct outcome *outcome)
{
    (void)row;
    (void)outcome;
    evpg_release(releasing);
    return EVPG_NEXT;
}

START_TEST(po10_closes_what_is_busy)
{
    struct outcome *busy = new_outcome(), *behind;
    int pid;

    begin_leases(_i % N_MODES, &EVPG_POOL_CONFIG(.max_connections = 1));
    releasing = lease(0);
    pid = pid_on(releasing);
    if (_i >= N_MODES)
        busy->on_row = release_in_row;
    db = releasing;
    ck_assert_ptr_nonnull(submit(busy, "select generate_series(1, 1000)", EVPG_NO_PARAMS));
    db = pool;
    behind = query_on(releasing, "select 1");
    if (_i < N_MODES) {
        turn();
        if (busy->completions == 0)
            evpg_release(releasing);
    }
    await_all();
    if (_i >= N_MODES || busy->error) {
        ck_assert_int_eq(evpg_error_code(busy->error), EVPG_E_CLOSED);
        ck_assert_int_eq(evpg_error_code(behind->error), EVPG_E_CLOSED);
        ck_assert_int_ne(pid_on(pool), pid);
    } else {
        evpg_release(releasing);
    }
    end_leases();
}
END_TEST

START_TEST(po11_twice)
{
    struct evpg_db *mine;

    begin_leases(ALONE, &EVPG_POOL_CONFIG(.max_connections = 1));
    mine = lease(0);
    evpg_release(mine);
    evpg_release(mine);
    ck_assert_str_eq(last_log(), "the lease has been given back already");
    evpg_free(mine);
    ck_assert_ptr_null(evpg_query(mine, "select 1", EVPG_NO_PARAMS, NULL, NULL, NULL));
    ck_assert_int_eq(errno, EINVAL);
    ck_assert_str_eq(last_log(), "the lease has been given back");
    ck_assert_ptr_null(evpg_pgconn(mine));
    evpg_release(pool);
    ck_assert_str_eq(last_log(), "only a lease can be given back");
    evpg_release(NULL);
    ck_assert_int_eq(evpg_close(lease(1), 0, NULL, NULL), -1);
    ck_assert_int_eq(errno, EINVAL);
    ck_assert_ptr_null(evpg_acquire(acquired[1].lease, on_lease, NULL));
    ck_assert_int_eq(errno, EINVAL);
    ck_assert_ptr_null(evpg_open(acquired[1].lease, NULL, NULL));
    ck_assert_ptr_null(evpg_acquire(pool, NULL, NULL));
    ck_assert_int_eq(errno, EINVAL);
    evpg_free(acquired[1].lease);
    end_leases();
}
END_TEST

START_TEST(po22_begin_fails)
{
    struct evpg_db *mine;
    struct outcome *begun;
    int pid;

    begin_leases(_i, &EVPG_POOL_CONFIG(.max_connections = 1));
    mine = lease(0);
    pid = pid_on(mine);
    begun = query_on(mine, "begin isolation level nonsense");
    await_all();
    ck_assert_outcome_sqlstate(begun, "42601");
    evpg_release(mine);
    ck_assert_int_eq(pid_on(pool), pid);
    end_leases();
}
END_TEST

static const char *const resets[] = {"select 1; bad sql", "select 1/0", "select 1; begin"};

START_TEST(po23_reset_fails)
{
    struct evpg_db *mine;
    int pid;

    begin_leases(ALONE, &EVPG_POOL_CONFIG(.max_connections = 1, .server_reset_query = resets[_i]));
    mine = lease(0);
    pid = pid_on(mine);
    evpg_release(mine);
    ck_assert_int_ne(pid_on(lease(1)), pid);
    evpg_release(acquired[1].lease);
    end_leases();
}
END_TEST

START_TEST(resets_the_session)
{
    struct evpg_db *mine;
    int pid;

    begin_leases(_i, &EVPG_POOL_CONFIG(.max_connections = 1, .server_reset_query = "discard all"));
    mine = lease(0);
    pid = pid_on(mine);
    query_on(mine, "begin");
    query_on(mine, "set statement_timeout = 12345");
    query_on(mine, "create temporary table mine(a int)");
    query_on(mine, "commit");
    check_on(mine, "select current_setting('statement_timeout')", "12345ms");
    evpg_release(mine);
    check_on(pool, "select current_setting('statement_timeout')", "0");
    check_on(pool, "select (to_regclass('pg_temp.mine') is null)::text", "true");
    ck_assert_int_eq(pid_on(pool), pid);
    end_leases();
}
END_TEST

/* What the pool itself asks for then is not among those that may wait. */
START_TEST(resets_within_the_bounds)
{
    struct evpg_conn_config connection = EVPG_CONN_CONFIG(.max_queued_requests = 1);
    struct evpg_db *mine;
    int pid;

    begin_leases(ALONE,
                 &EVPG_POOL_CONFIG(.max_connections = 1, .server_reset_query = "discard temp",
                                   .connection = &connection));
    mine = lease(0);
    pid = pid_on(mine);
    query_on(mine, "listen heard");
    await_all();
    query_on(mine, "begin");
    await_all();
    ck_assert_ptr_nonnull(evpg_query(mine, "select 1", EVPG_NO_PARAMS, NULL, NULL, NULL));
    ck_assert_ptr_null(evpg_query(mine, "select 1", EVPG_NO_PARAMS, NULL, NULL, NULL));
    ck_assert_int_eq(errno, ENOBUFS);
    run_for(100);
    evpg_release(mine);
    ck_assert_int_eq(pid_on(pool), pid);
    end_leases();
}
END_TEST

static int n_heard, n_lost;

static void on_notification(const struct evpg_notification *note, void *arg)
{
    ck_assert_ptr_eq(evpg_notification_db(note), acquired[0].lease);
    ck_assert_ptr_eq(arg, &n_heard);
    n_heard++;
}

static void on_lost(struct evpg_db *lost, const struct evpg_error *error, void *arg)
{
    ck_assert_ptr_eq(lost, acquired[0].lease);
    ck_assert_ptr_eq(arg, &n_heard);
    ck_assert_int_eq(evpg_error_code(error), EVPG_E_LOST);
    n_lost++;
}

START_TEST(listens_until_it_is_given_back)
{
    struct evpg_db *mine;
    int pid;

    n_heard = 0;
    begin_leases(_i, &EVPG_POOL_CONFIG(.max_connections = 1));
    mine = lease(0);
    evpg_setcb(mine, on_notification, on_lost, &n_heard);
    query_on(mine, "listen leased");
    query_on(mine, "notify leased");
    await_all();
    ck_assert(await_flag(&n_heard, 1000));
    pid = pid_on(mine);
    evpg_release(mine);
    check_on(pool, "select count(*)::text from pg_listening_channels()", "0");
    ck_assert_int_eq(pid_on(pool), pid);
    ck_assert_int_eq(n_heard, 1);
    end_leases();
}
END_TEST

/* It is never continued elsewhere. */
START_TEST(is_lost)
{
    struct outcome *running;
    struct evpg_db *mine;
    char sql[80];
    int pid;

    n_lost = 0;
    begin_leases(_i, &EVPG_POOL_CONFIG(.max_connections = 1));
    mine = lease(0);
    evpg_setcb(mine, NULL, on_lost, &n_heard);
    query_on(mine, "begin");
    pid = pid_on(mine);
    running = query_on(mine, "select pg_sleep(5)");
    run_for(50);
    snprintf(sql, sizeof(sql), "select pg_terminate_backend(%d, 5000)", pid);
    free(admin(sql));
    await_all();
    ck_assert_int_eq(evpg_error_code(running->error), EVPG_E_LOST);
    ck_assert_int_eq(evpg_error_fate(running->error), EVPG_FATE_UNKNOWN);
    ck_assert_int_eq(n_lost, 1);
    ck_assert_ptr_null(evpg_query(mine, "select 1", EVPG_NO_PARAMS, NULL, NULL, NULL));
    ck_assert_int_eq(errno, ENOTCONN);
    acquire(1); /* who waits does not get what this one has not given back yet */
    run_for(50);
    ck_assert_int_eq(acquired[1].calls, 0);
    evpg_release(mine);
    ck_assert(await_flag(&acquired[1].calls, 5000));
    ck_assert_int_ne(pid_on(acquired[1].lease), pid);
    evpg_release(acquired[1].lease);
    end_leases();
}
END_TEST

/* Lease after lease, while the pool is as busy as can be. */
static int n_more;

static void submit_more(const struct evpg_result *result, struct outcome *outcome)
{
    struct outcome *another;

    (void)result;
    (void)outcome;
    if (n_more-- <= 0)
        return;
    another = new_outcome();
    another->on_done = submit_more;
    submit(another, "select pg_sleep(0.001)", EVPG_NO_PARAMS);
}

START_TEST(is_not_starved)
{
    begin_leases(ALONE, &EVPG_POOL_CONFIG(.max_connections = 2, .max_requests_per_connection = 4));
    n_more = 100000;
    for (int i = 0; i < 50; i++) {
        struct outcome *one = new_outcome();

        one->on_done = submit_more;
        submit(one, "select 1", EVPG_NO_PARAMS);
    }
    run_for(100);
    for (int i = 0; i < 8; i++) {
        struct evpg_db *mine = lease(i);

        ck_assert_int_gt(n_more, 0);
        ck_assert_ptr_nonnull(evpg_query(mine, "select 1", EVPG_NO_PARAMS, NULL, NULL, NULL));
        run_for(20);
        evpg_release(mine);
    }
    n_more = 0;
    await_all();
    check_all_succeeded();
    end_leases();
}
END_TEST

START_TEST(exhausted_pool_names_the_holder)
{
    begin_leases(ALONE, &EVPG_POOL_CONFIG(.max_connections = 1));
    acquire(0);
    evpg_request_set_name(acquired[0].request, "the report");
    ck_assert(await_flag(&acquired[0].calls, 5000));
    acquire(1);
    ck_assert_ptr_nonnull(strstr(last_log(), "the report"));
    evpg_release(acquired[0].lease);
    ck_assert(await_flag(&acquired[1].calls, 5000));
    evpg_release(acquired[1].lease);
    end_leases();
}
END_TEST

START_TEST(released_in_its_callback)
{
    begin_leases(ALONE, &EVPG_POOL_CONFIG(.max_connections = 1));
    for (int i = 0; i < 10; i++) {
        acquired[i].release_at_once = true;
        acquire(i);
    }
    ck_assert(await_flag(&acquired[9].calls, 5000));
    for (int i = 0; i < 10; i++)
        ck_assert_ptr_nonnull(acquired[i].lease);
    end_leases();
}
END_TEST

/* Again and again: the loop goes on meanwhile. */
static int n_leases;

static void lease_again(struct evpg_db *leased, const struct evpg_error *error, void *arg)
{
    if (error) /* the pool is freed */
        return;
    n_leases++;
    evpg_release(leased);
    ck_assert_ptr_nonnull(evpg_acquire(pool, lease_again, arg));
}

START_TEST(acquires_again_in_its_callback)
{
    begin_leases(ALONE, &EVPG_POOL_CONFIG(.max_connections = 2));
    n_leases = 0;
    heart_start();
    ck_assert_ptr_nonnull(evpg_acquire(pool, lease_again, NULL));
    run_for(500);
    heart_stop();
    ck_assert_int_gt(n_leases, 100);
    evpg_free(pool);
    pool = NULL;
    end_leases();
}
END_TEST

static int n_closed;

static void on_closed(struct evpg_db *closed, size_t cut_off, void *arg)
{
    ck_assert_ptr_eq(closed, pool);
    ck_assert_uint_eq(cut_off, *(size_t *)arg);
    n_closed++;
}

/* Who waits for a lease is told at once, who has one may go on. */
START_TEST(po18_closing)
{
    size_t cut_off = 0;

    n_closed = 0;
    begin_leases(ALONE, &EVPG_POOL_CONFIG(.max_connections = 1));
    lease(0);
    for (int i = 1; i <= 3; i++)
        acquire(i);
    run_for(20);
    evpg_request_cancel(acquired[3].request);
    to_cancel = NULL;
    ck_assert_int_eq(evpg_close(pool, -1, on_closed, &cut_off), 0);
    ck_assert_int_eq(acquired[1].calls, 0);
    to_cancel = &acquired[2]; /* which is to fail anyway by then */
    ck_assert(await_flag(&acquired[2].calls, 1000));
    check_code(1, EVPG_E_CLOSED);
    check_code(2, EVPG_E_CLOSED);
    check_code(3, EVPG_E_CANCELED);
    ck_assert_ptr_null(evpg_acquire(pool, on_lease, NULL));
    ck_assert_int_eq(errno, ESHUTDOWN);
    run_for(100);
    ck_assert_int_eq(n_closed, 0);
    check_on(acquired[0].lease, "select '1'", "1");
    evpg_release(acquired[0].lease);
    ck_assert(await_flag(&n_closed, 1000));
    evpg_free(pool);
    pool = NULL;
    end_leases();
}
END_TEST

START_TEST(closing_has_an_end)
{
    struct outcome *running;
    size_t cut_off = 1;
    double start;

    n_closed = 0;
    begin_leases(ALONE, &EVPG_POOL_CONFIG(.max_connections = 1));
    lease(0);
    running = query_on(acquired[0].lease, "select pg_sleep(5)");
    run_for(50);
    ck_assert_int_eq(evpg_close(pool, 100, on_closed, &cut_off), 0);
    ck_assert(await_flag(&n_closed, 1000));
    ck_assert_int_eq(evpg_error_code(running->error), EVPG_E_CLOSED);
    ck_assert_ptr_null(evpg_query(acquired[0].lease, "select 1", EVPG_NO_PARAMS, NULL, NULL, NULL));
    ck_assert_int_eq(errno, ENOTCONN);
    evpg_release(acquired[0].lease);
    start = now_ms();
    ck_assert_int_eq(event_base_dispatch(base), 1);
    ck_assert(now_ms() - start < 1000);
    evpg_free(pool);
    pool = NULL;
    end_leases();
}
END_TEST

static void free_pool(struct evpg_db *leased, const struct evpg_error *error, void *arg)
{
    (void)error;
    ++*(int *)arg;
    ck_assert_ptr_nonnull(leased);
    evpg_free(pool);
    pool = NULL;
}

START_TEST(frees_the_pool_in_on_lease)
{
    int calls = 0;

    begin_leases(ALONE, &EVPG_POOL_CONFIG(.max_connections = 1));
    ck_assert_ptr_nonnull(evpg_acquire(pool, free_pool, &calls));
    acquire(0);
    ck_assert(await_flag(&calls, 5000));
    check_code(0, EVPG_E_CLOSED);
    end_leases();
}
END_TEST

/* Its lease goes with it, whatever that was doing. */
START_TEST(frees_the_pool_with_a_lease)
{
    struct outcome *running;

    begin_leases(_i, &EVPG_POOL_CONFIG(.max_connections = 2));
    lease(0);
    query_on(acquired[0].lease, "begin");
    running = query_on(acquired[0].lease, "select pg_sleep(5)");
    acquire(1);
    run_for(100);
    evpg_free(pool);
    pool = NULL;
    ck_assert_int_eq(evpg_error_code(running->error), EVPG_E_CLOSED);
    ck_assert_int_eq(evpg_error_fate(running->error), EVPG_FATE_UNKNOWN);
    end_leases();
}
END_TEST

static Suite *make_suite(void)
{
    Suite *suite = suite_create("db_lease");
    TCase *tcase = tcase_create("lease");

    tcase_set_timeout(tcase, sized(60, 300));
    tcase_add_loop_test(tcase, runs_a_transaction, 0, N_MODES);
    tcase_add_test(tcase, po02_wait_has_an_end);
    tcase_add_test(tcase, po03_one_gives_up);
    tcase_add_loop_test(tcase, po08_rolls_back, 0, N_MODES);
    tcase_add_loop_test(tcase, po09_rolls_back_what_failed, 0, N_MODES);
    tcase_add_loop_test(tcase, po10_closes_what_is_busy, 0, 2 * N_MODES);
    tcase_add_test(tcase, po11_twice);
    tcase_add_loop_test(tcase, po22_begin_fails, 0, N_MODES);
    tcase_add_loop_test(tcase, po23_reset_fails, 0, 3);
    tcase_add_loop_test(tcase, resets_the_session, 0, N_MODES);
    tcase_add_test(tcase, resets_within_the_bounds);
    tcase_add_loop_test(tcase, listens_until_it_is_given_back, 0, N_MODES);
    tcase_add_loop_test(tcase, is_lost, 0, N_MODES);
    tcase_add_test(tcase, is_not_starved);
    tcase_add_test(tcase, exhausted_pool_names_the_holder);
    tcase_add_test(tcase, released_in_its_callback);
    tcase_add_test(tcase, acquires_again_in_its_callback);
    tcase_add_test(tcase, po18_closing);
    tcase_add_test(tcase, closing_has_an_end);
    tcase_add_test(tcase, frees_the_pool_in_on_lease);
    tcase_add_loop_test(tcase, frees_the_pool_with_a_lease, 0, N_MODES);
    suite_add_tcase(suite, tcase);
    return suite;
}

int main(void)
{
    return run_suite(make_suite(), true);
}
