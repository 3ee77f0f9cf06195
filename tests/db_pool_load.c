/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * db_pool_load: a pool with far too much to do, and one with nothing; F38.
 *
 * What waits is bounded, by number and so by memory; each further submit is refused, and no other.
 * A pool that is idle lets the loop sleep.
 */
#include "oracle.h"

#include <errno.h>
#include <stdio.h>
#include <unistd.h>

enum { MOST = 100000, AT_ONCE = 1000 };

static int listener;
static long n_done;

static void count(const struct evpg_result *result, void *arg)
{
    (void)arg;
    ck_assert_ptr_nonnull(evpg_result_error(result));
    ck_assert_int_eq(evpg_error_code(evpg_result_error(result)), EVPG_E_CLOSED);
    ck_assert_int_eq(evpg_error_fate(evpg_result_error(result)), EVPG_FATE_NOT_SENT);
    n_done++;
}

static struct evpg_request *submit_one(long number)
{
    return evpg_query(db, "insert into there_is_none values ($1, $2)",
                      EVPG_PARAMS(evpg_int64(number), evpg_text("some text")), NULL, count, NULL);
}

/* Before any connection is up; the server accepts, and says nothing. */
static void begin_unserved(void)
{
    char conninfo[128];
    int port;

    begin_closed(NULL, NULL);
    evpg_free(db);
    listener = deaf_listener(&port);
    snprintf(conninfo, sizeof(conninfo), "host=127.0.0.1 port=%d sslmode=disable", port);
    db = evpg_pool_new(base, conninfo,
                       &EVPG_POOL_CONFIG(.max_connections = 4, .max_queued_requests = MOST,
                                         .query_wait_timeout_ms = -1,
                                         .server_connect_timeout_ms = -1));
    ck_assert_ptr_nonnull(db);
}

START_TEST(f38_nobody_serves)
{
    long total = sized(200000, 5000000), accepted = 0, refused = 0, before, full = 0;

    begin_unserved();
    run_for(50);
    before = resident_kib();
    for (long i = 0; i < total; i++) {
        errno = 0;
        if (submit_one(i)) {
            accepted++;
        } else {
            ck_assert_int_eq(errno, ENOBUFS);
            refused++;
        }
        if (i % AT_ONCE == 0)
            event_base_loop(base, EVLOOP_NONBLOCK);
        if (i == MOST + AT_ONCE)
            full = resident_kib();
    }
    ck_assert_int_eq(accepted, MOST);
    ck_assert_int_eq(refused, total - MOST);
    fprintf(stderr, "# %ld bytes for each of %d that wait; %ld KiB more after %ld refusals\n",
            (full - before) * 1024 / MOST, MOST, resident_kib() - full, refused);
    if (!SANITIZED) {
        ck_assert_int_lt((full - before) * 1024 / MOST, 1024);
        ck_assert_int_lt(resident_kib() - full, 2048);
    }
    ck_assert_int_eq(n_done, 0);
    evpg_free(db);
    db = NULL;
    ck_assert_int_eq(n_done, MOST);
    end();
    close(listener);
}
END_TEST

static int is_over;

static void on_end(evutil_socket_t fd, short what, void *arg)
{
    (void)fd;
    (void)what;
    (void)arg;
    is_over = 1;
}

/* Connections that are there, and times that will come, but not yet. The last one is the test's. */
START_TEST(nothing_to_do)
{
    const struct timeval while_idle = {sized(3, 10), 0};
    struct event *end_of_it;
    int passes = 0;

    begin_pool(ALONE, &EVPG_POOL_CONFIG(.min_connections = 4));
    for (int i = 0; i < 4; i++)
        evpg_request_set_flags(query("select pg_sleep(0.1)", EVPG_NO_PARAMS)->request,
                               EVPG_EXCLUSIVE);
    await_all();
    run_for(100);
    end_of_it = evtimer_new(base, on_end, NULL);
    event_add(end_of_it, &while_idle);
    for (; !is_over; passes++)
        event_base_loop(base, EVLOOP_ONCE);
    event_free(end_of_it);
    fprintf(stderr, "# %d wake-ups in %d s\n", passes, sized(3, 10));
    ck_assert_int_le(passes, 5);
    end();
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("db_pool_load");
    TCase *tcase = tcase_create("load");

    tcase_set_timeout(tcase, sized(60, 300));
    tcase_add_test(tcase, f38_nobody_serves);
    tcase_add_test(tcase, nothing_to_do);
    suite_add_tcase(suite, tcase);
    return run_suite(suite, true);
}
