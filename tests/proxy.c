/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * proxy: see proxy.h.
 *
 * Called by the harness and by the tests of faults. Each connection is a pair of sockets; what was
 * read from one waits in a bounded buffer, and a timer, in each turn of the loop, sends a piece of
 * it to the other, so that the reader really sees it alone. Nothing here raises SIGPIPE.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* memmem */
#endif

#include "proxy.h"
#include "require.h"

#include <arpa/inet.h>

#include <errno.h>
#include <event2/buffer.h>
#include <event2/listener.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <sys/un.h>
#include <unistd.h>

#define BUFFER ((size_t)65536)

struct proxy_parts {
    SLIST_ENTRY(proxy_parts) link;
    struct proxy *proxy;
    struct event_base *base;
    struct evconnlistener *listener;
    struct sockaddr_storage server;
    socklen_t server_length;
    struct in_addr address; /* where it listens */
    int port;
    int kept; /* while it refuses: a socket that keeps the port for us; else -1 */
    LIST_HEAD(, pair) pairs;
};

static SLIST_HEAD(, proxy_parts) proxies = SLIST_HEAD_INITIALIZER(proxies);

struct side {
    int fd; /* -1: there is none */
    struct event *event;
    struct evbuffer *read; /* and not yet sent to the other */
    bool at_end;
};

struct pair {
    LIST_ENTRY(pair) link;
    struct proxy *proxy;
    struct side client, server;
    struct event *timer;
    int64_t to_client;
    bool flipped;
};

static void close_side(struct side *side)
{
    if (side->event)
        event_free(side->event);
    if (side->fd >= 0)
        close(side->fd);
    evbuffer_free(side->read);
}

static void free_pair(struct pair *pair)
{
    LIST_REMOVE(pair, link);
    pair->proxy->counters.live--;
    event_free(pair->timer);
    close_side(&pair->client);
    close_side(&pair->server);
    free(pair);
}

