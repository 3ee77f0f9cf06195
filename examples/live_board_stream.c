/* SPDX-License-Identifier: 0BSD (do with it what you like) */
/*
 * live_board_stream: the browsers that look at the board, each by a stream of server-sent events:
 *
 *     board   all entries, an array: forget what you have
 *     entry   one more, or one that was changed
 *     state   "live", or "lost": nothing is heard of the database
 *     ping    nothing; so that silence means that the line is dead
 *
 * The id of a board or entry is what the browser sends back after a loss, in Last-Event-ID: the
 * epoch and the number of the last entry. Nothing is queued: a browser has at most one answer on
 * its way, and gets what it does not know yet when that has been taken; one that takes nothing for
 * half a minute is hung up on, and so is one that has gone.
 */
#include "live_board.h"

#include <event2/bufferevent.h>
#include <event2/keyvalq_struct.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <sys/socket.h>

enum { PING_S = 10, PATIENCE_S = 30, KERNEL_BYTES = 65536 };

struct viewer {
    TAILQ_ENTRY(viewer) link;
    struct evhttp_request *http;
    bool writing;   /* what was sent last is on its way */
    uint64_t epoch; /* what it knows */
    int64_t number;
    const char *state;
};

static TAILQ_HEAD(, viewer) viewers = TAILQ_HEAD_INITIALIZER(viewers);
static int n_viewers;
static struct event *ping;

static void forget(struct viewer *viewer)
{
    TAILQ_REMOVE(&viewers, viewer, link);
    free(viewer);
    n_viewers--;
}

static void write_id(struct evbuffer *to, const char *event, int64_t number)
{
    evbuffer_add_printf(to, "id: %" PRIu64 "-%" PRId64 "\nevent: %s\ndata: ", board.epoch, number,
                        event);
}

static void write_board(struct evbuffer *to)
{
    write_id(to, "board", board.last);
    for (int i = 0; i < board.n; i++)
        evbuffer_add_printf(to, "%s%s", i ? "," : "[", board.entries[i].json);
    evbuffer_add_printf(to, "%s]\n\n", board.n ? "" : "[");
}

static void write_entries(struct evbuffer *to, int64_t after)
{
    for (int i = 0; i < board.n; i++) {
        if (board.entries[i].number <= after)
            continue;
        write_id(to, "entry", board.entries[i].number);
        evbuffer_add_printf(to, "%s\n\n", board.entries[i].json);
    }
}

static bool knows_enough(const struct viewer *viewer)
{
    return viewer->epoch == board.epoch && viewer->number >= board.floor &&
           viewer->number <= board.last;
}

/* What it does not know yet, if anything; from then on it does. */
static void write_news(struct evbuffer *to, struct viewer *viewer)
{
    const char *state = board.live ? "live" : "lost";

    if (board.epoch > 0 && !knows_enough(viewer))
        write_board(to);
    else if (board.epoch > 0)
        write_entries(to, viewer->number);
    if (board.epoch > 0) {
        viewer->epoch = board.epoch;
        viewer->number = board.last;
    }
    if (viewer->state != state)
        evbuffer_add_printf(to, "event: state\ndata: %s\n\n", state);
    viewer->state = state;
}

static void tell(struct viewer *viewer, const char *also);

/* libevent's: the buffer has been taken by the kernel. */
static void on_written(struct evhttp_connection *connection, void *arg)
{
    struct viewer *viewer = arg;

    (void)connection;
    viewer->writing = false;
    tell(viewer, "");
}

static void tell(struct viewer *viewer, const char *also)
{
    struct evbuffer *text;

    if (viewer->writing)
        return;
    text = evbuffer_new();
    if (!text)
        abort();
    evbuffer_add_printf(text, "%s", also);
    write_news(text, viewer);
    viewer->writing = evbuffer_get_length(text) > 0;
    if (viewer->writing)
        evhttp_send_reply_chunk_with_cb(viewer->http, text, on_written, viewer);
    evbuffer_free(text);
}

void streams_tell(void)
{
    struct viewer *viewer;

    TAILQ_FOREACH (viewer, &viewers, link)
        tell(viewer, "");
}

static void on_ping(evutil_socket_t fd, short what, void *arg)
{
    struct viewer *viewer;

    (void)fd;
    (void)what;
    (void)arg;
    TAILQ_FOREACH (viewer, &viewers, link)
        tell(viewer, "event: ping\ndata:\n\n");
}

/* Where evhttp has found out by itself that it is gone, it leaves the request to us. */
static void on_close(struct evhttp_connection *connection, void *arg)
{
    struct viewer *viewer = arg;

    (void)connection;
    if (!evhttp_request_get_connection(viewer->http))
        evhttp_request_free(viewer->http);
    forget(viewer);
}

/* What the browser has seen before, by its own word; the page's, when it connects by itself, is in
 * the query. Else, or what cannot be: nothing. */
static void read_last_id(struct viewer *viewer)
{
    const char *query = evhttp_uri_get_query(evhttp_request_get_evhttp_uri(viewer->http));
    const char *id =
        evhttp_find_header(evhttp_request_get_input_headers(viewer->http), "Last-Event-ID");
    struct evkeyvalq pairs = {0};
    int end = 0;

    if (!id && query && evhttp_parse_query_str(query, &pairs) == 0)
        id = evhttp_find_header(&pairs, "after");
    if (id && (sscanf(id, "%" SCNu64 "-%" SCNd64 "%n", &viewer->epoch, &viewer->number, &end) < 2 ||
               id[end]))
        viewer->epoch = 0;
    evhttp_clear_headers(&pairs);
}

/* The kernel does not keep much for it either. Nothing is to be read, and so there is no time in
 * which it must be; what is sent all the same stays where it is. */
static void bound(struct evhttp_connection *connection)
{
    const struct timeval patience = {PATIENCE_S, 0};
    struct bufferevent *stream = evhttp_connection_get_bufferevent(connection);
    int size = KERNEL_BYTES;

    setsockopt(bufferevent_getfd(stream), SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
    bufferevent_setwatermark(stream, EV_READ, 0, 4096);
    bufferevent_set_timeouts(stream, NULL, &patience);
}

static void start_ping(void)
{
    const struct timeval period = {PING_S, 0};

    if (ping)
        return;
    ping = event_new(base, -1, EV_PERSIST, on_ping, NULL);
    event_add(ping, &period);
}

void stream_begin(struct evhttp_request *http)
{
    struct evhttp_connection *connection = evhttp_request_get_connection(http);
    struct viewer *viewer;

    if (n_viewers >= MOST_VIEWERS || stopping) {
        reply_text(http, 503, "there are too many already");
        return;
    }
    viewer = calloc(1, sizeof(*viewer));
    if (!viewer)
        abort();
    viewer->http = http;
    TAILQ_INSERT_TAIL(&viewers, viewer, link);
    n_viewers++;
    read_last_id(viewer);
    start_ping();
    bound(connection);
    evhttp_connection_set_closecb(connection, on_close, viewer);
    add_headers(http, "text/event-stream");
    evhttp_add_header(evhttp_request_get_output_headers(http), "Connection", "close");
    evhttp_send_reply_start(http, 200, "OK");
    tell(viewer, "retry: 1000\n\n");
}

void streams_end(void)
{
    struct viewer *viewer;

    if (ping)
        event_free(ping);
    ping = NULL;
    while ((viewer = TAILQ_FIRST(&viewers))) {
        evhttp_connection_set_closecb(evhttp_request_get_connection(viewer->http), NULL, NULL);
        evhttp_send_reply_end(viewer->http);
        forget(viewer);
    }
}
