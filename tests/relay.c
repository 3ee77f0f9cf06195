/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * relay: passes connections on to the server, the answers in small pieces.
 *
 * Called by the harness, in the same loop as what is tested. A piece is written in one turn of the
 * loop and read in the next, so that the reader really sees it alone.
 */
#include "relay.h"

#include <arpa/inet.h>
#include <check.h>
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/listener.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <sys/un.h>
#include <unistd.h>

struct relay {
    SLIST_ENTRY(relay) link;
    struct event_base *base;
    struct evconnlistener *listener;
    struct sockaddr_un server;
    int piece;
};

/* bufferevents read; writing is done straight to the sockets, since a bufferevent would join the
 * pieces, and would raise SIGPIPE where the peer is gone. */
struct pair {
    SLIST_ENTRY(pair) link;
    struct bufferevent *client, *server;
    struct event *timer;
    int piece;
};

static SLIST_HEAD(, relay) relays = SLIST_HEAD_INITIALIZER(relays);
static SLIST_HEAD(, pair) pairs = SLIST_HEAD_INITIALIZER(pairs);

static void pass_on_soon(struct bufferevent *bev, void *arg)
{
    struct pair *pair = arg;
    const struct timeval now = {0, 0};

    (void)bev;
    if (!evtimer_pending(pair->timer, NULL))
        evtimer_add(pair->timer, &now);
}

/* Moves at most so many bytes that one has read to the other's socket. */
static void pass_on(struct bufferevent *from, struct bufferevent *to, size_t most)
{
    struct evbuffer *input = bufferevent_get_input(from);
    size_t length = evbuffer_get_length(input);
    ssize_t sent;

    length = length < most ? length : most;
    if (length == 0)
        return;
    sent = send(bufferevent_getfd(to), evbuffer_pullup(input, (ev_ssize_t)length), length,
                MSG_NOSIGNAL);
    evbuffer_drain(input, sent > 0 ? (size_t)sent : 0);
}

static void on_timer(evutil_socket_t fd, short what, void *arg)
{
    struct pair *pair = arg;

    (void)fd;
    (void)what;
    pass_on(pair->client, pair->server, 65536);
    pass_on(pair->server, pair->client, (size_t)pair->piece);
    if (evbuffer_get_length(bufferevent_get_input(pair->client)) > 0 ||
        evbuffer_get_length(bufferevent_get_input(pair->server)) > 0)
        pass_on_soon(NULL, pair);
}

static void free_pair(struct pair *pair)
{
    SLIST_REMOVE(&pairs, pair, pair, link);
    bufferevent_free(pair->client);
    bufferevent_free(pair->server);
    event_free(pair->timer);
    free(pair);
}

static void on_event(struct bufferevent *bev, short what, void *arg)
{
    struct pair *pair = arg;

    if (!(what & (BEV_EVENT_EOF | BEV_EVENT_ERROR)))
        return;
    if (bev == pair->server)
        pass_on(pair->server, pair->client, SIZE_MAX);
    free_pair(pair);
}

static void on_accept(struct evconnlistener *listener, evutil_socket_t fd, struct sockaddr *address,
                      int length, void *arg)
{
    struct relay *relay = arg;
    struct pair *pair = calloc(1, sizeof(*pair));
    const int yes = 1;

    (void)listener;
    (void)address;
    (void)length;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof(yes));
    pair->piece = relay->piece;
    pair->timer = evtimer_new(relay->base, on_timer, pair);
    pair->client = bufferevent_socket_new(relay->base, fd, BEV_OPT_CLOSE_ON_FREE);
    pair->server = bufferevent_socket_new(relay->base, -1, BEV_OPT_CLOSE_ON_FREE);
    bufferevent_setcb(pair->client, pass_on_soon, NULL, on_event, pair);
    bufferevent_setcb(pair->server, pass_on_soon, NULL, on_event, pair);
    SLIST_INSERT_HEAD(&pairs, pair, link);
    ck_assert_int_eq(bufferevent_socket_connect(pair->server, (struct sockaddr *)&relay->server,
                                                sizeof(relay->server)),
                     0);
    bufferevent_enable(pair->client, EV_READ);
    bufferevent_enable(pair->server, EV_READ);
}

int relay_start(struct event_base *base, const char *folder, const char *port, int piece)
{
    struct relay *relay = calloc(1, sizeof(*relay));
    struct sockaddr_in address = {.sin_family = AF_INET};
    socklen_t length = sizeof(address);

    relay->base = base;
    relay->piece = piece;
    relay->server.sun_family = AF_UNIX;
    snprintf(relay->server.sun_path, sizeof(relay->server.sun_path), "%s/.s.PGSQL.%s", folder,
             port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    relay->listener = evconnlistener_new_bind(base, on_accept, relay, LEV_OPT_CLOSE_ON_FREE, -1,
                                              (struct sockaddr *)&address, sizeof(address));
    ck_assert_ptr_nonnull(relay->listener);
    getsockname(evconnlistener_get_fd(relay->listener), (struct sockaddr *)&address, &length);
    SLIST_INSERT_HEAD(&relays, relay, link);
    return ntohs(address.sin_port);
}

void relay_stop(void)
{
    struct relay *relay;

    while (!SLIST_EMPTY(&pairs))
        free_pair(SLIST_FIRST(&pairs));
    while ((relay = SLIST_FIRST(&relays))) {
        SLIST_REMOVE_HEAD(&relays, link);
        evconnlistener_free(relay->listener);
        free(relay);
    }
}
