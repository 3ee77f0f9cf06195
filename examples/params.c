/* SPDX-License-Identifier: 0BSD (do with it what you like) */
/*
 * params: values go to the server as parameters, never as part of the SQL text, and come back by
 * getters that check type and range.
 *
 *     params [CONNINFO]     default: libpq's environment (PGHOST, PGDATABASE, ...)
 */
#include <evpg.h>

#include <event2/event.h>

#include <inttypes.h>
#include <stdio.h>

static int failed;

/* The first failure says it all: without a connection, each request fails with the same words. */
static void report(const struct evpg_error *error)
{
    if (!failed)
        fprintf(stderr, "params: %s\n", evpg_error_message(error));
    failed = 1;
}

static enum evpg_flow on_row(const struct evpg_row *row, void *arg)
{
    int64_t id;
    double score;
    bool active;
    size_t length;
    const unsigned char *blob = evpg_row_bytes(row, 4, &length);

    (void)arg;
    /* A getter that fails names the column, its type and the reason. */
    if (evpg_row_int64(row, 0, &id) < 0 || evpg_row_double(row, 2, &score) < 0 ||
        evpg_row_bool(row, 3, &active) < 0 || !blob)
        return EVPG_FAIL;
    printf("id %" PRId64 ", name \"%s\", score %g, active %s, %zu bytes that start with 0x%02x,"
           " note %s\n",
           id, evpg_row_text(row, 1), score, active ? "yes" : "no", length, blob[0],
           evpg_row_text_or(row, 5, "(null)"));
    return EVPG_NEXT;
}

static void on_insert(const struct evpg_result *result, void *arg)
{
    (void)arg;
    if (evpg_result_error(result))
        report(evpg_result_error(result));
    else
        printf("%s: %" PRIu64 " row\n", evpg_result_tag(result), evpg_result_affected(result));
}

static void on_select(const struct evpg_result *result, void *arg)
{
    (void)arg;
    if (evpg_result_error(result))
        report(evpg_result_error(result));
    evpg_free(evpg_result_db(result));
}

/* All three are sent together, without waiting for each other, and run in this order. */
static int submit(struct evpg_db *db)
{
    static const unsigned char blob[] = {0xff, 0x00, 0x41};

    return evpg_query(db,
                      "create temp table person (id bigint, name text, score float8,"
                      " active boolean, blob bytea, note text)",
                      EVPG_NO_PARAMS, NULL, NULL, NULL) &&
           evpg_query(db, "insert into person values ($1, $2, $3, $4, $5, $6)",
                      EVPG_PARAMS(evpg_int64(42), evpg_text("Robert'); DROP TABLE students;--"),
                                  evpg_double(9.75), evpg_bool(true),
                                  evpg_bytes(blob, sizeof(blob)), evpg_null()),
                      NULL, on_insert, NULL) &&
           evpg_query(db, "select * from person where id = $1", EVPG_PARAMS(evpg_int32(42)), on_row,
                      on_select, NULL);
}

int main(int argc, char **argv)
{
    struct event_base *base = event_base_new();
    struct evpg_db *db = evpg_conn_new(base, argc > 1 ? argv[1] : NULL, NULL);

    if (!db || !evpg_open(db, NULL, NULL) || !submit(db)) {
        perror("params");
        return 1;
    }
    event_base_dispatch(base);
    event_base_free(base);
    return failed;
}
