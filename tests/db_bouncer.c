/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * db_bouncer: two clients behind a real PgBouncer in transaction mode, which gives each transaction
 * one of two sessions of the server's, now this and now that; PR17.
 *
 * What the documents promise for poolers: with max_prepared_statements -1 behind any, and without
 * behind one that knows of prepared statements, which PgBouncer does since 1.21.
 */
#include "bouncer.h"
#include "harness.h"
#include "hearing.h"
#include "oracle.h"

#include <stdio.h>

enum { N_CLIENTS = 2, N_QUERIES = 1000, N_SHAPES = 5, NEW_ENOUGH = 12100 };

static struct evpg_db *clients[N_CLIENTS];
static int sessions[N_CLIENTS][2]; /* of the server's, that a client has met */

static void open_clients(int max_prepared)
{
    struct evpg_conn_config config = evpg_conn_config_default();

    config.max_prepared_statements = max_prepared;
    begin_closed(bouncer_conninfo(), &config);
    clients[0] = db;
    for (int i = 0; i < N_CLIENTS; i++) {
        if (i > 0)
            clients[i] = evpg_conn_new(base, bouncer_conninfo(), &config);
        n_openings = 0;
        ck_assert_ptr_nonnull(evpg_open(clients[i], note_opening, NULL));
        ck_assert(await_flag(&n_openings, 10000));
        ck_assert_ptr_null(open_error);
    }
}

static void free_clients(void)
{
    for (int i = 1; i < N_CLIENTS; i++)
        evpg_free(clients[i]);
    db = clients[0];
    end();
}

static void note_session(int *met, int session)
{
    for (int i = 0; i < 2; i++) {
        if (met[i] == session)
            return;
        if (met[i] == 0) {
            met[i] = session;
            return;
        }
    }
    ck_abort_msg("a third session");
}

/* The answer to what ask() has asked. */
static enum evpg_flow check_answer(const struct evpg_row *row, struct outcome *outcome)
{
    int32_t number, session;

    ck_assert_int_eq(evpg_row_int32(row, 0, &number), 0);
    ck_assert_int_eq(number, outcome->number + outcome->number % N_SHAPES);
    ck_assert_int_eq(evpg_row_int32(row, 1, &session), 0);
    note_session(sessions[outcome->number % N_CLIENTS], session);
    return EVPG_NEXT;
}

/* Of the shapes some have the same text for both clients, and so the same name where they are
 * prepared. */
static void ask(int client, int i, uint32_t flags)
{
    struct outcome *outcome = new_outcome();
    char sql[80];

    outcome->number = N_CLIENTS * i + client;
    outcome->on_row = check_answer;
    snprintf(sql, sizeof(sql), "select $1::int4 + %d, pg_backend_pid()",
             outcome->number % N_SHAPES);
    db = clients[client];
    ck_assert_ptr_nonnull(submit(outcome, sql, EVPG_PARAMS(evpg_int32(outcome->number))));
    evpg_request_set_flags(outcome->request, flags);
}

/* Some at a time, so that the pooler hands the sessions round in between. */
static void ask_all(uint32_t flags)
{
    for (int i = 0; i < N_QUERIES; i++) {
        for (int client = 0; client < N_CLIENTS; client++)
            ask(client, i, flags);
        if (i % 7 < 3)
            await_all();
    }
    await_all();
}

/* How many statements the server's sessions hold, all together, by as many trips as meet each. */
static int count_prepared(void)
{
    int64_t sum = 0;

    for (int i = 0; i < 4; i++) {
        struct outcome *count =
            query("select count(*)::text from pg_prepared_statements", EVPG_NO_PARAMS);

        evpg_request_set_flags(count->request, EVPG_UNPREPARED);
        await_all();
        ck_assert_outcome_ok(count);
        sum += atoi(cell(count, 0, 0));
    }
    return (int)sum;
}

/* What the server has logged of statements that were missing, or there already. */
static int count_complaints(void)
{
    FILE *log = fopen(getenv("EVPG_TEST_LOG"), "r");
    char line[1000];
    int n = 0;

    ck_assert_ptr_nonnull(log);
    while (fgets(line, sizeof(line), log))
        n += strstr(line, "ERROR:  prepared statement") != NULL;
    fclose(log);
    return n;
}

/* One that leaves each transaction's statements where they are, whatever its version. */
static void start_ignorant(int pool_size)
{
    char settings[100];

    snprintf(settings, sizeof(settings), "default_pool_size = %d\n%s", pool_size,
             bouncer_version() >= NEW_ENOUGH ? "max_prepared_statements = 0\n" : "");
    bouncer_start(settings);
}

static void start_knowing(int pool_size)
{
    char settings[100];

    snprintf(settings, sizeof(settings), "default_pool_size = %d\nmax_prepared_statements = 100\n",
             pool_size);
    bouncer_start(settings);
}

