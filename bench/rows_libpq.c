/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * rows_libpq: many rows of one query, as they come, by libpq and libevent alone; see twin.c.
 *
 *     rows_libpq [-n ROWS]     by libpq's environment (PGHOST, ...)
 *
 * Four columns, about 60 bytes a row, by the row mode that evpg uses for a row callback. A small
 * query goes before, as a warm-up.
 */
#ifdef HAVE_CONFIG_H
#include <config.h>
#endif

#include "bench.h"
#include "twin.h"

#include <event2/event.h>

static struct load load = {.total = 1000000};
static bool warm;
static bool under_way;

static void start(struct twin *twin, unsigned rows)
{
    under_way = true;
    twin_send(twin, ROWS_SQL, (int32_t)rows, true);
    twin_flush(twin);
}

static int32_t row_id(unsigned number)
{
    return (int32_t)number + 1;
}

static void take(PGresult *result)
{
    if (PQresultStatus(result) == PGRES_PIPELINE_SYNC)
        under_way = false;
    else
        twin_take_rows(result, ROWS_COLUMNS);
    PQclear(result);
}

static void go_on(struct twin *twin)
{
    if (warm) {
        twin_close(twin);
        return;
    }
    warm = true;
    bench_start();
    start(twin, load.total);
}

static void on_wake(struct twin *twin)
{
    while (under_way && !PQisBusy(twin->pg)) {
        PGresult *result = PQgetResult(twin->pg);

        if (result)
            take(result);
    }
    if (!under_way)
        go_on(twin);
}

int main(int argc, char **argv)
{
    struct twin twin;

    bench_options(&load, argc, argv);
    twin_open(&twin, on_wake);
    start(&twin, ROWS_WARM_UP);
    event_base_dispatch(twin.base);
    event_base_free(twin.base);
    bench_report(load.total, row_id);
    return 0;
}