static void reset_pair(struct pair *pair)
{
    const struct linger now = {1, 0};

    setsockopt(pair->client.fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
    free_pair(pair);
}

static void pass_on_soon(struct pair *pair)
{
    int most = pair->proxy->settings.delay_ms;
    int ms = most > 0 ? rand() % (most + 1) : 0;
    const struct timeval time = {ms / 1000, ms % 1000 * 1000};

    if (!evtimer_pending(pair->timer, NULL))
        evtimer_add(pair->timer, &time);
}

static void watch(struct side *side, bool wanted)
{
    if (side->fd < 0)
        return;
    if (wanted && !side->at_end)
        event_add(side->event, NULL);
    else
        event_del(side->event);
}

/* A side is read while there is room for it. */
static void watch_both(struct pair *pair)
{
    bool hold = pair->proxy->settings.hold;

    watch(&pair->client, !hold && evbuffer_get_length(pair->client.read) < BUFFER);
    watch(&pair->server, !hold && evbuffer_get_length(pair->server.read) < BUFFER);
}

static void capture(struct proxy_counters *counters, const void *bytes, size_t length)
{
    size_t room = PROXY_CAPTURE - counters->n_captured;

    length = length < room ? length : room;
    memcpy(counters->captured + counters->n_captured, bytes, length);
    counters->n_captured += length;
}

static void count(struct pair *pair, const struct side *side, const void *bytes, size_t length)
{
    struct proxy_counters *counters = &pair->proxy->counters;

    if (side == &pair->server) {
        counters->from_server += length;
        if (pair->proxy->settings.recording)
            evbuffer_add(pair->proxy->settings.recording, bytes, length);
        return;
    }
    counters->from_client += length;
    capture(counters, bytes, length);
}

static void read_side(struct pair *pair, struct side *side)
{
    static unsigned char bytes[BUFFER];
    ssize_t length = recv(side->fd, bytes, sizeof(bytes), 0);

    if (length < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (length <= 0)
        side->at_end = true;
    else
        count(pair, side, bytes, (size_t)length);
    if (length > 0 && !pair->proxy->settings.black_hole)
        evbuffer_add(side->read, bytes, (size_t)length);
    watch_both(pair);
    pass_on_soon(pair);
}

static void on_client(evutil_socket_t fd, short what, void *arg)
{
    struct pair *pair = arg;

    (void)fd;
    (void)what;
    read_side(pair, &pair->client);
}

static void on_server(evutil_socket_t fd, short what, void *arg)
{
    struct pair *pair = arg;

    (void)fd;
    (void)what;
    read_side(pair, &pair->server);
}

/* Sends at most so many bytes that one has sent to the other. */
static size_t send_on(struct side *from, struct side *to, size_t most)
{
    size_t length = evbuffer_get_length(from->read);
    ssize_t sent;

    length = most > 0 && most < length ? most : length;
    length = length < BUFFER ? length : BUFFER;
    if (length == 0 || to->fd < 0)
        return 0;
    sent = send(to->fd, evbuffer_pullup(from->read, (ev_ssize_t)length), length, MSG_NOSIGNAL);
    if (sent < 0 && errno != EAGAIN && errno != EINTR)
        from->at_end = true;
    sent = sent < 0 ? 0 : sent;
    evbuffer_drain(from->read, (size_t)sent);
    return (size_t)sent;
}

/* Once, as soon as it is there: it may wait in the buffer for longer. */
static void flip(struct pair *pair)
{
    const struct proxy_settings *settings = &pair->proxy->settings;
    int64_t at = settings->flip_at - pair->to_client;

    if (pair->flipped || settings->flip_at < 0 || at < 0 ||
        at >= (int64_t)evbuffer_get_length(pair->server.read))
        return;
    evbuffer_pullup(pair->server.read, -1)[at] ^= settings->flip_mask;
    pair->flipped = true;
}

/* The rest, when the server has ended, goes at once. False: that was the last of it. */
static bool send_to_client(struct pair *pair)
{
    const struct proxy_settings *settings = &pair->proxy->settings;
    bool in_pieces = settings->piece > 0 && !pair->server.at_end;
    size_t most = in_pieces ? settings->piece : BUFFER;
    int64_t left = settings->cut_at - pair->to_client;
    size_t sent;

    if (settings->cut_at >= 0 && left <= 0)
        return false;
    if (settings->cut_at >= 0 && (int64_t)most > left)
        most = (size_t)left;
    flip(pair);
    sent = send_on(&pair->server, &pair->client, most);
    pair->to_client += (int64_t)sent;
    pair->proxy->counters.to_client += sent;
    return settings->cut_at < 0 || pair->to_client < settings->cut_at;
}

static bool is_over(const struct pair *pair)
{
    return pair->client.at_end ||
           (pair->server.at_end && evbuffer_get_length(pair->server.read) == 0);
}

static void on_timer(evutil_socket_t fd, short what, void *arg)
{
    struct pair *pair = arg;
    const struct proxy_settings *settings = &pair->proxy->settings;

    (void)fd;
    (void)what;
    if (settings->hold)
        return;
    send_on(&pair->client, &pair->server, settings->client_piece);
    if (!send_to_client(pair)) {
        if (settings->cut_by_reset)
            reset_pair(pair);
        else
            free_pair(pair);
        return;
    }
    if (is_over(pair)) {
        free_pair(pair);
        return;
    }
    watch_both(pair);
    if (evbuffer_get_length(pair->client.read) > 0 || evbuffer_get_length(pair->server.read) > 0)
        pass_on_soon(pair);
}

static void open_side(struct side *side, int fd, struct event_base *base, event_callback_fn on_read,
                      struct pair *pair)
{
    const int yes = 1;

    side->fd = fd;
    side->read = evbuffer_new();
    if (fd < 0)
        return;
    evutil_make_socket_nonblocking(fd);
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof(yes));
    side->event = event_new(base, fd, EV_READ | EV_PERSIST, on_read, pair);
}

/* Blocking: it is on this machine. */
static int connect_to_server(const struct proxy_parts *parts)
{
    int fd = socket(parts->server.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);

    if (connect(fd, (const struct sockaddr *)&parts->server, parts->server_length) == 0)
        return fd;
    close(fd);
    return -1;
}

static void on_accept(struct evconnlistener *listener, evutil_socket_t fd, struct sockaddr *address,
                      int length, void *arg)
{
    struct proxy *proxy = arg;
    struct proxy_parts *parts = proxy->parts;
    struct pair *pair = calloc(1, sizeof(*pair));
    int server = proxy->settings.silent ? -1 : connect_to_server(parts);

    (void)listener;
    (void)address;
    (void)length;
    pair->proxy = proxy;
    pair->timer = evtimer_new(parts->base, on_timer, pair);
    open_side(&pair->client, fd, parts->base, on_client, pair);
    open_side(&pair->server, server, parts->base, on_server, pair);
    LIST_INSERT_HEAD(&parts->pairs, pair, link);
    proxy->counters.accepted++;
    proxy->counters.live++;
    if (server < 0 && !proxy->settings.silent)
        free_pair(pair);
    else
        watch_both(pair);
}

static void find_server(struct proxy_parts *parts, const char *host, const char *port)
{
    struct sockaddr_un *local = (struct sockaddr_un *)&parts->server;
    struct sockaddr_in *address = (struct sockaddr_in *)&parts->server;

    if (*host == '/') {
        local->sun_family = AF_UNIX;
        snprintf(local->sun_path, sizeof(local->sun_path), "%s/.s.PGSQL.%s", host, port);
        parts->server_length = sizeof(*local);
        return;
    }
    address->sin_family = AF_INET;
    address->sin_port = htons((uint16_t)atoi(port));
    require(inet_pton(AF_INET, host, &address->sin_addr) == 1);
    parts->server_length = sizeof(*address);
}

static void listen_on(struct proxy *proxy, int port)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    socklen_t length = sizeof(address);
    struct proxy_parts *parts = proxy->parts;

    address.sin_addr = parts->address;
    parts->listener = evconnlistener_new_bind(parts->base, on_accept, proxy,
                                              LEV_OPT_CLOSE_ON_FREE | LEV_OPT_REUSEABLE, -1,
                                              (struct sockaddr *)&address, sizeof(address));
    require(parts->listener);
    getsockname(evconnlistener_get_fd(parts->listener), (struct sockaddr *)&address, &length);
    parts->port = ntohs(address.sin_port);
}

