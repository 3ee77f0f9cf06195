/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * db_pool_upkeep: the connections of a pool get old, idle, used up, or silent; PO16, PO17, PO21.
 *
 * The counterpart of lib/pool_upkeep.c.
 */
#include "oracle.h"
#include "proxy.h"

#include <stdio.h>

static struct proxy *proxy;

static void begin_behind_proxy(const struct evpg_pool_config *config)
{
    char conninfo[80];

    base = event_base_new();
    proxy = proxy_new(base, getenv("PGHOST"), getenv("PGPORT"));
    snprintf(conninfo, sizeof(conninfo), "host=127.0.0.1 port=%d sslmode=disable",
             proxy_port(proxy));
    begin_pool_at(conninfo, config);
}

static void note_lease(struct evpg_db *lease, const struct evpg_error *error, void *arg)
{
    ck_assert_ptr_null(error);
    *(struct evpg_db **)arg = lease;
}

static struct evpg_db *acquire(void)
{
    struct evpg_db *lease = NULL;

    ck_assert_ptr_nonnull(evpg_acquire(db, note_lease, &lease));
    while (!lease)
        turn();
    return lease;
}

/* Has so many connections opened, by as many leases. */
static void widen(int n)
{
    struct evpg_db *leases[8];

    for (int i = 0; i < n; i++)
        leases[i] = acquire();
    ck_assert_int_eq(proxy->counters.live, n);
    for (int i = 0; i < n; i++)
        evpg_release(leases[i]);
}

START_TEST(po16_old_when_given_back)
{
    struct evpg_db *lease, *pool;

    begin_behind_proxy(&EVPG_POOL_CONFIG(.max_connections = 1, .server_lifetime_ms = 250));
    lease = acquire();
    pool = db;
    db = lease;
    for (int i = 0; i < 10; i++) {
        query("begin", EVPG_NO_PARAMS);
        query("select pg_sleep(0.05)", EVPG_NO_PARAMS);
        query("commit", EVPG_NO_PARAMS);
        await_all();
    }
    check_all_succeeded();
    ck_assert_int_eq(proxy->counters.live, 1);
    ck_assert_int_eq(proxy->counters.accepted, 1);
    db = pool;
    evpg_release(lease);
    run_for(50);
    ck_assert_int_eq(proxy->counters.live, 0);
    query("select 1", EVPG_NO_PARAMS);
    await_all();
    ck_assert_int_eq(proxy->counters.accepted, 2);
    end();
}
END_TEST

START_TEST(old_when_idle)
{
    double start;

    begin_behind_proxy(&EVPG_POOL_CONFIG(.server_lifetime_ms = 400));
    start = now_ms();
    widen(3);
    while (proxy->counters.live > 0)
        turn();
    ck_assert(now_ms() - start >= 360 && now_ms() - start < 900);
    run_for(100);
    ck_assert_int_eq(proxy->counters.accepted, 3);
    end();
}
END_TEST

/* One that never has nothing to do is left to finish, and gets nothing more. */
static void submit_another(const struct evpg_result *result, struct outcome *outcome)
{
    struct outcome *another;

    (void)result;
    if (outcome->number == 0)
        return;
    another = new_outcome();
    another->on_done = submit_another;
    another->number = outcome->number - 1;
    submit(another, "select pg_sleep(0.002)", EVPG_NO_PARAMS);
}

START_TEST(old_when_busy)
{
    begin_behind_proxy(&EVPG_POOL_CONFIG(.max_connections = 2, .server_lifetime_ms = 300));
    for (int i = 0; i < 6; i++) {
        struct outcome *one = new_outcome();

        one->on_done = submit_another;
        one->number = sized(150, 600);
        submit(one, "select 1", EVPG_NO_PARAMS);
    }
    await_all();
    check_all_succeeded();
    ck_assert_int_ge(proxy->counters.accepted, 4);
    ck_assert_int_le(proxy->counters.accepted, 40);
    end();
}
END_TEST

START_TEST(po17_idle)
{
    begin_behind_proxy(&EVPG_POOL_CONFIG(.server_idle_timeout_ms = 400));
    widen(4);
    run_for(60);
    ck_assert_int_eq(proxy->counters.live, 4);
    run_for(600);
    ck_assert_int_eq(proxy->counters.live, 0);
    query("select 1", EVPG_NO_PARAMS);
    await_all();
    end();
}
END_TEST

START_TEST(po17_idle_but_the_least_number)
{
    begin_behind_proxy(&EVPG_POOL_CONFIG(.min_connections = 2, .server_idle_timeout_ms = 400));
    widen(5);
    run_for(700);
    ck_assert_int_eq(proxy->counters.live, 2);
    ck_assert_int_eq(proxy->counters.accepted, 5);
    end();
}
END_TEST

