/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * fault_pool_names: a pool whose server's name is not known, or gets no answer, or whose
 * certificate is not the right one; and a storm of cancels: F16, F17, F20, F40.
 */
#include "chance.h"
#include "name_server.h"
#include "oracle.h"

#include <event2/dns.h>
#include <stdio.h>

enum { N_WAITING = 5, WAIT_MS = 400 };

/* Changed as the tests go on. */
static struct zone zones[] = {{"db.test", {"127.0.0.1"}, 0}, {NULL, {NULL}, 0}};

static struct evdns_base *dns;

static void make_pool(void)
{
    struct evpg_conn_config connection;
    char server[32], conninfo[128];

    resources_note();
    base = event_base_new();
    dns = evdns_base_new(base, EVDNS_BASE_DISABLE_WHEN_INACTIVE);
    snprintf(server, sizeof(server), "127.0.0.1:%d", name_server_start(base, zones));
    ck_assert_int_eq(evdns_base_nameserver_ip_add(dns, server), 0);
    connection = EVPG_CONN_CONFIG(.dns_base = dns);
    snprintf(conninfo, sizeof(conninfo),
             "host=db.test port=%s sslmode=disable application_name=fault_pool_names",
             getenv("EVPG_TEST_TCP_PORT"));
    db = evpg_pool_new(base, conninfo,
                       &EVPG_POOL_CONFIG(.max_connections = 2, .connection = &connection,
                                         .server_connect_timeout_ms = 200,
                                         .query_wait_timeout_ms = WAIT_MS, .reconnect_min_ms = 20,
                                         .reconnect_max_ms = 100));
    ck_assert_ptr_nonnull(db);
    heart_start();
}

static void end_pool(void)
{
    heart_stop();
    evpg_free(db);
    db = NULL;
    run_for(50);
    evdns_base_free(dns, 0);
    name_server_stop();
    end();
    resources_check(4096);
}

static void submit_some(void)
{
    for (int i = 0; i < N_WAITING; i++)
        query("select 1", EVPG_NO_PARAMS);
}

/* So that none is being opened. */
static void open_both(void)
{
    for (int i = 0; i < 2; i++)
        evpg_request_set_flags(query("select pg_sleep(0.1)", EVPG_NO_PARAMS)->request,
                               EVPG_EXCLUSIVE);
    await_all();
    check_all_succeeded();
}

static void lose_all(void)
{
    free(admin("select pg_terminate_backend(pid, 5000) from pg_stat_activity"
               " where application_name = 'fault_pool_names'"));
    heart_skip();
    run_for(30);
}

/* Who waits is told at once, for there never was a connection; when the name is known, all is well.
 */
START_TEST(f16_never_known)
{
    double start = now_ms();
    struct outcome *last;

    zones[0].name = "other.test";
    make_pool();
    submit_some();
    await_all();
    ck_assert(now_ms() - start < 5000);
    check_all_failed(EVPG_E_CONNECT, EVPG_FATE_NOT_SENT, EVPG_PHASE_CONNECTING);
    zones[0].name = "db.test";
    run_for(150);
    last = query("select 1", EVPG_NO_PARAMS);
    await_all();
    ck_assert_outcome_ok(last);
    end_pool();
}
END_TEST

/* 0: the name is not known any more; 1: nobody answers. There was a connection, so they wait for as
 * long as they may. */
START_TEST(f17_not_known_any_more)
{
    struct outcome *last, *late;

    make_pool();
    open_both();
    if (_i == 0)
        zones[0].name = "other.test";
    else
        zones[0].delay_ms = -1;
    lose_all();
    late = query("select 2", EVPG_NO_PARAMS);
    await_all();
    ck_assert_ptr_nonnull(late->error);
    ck_assert_int_eq(evpg_error_code(late->error), EVPG_E_TIMEOUT);
    ck_assert_int_eq(evpg_error_fate(late->error), EVPG_FATE_NOT_SENT);
    ck_assert_ptr_nonnull(strstr(evpg_error_message(late->error), "db.test"));
    zones[0] = (struct zone){"db.test", {"127.0.0.1"}, 0};
    run_for(800);
    last = query("select 3", EVPG_NO_PARAMS);
    await_all();
    ck_assert_outcome_ok(last);
    end_pool();
}
END_TEST

/* 0: another authority's; 1: for another host. It never becomes right by waiting. */
START_TEST(f20_not_that_certificate)
{
    char conninfo[512];

    if (!getenv("EVPG_TEST_TLS"))
        return;
    snprintf(conninfo, sizeof(conninfo), "%s%s", tls_conninfo(_i ? "root.crt" : "other-root.crt"),
             _i ? " host=wrong.example" : "");
    begin_pool_at(conninfo, &EVPG_POOL_CONFIG(.max_connections = 2));
    submit_some();
    await_all();
    check_all_failed(EVPG_E_TLS, EVPG_FATE_NOT_SENT, EVPG_PHASE_CONNECTING);
    evpg_free(db);
    db = NULL;
    end();
}
END_TEST

/* Neither the neighbours nor what comes next are hit. */
START_TEST(f40_a_storm_of_cancels)
{
    struct outcome *stopped, *other;
    char number[16];

    begin_pool(ALONE, &EVPG_POOL_CONFIG(.max_connections = 2));
    chance_start(1);
    for (int i = 0; i < sized(100, 1000); i++) {
        snprintf(number, sizeof(number), "%d", i);
        stopped = query("select pg_sleep(0.001)", EVPG_NO_PARAMS);
        other = query("select $1 from pg_sleep(0.001)", EVPG_PARAMS(evpg_text(number)));
        for (int n = (int)chance(8); n > 0; n--)
            event_base_loop(base, EVLOOP_ONCE | EVLOOP_NONBLOCK);
        if (stopped->completions == 0)
            evpg_request_cancel(stopped->request);
        await_all();
        ck_assert_outcome_ok(other);
        ck_assert_str_eq(cell(other, 0, 0), number);
        ck_assert_int_eq(stopped->completions, 1);
        if (stopped->error)
            ck_assert_int_eq(evpg_error_code(stopped->error), EVPG_E_CANCELED);
    }
    end();
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("fault_pool_names");
    TCase *tcase = tcase_create("names");

    tcase_set_timeout(tcase, 120);
    tcase_add_test(tcase, f16_never_known);
    tcase_add_loop_test(tcase, f17_not_known_any_more, 0, 2);
    tcase_add_loop_test(tcase, f20_not_that_certificate, 0, 2);
    tcase_add_test(tcase, f40_a_storm_of_cancels);
    suite_add_tcase(suite, tcase);
    return run_suite(suite, true);
}
