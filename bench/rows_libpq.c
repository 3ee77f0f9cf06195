/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * rows_libpq: many rows of one query, as they come, by libpq and libevent alone; see twin.c.
 *
 *     rows_libpq [-n ROWS] [-v [-b] [-s]] [-f]     by libpq's environment (PGHOST, ...)
 *
 * Four columns, about 60 bytes a row, by the row mode that evpg uses for a row callback; with -v
 * they are decoded, as twin_values.c does it. A small query goes before, as a warm-up.
 */
#ifdef HAVE_CONFIG_H
#include <config.h>
#endif

#include "bench.h"
#include "twin.h"

#include <event2/event.h>

static struct load load = {.letters = "vbsf", .total = 1000000};
static bool warm;
static bool under_way;
static bool none_yet; /* of its rows */
static struct twin_query query = {.sql = ROWS_SQL};

static void start(struct twin *twin, unsigned rows)
{
    under_way = none_yet = true;
    twin_send(twin, &query, (int32_t)rows, true);
    twin_flush(twin);
}

static int32_t row_id(unsigned number)
{
    return (int32_t)number + 1;
}

static void take_rows(const PGresult *result)
{
    twin_expect_rows(result);
    if (load.values)
        twin_take_values(result, load.binary, none_yet);
    else
        twin_take_rows(result, ROWS_COLUMNS);
    none_yet = false;
}

static void take(PGresult *result)
{
    if (PQresultStatus(result) == PGRES_PIPELINE_SYNC)
        under_way = false;
    else
        take_rows(result);
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
    if (load.values)
        query = (struct twin_query){.sql = VALUES_SQL, .binary = load.binary};
    twin_open(&twin, &query, on_wake);
    start(&twin, ROWS_WARM_UP);
    event_base_dispatch(twin.base);
    event_base_free(twin.base);
    bench_report(load.total, load.values ? bench_expect_values(load.total)
                                         : bench_expect_digits(load.total, row_id));
    return 0;
}
