/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * reentry_tx: everything that may be done is done in each callback of a transaction: in its body,
 * in the row and done callbacks of its first and last statement, in its own done callback, and in
 * those of a part of it; on a connection, a pool and a lease.
 *
 * Whatever is done: each is told once, nothing comes after a free, all or nothing is in the table,
 * and what runs next is in no transaction.
 */
#include "txn.h"

#include <stdio.h>

enum place {
    IN_BODY,
    AFTER_SUBMIT,
    IN_ROW,
    IN_DONE,
    IN_LATER_ROW,
    IN_LATER_DONE,
    IN_PART,
    IN_PART_DONE,
    IN_END,
    N_PLACES
};

enum deed {
    NOTHING,
    FREE_TX,
    FREE_DB,
    CLOSE,
    CANCEL,
    ABANDON,
    COMMIT,
    ROLLBACK,
    QUERY,
    BEGIN,
    CANCEL_STATEMENT,
    RELEASE,
    TIMEOUT,
    N_DEEDS
};

enum kind { CONN, POOL, LEASE, N_KINDS };

static enum place place;
static enum deed deed;
static enum kind kind;
static struct evpg_db *lease;
static struct txn *whole;
static bool acted, abandoned;

static void on_closed(struct evpg_db *closed, size_t cut_off, void *arg)
{
    (void)closed;
    (void)cut_off;
    (void)arg;
}

static void run_any(struct evpg_db *tx, void *arg)
{
    (void)arg;
    evpg_query(tx, "select 1", EVPG_NO_PARAMS, NULL, NULL, NULL);
    evpg_commit(tx);
}

static void do_it(struct txn *txn, struct evpg_request *statement)
{
    struct evpg_db *tx = txn->tx;

    switch (deed) {
    case FREE_TX:
        evpg_free(tx);
        break;
    case FREE_DB:
        evpg_free(db);
        db = NULL;
        ck_assert(abandoned || whole->done == 1);
        break;
    case CLOSE:
        evpg_close(db, 200, on_closed, NULL);
        break;
    case CANCEL:
        evpg_request_cancel(whole->done ? NULL : whole->request);
        break;
    case ABANDON:
        if (whole->done)
            break;
        abandoned = true;
        evpg_request_abandon(whole->request);
        break;
    case COMMIT:
        evpg_commit(tx);
        break;
    case ROLLBACK:
        evpg_rollback(tx, "by deed");
        break;
    case QUERY:
        evpg_query(tx, "insert into reentry values (0)", EVPG_NO_PARAMS, NULL, NULL, NULL);
        break;
    case BEGIN:
        evpg_transaction(tx, NULL, run_any, NULL, NULL);
        break;
    case CANCEL_STATEMENT:
        evpg_request_cancel(statement);
        break;
    case RELEASE:
        if (lease)
            evpg_release(lease);
        lease = NULL;
        break;
    case TIMEOUT:
        evpg_request_set_timeout(whole->done ? NULL : whole->request, 1);
        break;
    case NOTHING:
    case N_DEEDS:
        break;
    }
}

static void act(enum place here, struct txn *txn, struct evpg_request *statement)
{
    if (here != place || acted)
        return;
    acted = true;
    do_it(txn, statement);
}

/* Of a transaction that has been ended meanwhile nothing more is asked. */
static bool is_over(const struct txn *txn)
{
    return txn->done || (acted && deed != NOTHING && deed != QUERY && deed != BEGIN);
}

static enum evpg_flow on_row(const struct evpg_row *row, struct outcome *outcome)
{
    act(outcome->number ? IN_LATER_ROW : IN_ROW, whole, evpg_row_request(row));
    return EVPG_NEXT;
}

static void on_done(const struct evpg_result *result, struct outcome *outcome);

static struct outcome *insert(struct txn *txn, int number)
{
    struct outcome *outcome = new_outcome();

    outcome->number = number;
    outcome->on_row = on_row;
    outcome->on_done = on_done;
    say_with(txn, outcome, "insert into reentry values (1), (1) returning i");
    return outcome;
}