struct proxy *proxy_new(struct event_base *base, const char *host, const char *port)
{
    struct proxy *proxy = calloc(1, sizeof(*proxy));

    proxy->settings.cut_at = proxy->settings.flip_at = -1;
    proxy->parts = calloc(1, sizeof(*proxy->parts));
    proxy->parts->proxy = proxy;
    proxy->parts->base = base;
    proxy->parts->kept = -1;
    proxy->parts->address.s_addr = htonl(INADDR_LOOPBACK);
    LIST_INIT(&proxy->parts->pairs);
    find_server(proxy->parts, host, port);
    listen_on(proxy, 0);
    SLIST_INSERT_HEAD(&proxies, proxy->parts, link);
    return proxy;
}

int proxy_port(const struct proxy *proxy)
{
    return proxy->parts->port;
}

void proxy_apply(struct proxy *proxy)
{
    struct pair *pair;

    LIST_FOREACH(pair, &proxy->parts->pairs, link)
    {
        watch_both(pair);
        pass_on_soon(pair);
    }
}

void proxy_reset(struct proxy *proxy)
{
    while (!LIST_EMPTY(&proxy->parts->pairs))
        reset_pair(LIST_FIRST(&proxy->parts->pairs));
}

void proxy_close(struct proxy *proxy)
{
    while (!LIST_EMPTY(&proxy->parts->pairs))
        free_pair(LIST_FIRST(&proxy->parts->pairs));
}

void proxy_half_close(struct proxy *proxy)
{
    struct pair *pair;

    LIST_FOREACH(pair, &proxy->parts->pairs, link)
    shutdown(pair->client.fd, SHUT_WR);
}

/* Bound, not listening: connections are refused, and nobody else is given the port. */
static void keep_port(struct proxy_parts *parts)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)parts->port)};

    address.sin_addr = parts->address;
    parts->kept = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    evutil_make_listen_socket_reuseable(parts->kept);
    bind(parts->kept, (const struct sockaddr *)&address, sizeof(address));
}

static void let_port_go(struct proxy_parts *parts)
{
    if (parts->kept >= 0)
        close(parts->kept);
    parts->kept = -1;
}

void proxy_refuse(struct proxy *proxy, bool refuse)
{
    struct proxy_parts *parts = proxy->parts;

    if (refuse && parts->listener) {
        evconnlistener_free(parts->listener);
        parts->listener = NULL;
        keep_port(parts);
    } else if (!refuse && !parts->listener) {
        listen_on(proxy, parts->port);
        let_port_go(parts);
    }
}

void proxy_let_wait(struct proxy *proxy, bool wait)
{
    if (wait)
        evconnlistener_disable(proxy->parts->listener);
    else
        evconnlistener_enable(proxy->parts->listener);
}

void proxy_move(struct proxy *proxy, const char *address)
{
    proxy_refuse(proxy, true);
    let_port_go(proxy->parts);
    require(inet_pton(AF_INET, address, &proxy->parts->address) == 1);
    listen_on(proxy, 0);
}

bool proxy_has_captured(const struct proxy *proxy, const char *text)
{
    return memmem(proxy->counters.captured, proxy->counters.n_captured, text, strlen(text));
}

void proxy_free(struct proxy *proxy)
{
    proxy_close(proxy);
    proxy_refuse(proxy, true);
    let_port_go(proxy->parts);
    SLIST_REMOVE(&proxies, proxy->parts, proxy_parts, link);
    free(proxy->parts);
    free(proxy);
}

void proxy_free_all(void)
{
    while (!SLIST_EMPTY(&proxies))
        proxy_free(SLIST_FIRST(&proxies)->proxy);
}
