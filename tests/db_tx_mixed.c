/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * db_tx_mixed: transactions beside what else a connection or a pool keeps: statistics, prepared
 * statements, the role of its server, errors of rows.
 */
#include "txn.h"

#include "oracle.h"

#include <stdio.h>
#include <stdlib.h>

static struct evpg_pool_stats stats;

static void look(void)
{
    stats = (struct evpg_pool_stats)EVPG_POOL_STATS();
    ck_assert_int_eq(evpg_pool_get_stats(db, &stats), 0);
}

static void just_sleep(struct txn *txn)
{
    txn->of[0] = say(txn, "select pg_sleep(0.5)");
}

static void free_in_body(struct txn *txn)
{
    txn->of[0] = say(txn, "select 1");
    evpg_free(txn->tx);
}

static void commit_one(struct txn *txn)
{
    txn->of[0] = say(txn, "select 1");
    evpg_commit(txn->tx);
}

/* Each that was accepted is counted once more when it is done, however it ended. */
START_TEST(counted)
{
    static void (*const bodies[])(struct txn *) = {commit_one, just_sleep, free_in_body};
    struct txn *txn;

    begin_pool(ALONE, &EVPG_POOL_CONFIG(.max_connections = 1));
    txn = new_txn(bodies[_i]);
    run_txn(txn, db, &EVPG_TX_CONFIG(.timeout_ms = _i == 1 ? 100 : 5000));
    evpg_request_set_name(txn->request, "tx");
    await_txn(txn);
    await_all();
    run_for(100);
    look();
    ck_assert_int_eq((int)stats.submitted, 2);
    ck_assert_int_eq((int)stats.succeeded, _i == 0 ? 2 : 0);
    ck_assert_int_eq((int)stats.failed, _i == 0 ? 0 : 2);
    ck_assert_int_eq((int)stats.timed_out, _i == 1 ? 2 : 0);
    ck_assert_int_eq((int)stats.cut_off, _i == 2 ? 2 : 0);
    end();
    free_txns();
}
END_TEST

static void check_running(int expected)
{
    look();
    ck_assert_int_eq((int)stats.running, expected);
}

static void sleep_in_part(struct txn *part)
{
    check_running(4);
    part->of[0] = say(part, "select pg_sleep(0.2)");
    check_running(5);
}

static struct txn *several;

static void commit_all(const struct evpg_result *result, struct outcome *outcome)
{
    (void)result;
    (void)outcome;
    check_running(1);
    evpg_commit(several->tx);
    check_running(1);
}

/* The transaction, a statement, a part of it with one, and two statements behind. */
static void run_several(struct txn *txn)
{
    several = txn;
    check_running(1);
    txn->of[0] = say(txn, "select pg_sleep(0.2)");
    txn->inner = new_txn(sleep_in_part);
    run_txn(txn->inner, txn->tx, NULL);
    txn->of[1] = say(txn, "select 1");
    txn->of[2] = new_outcome();
    txn->of[2]->on_done = commit_all;
    say_with(txn, txn->of[2], "select 2");
    check_running(5);
}

/* What runs is the application's: not BEGIN, COMMIT and the like, nor what checks a connection. */
START_TEST(running)
{
    struct txn *txn;

    begin_pool(ALONE, &EVPG_POOL_CONFIG(.max_connections = 1, .server_check_delay_ms = 1));
    query("select 0", EVPG_NO_PARAMS);
    await_all();
    check_running(0);
    run_for(20);
    txn = new_txn(run_several);
    run_txn(txn, db, NULL);
    run_for(100);
    check_running(5);
    run_for(200);
    check_running(5);
    evpg_commit(txn->inner->tx);
    check_running(5);
    await_txn(txn);
    check_committed(txn);
    check_running(0);
    end();
    free_txns();
}
END_TEST

static enum evpg_flow read_number(const struct evpg_row *row, struct outcome *outcome)
{
    int number;

