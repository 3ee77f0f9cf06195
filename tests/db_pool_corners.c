/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * db_pool_corners: what a pool does where two of its parts meet: deadlines and its end, leases and
 * losses, names and leases, what it asks by itself and evpg_close.
 *
 * The counterpart of lib/pool.c and of those beside it.
 */
#include "oracle.h"

static struct evpg_db *pool, *lease;
static struct outcome *later[8];
static int n_later, n_leases, n_closed;
static size_t n_cut_off;

static void on_lease(struct evpg_db *leased, const struct evpg_error *error, void *arg)
{
    (void)error;
    (void)arg;
    lease = leased;
    n_leases++;
}

static void take_lease(void)
{
    n_leases = 0;
    ck_assert_ptr_nonnull(evpg_acquire(db, on_lease, NULL));
    ck_assert(await_flag(&n_leases, 5000));
    ck_assert_ptr_nonnull(lease);
}

static struct outcome *query_on(struct evpg_db *on, const char *sql)
{
    struct outcome *outcome;

    pool = db;
    db = on;
    outcome = query(sql, EVPG_NO_PARAMS);
    db = pool;
    return outcome;
}

static struct evpg_pool_stats look(void)
{
    struct evpg_pool_stats stats = EVPG_POOL_STATS();

    ck_assert_int_eq(evpg_pool_get_stats(db, &stats), 0);
    return stats;
}

static void on_closed(struct evpg_db *closed, size_t cut_off, void *arg)
{
    (void)closed;
    (void)arg;
    n_closed++;
    n_cut_off = cut_off;
}

static void close_and_await(int deadline_ms)
{
    n_closed = 0;
    ck_assert_int_eq(evpg_close(db, deadline_ms, on_closed, NULL), 0);
    ck_assert(await_flag(&n_closed, 5000));
}

static void free_db(void)
{
    struct evpg_db *freed = db;

    db = NULL;
    evpg_free(freed);
}

static void touch_the_others(const struct evpg_result *result, struct outcome *outcome)
{
    (void)result;
    (void)outcome;
    for (int i = 0; i < n_later; i++) {
        if (later[i]->completions > 0)
            continue;
        evpg_request_set_timeout(later[i]->request, 1000 - i);
        if (i % 2)
            evpg_request_cancel(later[i]->request);
    }
}

/* One that is told of the end first gives the others, which are still to be told, new deadlines. */
START_TEST(deadlines_at_the_end)
{
    struct outcome *first;

    begin_pool(ALONE, &EVPG_POOL_CONFIG(.max_connections = 2, .max_requests_per_connection = 1));
    first = new_outcome();
    first->on_done = touch_the_others;
    submit(first, "select pg_sleep(5)", EVPG_NO_PARAMS);
    for (n_later = 0; n_later < 4; n_later++)
        later[n_later] = query("select pg_sleep(5)", EVPG_NO_PARAMS);
    run_for(100);
    if (_i)
        close_and_await(0);
    free_db();
    ck_assert(all_done());
    for (int i = 0; i < n_later; i++)
        ck_assert_int_eq(evpg_error_code(later[i]->error), EVPG_E_CLOSED);
    ck_assert_int_eq(event_base_dispatch(base), 1);
    end();
}
END_TEST

static void free_and_look(const struct evpg_result *result, struct outcome *outcome)
{
    (void)result;
    free_db();
    outcome->number = 1;
    for (int i = 0; i < n_later; i++)
        ck_assert_int_eq(later[i]->completions, 1);
}

/* Whoever frees the pool in the midst of a connection's end, by evpg_release or a close, gets all
 * completions before evpg_free is back. */
START_TEST(freed_while_one_ends)
{
    struct outcome *first = new_outcome();

    begin_pool(ALONE, &EVPG_POOL_CONFIG(.max_connections = 1));
    take_lease();
    pool = db;
    first->on_done = free_and_look;
    db = lease;
    submit(first, "select pg_sleep(5)", EVPG_NO_PARAMS);
    for (n_later = 0; n_later < 4; n_later++)
        later[n_later] = query("select 1", EVPG_NO_PARAMS);
    db = pool;
    run_for(50);
    if (_i)
        evpg_close(db, 0, on_closed, NULL);
    else
        evpg_release(lease);
    await_all();
    ck_assert_int_eq(first->number, 1);
    ck_assert_int_eq(event_base_dispatch(base), 1);
    end();
}
END_TEST

