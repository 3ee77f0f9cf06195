/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * batch_libpq: batches of inserts by libpq and libevent alone; see twin.c.
 *
 *     batch_libpq [-d INSERTS IN ONE] [-n INSERTS] [-f]     by libpq's environment (PGHOST, ...)
 *
 * One connection; the inserts of a batch share one Sync, and the next batch is sent when that is
 * answered. The statement is prepared by hand.
 */
#ifdef HAVE_CONFIG_H
#include <config.h>
#endif

#include "bench.h"
#include "twin.h"

#include <event2/event.h>

#include <stdlib.h>

static struct load load = {.letters = "d:f", .depth = 100, .total = 100000};
static struct load warm_up = {.total = BATCH_WARM_UP};
static struct load *now = &warm_up;
static const struct twin_query query = {.sql = BATCH_SQL, .name = TWIN_STATEMENT};

static void take(PGresult *result)
{
    if (PQresultStatus(result) == PGRES_PIPELINE_SYNC) {
        now->answered = now->sent;
    } else if (PQresultStatus(result) == PGRES_COMMAND_OK) {
        bench_rows += (unsigned)atoi(PQcmdTuples(result));
    } else {
        bench_die("answer", PQresultErrorMessage(result));
    }
    PQclear(result);
}

/* NULL ends the answer of an insert. */
static void drain(struct twin *twin)
{
    while (now->answered < now->sent && !PQisBusy(twin->pg)) {
        PGresult *result = PQgetResult(twin->pg);

        if (result)
            take(result);
    }
}

static void send_batch(struct twin *twin)
{
    unsigned number = now->sent;

    load_take_room(now);
    for (; number < now->sent; number++)
        twin_send_member(twin, &query, (int32_t)number);
    twin_send_sync(twin);
    twin_flush(twin);
}

static void on_wake(struct twin *twin)
{
    drain(twin);
    if (now->answered < now->sent)
        return;
    if (load_is_done(now) && now == &load) {
        twin_close(twin);
        return;
    }
    if (load_is_done(now)) {
        now = &load;
        bench_start();
    }
    send_batch(twin);
    drain(twin); /* libpq may have read while it wrote */
}

int main(int argc, char **argv)
{
    struct twin twin;

    bench_options(&load, argc, argv);
    warm_up.depth = load.depth;
    warm_up.low = load.low = 0;
    twin_run(BATCH_EMPTY);
    twin_open(&twin, &query, on_wake);
    send_batch(&twin);
    event_base_dispatch(twin.base);
    event_base_free(twin.base);
    bench_report(load.total, 0);
    return 0;
}
