/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * reentry_free: a connection is freed in each of its callbacks, and at every turn of the loop.
 *
 * Whatever it was doing, each request is completed exactly once, inside evpg_free; nothing calls
 * back afterwards; and what the running callback borrowed stays readable until it returns.
 */
#include "harness.h"

#include <errno.h>

enum { BEHIND = 20 };

static int free_calls;
static bool freed;

/* Frees the connection; all that is outstanding must be completed when it returns. */
static void free_now(void)
{
    struct evpg_db *victim = db;

    if (!db)
        return;
    db = NULL;
    free_calls++;
    evpg_free(victim);
    freed = true;
}

static void expect_nothing_after(const struct evpg_result *result, struct outcome *outcome)
{
    (void)result;
    (void)outcome;
    ck_assert(!freed);
}

static void submit_behind(void)
{
    for (int i = 0; i < BEHIND; i++) {
        struct outcome *behind = new_outcome();

        behind->on_done = expect_nothing_after;
        ck_assert_ptr_nonnull(submit(behind, "select generate_series(1,3)", EVPG_NO_PARAMS));
    }
}

static void check_closed(const struct outcome *outcome)
{
    ck_assert_int_eq(outcome->completions, 1);
    ck_assert_ptr_nonnull(outcome->error);
    ck_assert_int_eq(evpg_error_code(outcome->error), EVPG_E_CLOSED);
}

static enum evpg_flow free_and_read_on(const struct evpg_row *row, struct outcome *outcome)
{
    size_t length;
    const unsigned char *bytes = evpg_row_bytes(row, 1, &length);

    free_now();
    check_closed(outcome);
    ck_assert_ptr_null(evpg_row_request(row));
    ck_assert_str_eq(evpg_row_text(row, 0), "some text");
    ck_assert_mem_eq(bytes, "\x00\xff", 2);
    ck_assert_mem_eq(evpg_row_bytes(row, 1, &length), "\x00\xff", 2);
    return (enum evpg_flow)(outcome->order % 4);
}

START_TEST(in_a_row_callback)
{
    struct outcome *outcome;

    begin(_i);
    outcome = new_outcome();
    outcome->on_row = free_and_read_on;
    ck_assert_ptr_nonnull(submit(outcome,
                                 "select 'some text', '\\x00ff'::bytea from generate_series(1,500)",
                                 EVPG_NO_PARAMS));
    submit_behind();
    await_all();
    check_closed(outcome);
    ck_assert_int_eq(outcome->n_rows, 1);
    ck_assert_int_eq(free_calls, 1);
    run_for(50);
    end();
}
END_TEST

static void free_in_done(const struct evpg_result *result, struct outcome *outcome)
{
    (void)outcome;
    free_now();
    if (!evpg_result_error(result) && evpg_result_rows(result) > 0)
        ck_assert_str_eq(evpg_result_tag(result), "SELECT 2");
}

static void check_done(const char *sql, bool kept, int mode)
{
    struct outcome *outcome;

    begin(mode);
    outcome = new_outcome();
    outcome->kept = kept;
    outcome->on_done = free_in_done;
    ck_assert_ptr_nonnull(submit(outcome, sql, EVPG_NO_PARAMS));
    submit_behind();
    await_all();
    ck_assert_int_eq(free_calls, 1);
    run_for(50);
    end();
}

START_TEST(in_a_done_callback)
{
    check_done("values (1),(2)", false, _i);
}
END_TEST

START_TEST(in_a_done_callback_with_kept_rows)
{
    check_done("values (1),(2)", true, _i);
}
END_TEST

START_TEST(in_a_done_callback_that_failed)
{
    check_done("select 1/0", false, _i);
}
END_TEST

/* The server goes first: the completion that reports it frees. */
START_TEST(in_a_done_callback_of_a_lost_connection)
{
    check_done("select pg_terminate_backend(pg_backend_pid())", false, _i);
}
END_TEST

static void free_in_open(struct evpg_db *opened, const struct evpg_error *error, void *arg)
{
    int *calls = arg;

    (void)error;
    ck_assert_ptr_eq(opened, db);
    ++*calls;
    free_now();
}

static void check_open(const char *conninfo)
{
    int calls = 0;

    begin_closed(conninfo, NULL);
    ck_assert_ptr_nonnull(evpg_open(db, free_in_open, &calls));
    submit_behind();
    await_all();
    ck_assert_int_eq(calls, 1);
    run_for(50);
    ck_assert_int_eq(calls, 1);
    end();
}

START_TEST(in_an_open_callback)
{
    check_open(NULL);
}
END_TEST

