/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * http_clients: the example http_service, and clients that do not behave: who break off, send what
 * is no request, too much or too many at once, and more clients than there are descriptors for.
 *
 * After each the service must be well, have nothing left to do, and use no processor. (Clients that
 * expect "100 Continue" are in http_expect.)
 */
#include "chance.h"
#include "harness.h"
#include "oracle.h"
#include "service.h"

#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#define GET(path) "GET " path " HTTP/1.1\r\nHost: 127.0.0.1\r\n"
#define CLOSE "Connection: close\r\n\r\n"

/* Of a client that is gone, by a FIN or by a reset, before the next of its requests or after it,
 * the query is stopped, long before its deadline; and nothing spins meanwhile. */
START_TEST(breaks_off)
{
    int fd;

    service_begin(NULL, NULL);
    fd = service_send(GET("/slow?ms=60000") "\r\n");
    service_await_sleeping(1);
    if (_i & 2)
        ck_assert_int_gt(send(fd, GET("/db") "\r\n", strlen(GET("/db") "\r\n"), 0), 0);
    if (_i & 1)
        service_reset(fd);
    else
        close(fd);
    service_await_sleeping(0);
    ck_assert_int_eq(service_count("requests_abandoned_total"), 1);
    ck_assert_int_eq(service_count("requests_timed_out_total"), 0);
    service_check_well();
    service_end();
}
END_TEST

/* A request that waits, and the next one behind it, take no processor; both are answered. */
START_TEST(sends_the_next_one)
{
    static const char next[] = GET("/queries?n=3") "\r\n" GET("/nothing") CLOSE;
    static char text[10000];
    double cpu;
    int fd;

    service_begin(NULL, NULL);
    fd = service_send(GET("/slow?ms=800") "\r\n");
    service_await_sleeping(1);
    ck_assert_int_gt(send(fd, next, strlen(next), MSG_NOSIGNAL), 0);
    cpu = service_cpu_ms();
    run_for(500);
    ck_assert_double_lt(service_cpu_ms() - cpu, 150);
    service_read(fd, text, sizeof(text));
    ck_assert_ptr_nonnull(strstr(text, "\r\nslept\n"));
    ck_assert_ptr_nonnull(strstr(strstr(text, "slept"), "[{\"id\":"));
    ck_assert_ptr_nonnull(strstr(strstr(text, "[{\"id\":"), "HTTP/1.1 404 "));
    service_end();
}
END_TEST

/* Answers to those who are gone: the first meets a closed end, the next would be a SIGPIPE. */
START_TEST(does_not_read_the_answers)
{
    service_begin(NULL, NULL);
    for (int i = 0; i < sized(20, 200); i++) {
        int fd;

        service_halt();
        fd = service_send(GET("/metrics") "\r\n" GET("/metrics") "\r\n" GET("/db") "\r\n");
        shutdown(fd, SHUT_WR);
        service_reset(fd);
        service_go_on();
        run_for(5);
    }
    service_check_well();
    service_end();
}
END_TEST

/* What is sent, and what the answer begins with. */
static const struct {
    const char *text, *answer;
} odd[] = {
    {"\r\n\r\n", "HTTP/1.1 400 "},
    {"GET\r\n\r\n", "HTTP/1.1 400 "},
    {"GET  HTTP/1.1\r\n\r\n", "HTTP/1.1 400 "},
    {"\xff\xfe\x01\r\n\r\n", "HTTP/1.1 400 "},
    {"GET /db HTTP/9.9\r\n\r\n", "HTTP/1.1 400 "},
    {"GET http://elsewhere HTTP/1.1\r\n" CLOSE, "HTTP/1.1 404 "},
    {"GET http://elsewhere/db HTTP/1.1\r\n" CLOSE, "HTTP/1.1 200 "},
    {"GET ?n=1 HTTP/1.1\r\n" CLOSE, "HTTP/1.1 404 "},
    {"GET * HTTP/1.1\r\n" CLOSE, "HTTP/1.1 404 "},
    {"OPTIONS * HTTP/1.1\r\n" CLOSE, "HTTP/1.1 501 "},
    {"POST /order?id=1 HTTP/1.1\r\nContent-Length: 1\r\nConnection: close\r\n\r\nx",
     "HTTP/1.1 501 "},
    {GET("/queries?n") CLOSE, "HTTP/1.1 400 "},
    {GET("/queries?=&&") CLOSE, "HTTP/1.1 400 "},
    {GET("/queries?n=%00") CLOSE, "HTTP/1.1 400 "},
    {GET("/queries?n=%zz") CLOSE, "HTTP/1.1 400 "},
    {GET("/queries?n=5&n=%27") CLOSE, "HTTP/1.1 200 "},
    {GET("/db") "Content-Length: -1\r\n\r\n", "HTTP/1.1 400 "},
    {GET("/db") "Content-Length: 100000000\r\n\r\nxxxx", "HTTP/1.1 413 "},
    {GET("/db") "Content-Length: 99999999999999999999\r\n\r\n", "HTTP/1.1 413 "},
    {GET("/db") "Transfer-Encoding: chunked\r\n\r\nzz\r\n", "HTTP/1.1 413 "},
    {GET("/db") "Transfer-Encoding: chunked\r\n\r\nffffffff\r\nabc", "HTTP/1.1 413 "},
    {GET("/db") "Expect: miracles\r\nContent-Length: 5\r\n\r\nhello", "HTTP/1.1 417 "},
};