/* Whether each client has met all of the server's sessions. */
static bool have_met(int pool_size)
{
    for (int i = 0; i < N_CLIENTS; i++)
        for (int j = 0; j < pool_size; j++)
            if (sessions[i][j] == 0)
                return false;
    return true;
}

/* Until they have: who gets which session is the pooler's business. */
static void ask_until_met(int pool_size, uint32_t flags)
{
    for (int i = 0; i < 20 && (i == 0 || !have_met(pool_size)); i++)
        ask_all(flags);
    ck_assert(have_met(pool_size));
}

/* 0: as text; 1: in binary; with a pool of one session, and of two. */
START_TEST(pr17_nothing_is_prepared)
{
    int pool_size = 1 + _i / 2, complaints = count_complaints();

    start_ignorant(pool_size);
    open_clients(-1);
    ask_until_met(pool_size, _i % 2 ? EVPG_BINARY : 0);
    check_all_succeeded();
    ck_assert_int_eq(count_prepared(), 0);
    ck_assert_int_eq(count_complaints(), complaints);
    free_clients();
    bouncer_stop();
}
END_TEST

START_TEST(pr17_prepared_where_the_pooler_knows)
{
    int pool_size = 1 + _i / 2, complaints = count_complaints();

    start_knowing(pool_size);
    open_clients(0);
    ask_until_met(pool_size, _i % 2 ? EVPG_BINARY : 0);
    check_all_succeeded();
    ck_assert_int_gt(count_prepared(), 0);
    ck_assert_int_eq(count_complaints(), complaints);
    free_clients();
    bouncer_stop();
}
END_TEST

/* The other client's statements are there already, one's own are missing: what is sent once more
 * makes up for that, so that it costs time only. */
START_TEST(prepared_where_it_does_not)
{
    int pool_size = 1 + _i / 2, complaints = count_complaints();

    start_ignorant(pool_size);
    open_clients(0);
    ask_until_met(pool_size, _i % 2 ? EVPG_BINARY : 0);
    check_all_succeeded();
    if (pool_size == 1) /* else each client may have had a session to itself */
        ck_assert_int_gt(count_complaints(), complaints);
    free_clients();
    bouncer_stop();
}
END_TEST

static bool is_about_statements(const struct evpg_error *error)
{
    const char *state = evpg_error_sqlstate(error);

    return strcmp(state, "26000") == 0 || strcmp(state, "42P05") == 0;
}

/* Three transactions of each client in turn, so that it meets either session; how many have failed
 * because of a statement. */
static int fail_in_transactions(void)
{
    int failures = 0;

    for (int i = 0; i < 60; i++) {
        struct outcome *outcome;

        db = clients[i / 3 % N_CLIENTS];
        query("begin", EVPG_NO_PARAMS);
        outcome = query("select $1::int4 * 2", EVPG_PARAMS(evpg_int32(i)));
        query("rollback", EVPG_NO_PARAMS);
        await_all();
        if (outcome->error) {
            ck_assert(is_about_statements(outcome->error));
            ck_assert_int_eq(evpg_error_fate(outcome->error), EVPG_FATE_NOT_EXECUTED);
            failures++;
        } else {
            ck_assert_int_eq(atoi(cell(outcome, 0, 0)), 2 * i);
        }
    }
    return failures;
}

/* 0: with none prepared; 1: neither that nor a pooler that knows; 2: a pooler that knows. */
START_TEST(in_transactions)
{
    if (_i == 2)
        start_knowing(2);
    else
        start_ignorant(2);
    open_clients(_i == 0 ? -1 : 0);
    if (_i == 1)
        ck_assert_int_gt(fail_in_transactions(), 0);
    else
        ck_assert_int_eq(fail_in_transactions(), 0);
    free_clients();
    bouncer_stop();
}
END_TEST

static int32_t types[2];

static void note_description(const struct evpg_result *result, void *arg)
{
    (void)arg;
    ck_assert_ptr_null(evpg_result_error(result));
    ck_assert_int_eq(evpg_result_params(result), 2);
    types[0] = (int32_t)evpg_result_param_type(result, 0);
    types[1] = (int32_t)evpg_result_column_type(result, 0);
}

/* What is described is no statement of the session's, so any session will do. */
START_TEST(described)
{
    static const char sql[] = "select $1::int8 + $2::int2";

    if (_i == 0)
        start_ignorant(2);
    else
        start_knowing(2);
    open_clients(_i == 0 ? -1 : 0);
    for (int i = 0; i < 10; i++) {
        struct outcome *sum;

        db = clients[i % N_CLIENTS];
        memset(types, 0, sizeof(types));
        ck_assert_ptr_nonnull(evpg_prepare(db, sql, NULL, 0, note_description, NULL));
        sum = query(sql, EVPG_PARAMS(evpg_text("40"), evpg_text("2")));
        await_all();
        ck_assert_outcome_ok(sum);
        ck_assert_str_eq(cell(sum, 0, 0), "42");
        ck_assert(types[0] == 20 && types[1] == 20);
    }
    free_clients();
    bouncer_stop();
}
END_TEST