    (void)outcome;
    return evpg_row_int32(row, 0, &number) == 0 ? EVPG_NEXT : EVPG_FAIL;
}

static void read_two(struct txn *txn)
{
    for (int i = 0; i < 3; i++) {
        txn->of[i] = new_outcome();
        txn->of[i]->on_row = i == 1 ? NULL : read_number;
    }
    say_with(txn, txn->of[0], "select 'seven' as wrong");
    say_with(txn, txn->of[1], "select 1");
    say_with(txn, txn->of[2], "select 'eight' as other");
    evpg_commit(txn->tx);
}

/* The row's own error, though others' rows have come under the same Sync. */
START_TEST(row_error)
{
    struct txn *txn;

    begin(ALONE);
    txn = txn_on_db(read_two);
    await_txn(txn);
    check_failed(txn, EVPG_E_VALUE, EVPG_FATE_NOT_EXECUTED, NULL);
    ck_assert_ptr_nonnull(strstr(evpg_error_message(txn->error), "wrong"));
    ck_assert_ptr_nonnull(strstr(evpg_error_message(txn->of[0]->error), "wrong"));
    ck_assert_ptr_nonnull(strstr(evpg_error_message(txn->of[2]->error), "other"));
    end();
    free_txns();
}
END_TEST

static void say_another(struct txn *txn)
{
    txn->of[0] = say(txn, "select 33");
    evpg_commit(txn->tx);
}

static void begin_with_cache(int size)
{
    begin_closed("", &EVPG_CONN_CONFIG(.max_prepared_statements = size));
    n_openings = 0;
    ck_assert_ptr_nonnull(evpg_open(db, note_opening, NULL));
    ck_assert(await_flag(&n_openings, 10000));
}

/* A statement that the cache drops, and the server has dropped before: nothing of this one's. */
START_TEST(dropped_twice)
{
    struct outcome *found, *dropped;
    struct txn *txn;
    char sql[128];

    begin_with_cache(1);
    query("select 11", EVPG_NO_PARAMS);
    await_all();
    found = new_outcome();
    submit(found, "select name from pg_prepared_statements where statement = 'select 11'",
           EVPG_NO_PARAMS);
    await_all();
    snprintf(sql, sizeof(sql), "deallocate \"%s\"", cell(found, 0, 0));
    dropped = query(sql, EVPG_NO_PARAMS);
    await_all();
    ck_assert_outcome_ok(dropped);
    for (int i = 0; i < 3; i++) {
        txn = txn_on_db(i == 1 ? commit_one : say_another);
        await_txn(txn);
        check_committed(txn);
    }
    end();
    free_txns();
}
END_TEST

static void say_numbered(struct txn *txn)
{
    char sql[64];

    snprintf(sql, sizeof(sql), "select %d", 1000 + txn->number);
    txn->of[0] = say(txn, sql);
    evpg_commit(txn->tx);
}

static void count_prepared(struct txn *txn)
{
    char sql[200];

    snprintf(sql, sizeof(sql),
             "select count(*) filter (where statement = 'select %d')::int, count(*)::int"
             " from pg_prepared_statements",
             1000 + txn->number);
    txn->of[0] = say(txn, sql);
    evpg_commit(txn->tx);
}

/* A connection that runs transactions only: what it does not use any more is dropped, in no trip of
 * its own, so that there is room for what it uses. Whatever isolation it has, and on a pool. */
