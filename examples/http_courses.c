/* SPDX-License-Identifier: 0BSD (do with it what you like) */
/*
 * http_courses: an HTTP server of libevent's that knows courses.
 *
 *     http_courses [PORT [CONNINFO]]      default: a free port, libpq's environment
 *
 *     GET /course?id=2         the title of that course
 *     GET /metrics             what the pool has counted, for Prometheus
 *     GET /healthz             503 while there is no connection to the database
 *
 * The database is made by cursos.sql.
 */
#include <evpg.h>

#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <event2/http.h>
#include <event2/keyvalq_struct.h>

#include <arpa/inet.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

enum { PATIENCE_MS = 1000, STOP_MS = 3000 };

static struct event_base *base;
static struct evpg_db *pool;

static void reply(struct evhttp_request *http, int status, const char *text)
{
    struct evbuffer *body = evbuffer_new();

    evbuffer_add_printf(body, "%s\n", text);
    evhttp_send_reply(http, status, NULL, body);
    evbuffer_free(body);
}

/* The number behind "id=" in what was asked for, from 1 on; 0: there is none. */
static int id_of(struct evhttp_request *http)
{
    const char *query = evhttp_uri_get_query(evhttp_request_get_evhttp_uri(http));
    struct evkeyvalq pairs;
    const char *text;
    char *end = NULL;
    long id;

    if (!query || evhttp_parse_query_str(query, &pairs) < 0)
        return 0;
    text = evhttp_find_header(&pairs, "id");
    id = text ? strtol(text, &end, 10) : 0;
    if (!text || *end || id < 1 || id > 1000000000)
        id = 0;
    evhttp_clear_headers(&pairs);
    return (int)id;
}

/* A request that waits for the database. */
struct visit {
    struct evhttp_request *http;
    struct evpg_request *query; /* NULL as soon as it is done */
    struct event *hangup;       /* the client's */
    struct event *written;      /* looks whether that can be watched yet */
    char title[200];
};

static void free_visit(struct visit *visit)
{
    event_free(visit->hangup);
    event_free(visit->written);
    free(visit);
}

/* The client has gone: the query is stopped, and on_course_done not called. Where evhttp has found
 * that out by itself, it leaves its request to us. */
static void on_close(struct evhttp_connection *connection, void *arg)
{
    struct visit *visit = arg;

    (void)connection;
    evpg_request_abandon(visit->query);
    if (!evhttp_request_get_connection(visit->http))
        evhttp_request_free(visit->http);
    free_visit(visit);
}

/* EV_READ may also be the client's next request, or, with an error, its reset. */
static void on_hangup(evutil_socket_t fd, short what, void *arg)
{
    struct visit *visit = arg;
    socklen_t size = sizeof(int);
    int error = 0;

    getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size);
    if (what & EV_CLOSED || error)
        evhttp_connection_free(evhttp_request_get_connection(visit->http));
}

/* An event that is edge-triggered cannot be there while evhttp has something to write. */
static void watch_when_written(evutil_socket_t fd, short what, void *arg)
{
    const struct timeval soon = {0, 20000};
    struct visit *visit = arg;
    struct bufferevent *stream =
        evhttp_connection_get_bufferevent(evhttp_request_get_connection(visit->http));

    (void)fd;
    (void)what;
    if (evbuffer_get_length(bufferevent_get_output(stream)) == 0)
        event_add(visit->hangup, NULL);
    else
        event_add(visit->written, &soon);
}

static void watch_client(struct visit *visit)
{
    struct evhttp_connection *connection = evhttp_request_get_connection(visit->http);
    int fd = bufferevent_getfd(evhttp_connection_get_bufferevent(connection));

    visit->hangup = event_new(base, fd, EV_READ | EV_CLOSED | EV_ET | EV_PERSIST, on_hangup, visit);
    visit->written = evtimer_new(base, watch_when_written, visit);
    watch_when_written(-1, 0, visit);
    evhttp_connection_set_closecb(connection, on_close, visit);
}

/* Before the answer is begun. */
static void stop_watching(struct visit *visit)
{
    event_del(visit->hangup);
    event_del(visit->written);
    evhttp_connection_set_closecb(evhttp_request_get_connection(visit->http), NULL, NULL);
}

static enum evpg_flow on_title(const struct evpg_row *row, void *arg)
{
    struct visit *visit = arg;

    snprintf(visit->title, sizeof(visit->title), "%s", evpg_row_text_or(row, 0, ""));
    return EVPG_NEXT;
}

/* What the database says is for us, and not for the client. */
static void reply_error(struct evhttp_request *http, const struct evpg_error *error)
{
    enum evpg_code code = evpg_error_code(error);

    fprintf(stderr, "%s\n", evpg_error_message(error));
    if (code == EVPG_E_SERVER || code == EVPG_E_VALUE)
        reply(http, 500, "that went wrong");
    else if (code == EVPG_E_TIMEOUT && evpg_error_phase(error) > EVPG_PHASE_QUEUED)
        reply(http, 504, "the database took too long");
    else
        reply(http, 503, "try again later");
}

