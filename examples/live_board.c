/* SPDX-License-Identifier: 0BSD (do with it what you like) */
/*
 * live_board: a page that shows who has completed which course, in all browsers that look at it,
 * at the moment when it is committed, by whomever.
 *
 *     live_board [PORT [CONNINFO]]      default: a free port, libpq's environment
 *
 * The tables are those of cursos.sql, with live_board.sql after it:
 *
 *     scripts/with-postgres bash -c 'psql -q -f examples/cursos.sql -f examples/live_board.sql &&
 *         build/demo/examples/live_board 8080'
 *
 * Then open http://127.0.0.1:8080/ twice, and enter something in one of them; or elsewhere:
 *
 *     insert into conclusoes values (1, 3, current_date, 9.5);
 *
 * How it works: a listener hears the table's bell. When it rings, what is new is looked up by way
 * of the pool (live_board_table.c), and goes to each browser as server-sent events
 * (live_board_stream.c). The bell says nothing but "look"; so nothing is lost that it was about.
 * When the listener was away and is back, it says so, and the table is read afresh and told as a
 * whole, for what was changed meanwhile was not heard. A browser that was away asks with the number
 * of the last event that it has seen, and gets what came after it, if that is still known here, or
 * else all. The page itself (live_board.html, .css, .js) is compiled in by live_board_page.c.
 *
 * What it bears with: a server that restarts, whenever that is; browsers that hang up, or do not
 * read, each of which costs one answer's memory; more of them than there are descriptors for;
 * names that look like HTML. SIGTERM and SIGINT stop it within three seconds.
 */
#include "live_board.h"

#include <arpa/inet.h>
#include <event2/listener.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

enum { CLOSE_MS = 2000, STOP_MS = 3000 };

struct event_base *base;
struct evpg_db *pool;
bool stopping;
static struct evhttp *server;
static struct evhttp_bound_socket *entrance;

static void on_closed(struct evpg_db *db, size_t cut_off, void *arg)
{
    const struct timeval soon = {0, 200000};

    (void)db;
    (void)arg;
    if (cut_off > 0)
        fprintf(stderr, "%zu queries were cut off\n", cut_off);
    event_base_loopexit(base, &soon); /* the last answers may still be on their way */
}

/* Whatever happens, it ends. */
static void on_signal(evutil_socket_t number, short what, void *arg)
{
    const struct timeval latest = {STOP_MS / 1000, 0};

    (void)number;
    (void)what;
    (void)arg;
    if (stopping)
        return;
    stopping = true;
    event_base_loopexit(base, &latest);
    if (entrance)
        evhttp_del_accept_socket(server, entrance);
    entrance = NULL;
    table_end();
    streams_end();
    evpg_close(pool, CLOSE_MS, on_closed, NULL);
}

static void on_accept_again(evutil_socket_t fd, short what, void *arg)
{
    (void)fd;
    (void)what;
    (void)arg;
    if (entrance)
        evconnlistener_enable(evhttp_bound_socket_get_listener(entrance));
}

/* Mostly there are no descriptors left: those who wait do so until some are, and not by spinning.
 */
static void on_accept_error(struct evconnlistener *listener, void *arg)
{
    const struct timeval soon = {0, 100000};

    (void)arg;
    evconnlistener_disable(listener);
    event_base_once(base, -1, EV_TIMEOUT, on_accept_again, NULL, &soon);
}

static bool listen_at(uint16_t port)
{
    struct sockaddr_in address;
    socklen_t size = sizeof(address);

    server = evhttp_new(base);
    evhttp_set_gencb(server, on_request, NULL);
    evhttp_set_allowed_methods(server, EVHTTP_REQ_GET | EVHTTP_REQ_POST);
    evhttp_set_max_headers_size(server, 8192);
    evhttp_set_max_body_size(server, 4096);
    evhttp_set_timeout(server, 60);
    entrance = evhttp_bind_socket_with_handle(server, "127.0.0.1", port);
    if (!entrance ||
        getsockname(evhttp_bound_socket_get_fd(entrance), (struct sockaddr *)&address, &size) < 0)
        return false;
    evconnlistener_set_error_cb(evhttp_bound_socket_get_listener(entrance), on_accept_error);
    printf("http://127.0.0.1:%d/\n", ntohs(address.sin_port));
    fflush(stdout);
    return true;
}

static bool open_pool(const char *conninfo)
{
    struct evpg_pool_config config =
        EVPG_POOL_CONFIG(.max_connections = 4, .min_connections = 1, .max_queued_requests = 200,
                         .query_wait_timeout_ms = 2000, .query_timeout_ms = 3000,
                         .reconnect_max_ms = 1000);
    char why[256];

    if (evpg_pool_config_check(conninfo, &config, why, sizeof(why)) < 0) {
        fprintf(stderr, "live_board: %s\n", why);
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

/* What goes to browsers is UTF-8, whatever the environment says. */
int main(int argc, char **argv)
{
    const char *conninfo = argc > 2 && *argv[2] ? argv[2] : NULL;
    struct event *term, *interrupt;
    bool listens;

    signal(SIGPIPE, SIG_IGN);
    setenv("PGCLIENTENCODING", "UTF8", 1);
    base = event_base_new();
    term = watch_signal(SIGTERM);
    interrupt = watch_signal(SIGINT);
    if (!open_pool(conninfo) || !table_begin(conninfo))
        return 1;
    listens = listen_at((uint16_t)(argc > 1 ? atoi(argv[1]) : 0));
    if (listens)
        event_base_dispatch(base);
    else
        perror("live_board: cannot listen");
    table_end();
    evpg_free(pool);
    evhttp_free(server);
    event_free(term);
    event_free(interrupt);
    event_base_free(base);
    return listens ? 0 : 1;
}
