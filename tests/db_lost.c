/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * db_lost: an open connection is lost: in the midst, while rows come, while it is idle.
 *
 * Each request is completed once, with what is known of its fate; an idle connection's death is
 * found before something is sent on it; and the connection can be opened again.
 */
#include "harness.h"

#include <errno.h>
#include <stdio.h>
#include <unistd.h>

static void forget_db(void)
{
    evpg_free(db);
    db = NULL;
}

static void check_lost(const struct outcome *outcome, enum evpg_fate fate)
{
    ck_assert_int_eq(outcome->completions, 1);
    ck_assert_ptr_nonnull(outcome->error);
    ck_assert_int_eq(evpg_error_code(outcome->error), EVPG_E_LOST);
    ck_assert_int_eq(evpg_error_fate(outcome->error), fate);
    ck_assert_str_eq(evpg_error_sqlstate(outcome->error), "57P01");
    ck_assert_ptr_nonnull(strstr(evpg_error_message(outcome->error), "connection to server at"));
    ck_assert_ptr_nonnull(strstr(evpg_error_message(outcome->error), "administrator command"));
}

START_TEST(in_the_midst)
{
    struct outcome *before, *fatal, *behind[2];

    begin(_i);
    before = query("select 1", EVPG_NO_PARAMS);
    fatal = new_outcome();
    ck_assert_ptr_nonnull(
        submit(fatal, "select pg_terminate_backend(pg_backend_pid())", EVPG_NO_PARAMS));
    for (int i = 0; i < 2; i++) {
        behind[i] = new_outcome();
        ck_assert_ptr_nonnull(submit(behind[i], "select 2", EVPG_NO_PARAMS));
    }
    await_all();
    ck_assert_outcome_ok(before);
    check_lost(fatal, EVPG_FATE_UNKNOWN);
    ck_assert_int_eq(evpg_error_phase(fatal->error), EVPG_PHASE_RUNNING);
    ck_assert_str_eq(evpg_error_query(fatal->error),
                     "select pg_terminate_backend(pg_backend_pid())");
    for (int i = 0; i < 2; i++) {
        check_lost(behind[i], EVPG_FATE_UNKNOWN);
        ck_assert_int_eq(evpg_error_phase(behind[i]->error), EVPG_PHASE_SENT);
        ck_assert_int_eq(behind[i]->order, fatal->order + 1 + i);
    }
    forget_db();
    end();
}
END_TEST

/* A barrier: what is behind it has not left. */
START_TEST(behind_a_barrier)
{
    struct outcome *fatal, *behind;

    begin(_i);
    fatal = new_outcome();
    behind = new_outcome();
    ck_assert_ptr_nonnull(submit(
        fatal, "do $$begin perform pg_terminate_backend(pg_backend_pid()); end$$", EVPG_NO_PARAMS));
    ck_assert_ptr_nonnull(submit(behind, "select 2", EVPG_NO_PARAMS));
    await_all();
    check_lost(fatal, EVPG_FATE_UNKNOWN);
    check_lost(behind, EVPG_FATE_NOT_SENT);
    ck_assert_int_eq(evpg_error_phase(behind->error), EVPG_PHASE_QUEUED);
    forget_db();
    end();
}
END_TEST

static enum evpg_flow kill_at_a_row(const struct evpg_row *row, struct outcome *outcome)
{
    (void)row;
    if (outcome->n_rows == 100)
        end_backend();
    return EVPG_NEXT;
}

START_TEST(while_rows_come)
{
    struct outcome *rows;

    begin(_i);
    find_backend();
    rows = new_outcome();
    rows->on_row = kill_at_a_row;
    rows->discard = true;
    ck_assert_ptr_nonnull(submit(rows, "select generate_series(1,10000000)", EVPG_NO_PARAMS));
    await_all();
    ck_assert_int_eq(rows->completions, 1);
    ck_assert_int_eq(evpg_error_code(rows->error), EVPG_E_LOST);
    ck_assert_int_eq(evpg_error_fate(rows->error), EVPG_FATE_UNKNOWN);
    ck_assert_int_ge(rows->n_rows, 100);
    run_for(50);
    forget_db();
    end();
}
END_TEST

static int reopened;

static void on_reopen(struct evpg_db *opened, const struct evpg_error *error, void *arg)
{
    (void)opened;
    (void)arg;
    reopened = error ? -1 : 1;
}

START_TEST(while_idle_and_seen)
{
    struct outcome *again;

    begin(_i);
    find_backend();
    end_backend();
    for (int i = 0; i < 100 && evpg_pgconn(db); i++)
        turn();
    ck_assert_ptr_null(evpg_pgconn(db));
    errno = 0;
    ck_assert_ptr_null(submit(new_outcome(), "select 1", EVPG_NO_PARAMS));
    ck_assert_int_eq(errno, ENOTCONN);
    ck_assert_str_eq(last_log(), "the connection is not open");
    ck_assert_ptr_nonnull(evpg_open(db, on_reopen, NULL));
    again = new_outcome();
    ck_assert_ptr_nonnull(submit(again, "select 'again'", EVPG_NO_PARAMS));
    await_all();
    ck_assert_int_eq(reopened, 1);
    ck_assert_str_eq(cell(again, 0, 0), "again");
    end();
}
END_TEST

/* The news is in the socket, and the loop has not read it yet: nothing is sent into the void. */
START_TEST(while_idle_and_not_seen)
{
    struct outcome *next, *after;

    begin(ALONE);
    find_backend();
    run_for(20);
    end_backend();
    next = new_outcome();
    after = new_outcome();
    ck_assert_ptr_nonnull(submit(next, "select 1", EVPG_NO_PARAMS));
    ck_assert_ptr_nonnull(submit(after, "select 2", EVPG_NO_PARAMS));
    await_all();
    check_lost(next, EVPG_FATE_NOT_SENT);
    check_lost(after, EVPG_FATE_NOT_SENT);
    forget_db();
    end();
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("db_lost");
    TCase *tcase = tcase_create("lost");

    tcase_set_timeout(tcase, 60);
    tcase_add_loop_test(tcase, in_the_midst, 0, N_MODES);
    tcase_add_loop_test(tcase, behind_a_barrier, 0, N_MODES);
    tcase_add_loop_test(tcase, while_rows_come, 0, N_LARGE_MODES);
    tcase_add_loop_test(tcase, while_idle_and_seen, 0, N_MODES);
    tcase_add_test(tcase, while_idle_and_not_seen);
    suite_add_tcase(suite, tcase);
    return run_suite(suite, true);
}