START_TEST(prepared_and_dropped)
{
    enum { CACHE = 6, MOST = 10 * CACHE };
    struct evpg_tx_config config = EVPG_TX_CONFIG(.isolation = _i ? EVPG_SERIALIZABLE : 0);
    struct evpg_conn_config connection = EVPG_CONN_CONFIG(.max_prepared_statements = CACHE);
    struct evpg_pool_config pool =
        EVPG_POOL_CONFIG(.max_connections = 1, .connection = &connection);
    struct txn *txn;

    if (_i == 2)
        begin_pool(ALONE, &pool);
    else
        begin_with_cache(CACHE);
    for (int i = 0; i <= MOST; i++) {
        txn = new_txn(i < MOST ? say_numbered : count_prepared);
        txn->number = i < MOST ? i : MOST - 1;
        run_txn(txn, db, &config);
        await_txn(txn);
        check_committed(txn);
    }
    ck_assert_str_eq(cell(txn->of[0], 0, 0), "1");
    ck_assert_int_le(atoi(cell(txn->of[0], 0, 1)), CACHE + 1);
    end();
    free_txns();
}
END_TEST

static void write_anyway(struct txn *txn)
{
    txn->of[0] = say(txn, "create table never (i int)");
    evpg_commit(txn->tx);
}

/* That it may only read is its own wish: its server has not become a standby. With its
 * server's default it has. */
START_TEST(read_only_is_no_standby)
{
    struct txn *txn;

    begin_pool_at("target_session_attrs=read-write", &EVPG_POOL_CONFIG(.max_connections = 1));
    query("select 1", EVPG_NO_PARAMS);
    await_all();
    if (_i == 1)
        query("select set_config('default_transaction_read_only', 'on', false)", EVPG_NO_PARAMS);
    await_all();
    txn = new_txn(write_anyway);
    run_txn(txn, db, &EVPG_TX_CONFIG(.read_only = _i == 0));
    await_txn(txn);
    check_failed(txn, EVPG_E_SERVER, EVPG_FATE_NOT_EXECUTED, "25006");
    query("select 1", EVPG_NO_PARAMS);
    await_all();
    look();
    ck_assert_int_eq((int)stats.connected, _i == 0 ? 1 : 2);
    end();
    free_txns();
}
END_TEST

static void roll_back(struct txn *txn)
{
    txn->of[0] = say(txn, "insert into t values (2)");
    evpg_rollback(txn->tx, NULL);
}

static void just_insert(struct txn *txn)
{
    txn->of[0] = say(txn, "insert into t values (3)");
}

static void insert_and_part(struct txn *txn)
{
    txn->of[0] = say(txn, "insert into t values (1)");
    run_txn(txn->inner, txn->tx, NULL);
    if (txn->number == 1)
        evpg_request_cancel(txn->inner->request);
    if (txn->number == 2)
        evpg_request_set_timeout(txn->inner->request, 1);
    evpg_commit(txn->tx);
}

/* A part that comes to nothing before anything of it was sent is no failure of the whole. */
START_TEST(part_unsent)
{
    struct txn *txn, *inner;

    begin_for_txn(ALONE);
    inner = new_txn(_i == 0 ? roll_back : just_insert);
    txn = new_txn(insert_and_part);
    txn->inner = inner;
    txn->number = _i;
    run_txn(txn, db, NULL);
    await_txn(txn);
    check_committed(txn);
    ck_assert_int_eq(inner->done, 1);
    ck_assert_ptr_nonnull(inner->error);
    ck_assert_int_lt(inner->order, txn->order);
    check_rows("1");
    end();
    free_txns();
}
END_TEST

static struct evpg_request *paused;

static enum evpg_flow pause_once(const struct evpg_row *row, struct outcome *outcome)
{
    (void)outcome;
    if (strcmp(evpg_row_text(row, 0), "2") != 0)
        return EVPG_NEXT;
    paused = evpg_row_request(row);
    return EVPG_PAUSE;
}

static void pause_among_three(struct txn *txn)
{
    txn->of[0] = say(txn, "select generate_series(1, 3)");
    txn->of[1] = new_outcome();
    txn->of[1]->on_row = pause_once;
    say_with(txn, txn->of[1], "select generate_series(1, 2000)");
    txn->of[2] = say(txn, "select generate_series(1, 3)");
}

