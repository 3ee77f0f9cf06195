/* SPDX-License-Identifier: 0BSD (do with it what you like) */
/*
 * pool: many queries over a few connections; and a transfer between two accounts, a transaction of
 * several calls, which takes a lease: one of the connections, for itself.
 *
 *     pool [CONNINFO]     default: libpq's environment (PGHOST, PGDATABASE, ...)
 */
#include <evpg.h>

#include <event2/event.h>

#include <stdio.h>

enum { QUERIES = 1000 };

static struct evpg_db *pool;
static int left = QUERIES + 1, failures; /* what is to be done, the transfer included */

/* With the last of all the pool is closed in good order, and the loop can end. */
static void note_end(const char *what, const struct evpg_error *error)
{
    if (error && ++failures == 1)
        fprintf(stderr, "%s: %s\n", what, evpg_error_message(error));
    if (--left == 0)
        evpg_close(pool, 1000, NULL, NULL);
}

static void on_query_done(const struct evpg_result *result, void *arg)
{
    (void)arg;
    note_end("a query has failed", evpg_result_error(result));
}

static enum evpg_flow on_balance(const struct evpg_row *row, void *arg)
{
    int32_t id, balance;

    (void)arg;
    if (evpg_row_int32(row, 0, &id) < 0 || evpg_row_int32(row, 1, &balance) < 0)
        return EVPG_FAIL;
    printf("account %d has %d\n", (int)id, (int)balance);
    return EVPG_NEXT;
}

/* The lease goes back whether that has succeeded or not: what was left open is rolled back. */
static void on_commit(const struct evpg_result *result, void *arg)
{
    (void)arg;
    evpg_release(evpg_result_db(result));
    note_end("the transfer has failed", evpg_result_error(result));
}

/* All of them are sent together. Behind one that fails the others are skipped, and COMMIT fails. */
static void on_lease(struct evpg_db *lease, const struct evpg_error *error, void *arg)
{
    (void)arg;
    if (error) {
        note_end("no connection", error);
        return;
    }
    evpg_query(lease, "begin", EVPG_NO_PARAMS, NULL, NULL, NULL);
    evpg_query(lease,
               "create temporary table account on commit drop as"
               " select * from (values (1, 100), (2, 50)) as v(id, balance)",
               EVPG_NO_PARAMS, NULL, NULL, NULL);
    evpg_query(lease, "update account set balance = balance - $1 where id = 1",
               EVPG_PARAMS(evpg_int32(30)), NULL, NULL, NULL);
    evpg_query(lease, "update account set balance = balance + $1 where id = 2",
               EVPG_PARAMS(evpg_int32(30)), NULL, NULL, NULL);
    evpg_query(lease, "select id, balance from account order by id", EVPG_NO_PARAMS, on_balance,
               NULL, NULL);
    if (!evpg_query(lease, "commit", EVPG_NO_PARAMS, NULL, on_commit, NULL))
        evpg_release(lease);
}

static int submit_all(void)
{
    for (int i = 0; i < QUERIES; i++)
        if (!evpg_query(pool, "select $1", EVPG_PARAMS(evpg_int32(i)), NULL, on_query_done, NULL))
            return -1;
    return evpg_acquire(pool, on_lease, NULL) ? 0 : -1;
}

int main(int argc, char **argv)
{
    const char *conninfo = argc > 1 ? argv[1] : NULL;
    const struct evpg_pool_config config = EVPG_POOL_CONFIG(.max_connections = 4);
    struct event_base *base = event_base_new();
    char why[256];

    if (evpg_pool_config_check(conninfo, &config, why, sizeof(why)) < 0) {
        fprintf(stderr, "pool: %s\n", why);
        return 1;
    }
    pool = evpg_pool_new(base, conninfo, &config);
    if (!pool || submit_all() < 0) {
        perror("pool");
        return 1;
    }
    event_base_dispatch(base);
    evpg_free(pool);
    event_base_free(base);
    printf("%d queries and a transfer, %d failed\n", QUERIES, failures);
    return failures > 0;
}
