/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * unit_proxy: that the proxy of the fault tests does what it is told.
 *
 * Behind it is a server that sends a known series of bytes and keeps what it gets; the client is a
 * socket that the test reads itself. Needs no PostgreSQL.
 */
#include "oracle.h"
#include "proxy.h"

#include <arpa/inet.h>
#include <errno.h>
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/listener.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

enum { SERIES = 10000 };

static struct evconnlistener *listener;
static struct bufferevent *server;
static struct proxy *proxy;
static int client = -1;
static unsigned char got[SERIES + 1];
static size_t n_got;
static size_t length_of_series = SERIES;

static void on_accept(struct evconnlistener *which, evutil_socket_t fd, struct sockaddr *address,
                      int length, void *arg)
{
    unsigned char byte;

    (void)which;
    (void)address;
    (void)length;
    (void)arg;
    server = bufferevent_socket_new(base, fd, BEV_OPT_CLOSE_ON_FREE);
    bufferevent_enable(server, EV_READ | EV_WRITE);
    for (size_t i = 0; i < length_of_series; i++) {
        byte = (unsigned char)(i % 251);
        bufferevent_write(server, &byte, 1);
    }
}

static void start(void)
{
    struct sockaddr_in address = {.sin_family = AF_INET};
    socklen_t length = sizeof(address);
    char port[16];

    base = event_base_new();
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    listener = evconnlistener_new_bind(base, on_accept, NULL, LEV_OPT_CLOSE_ON_FREE, -1,
                                       (struct sockaddr *)&address, sizeof(address));
    getsockname(evconnlistener_get_fd(listener), (struct sockaddr *)&address, &length);
    snprintf(port, sizeof(port), "%d", ntohs(address.sin_port));
    proxy = proxy_new(base, "127.0.0.1", port);
}

static int connect_client(void)
{
    struct sockaddr_in address = {.sin_family = AF_INET};
    int status;

    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    address.sin_port = htons((uint16_t)proxy_port(proxy));
    client = socket(AF_INET, SOCK_STREAM, 0);
    status = connect(client, (struct sockaddr *)&address, sizeof(address));
    fcntl(client, F_SETFL, O_NONBLOCK);
    return status;
}

/* 1: bytes; 0: the end; -1: an error, in errno. */
static int read_client(void)
{
    ssize_t length = recv(client, got + n_got, sizeof(got) - n_got, 0);

    n_got += length > 0 ? (size_t)length : 0;
    return length > 0 ? 1 : (int)length;
}

/* Until there are so many, or the connection has ended. Returns how: 1 there are; 0 FIN; -1 RST. */
static int await_bytes(size_t count)
{
    double end = now_ms() + 5000;
    int status = 1;

    while (n_got < count && now_ms() < end) {
        turn();
        status = read_client();
        if (status == 0 || (status < 0 && errno != EAGAIN))
            return status;
    }
    return n_got >= count ? 1 : -2;
}

static void check_bytes(size_t from, size_t to)
{
    for (size_t i = from; i < to; i++)
        ck_assert_int_eq(got[i], i % 251);
}

static void stop(void)
{
    if (client >= 0)
        close(client);
    if (server)
        bufferevent_free(server);
    evconnlistener_free(listener);
    proxy_free_all();
    event_base_free(base);
}

START_TEST(passes_on)
{
    start();
    ck_assert_int_eq(connect_client(), 0);
    ck_assert_int_eq(send(client, "a password", 10, 0), 10);
    ck_assert_int_eq(await_bytes(SERIES), 1);
    check_bytes(0, SERIES);
    run_for(30);
    ck_assert_int_eq(evbuffer_get_length(bufferevent_get_input(server)), 10);
    ck_assert(proxy_has_captured(proxy, "password"));
    ck_assert(!proxy_has_captured(proxy, "passwort"));
    ck_assert_uint_eq(proxy->counters.from_client, 10);
    ck_assert_uint_eq(proxy->counters.from_server, SERIES);
    ck_assert_int_eq(proxy->counters.accepted, 1);
    ck_assert_int_eq(proxy->counters.live, 1);
    stop();
}
END_TEST

/* One turn of the loop, one piece. */
START_TEST(in_pieces)
{
    start();
    proxy->settings.piece = (size_t)_i;
    ck_assert_int_eq(connect_client(), 0);
    for (int i = 0; i < 200; i++) {
        size_t before = n_got;

        event_base_loop(base, EVLOOP_ONCE | EVLOOP_NONBLOCK);
        read_client();
        ck_assert_uint_le(n_got - before, (size_t)_i);
    }
    ck_assert_int_eq(await_bytes(500), 1);
    check_bytes(0, 500);
    stop();
}
END_TEST

START_TEST(with_delays)
{
    double begin;

    start();
    proxy->settings.piece = 100;
    proxy->settings.delay_ms = 20;
    ck_assert_int_eq(connect_client(), 0);
    begin = now_ms();
    ck_assert_int_eq(await_bytes(3000), 1);
    ck_assert_double_ge(now_ms() - begin, 60);
    check_bytes(0, 3000);
    stop();
}
END_TEST

