/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * db_pool_lost: a pool whose connections are lost, or cannot be had; PO13, PO14.
 *
 * The counterpart of lib/pool_connect.c.
 */
#include "oracle.h"
#include "proxy.h"

#include <stdio.h>
#include <unistd.h>

static struct proxy *proxy;

/* A pool behind a proxy that can be told to fail. */
static void begin_behind_proxy(const struct evpg_pool_config *config)
{
    char conninfo[120];

    base = event_base_new();
    proxy = proxy_new(base, getenv("PGHOST"), getenv("PGPORT"));
    snprintf(conninfo, sizeof(conninfo),
             "host=127.0.0.1 port=%d sslmode=disable application_name=pooled", proxy_port(proxy));
    begin_pool_at(conninfo, config);
}

static void await_live(int n)
{
    double end = now_ms() + 10000;

    while (proxy->counters.live != n && now_ms() < end)
        turn();
    ck_assert_int_eq(proxy->counters.live, n);
}

static void check_code(const struct outcome *outcome, enum evpg_code code, enum evpg_fate fate)
{
    ck_assert_int_eq(outcome->completions, 1);
    ck_assert_ptr_nonnull(outcome->error);
    ck_assert_int_eq(evpg_error_code(outcome->error), code);
    ck_assert_int_eq(evpg_error_fate(outcome->error), fate);
}

START_TEST(keeps_the_least_number)
{
    begin_behind_proxy(&EVPG_POOL_CONFIG(.min_connections = 3));
    ck_assert_int_eq(proxy->counters.accepted, 0);
    await_live(3);
    run_for(200);
    ck_assert_int_eq(proxy->counters.live, 3);
    ck_assert_int_eq(proxy->counters.accepted, 3);
    query("select 1", EVPG_NO_PARAMS);
    await_all();
    proxy_reset(proxy);
    await_live(0);
    await_live(3);
    end();
}
END_TEST

/* When the i-th attempt came, in ms. */
static void note_attempts(double *at, int n)
{
    int before = proxy->counters.accepted;

    for (int i = 0; i < n; i++) {
        while (proxy->counters.accepted == before + i)
            turn();
        at[i] = now_ms();
        ck_assert_int_eq(proxy->counters.accepted, before + i + 1);
    }
}

START_TEST(po13_attempts_are_ever_further_apart)
{
    double at[5];

    begin_behind_proxy(&EVPG_POOL_CONFIG(.min_connections = 4));
    await_live(4);
    query("select 1", EVPG_NO_PARAMS);
    await_all();
    run_for(1100); /* so that they are not taken for failed attempts themselves */
    proxy->settings.cut_at = 0;
    proxy_reset(proxy);
    run_for(30); /* perhaps two at once, as long as nothing has failed */
    note_attempts(at, 5);
    for (int i = 1; i < 5; i++) {
        double expected = 100 << i;

        ck_assert_msg(at[i] - at[i - 1] > 0.85 * expected &&
                          at[i] - at[i - 1] < 1.15 * expected + 60,
                      "attempt %d came %.0f ms after the one before", i, at[i] - at[i - 1]);
    }
    proxy->settings.cut_at = -1;
    await_live(4);
    end();
}
END_TEST

/* Each connection is lost with the first answer, as those to a pooler whose server is away are: it
 * is not opened again and again without a pause. */
START_TEST(lost_with_the_first_answer)
{
    struct outcome *after;
    uint64_t login;
    int before;
    double start;

    begin_behind_proxy(&EVPG_POOL_CONFIG(.min_connections = 1, .max_connections = 1));
    await_live(1);
    run_for(50);
    login = proxy->counters.from_server;
    query("select 1", EVPG_NO_PARAMS);
    await_all();
    run_for(1100);
    before = proxy->counters.accepted;
    proxy->settings.cut_at = (int64_t)login + 1;
    proxy_reset(proxy);
    start = now_ms();
    while (now_ms() - start < 1000) {
        query("select 1", EVPG_NO_PARAMS);
        await_all();
    }
    ck_assert_int_le(proxy->counters.accepted - before, 6);
    proxy->settings.cut_at = -1;
    after = query("select 2", EVPG_NO_PARAMS);
    await_all();
    ck_assert_outcome_ok(after);
    end();
}
END_TEST

