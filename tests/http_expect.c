/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * http_expect: the example http_service, and clients that send "Expect: 100-continue", then too
 * much, nothing, or not to the end; or go when "100 Continue" is on its way to them.
 *
 * evhttp writes that while a request is not there yet, or, where a client does not read, still when
 * it has begun: so here is what the service does about clients' ends at its most delicate.
 */
#include "harness.h"
#include "oracle.h"
#include "service.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#define GET(path) "GET " path " HTTP/1.1\r\nHost: 127.0.0.1\r\n"
#define CLOSE "Connection: close\r\n\r\n"
#define EXPECT "Expect: 100-continue\r\n"

/* Sends it whole. */
static void send_text(int fd, const char *text)
{
    ck_assert_int_eq(send(fd, text, strlen(text), MSG_NOSIGNAL), (ssize_t)strlen(text));
}

/* Waits until that is the next thing which has come; and nothing else. */
static void await_text(int fd, const char *text)
{
    char some[200];
    ssize_t n = recv(fd, some, strlen(text), MSG_WAITALL);

    ck_assert_msg(n == (ssize_t)strlen(text) && memcmp(some, text, (size_t)n) == 0, "%.*s", (int)n,
                  some);
}

static const char go_on[] = "HTTP/1.1 100 Continue\r\n\r\n";

/* evhttp has "100 Continue" to write when the request begins, and by that finds out that the client
 * is gone, before or after we do. */
START_TEST(expects_to_continue)
{
    service_begin(NULL, NULL);
    for (int i = 0; i < sized(20, 200); i++) {
        int fds[4];

        service_halt();
        for (int j = 0; j < 4; j++)
            fds[j] = service_send(GET("/slow?ms=60000") "Expect: 100-continue\r\n"
                                                        "Content-Length: 5\r\n\r\nhello");
        for (int j = 0; j < 4; j++)
            service_reset(fds[j]);
        service_go_on();
        run_for(10);
    }
    service_await_sleeping(0);
    service_check_well();
    ck_assert_int_eq(service_count("requests_timed_out_total"), 0);
    service_end();
}
END_TEST

/* What is sent with the header, whether that is answered by "100 Continue", what is sent then, and
 * what the answer begins with. */
static const struct {
    const char *header, *first;
    bool goes_on;
    const char *second, *answer;
} expecting[] = {
    {"Content-Length: 5\r\n" CLOSE, "", true, "hello", "HTTP/1.1 200 "},
    {"Content-Length: 5\r\n" CLOSE, "hello", false, "", "HTTP/1.1 200 "},
    {"Content-Length: 1025\r\n\r\n", "", false, "", "HTTP/1.1 413 "},
    {"Content-Length: 1025\r\n\r\n", "hello", false, "", "HTTP/1.1 413 "},
    {"Content-Length: 99999999999999999999\r\n\r\n", "", false, "", "HTTP/1.1 413 "},
    {"Content-Length: -5\r\n\r\n", "", false, "", "HTTP/1.1 400 "},
    {"Transfer-Encoding: chunked\r\n" CLOSE, "", true, "5\r\nhello\r\n0\r\n\r\n", "HTTP/1.1 200 "},
    {"Transfer-Encoding: chunked\r\n\r\n", "", true, "401\r\nhello", "HTTP/1.1 413 "},
    {"Transfer-Encoding: chunked\r\n\r\n", "", true, "-1\r\nhello", "HTTP/1.1 413 "},
    {"Transfer-Encoding: chunked\r\n\r\n", "", true, "what\r\nhello", "HTTP/1.1 413 "},
};

/* A body too large is refused, before it is sent where that is known. */
START_TEST(expects_too_much)
{
    static char text[10000];

    service_begin(NULL, NULL);
    for (size_t i = 0; i < sizeof(expecting) / sizeof(*expecting); i++) {
        int fd;

        snprintf(text, sizeof(text), GET("/db") EXPECT "%s%s", expecting[i].header,
                 expecting[i].first);
        fd = service_send(text);
        if (expecting[i].goes_on)
            await_text(fd, go_on);
        send_text(fd, expecting[i].second);
        service_read(fd, text, sizeof(text));
        ck_assert_msg(strncmp(text, expecting[i].answer, strlen(expecting[i].answer)) == 0,
                      "%d: %s", (int)i, text);
    }
    service_check_well();
    service_end();
}
END_TEST

enum { IDLE_S = 60 }; /* the service's patience */

/* Who is told to go on, and does not, or not to the end, holds up nobody, not the service's end
 * either; and is let go after a while. */
