/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * point_evpg: pipelined point queries by evpg; point_libpq.c is its twin.
 *
 *     point_evpg [-d DEPTH] [-n QUERIES] [-e] [-u] [-p] [-t] [-o] [-m] [-f]
 *
 * By libpq's environment. One connection, or with -p a pool of one; with -t each query has a
 * deadline, with -o an event hook hears of all, with -m each query has one of two names, which a
 * pool counts by. A row callback and a done callback for each query. More queries are submitted in
 * the done callback, as a program does that has always some more to ask. The statement is prepared
 * by itself, unless -u keeps it from that.
 */
#include "bench.h"

#include <evpg.h>

#include <event2/event.h>

static struct load load = {.letters = "d:euptomf", .depth = 64, .total = 100000};
static struct load warm_up = {.total = POINT_WARM_UP};
static struct load *now = &warm_up;

static enum evpg_flow on_row(const struct evpg_row *row, void *arg)
{
    (void)arg;
    for (int i = 0; i < POINT_COLUMNS; i++) {
        const char *text = evpg_row_text(row, i);

        if (text)
            bench_touch(i, text);
    }
    bench_rows++;
    return EVPG_NEXT;
}

static void on_done(const struct evpg_result *result, void *arg);

static void ask(struct evpg_db *db, int32_t id)
{
    struct evpg_request *request =
        evpg_query(db, POINT_SQL, EVPG_PARAMS(evpg_int32(id)), on_row, on_done, NULL);

    if (!request)
        bench_die("evpg_query", "refused");
    if (load.unprepared)
        evpg_request_set_flags(request, EVPG_UNPREPARED);
    if (load.deadlines)
        evpg_request_set_timeout(request, 60000);
    if (load.named)
        evpg_request_set_name(request, id % 2 ? "odd" : "even");
}

static void top_up(struct evpg_db *db)
{
    unsigned number = now->sent;

    if (load_take_room(now) == 0)
        return;
    for (; number < now->sent; number++)
        ask(db, point_id(number));
}

static void on_done(const struct evpg_result *result, void *arg)
{
    struct evpg_db *db = evpg_result_db(result);
    const struct evpg_error *error = evpg_result_error(result);

    (void)arg;
    if (error)
        bench_die("answer", evpg_error_message(error));
    now->answered++;
    if (load_is_done(now) && now == &load) {
        evpg_free(db);
        return;
    }
    if (load_is_done(now)) {
        now = &load;
        bench_start();
    }
    top_up(db);
}

static unsigned events;

static void on_event(struct evpg_db *db, enum evpg_event event, const struct evpg_request *request,
                     const struct evpg_error *error, void *arg)
{
    (void)db;
    (void)event;
    (void)request;
    (void)error;
    (void)arg;
    events++;
}

static struct evpg_db *open_db(struct event_base *base)
{
    struct evpg_pool_config config =
        EVPG_POOL_CONFIG(.max_connections = 1, .max_requests_per_connection = (int)load.depth,
                         .max_request_names = load.named ? 2 : 0);
    struct evpg_db *db =
        load.pool ? evpg_pool_new(base, NULL, &config) : evpg_conn_new(base, NULL, NULL);

    if (!db || (!load.pool && !evpg_open(db, NULL, NULL)))
        bench_die("evpg_open", "refused");
    if (load.observed)
        evpg_set_hooks(db, &EVPG_HOOKS(.event = on_event), NULL);
    return db;
}

int main(int argc, char **argv)
{
    struct event_base *base = event_base_new();

    bench_options(&load, argc, argv);
    warm_up.depth = load.depth;
    warm_up.low = load.low;
    top_up(open_db(base));
    event_base_dispatch(base);
    event_base_free(base);
    if (load.observed && events < 4 * load.total)
        bench_die("wrong", "the event hook has not heard of all");
    bench_report(load.total, bench_expect_digits(load.total, point_id));
    return 0;
}
