/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * oom_cancel: libevent has no memory for waiting for a cancel request that is under way.
 *
 * It gets to the server late, by way of a proxy that holds it back, when what it was meant for has
 * ended by itself. Whichever of libevent's allocations fails meanwhile: nothing is sent on the
 * connection until the request cannot hit it any more, so the one behind is never stopped.
 */
#include "failing_malloc.h"
#include "harness.h"
#include "oracle.h"
#include "proxy.h"

#include <stdio.h>
#include <unistd.h>

enum { MOST_ALLOCATIONS = 40 };

static struct proxy *proxy;

static void open_by_proxy(void)
{
    struct evpg_conn_config config = EVPG_CONN_CONFIG(.cancel_wait_timeout_ms = 10000);
    char conninfo[128];

    begin_closed(NULL, NULL);
    evpg_free(db);
    proxy = proxy_new(base, getenv("PGHOST"), getenv("PGPORT"));
    snprintf(conninfo, sizeof(conninfo), "host=127.0.0.1 port=%d sslmode=disable",
             proxy_port(proxy));
    db = evpg_conn_new(base, conninfo, &config);
    ck_assert_ptr_nonnull(evpg_open(db, note_opening, NULL));
    ck_assert(await_flag(&n_openings, 5000));
}

/* By what needs no memory of its own. */
static void cancel_without_memory(struct evpg_request *target, int k)
{
    double end = now_ms() + 20;

    malloc_fail("libevent", k, false);
    evpg_request_cancel(target);
    while (now_ms() < end) {
        event_base_loop(base, EVLOOP_NONBLOCK);
        usleep(1000);
    }
}

/* False: there were no more than k - 1 allocations. */
static bool kth_fails(int k)
{
    struct outcome *target, *behind;
    bool failed;

    open_by_proxy();
    target = query("select pg_sleep(0.1)", EVPG_NO_PARAMS);
    run_for(10);
    proxy_let_wait(proxy, true);
    cancel_without_memory(target->request, k);
    failed = malloc_go_on() > 0;
    ck_assert(await_flag(&target->completions, 5000));
    behind = query("select pg_sleep(0.1)", EVPG_NO_PARAMS);
    run_for(20);
    proxy_let_wait(proxy, false);
    ck_assert(await_flag(&behind->completions, 5000));
    ck_assert_msg(!behind->error, "allocation %d: %s", k,
                  behind->error ? evpg_error_message(behind->error) : "");
    evpg_free(db);
    db = NULL;
    end();
    return failed;
}

START_TEST(late)
{
    int k = 1;

    while (kth_fails(k))
        ck_assert_int_lt(k++, MOST_ALLOCATIONS);
    ck_assert_int_gt(k, 2);
}
END_TEST

int main(void)
{
    Suite *suite;
    TCase *tcase;

    if (!FAILING_MALLOC) {
        puts("1..0 # SKIP sanitizers have a malloc of their own");
        return 0;
    }
    suite = suite_create("oom_cancel");
    tcase = tcase_create("oom");
    tcase_set_timeout(tcase, 120);
    tcase_add_test(tcase, late);
    suite_add_tcase(suite, tcase);
    return run_suite(suite, true);
}