START_TEST(po14_waits_for_the_server)
{
    struct outcome *first, *second, *third;
    double start;

    begin_behind_proxy(&EVPG_POOL_CONFIG(.max_connections = 2, .query_wait_timeout_ms = 500,
                                         .reconnect_max_ms = 200));
    query("select 1", EVPG_NO_PARAMS);
    await_all();
    proxy_refuse(proxy, true);
    proxy_reset(proxy);
    run_for(20);
    start = now_ms();
    first = query("select 1", EVPG_NO_PARAMS);
    second = query("select 1", EVPG_NO_PARAMS);
    await_all();
    ck_assert(now_ms() - start > 495 && now_ms() - start < 700);
    check_code(first, EVPG_E_TIMEOUT, EVPG_FATE_NOT_SENT);
    check_code(second, EVPG_E_TIMEOUT, EVPG_FATE_NOT_SENT);
    ck_assert_int_eq(evpg_error_phase(first->error), EVPG_PHASE_CONNECTING);
    ck_assert_ptr_nonnull(strstr(evpg_error_message(first->error), "query_wait_timeout_ms (500)"));
    ck_assert_ptr_nonnull(strstr(evpg_error_message(first->error), "refused"));
    third = query("select 1", EVPG_NO_PARAMS);
    proxy_refuse(proxy, false);
    start = now_ms();
    await_all();
    ck_assert_outcome_ok(third);
    ck_assert(now_ms() - start < 400);
    end();
}
END_TEST

/* All connections are up and busy. */
START_TEST(wait_has_an_end)
{
    struct outcome *slow, *late;

    begin_pool(ALONE, &EVPG_POOL_CONFIG(.max_connections = 1, .max_requests_per_connection = 1,
                                        .query_wait_timeout_ms = 100));
    slow = query("select pg_sleep(0.6)", EVPG_NO_PARAMS);
    run_for(200);
    late = query("select 1", EVPG_NO_PARAMS);
    run_for(150);
    check_code(late, EVPG_E_TIMEOUT, EVPG_FATE_NOT_SENT);
    ck_assert_int_eq(evpg_error_phase(late->error), EVPG_PHASE_QUEUED);
    late = new_outcome();
    submit_script(late, "select 1");
    run_for(150);
    check_code(late, EVPG_E_TIMEOUT, EVPG_FATE_NOT_SENT);
    await_all();
    ck_assert_outcome_ok(slow);
    end();
}
END_TEST

/* What had been sent may have been done or not; what had not goes elsewhere. */
START_TEST(loses_only_what_was_sent)
{
    int n_done;

    resources_note();
    ledger_begin();
    begin_behind_proxy(&EVPG_POOL_CONFIG(.max_connections = 3, .max_requests_per_connection = 8));
    query("select 1", EVPG_NO_PARAMS);
    await_all();
    for (int round = 0; round < 5; round++) {
        ledger_submit(200);
        for (int i = 0; i < 3 + round; i++)
            turn();
        proxy_reset(proxy);
        ledger_submit(50);
    }
    await_all();
    n_done = ledger_check();
    ck_assert_int_ge(n_done, 1250 - 5 * 3 * 8);
    end();
    resources_check(4096);
}
END_TEST

/* Of those that were not sent none fails, and their order stays. */
START_TEST(unsent_ones_go_elsewhere_in_order)
{
    enum { N = 40 };
    struct outcome *outcome[N];

    begin_behind_proxy(&EVPG_POOL_CONFIG(.max_connections = 1, .max_requests_per_connection = 1));
    query("select 1", EVPG_NO_PARAMS);
    await_all();
    for (int i = 0; i < N; i++)
        outcome[i] = query("select pg_sleep(0.005)", EVPG_NO_PARAMS);
    while (outcome[5]->completions == 0)
        turn();
    proxy_reset(proxy);
    await_all();
    for (int i = 1, n_lost = 0; i < N; i++) {
        if (outcome[i]->error) {
            check_code(outcome[i], EVPG_E_LOST, EVPG_FATE_UNKNOWN);
            ck_assert_int_eq(++n_lost, 1);
        }
        ck_assert_int_gt(outcome[i]->order, outcome[i - 1]->order);
    }
    end();
}
END_TEST

