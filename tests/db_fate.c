/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * db_fate: whether what is said of a lost request's fate is true, seen from another session.
 *
 * NOT_SENT must mean that it has not run, success that it has; UNKNOWN may be either. And rows end
 * where the connection does, without a gap before.
 */
#include "harness.h"

#include <libpq-fe.h>
#include <stdio.h>

enum { MANY = 2000 };

static struct outcome *inserts[MANY];

static void forget_db(void)
{
    evpg_free(db);
    db = NULL;
}

static void submit_inserts(int fatal)
{
    char sql[120];

    for (int i = 0; i < MANY; i++) {
        inserts[i] = new_outcome();
        inserts[i]->number = i;
        if (i == fatal)
            snprintf(sql, sizeof(sql), "select pg_terminate_backend(pg_backend_pid()), $1::int");
        else
            snprintf(sql, sizeof(sql), "insert into fates values ($1)");
        ck_assert_ptr_nonnull(submit(inserts[i], sql, EVPG_PARAMS(evpg_int32(i))));
    }
}

/* Successes, then what was sent, then what was not: nothing else, and in this order. A success may
 * come to be UNKNOWN, where writing fails before its answer was read; the other way round never. */
static void check_order(int fatal, int *good, int *sent)
{
    int i = 0;

    while (i < MANY && !inserts[i]->error)
        i++;
    *good = i;
    while (i < MANY && evpg_error_fate(inserts[i]->error) == EVPG_FATE_UNKNOWN)
        i++;
    *sent = i;
    ck_assert_int_le(*good, fatal);
    ck_assert_int_gt(*sent, fatal);
    for (; i < MANY; i++) {
        ck_assert_int_eq(evpg_error_fate(inserts[i]->error), EVPG_FATE_NOT_SENT);
        ck_assert_int_eq(evpg_error_phase(inserts[i]->error), EVPG_PHASE_QUEUED);
    }
    for (i = 0; i < MANY; i++)
        ck_assert_int_eq(inserts[i]->order, i);
}

static int count_where(const char *condition, int number)
{
    char sql[120], *count;
    int value;

    snprintf(sql, sizeof(sql), "select count(*) from fates where n %s %d", condition, number);
    count = admin(sql);
    value = atoi(count);
    free(count);
    return value;
}

START_TEST(of_many_that_are_queued)
{
    enum { FATAL = 700 };
    int good, sent;

    free(admin("set client_min_messages = warning; drop table if exists fates;"
               " create table fates(n int primary key)"));
    begin(_i);
    submit_inserts(FATAL);
    await_all();
    check_order(FATAL, &good, &sent);
    ck_assert_int_lt(sent, MANY);
    ck_assert_int_eq(count_where("<", good), good);
    ck_assert_int_eq(count_where(">=", sent), 0);
    free(admin("drop table fates"));
    forget_db();
    end();
}
END_TEST

static enum evpg_flow end_the_backend(const struct evpg_row *row, struct outcome *outcome)
{
    (void)row;
    (void)outcome;
    end_backend();
    return EVPG_NEXT;
}

/* Writing more is what finds the end, while the server's last words are still to be read, behind
 * answers that do not count any more. They are the reason all the same. */
START_TEST(the_reason_survives_a_failed_write)
{
    struct outcome *first, *behind[600];

    begin(ALONE);
    find_backend();
    first = new_outcome();
    first->on_row = end_the_backend;
    ck_assert_ptr_nonnull(submit(first, "select 1", EVPG_NO_PARAMS));
    for (int i = 0; i < 600; i++) {
        behind[i] = new_outcome();
        ck_assert_ptr_nonnull(submit(behind[i], "select 2", EVPG_NO_PARAMS));
    }
    await_all();
    ck_assert_ptr_nonnull(behind[599]->error);
    for (int i = 0; i < 600; i++)
        if (behind[i]->error) {
            ck_assert_outcome_sqlstate(behind[i], "57P01");
            ck_assert_int_eq(evpg_error_code(behind[i]->error), EVPG_E_LOST);
        }
    forget_db();
    end();
}
END_TEST

/* Rows come without a gap up to the last; and then no more. The server may be writing when it is
 * ended, and has then no last words. */
static enum evpg_flow count_and_kill(const struct evpg_row *row, struct outcome *outcome)
{
    int64_t value;

    ck_assert_int_eq(evpg_row_int64(row, 0, &value), 0);
    ck_assert_int_eq(value, outcome->n_rows);
    if (outcome->n_rows == 1000)
        end_backend();
    return EVPG_NEXT;
}

