/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * db_tx_bouncer: transactions behind a real PgBouncer in transaction mode.
 */
#include "bouncer.h"
#include "txn.h"

#include <stdio.h>

enum { N_TRANSACTIONS = 200 };

static struct txn *transactions[N_TRANSACTIONS];

static const char *insertion(const struct txn *txn, int nth)
{
    static char sql[100];

    snprintf(sql, sizeof(sql), "insert into moved values (%d, %d, pg_backend_pid())", txn->number,
             nth);
    return sql;
}

static void go_on(const struct evpg_result *result, struct outcome *outcome)
{
    struct txn *txn = transactions[outcome->number];

    ck_assert_ptr_null(evpg_result_error(result));
    txn->of[1] = say(txn, insertion(txn, 2));
    if (txn->number % 7 == 0)
        txn->of[2] = say(txn, "select 1 / 0");
    evpg_commit(txn->tx);
}

static void insert_twice(struct txn *txn)
{
    txn->of[0] = new_outcome();
    txn->of[0]->number = txn->number;
    txn->of[0]->on_done = go_on;
    say_with(txn, txn->of[0], insertion(txn, 1));
}

/* Each transaction has one session of the server's from BEGIN to COMMIT, and is whole or is not. */
START_TEST(transactions_behind)
{
    struct evpg_conn_config config = EVPG_CONN_CONFIG(.max_prepared_statements = -1);
    char *count;
    int good = 0;

    bouncer_start("default_pool_size = 2\n");
    free(admin("create table moved (n int, nth int, session int)"));
    begin_pool_at(bouncer_conninfo(),
                  &EVPG_POOL_CONFIG(.max_connections = 4, .connection = &config));
    for (int i = 0; i < N_TRANSACTIONS; i++) {
        transactions[i] = new_txn(insert_twice);
        transactions[i]->number = i;
        run_txn(transactions[i], db, NULL);
    }
    for (int i = 0; i < N_TRANSACTIONS; i++) {
        await_txn(transactions[i]);
        good += !transactions[i]->error;
        ck_assert_int_eq(transactions[i]->error != NULL, i % 7 == 0);
    }
    await_all();
    count = admin("select count(*) from (select n from moved group by n having count(*) = 2 and"
                  " count(distinct session) = 1) s");
    ck_assert_int_eq(atoi(count), good);
    free(count);
    count = admin("select count(*) from moved");
    ck_assert_int_eq(atoi(count), 2 * good);
    free(count);
    end();
    free_txns();
    free(admin("drop table moved"));
    bouncer_stop();
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("db_tx_bouncer");
    TCase *tcase = tcase_create("bouncer");

    if (!bouncer_is_here())
        return 0;
    tcase_set_timeout(tcase, 60);
    tcase_add_test(tcase, transactions_behind);
    suite_add_tcase(suite, tcase);
    return run_suite(suite, true);
}
