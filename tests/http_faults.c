/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * http_faults: the example http_service, when the server allows fewer connections than its pool
 * would have, and behind a PgBouncer which ends, is killed, loses its server, or has no session to
 * give; F18, F36.
 *
 * What must hold of each order is in orders.h. Restarts of the server and a standby's promotion are
 * in http_service.
 */
#include "bouncer.h"
#include "harness.h"
#include "oracle.h"
#include "orders.h"
#include "server.h"
#include "service.h"

#include <libpq-fe.h>
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

static int count(const char *sql)
{
    char *value = admin(sql);
    int n = value ? atoi(value) : 0;

    free(value);
    return n;
}

/* --- F18 */

static const char as_few[] = "user=service_few password=secret";

static void make_role(void)
{
    free(admin("drop role if exists service_few;"
               " create role service_few login password 'secret' connection limit 2"));
}

static int count_few(void)
{
    return count("select count(*) from pg_stat_activity where usename = 'service_few'");
}

static void begin_as_few(void)
{
    make_role();
    service_begin(as_few, NULL);
    free(admin("grant all on world, fortune, orders to service_few"));
}

static void end_as_few(void)
{
    service_check_lag();
    service_end();
    while (count_few() > 0)
        usleep(5000);
    free(admin("drop owned by service_few; drop role service_few"));
}

/* Attempts that fail are further and further apart, up to a second, give or take a tenth; one that
 * succeeds begins anew. */
static int most_failures(double ms)
{
    return 6 + (int)(ms / 900);
}

/* With the two that there are all is served. The server is asked for more now and then only, and
 * when it allows more, there are. */
START_TEST(f18_fewer_connections_than_wanted)
{
    double began = now_ms(), end;
    int failures;

    begin_as_few();
    orders_begin();
    for (end = now_ms() + sized(2000, 10000); now_ms() < end;)
        turn();
    ck_assert_int_eq(count_few(), 2);
    ck_assert_int_gt(orders_placed, 200);
    ck_assert_int_eq(orders_failed, 0);
    failures = service_count("connect_failures_total");
    ck_assert(failures >= 1);
    ck_assert(failures <= most_failures(now_ms() - began));
    ck_assert(service_count("connections_lost_total") == 0);
    free(admin("alter role service_few connection limit 20"));
    for (end = now_ms() + 5000; count_few() <= 2 && now_ms() < end;)
        run_for(20);
    ck_assert_int_gt(count_few(), 2);
    orders_end();
    ck_assert_int_eq(orders_failed, 0);
    end_as_few();
}
END_TEST

/* The sessions end, and there are none to be had: all are told so in time, nothing spins, and the
 * service is well again by itself. */
START_TEST(f18_no_connection_at_all)
{
    double cpu, began;
    int failures;

    begin_as_few();
    orders_begin();
    orders_await(100);
    free(admin("alter role service_few connection limit 0"));
    free(admin("select pg_terminate_backend(pid, 5000) from pg_stat_activity"
               " where usename = 'service_few'"));
    began = now_ms();
    failures = service_count("connect_failures_total");
    orders_failed = 0;
    cpu = service_cpu_ms();
    run_for(sized(2500, 10000));
    ck_assert_int_ge(orders_failed, 16);
    ck_assert_int_le(orders_unknown, 16);
    ck_assert(service_cpu_ms() - cpu < (SANITIZED ? 0.5 : 0.25) * (now_ms() - began));
    ck_assert(service_count("connect_failures_total") - failures <=
              most_failures(now_ms() - began));
    ck_assert_int_eq(service_ask("/healthz")->status, 503);
    free(admin("alter role service_few connection limit 2"));
    orders_await(100);
    orders_end();
    end_as_few();
}
END_TEST

/* --- F36 */

static const char settings[] = "max_client_conn = 100\ndefault_pool_size = 2\n"
                               "server_login_retry = 1\nquery_wait_timeout = 1\n";

static void begin_behind_bouncer(void)
{
    bouncer_start(settings);
    service_begin(bouncer_conninfo(), NULL);
}

/* Ends its sessions at the server, which it shares among its clients. */
static int end_sessions(void)
{
    return count("select count(pg_terminate_backend(pid, 5000)) from pg_stat_activity"
                 " where backend_type = 'client backend' and pid <> pg_backend_pid()"
                 " and query like 'insert into orders%'");
}

static void kill_it(void)
{
    bouncer_stop();
    bouncer_start(settings);
}

/* It finishes what its clients have begun, and then goes. */
static void end_it(void)
{
    bouncer_signal(SIGINT);
    bouncer_await_end();
    bouncer_start(settings);
}

/* Orders are on their way from here on, for the table is locked, until that one is finished. */
static PGconn *hold_orders(void)
{
    PGconn *locker = PQconnectdb("");

    PQclear(PQexec(locker, "begin; lock table orders"));
    run_for(100);
    return locker;
}

static void restart_server(int signal_number)
{
    PGconn *locker = hold_orders();

    server_stop(signal_number);
    server_start();
    PQfinish(locker);
}

static void crash_server(void)
{
    restart_server(SIGQUIT);
}

static void end_server(void)
{
    restart_server(SIGINT);
}

/* What is on them is told of it twice, by the server and by PgBouncer. */
static void end_its_sessions(void)
{
    PGconn *locker = hold_orders();
    int failed = orders_failed;

    ck_assert_int_gt(end_sessions(), 0);
    run_for(100);
    ck_assert_int_gt(orders_failed, failed);
    PQfinish(locker);
}

/* Both of its sessions are others', for longer than it lets anybody wait. */
static void take_its_sessions(void)
{
    PGconn *takers[2];
    int failed = orders_failed;
    double end;

    for (int i = 0; i < 2; i++) {
        takers[i] = PQconnectdb(bouncer_conninfo());
        ck_assert_int_eq(PQstatus(takers[i]), CONNECTION_OK);
        ck_assert_int_eq(PQsendQuery(takers[i], "begin; select pg_sleep(2.5)"), 1);
    }
    for (end = now_ms() + 2500; now_ms() < end;)
        turn();
    ck_assert_int_gt(orders_failed, failed);
    for (int i = 0; i < 2; i++)
        PQfinish(takers[i]);
}

static const struct {
    const char *name;
    void (*act)(void);
} faults[] = {{"killed", kill_it},
              {"ended", end_it},
              {"the server crashes", crash_server},
              {"the server restarts", end_server},
              {"its sessions end", end_its_sessions},
              {"its sessions are taken", take_its_sessions}};

enum { N_FAULTS = sizeof(faults) / sizeof(*faults), ROUNDS = 3 };

/* Two FATALs are one completion; what was in flight is unknown, and all else goes on. */
START_TEST(f36_pooler)
{
    if (!bouncer_version())
        return;
    printf("# a PgBouncer: %s\n", faults[_i].name);
    begin_behind_bouncer();
    orders_begin();
    for (int round = 0; round < sized(1, ROUNDS); round++) {
        orders_await(100);
        faults[_i].act();
    }
    orders_await(100);
    orders_end();
    ck_assert(service_count("connections_lost_total") >= 1);
    service_check_lag();
    service_end();
    bouncer_stop();
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("http_faults");
    TCase *tcase = tcase_create("faults");

    tcase_set_timeout(tcase, sized(60, 300));
    tcase_add_test(tcase, f18_fewer_connections_than_wanted);
    tcase_add_test(tcase, f18_no_connection_at_all);
    tcase_add_loop_test(tcase, f36_pooler, 0, N_FAULTS);
    suite_add_tcase(suite, tcase);
    return run_suite(suite, true);
}
