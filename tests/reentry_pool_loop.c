/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * reentry_pool_loop: the loop is left, or the pool freed, at its k-th pass; F30.
 *
 * The counterpart of reentry_loop for pools: three connections, requests that wait, share, are late
 * or canceled, and a lease that comes and goes, all of them again and again. Whatever was under way
 * is completed once, and nothing of the pool is left in the loop.
 */
#include "harness.h"

#include <stdint.h>
#include <stdio.h>

enum { LAST_PASS = 200, IN_ONE_PROCESS = 10, PIECE = 256 };

static bool free_inside, freeing, freed;
static int accepted, done; /* of all kinds */
static struct evpg_db *lease;

static void submit_one(struct evpg_db *to, int kind);
static void acquire(void);

static enum evpg_flow expect_living(const struct evpg_row *row, void *arg)
{
    (void)row;
    (void)arg;
    ck_assert(!freed && !freeing);
    return EVPG_NEXT;
}

static void on_done(const struct evpg_result *result, void *arg)
{
    const struct evpg_error *error = evpg_result_error(result);

    ck_assert(!freed);
    done++;
    if (freeing) {
        ck_assert(!error || evpg_error_code(error) == EVPG_E_CLOSED);
        return;
    }
    submit_one(evpg_result_db(result), *(const int *)arg);
}

static const int kinds[] = {0, 1, 2, 3};

/* Rows; one that is late; one that is canceled, perhaps when it is on the wire; one that is alone.
 */
static void submit_one(struct evpg_db *to, int kind)
{
    static const char *const sql[] = {"select generate_series(1, 50)", "select pg_sleep(0.01)",
                                      "select pg_sleep(0.01)", "select 1"};
    struct evpg_request *request = evpg_query(to, sql[kind], EVPG_NO_PARAMS, expect_living, on_done,
                                              (void *)(uintptr_t)&kinds[kind]);

    if (!request)
        return;
    accepted++;
    if (kind == 1)
        evpg_request_set_timeout(request, 2);
    if (kind == 3)
        evpg_request_set_flags(request, EVPG_EXCLUSIVE);
    if (kind == 2 && accepted % 2)
        evpg_request_cancel(request);
}

static void on_answer(const struct evpg_result *result, void *arg)
{
    (void)arg;
    ck_assert(!freed);
    done++;
    if (freeing)
        return;
    evpg_release(evpg_result_db(result));
    lease = NULL;
    acquire();
}

static void on_lease(struct evpg_db *leased, const struct evpg_error *error, void *arg)
{
    (void)arg;
    ck_assert(!freed);
    done++;
    ck_assert_int_eq(error != NULL, freeing);
    if (error)
        return;
    lease = leased;
    evpg_query(lease, "begin", EVPG_NO_PARAMS, NULL, NULL, NULL);
    accepted += evpg_query(lease, "select 1", EVPG_NO_PARAMS, NULL, on_answer, NULL) != NULL;
}

static void acquire(void)
{
    accepted += evpg_acquire(db, on_lease, NULL) != NULL;
}

static void begin_all(void)
{
    char conninfo[64];

    freeing = freed = false;
    accepted = done = 0;
    lease = NULL;
    begin_closed(NULL, NULL);
    evpg_free(db);
    snprintf(conninfo, sizeof(conninfo), "host=127.0.0.1 port=%d sslmode=disable",
             proxied_port(PIECE));
    db = evpg_pool_new(base, conninfo,
                       &EVPG_POOL_CONFIG(.max_connections = 3, .max_connecting = 3,
                                         .max_requests_per_connection = 2));
    ck_assert_ptr_nonnull(db);
    acquire();
    for (int i = 0; i < 12; i++)
        submit_one(db, i % 4);
}

static void free_now(void)
{
    struct evpg_db *victim = db;

    db = NULL;
    freeing = true;
    evpg_free(victim);
    freed = true;
    ck_assert_int_eq(done, accepted);
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

static void leave_at(int pass)
{
    struct event *breaker;

    begin_all();
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

START_TEST(left_or_freed)
{
    free_inside = _i % 2;
    for (int i = 1; i <= IN_ONE_PROCESS; i++)
        leave_at(_i / 2 * IN_ONE_PROCESS + i);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("reentry_pool_loop");
    TCase *tcase = tcase_create("loop");

    tcase_set_timeout(tcase, 60);
    tcase_add_loop_test(tcase, left_or_freed, 0, 2 * LAST_PASS / IN_ONE_PROCESS);
    suite_add_tcase(suite, tcase);
    return run_suite(suite, true);
}