/* What the pool itself asks, when a lease has left a transaction open, was nobody's. */
START_TEST(own_requests_are_not_cut_off)
{
    begin_pool(ALONE, &EVPG_POOL_CONFIG(.max_connections = 1, .server_reset_query = "reset all"));
    take_lease();
    query_on(lease, "begin");
    await_all();
    evpg_release(lease);
    close_and_await(_i ? 0 : -1);
    ck_assert_uint_eq(n_cut_off, 0);
    free_db();
    end();
}
END_TEST

/* A deadline that was far away keeps the loop up no longer than the request. */
START_TEST(deadlines_leave_no_timer)
{
    double start;

    if (_i)
        begin(ALONE);
    else
        begin_pool(ALONE, &EVPG_POOL_CONFIG(.query_timeout_ms = 20000));
    evpg_request_set_timeout(query("select 1", EVPG_NO_PARAMS)->request, 20000);
    await_all();
    close_and_await(-1);
    run_for(20);
    start = now_ms();
    ck_assert_int_eq(event_base_dispatch(base), 1);
    ck_assert(now_ms() - start < 5000);
    free_db();
    end();
}
END_TEST

static enum evpg_flow pause_first(const struct evpg_row *row, struct outcome *outcome)
{
    outcome->number++;
    return outcome->number == 1 && row ? EVPG_PAUSE : EVPG_NEXT;
}

/* Rows that are paused, or would be from now on, are not waited for; only a lease's are its user's
 * business. */
START_TEST(paused_rows_at_the_end)
{
    struct outcome *pausing;

    begin_pool(ALONE, &EVPG_POOL_CONFIG(.max_connections = 2));
    take_lease();
    pool = db;
    pausing = new_outcome();
    pausing->on_row = pause_first;
    db = _i == 2 ? lease : pool;
    submit(pausing, "select generate_series(1, 500)", EVPG_NO_PARAMS);
    db = pool;
    if (_i != 2)
        evpg_release(lease);
    if (_i != 1)
        while (pausing->number == 0)
            turn();
    n_closed = 0;
    ck_assert_int_eq(evpg_close(db, -1, on_closed, NULL), 0);
    ck_assert(await_flag(&n_closed, _i == 2 ? 200 : 5000) == (_i != 2));
    if (_i == 2) {
        evpg_request_resume(pausing->request);
        ck_assert(await_flag(&pausing->completions, 5000));
        evpg_release(lease);
        ck_assert(await_flag(&n_closed, 5000));
    }
    ck_assert_int_eq(pausing->completions, 1);
    ck_assert_int_eq(pausing->n_rows, _i == 2 ? 500 : 1);
    ck_assert(_i == 2 ? !pausing->error : evpg_error_code(pausing->error) == EVPG_E_CLOSED);
    ck_assert_uint_eq(n_cut_off, 0);
    free_db();
    end();
}
END_TEST

static void give_back(const struct evpg_result *result, struct outcome *outcome)
{
    (void)outcome;
    ck_assert_int_eq(evpg_error_code(evpg_result_error(result)), EVPG_E_LOST);
    evpg_release(evpg_result_db(result));
}

static void give_back_lost(struct evpg_db *lost, const struct evpg_error *error, void *arg)
{
    (void)error;
    (void)arg;
    evpg_release(lost);
}

/* Whoever had the lease gives it back as soon as he hears of it. */
START_TEST(lost_and_given_back)
{
    struct outcome *last;

    begin_pool(ALONE, &EVPG_POOL_CONFIG(.max_connections = 1));
    take_lease();
    last = new_outcome();
    if (_i)
        evpg_setcb(lease, NULL, give_back_lost, NULL);
    else
        last->on_done = give_back;
    pool = db;
    db = lease;
    submit(last, "select pg_terminate_backend(pg_backend_pid()), pg_sleep(5)", EVPG_NO_PARAMS);
    db = pool;
    await_all();
    ck_assert_uint_eq(look().connections_lost, 1);
    ck_assert_uint_eq(look().leased, 0);
    end();
}
END_TEST

static void die(struct evpg_db *leased, const struct evpg_error *error, void *arg);