static void on_done(const struct evpg_result *result, struct outcome *outcome)
{
    bool failed = evpg_result_error(result);

    act(outcome->number ? IN_LATER_DONE : IN_DONE, whole, NULL);
    if (failed || outcome->number || is_over(whole))
        return;
    insert(whole, 1);
    if (!is_over(whole))
        run_txn(whole->inner, whole->tx, &EVPG_TX_CONFIG(.idle_timeout_ms = 100));
    if (!is_over(whole))
        evpg_commit(whole->tx);
}

static void part(struct txn *txn)
{
    act(IN_PART, txn, NULL);
    if (!is_over(txn) && !is_over(whole)) {
        say(txn, "insert into reentry values (1)");
        evpg_commit(txn->tx);
    }
}

static void on_part_done(struct txn *txn)
{
    act(IN_PART_DONE, txn, NULL);
}

static void body(struct txn *txn)
{
    act(IN_BODY, txn, NULL);
    if (is_over(txn))
        return;
    insert(txn, 0);
    act(AFTER_SUBMIT, txn, NULL);
}

static void on_end(struct txn *txn)
{
    act(IN_END, txn, NULL);
}

static void on_lease(struct evpg_db *got, const struct evpg_error *error, void *arg)
{
    ck_assert_ptr_null(error);
    lease = got;
    *(int *)arg = 1;
}

static struct evpg_db *make(void)
{
    int flag = 0;

    lease = NULL;
    if (kind == CONN)
        begin(ALONE);
    else
        begin_pool(ALONE, &EVPG_POOL_CONFIG(.max_connections = 1));
    if (kind != LEASE)
        return db;
    ck_assert_ptr_nonnull(evpg_acquire(db, on_lease, &flag));
    ck_assert(await_flag(&flag, 5000));
    return lease;
}

static bool is_all_over(void)
{
    return all_done() && (whole->done || abandoned) &&
           (whole->inner->bodies == 0 || whole->inner->done || abandoned || db == NULL);
}

/* All that was inserted, or nothing of it. */
static void check_table(void)
{
    char *text = admin("select count(*) from reentry where i = 1");
    bool committed = whole->done && !whole->error;
    int n = atoi(text);

    free(text);
    if (committed)
        ck_assert_int_ge(n, deed == COMMIT && place == IN_BODY ? 0 : 2);
    else if (!abandoned && evpg_error_fate(whole->error) != EVPG_FATE_UNKNOWN)
        ck_assert_int_eq(n, 0);
}

static void check_next(void)
{
    struct outcome *next;

    if (!db || deed == CLOSE)
        return;
    if (lease && deed != RELEASE)
        evpg_release(lease);
    next = query("select pg_current_xact_id_if_assigned() is null", EVPG_NO_PARAMS);
    await_all();
    ck_assert_outcome_ok(next);
    ck_assert_str_eq(cell(next, 0, 0), "t");
}

static void run_cell(void)
{
    double turns = 0;

    acted = abandoned = false;
    free(admin("truncate reentry"));
    whole = new_txn(body);
    whole->on_done = on_end;
    whole->inner = new_txn(part);
    whole->inner->on_done = on_part_done;
    run_txn(whole, make(), &EVPG_TX_CONFIG(.idle_timeout_ms = 100));
    while (!is_all_over() && turns++ < 150)
        turn();
    ck_assert_msg(is_all_over(), "place %d, deed %d, kind %d: something hangs", place, deed, kind);
    run_for(deed == CLOSE ? 300 : 20);
    ck_assert_int_eq(whole->done, abandoned && !whole->done ? 0 : 1);
    check_table();
    check_next();
    if (db && deed == CLOSE) {
        evpg_free(db);
        db = NULL;
    }
    end();
    free_txns();
}

START_TEST(each_place)
{
    place = (enum place)(_i / N_KINDS);
    kind = (enum kind)(_i % N_KINDS);
    free(admin("drop table if exists reentry; create table reentry (i int)"));
    for (int i = 0; i < N_DEEDS; i++) {
        deed = (enum deed)i;
        run_cell();
    }
    free(admin("drop table reentry"));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("reentry_tx");
    TCase *tcase = tcase_create("tx");

    tcase_set_timeout(tcase, 120);
    tcase_add_loop_test(tcase, each_place, 0, N_PLACES * N_KINDS);
    suite_add_tcase(suite, tcase);
    return run_suite(suite, true);
}
