/* SPDX-License-Identifier: 0BSD (do with it what you like) */
/*
 * pipeline: ten thousand queries submitted at once. They are sent without waiting for answers, each
 * is a transaction of its own, and the answers come in the order of submission.
 *
 *     pipeline [CONNINFO]     default: libpq's environment (PGHOST, PGDATABASE, ...)
 */
#include <evpg.h>

#include <event2/event.h>

#include <stdio.h>

enum { QUERIES = 10000, BAD_ONE = 5000 };

static int rows, done, failures, out_of_order;

static enum evpg_flow on_row(const struct evpg_row *row, void *arg)
{
    int *number = arg;
    int32_t value;

    if (evpg_row_int32(row, 0, &value) < 0)
        return EVPG_FAIL;
    out_of_order += value != *number;
    rows++;
    return EVPG_NEXT;
}

static void on_done(const struct evpg_result *result, void *arg)
{
    int *number = arg;
    const struct evpg_error *error = evpg_result_error(result);

    out_of_order += *number != done++;
    if (error && ++failures == 1)
        fprintf(*number == BAD_ONE ? stdout : stderr, "query %d has failed: %s\n", *number,
                evpg_error_message(error));
    if (done == QUERIES)
        evpg_free(evpg_result_db(result));
}

/* One of them divides by zero: that is its own failure, and no other's. */
static int submit_all(struct evpg_db *db, int *numbers)
{
    for (int i = 0; i < QUERIES; i++) {
        const char *sql = i == BAD_ONE ? "select $1 / 0" : "select $1";

        numbers[i] = i;
        if (!evpg_query(db, sql, EVPG_PARAMS(evpg_int32(i)), on_row, on_done, &numbers[i]))
            return -1;
    }
    return 0;
}

int main(int argc, char **argv)
{
    static int numbers[QUERIES];
    struct event_base *base = event_base_new();
    struct evpg_db *db = evpg_conn_new(base, argc > 1 ? argv[1] : NULL, NULL);

    if (!db || !evpg_open(db, NULL, NULL) || submit_all(db, numbers) < 0) {
        perror("pipeline");
        return 1;
    }
    printf("%d queries are submitted, none has been sent yet\n", QUERIES);
    event_base_dispatch(base);
    event_base_free(base);
    printf("%d answers, %d rows, %d failed, %d out of order\n", done, rows, failures, out_of_order);
    return done != QUERIES || rows != QUERIES - 1 || failures != 1 || out_of_order != 0;
}
