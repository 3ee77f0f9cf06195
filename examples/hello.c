/* SPDX-License-Identifier: 0BSD (do with it what you like) */
/*
 * hello: the smallest program: one connection, one query, one row.
 *
 *     hello [CONNINFO]     default: libpq's environment (PGHOST, PGDATABASE, ...)
 */
#include <evpg.h>

#include <event2/event.h>

#include <stdio.h>

static enum evpg_flow on_row(const struct evpg_row *row, void *arg)
{
    (void)arg;
    printf("%s\n", evpg_row_text(row, 0));
    return EVPG_NEXT;
}

static void on_done(const struct evpg_result *result, void *arg)
{
    int *failed = arg;

    if (evpg_result_error(result)) {
        *failed = 1;
        fprintf(stderr, "hello: %s\n", evpg_error_message(evpg_result_error(result)));
    }
    evpg_free(evpg_result_db(result)); /* nothing is left to wait for: the loop ends */
}

int main(int argc, char **argv)
{
    int failed = 0;
    struct event_base *base = event_base_new();
    struct evpg_db *db = evpg_conn_new(base, argc > 1 ? argv[1] : NULL, NULL);

    /* Both calls return at once; a connection that cannot be had is reported to on_done. */
    if (!db || !evpg_open(db, NULL, NULL) ||
        !evpg_query(db, "select 'hello from PostgreSQL ' || current_setting('server_version')",
                    EVPG_NO_PARAMS, on_row, on_done, &failed)) {
        perror("hello");
        return 1;
    }
    event_base_dispatch(base);
    event_base_free(base);
    return failed;
}
