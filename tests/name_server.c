/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * name_server: real questions and answers by UDP, for tests that look host names up.
 *
 * Called by tests, in the same loop as what is tested; evdns does the protocol. One at a time. An
 * answer that is late is held in a timer; those that never come are dropped at the end.
 */
#include "name_server.h"

#include <arpa/inet.h>
#include <check.h>
#include <event2/dns.h>
#include <event2/dns_struct.h>
#include <event2/util.h>
#include <stdlib.h>
#include <strings.h>
#include <sys/queue.h>
#include <sys/socket.h>

struct answer {
    SLIST_ENTRY(answer) link;
    struct evdns_server_request *request;
    const struct zone *zone;
    struct event *timer;
};

static struct event_base *loop;
static struct evdns_server_port *port;
static int questions;
static SLIST_HEAD(, answer) late = SLIST_HEAD_INITIALIZER(late);

static void respond(struct evdns_server_request *request, const struct zone *zone)
{
    const char *name = request->questions[0]->name;
    struct in_addr binary;

    for (int i = 0; zone && zone->addresses[i]; i++) {
        if (request->questions[0]->type != EVDNS_TYPE_A)
            continue;
        ck_assert_int_eq(inet_pton(AF_INET, zone->addresses[i], &binary), 1);
        evdns_server_request_add_a_reply(request, name, 1, &binary, 60);
    }
    evdns_server_request_respond(request, zone ? DNS_ERR_NONE : DNS_ERR_NOTEXIST);
}

static void free_answer(struct answer *answer)
{
    SLIST_REMOVE(&late, answer, answer, link);
    event_free(answer->timer);
    free(answer);
}

static void on_timer(evutil_socket_t fd, short what, void *arg)
{
    struct answer *answer = arg;

    (void)fd;
    (void)what;
    respond(answer->request, answer->zone);
    free_answer(answer);
}

static void respond_later(struct evdns_server_request *request, const struct zone *zone)
{
    struct answer *answer = calloc(1, sizeof(*answer));
    const struct timeval delay = {zone->delay_ms / 1000, zone->delay_ms % 1000 * 1000};

    answer->request = request;
    answer->zone = zone;
    answer->timer = evtimer_new(loop, on_timer, answer);
    SLIST_INSERT_HEAD(&late, answer, link);
    if (zone->delay_ms > 0)
        evtimer_add(answer->timer, &delay);
}

static void on_question(struct evdns_server_request *request, void *arg)
{
    const struct zone *zone = arg;

    questions++;
    while (zone->name && strcasecmp(zone->name, request->questions[0]->name) != 0)
        zone++;
    if (zone->name && zone->delay_ms)
        respond_later(request, zone);
    else
        respond(request, zone->name ? zone : NULL);
}

int name_server_start(struct event_base *base, const struct zone *zones)
{
    struct sockaddr_in address = {.sin_family = AF_INET};
    socklen_t length = sizeof(address);
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    ck_assert_int_eq(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
    ck_assert_int_eq(getsockname(fd, (struct sockaddr *)&address, &length), 0);
    loop = base;
    port = evdns_add_server_port_with_base(base, fd, 0, on_question, (void *)zones);
    ck_assert_ptr_nonnull(port);
    return ntohs(address.sin_port);
}

void name_server_stop(void)
{
    while (!SLIST_EMPTY(&late)) {
        evdns_server_request_drop(SLIST_FIRST(&late)->request);
        free_answer(SLIST_FIRST(&late));
    }
    if (port)
        evdns_close_server_port(port);
    port = NULL;
}

int name_server_questions(void)
{
    return questions;
}
