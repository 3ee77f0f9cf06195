/* SPDX-License-Identifier: 0BSD (do with it what you like) */
/* http_service_routes: what http_service answers, path by path. */
#include "http_service.h"

#include <event2/keyvalq_struct.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { WORLDS = 10000 };

/* --- /db, /queries, /updates */

static void write_worlds(struct job *job)
{
    evbuffer_add_printf(job->body, "%s", job->as_array ? "[" : "");
    for (int i = 0; i < job->n; i++)
        evbuffer_add_printf(job->body, "%s{\"id\":%d,\"randomNumber\":%d}", i ? "," : "",
                            (int)job->id[i], (int)job->number[i]);
    evbuffer_add_printf(job->body, "%s", job->as_array ? "]" : "");
}

static enum evpg_flow on_world(const struct evpg_row *row, void *arg)
{
    struct job *job = arg;
    int32_t id, number;

    if (evpg_row_scan(row, EVPG_INTO(evpg_to_int32(&id), evpg_to_int32(&number))) < 0)
        return EVPG_FAIL;
    for (int i = 0; i < job->n; i++)
        if (job->id[i] == id)
            job->number[i] = number;
    return EVPG_NEXT;
}

static void on_worlds(const struct evpg_result *result, void *arg)
{
    struct job *job = arg;

    job_note_error(job, evpg_result_error(result));
    if (--job->left > 0)
        return;
    write_worlds(job);
    job_finish(job);
}

/* By chance, each once. */
static void choose_ids(struct job *job)
{
    int first = rand() % WORLDS, step = 1 + 10 * (rand() % (WORLDS / 10));

    for (int i = 0; i < job->n; i++)
        job->id[i] = 1 + (first + i * step) % WORLDS;
}

static void read_worlds(struct job *job, evpg_done_cb on_done)
{
    for (int i = 0; i < job->n; i++) {
        struct evpg_request *query =
            job_submit(job, i, "world", "select id, randomnumber from world where id = $1",
                       EVPG_PARAMS(evpg_int32(job->id[i])), on_world, on_done);

        evpg_request_set_flags(query, EVPG_BINARY | EVPG_READ_ONLY | EVPG_STANDBY_OK);
        job->left -= query == NULL;
    }
    if (job->left == 0)
        job_finish(job);
}

static struct evpg_param int_array(const int32_t *numbers, struct evpg_param *elements, int n,
                                   struct evpg_array_value *array)
{
    for (int i = 0; i < n; i++)
        elements[i] = evpg_int32(numbers[i]);
    *array = (struct evpg_array_value){.elements = elements, .n_elements = (size_t)n};
    return evpg_array(array);
}

/* The rows are locked in order, so that two of these do not lock each other out. */
static struct evpg_request *update_worlds(struct job *job)
{
    struct evpg_param ids[MOST_QUERIES], numbers[MOST_QUERIES];
    struct evpg_array_value id_array, number_array;

    return job_submit(job, 0, "update",
                      "update world set randomnumber = new.number"
                      " from unnest($1::int4[], $2::int4[]) as new(id, number),"
                      " (select id from world where id = any($1) order by id for update) as locked"
                      " where world.id = new.id and locked.id = new.id",
                      EVPG_PARAMS(int_array(job->id, ids, job->n, &id_array),
                                  int_array(job->number, numbers, job->n, &number_array)),
                      NULL, on_worlds);
}

static void on_worlds_read(const struct evpg_result *result, void *arg)
{
    struct job *job = arg;

    job_note_error(job, evpg_result_error(result));
    if (--job->left > 0)
        return;
    for (int i = 0; i < job->n; i++)
        job->number[i] = 1 + rand() % WORLDS;
    job->left = 1;
    if (job->status != 200 || !update_worlds(job))
        job_finish(job);
}

/* --- /fortunes */

static void add_escaped(struct evbuffer *to, const char *text)
{
    for (; *text; text++) {
        const char *entity = *text == '<'    ? "&lt;"
                             : *text == '>'  ? "&gt;"
                             : *text == '&'  ? "&amp;"
                             : *text == '"'  ? "&quot;"
                             : *text == '\'' ? "&#39;"
                                             : NULL;
        if (entity)
            evbuffer_add(to, entity, strlen(entity));
        else
            evbuffer_add(to, text, 1);
    }
}

static enum evpg_flow on_fortune(const struct evpg_row *row, void *arg)
{
    struct job *job = arg;
    const char *message;
    int32_t id;

    if (evpg_row_scan(row, EVPG_INTO(evpg_to_int32(&id), evpg_to_text(&message))) < 0)
        return EVPG_FAIL;
    evbuffer_add_printf(job->body, "<tr><td>%d</td><td>", (int)id);
    add_escaped(job->body, message);
    evbuffer_add_printf(job->body, "</td></tr>");
    return EVPG_NEXT;
}

static void on_fortunes(const struct evpg_result *result, void *arg)
{
    struct job *job = arg;

    job_note_error(job, evpg_result_error(result));
    evbuffer_add_printf(job->body, "</table></body></html>");
    job_finish(job);
}

static void get_fortunes(struct evhttp_request *http)
{
    struct job *job = job_start(http, "text/html; charset=utf-8", 1);
    struct evpg_request *query;

    evbuffer_add_printf(job->body, "<!DOCTYPE html><html><head><title>Fortunes</title></head><body>"
                                   "<table><tr><th>id</th><th>message</th></tr>");
    query = job_submit(job, 0, "fortunes",
                       "select id, message from (select id, message from fortune union all"
                       " select 0, 'Additional fortune added at request time.') as f"
                       " order by message collate \"C\"",
                       EVPG_NO_PARAMS, on_fortune, on_fortunes);
    evpg_request_set_flags(query, EVPG_READ_ONLY | EVPG_STANDBY_OK);
    if (!query)
        job_finish(job);
}

