/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * http_service: the example of that name, over HTTP, while all is well, and while the server is
 * restarted or fails over; F03, F04, F34. (F18 and F36 are in http_faults.)
 *
 * What must hold of each order is in orders.h; and the service's loop never stands still.
 */
#include "harness.h"
#include "oracle.h"
#include "orders.h"
#include "server.h"
#include "service.h"
#include "standby.h"

#include <libpq-fe.h>
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

static void check_status(const char *path, int status, const char *text)
{
    const struct answer *answer = service_ask(path);

    ck_assert_msg(answer->status == status, "%s: %d", path, answer->status);
    ck_assert_msg(strstr(answer->body, text) != NULL, "%s: %s", path, answer->body);
}

START_TEST(answers_what_is_asked)
{
    service_begin(NULL, NULL);
    check_status("/db", 200, "{\"id\":");
    check_status("/queries?n=20", 200, "[{\"id\":");
    check_status("/queries", 200, "[{\"id\":");
    check_status("/updates?n=20", 200, "[{\"id\":");
    check_status("/fortunes", 200, "<td>&lt;b&gt;&amp;&quot;</td>");
    check_status("/order?id=7", 200, "placed");
    check_status("/slow?ms=20", 200, "slept");
    check_status("/slow?ms=3000", 504, "too long");
    check_status("/metrics", 200, "evpg_requests_submitted_total{pool=\"main\"} ");
    check_status("/healthz", 200, "well");
    check_status("/queries?n=0", 400, "from 1 to 500");
    check_status("/queries?n=501", 400, "n must be a number");
    check_status("/queries?n=-1", 400, "n must be a number");
    check_status("/queries?n=1e3", 400, "n must be a number");
    check_status("/queries?n=99999999999999999999", 400, "n must be a number");
    check_status("/queries?x=1", 400, "n must be a number");
    check_status("/queries?n=%27;drop%20table%20world", 400, "n must be a number");
    check_status("/order", 400, "id must be a number");
    check_status("/nothing", 404, "no such thing");
    check_status("/db/../..", 404, "no such thing");
    service_end();
}
END_TEST

static int count(const char *sql)
{
    char *value = admin(sql);
    int n = atoi(value);

    free(value);
    return n;
}

/* What the database says of a mistake is for the log: clients are told that there was one. */
START_TEST(tells_no_database_error)
{
    static const char *const paths[] = {"/db", "/queries?n=3", "/updates?n=3", "/fortunes",
                                        "/order?id=1"};

    service_begin(NULL, NULL);
    free(admin("drop table world, fortune, orders"));
    for (size_t i = 0; i < sizeof(paths) / sizeof(*paths); i++) {
        const struct answer *answer = service_ask(paths[i]);

        ck_assert_int_eq(answer->status, 500);
        ck_assert_str_eq(answer->body, "the database has refused that\n");
    }
    server_stop(SIGQUIT);
    for (size_t i = 0; i < sizeof(paths) / sizeof(*paths); i++) {
        const struct answer *answer = service_ask(paths[i]);

        ck_assert_int_eq(answer->status, 503);
        ck_assert_str_eq(answer->body, "the database cannot be reached, or has too much to do\n");
    }
    server_start();
    service_end();
}
END_TEST

/* The query of a client that has gone is stopped at the server, long before its end. */
START_TEST(client_hangs_up)
{
    struct answer *answer;
    int waited = 0;

    service_begin(NULL, NULL);
    answer = service_get("/slow?ms=60000", NULL);
    while (service_sleeping() == 0 && waited++ < 50)
        run_for(10);
    ck_assert_int_eq(service_sleeping(), 1);
    service_hang_up(answer);
    for (waited = 0; service_sleeping() > 0 && waited < 60; waited++)
        run_for(10);
    ck_assert_int_eq(service_sleeping(), 0);
    ck_assert(service_count("requests_abandoned_total") == 1);
    ck_assert(service_count("requests_timed_out_total") == 0);
    service_end();
}
END_TEST

/* Too much waits, for a table is locked: all others are told so at once, and served again when
 * there is less. */
