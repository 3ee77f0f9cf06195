/* SPDX-License-Identifier: 0BSD (do with it what you like) */
/*
 * transfer: a hundred bank transfers at once, over four connections: each a serializable
 * transaction, which is tried again when others were first, and rolled back when there is not
 * enough on the account. No money is made or lost, which is looked at in the end.
 *
 *     transfer [CONNINFO]     default: libpq's environment (PGHOST, PGDATABASE, ...)
 *
 * It makes a table evpg_account, and drops it afterwards.
 */
#include <evpg.h>

#include <event2/event.h>

#include <stdio.h>

enum { TRANSFERS = 100, ACCOUNTS = 5 };

struct transfer {
    struct evpg_db *tx;
    int32_t from, to, amount;
    int32_t balance; /* of `from`, before it */
};

static struct evpg_db *pool;
static struct transfer transfers[TRANSFERS];
static int left = TRANSFERS, made, refused, failed, attempts;

static enum evpg_flow on_balance(const struct evpg_row *row, void *arg)
{
    struct transfer *transfer = arg;

    return evpg_row_int32(row, 0, &transfer->balance) < 0 ? EVPG_FAIL : EVPG_NEXT;
}

/* What is to be done depends on the balance. Nothing has to be checked: whatever fails is the
 * transaction's error. */
static void on_balance_done(const struct evpg_result *result, void *arg)
{
    const char *add = "update evpg_account set balance = balance + $1 where id = $2";
    struct transfer *transfer = arg;

    if (evpg_result_error(result))
        return;
    if (transfer->balance < transfer->amount) {
        evpg_rollback(transfer->tx, "there is not enough on the account");
        return;
    }
    evpg_query(transfer->tx, add,
               EVPG_PARAMS(evpg_int32(-transfer->amount), evpg_int32(transfer->from)), NULL, NULL,
               NULL);
    evpg_query(transfer->tx, add,
               EVPG_PARAMS(evpg_int32(transfer->amount), evpg_int32(transfer->to)), NULL, NULL,
               NULL);
    evpg_commit(transfer->tx);
}

/* Called for each attempt: so it depends on nothing that an earlier one has left. */
static void transfer_money(struct evpg_db *tx, void *arg)
{
    struct transfer *transfer = arg;

    attempts++;
    transfer->tx = tx;
    evpg_query(tx, "select balance from evpg_account where id = $1",
               EVPG_PARAMS(evpg_int32(transfer->from)), on_balance, on_balance_done, transfer);
}

static enum evpg_flow on_sum(const struct evpg_row *row, void *arg)
{
    (void)arg;
    printf("%d made, %d refused, %d failed; the accounts have %s, the poorest %s\n", made, refused,
           failed, evpg_row_text(row, 0), evpg_row_text(row, 1));
    return EVPG_NEXT;
}

static void drop_table(const struct evpg_result *result, void *arg)
{
    (void)result;
    (void)arg;
    evpg_query(pool, "drop table evpg_account", EVPG_NO_PARAMS, NULL, NULL, NULL);
    evpg_close(pool, 5000, NULL, NULL);
}

static void on_transfer(const struct evpg_result *result, void *arg)
{
    const struct evpg_error *error = evpg_result_error(result);

    (void)arg;
    if (!error)
        made++;
    else if (evpg_error_code(error) == EVPG_E_ROLLED_BACK)
        refused++;
    else if (failed++ == 0)
        fprintf(stderr, "transfer: %s\n", evpg_error_message(error));
    if (--left == 0 && !evpg_query(pool, "select sum(balance), min(balance) from evpg_account",
                                   EVPG_NO_PARAMS, on_sum, drop_table, NULL))
        evpg_close(pool, 0, NULL, NULL);
}

/* All at once: the pool has them wait for a connection. */
static void begin_all(const struct evpg_result *result, void *arg)
{
    const struct evpg_tx_config config =
        EVPG_TX_CONFIG(.isolation = EVPG_SERIALIZABLE, .max_attempts = 50, .timeout_ms = 20000);

    (void)arg;
    if (evpg_result_error(result)) {
        fprintf(stderr, "transfer: %s\n", evpg_error_message(evpg_result_error(result)));
        failed++;
        evpg_close(pool, 0, NULL, NULL);
        return;
    }
    for (int i = 0; i < TRANSFERS; i++) {
        transfers[i] = (struct transfer){.from = 1 + i % ACCOUNTS,
                                         .to = 1 + (i + 1 + i % 3) % ACCOUNTS,
                                         .amount = 10 + 7 * (i % 13)};
        if (!evpg_transaction(pool, &config, transfer_money, on_transfer, &transfers[i])) {
            perror("transfer");
            left--;
            failed++;
        }
    }
}

int main(int argc, char **argv)
{
    struct event_base *base = event_base_new();

    pool = evpg_pool_new(base, argc > 1 ? argv[1] : NULL, &EVPG_POOL_CONFIG(.max_connections = 4));
    if (!pool ||
        !evpg_script(pool,
                     "create table evpg_account (id int primary key, balance int not null);"
                     "insert into evpg_account select id, 100 from generate_series(1, 5) id",
                     NULL, begin_all, NULL)) {
        perror("transfer");
        return 1;
    }
    event_base_dispatch(base);
    evpg_free(pool);
    event_base_free(base);
    printf("%d attempts or more were needed: %s\n", TRANSFERS,
           attempts > TRANSFERS ? "some were tried again" : "none was tried again");
    return failed > 0;
}