static void go_on(const struct evpg_result *result, void *arg)
{
    evpg_release(evpg_result_db(result));
    if (db)
        evpg_acquire(arg, die, arg);
}

static void die(struct evpg_db *leased, const struct evpg_error *error, void *arg)
{
    n_leases += !error;
    if (!error)
        evpg_query(leased, "select pg_terminate_backend(pg_backend_pid()), pg_sleep(5)",
                   EVPG_NO_PARAMS, NULL, go_on, arg);
}

/* Sessions that end before they have answered anything are not opened without a pause. */
START_TEST(lost_leases_back_off)
{
    begin_pool(ALONE, &EVPG_POOL_CONFIG(.max_connections = 1, .reconnect_min_ms = 300));
    n_leases = 0;
    ck_assert_ptr_nonnull(evpg_acquire(db, die, db));
    run_for(1000);
    ck_assert_int_ge(n_leases, 1);
    ck_assert_int_le(n_leases, 3);
    free_db();
    end();
}
END_TEST

/* Those that were had, and those that were not. */
START_TEST(names_of_leases)
{
    const struct evpg_name_stats *named;
    struct evpg_request *request;

    begin_pool(ALONE, &EVPG_POOL_CONFIG(.max_connections = 1, .max_request_names = 4));
    for (int i = 0; i < 2; i++) {
        n_leases = 0;
        request = evpg_acquire(db, on_lease, NULL);
        evpg_request_set_name(request, "a transfer");
        if (i)
            evpg_request_cancel(request);
        ck_assert(await_flag(&n_leases, 5000));
        evpg_release(lease);
    }
    named = evpg_pool_name_stats(db, 0);
    ck_assert_ptr_nonnull(named);
    ck_assert_str_eq(named->name, "a transfer");
    ck_assert_uint_eq(named->succeeded, 1);
    ck_assert_uint_eq(named->failed, 1);
    end();
}
END_TEST

/* Rows that came before the time was up have come; with libpq 17 in chunks. */
START_TEST(rows_of_what_took_too_long)
{
    struct outcome *slow;

    begin_pool(ALONE, NULL);
    slow = query("select repeat('x', 5000), pg_sleep(case when i > 150 then 5 else 0 end)"
                 " from generate_series(1, 160) i",
                 EVPG_NO_PARAMS);
    evpg_request_set_timeout(slow->request, 500);
    await_all();
    ck_assert_int_eq(evpg_error_code(slow->error), EVPG_E_TIMEOUT);
    ck_assert_int_ge(slow->n_rows, 1);
    ck_assert_uint_eq(look().rows, (uint64_t)slow->n_rows);
    end();
}
END_TEST

static struct evpg_request *handle;

static void set_handle(const struct evpg_result *result, struct outcome *outcome)
{
    (void)outcome;
    evpg_request_set_handle(evpg_result_request(result), &handle);
}

/* There is nothing to be handled any more, however it ended. */
START_TEST(handles_that_come_too_late)
{
    struct outcome *one;

    begin_pool(ALONE, NULL);
    one = new_outcome();
    one->on_done = set_handle;
    submit(one, "select pg_sleep(0.3)", EVPG_NO_PARAMS);
    if (_i)
        evpg_request_set_timeout(one->request, 100);
    await_all();
    ck_assert_int_eq(one->error != NULL, _i);
    ck_assert_ptr_null(handle);
    end();
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("db_pool_corners");
    TCase *tcase = tcase_create("corners");

    tcase_set_timeout(tcase, 60);
    tcase_add_loop_test(tcase, deadlines_at_the_end, 0, 2);
    tcase_add_loop_test(tcase, freed_while_one_ends, 0, 2);
    tcase_add_loop_test(tcase, own_requests_are_not_cut_off, 0, 2);
    tcase_add_loop_test(tcase, deadlines_leave_no_timer, 0, 2);
    tcase_add_loop_test(tcase, paused_rows_at_the_end, 0, 3);
    tcase_add_loop_test(tcase, lost_and_given_back, 0, 2);
    tcase_add_test(tcase, lost_leases_back_off);
    tcase_add_test(tcase, names_of_leases);
    tcase_add_test(tcase, rows_of_what_took_too_long);
    tcase_add_loop_test(tcase, handles_that_come_too_late, 0, 2);
    suite_add_tcase(suite, tcase);
    return run_suite(suite, true);
}
