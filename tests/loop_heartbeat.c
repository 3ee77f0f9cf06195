/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * loop_heartbeat: other work of the loop goes on, and memory stays flat, whatever evpg does.
 *
 * A timer of 10 ms in the same loop is never late by more than 40 ms; the process's memory does not
 * grow with the number of rows. Skipped under sanitizers, which slow down the one and falsify the
 * other.
 */
#include "oracle.h"

#include <stdio.h>
#include <unistd.h>

START_TEST(while_rows_stream)
{
    struct outcome *rows;
    int many = sized(1000000, 5000000);

    begin(ALONE);
    heart_start();
    rows = new_outcome();
    rows->discard = true;
    ck_assert_ptr_nonnull(submit(
        rows, "select n, 'some text of forty characters, or so' from generate_series(1,$1) n",
        EVPG_PARAMS(evpg_int32(many))));
    await_all();
    ck_assert_int_eq(rows->n_rows, many);
    heart_stop();
    end();
}
END_TEST

static enum evpg_flow dawdle(const struct evpg_row *row, struct outcome *outcome)
{
    (void)row;
    (void)outcome;
    usleep(5000);
    return EVPG_NEXT;
}

/* The application's own time counts: one slow callback in each turn, not hundreds. */
START_TEST(while_row_callbacks_are_slow)
{
    struct outcome *rows;

    begin(ALONE);
    heart_start();
    rows = new_outcome();
    rows->on_row = dawdle;
    ck_assert_ptr_nonnull(submit(rows, "select generate_series(1,200)", EVPG_NO_PARAMS));
    await_all();
    heart_stop();
    end();
}
END_TEST

START_TEST(while_a_pipeline_runs)
{
    begin(ALONE);
    heart_start();
    for (int i = 0; i < 50000; i++)
        ck_assert_ptr_nonnull(submit(new_outcome(), "select $1", EVPG_PARAMS(evpg_int32(i))));
    run_for(1);
    heart_forget(); /* submitting is the caller's own time */
    await_all();
    heart_stop();
    end();
}
END_TEST

static int links, chain_ended;
static bool links_cancel;

static void add_link(void);

static void on_link(const struct evpg_result *result, void *arg)
{
    (void)result;
    (void)arg;
    if (links-- > 0)
        add_link();
    else
        chain_ended = 1;
}

static void add_link(void)
{
    struct evpg_request *link = evpg_query(db, "select 1", EVPG_NO_PARAMS, NULL, on_link, NULL);

    if (links_cancel)
        evpg_request_cancel(link);
}

/* Each completion submits the next, which is answered, or canceled at once: F29. */
START_TEST(while_completions_submit)
{
    begin(ALONE);
    links_cancel = _i;
    links = sized(20000, 100000) * (links_cancel ? 20 : 1);
    heart_start();
    add_link();
    ck_assert(await_flag(&chain_ended, 60000));
    heart_stop();
    end();
}
END_TEST

static void submit_10000(const struct evpg_result *result, struct outcome *outcome)
{
    (void)result;
    (void)outcome;
    for (int i = 0; i < 10000; i++)
        ck_assert_ptr_nonnull(submit(new_outcome(), "select 1", EVPG_NO_PARAMS));
    heart_skip(); /* submitting is the caller's own time */
}

START_TEST(while_a_completion_submits_many)
{
    struct outcome *first;

    begin(ALONE);
    first = new_outcome();
    first->on_done = submit_10000;
    heart_start();
    ck_assert_ptr_nonnull(submit(first, "select 1", EVPG_NO_PARAMS));
    await_all();
    heart_stop();
    end();
}
END_TEST

START_TEST(while_a_long_queue_is_lost)
{
    begin(ALONE);
    ck_assert_ptr_nonnull(submit(new_outcome(),
                                 "do $$begin perform pg_terminate_backend(pg_backend_pid()); end$$",
                                 EVPG_NO_PARAMS));
    for (int i = 0; i < 100000; i++)
        ck_assert_ptr_nonnull(submit(new_outcome(), "select 1", EVPG_NO_PARAMS));
    heart_start();
    await_all();
    heart_stop();
    evpg_free(db);
    db = NULL;
    end();
}
END_TEST