START_TEST(sends_odd_things)
{
    static char text[10000];

    service_begin(NULL, NULL);
    for (size_t i = 0; i < sizeof(odd) / sizeof(*odd); i++) {
        service_read(service_send(odd[i].text), text, sizeof(text));
        ck_assert_msg(strncmp(text, odd[i].answer, strlen(odd[i].answer)) == 0, "%s: %s",
                      odd[i].text, text);
    }
    service_check_well();
    service_end();
}
END_TEST

/* Of HEAD the answer has the length that the body would have, and none. */
START_TEST(asks_for_the_head)
{
    static const char *const paths[] = {"/db", "/queries?n=20", "/fortunes", "/metrics",
                                        "/nothing"};
    static char text[10000], request[200];

    service_begin(NULL, NULL);
    for (size_t i = 0; i < sizeof(paths) / sizeof(*paths); i++) {
        const char *length, *end;

        snprintf(request, sizeof(request), "HEAD %s HTTP/1.1\r\n" CLOSE, paths[i]);
        service_read(service_send(request), text, sizeof(text));
        length = strstr(text, "Content-Length: ");
        end = strstr(text, "\r\n\r\n");
        ck_assert_msg(length && end && atoi(length + strlen("Content-Length: ")) > 0, "%s", text);
        ck_assert_msg(strlen(end) == 4, "a body: %s", text);
    }
    service_end();
}
END_TEST

enum { DESCRIPTORS = 64, MANY = 100 };

/* They wait, and nothing spins; who is connected is served, and then the others are. */
START_TEST(too_many)
{
    static char text[10000];
    int fds[MANY];
    double cpu;

    service_begin(NULL, NULL);
    service_limit_descriptors(DESCRIPTORS);
    for (int i = 0; i < MANY; i++)
        fds[i] = service_send(GET("/db"));
    run_for(300);
    cpu = service_cpu_ms();
    run_for(1000);
    ck_assert_double_lt(service_cpu_ms() - cpu, 300);
    for (int i = 0; i < MANY; i++) {
        ck_assert_int_gt(send(fds[i], CLOSE, strlen(CLOSE), MSG_NOSIGNAL), 0);
        service_read(fds[i], text, sizeof(text));
        ck_assert_msg(strncmp(text, "HTTP/1.1 200 ", 13) == 0, "%d: %s", i, text);
    }
    service_check_well();
    service_end();
}
END_TEST

/* --- all of that by chance */

enum { AT_ONCE = 60 };

static const char *const paths[] = {"/db",       "/queries?n=20", "/queries?n=500", "/updates?n=20",
                                    "/fortunes", "/order?id=5",   "/slow?ms=50",    "/slow?ms=5000",
                                    "/metrics",  "/healthz",      "/nothing",       "/queries?n=x"};
static const char *const ends[] = {"\r\n", "\r\n", CLOSE,
                                   "Expect: 100-continue\r\nContent-Length: 5\r\n\r\nhello"};

/* One to three requests, perhaps not to their end. */
static int begin_by_chance(void)
{
    char text[1000] = "";

    for (unsigned left = 1 + chance(3); left > 0; left--)
        snprintf(text + strlen(text), sizeof(text) - strlen(text),
                 "%s %s HTTP/1.1\r\nHost: a\r\n%s", chance(4) ? "GET" : "HEAD", paths[chance(12)],
                 ends[chance(4)]);
    if (chance(10) == 0)
        text[1 + chance((unsigned)strlen(text) - 1)] = '\0';
    return service_send(text);
}

static void end_by_chance(int fd)
{
    char some[1000];

    if (chance(4) == 0)
        recv(fd, some, sizeof(some), MSG_DONTWAIT);
    if (chance(4) == 0)
        shutdown(fd, SHUT_WR);
    if (chance(2))
        service_reset(fd);
    else
        close(fd);
}

/* Afterwards nothing is left to do, and what was submitted is accounted for. */
START_TEST(by_chance)
{
    int fds[AT_ONCE] = {0};
    double end;

    chance_start((unsigned long)_i);
    service_begin(NULL, NULL);
    end = now_ms() + sized(2000, 20000);
    while (now_ms() < end) {
        int *fd = &fds[chance(AT_ONCE)];

        if (*fd)
            end_by_chance(*fd);
        *fd = begin_by_chance();
        if (chance(4) == 0)
            turn();
    }
    for (int i = 0; i < AT_ONCE; i++)
        if (fds[i])
            end_by_chance(fds[i]);
    service_await_sleeping(0);
    end = now_ms() + 10000;
    while ((service_count("requests_running") > 0 || service_count("requests_waiting") > 0) &&
           now_ms() < end)
        run_for(50);
    service_check_well();
    ck_assert_msg(service_count("requests_submitted_total") ==
                      service_count("requests_succeeded_total") +
                          service_count("requests_failed_total") +
                          service_count("requests_abandoned_total"),
                  "EVPG_TEST_SEED=%lu", chance_seed());
    ck_assert_int_eq(service_count("requests_running") + service_count("requests_waiting"), 0);
    service_end();
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("http_clients");
    TCase *tcase = tcase_create("clients");

    tcase_set_timeout(tcase, sized(90, 300));
    tcase_add_loop_test(tcase, breaks_off, 0, 4);
    tcase_add_test(tcase, sends_the_next_one);
    tcase_add_test(tcase, does_not_read_the_answers);
    tcase_add_test(tcase, sends_odd_things);
    tcase_add_test(tcase, asks_for_the_head);
    tcase_add_test(tcase, too_many);
    tcase_add_loop_test(tcase, by_chance, 0, sized(2, 6));
    suite_add_tcase(suite, tcase);
    return run_suite(suite, true);
}
