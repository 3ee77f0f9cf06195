/* SPDX-License-Identifier: 0BSD (do with it what you like) */
/*
 * http_service: an HTTP server of libevent's with a pool, as a service has it that has to stay up:
 * the database requests of TechEmpower's benchmark, and what happens when things go wrong.
 *
 *     http_service [PORT [CONNINFO [STANDBY_CONNINFO]]]    default: a free port, libpq's
 * environment
 *
 *     GET /db            one row by chance
 *     GET /queries?n=20  n of them, 1 to 500
 *     GET /updates?n=20  n of them, changed
 *     GET /fortunes      a page of all fortunes, and one more
 *     GET /order?id=7    stores that; where it fails, the answer says whether it may be tried again
 *     GET /slow?ms=500   a query that takes so long; 504 when it is more than a second
 *     GET /metrics       what the pool has counted, and how late the loop is, for Prometheus
 *     GET /healthz       whether it serves: 503 while it is being stopped, or the database is away
 *
 * The tables are in http_service.sql, the requests in http_service_routes.c, what they share in
 * http_service_job.c, and the watch on the loop in http_service_lag.c. A client that hangs up has
 * its queries canceled. Past the pool's high-water mark all get 503 at once. Out of descriptors, it
 * accepts no more until there are some. SIGTERM and SIGINT stop it in good order: what was begun is
 * finished, within three seconds.
 */
#include "http_service.h"

#include <arpa/inet.h>
#include <event2/listener.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

enum { STOP_MS = 3000 };

struct event_base *base;
struct evpg_db *pool;
bool stopping, overloaded;
static bool closed;

/* The last answers may still be on their way. */
void job_ended(void)
{
    const struct timeval soon = {0, 200000};

    if (closed && open_jobs == 0)
        event_base_loopexit(base, &soon);
}

static void on_water(struct evpg_db *db, bool high, void *arg)
{
    (void)db;
    (void)arg;
    overloaded = high;
}

static void on_closed(struct evpg_db *db, size_t cut_off, void *arg)
{
    (void)db;
    (void)arg;
    if (cut_off > 0)
        fprintf(stderr, "%zu queries were cut off\n", cut_off);
    closed = true;
    job_ended();
}

/* Whatever happens, it ends soon after the pool's deadline. */
static void on_signal(evutil_socket_t number, short what, void *arg)
{
    const struct timeval latest = {STOP_MS / 1000 + 1, 0};

    (void)number;
    (void)what;
    (void)arg;
    if (stopping)
        return;
    stopping = true;
    event_base_loopexit(base, &latest);
    evpg_close(pool, STOP_MS, on_closed, NULL);
}

static void on_accept_again(evutil_socket_t fd, short what, void *arg)
{
    (void)fd;
    (void)what;
    evconnlistener_enable(arg);
}

/* Mostly there are no descriptors left: those who wait do so until some are, and not by spinning.
 */
static void on_accept_error(struct evconnlistener *listener, void *arg)
{
    const struct timeval soon = {0, 100000};

    (void)arg;
    evconnlistener_disable(listener);
    event_base_once(base, -1, EV_TIMEOUT, on_accept_again, listener, &soon);
}

static struct evhttp *listen_at(uint16_t port)
{
    struct evhttp *server = evhttp_new(base);
    struct evhttp_bound_socket *socket;
    struct sockaddr_in address;
    socklen_t size = sizeof(address);

    evhttp_set_gencb(server, on_request, NULL);
    evhttp_set_allowed_methods(server, EVHTTP_REQ_GET | EVHTTP_REQ_HEAD);
    evhttp_set_max_headers_size(server, 8192);
    evhttp_set_max_body_size(server, 1024);
    evhttp_set_timeout(server, 60);
    socket = evhttp_bind_socket_with_handle(server, "127.0.0.1", port);
    if (!socket ||
        getsockname(evhttp_bound_socket_get_fd(socket), (struct sockaddr *)&address, &size) < 0) {
        evhttp_free(server);
        return NULL;
    }
    evconnlistener_set_error_cb(evhttp_bound_socket_get_listener(socket), on_accept_error);
    printf("http://127.0.0.1:%d/\n", ntohs(address.sin_port));
    fflush(stdout);
    return server;
}

static bool open_pool(const char *conninfo, const char *standby_conninfo)
{
    struct evpg_pool_config config =
        EVPG_POOL_CONFIG(.max_connections = 8, .min_connections = 1, .max_queued_requests = 2000,
                         .query_wait_timeout_ms = DEADLINE_MS, .reconnect_max_ms = 1000,
                         .max_request_names = 16, .on_water = on_water,
                         .standby_conninfo = standby_conninfo);
    char why[256];

    if (evpg_pool_config_check(conninfo, &config, why, sizeof(why)) < 0) {
        fprintf(stderr, "http_service: %s\n", why);
        return false;
    }
    pool = evpg_pool_new(base, conninfo, &config);
    return pool;
}

static struct event *watch_signal(int number)
{
    struct event *event = evsignal_new(base, number, on_signal, NULL);

    event_add(event, NULL);
    return event;
}

int main(int argc, char **argv)
{
    struct evhttp *server;
    struct event *term, *interrupt;

    signal(SIGPIPE, SIG_IGN);
    base = event_base_new();
    if (!open_pool(argc > 2 ? argv[2] : NULL, argc > 3 ? argv[3] : NULL))
        return 1;
    term = watch_signal(SIGTERM);
    interrupt = watch_signal(SIGINT);
    server = listen_at((uint16_t)(argc > 1 ? atoi(argv[1]) : 0));
    if (lag_start() < 0)
        perror("http_service: how late the loop is will not be known");
    if (server)
        event_base_dispatch(base);
    else
        perror("http_service: cannot listen");
    evpg_free(pool);
    if (server)
        evhttp_free(server);
    lag_stop();
    event_free(term);
    event_free(interrupt);
    event_base_free(base);
    return server ? 0 : 1;
}
