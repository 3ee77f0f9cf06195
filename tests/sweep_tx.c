/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * sweep_tx: a transaction of six statements and a part, ended from outside at each step of it,
 * which is a pass of the loop: its session is terminated, its connection reset, it is canceled,
 * abandoned, freed, or what it was begun on is; on a connection, and on a pool.
 *
 * The server's bytes come in small pieces, for many steps. Each transaction adds six rows to a
 * ledger, all of them or none, as its outcome says. Whoever has the connection next is in no
 * transaction.
 */
#include "oracle.h"
#include "proxy.h"
#include "server.h"
#include "txn.h"

#include <libpq-fe.h>
#include <signal.h>
#include <stdio.h>

enum deed { TERMINATE, RESET, CANCEL, ABANDON, FREE_TX, FREE_DB, NOTHING, N_DEEDS };
enum { PIECE = 48, PATIENCE_MS = 8000, MOST_STEPS = 1000 };

static const char *const names[N_DEEDS] = {"SIGTERM",        "RST",    "cancel", "abandon", "free",
                                           "free of the db", "nothing"};

static struct proxy *proxy;
static char conninfo[128];
static struct txn *runs[MOST_STEPS];
static int abandoned[MOST_STEPS], n_runs;

static void insert(struct txn *txn, int n)
{
    char sql[96];

    snprintf(sql, sizeof(sql), "insert into ledger values (%d) returning op", txn->number);
    txn->of[n] = say(txn, sql);
}

static struct txn *running;
static bool acted; /* what is submitted now is refused, or soon undone */

static void go_on(const struct evpg_result *result, struct outcome *outcome)
{
    (void)outcome;
    if (evpg_result_error(result) || acted)
        return;
    for (int i = 3; i < 5; i++)
        insert(running, i);
    run_txn(running->inner, running->tx, NULL);
    evpg_commit(running->tx);
}

static void insert_inside(struct txn *txn)
{
    insert(txn, 0);
    evpg_commit(txn->tx);
}

static void insert_six(struct txn *txn)
{
    insert(txn, 0);
    insert(txn, 1);
    txn->of[2] = new_outcome();
    txn->of[2]->on_done = go_on;
    running = txn;
    insert(txn, 5);
    say_with(txn, txn->of[2], "select generate_series(1, 20)");
}

static void pass(void)
{
    const struct timeval soon = {0, 2000};

    event_base_loopexit(base, &soon);
    event_base_loop(base, EVLOOP_ONCE);
}

static pid_t session;

static void note_session(const struct evpg_result *result, void *arg)
{
    (void)arg;
    if (!evpg_result_error(result))
        session = (pid_t)atoi(evpg_row_text(evpg_result_row(result, 0), 0));
}

static void make_db(bool pool)
{
    session = 0;
    if (pool) {
        db = evpg_pool_new(base, conninfo, &EVPG_POOL_CONFIG(.max_connections = 1));
    } else {
        db = evpg_conn_new(base, conninfo, NULL);
        ck_assert_ptr_nonnull(evpg_open(db, note_opening, NULL));
    }
    ck_assert_ptr_nonnull(
        evpg_query(db, "select pg_backend_pid()", EVPG_NO_PARAMS, NULL, note_session, NULL));
    while (!session)
        pass();
}

/* False: there was nothing to be done to. */
static bool act(enum deed deed, struct txn *txn, int number)
{
    if (deed == NOTHING || txn->done)
        return false;
    acted = deed != TERMINATE && (deed != FREE_TX || txn->tx);
    if (deed == TERMINATE) {
        server_signal(session, SIGTERM);
    } else if (deed == RESET) {
        proxy_reset(proxy);
    } else if (deed == CANCEL) {
        evpg_request_cancel(txn->request);
    } else if (deed == ABANDON) {
        abandoned[number] = 1;
        evpg_request_abandon(txn->request);
    } else if (deed == FREE_TX && txn->tx) {
        evpg_free(txn->tx);
        ck_assert_int_eq(txn->done, 1);
    } else if (deed == FREE_DB) {
        evpg_free(db);
        db = NULL;
        ck_assert_int_eq(txn->done, 1);
        ck_assert(all_done());
    }
    return true;
}