START_TEST(in_an_open_callback_that_failed)
{
    check_open("host=/nonexistent");
}
END_TEST

static void refused_in_done(const struct evpg_result *result, struct outcome *outcome)
{
    struct evpg_db *dying = evpg_result_db(result);

    (void)outcome;
    errno = 0;
    ck_assert_ptr_null(evpg_query(dying, "select 1", EVPG_NO_PARAMS, NULL, NULL, NULL));
    ck_assert_int_eq(errno, ESHUTDOWN);
    ck_assert_ptr_null(evpg_open(dying, NULL, NULL));
    ck_assert_int_eq(errno, ESHUTDOWN);
    ck_assert_ptr_null(evpg_pgconn(dying));
    evpg_free(dying); /* again: nothing left to do */
}

START_TEST(every_call_while_it_is_freed)
{
    begin(_i);
    for (int i = 0; i < BEHIND; i++) {
        struct outcome *outcome = new_outcome();

        outcome->on_done = refused_in_done;
        ck_assert_ptr_nonnull(submit(outcome, "select pg_sleep(1)", EVPG_NO_PARAMS));
    }
    run_for(30);
    free_now();
    end();
}
END_TEST

static void free_in_log(struct evpg_db *logger, enum evpg_log_level level, const char *line,
                        void *arg)
{
    (void)logger;
    (void)level;
    (void)line;
    (void)arg;
    free_now();
}

START_TEST(in_the_log_hook)
{
    begin(_i);
    submit_behind();
    evpg_set_hooks(db, &EVPG_HOOKS(.log = free_in_log), NULL);
    ck_assert_ptr_null(evpg_query(db, "copy t to stdout", EVPG_NO_PARAMS, NULL, NULL, NULL));
    ck_assert_int_eq(errno, EINVAL);
    ck_assert_ptr_null(db);
    end();
}
END_TEST

static void count_open(struct evpg_db *opened, const struct evpg_error *error, void *arg)
{
    int *calls = arg;

    (void)opened;
    (void)error;
    ++*calls;
}

START_TEST(before_the_loop_has_run)
{
    int calls = 0;

    begin_closed(NULL, NULL);
    ck_assert_ptr_nonnull(evpg_open(db, count_open, &calls));
    submit_behind();
    free_now();
    ck_assert_int_eq(calls, 1);
    end();
}
END_TEST

START_TEST(never_opened)
{
    begin_closed(NULL, NULL);
    free_now();
    end();
}
END_TEST

/* One pass of the loop after the other, then everything is freed: at every stage there is. */
START_TEST(after_that_many_passes)
{
    int calls = 0;

    begin_closed(NULL, NULL);
    ck_assert_ptr_nonnull(evpg_open(db, count_open, &calls));
    for (int i = 0; i < 3; i++) {
        struct outcome *outcome = new_outcome();

        outcome->kept = i == 1;
        ck_assert_ptr_nonnull(submit(outcome, "select generate_series(1,400)", EVPG_NO_PARAMS));
    }
    for (int i = 0; i < _i && !all_done(); i++)
        turn();
    free_now();
    ck_assert_int_eq(calls, 1);
    run_for(10);
    ck_assert_int_eq(calls, 1);
    end();
}
END_TEST

static Suite *make_suite(void)
{
    Suite *suite = suite_create("reentry_free");
    TCase *tcase = tcase_create("free");

    tcase_set_timeout(tcase, 30);
    tcase_add_loop_test(tcase, in_a_row_callback, 0, N_MODES);
    tcase_add_loop_test(tcase, in_a_done_callback, 0, N_MODES);
    tcase_add_loop_test(tcase, in_a_done_callback_with_kept_rows, 0, N_MODES);
    tcase_add_loop_test(tcase, in_a_done_callback_that_failed, 0, N_MODES);
    tcase_add_loop_test(tcase, in_a_done_callback_of_a_lost_connection, 0, N_MODES);
    tcase_add_test(tcase, in_an_open_callback);
    tcase_add_test(tcase, in_an_open_callback_that_failed);
    tcase_add_loop_test(tcase, every_call_while_it_is_freed, 0, N_MODES);
    tcase_add_test(tcase, in_the_log_hook);
    tcase_add_test(tcase, before_the_loop_has_run);
    tcase_add_test(tcase, never_opened);
    tcase_add_loop_test(tcase, after_that_many_passes, 1, 100);
    suite_add_tcase(suite, tcase);
    return suite;
}

int main(void)
{
    return run_suite(make_suite(), true);
}