START_TEST(past_the_high_water_mark)
{
    PGconn *locker = PQconnectdb("");
    struct answer *many[6];

    service_begin(NULL, NULL);
    PQclear(PQexec(locker, "begin; lock table world in access exclusive mode"));
    for (int i = 0; i < 6; i++)
        many[i] = service_get("/queries?n=500", NULL);
    run_for(SANITIZED ? 500 : 200);
    check_status("/fortunes", 503, "try again later");
    ck_assert(!many[0]->done);
    PQfinish(locker);
    service_await_all();
    for (int i = 0; i < 6; i++)
        ck_assert(many[i]->status == 200 || many[i]->status == 503 || many[i]->status == 504);
    check_status("/db", 200, "{\"id\":");
    service_end();
}
END_TEST

/* What was begun is finished, and nothing new begun; then it ends. */
START_TEST(stops_in_good_order)
{
    struct answer *slow;

    service_begin(NULL, NULL);
    slow = service_get("/slow?ms=700", NULL);
    while (service_sleeping() == 0)
        run_for(5);
    ck_assert_int_eq(service_stop(_i ? SIGINT : SIGTERM), 0);
    service_await_all();
    ck_assert_int_eq(slow->status, 200);
    ck_assert_int_eq(count("select count(*) from pg_stat_activity where application_name = '' and"
                           " query like '%world%' and pid <> pg_backend_pid()"),
                     0);
    service_end();
}
END_TEST

/* Its sessions stand still, or go on. */
static void signal_sessions(int signal_number)
{
    char *list = admin("select string_agg(pid::text, ' ') from pg_stat_activity where"
                       " backend_type = 'client backend' and pid <> pg_backend_pid()");
    char *at = list;

    for (long pid = strtol(list, &at, 10); pid > 0; pid = strtol(at, &at, 10))
        server_signal((pid_t)pid, signal_number);
    free(list);
}

/* Whatever the server does: clients are answered at their deadline, and it has ended a second after
 * its own, of three, at the latest. */
START_TEST(stops_in_time)
{
    struct answer *stuck;
    double began;

    service_begin(NULL, NULL);
    signal_sessions(SIGSTOP);
    stuck = service_get("/db", NULL);
    run_for(100);
    began = now_ms();
    ck_assert_int_eq(service_stop(SIGTERM), 0);
    printf("# ended after %.0f ms\n", now_ms() - began);
    ck_assert_double_lt(now_ms() - began, SANITIZED ? 6000 : 4300);
    service_await_all();
    ck_assert_int_eq(stuck->status, 504);
    signal_sessions(SIGCONT);
    service_end();
}
END_TEST

/* As soon as it has said where it listens. */
START_TEST(stops_at_once)
{
    for (int i = 0; i < 5; i++) {
        service_start(NULL, NULL);
        ck_assert_int_eq(service_stop(SIGTERM), 0);
        service_end();
    }
}
END_TEST

/* What the service says of its loop can be believed: a stop of 80 ms is in it. */
START_TEST(its_lag_is_seen)
{
    double longer;

    service_begin(NULL, NULL);
    run_for(100);
    longer = service_metric("http_service_loop_lag_seconds_bucket{le=\"+Inf\"}") -
             service_metric("http_service_loop_lag_seconds_bucket{le=\"0.05\"}");
    service_halt();
    usleep(80000);
    service_go_on();
    run_for(50);
    ck_assert_double_ge(service_lag_ms(), 65);
    ck_assert_double_ge(service_metric("http_service_loop_lag_seconds_max"), 0.065);
    ck_assert(service_metric("http_service_loop_lag_seconds_bucket{le=\"+Inf\"}") -
                  service_metric("http_service_loop_lag_seconds_bucket{le=\"0.05\"}") >
              longer);
    service_end();
}
END_TEST

/* Asked all the time, it answers. */
static double worst_ping;
static bool pinging;

static void on_pong(struct answer *answer)
{
    ck_assert(answer->status == 200 || answer->status == 503);
    if (answer->end - answer->began > worst_ping)
        worst_ping = answer->end - answer->began;
    if (pinging)
        service_get("/healthz", on_pong);
}

/* Only what was on the wire is lost, 16 clients' orders each time, and the loop never stands still.
 */
