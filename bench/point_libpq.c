/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * point_libpq: pipelined point queries by libpq and libevent alone; see twin.c.
 *
 *     point_libpq [-d DEPTH] [-n QUERIES] [-e] [-u] [-f]     by libpq's environment (PGHOST, ...)
 *
 * One connection, each query with a Sync of its own. The row of each is taken by the row mode that
 * evpg uses for a row callback. The statement is prepared by hand; with -u it is the unnamed one.
 */
#ifdef HAVE_CONFIG_H
#include <config.h>
#endif

#include "bench.h"
#include "twin.h"

#include <event2/event.h>

static struct load load = {.letters = "d:euf", .depth = 64, .total = 100000};
static struct load warm_up = {.total = POINT_WARM_UP};
static struct load *now = &warm_up;
static struct twin_query query = {.sql = POINT_SQL, .name = TWIN_STATEMENT};

static void take(struct twin *twin, PGresult *result)
{
    if (PQresultStatus(result) == PGRES_PIPELINE_SYNC) {
        if (++now->answered < now->sent)
            twin_stream_rows(twin);
    } else {
        twin_expect_rows(result);
        twin_take_rows(result, POINT_COLUMNS);
    }
    PQclear(result);
}

/* NULL ends the answer of a query; its Sync's comes after that. */
static void drain(struct twin *twin)
{
    while (now->answered < now->sent && !PQisBusy(twin->pg)) {
        PGresult *result = PQgetResult(twin->pg);

        if (result)
            take(twin, result);
    }
}

static bool top_up(struct twin *twin)
{
    unsigned number = now->sent;
    bool first = number == now->answered;

    if (load_take_room(now) == 0)
        return false;
    for (; number < now->sent; number++, first = false)
        twin_send(twin, &query, point_id(number), first);
    twin_flush(twin);
    return true;
}

static void on_wake(struct twin *twin)
{
    do
        drain(twin);
    while (top_up(twin)); /* libpq may have read while it wrote */
    if (!load_is_done(now))
        return;
    if (now == &load) {
        twin_close(twin);
        return;
    }
    now = &load;
    bench_start();
    top_up(twin);
}

int main(int argc, char **argv)
{
    struct twin twin;

    bench_options(&load, argc, argv);
    warm_up.depth = load.depth;
    warm_up.low = load.low;
    if (load.unprepared)
        query.name = NULL;
    twin_open(&twin, &query, on_wake);
    top_up(&twin);
    event_base_dispatch(twin.base);
    event_base_free(twin.base);
    bench_report(load.total, bench_expect_digits(load.total, point_id));
    return 0;
}