/* The connections are lost and opened again, and nothing of before is taken for still there. */
START_TEST(the_pooler_is_restarted)
{
    struct outcome *lost, *again;

    start_ignorant(1);
    open_clients(_i == 0 ? -1 : 0);
    db = clients[0];
    query("select 1 as restarted", EVPG_NO_PARAMS);
    await_all();
    check_all_succeeded();
    lost = query("select pg_sleep(30)", EVPG_NO_PARAMS);
    run_for(50);
    bouncer_stop();
    await_all();
    ck_assert_int_eq(evpg_error_code(lost->error), EVPG_E_LOST);
    start_ignorant(1);
    n_openings = 0;
    ck_assert_ptr_nonnull(evpg_open(db, note_opening, NULL));
    ck_assert(await_flag(&n_openings, 10000));
    ck_assert_ptr_null(open_error);
    again = query("select 1 as restarted", EVPG_NO_PARAMS);
    await_all();
    ck_assert_outcome_ok(again);
    free_clients();
    bouncer_stop();
}
END_TEST

/* One session for two clients: canceling the one that has it, however often, never stops the other,
 * which gets it next. */
START_TEST(ca10_cancels_hit_nobody_else)
{
    start_ignorant(1);
    open_clients(-1);
    for (int round = 0; round < sized(5, 50); round++) {
        struct outcome *slow, *next;

        db = clients[0];
        slow = query("select pg_sleep(5)", EVPG_NO_PARAMS);
        run_for(20);
        db = clients[1];
        next = query("select 'next' from pg_sleep(0.05)", EVPG_NO_PARAMS);
        run_for(20);
        ck_assert_int_eq(next->completions, 0);
        for (int i = 0; i < 100; i++)
            evpg_request_cancel(slow->request);
        await_all();
        ck_assert_int_eq(evpg_error_code(slow->error), EVPG_E_CANCELED);
        ck_assert_outcome_ok(next);
        ck_assert_str_eq(cell(next, 0, 0), "next");
    }
    free_clients();
    bouncer_stop();
}
END_TEST

/* Whoever waits for a session is not stopped by the pooler, but asked for again when it has one;
 * and whoever has the session meanwhile is left alone. */
START_TEST(canceled_before_it_has_a_session)
{
    struct outcome *first, *waits;
    double start;

    start_ignorant(1);
    open_clients(-1);
    db = clients[0];
    first = query("select 'first' from pg_sleep(0.6)", EVPG_NO_PARAMS);
    run_for(20);
    db = clients[1];
    waits = query("select pg_sleep(20)", EVPG_NO_PARAMS);
    run_for(20);
    start = now_ms();
    evpg_request_cancel(waits->request);
    await_all();
    ck_assert(now_ms() - start < 8000);
    ck_assert_outcome_ok(first);
    ck_assert_int_eq(evpg_error_code(waits->error), EVPG_E_CANCELED);
    free_clients();
    bouncer_stop();
}
END_TEST

/* In session mode a listener has a session of its own, also by way of the pooler; and comes back
 * when that has been away. */
START_TEST(a_listener)
{
    struct ear *ear;

    bouncer_start("pool_mode = session\n");
    begin(ALONE);
    hearing_begin_at(bouncer_conninfo(),
                     &EVPG_LISTENER_CONFIG(.reconnect_min_ms = 20, .probe_interval_ms = 50));
    ear = hear("here");
    await_ready(ear, 1);
    notify("here", "a");
    await_heard(ear, 1);
    bouncer_stop();
    bouncer_start("pool_mode = session\n");
    await_ready(ear, 2);
    notify("here", "b");
    await_heard(ear, 2);
    run_for(200);
    ck_assert_str_eq(ear->all, "a b ");
    ck_assert_int_eq(ear->n_ready, 2);
    hearing_end();
    bouncer_stop();
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("db_bouncer");
    TCase *tcase = tcase_create("bouncer");
    bool knows;

    if (!bouncer_is_here())
        return 0;
    knows = bouncer_version() >= NEW_ENOUGH;
    if (!knows)
        puts("# this PgBouncer knows nothing of prepared statements");
    tcase_set_timeout(tcase, 60);
    tcase_add_loop_test(tcase, pr17_nothing_is_prepared, 0, 4);
    tcase_add_loop_test(tcase, pr17_prepared_where_the_pooler_knows, knows ? 0 : 4, 4);
    tcase_add_loop_test(tcase, prepared_where_it_does_not, 0, 4);
    tcase_add_loop_test(tcase, in_transactions, 0, knows ? 3 : 2);
    tcase_add_loop_test(tcase, described, 0, knows ? 2 : 1);
    tcase_add_loop_test(tcase, the_pooler_is_restarted, 0, 2);
    tcase_add_test(tcase, ca10_cancels_hit_nobody_else);
    tcase_add_test(tcase, canceled_before_it_has_a_session);
    tcase_add_test(tcase, a_listener);
    suite_add_tcase(suite, tcase);
    return run_suite(suite, true);
}