/* Those that are in use stay, by being used last first used next. */
START_TEST(idle_ones_go_while_others_work)
{
    double end_ms;

    begin_behind_proxy(&EVPG_POOL_CONFIG(.server_idle_timeout_ms = 400));
    widen(4);
    for (end_ms = now_ms() + 900; now_ms() < end_ms; run_for(10)) {
        query("select 1", EVPG_NO_PARAMS);
        await_all();
    }
    ck_assert_int_eq(proxy->counters.live, 1);
    end();
}
END_TEST

START_TEST(used_up)
{
    begin_behind_proxy(&EVPG_POOL_CONFIG(.max_connections = 2, .max_uses = 10));
    for (int i = 0; i < 100; i++)
        query("select 1", EVPG_NO_PARAMS);
    await_all();
    check_all_succeeded();
    run_for(20);
    ck_assert_int_ge(proxy->counters.accepted, 10);
    ck_assert_int_le(proxy->counters.accepted, 12);
    evpg_release(acquire());
    run_for(20);
    end();
}
END_TEST

START_TEST(used_up_by_leases)
{
    begin_behind_proxy(&EVPG_POOL_CONFIG(.max_connections = 1, .max_uses = 2));
    for (int i = 0; i < 6; i++)
        evpg_release(acquire());
    run_for(20);
    ck_assert_int_eq(proxy->counters.accepted, 3);
    end();
}
END_TEST

START_TEST(asks_the_idle_whether_they_are_there)
{
    uint64_t sent;

    begin_behind_proxy(
        &EVPG_POOL_CONFIG(.server_check_delay_ms = 100, .server_check_timeout_ms = 150));
    widen(2);
    sent = proxy->counters.from_client;
    run_for(250);
    ck_assert_uint_gt(proxy->counters.from_client, sent);
    ck_assert_int_eq(proxy->counters.live, 2);
    ck_assert_int_eq(proxy->counters.accepted, 2);
    proxy->settings.black_hole = true;
    run_for(400);
    ck_assert_int_eq(proxy->counters.live, 0);
    proxy->settings.black_hole = false;
    query("select 1", EVPG_NO_PARAMS);
    await_all();
    check_all_succeeded();
    end();
}
END_TEST

START_TEST(a_reset_has_an_end)
{
    begin_behind_proxy(&EVPG_POOL_CONFIG(.max_connections = 1, .server_check_timeout_ms = 100,
                                         .server_reset_query = "select pg_sleep(10)"));
    evpg_release(acquire());
    query("select 1", EVPG_NO_PARAMS);
    await_all();
    check_all_succeeded();
    ck_assert_int_eq(proxy->counters.accepted, 2);
    end();
}
END_TEST

/* Workers on leases, more than there are connections, while those come and go. */
static int n_results;
static bool is_over;

static void on_lease(struct evpg_db *lease, const struct evpg_error *error, void *arg);

static void on_result(const struct evpg_result *result, void *arg)
{
    ck_assert_ptr_null(evpg_result_error(result));
    n_results++;
    evpg_release(evpg_result_db(result));
    if (!is_over)
        ck_assert_ptr_nonnull(evpg_acquire(db, on_lease, arg));
}

static void on_lease(struct evpg_db *lease, const struct evpg_error *error, void *arg)
{
    ck_assert_msg(!error, "%s", error ? evpg_error_message(error) : "");
    ck_assert_ptr_nonnull(
        evpg_query(lease, "select pg_sleep(random() * 0.3)", EVPG_NO_PARAMS, NULL, on_result, arg));
}

START_TEST(po21_workers)
{
    int before;

    resources_note();
    begin_pool(ALONE, &EVPG_POOL_CONFIG(.max_connections = 30, .max_connecting = 5,
                                        .server_idle_timeout_ms = 100, .server_lifetime_ms = 500));
    for (int i = 0; i < 50; i++)
        ck_assert_ptr_nonnull(evpg_acquire(db, on_lease, NULL));
    run_for(2000);
    before = n_results;
    is_over = true;
    run_for(1000);
    ck_assert_int_ge(before, 50);
    ck_assert_int_ge(n_results, before + 20);
    end();
    resources_check(4096);
}
END_TEST

static Suite *make_suite(void)
{
    Suite *suite = suite_create("db_pool_upkeep");
    TCase *tcase = tcase_create("upkeep");

    tcase_set_timeout(tcase, sized(60, 300));
    tcase_add_test(tcase, po16_old_when_given_back);
    tcase_add_test(tcase, old_when_idle);
    tcase_add_test(tcase, old_when_busy);
    tcase_add_test(tcase, po17_idle);
    tcase_add_test(tcase, po17_idle_but_the_least_number);
    tcase_add_test(tcase, idle_ones_go_while_others_work);
    tcase_add_test(tcase, used_up);
    tcase_add_test(tcase, used_up_by_leases);
    tcase_add_test(tcase, asks_the_idle_whether_they_are_there);
    tcase_add_test(tcase, a_reset_has_an_end);
    tcase_add_test(tcase, po21_workers);
    suite_add_tcase(suite, tcase);
    return suite;
}

int main(void)
{
    return run_suite(make_suite(), true);
}