START_TEST(never_sends_the_body)
{
    int fds[20], n = sizeof(fds) / sizeof(*fds);
    double cpu, began = now_ms();
    char some[10];

    service_begin(NULL, NULL);
    for (int i = 0; i < n; i++) {
        fds[i] = service_send(GET("/slow?ms=60000") EXPECT "Content-Length: 5\r\n\r\n");
        await_text(fds[i], go_on);
        if (i % 2)
            send_text(fds[i], "hell");
    }
    cpu = service_cpu_ms();
    run_for(sized(500, (IDLE_S + 2) * 1000));
    ck_assert_double_lt(service_cpu_ms() - cpu, sized(150, 3000));
    ck_assert_int_eq(service_sleeping(), 0);
    service_check_well();
    if (now_ms() - began > IDLE_S * 1000)
        for (int i = 0; i < n; i++)
            ck_assert_int_eq(recv(fds[i], some, sizeof(some), 0), 0);
    began = now_ms();
    ck_assert_int_eq(service_stop(SIGTERM), 0);
    ck_assert_double_lt(now_ms() - began, 2000);
    for (int i = 0; i < n; i++)
        close(fds[i]);
    service_end();
}
END_TEST

/* Has it make large answers, of which the client reads none, one after the other, until one does
 * not find room: returns how many did. */
static int count_answers_until_stuck(int fd, int most)
{
    int n = 0, before, now;

    for (now = service_count("requests_submitted_total"); n < most; n++) {
        double end = now_ms() + 1000;

        before = now;
        send_text(fd, GET("/queries?n=500") EXPECT "Content-Length: 5\r\n\r\n");
        run_for(5);
        send_text(fd, "hello");
        while ((now = service_count("requests_submitted_total")) == before && now_ms() < end)
            run_for(1);
        if (now == before)
            break;
        run_for(10);
    }
    return n;
}

/* Much may come at a time from here on. */
static void widen(int fd)
{
    const int bytes = 1 << 18, window = 65535;

    setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &bytes, sizeof(bytes));
    setsockopt(fd, IPPROTO_TCP, TCP_WINDOW_CLAMP, &window, sizeof(window));
}

/* Takes all that has come and comes within 50 ms; whether its end is "100 Continue". */
static bool read_all(int fd)
{
    static char text[1 << 16];
    size_t length = 0, tail = strlen(go_on);

    widen(fd);
    for (double quiet = now_ms(); now_ms() < quiet + 50; turn()) {
        ssize_t n = recv(fd, text + length, sizeof(text) - length, MSG_DONTWAIT);

        if (n <= 0)
            continue;
        quiet = now_ms();
        length += (size_t)n;
        if (length > sizeof(text) / 2) {
            memmove(text, text + length - tail, tail);
            length = tail;
        }
    }
    return length >= tail && memcmp(text + length - tail, go_on, tail) == 0;
}

/* A connection on which one answer more is what gets stuck; by another one that shows how many that
 * is, which the kernel mostly has the same again. */
static int connect_nearly_stuck(void)
{
    for (int i = 0; i < 5; i++) {
        int fd = service_connect(1), most = count_answers_until_stuck(fd, 2000);

        ck_assert_int_lt(most, 2000);
        service_reset(fd);
        fd = service_connect(1);
        if (count_answers_until_stuck(fd, most - 1) == most - 1)
            return fd;
        service_reset(fd);
    }
    ck_abort_msg("an answer is stuck now after this many, and now after that many");
}

/* "100 Continue" finds no room, and the request begins; then its client goes, before it has read
 * that or after. */
START_TEST(stuck_continue)
{
    int fd;

    service_begin(NULL, NULL);
    fd = connect_nearly_stuck();
    send_text(fd, GET("/slow?ms=60000") EXPECT "Content-Length: 5\r\n\r\n");
    run_for(20);
    send_text(fd, "hello");
    service_await_sleeping(1);
    if (_i == 1)
        ck_assert(read_all(fd));
    if (_i == 0)
        service_reset(fd);
    else
        close(fd);
    service_await_sleeping(0);
    ck_assert_int_eq(service_count("requests_timed_out_total"), 0);
    ck_assert_int_eq(service_count("requests_abandoned_total"), 1);
    service_check_well();
    service_end();
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("http_expect");
    TCase *tcase = tcase_create("expect");

    tcase_set_timeout(tcase, sized(90, 300));
    tcase_add_test(tcase, expects_to_continue);
    tcase_add_test(tcase, expects_too_much);
    tcase_add_test(tcase, never_sends_the_body);
    tcase_add_loop_test(tcase, stuck_continue, 0, 2);
    suite_add_tcase(suite, tcase);
    return run_suite(suite, true);
}