START_TEST(held_and_let_go)
{
    start();
    proxy->settings.hold = true;
    ck_assert_int_eq(connect_client(), 0);
    run_for(50);
    ck_assert_int_eq(read_client(), -1);
    ck_assert_int_eq(errno, EAGAIN);
    proxy->settings.hold = false;
    proxy_apply(proxy);
    ck_assert_int_eq(await_bytes(SERIES), 1);
    check_bytes(0, SERIES);
    stop();
}
END_TEST

/* 0: read and lost; 1: nobody there. The client is left in silence. */
START_TEST(silence)
{
    start();
    proxy->settings.black_hole = _i == 0;
    proxy->settings.silent = _i == 1;
    ck_assert_int_eq(connect_client(), 0);
    ck_assert_int_eq(send(client, "hello", 5, 0), 5);
    run_for(50);
    ck_assert_int_eq(read_client(), -1);
    ck_assert_int_eq(errno, EAGAIN);
    ck_assert_uint_eq(proxy->counters.from_client, 5);
    ck_assert_uint_eq(proxy->counters.from_server, _i == 0 ? SERIES : 0);
    stop();
}
END_TEST

START_TEST(cut)
{
    start();
    proxy->settings.cut_at = 1234;
    proxy->settings.cut_by_reset = _i == 1;
    ck_assert_int_eq(connect_client(), 0);
    ck_assert_int_eq(await_bytes(SERIES), _i == 1 ? -1 : 0);
    if (_i == 1)
        ck_assert_int_eq(errno, ECONNRESET);
    ck_assert_uint_le(n_got, 1234);
    ck_assert(_i == 1 || n_got == 1234);
    check_bytes(0, n_got);
    ck_assert_int_eq(proxy->counters.live, 0);
    stop();
}
END_TEST

START_TEST(flipped)
{
    start();
    proxy->settings.flip_at = 777;
    proxy->settings.flip_mask = 0x81;
    proxy->settings.piece = (size_t)_i;
    ck_assert_int_eq(connect_client(), 0);
    ck_assert_int_eq(await_bytes(2000), 1);
    check_bytes(0, 777);
    ck_assert_int_eq(got[777], (777 % 251) ^ 0x81);
    check_bytes(778, 2000);
    stop();
}
END_TEST

/* 0: RST, 1: FIN, 2: FIN for one direction only. */
START_TEST(ended)
{
    start();
    ck_assert_int_eq(connect_client(), 0);
    ck_assert_int_eq(await_bytes(SERIES), 1);
    if (_i == 0)
        proxy_reset(proxy);
    else if (_i == 1)
        proxy_close(proxy);
    else
        proxy_half_close(proxy);
    ck_assert_int_eq(await_bytes(SERIES + 1), _i == 0 ? -1 : 0);
    ck_assert_int_eq(proxy->counters.live, _i == 2);
    if (_i == 2) {
        ck_assert_int_eq(send(client, "still", 5, MSG_NOSIGNAL), 5);
        run_for(30);
        ck_assert_int_eq(evbuffer_get_length(bufferevent_get_input(server)), 5);
    }
    stop();
}
END_TEST

START_TEST(refused_and_accepted_again)
{
    start();
    proxy_refuse(proxy, true);
    ck_assert_int_eq(connect_client(), -1);
    ck_assert_int_eq(errno, ECONNREFUSED);
    close(client);
    proxy_refuse(proxy, false);
    ck_assert_int_eq(connect_client(), 0);
    ck_assert_int_eq(await_bytes(SERIES), 1);
    stop();
}
END_TEST

/* Who does not read holds up who sends: the proxy takes only so much. */
START_TEST(back_pressure)
{
    length_of_series = 40000000;
    start();
    ck_assert_int_eq(connect_client(), 0);
    run_for(500);
    ck_assert_uint_lt(proxy->counters.from_server, 30000000);
    ck_assert_uint_le(proxy->counters.from_server - proxy->counters.to_client, 2 * 65536);
    stop();
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("unit_proxy");
    TCase *tcase = tcase_create("proxy");

    tcase_set_timeout(tcase, 30);
    tcase_add_test(tcase, passes_on);
    tcase_add_loop_test(tcase, in_pieces, 1, 4);
    tcase_add_test(tcase, with_delays);
    tcase_add_test(tcase, held_and_let_go);
    tcase_add_loop_test(tcase, silence, 0, 2);
    tcase_add_loop_test(tcase, cut, 0, 2);
    tcase_add_loop_test(tcase, flipped, 0, 3);
    tcase_add_loop_test(tcase, ended, 0, 3);
    tcase_add_test(tcase, refused_and_accepted_again);
    tcase_add_test(tcase, back_pressure);
    suite_add_tcase(suite, tcase);
    return run_suite(suite, false);
}
