/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * db_refusals: what is refused at once, what the log hook is told, what a row callback can decide;
 * and that the connection goes on working. It does, after each test: the harness looks.
 */
#include "harness.h"

#include <errno.h>

/* Refused, with this errno, and a line in the log with this in it. */
static void check_refused(const char *sql, const struct evpg_param *params, size_t n_params,
                          int refusal, const char *named)
{
    errno = 0;
    ck_assert_ptr_null(submit(new_outcome(), sql, params, n_params));
    ck_assert_int_eq(errno, refusal);
    ck_assert_msg(strstr(last_log(), named) != NULL, "\"%s\" in: %s", named, last_log());
}

START_TEST(statements)
{
    begin(_i);
    check_refused(NULL, EVPG_NO_PARAMS, EINVAL, "statement is NULL");
    check_refused("copy t from stdin", EVPG_NO_PARAMS, EINVAL, "COPY");
    check_refused("/* c /* d */ */ ; CoPy (select 1) to stdout", EVPG_NO_PARAMS, EINVAL, "COPY");
    end();
}
END_TEST

START_TEST(parameters)
{
    static struct evpg_param many[65536];
    struct evpg_param zeroed = {0};

    begin(_i);
    check_refused("select 1", many, 65536, EINVAL, "65536 parameters");
    check_refused("select 1", NULL, 1, EINVAL, "array is NULL");
    check_refused("select $2", EVPG_PARAMS(evpg_int32(1), evpg_textn("a\0b", 3)), EINVAL,
                  "parameter $2: text with a NUL byte");
    check_refused("select $1", &zeroed, 1, EINVAL, "parameter $1: not made by");
    end();
}
END_TEST

/* What cannot be sent is refused at once; its neighbours do not notice. */
START_TEST(pi15_one_that_is_refused)
{
    static const struct evpg_param bad[1] = {{.kind = 99}};
    struct outcome *before, *after, *refused = new_outcome();

    begin(_i);
    before = query("select 1", EVPG_NO_PARAMS);
    errno = 0;
    ck_assert_ptr_null(submit(refused, "select $1", bad, 1));
    ck_assert_int_eq(errno, EINVAL);
    after = query("select 2", EVPG_NO_PARAMS);
    await_all();
    ck_assert_str_eq(cell(before, 0, 0), "1");
    ck_assert_str_eq(cell(after, 0, 0), "2");
    ck_assert_int_eq(refused->completions, -1);
    end();
}
END_TEST

START_TEST(without_a_db)
{
    errno = 0;
    ck_assert_ptr_null(evpg_query(NULL, "select 1", EVPG_NO_PARAMS, NULL, NULL, NULL));
    ck_assert_int_eq(errno, EINVAL);
    errno = 0;
    ck_assert_ptr_null(evpg_open(NULL, NULL, NULL));
    ck_assert_int_eq(errno, EINVAL);
    evpg_free(NULL);
    evpg_set_hooks(NULL, NULL, NULL);
}
END_TEST

START_TEST(before_opening_and_twice)
{
    begin_closed(NULL, NULL);
    check_refused("select 1", EVPG_NO_PARAMS, ENOTCONN, "not open");
    ck_assert_ptr_nonnull(evpg_open(db, NULL, NULL));
    errno = 0;
    ck_assert_ptr_null(evpg_open(db, NULL, NULL));
    ck_assert_int_eq(errno, EINVAL);
    ck_assert_ptr_nonnull(strstr(last_log(), "being opened"));
    end();
}
END_TEST

START_TEST(too_many_waiting)
{
    begin_closed(NULL, &EVPG_CONN_CONFIG(.max_queued_requests = 3));
    ck_assert_ptr_nonnull(evpg_open(db, NULL, NULL));
    for (int i = 0; i < 3; i++)
        query("select 1", EVPG_NO_PARAMS);
    check_refused("select 1", EVPG_NO_PARAMS, ENOBUFS, "max_queued_requests (3)");
    await_all();
    query("select 1", EVPG_NO_PARAMS);
    await_all();
    end();
}
END_TEST

START_TEST(too_much_waiting)
{
    static const char big[6000];

    begin_closed(NULL, &EVPG_CONN_CONFIG(.max_queued_bytes = 10000));
    ck_assert_ptr_nonnull(evpg_open(db, NULL, NULL));
    query("select $1", EVPG_PARAMS(evpg_bytes(big, sizeof(big))));
    check_refused("select $1", EVPG_PARAMS(evpg_bytes(big, sizeof(big))), ENOBUFS,
                  "max_queued_bytes (10000)");
    await_all();
    end();
}
END_TEST

START_TEST(no_bounds)
{
    struct evpg_conn_config config = evpg_conn_config_default();

    config.max_queued_requests = -1;
    config.max_queued_bytes = -1;
    begin_closed(NULL, &config);
    ck_assert_ptr_nonnull(evpg_open(db, NULL, NULL));
    for (int i = 0; i < 200001; i++)
        ck_assert_ptr_nonnull(evpg_query(db, "select 1", EVPG_NO_PARAMS, NULL, NULL, NULL));
    evpg_free(db);
    db = NULL;
    end();
}
END_TEST

