/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * http_service: the example of that name, over HTTP, while all is well, and while the server is
 * restarted, fails over, or is behind a PgBouncer that is restarted; F03, F04, F18, F34, F36.
 *
 * An order that was acknowledged is in the table once; one that may be tried again is not; nothing
 * is there twice; and every client is answered, in time.
 */
#include "bouncer.h"
#include "harness.h"
#include "oracle.h"
#include "server.h"
#include "service.h"
#include "standby.h"

#include <libpq-fe.h>
#include <signal.h>
#include <stdio.h>

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

/* What it says of itself; -1: nothing. */
static double metric(const char *name)
{
    static char text[1 << 16];
    struct answer *answer = service_ask("/metrics");
    char start[200], *line;

    snprintf(text, sizeof(text), "\n%s", answer->body);
    snprintf(start, sizeof(start), "\nevpg_%s{pool=\"main\"} ", name);
    line = strstr(text, start);
    return line ? atof(line + strlen(start)) : -1;
}

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
    ck_assert(metric("requests_abandoned_total") == 1);
    ck_assert(metric("requests_timed_out_total") == 0);
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

/* --- orders under fire */

enum { CLIENTS = 16 };

static int n_orders, n_placed, n_unknown;
static bool ordering;
static struct answer *orders[200000];

static void place_order(void);

static void on_order(struct answer *answer)
{
    orders[answer->number] = answer;
    ck_assert_msg(answer->status == 200 || answer->status == 503 || answer->status == 504,
                  "an order was answered by %d: %s", answer->status, answer->body);
    n_placed += answer->status == 200;
    n_unknown += strcmp(answer->try_again, "unknown") == 0;
    if (ordering)
        place_order();
}

static void place_order(void)
{
    char path[50];
    int number = ++n_orders;

    ck_assert_int_lt(number, 200000);
    snprintf(path, sizeof(path), "/order?id=%d", number);
    service_get(path, on_order)->number = number;
}

static void begin_ordering(void)
{
    n_orders = n_placed = n_unknown = 0;
    ordering = true;
    for (int i = 0; i < CLIENTS; i++)
        place_order();
}

/* How often each is there must be what its client was told. */
static void check_order(const struct answer *answer, int times)
{
    if (answer->status == 200)
        ck_assert_int_eq(times, 1);
    else if (strcmp(answer->try_again, "yes") == 0)
        ck_assert_int_eq(times, 0);
    else
        ck_assert_int_le(times, 1);
}

static void end_ordering(void)
{
    char sql[200], *list, *at;
    double worst = 0;

    ordering = false;
    service_await_all();
    snprintf(sql, sizeof(sql),
             "select string_agg(n::text, '' order by i) from (select i, least(9, (select count(*)"
             " from orders where id = i)) as n from generate_series(1, %d) as i) as t",
             n_orders);
    free(admin("create index if not exists orders_id on orders (id)"));
    list = at = admin(sql);
    for (int i = 1; i <= n_orders; i++) {
        ck_assert_int_gt(orders[i]->status, 0);
        check_order(orders[i], *at++ - '0');
        worst =
            orders[i]->end - orders[i]->began > worst ? orders[i]->end - orders[i]->began : worst;
    }
    free(list);
    printf("# %d orders, %d placed, %d unknown; the slowest was answered in %.0f ms\n", n_orders,
           n_placed, n_unknown, worst);
    ck_assert(worst < (SANITIZED ? 6000 : 3000));
}

/* Orders are placed again. */
static void await_orders(int more)
{
    int wanted = n_placed + more;
    double end = now_ms() + 15000;

    while (n_placed < wanted && now_ms() < end)
        turn();
    ck_assert_int_ge(n_placed, wanted);
}

/* Its loop never stands still, whatever happens: asked all the time, it answers. */
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

START_TEST(server_restarts)
{
    int placed;

    service_begin(NULL, NULL);
    begin_ordering();
    worst_ping = 0;
    pinging = true;
    service_get("/healthz", on_pong);
    for (int round = 0; round < sized(4, 20); round++) {
        await_orders(50);
        server_stop(round % 2 ? SIGQUIT : SIGINT);
        run_for(round * 20);
        server_start();
    }
    await_orders(50);
    pinging = false;
    end_ordering();
    placed = n_placed;
    printf("# /healthz was answered within %.0f ms\n", worst_ping);
    ck_assert(metric("connections_lost_total") >= sized(4, 20));
    ck_assert(metric("requests_succeeded_total") == placed);
    service_end();
}
END_TEST

/* A standby is made the primary under load: orders go there, and none that was placed is missing.
 */
START_TEST(standby_promoted)
{
    char conninfo[900], standby[900], old_host[300], old_port[20];

    free(admin("create table if not exists orders (id int not null)"));
    standby_make();
    snprintf(conninfo, sizeof(conninfo),
             "host=%s,%s port=%s," STANDBY_PORT " target_session_attrs=read-write",
             getenv("PGHOST"), standby_host(), getenv("PGPORT"));
    snprintf(standby, sizeof(standby), "host=%s port=" STANDBY_PORT " target_session_attrs=standby",
             standby_host());
    free(admin("alter system set synchronous_standby_names = '*'"));
    free(admin("select pg_reload_conf()"));
    service_begin(conninfo, standby);
    begin_ordering();
    await_orders(200);
    snprintf(old_host, sizeof(old_host), "%s", getenv("PGHOST"));
    snprintf(old_port, sizeof(old_port), "%s", getenv("PGPORT"));
    server_stop(SIGQUIT);
    run_for(300);
    check_status("/db", 200, "{\"id\":");
    standby_promote();
    await_orders(200);
    setenv("PGHOST", standby_host(), 1);
    setenv("PGPORT", STANDBY_PORT, 1);
    end_ordering();
    service_end();
    setenv("PGHOST", old_host, 1);
    setenv("PGPORT", old_port, 1);
    server_start();
    free(admin("alter system reset synchronous_standby_names"));
    free(admin("select pg_reload_conf()"));
}
END_TEST

/* By way of a PgBouncer, which is killed and started again; and so is the server behind it. */
START_TEST(bouncer_restarts)
{
    if (!bouncer_version())
        return;
    bouncer_start("max_client_conn = 100\ndefault_pool_size = 4\nserver_login_retry = 1\n"
                  "ignore_startup_parameters = extra_float_digits\n");
    service_begin(bouncer_conninfo(), NULL);
    begin_ordering();
    for (int round = 0; round < sized(2, 6); round++) {
        await_orders(50);
        if (round % 2) {
            server_stop(SIGQUIT);
            server_start();
        } else {
            bouncer_stop();
            bouncer_start("max_client_conn = 100\ndefault_pool_size = 4\nserver_login_retry = 1\n");
        }
    }
    await_orders(50);
    end_ordering();
    service_end();
    bouncer_stop();
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("http_service");
    TCase *tcase = tcase_create("service");

    tcase_set_timeout(tcase, sized(120, 600));
    tcase_add_test(tcase, answers_what_is_asked);
    tcase_add_test(tcase, client_hangs_up);
    tcase_add_test(tcase, past_the_high_water_mark);
    tcase_add_loop_test(tcase, stops_in_good_order, 0, 2);
    tcase_add_test(tcase, stops_at_once);
    tcase_add_test(tcase, server_restarts);
    tcase_add_test(tcase, standby_promoted);
    tcase_add_test(tcase, bouncer_restarts);
    suite_add_tcase(suite, tcase);
    return run_suite(suite, true);
}