START_TEST(rows_have_no_gap)
{
    struct outcome *rows, *behind;

    begin(_i);
    find_backend();
    rows = new_outcome();
    rows->on_row = count_and_kill;
    rows->discard = true;
    behind = new_outcome();
    ck_assert_ptr_nonnull(submit(rows, "select generate_series(1,100000000)", EVPG_NO_PARAMS));
    ck_assert_ptr_nonnull(submit(behind, "select 1", EVPG_NO_PARAMS));
    await_all();
    ck_assert_int_eq(evpg_error_code(rows->error), EVPG_E_LOST);
    ck_assert_int_eq(evpg_error_fate(rows->error), EVPG_FATE_UNKNOWN);
    ck_assert_int_eq(evpg_error_phase(rows->error), EVPG_PHASE_RUNNING);
    ck_assert_int_ge(rows->n_rows, 1000);
    ck_assert_int_eq(evpg_error_code(behind->error), EVPG_E_LOST);
    ck_assert_int_eq(behind->n_rows, 0);
    run_for(50);
    forget_db();
    end();
}
END_TEST

/* The server hangs up by itself; it is seen without a query, and opening again works. */
START_TEST(the_server_tires_of_an_idle_session)
{
    struct outcome *next;

    begin(_i);
    query("set idle_session_timeout = 100", EVPG_NO_PARAMS);
    await_all();
    for (int i = 0; i < 250 && evpg_pgconn(db); i++)
        turn();
    ck_assert_ptr_null(evpg_pgconn(db));
    ck_assert_ptr_nonnull(evpg_open(db, NULL, NULL));
    next = query("select 'again'", EVPG_NO_PARAMS);
    await_all();
    ck_assert_outcome_ok(next);
    ck_assert_str_eq(cell(next, 0, 0), "again");
    end();
}
END_TEST

static PGconn *locker;

static void lock_table(void)
{
    locker = PQconnectdb("");
    PQclear(PQexec(locker, "begin; lock table locked in access exclusive mode"));
}

static void unlock_table(void)
{
    PQfinish(locker);
}

static char loss_sqlstate[6];

static void note_loss(struct evpg_db *losing, const struct evpg_error *error, void *arg)
{
    int *lost = arg;

    (void)losing;
    ++*lost;
    snprintf(loss_sqlstate, sizeof(loss_sqlstate), "%s", evpg_error_sqlstate(error));
}

/* Deadlines of the server's own: the statement's error, and nothing else's. */
START_TEST(f23_the_server_gives_up_a_statement)
{
    struct outcome *slow, *locked, *next;

    begin(_i);
    free(admin("create table locked (a int)"));
    query("set statement_timeout = 100", EVPG_NO_PARAMS);
    slow = query("select pg_sleep(20)", EVPG_NO_PARAMS);
    query("set statement_timeout = 0", EVPG_NO_PARAMS);
    query("set lock_timeout = 100", EVPG_NO_PARAMS);
    lock_table();
    locked = query("select * from locked", EVPG_NO_PARAMS);
    next = query("select 'next'", EVPG_NO_PARAMS);
    await_all();
    unlock_table();
    ck_assert_outcome_sqlstate(slow, "57014");
    ck_assert_outcome_sqlstate(locked, "55P03");
    ck_assert_int_eq(evpg_error_code(slow->error), EVPG_E_SERVER);
    ck_assert_int_eq(evpg_error_code(locked->error), EVPG_E_SERVER);
    ck_assert_int_eq(evpg_error_fate(slow->error), EVPG_FATE_NOT_EXECUTED);
    ck_assert_str_eq(cell(next, 0, 0), "next");
    free(admin("drop table locked"));
    end();
}
END_TEST

/* The connection goes, with the reason; what was done in the block is undone. */
START_TEST(f24_the_server_tires_of_a_transaction)
{
    int lost = 0;
    char *count;

    begin(_i);
    free(admin("create table locked (a int)"));
    evpg_setcb(db, NULL, note_loss, &lost);
    query("set idle_in_transaction_session_timeout = 100", EVPG_NO_PARAMS);
    query("begin", EVPG_NO_PARAMS);
    query("insert into locked values (1)", EVPG_NO_PARAMS);
    await_all();
    ck_assert(await_flag(&lost, 5000));
    ck_assert_str_eq(loss_sqlstate, "25P03");
    ck_assert_ptr_null(evpg_query(db, "commit", EVPG_NO_PARAMS, NULL, NULL, NULL));
    count = admin("select count(*) from locked");
    ck_assert_str_eq(count, "0");
    free(count);
    free(admin("drop table locked"));
    forget_db();
    end();
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("db_fate");
    TCase *tcase = tcase_create("fate");

    tcase_set_timeout(tcase, 60);
    tcase_add_loop_test(tcase, of_many_that_are_queued, 0, N_LARGE_MODES);
    tcase_add_test(tcase, the_reason_survives_a_failed_write);
    tcase_add_loop_test(tcase, rows_have_no_gap, 0, N_LARGE_MODES);
    tcase_add_loop_test(tcase, the_server_tires_of_an_idle_session, 0, N_MODES);
    tcase_add_loop_test(tcase, f23_the_server_gives_up_a_statement, 0, N_MODES);
    tcase_add_loop_test(tcase, f24_the_server_tires_of_a_transaction, 0, N_MODES);
    suite_add_tcase(suite, tcase);
    return run_suite(suite, true);
}
