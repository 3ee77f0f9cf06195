/* SPDX-License-Identifier: 0BSD (do with it what you like) */
/*
 * batch: several statements in one trip, which count all together or not at all: one batch that
 * succeeds, one of which a member fails, and a thousand rows by one statement.
 *
 *     batch [CONNINFO]     default: libpq's environment (PGHOST, PGDATABASE, ...)
 */
#include <evpg.h>

#include <event2/event.h>

#include <inttypes.h>
#include <stdio.h>

enum { POINTS = 1000 };

static struct evpg_db *db;
static int wrong;

/* What the callbacks are told that they are about. */
static char give[] = "give", take[] = "take", first[] = "the first transfer",
            second[] = "the second transfer", points[] = "all of the points";

static void on_member(const struct evpg_result *result, void *name)
{
    const struct evpg_error *error = evpg_result_error(result);

    printf("  %s: %s\n", (const char *)name,
           error ? evpg_error_message(error) : evpg_result_tag(result));
}

static void on_done(const struct evpg_result *result, void *name)
{
    const struct evpg_error *error = evpg_result_error(result);

    if (error)
        printf("%s has failed: %s\n", (const char *)name, evpg_error_message(error));
    else
        printf("%s is done, %" PRIu64 " rows\n", (const char *)name, evpg_result_affected(result));
}

static enum evpg_flow on_sum(const struct evpg_row *row, void *arg)
{
    (void)arg;
    printf("the accounts: %s\n", evpg_row_text(row, 0));
    return EVPG_NEXT;
}

/* Takes from one account and gives to another; what cannot be is left to the table's constraint. */
static void transfer(int amount, char *name)
{
    struct evpg_batch *batch = evpg_batch_new(db);

    evpg_batch_add(batch, "update account set balance = balance + $1 where owner = 'bob'",
                   EVPG_PARAMS(evpg_int32(amount)), NULL, on_member, give);
    evpg_batch_add(batch, "update account set balance = balance - $1 where owner = 'ana'",
                   EVPG_PARAMS(evpg_int32(amount)), NULL, on_member, take);
    evpg_batch_add(batch,
                   "select string_agg(owner || ' ' || balance, ', ' order by owner) from account",
                   EVPG_NO_PARAMS, on_sum, NULL, NULL);
    wrong += !evpg_batch_submit(batch, on_done, name);
}

static void on_last(const struct evpg_result *result, void *arg)
{
    wrong += evpg_result_error(result) || evpg_result_affected(result) != POINTS;
    on_done(result, arg);
    evpg_free(evpg_result_db(result));
}

/* Their parameters are copied. */
static void insert_points(void)
{
    struct evpg_param params[POINTS][2];

    for (int i = 0; i < POINTS; i++) {
        params[i][0] = evpg_int32(i);
        params[i][1] = evpg_double(i / 2.0);
    }
    wrong += !evpg_many(db, "insert into point (x, y) values ($1, $2)", params[0], 2, POINTS,
                        on_last, points);
}

static void on_open(struct evpg_db *opened, const struct evpg_error *error, void *arg)
{
    (void)arg;
    if (!error)
        return;
    fprintf(stderr, "batch: %s\n", evpg_error_message(error));
    wrong = 1;
    evpg_free(opened);
}

int main(int argc, char **argv)
{
    struct event_base *base = event_base_new();

    db = evpg_conn_new(base, argc > 1 ? argv[1] : NULL, NULL);
    if (!db || !evpg_open(db, on_open, NULL) ||
        !evpg_script(db,
                     "create temp table account (owner text, balance int check (balance >= 0));"
                     "insert into account values ('ana', 100), ('bob', 20);"
                     "create temp table point (x int, y float8)",
                     NULL, NULL, NULL)) {
        perror("batch");
        return 1;
    }
    transfer(70, first);
    transfer(70, second);
    insert_points();
    event_base_dispatch(base);
    event_base_free(base);
    return wrong != 0;
}