static struct outcome *ask_next(void)
{
    double end = now_ms() + PATIENCE_MS;
    struct outcome *next =
        query("select pg_current_xact_id_if_assigned() is null and not exists (select from "
              "pg_locks where pid = pg_backend_pid() and locktype = 'relation' and relation = "
              "(select oid from pg_class where relname = 'ledger'))",
              EVPG_NO_PARAMS);

    while (next->completions == 0 && now_ms() < end)
        pass();
    return next;
}

/* Nothing of the transaction is left where the next request runs. The session's end may come after
 * that of the transaction. */
static void check_next(bool pool)
{
    struct outcome *next = ask_next();

    if (!pool && next->error)
        return;
    if (next->error && evpg_error_code(next->error) == EVPG_E_LOST)
        next = ask_next();
    ck_assert_outcome_ok(next);
    ck_assert_str_eq(cell(next, 0, 0), "t");
}

static bool is_over(const struct txn *txn, int number)
{
    bool part_over = txn->inner->bodies == 0 || txn->inner->done || abandoned[number];

    return all_done() && (txn->done || abandoned[number]) && part_over;
}

/* True: it was ended before it was done. */
static bool run_one(int step, enum deed deed, bool pool)
{
    struct txn *txn = new_txn(insert_six);
    int number = n_runs++;
    double end;
    bool ended;

    acted = false;
    make_db(pool);
    end = now_ms() + PATIENCE_MS;
    runs[number] = txn;
    txn->number = number;
    txn->inner = new_txn(insert_inside);
    txn->inner->number = number;
    run_txn(txn, db, NULL);
    for (int i = 0; i < step && !txn->done; i++)
        pass();
    ended = act(deed, txn, number);
    while (!is_over(txn, number) && now_ms() < end)
        pass();
    ck_assert_msg(is_over(txn, number), "step %d: something hangs", step);
    if (db && (pool || evpg_pgconn(db)))
        check_next(pool);
    evpg_free(db);
    db = NULL;
    proxy_close(proxy);
    return ended;
}

static int count_of(int number)
{
    char sql[96], *text;
    int n;

    snprintf(sql, sizeof(sql), "select count(*) from ledger where op = %d", number);
    text = admin(sql);
    n = atoi(text);
    free(text);
    return n;
}

static int check_fates(void)
{
    int committed = 0;

    for (int i = 0; i < n_runs; i++) {
        const struct evpg_error *error = runs[i]->error;
        int n = count_of(i);

        ck_assert_msg(n == 0 || n == 6, "transaction %d is there in part: %d", i, n);
        committed += n > 0;
        if (abandoned[i])
            continue;
        ck_assert_int_eq(runs[i]->done, 1);
        if (!error)
            ck_assert_msg(n == 6, "%d was committed, and is lost: %d", i, n);
        else if (evpg_error_fate(error) != EVPG_FATE_UNKNOWN)
            ck_assert_msg(n == 0, "%d was not executed, and is there: %s", i,
                          evpg_error_message(error));
    }
    return committed;
}

START_TEST(each_step)
{
    enum deed deed = (enum deed)(_i / 2);
    bool pool = _i % 2;
    int step = 0, last_ended = 0, committed;

    base = event_base_new();
    proxy = proxy_new(base, getenv("PGHOST"), getenv("PGPORT"));
    proxy->settings.piece = PIECE;
    snprintf(conninfo, sizeof(conninfo), "host=127.0.0.1 port=%d sslmode=disable",
             proxy_port(proxy));
    free(admin("drop table if exists ledger; create table ledger (op int8)"));
    while (step - last_ended < 6 || step < 20)
        if (run_one(++step, deed, pool))
            last_ended = step;
    run_for(50);
    committed = check_fates();
    fprintf(stderr, "# %s, %s: %d steps, %d committed\n", names[deed], pool ? "pool" : "connection",
            last_ended, committed);
    ck_assert_int_gt(committed, 0);
    ck_assert(deed == NOTHING || last_ended >= 8);
    free(admin("drop table ledger"));
    end();
    free_txns();
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("sweep_tx");
    TCase *tcase = tcase_create("tx");

    tcase_set_timeout(tcase, 120);
    tcase_add_loop_test(tcase, each_step, 0, 2 * N_DEEDS);
    suite_add_tcase(suite, tcase);
    return run_suite(suite, true);
}
