/* SPDX-License-Identifier: 0BSD (do with it what you like) */
/*
 * http_service_job: an HTTP request that waits for the database, from its query to its answer, or
 * to its client's end.
 */
#include "http_service.h"

#include <event2/bufferevent.h>

#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>

int open_jobs;

/* libevent would send the body of an answer to HEAD as well. */
static struct evbuffer *without_body(struct evhttp_request *http, const struct evbuffer *body)
{
    char length[24];

    snprintf(length, sizeof(length), "%zu", evbuffer_get_length(body));
    evhttp_add_header(evhttp_request_get_output_headers(http), "Content-Length", length);
    return NULL;
}

/* What the database says is for the log, not for the world. */
void reply(struct evhttp_request *http, int status, const char *type, struct evbuffer *body)
{
    struct evkeyvalq *headers = evhttp_request_get_output_headers(http);

    evhttp_add_header(headers, "Content-Type", type);
    if (status == 503)
        evhttp_add_header(headers, "Retry-After", "1");
    if (stopping)
        evhttp_add_header(headers, "Connection", "close");
    if (evhttp_request_get_command(http) == EVHTTP_REQ_HEAD)
        body = without_body(http, body);
    evhttp_send_reply(http, status, NULL, body);
}

void reply_text(struct evhttp_request *http, int status, const char *text)
{
    struct evbuffer *body = evbuffer_new();

    evbuffer_add_printf(body, "%s\n", text);
    reply(http, status, "text/plain", body);
    evbuffer_free(body);
}

static const char *text_of(int status)
{
    return status == 504   ? "the database took too long"
           : status == 503 ? "the database cannot be reached, or has too much to do"
                           : "the database has refused that";
}

static void free_job(struct job *job)
{
    event_free(job->hangup);
    event_free(job->written);
    evbuffer_free(job->body);
    free(job);
    open_jobs--;
    job_ended();
}

/* The watch ends before the answer is begun, for libevent does not mix events that are
 * edge-triggered with others. */
void job_finish(struct job *job)
{
    event_del(job->hangup);
    event_del(job->written);
    evhttp_connection_set_closecb(evhttp_request_get_connection(job->http), NULL, NULL);
    if (job->status == 200)
        reply(job->http, 200, job->type, job->body);
    else
        reply_text(job->http, job->status, text_of(job->status));
    free_job(job);
}

/* Nobody will read the answer: the queries need not be run, and their callbacks not be called.
 * Where evhttp has found that out by itself, it leaves the request to us. */
static void on_close(struct evhttp_connection *connection, void *arg)
{
    struct job *job = arg;

    (void)connection;
    for (int i = 0; i < job->n; i++)
        evpg_request_abandon(job->queries[i]);
    if (!evhttp_request_get_connection(job->http))
        evhttp_request_free(job->http);
    free_job(job);
}

/* Of a reset libevent makes EV_READ, which is also that the client has sent its next request. */
static void on_hangup(evutil_socket_t fd, short what, void *arg)
{
    struct job *job = arg;
    socklen_t size = sizeof(int);
    int error = 0;

    getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size);
    if (what & EV_CLOSED || error)
        evhttp_connection_free(evhttp_request_get_connection(job->http));
}

/* Not while evhttp writes: "100 Continue", which a client that does not read leaves with us. */
static void watch_when_written(evutil_socket_t fd, short what, void *arg)
{
    const struct timeval soon = {0, 20000};
    struct job *job = arg;
    struct bufferevent *stream =
        evhttp_connection_get_bufferevent(evhttp_request_get_connection(job->http));

    (void)fd;
    (void)what;
    if (evbuffer_get_length(bufferevent_get_output(stream)) == 0)
        event_add(job->hangup, NULL);
    else
        event_add(job->written, &soon);
}

/* Edge-triggered, so that neither a reset nor the next request keeps the loop spinning. */
static void watch_client(struct job *job, struct evhttp_connection *connection)
{
    const short what = EV_READ | EV_CLOSED | EV_ET | EV_PERSIST;
    struct bufferevent *stream = evhttp_connection_get_bufferevent(connection);

    job->hangup = event_new(base, bufferevent_getfd(stream), what, on_hangup, job);
    job->written = evtimer_new(base, watch_when_written, job);
    watch_when_written(-1, 0, job);
    evhttp_connection_set_closecb(connection, on_close, job);
}

struct job *job_start(struct evhttp_request *http, const char *type, int n)
{
    struct job *job = calloc(1, sizeof(*job));

    if (!job)
        abort();
    job->http = http;
    job->type = type;
    job->status = 200;
    job->n = job->left = n;
    job->body = evbuffer_new();
    watch_client(job, evhttp_request_get_connection(http));
    open_jobs++;
    return job;
}

static int status_of(const struct evpg_error *error)
{
    bool waited = evpg_error_phase(error) <= EVPG_PHASE_QUEUED;

    switch (evpg_error_code(error)) {
    case EVPG_E_TIMEOUT:
        return waited ? 503 : 504;
    case EVPG_E_CONNECT:
    case EVPG_E_AUTH:
    case EVPG_E_TLS:
    case EVPG_E_LOST:
    case EVPG_E_CLOSED:
        return 503;
    default:
        return 500;
    }
}

void job_note_error(struct job *job, const struct evpg_error *error)
{
    if (!error)
        return;
    fprintf(stderr, "%s\n", evpg_error_message(error));
    job->status = status_of(error);
}

struct evpg_request *job_submit(struct job *job, int which, const char *name, const char *sql,
                                const struct evpg_param *params, size_t n_params,
                                evpg_row_cb on_row, evpg_done_cb on_done)
{
    struct evpg_request *query = evpg_query(pool, sql, params, n_params, on_row, on_done, job);

    if (!query) {
        job->status = 503;
        return NULL;
    }
    evpg_request_set_name(query, name);
    evpg_request_set_timeout(query, DEADLINE_MS);
    evpg_request_set_handle(query, &job->queries[which]);
    return query;
}
