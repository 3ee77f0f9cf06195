/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * batch_evpg: batches of inserts by evpg; batch_libpq.c is its twin.
 *
 *     batch_evpg [-d INSERTS IN ONE] [-n INSERTS] [-p] [-f]
 *
 * By libpq's environment. One connection, or with -p a pool of one. The next batch is submitted in
 * the done callback of the last. The statement is prepared by itself.
 */
#include "bench.h"

#include <evpg.h>

#include <event2/event.h>

static struct load load = {.letters = "d:pf", .depth = 100, .total = 100000};
static struct load warm_up = {.total = BATCH_WARM_UP};
static struct load *now = &warm_up;

static void on_done(const struct evpg_result *result, void *arg);

static void submit(struct evpg_db *db)
{
    struct evpg_batch *batch = evpg_batch_new(db);
    unsigned number = now->sent;

    load_take_room(now);
    for (; number < now->sent; number++)
        evpg_batch_add(batch, BATCH_SQL, EVPG_PARAMS(evpg_int32((int32_t)number)), NULL, NULL,
                       NULL);
    if (!evpg_batch_submit(batch, on_done, NULL))
        bench_die("evpg_batch_submit", "refused");
}

static void on_done(const struct evpg_result *result, void *arg)
{
    struct evpg_db *db = evpg_result_db(result);
    const struct evpg_error *error = evpg_result_error(result);

    (void)arg;
    if (error)
        bench_die("answer", evpg_error_message(error));
    now->answered = now->sent;
    bench_rows += (unsigned)evpg_result_affected(result);
    if (load_is_done(now) && now == &load) {
        evpg_free(db);
        return;
    }
    if (load_is_done(now)) {
        now = &load;
        bench_start();
    }
    submit(db);
}

static void on_empty(const struct evpg_result *result, void *arg)
{
    (void)arg;
    if (evpg_result_error(result))
        bench_die("answer", evpg_error_message(evpg_result_error(result)));
    submit(evpg_result_db(result));
}

static struct evpg_db *open_db(struct event_base *base)
{
    struct evpg_pool_config config = EVPG_POOL_CONFIG(.max_connections = 1);
    struct evpg_db *db =
        load.pool ? evpg_pool_new(base, NULL, &config) : evpg_conn_new(base, NULL, NULL);

    if (!db || (!load.pool && !evpg_open(db, NULL, NULL)))
        bench_die("evpg_open", "refused");
    return db;
}

int main(int argc, char **argv)
{
    struct event_base *base = event_base_new();

    bench_options(&load, argc, argv);
    warm_up.depth = load.depth;
    warm_up.low = load.low = 0;
    if (!evpg_query(open_db(base), BATCH_EMPTY, EVPG_NO_PARAMS, NULL, on_empty, NULL))
        bench_die("evpg_query", "refused");
    event_base_dispatch(base);
    event_base_free(base);
    bench_report(load.total, 0);
    return 0;
}