static void check_config(const struct evpg_conn_config *config, bool good)
{
    struct event_base *loop = event_base_new();
    struct evpg_db *conn;

    errno = 0;
    conn = evpg_conn_new(loop, NULL, config);
    ck_assert_int_eq(conn != NULL, good);
    ck_assert_int_eq(errno == EINVAL, !good);
    evpg_free(conn);
    event_base_free(loop);
}

START_TEST(configurations)
{
    struct {
        struct evpg_conn_config config;
        char newer[8];
    } extended = {.config = evpg_conn_config_default()};

    check_config(NULL, true);
    check_config(&EVPG_CONN_CONFIG(), true);
    check_config(&EVPG_CONN_CONFIG(.server_connect_timeout_ms = -1), true);
    check_config(&EVPG_CONN_CONFIG(.server_connect_timeout_ms = -2), false);
    check_config(&EVPG_CONN_CONFIG(.max_queued_requests = -2), false);
    check_config(&EVPG_CONN_CONFIG(.max_queued_bytes = -2), false);
    extended.config.size = sizeof(extended);
    check_config(&extended.config, true);
    extended.newer[7] = 1;
    check_config(&extended.config, false);
    extended.config.size = 0;
    check_config(&extended.config, false);
    ck_assert_ptr_null(evpg_conn_new(NULL, NULL, NULL));
    ck_assert_int_eq(errno, EINVAL);
}
END_TEST

static enum evpg_flow decide_at_the_third(const struct evpg_row *row, struct outcome *outcome)
{
    int64_t value;

    if (outcome->n_rows < 3)
        return EVPG_NEXT;
    ck_assert_int_eq(evpg_row_int64(row, 1, &value), -1);
    return (enum evpg_flow)outcome->number;
}

static struct outcome *decide(int flow)
{
    struct outcome *outcome = new_outcome();

    outcome->on_row = decide_at_the_third;
    outcome->number = flow;
    ck_assert_ptr_nonnull(
        submit(outcome, "select n, 'x' as word from generate_series(1,1000) n", EVPG_NO_PARAMS));
    return outcome;
}

START_TEST(row_callbacks_decide)
{
    struct outcome *stop, *fail, *strange, *next;

    begin(_i);
    stop = decide(EVPG_STOP);
    fail = decide(EVPG_FAIL);
    strange = decide(99);
    next = query("select 'next'", EVPG_NO_PARAMS);
    await_all();
    ck_assert_outcome_ok(stop);
    ck_assert(stop->stopped);
    ck_assert_int_eq(stop->n_rows, 3);
    ck_assert_uint_eq(stop->rows, 3);
    ck_assert_uint_eq(stop->affected, 1000);
    ck_assert_int_eq(fail->n_rows, 3);
    ck_assert_int_eq(evpg_error_code(fail->error), EVPG_E_VALUE);
    ck_assert_int_eq(evpg_error_fate(fail->error), EVPG_FATE_EXECUTED);
    ck_assert_str_eq(evpg_error_message(fail->error),
                     "column 1 \"word\" (text): not an integer type");
    ck_assert(!fail->stopped);
    ck_assert_int_eq(strange->n_rows, 3);
    ck_assert_int_eq(evpg_error_code(strange->error), EVPG_E_VALUE);
    ck_assert_str_eq(cell(next, 0, 0), "next");
    end();
}
END_TEST

static enum evpg_flow fail_without_a_reason(const struct evpg_row *row, struct outcome *outcome)
{
    (void)row;
    (void)outcome;
    return EVPG_FAIL;
}

/* An error of the server's that comes later goes before the row callback's. */
START_TEST(failing_row_callbacks)
{
    struct outcome *plain, *server;

    begin(_i);
    plain = new_outcome();
    server = new_outcome();
    plain->on_row = server->on_row = fail_without_a_reason;
    ck_assert_ptr_nonnull(submit(plain, "select 1", EVPG_NO_PARAMS));
    ck_assert_ptr_nonnull(
        submit(server, "select 1/(900-n) from generate_series(1,1000) n", EVPG_NO_PARAMS));
    await_all();
    ck_assert_int_eq(evpg_error_code(plain->error), EVPG_E_VALUE);
    ck_assert_str_eq(evpg_error_message(plain->error), "refused by the row callback");
    ck_assert_outcome_sqlstate(server, "22012");
    ck_assert_int_eq(evpg_error_fate(server->error), EVPG_FATE_NOT_EXECUTED);
    end();
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("db_refusals");
    TCase *tcase = tcase_create("refusals");

    tcase_set_timeout(tcase, 60);
    tcase_add_loop_test(tcase, statements, 0, N_MODES);
    tcase_add_loop_test(tcase, parameters, 0, N_MODES);
    tcase_add_loop_test(tcase, pi15_one_that_is_refused, 0, N_MODES);
    tcase_add_test(tcase, without_a_db);
    tcase_add_test(tcase, before_opening_and_twice);
    tcase_add_test(tcase, too_many_waiting);
    tcase_add_test(tcase, too_much_waiting);
    tcase_add_test(tcase, no_bounds);
    tcase_add_test(tcase, configurations);
    tcase_add_loop_test(tcase, row_callbacks_decide, 0, N_MODES);
    tcase_add_loop_test(tcase, failing_row_callbacks, 0, N_MODES);
    suite_add_tcase(suite, tcase);
    return run_suite(suite, true);
}