/* Some have been given to a connection that turns out to be dead, others still wait. */
START_TEST(comes_back_in_order)
{
    struct outcome *outcome[20];

    begin_pool(_i, &EVPG_POOL_CONFIG(.max_connections = 1, .max_requests_per_connection = 4));
    find_backend();
    end_backend();
    for (int i = 0; i < 20; i++)
        outcome[i] = query("select 1", EVPG_NO_PARAMS);
    await_all();
    check_all_succeeded();
    for (int i = 1; i < 20; i++)
        ck_assert_int_gt(outcome[i]->order, outcome[i - 1]->order);
    end();
}
END_TEST

static int accepted_in(int ms)
{
    int before = proxy->counters.accepted;

    run_for(ms);
    return proxy->counters.accepted - before;
}

/* A server that takes logins and then ends the session is not logged in to for ever without a
 * pause. */
START_TEST(pauses_when_sessions_do_not_last)
{
    begin_behind_proxy(&EVPG_POOL_CONFIG(.min_connections = 1));
    await_live(1);
    run_for(100);
    for (int i = 0; i < 3; i++) {
        await_live(1);
        run_for(100); /* the login is over */
        proxy_reset(proxy);
        ck_assert_int_eq(accepted_in(60), 0);
    }
    await_live(1);
    query("select 1", EVPG_NO_PARAMS);
    await_all();
    end();
}
END_TEST

/* Roles of one test. */
static void make_role(const char *name, const char *options)
{
    char sql[200];

    snprintf(sql, sizeof(sql), "drop role if exists %s; create role %s login password 'secret' %s",
             name, name, options);
    free(admin(sql));
}

static void drop_role(const char *name)
{
    char sql[80];

    snprintf(sql, sizeof(sql), "drop role if exists %s", name);
    free(admin(sql));
}

/* Told to all at once, also when there was a connection before; and not tried without a pause. */
START_TEST(permanent_errors_are_told_at_once)
{
    struct outcome *first, *second, *third;
    double start;

    make_role("pool_leaver", "");
    begin_pool_at("user=pool_leaver password=secret", &EVPG_POOL_CONFIG(.max_connections = 1));
    query("select 1", EVPG_NO_PARAMS);
    await_all();
    free(admin("alter role pool_leaver nologin"));
    free(admin("select pg_terminate_backend(pid, 5000) from pg_stat_activity"
               " where usename = 'pool_leaver'"));
    run_for(20);
    start = now_ms();
    first = query("select 1", EVPG_NO_PARAMS);
    second = query("select 1", EVPG_NO_PARAMS);
    third = new_outcome();
    submit_script(third, "select 1; select 2");
    await_all();
    ck_assert(now_ms() - start < 1000);
    check_code(first, EVPG_E_AUTH, EVPG_FATE_NOT_SENT);
    check_code(second, EVPG_E_AUTH, EVPG_FATE_NOT_SENT);
    check_code(third, EVPG_E_AUTH, EVPG_FATE_NOT_SENT);
    ck_assert_str_eq(evpg_error_sqlstate(first->error), "28000");
    free(admin("alter role pool_leaver login"));
    first = query("select 1", EVPG_NO_PARAMS);
    await_all();
    ck_assert_outcome_ok(first);
    evpg_free(db);
    db = NULL;
    end();
    drop_role("pool_leaver");
}
END_TEST

START_TEST(wrong_database)
{
    begin_pool_at("dbname=there_is_none", NULL);
    for (int i = 0; i < 100; i++)
        query("select 1", EVPG_NO_PARAMS);
    await_all();
    check_all_failed(EVPG_E_AUTH, EVPG_FATE_NOT_SENT, EVPG_PHASE_CONNECTING);
    evpg_free(db);
    db = NULL;
    end();
}
END_TEST

/* However many wait, and for whatever reason they fail: the loop goes on meanwhile. */
static int n_failed;

static void note_failed(const struct evpg_result *result, void *arg)
{
    (void)arg;
    ck_assert_ptr_nonnull(evpg_result_error(result));
    ck_assert_int_eq(evpg_error_fate(evpg_result_error(result)), EVPG_FATE_NOT_SENT);
    n_failed++;
}

