/* SPDX-License-Identifier: 0BSD (do with it what you like) */
/*
 * live_board_routes: what live_board answers, path by path:
 *
 *     GET /               the page; its script and style are /live_board.js and /live_board.css
 *     GET /events         the stream of changes, see live_board_stream.c
 *     GET /courses        all courses, for the form: [{"id": 1, "title": "..."}, ...]
 *     POST /completions   who=...&course=1&mark=9.5, the mark may be empty: stores that; once more
 *                         is no harm, it changes the mark
 *     GET /healthz        200 while the board is live, else 503
 */
#include "live_board.h"

#include <event2/keyvalq_struct.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* An HTTP request that waits for the database. */
struct job {
    struct evhttp_request *http; /* NULL: the client has gone */
    struct evbuffer *body;
};

/* Nothing that is not ours runs in the page, nor is fetched by it. */
void add_headers(struct evhttp_request *http, const char *type)
{
    struct evkeyvalq *headers = evhttp_request_get_output_headers(http);

    evhttp_add_header(headers, "Content-Type", type);
    evhttp_add_header(headers, "Cache-Control", "no-store");
    evhttp_add_header(headers, "X-Content-Type-Options", "nosniff");
    evhttp_add_header(headers, "Content-Security-Policy",
                      "default-src 'none'; script-src 'self'; style-src 'self';"
                      " connect-src 'self'; img-src data:; form-action 'self'; base-uri 'none';"
                      " frame-ancestors 'none'");
    if (stopping)
        evhttp_add_header(headers, "Connection", "close");
}

static void reply(struct evhttp_request *http, int status, const char *type, struct evbuffer *body)
{
    add_headers(http, type);
    if (status == 503)
        evhttp_add_header(evhttp_request_get_output_headers(http), "Retry-After", "1");
    evhttp_send_reply(http, status, NULL, body);
}

void reply_text(struct evhttp_request *http, int status, const char *text)
{
    struct evbuffer *body = evbuffer_new();

    evbuffer_add_printf(body, "%s\n", text);
    reply(http, status, "text/plain; charset=utf-8", body);
    evbuffer_free(body);
}

/* What was begun is finished all the same; where evhttp has found that out by itself, it leaves the
 * request to us. */
static void on_close(struct evhttp_connection *connection, void *arg)
{
    struct job *job = arg;

    (void)connection;
    if (!evhttp_request_get_connection(job->http))
        evhttp_request_free(job->http);
    job->http = NULL;
}

static struct job *job_start(struct evhttp_request *http)
{
    struct job *job = calloc(1, sizeof(*job));

    if (!job)
        abort();
    job->http = http;
    job->body = evbuffer_new();
    evhttp_connection_set_closecb(evhttp_request_get_connection(http), on_close, job);
    return job;
}

static void job_end(struct job *job, int status, const char *text)
{
    if (job->http)
        evhttp_connection_set_closecb(evhttp_request_get_connection(job->http), NULL, NULL);
    if (job->http && text)
        reply_text(job->http, status, text);
    else if (job->http)
        reply(job->http, status, "application/json", job->body);
    evbuffer_free(job->body);
    free(job);
}

/* What the database says is for the log, not for the world. */
static void job_fail(struct job *job, const struct evpg_error *error)
{
    const char *sqlstate = evpg_error_sqlstate(error);

    fprintf(stderr, "%s\n", evpg_error_message(error));
    if (strncmp(sqlstate, "22", 2) == 0 || strncmp(sqlstate, "23", 2) == 0)
        job_end(job, 400, "there is no such course, or the mark is not one from 0 to 10");
    else if (evpg_error_fate(error) == EVPG_FATE_UNKNOWN)
        job_end(job, 504, "it may have been stored, or not: you may send it again");
    else
        job_end(job, 503, "the database cannot be reached, or has too much to do");
}

/* --- GET /courses */

static enum evpg_flow on_courses(const struct evpg_row *row, void *arg)
{
    struct job *job = arg;

    return evbuffer_add_printf(job->body, "%s", evpg_row_text_or(row, 0, "[]")) < 0 ? EVPG_FAIL
                                                                                    : EVPG_NEXT;
}