/* --- /order */

/* One that was not executed may be placed again; of one whose fate is unknown it has to be looked
 * up first whether it was. */
static void on_order(const struct evpg_result *result, void *arg)
{
    const struct evpg_error *error = evpg_result_error(result);
    struct job *job = arg;
    bool again = error && evpg_error_fate(error) != EVPG_FATE_UNKNOWN;

    job_note_error(job, error);
    if (error)
        evhttp_add_header(evhttp_request_get_output_headers(job->http), "X-Try-Again",
                          again ? "yes" : "unknown");
    evbuffer_add_printf(job->body, "placed\n");
    job_finish(job);
}

static void get_order(struct evhttp_request *http, int id)
{
    struct job *job = job_start(http, "text/plain", 1);

    if (job_submit(job, 0, "order", "insert into orders values ($1)", EVPG_PARAMS(evpg_int32(id)),
                   NULL, on_order))
        return;
    evhttp_add_header(evhttp_request_get_output_headers(http), "X-Try-Again", "yes");
    job_finish(job);
}

/* --- /slow, /metrics, /healthz */

static void on_slept(const struct evpg_result *result, void *arg)
{
    struct job *job = arg;

    job_note_error(job, evpg_result_error(result));
    evbuffer_add_printf(job->body, "slept\n");
    job_finish(job);
}

static void get_slow(struct evhttp_request *http, int ms)
{
    struct job *job = job_start(http, "text/plain", 1);

    if (!job_submit(job, 0, "slow", "select pg_sleep($1 / 1000.0)", EVPG_PARAMS(evpg_int32(ms)),
                    NULL, on_slept))
        job_finish(job);
}

static void get_metrics(struct evhttp_request *http)
{
    struct evbuffer *body = evbuffer_new();

    lag_write(body);
    if (evpg_pool_write_metrics(pool, body, "main") == 0)
        reply(http, 200, "text/plain; version=0.0.4", body);
    else
        reply_text(http, 500, "out of memory");
    evbuffer_free(body);
}

static void get_health(struct evhttp_request *http)
{
    struct evpg_pool_stats stats = EVPG_POOL_STATS();
    bool well =
        !stopping && evpg_pool_get_stats(pool, &stats) == 0 && stats.connections > stats.opening;

    reply_text(http, well ? 200 : 503, well ? "well" : "not well");
}

/* --- what is asked for */

/* A number from 1 to most of the query string; or the default. 0: there is something else. */
static int number_of(struct evhttp_request *http, const char *key, int most, int preset)
{
    const char *query = evhttp_uri_get_query(evhttp_request_get_evhttp_uri(http));
    struct evkeyvalq pairs;
    const char *text;
    char *end = NULL;
    long number;

    if (!query || !*query)
        return preset;
    if (evhttp_parse_query_str(query, &pairs) < 0)
        return 0;
    text = evhttp_find_header(&pairs, key);
    number = text ? strtol(text, &end, 10) : 0;
    if (!text || !*text || *end || number < 1 || number > most)
        number = 0;
    evhttp_clear_headers(&pairs);
    return (int)number;
}

static void get_worlds(struct evhttp_request *http, int n, bool as_array, evpg_done_cb on_done)
{
    struct job *job = job_start(http, "application/json", n);

    job->as_array = as_array;
    choose_ids(job);
    read_worlds(job, on_done);
}

static void get_db(struct evhttp_request *http, int n)
{
    get_worlds(http, n, false, on_worlds);
}

static void get_queries(struct evhttp_request *http, int n)
{
    get_worlds(http, n, true, on_worlds);
}

static void get_updates(struct evhttp_request *http, int n)
{
    get_worlds(http, n, true, on_worlds_read);
}

static void get_fortunes_page(struct evhttp_request *http, int n)
{
    (void)n;
    get_fortunes(http);
}

/* What needs the database; each with one number. preset 0: it has to be there. */
static const struct route {
    const char *path, *key;
    int most, preset;
    void (*get)(struct evhttp_request *http, int number);
} routes[] = {
    {"/db", "n", 1, 1, get_db},
    {"/queries", "n", MOST_QUERIES, 1, get_queries},
    {"/updates", "n", MOST_QUERIES, 1, get_updates},
    {"/fortunes", "n", 1, 1, get_fortunes_page},
    {"/order", "id", 2000000000, 0, get_order},
    {"/slow", "ms", 60000, 10, get_slow},
};

static const struct route *find_route(const char *path)
{
    for (size_t i = 0; i < sizeof(routes) / sizeof(*routes); i++)
        if (strcmp(path, routes[i].path) == 0)
            return &routes[i];
    return NULL;
}

static void get(struct evhttp_request *http, const struct route *route)
{
    int number = number_of(http, route->key, route->most, route->preset);
    char why[80];

    snprintf(why, sizeof(why), "%s must be a number from 1 to %d", route->key, route->most);
    if (number > 0)
        route->get(http, number);
    else
        reply_text(http, 400, why);
}

void on_request(struct evhttp_request *http, void *arg)
{
    const char *path = evhttp_uri_get_path(evhttp_request_get_evhttp_uri(http));
    const struct route *route = find_route(path);

    (void)arg;
    if (strcmp(path, "/healthz") == 0)
        get_health(http);
    else if (strcmp(path, "/metrics") == 0)
        get_metrics(http);
    else if (!route)
        reply_text(http, 404, "there is no such thing");
    else if (overloaded || stopping)
        reply_text(http, 503, "try again later");
    else
        get(http, route);
}