START_TEST(many_fail_in_slices)
{
    enum { N = 100000 };
    char conninfo[80];
    int port, fd = deaf_listener(&port);
    double end_ms;

    n_failed = 0;
    if (_i == 0)
        close(fd);
    snprintf(conninfo, sizeof(conninfo), "host=127.0.0.1 port=%d", port);
    begin_pool_at(conninfo, &EVPG_POOL_CONFIG(.query_wait_timeout_ms = 300));
    heart_start();
    for (int i = 0; i < N; i++)
        ck_assert_ptr_nonnull(
            i % 2 ? evpg_query(db, "select 1", EVPG_NO_PARAMS, NULL, note_failed, NULL)
                  : evpg_script(db, "select 1", NULL, note_failed, NULL));
    heart_skip();
    for (end_ms = now_ms() + 20000; n_failed < N && now_ms() < end_ms;)
        turn();
    ck_assert_int_eq(n_failed, N);
    heart_stop();
    if (_i == 1)
        close(fd);
    evpg_free(db);
    db = NULL;
    end();
}
END_TEST

static bool are_done(struct outcome *const *outcomes, int n)
{
    for (int i = 0; i < n; i++)
        if (outcomes[i]->completions == 0)
            return false;
    return true;
}

/* The server allows two: with these all are served, and it is not asked for more all the time. */
START_TEST(settles_at_what_the_server_allows)
{
    enum { N = 300 };
    struct outcome *outcome[N];
    char *count;

    make_role("pool_few", "connection limit 2");
    begin_behind_proxy(NULL);
    evpg_free(db);
    {
        char conninfo[120];

        snprintf(conninfo, sizeof(conninfo),
                 "host=127.0.0.1 port=%d sslmode=disable user=pool_few password=secret",
                 proxy_port(proxy));
        begin_pool_at(conninfo,
                      &EVPG_POOL_CONFIG(.max_connections = 20, .max_requests_per_connection = 2));
    }
    for (int i = 0; i < N; i++)
        outcome[i] = query("select pg_sleep(0.01)", EVPG_NO_PARAMS);
    while (!are_done(outcome, N))
        turn();
    check_all_succeeded();
    count = admin("select count(*) from pg_stat_activity where usename = 'pool_few'");
    ck_assert_str_eq(count, "2");
    free(count);
    ck_assert_int_le(proxy->counters.accepted, 12);
    evpg_free(db);
    db = NULL;
    end();
    drop_role("pool_few");
}
END_TEST

/* After a loss there is one attempt at a time; and then a few. */
START_TEST(one_prober_and_then_a_ramp)
{
    int most = 0;

    begin_behind_proxy(&EVPG_POOL_CONFIG(.max_connections = 10, .min_connections = 10,
                                         .max_connecting = 3, .reconnect_max_ms = 100,
                                         .server_connect_timeout_ms = 100));
    await_live(10);
    query("select 1", EVPG_NO_PARAMS);
    await_all();
    run_for(1100);
    proxy->settings.silent = true;
    proxy_reset(proxy);
    run_for(300); /* the first ones, up to three, have failed by then */
    for (int i = 0; i < 20; i++) {
        run_for(20);
        most = proxy->counters.live > most ? proxy->counters.live : most;
    }
    ck_assert_int_le(most, 1);
    proxy->settings.silent = false;
    await_live(10);
    end();
}
END_TEST

static Suite *make_suite(void)
{
    Suite *suite = suite_create("db_pool_lost");
    TCase *tcase = tcase_create("lost");

    tcase_set_timeout(tcase, sized(60, 300));
    tcase_add_test(tcase, keeps_the_least_number);
    tcase_add_test(tcase, po13_attempts_are_ever_further_apart);
    tcase_add_test(tcase, lost_with_the_first_answer);
    tcase_add_test(tcase, po14_waits_for_the_server);
    tcase_add_test(tcase, wait_has_an_end);
    tcase_add_test(tcase, loses_only_what_was_sent);
    tcase_add_test(tcase, unsent_ones_go_elsewhere_in_order);
    tcase_add_loop_test(tcase, comes_back_in_order, 0, FRAGMENTED_1021);
    tcase_add_test(tcase, pauses_when_sessions_do_not_last);
    tcase_add_test(tcase, permanent_errors_are_told_at_once);
    tcase_add_test(tcase, wrong_database);
    tcase_add_loop_test(tcase, many_fail_in_slices, 0, 2);
    tcase_add_test(tcase, settles_at_what_the_server_allows);
    tcase_add_test(tcase, one_prober_and_then_a_ramp);
    suite_add_tcase(suite, tcase);
    return suite;
}

int main(void)
{
    return run_suite(make_suite(), true);
}
