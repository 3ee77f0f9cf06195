/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * oom_listener: each allocation of the library's own fails in turn in the life of a listener, once
 * and then for a while.
 *
 * The scenario: make, listen to three channels, hear of each, lose the connection, hear again, end
 * a subscription, free. Whatever fails: a refused call says so, what was accepted is listened to in
 * the end, and nothing leaks.
 */
#include "hearing.h"

#include "mem.h"
#include "oracle.h"

#include <errno.h>
#include <stdio.h>

enum { N_CHANNELS = 3, MANY = 20 };

static int countdown; /* the how-manieth allocation from here fails; 0: none */
static int width;     /* how many fail from there on */
static int n_failed;

static void *failing(size_t size)
{
    if (countdown > 0 && --countdown == 0) {
        countdown = ++n_failed < width ? 1 : 0;
        return NULL;
    }
    return malloc(size);
}

static int n_ready[N_CHANNELS], n_heard[N_CHANNELS];

static void on_note(const struct evpg_notification *note, void *arg)
{
    (void)note;
    ++*(int *)arg;
}

static void on_ready(struct evpg_subscription *subscription, bool gap, void *arg)
{
    (void)subscription;
    (void)gap;
    n_ready[(int *)arg - n_heard]++;
}

static struct evpg_subscription *subscriptions[N_CHANNELS];

/* What is refused for want of memory may be asked for again. */
static void subscribe(int i)
{
    char channel[20];

    snprintf(channel, sizeof(channel), "oom%d", i);
    n_ready[i] = n_heard[i] = 0;
    do {
        subscriptions[i] = evpg_listener_listen(listener, channel, on_note, on_ready, &n_heard[i]);
        ck_assert(subscriptions[i] || (errno == ENOMEM && n_failed > 0));
    } while (!subscriptions[i]);
}

static void await_all_of(const int *counts, int wanted)
{
    double end = now_ms() + 10000;

    for (int i = 0; i < N_CHANNELS; i++) {
        while (counts[i] < wanted && now_ms() < end)
            turn();
        ck_assert_int_ge(counts[i], wanted);
    }
}

static void notify_all(void)
{
    free(admin("select pg_notify('oom' || i, 'x') from generate_series(0, 2) as i"));
}

/* All but the making, which may fail. */
static void live(void)
{
    for (int i = 0; i < N_CHANNELS; i++)
        subscribe(i);
    await_all_of(n_ready, 1);
    notify_all();
    await_all_of(n_heard, 1);
    end_listener_backend();
    await_all_of(n_ready, 2);
    notify_all();
    await_all_of(n_heard, 2);
    evpg_listener_unlisten(subscriptions[0]);
    run_for(1);
}

static bool is_hooked;

static void before_connect(struct evpg_login *login, void *arg)
{
    (void)arg;
    evpg_login_finish(login, NULL, "a password", NULL);
}

static void live_and_die(void)
{
    struct evpg_conn_config connection = EVPG_CONN_CONFIG(.max_prepared_statements = -1);

    base = event_base_new();
    listener =
        evpg_listener_new(base, "",
                          &EVPG_LISTENER_CONFIG(.reconnect_min_ms = 1, .reconnect_max_ms = 2,
                                                .before_connect = is_hooked ? before_connect : NULL,
                                                .connection = &connection));
    ck_assert(listener || (errno == ENOMEM && n_failed > 0));
    if (listener)
        live();
    evpg_listener_free(listener);
    event_base_free(base);
}

/* Until the failure comes too late to matter. */
START_TEST(each_allocation)
{
    int k = 0;

    width = _i % 2 ? MANY : 1;
    is_hooked = _i >= 2;
    mem_source = failing;
    do {
        n_failed = 0;
        countdown = ++k;
        live_and_die();
        ck_assert_int_lt(k, 600);
    } while (n_failed > 0);
    fprintf(stderr, "# %d allocations\n", k);
    ck_assert_int_gt(k, 20);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("oom_listener");
    TCase *tcase = tcase_create("oom");

    tcase_set_timeout(tcase, 240);
    tcase_add_loop_test(tcase, each_allocation, 0, 4);
    suite_add_tcase(suite, tcase);
    return run_suite(suite, true);
}