static void note_error(struct evpg_db *opened, const struct evpg_error *error, void *arg)
{
    int *code = arg;

    (void)opened;
    *code = error ? (int)evpg_error_code(error) : -1;
}

START_TEST(while_a_server_does_not_answer)
{
    int port, fd = deaf_listener(&port), code = 0;
    char conninfo[80];

    snprintf(conninfo, sizeof(conninfo), "host=127.0.0.1 port=%d", port);
    begin_closed(conninfo, &EVPG_CONN_CONFIG(.server_connect_timeout_ms = 300));
    heart_start();
    ck_assert_ptr_nonnull(evpg_open(db, note_error, &code));
    ck_assert(await_flag(&code, 2000));
    ck_assert_int_eq(code, EVPG_E_TIMEOUT);
    heart_stop();
    close(fd);
    evpg_free(db);
    db = NULL;
    end();
}
END_TEST

static long before_kib;

static enum evpg_flow watch_memory(const struct evpg_row *row, struct outcome *outcome)
{
    (void)row;
    if (outcome->n_rows == 1000)
        before_kib = resident_kib();
    return EVPG_NEXT;
}

START_TEST(memory_of_a_stream)
{
    struct outcome *rows;
    long grown;

    begin(ALONE);
    rows = new_outcome();
    rows->discard = true;
    rows->on_row = watch_memory;
    ck_assert_ptr_nonnull(submit(rows, "select repeat('x', 1000) from generate_series(1,$1)",
                                 EVPG_PARAMS(evpg_int32(sized(300000, 3000000)))));
    await_all();
    grown = resident_kib() - before_kib;
    ck_assert_msg(grown < 1024, "the rows have left %ld KiB", grown);
    fprintf(stderr, "# grown by %ld KiB\n", grown);
    end();
}
END_TEST

/* What one waiting request takes: the promise is 600 bytes and what was passed in. */
START_TEST(memory_of_a_queue)
{
    enum { QUEUED = 100000 };
    long grown;

    begin_closed("", NULL);
    ck_assert_ptr_nonnull(evpg_open(db, NULL, NULL));
    before_kib = resident_kib();
    for (int i = 0; i < QUEUED; i++)
        ck_assert_ptr_nonnull(
            evpg_query(db, "select $1", EVPG_PARAMS(evpg_int32(i)), NULL, NULL, NULL));
    grown = resident_kib() - before_kib;
    ck_assert_msg(grown * 1024 / QUEUED <= 600 + 32, "%ld bytes for each", grown * 1024 / QUEUED);
    fprintf(stderr, "# a queued request: %ld bytes\n", grown * 1024 / QUEUED);
    evpg_free(db);
    db = NULL;
    end();
}
END_TEST

static Suite *make_suite(void)
{
    Suite *suite = suite_create("loop_heartbeat");
    TCase *tcase = tcase_create("heartbeat");

    tcase_set_timeout(tcase, sized(60, 300));
    tcase_add_test(tcase, while_rows_stream);
    tcase_add_test(tcase, while_row_callbacks_are_slow);
    tcase_add_test(tcase, while_a_pipeline_runs);
    tcase_add_loop_test(tcase, while_completions_submit, 0, 2);
    tcase_add_test(tcase, while_a_completion_submits_many);
    tcase_add_test(tcase, while_a_long_queue_is_lost);
    tcase_add_test(tcase, while_a_server_does_not_answer);
    tcase_add_test(tcase, memory_of_a_stream);
    tcase_add_test(tcase, memory_of_a_queue);
    suite_add_tcase(suite, tcase);
    return suite;
}

int main(void)
{
    if (SANITIZED) {
        puts("1..0 # SKIP its figures mean nothing under sanitizers");
        return 0;
    }
    return run_suite(make_suite(), true);
}
