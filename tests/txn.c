/* SPDX-License-Identifier: BSD-2-Clause */
#include "txn.h"

#include <stdio.h>

static struct txn *txns;
static int n_ended;

static void on_body(struct evpg_db *tx, void *arg)
{
    struct txn *txn = arg;

    txn->tx = tx;
    txn->bodies++;
    ck_assert_int_eq(txn->done, 0);
    ck_assert_int_eq(evpg_tx_attempt(tx), txn->bodies);
    txn->body(txn);
}

static void on_end(const struct evpg_result *result, void *arg)
{
    struct txn *txn = arg;

    txn->done++;
    txn->order = n_ended++;
    txn->error = evpg_error_copy(evpg_result_error(result));
    snprintf(txn->tag, sizeof(txn->tag), "%s", evpg_result_tag(result));
    ck_assert_ptr_eq(evpg_result_request(result), txn->request);
    for (int i = 0; i < 8; i++)
        ck_assert(!txn->of[i] || txn->of[i]->completions != 0);
    if (txn->on_done)
        txn->on_done(txn);
    txn->tx = NULL;
}

struct txn *new_txn(void (*body)(struct txn *txn))
{
    struct txn *txn = calloc(1, sizeof(*txn));

    txn->body = body;
    txn->next = txns;
    txns = txn;
    return txn;
}

void run_txn(struct txn *txn, struct evpg_db *on, const struct evpg_tx_config *config)
{
    txn->request = evpg_transaction(on, config, on_body, on_end, txn);
    ck_assert_msg(txn->request != NULL, "refused: %s", last_log());
    ck_assert_int_eq(txn->bodies, 0);
}

struct txn *txn_on_db(void (*body)(struct txn *txn))
{
    struct txn *txn = new_txn(body);

    run_txn(txn, db, NULL);
    return txn;
}

void say_with(struct txn *txn, struct outcome *outcome, const char *sql)
{
    struct evpg_db *whole = db;

    db = txn->tx;
    submit(outcome, sql, EVPG_NO_PARAMS);
    db = whole;
    ck_assert_msg(outcome->request != NULL, "refused: %s", last_log());
}

struct outcome *say(struct txn *txn, const char *sql)
{
    struct outcome *outcome = new_outcome();

    say_with(txn, outcome, sql);
    return outcome;
}

void await_txn(struct txn *txn)
{
    ck_assert(await_flag(&txn->done, 20000));
    ck_assert_int_eq(txn->done, 1);
}

void free_txns(void)
{
    struct txn *next;

    for (; txns; txns = next) {
        next = txns->next;
        ck_assert_int_le(txns->done, 1);
        evpg_error_free(txns->error);
        free(txns);
    }
}

void begin_for_txn(int mode)
{
    begin(mode);
    query("create temp table t (i int)", EVPG_NO_PARAMS);
    await_all();
}

void check_rows(const char *expected)
{
    struct outcome *count = query("select count(*) from t", EVPG_NO_PARAMS);

    await_all();
    ck_assert_str_eq(cell(count, 0, 0), expected);
}

void check_committed(const struct txn *txn)
{
    ck_assert_int_eq(txn->done, 1);
    ck_assert_msg(!txn->error, "%s", txn->error ? evpg_error_message(txn->error) : "");
}

void check_failed(const struct txn *txn, enum evpg_code code, enum evpg_fate fate,
                  const char *state)
{
    ck_assert_int_eq(txn->done, 1);
    ck_assert_msg(txn->error != NULL, "it was committed");
    ck_assert_msg(evpg_error_code(txn->error) == code && evpg_error_fate(txn->error) == fate,
                  "code %d, fate %d: %s", evpg_error_code(txn->error), evpg_error_fate(txn->error),
                  evpg_error_message(txn->error));
    if (state)
        ck_assert_str_eq(evpg_error_sqlstate(txn->error), state);
}

void insert_and_commit(struct txn *txn)
{
    txn->of[0] = say(txn, "insert into t values (1)");
    evpg_commit(txn->tx);
}