static void pause_second(struct txn *txn)
{
    pause_among_three(txn);
    evpg_commit(txn->tx);
}

/* A pause in the midst of a group, which goes on, is canceled, is too late, is freed. */
START_TEST(paused_member)
{
    static const enum evpg_code codes[] = {0, EVPG_E_CANCELED, EVPG_E_TIMEOUT, EVPG_E_CLOSED};
    struct outcome *behind;
    struct txn *txn;

    begin(ALONE);
    paused = NULL;
    txn = new_txn(pause_second);
    run_txn(txn, db, &EVPG_TX_CONFIG(.timeout_ms = _i == 2 ? 300 : 10000));
    for (int i = 0; i < 100 && !paused; i++)
        run_for(10);
    ck_assert_ptr_nonnull(paused);
    run_for(100);
    if (_i == 0)
        evpg_request_resume(paused);
    if (_i == 1)
        evpg_request_cancel(txn->request);
    if (_i == 3)
        evpg_free(txn->tx);
    await_txn(txn);
    behind = query("select 1", EVPG_NO_PARAMS);
    await_all();
    ck_assert_outcome_ok(behind);
    if (_i > 0)
        check_failed(txn, codes[_i], EVPG_FATE_NOT_EXECUTED, NULL);
    else
        check_committed(txn);
    ck_assert_int_eq(txn->of[1]->n_rows, _i == 0 ? 2000 : 2);
    end();
    free_txns();
}
END_TEST

enum held_up { RESUMED, STOPPED, OVERDUE, FORGOTTEN, N_HELD_UP };

/* It has failed, but rows that are paused hold up ROLLBACK: until they go on, or their request is
 * canceled; or until the deadline, or for no longer than it may be idle. */
START_TEST(failed_while_paused)
{
    double began_ms;
    struct txn *txn;

    begin_for_txn(ALONE);
    paused = NULL;
    txn = new_txn(pause_among_three);
    run_txn(txn, db,
            &EVPG_TX_CONFIG(.timeout_ms = _i == OVERDUE ? 600 : 10000,
                            .idle_timeout_ms = _i == FORGOTTEN ? 400 : 10000));
    for (int i = 0; i < 100 && !paused; i++)
        run_for(10);
    ck_assert_ptr_nonnull(paused);
    evpg_rollback(txn->tx, "not wanted");
    began_ms = now_ms();
    run_for(200);
    ck_assert_int_eq(txn->done, 0);
    if (_i == RESUMED)
        evpg_request_resume(paused);
    if (_i == STOPPED)
        evpg_request_cancel(paused);
    await_txn(txn);
    ck_assert(now_ms() - began_ms < 1500);
    check_failed(txn, EVPG_E_ROLLED_BACK, EVPG_FATE_NOT_EXECUTED, NULL);
    ck_assert_int_eq(txn->of[1]->n_rows, _i == RESUMED ? 2000 : 2);
    if (_i == FORGOTTEN)
        ck_assert_int_eq(evpg_error_code(txn->of[1]->error), EVPG_E_CANCELED);
    check_rows("0");
    end();
    free_txns();
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("db_tx_mixed");
    TCase *tcase = tcase_create("mixed");

    tcase_set_timeout(tcase, 60);
    tcase_add_loop_test(tcase, counted, 0, 3);
    tcase_add_test(tcase, running);
    tcase_add_test(tcase, row_error);
    tcase_add_test(tcase, dropped_twice);
    tcase_add_loop_test(tcase, prepared_and_dropped, 0, 3);
    tcase_add_loop_test(tcase, read_only_is_no_standby, 0, 2);
    tcase_add_loop_test(tcase, part_unsent, 0, 3);
    tcase_add_loop_test(tcase, paused_member, 0, 4);
    tcase_add_loop_test(tcase, failed_while_paused, 0, N_HELD_UP);
    suite_add_tcase(suite, tcase);
    return run_suite(suite, true);
}
