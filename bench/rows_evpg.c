/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * rows_evpg: many rows of one query, as they come, by evpg; rows_libpq.c is its twin.
 *
 *     rows_evpg [-n ROWS] [-v [-b] [-s]] [-f]     by libpq's environment (PGHOST, ...)
 *
 * Four columns, about 60 bytes a row, each read by evpg_row_text(). With -v by the getter of its
 * type, or with -s all by evpg_row_scan(), in text format, or with -b in binary. A small query goes
 * before, as a warm-up.
 */
#include "bench.h"

#include <evpg.h>

#include <event2/event.h>

static struct load load = {.letters = "vbsf", .total = 1000000};
static bool warm;

static enum evpg_flow on_row(const struct evpg_row *row, void *arg)
{
    (void)arg;
    for (int i = 0; i < ROWS_COLUMNS; i++) {
        const char *text = evpg_row_text(row, i);

        if (text)
            bench_touch(i, text);
    }
    bench_rows++;
    return EVPG_NEXT;
}

static enum evpg_flow get_values(const struct evpg_row *row, void *arg)
{
    const char *text = evpg_row_text(row, 1);
    int32_t id;
    double number;
    int64_t time;

    (void)arg;
    if (evpg_row_int32(row, 0, &id) < 0 || !text || evpg_row_double(row, 2, &number) < 0 ||
        evpg_row_timestamptz(row, 3, &time) < 0)
        return EVPG_FAIL;
    bench_take(id, text, number, time);
    return EVPG_NEXT;
}

static enum evpg_flow scan_values(const struct evpg_row *row, void *arg)
{
    const char *text;
    int32_t id;
    double number;
    int64_t time;

    (void)arg;
    if (evpg_row_scan(row, EVPG_INTO(evpg_to_int32(&id), evpg_to_text(&text),
                                     evpg_to_double(&number), evpg_to_timestamptz(&time))) < 0)
        return EVPG_FAIL;
    bench_take(id, text, number, time);
    return EVPG_NEXT;
}

static int32_t row_id(unsigned number)
{
    return (int32_t)number + 1;
}

static void on_done(const struct evpg_result *result, void *arg);

static void start(struct evpg_db *db, unsigned rows)
{
    evpg_row_cb take = !load.values ? on_row : load.scan ? scan_values : get_values;
    struct evpg_request *request =
        evpg_query(db, load.values ? VALUES_SQL : ROWS_SQL, EVPG_PARAMS(evpg_int32((int32_t)rows)),
                   take, on_done, NULL);

    if (!request)
        bench_die("evpg_query", "refused");
    evpg_request_set_flags(request, EVPG_UNPREPARED | (load.binary ? EVPG_BINARY : 0));
}

static void on_done(const struct evpg_result *result, void *arg)
{
    struct evpg_db *db = evpg_result_db(result);
    const struct evpg_error *error = evpg_result_error(result);

    (void)arg;
    if (error)
        bench_die("answer", evpg_error_message(error));
    if (warm) {
        evpg_free(db);
        return;
    }
    warm = true;
    bench_start();
    start(db, load.total);
}

int main(int argc, char **argv)
{
    struct event_base *base = event_base_new();
    struct evpg_db *db = base ? evpg_conn_new(base, NULL, NULL) : NULL;

    bench_options(&load, argc, argv);
    if (!db || !evpg_open(db, NULL, NULL))
        bench_die("evpg_open", "refused");
    start(db, ROWS_WARM_UP);
    event_base_dispatch(base);
    event_base_free(base);
    bench_report(load.total, load.values ? bench_expect_values(load.total)
                                         : bench_expect_digits(load.total, row_id));
    return 0;
}