START_TEST(f03_f04_server_restarts)
{
    int rounds = sized(4, 20), placed;

    service_begin(NULL, NULL);
    orders_begin();
    worst_ping = 0;
    pinging = true;
    service_get("/healthz", on_pong);
    for (int round = 0; round < rounds; round++) {
        orders_await(50);
        server_stop(round % 2 ? SIGQUIT : SIGINT);
        run_for(round * 20);
        server_start();
    }
    orders_await(50);
    pinging = false;
    orders_end();
    placed = orders_placed;
    printf("# /healthz was answered within %.0f ms\n", worst_ping);
    ck_assert_int_le(orders_unknown, 16 * rounds);
    ck_assert(service_count("connections_lost_total") >= rounds);
    ck_assert(service_count("requests_succeeded_total") == placed);
    ck_assert(service_count("requests_submitted_total") == placed + orders_failed);
    ck_assert(service_metric("evpg_named_request_seconds_count{pool=\"main\",name=\"order\"}") ==
              placed + orders_failed);
    ck_assert(service_count("requests_lost_total") == orders_unknown);
    service_check_lag();
    service_end();
}
END_TEST

/* --- a standby becomes the primary */

static bool reading;
static int n_reads, n_failed_reads;

static void on_read(struct answer *answer)
{
    n_reads++;
    n_failed_reads += answer->status != 200;
    if (reading)
        service_get("/queries?n=3", on_read);
}

static void set_synchronous(const char *change)
{
    free(admin(change));
    free(admin("select pg_reload_conf()"));
}

/* One that waits is placed at the latest one wait later (reconnect_max_ms, a tenth more by chance),
 * and two attempts to connect. */
static void check_writes_resume(void)
{
    double began = now_ms(), ms;

    orders_await(1);
    ms = now_ms() - began;
    printf("# the first order after the promotion was placed within %.0f ms\n", ms);
    ck_assert_double_lt(ms, SANITIZED ? 3000 : 1400);
}

static void begin_with_standby(void)
{
    char conninfo[900], standby[900];

    free(admin("create table if not exists orders (id int not null)"));
    standby_make();
    snprintf(conninfo, sizeof(conninfo),
             "host=%s,%s port=%s," STANDBY_PORT " target_session_attrs=read-write",
             getenv("PGHOST"), standby_host(), getenv("PGPORT"));
    snprintf(standby, sizeof(standby), "host=%s port=" STANDBY_PORT " target_session_attrs=standby",
             standby_host());
    set_synchronous("alter system set synchronous_standby_names = '*'");
    service_begin(conninfo, standby);
}

/* Under load: orders go there, and none that was placed is missing; reads go on meanwhile. */
START_TEST(f34_standby_promoted)
{
    char old_host[300], old_port[20];

    begin_with_standby();
    orders_begin();
    reading = true;
    service_get("/queries?n=3", on_read);
    orders_await(200);
    while (service_count("connections_standby") == 0)
        run_for(20);
    snprintf(old_host, sizeof(old_host), "%s", getenv("PGHOST"));
    snprintf(old_port, sizeof(old_port), "%s", getenv("PGPORT"));
    server_stop(SIGQUIT);
    run_for(50);
    n_reads = n_failed_reads = 0;
    run_for(400);
    ck_assert_int_gt(n_reads, 10);
    ck_assert_int_eq(n_failed_reads, 0);
    standby_promote();
    check_writes_resume();
    orders_await(200);
    reading = false;
    setenv("PGHOST", standby_host(), 1);
    setenv("PGPORT", STANDBY_PORT, 1);
    orders_end();
    service_check_lag();
    service_end();
    setenv("PGHOST", old_host, 1);
    setenv("PGPORT", old_port, 1);
    server_start();
    set_synchronous("alter system reset synchronous_standby_names");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("http_service");
    TCase *tcase = tcase_create("service");

    tcase_set_timeout(tcase, sized(120, 600));
    tcase_add_test(tcase, answers_what_is_asked);
    tcase_add_test(tcase, tells_no_database_error);
    tcase_add_test(tcase, client_hangs_up);
    tcase_add_test(tcase, past_the_high_water_mark);
    tcase_add_loop_test(tcase, stops_in_good_order, 0, 2);
    tcase_add_test(tcase, stops_in_time);
    tcase_add_test(tcase, stops_at_once);
    tcase_add_test(tcase, its_lag_is_seen);
    tcase_add_test(tcase, f03_f04_server_restarts);
    tcase_add_test(tcase, f34_standby_promoted);
    suite_add_tcase(suite, tcase);
    return run_suite(suite, true);
}