static void on_courses_done(const struct evpg_result *result, void *arg)
{
    if (evpg_result_error(result))
        job_fail(arg, evpg_result_error(result));
    else
        job_end(arg, 200, NULL);
}

static void get_courses(struct evhttp_request *http)
{
    struct job *job = job_start(http);

    if (!evpg_query(pool,
                    "select json_agg(json_build_object('id', id, 'title', titulo) order by titulo)"
                    " from cursos",
                    EVPG_NO_PARAMS, on_courses, on_courses_done, job))
        job_end(job, 503, "try again later");
}

/* --- POST /completions */

static void on_stored(const struct evpg_result *result, void *arg)
{
    if (evpg_result_error(result))
        job_fail(arg, evpg_result_error(result));
    else
        job_end(arg, 200, "stored");
}

static void store(struct evhttp_request *http, const char *who, const char *course,
                  const char *mark)
{
    struct job *job = job_start(http);

    if (!evpg_query(pool,
                    "with aluno as (insert into alunos (nome) values ($1)"
                    " on conflict (nome) do update set nome = excluded.nome returning id)"
                    " insert into conclusoes (aluno_id, curso_id, concluido_em, nota)"
                    " select id, $2::text::integer, current_date, $3::text::numeric from aluno"
                    " on conflict (aluno_id, curso_id) do update"
                    " set concluido_em = excluded.concluido_em, nota = excluded.nota",
                    EVPG_PARAMS(evpg_text(who), evpg_text(course), evpg_text(mark)), NULL,
                    on_stored, job))
        job_end(job, 503, "try again later");
}

/* Not on behalf of another site's page. */
static bool is_from_elsewhere(struct evhttp_request *http)
{
    struct evkeyvalq *headers = evhttp_request_get_input_headers(http);
    const char *origin = evhttp_find_header(headers, "Origin");
    const char *host = evhttp_find_header(headers, "Host");

    return origin && (strncmp(origin, "http://", 7) != 0 || !host || strcmp(origin + 7, host) != 0);
}

static void post_fields(struct evhttp_request *http, const struct evkeyvalq *fields)
{
    const char *who = evhttp_find_header(fields, "who");
    const char *course = evhttp_find_header(fields, "course");
    const char *mark = evhttp_find_header(fields, "mark");

    if (!who || !who[strspn(who, " \t\r\n")] || !course)
        reply_text(http, 400, "who has completed which course?");
    else
        store(http, who, course, mark && *mark ? mark : NULL);
}

static void post_completion(struct evhttp_request *http)
{
    struct evbuffer *body = evhttp_request_get_input_buffer(http);
    struct evkeyvalq fields;

    evbuffer_add(body, "", 1);
    if (is_from_elsewhere(http)) {
        reply_text(http, 403, "this is for its own page only");
    } else if (evhttp_parse_query_str((char *)evbuffer_pullup(body, -1), &fields) < 0) {
        reply_text(http, 400, "who has completed which course?");
    } else {
        post_fields(http, &fields);
        evhttp_clear_headers(&fields);
    }
}

/* --- what is asked for */

static void get_page(struct evhttp_request *http, const char *path)
{
    const char *type, *text = page_find(path, &type);
    struct evbuffer *body;

    if (!text) {
        reply_text(http, 404, "there is no such thing");
        return;
    }
    body = evbuffer_new();
    evbuffer_add_reference(body, text, strlen(text), NULL, NULL);
    reply(http, 200, type, body);
    evbuffer_free(body);
}

static void get(struct evhttp_request *http, const char *path)
{
    if (strcmp(path, "/events") == 0)
        stream_begin(http);
    else if (strcmp(path, "/courses") == 0)
        get_courses(http);
    else if (strcmp(path, "/healthz") == 0)
        reply_text(http, board.live && !stopping ? 200 : 503, board.live ? "live" : "lost");
    else
        get_page(http, path);
}

void on_request(struct evhttp_request *http, void *arg)
{
    const char *path = evhttp_uri_get_path(evhttp_request_get_evhttp_uri(http));
    bool is_post = evhttp_request_get_command(http) == EVHTTP_REQ_POST;

    (void)arg;
    if (!is_post)
        get(http, path);
    else if (strcmp(path, "/completions") == 0)
        post_completion(http);
    else
        reply_text(http, 404, "there is no such thing");
}