static void on_course_done(const struct evpg_result *result, void *arg)
{
    const struct evpg_error *error = evpg_result_error(result);
    struct visit *visit = arg;

    stop_watching(visit);
    if (error)
        reply_error(visit->http, error);
    else if (evpg_result_rows(result) == 0)
        reply(visit->http, 404, "there is no such course");
    else
        reply(visit->http, 200, visit->title);
    free_visit(visit);
}

/* Returns at once; the answer comes when the database's has. */
static void query_course(struct evhttp_request *http, int id)
{
    struct visit *visit = calloc(1, sizeof(*visit));
    struct evpg_request *query =
        visit ? evpg_query(pool, "select titulo from cursos where id = $1",
                           EVPG_PARAMS(evpg_int32(id)), on_title, on_course_done, visit)
              : NULL;

    if (!query) {
        free(visit);
        reply(http, 503, "try again later");
        return;
    }
    visit->http = http;
    visit->query = query;
    evpg_request_set_name(query, "course");
    evpg_request_set_handle(query, &visit->query);
    watch_client(visit);
}

static void on_course(struct evhttp_request *http, void *arg)
{
    int id = id_of(http);

    (void)arg;
    if (id == 0)
        reply(http, 400, "id must be a number from 1 on");
    else
        query_course(http, id);
}

static void on_metrics(struct evhttp_request *http, void *arg)
{
    struct evbuffer *body = evbuffer_new();

    (void)arg;
    if (evpg_pool_write_metrics(pool, body, "courses") == 0) {
        evhttp_add_header(evhttp_request_get_output_headers(http), "Content-Type",
                          "text/plain; version=0.0.4");
        evhttp_send_reply(http, 200, NULL, body);
    } else {
        reply(http, 500, "out of memory");
    }
    evbuffer_free(body);
}

static void on_healthz(struct evhttp_request *http, void *arg)
{
    struct evpg_pool_stats stats = EVPG_POOL_STATS();
    bool well = evpg_pool_get_stats(pool, &stats) == 0 && stats.connections > stats.opening;

    (void)arg;
    reply(http, well ? 200 : 503, well ? "well" : "not well");
}

/* The last answers may still be on their way. */
static void on_closed(struct evpg_db *db, size_t cut_off, void *arg)
{
    const struct timeval soon = {0, 200000};

    (void)db;
    (void)arg;
    if (cut_off > 0)
        fprintf(stderr, "%zu queries were cut off\n", cut_off);
    event_base_loopexit(base, &soon);
}

/* What was begun is finished; what comes now is refused, and so answered by 503. A second signal
 * changes nothing. */
static void on_signal(evutil_socket_t number, short what, void *arg)
{
    (void)number;
    (void)what;
    (void)arg;
    evpg_close(pool, STOP_MS, on_closed, NULL);
}

static void on_log(struct evpg_db *db, enum evpg_log_level level, const char *line, void *arg)
{
    (void)db;
    (void)level;
    (void)arg;
    fprintf(stderr, "%s\n", line);
}

static bool open_pool(const char *conninfo)
{
    struct evpg_pool_config config =
        EVPG_POOL_CONFIG(.max_connections = 4, .min_connections = 1, .max_queued_requests = 1000,
                         .query_wait_timeout_ms = PATIENCE_MS / 2, .query_timeout_ms = PATIENCE_MS,
                         .reconnect_max_ms = 1000, .max_request_names = 16);
    char why[256];

    if (evpg_pool_config_check(conninfo, &config, why, sizeof(why)) < 0) {
        fprintf(stderr, "http_courses: %s\n", why);
        return false;
    }
    pool = evpg_pool_new(base, conninfo, &config);
    evpg_set_hooks(pool, &EVPG_HOOKS(.log = on_log), NULL);
    return pool;
}

/* NULL: it cannot. */
static struct evhttp *listen_at(int port)
{
    struct evhttp *server = evhttp_new(base);
    struct evhttp_bound_socket *bound;
    struct sockaddr_in address;
    socklen_t size = sizeof(address);

    evhttp_set_cb(server, "/course", on_course, NULL);
    evhttp_set_cb(server, "/metrics", on_metrics, NULL);
    evhttp_set_cb(server, "/healthz", on_healthz, NULL);
    bound = evhttp_bind_socket_with_handle(server, "127.0.0.1", (uint16_t)port);
    if (!bound) {
        evhttp_free(server);
        return NULL;
    }
    getsockname(evhttp_bound_socket_get_fd(bound), (struct sockaddr *)&address, &size);
    printf("http://127.0.0.1:%d/\n", ntohs(address.sin_port));
    fflush(stdout);
    return server;
}

int main(int argc, char **argv)
{
    struct evhttp *server;
    struct event *term;

    signal(SIGPIPE, SIG_IGN);
    base = event_base_new();
    if (!open_pool(argc > 2 ? argv[2] : NULL))
        return 1;
    term = evsignal_new(base, SIGTERM, on_signal, NULL);
    event_add(term, NULL);
    server = listen_at(argc > 1 ? atoi(argv[1]) : 0);
    if (server)
        event_base_dispatch(base);
    else
        perror("http_courses");
    evpg_free(pool);
    if (server)
        evhttp_free(server);
    event_free(term);
    event_base_free(base);
    return server ? 0 : 1;
}
