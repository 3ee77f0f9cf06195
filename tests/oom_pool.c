/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * oom_pool: each allocation of the library's own fails in turn in the life of a pool, once and from
 * then on.
 *
 * The scenario: make, with a hook that says what to connect with; queries, a script, leases with a
 * transaction and a reset; close; free. Whatever fails: a refused call says so, an accepted one is
 * completed once, nothing leaks, and without a failure all succeeds.
 */
#include "harness.h"

#include "mem.h"
#include "oracle.h"

#include <errno.h>
#include <event2/buffer.h>
#include <stdio.h>

static int countdown; /* the how-manieth allocation from here fails; 0: none */
static bool sticky;
static int n_failed;

static void *failing(size_t size)
{
    if (countdown > 0 && --countdown == 0) {
        countdown = sticky ? 1 : 0;
        n_failed++;
        return NULL;
    }
    return malloc(size);
}

/* Of all that was submitted in one life. */
static int n_accepted, n_done, n_good;
static struct evpg_db *pool;

static void on_done(const struct evpg_result *result, void *arg)
{
    const struct evpg_error *error = evpg_result_error(result);

    (void)arg;
    n_done++;
    n_good += !error;
    if (error && evpg_error_code(error) != EVPG_E_MEMORY)
        ck_assert_int_ne(n_failed, 0);
}

static void note(const struct evpg_request *request)
{
    n_accepted += request != NULL;
    ck_assert(request || errno == ENOMEM || errno == ENOTCONN);
}

static void on_last(const struct evpg_result *result, void *arg)
{
    on_done(result, arg);
    evpg_release(evpg_result_db(result));
}

static void on_lease(struct evpg_db *lease, const struct evpg_error *error, void *arg)
{
    const struct evpg_request *last;

    (void)arg;
    n_done++;
    n_good += !error;
    if (!lease)
        return;
    note(evpg_query(lease, "begin", EVPG_NO_PARAMS, NULL, on_done, NULL));
    last = evpg_query(lease, "select 1", EVPG_NO_PARAMS, NULL, on_last, NULL);
    note(last);
    if (!last)
        evpg_release(lease);
}

static void before_connect(struct evpg_login *login, void *arg)
{
    (void)arg;
    evpg_login_finish(login, NULL, "a password", NULL);
}

static void submit_all(void)
{
    struct evpg_request *request;

    for (int i = 0; i < 5; i++)
        note(evpg_query(pool, "select 1", EVPG_NO_PARAMS, NULL, on_done, NULL));
    note(evpg_script(pool, "select 1; begin", NULL, on_done, NULL));
    for (int i = 0; i < 3; i++) {
        request = evpg_acquire(pool, on_lease, NULL);
        note(request);
        evpg_request_set_name(request, "a lease");
    }
}

static void on_closed(struct evpg_db *closed, size_t cut_off, void *arg)
{
    (void)cut_off;
    ck_assert_ptr_eq(closed, pool);
    ++*(int *)arg;
}

static void run_until(struct event_base *loop, const int *flag)
{
    const struct timeval tick = {0, 10000};
    double end = now_ms() + 5000;

    while (now_ms() < end && (flag ? !*flag : n_done < n_accepted)) {
        event_base_loopexit(loop, &tick);
        event_base_loop(loop, EVLOOP_ONCE);
    }
}

/* All of it, or nothing. */
static void write_metrics(void)
{
    struct evbuffer *out = evbuffer_new();
    bool failed = evpg_pool_write_metrics(pool, out, "a label") < 0;

    ck_assert(!failed || (errno == ENOMEM && n_failed > 0));
    ck_assert(failed == (evbuffer_get_length(out) == 0));
    evbuffer_free(out);
}

static void run(struct event_base *loop)
{
    int closed = 0, expected;

    submit_all();
    run_until(loop, NULL);
    write_metrics();
    expected = evpg_close(pool, 1000, on_closed, &closed) == 0;
    if (expected)
        run_until(loop, &closed);
    evpg_free(pool);
    ck_assert_int_eq(closed, expected);
}

/* Whether all went well. */
static bool live(void)
{
    struct event_base *loop = event_base_new();

    n_accepted = n_done = n_good = 0;
    pool = evpg_pool_new(
        loop, "",
        &EVPG_POOL_CONFIG(.max_connections = 2, .reconnect_max_ms = 1, .query_wait_timeout_ms = 100,
                          .server_reset_query = "reset all", .before_connect = before_connect));
    ck_assert(pool || errno == ENOMEM);
    if (pool)
        run(loop);
    ck_assert_int_eq(n_done, n_accepted);
    event_base_free(loop);
    return n_good == 9 + 6;
}

/* Until the failure comes too late to matter. */
START_TEST(each_allocation)
{
    int k = 0;
    bool ok = false;

    sticky = _i;
    mem_source = failing;
    while (!ok || n_failed > 0) {
        n_failed = 0;
        countdown = ++k;
        ok = live();
        ck_assert_int_lt(k, 600);
    }
    fprintf(stderr, "# %d allocations\n", k);
    countdown = 0;
    ck_assert(live());
    ck_assert_int_gt(k, 50);
}
END_TEST

static Suite *make_suite(void)
{
    Suite *suite = suite_create("oom_pool");
    TCase *tcase = tcase_create("oom");

    tcase_set_timeout(tcase, 240);
    tcase_add_loop_test(tcase, each_allocation, 0, 2);
    suite_add_tcase(suite, tcase);
    return suite;
}

int main(void)
{
    return run_suite(make_suite(), true);
}
