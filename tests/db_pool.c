/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * db_pool: a pool runs requests on several connections; PO01, PO04, PO05, PO12.
 *
 * The counterpart of lib/pool.c, lib/pool_dispatch.c and lib/pool_slots.c.
 */
#include "oracle.h"

#include <errno.h>
#include <stdio.h>
#include <unistd.h>

/* How many sessions there are, or have been, of this name. */
static int n_sessions(const char *name)
{
    char sql[160], *count;
    int n;

    snprintf(sql, sizeof(sql),
             "select count(*) from pg_stat_activity where application_name = '%s'", name);
    count = admin(sql);
    n = atoi(count);
    free(count);
    return n;
}

static const char named[] = "application_name=pooled";

/* How many different values there are among the first cells. */
static int n_different(struct outcome *const *outcomes, int n)
{
    int different = 0;

    for (int i = 0; i < n; i++) {
        bool is_new = true;

        for (int j = 0; j < i && is_new; j++)
            is_new = strcmp(cell(outcomes[i], 0, 0), cell(outcomes[j], 0, 0)) != 0;
        different += is_new;
    }
    return different;
}

START_TEST(po01_queries_before_any_connection_is_up)
{
    struct outcome *pid[4];

    begin_pool(_i, &EVPG_POOL_CONFIG(.max_connections = 2));
    for (int i = 0; i < 4; i++)
        pid[i] = query("select pg_backend_pid()::text", EVPG_NO_PARAMS);
    await_all();
    check_all_succeeded();
    ck_assert_int_le(n_different(pid, 4), 2);
    end();
}
END_TEST

/* One after the other, one connection is enough. */
START_TEST(uses_the_idle_one_again)
{
    struct outcome *pid[10];

    begin_pool(_i, NULL);
    for (int i = 0; i < 10; i++) {
        pid[i] = query("select pg_backend_pid()::text", EVPG_NO_PARAMS);
        await_all();
        run_for(5);
        if (i == 0 && _i == PIPELINED)
            run_for(200);
    }
    check_all_succeeded();
    if (_i != PIPELINED)
        ck_assert_int_eq(n_different(pid, 10), 1);
    end();
}
END_TEST

/* Many at once, each with an answer of its own; never more connections than there may be. */
START_TEST(runs_many_at_once)
{
    enum { N = 300 };
    struct outcome *echo[N];
    char text[32];

    begin_pool(_i, &EVPG_POOL_CONFIG(.max_connections = 3));
    for (int round = 0; round < 3; round++) {
        for (int i = 0; i < N; i++) {
            snprintf(text, sizeof(text), "%d/%d", round, i);
            echo[i] = query("select $1", EVPG_PARAMS(evpg_text(text)));
        }
        await_all();
        for (int i = 0; i < N; i++) {
            snprintf(text, sizeof(text), "%d/%d", round, i);
            ck_assert_outcome_ok(echo[i]);
            ck_assert_str_eq(cell(echo[i], 0, 0), text);
        }
    }
    end();
}
END_TEST

START_TEST(never_more_connections_than_it_may)
{
    begin_pool_at(named, &EVPG_POOL_CONFIG(.max_connections = 3));
    for (int i = 0; i < 500; i++)
        query("select pg_sleep(0.001)", EVPG_NO_PARAMS);
    while (!all_done()) {
        turn();
        ck_assert_int_le(n_sessions("pooled"), 3);
    }
    ck_assert_int_eq(n_sessions("pooled"), 3);
    check_all_succeeded();
    end();
}
END_TEST

/* A quick one never waits for a slow one where another connection can be had. */
START_TEST(does_not_queue_behind_a_slow_one)
{
    struct outcome *slow[2], *quick[20];

    begin_pool(ALONE, &EVPG_POOL_CONFIG(.max_connections = 3));
    for (int i = 0; i < 2; i++)
        slow[i] = query("select pg_sleep(1)", EVPG_NO_PARAMS);
    run_for(200);
    for (int i = 0; i < 20; i++)
        quick[i] = query("select 1", EVPG_NO_PARAMS);
    await_all();
    check_all_succeeded();
    for (int i = 0; i < 20; i++)
        for (int j = 0; j < 2; j++)
            ck_assert_int_lt(quick[i]->order, slow[j]->order);
    end();
}
END_TEST

/* And where all are slow it is behind one of them that it comes. */
START_TEST(queues_behind_slow_ones_where_there_are_no_others)
{
    struct outcome *quick;
    double start;

    begin_pool(ALONE, &EVPG_POOL_CONFIG(.max_connections = 2));
    for (int i = 0; i < 2; i++)
        query("select pg_sleep(0.6)", EVPG_NO_PARAMS);
    run_for(300);
    start = now_ms();
    quick = query("select 1", EVPG_NO_PARAMS);
    await_all();
    check_all_succeeded();
    ck_assert(now_ms() - start < 1000);
    ck_assert_int_eq(quick->n_rows, 1);
    end();
}
END_TEST

/* One that needs its connection to itself gets it, however busy all are. */
static struct outcome *busy_with;
static int n_left;

static void submit_another(const struct evpg_result *result, struct outcome *outcome)
{
    (void)result;
    (void)outcome;
    if (n_left-- > 0 && busy_with->completions == 0) {
        struct outcome *another = new_outcome();

        another->on_done = submit_another;
        submit(another, "select pg_sleep(0.002)", EVPG_NO_PARAMS);
    }
}

START_TEST(serves_one_that_goes_alone_among_many)
{
    begin_pool(ALONE, &EVPG_POOL_CONFIG(.max_connections = 2, .max_requests_per_connection = 4));
    n_left = 2000;
    busy_with = new_outcome();
    for (int i = 0; i < 30; i++) {
        struct outcome *one = new_outcome();

        one->on_done = submit_another;
        submit(one, "select pg_sleep(0.002)", EVPG_NO_PARAMS);
    }
    run_for(100);
    ck_assert_int_gt(n_left, 0);
    if (_i == 0)
        submit(busy_with, "do $$begin perform pg_sleep(0.01); end$$", EVPG_NO_PARAMS);
    else if (_i == 1)
        submit_script(busy_with, "select 1; select 2");
    else
        evpg_request_set_flags(submit(busy_with, "select 3", EVPG_NO_PARAMS),
                               _i == 2 ? EVPG_EXCLUSIVE : EVPG_MAY_PAUSE);
    await_all();
    ck_assert_int_gt(n_left, 0);
    check_all_succeeded();
    end();
}
END_TEST

/* A pause holds nobody else up. */
static struct evpg_request *paused;

static enum evpg_flow pause_at_first(const struct evpg_row *row, struct outcome *outcome)
{
    if (outcome->n_rows > 1)
        return EVPG_NEXT;
    paused = evpg_row_request(row);
    return EVPG_PAUSE;
}

START_TEST(pauses_alone)
{
    struct outcome *pausing = new_outcome();

    begin_pool(_i, &EVPG_POOL_CONFIG(.max_connections = 2));
    paused = NULL;
    pausing->on_row = pause_at_first;
    evpg_request_set_flags(submit(pausing, "select generate_series(1, 10)", EVPG_NO_PARAMS),
                           EVPG_MAY_PAUSE | (_i == BINARY ? EVPG_BINARY : 0));
    while (!paused)
        turn();
    for (int i = 0; i < 100; i++)
        query("select 1", EVPG_NO_PARAMS);
    run_for(300);
    ck_assert_int_eq(pausing->completions, 0);
    evpg_request_resume(paused);
    await_all();
    check_all_succeeded();
    ck_assert_int_eq(pausing->n_rows, 10);
    end();
}
END_TEST

START_TEST(po04_bounds)
{
    struct outcome *over = new_outcome();

    begin_pool(ALONE, &EVPG_POOL_CONFIG(.max_connections = 1, .max_requests_per_connection = 1,
                                        .max_queued_requests = 3));
    query("select pg_sleep(0.3)", EVPG_NO_PARAMS);
    run_for(100);
    for (int i = 0; i < 3; i++)
        query("select 1", EVPG_NO_PARAMS);
    errno = 0;
    ck_assert_ptr_null(submit(over, "select 1", EVPG_NO_PARAMS));
    ck_assert_int_eq(errno, ENOBUFS);
    ck_assert_str_eq(last_log(), "max_queued_requests (3) is reached");
    await_all();
    query("select 1", EVPG_NO_PARAMS);
    await_all();
    end();
}
END_TEST

START_TEST(bound_in_bytes)
{
    struct outcome *over = new_outcome();
    char *big = calloc(1, 100000);

    memset(big, 'a', 99999);
    begin_pool(ALONE, &EVPG_POOL_CONFIG(.max_queued_bytes = 350000));
    for (int i = 0; i < 3; i++)
        query("select length($1)", EVPG_PARAMS(evpg_text(big)));
    ck_assert_ptr_null(submit(over, "select length($1)", EVPG_PARAMS(evpg_text(big))));
    ck_assert_int_eq(errno, ENOBUFS);
    ck_assert_ptr_nonnull(strstr(last_log(), "max_queued_bytes"));
    await_all();
    query("select length($1)", EVPG_PARAMS(evpg_text(big)));
    await_all();
    free(big);
    end();
}
END_TEST

static void check_refused(const char *sql)
{
    struct outcome *refused = new_outcome();

    errno = 0;
    ck_assert_ptr_null(submit(refused, sql, EVPG_NO_PARAMS));
    ck_assert_int_eq(errno, EINVAL);
    ck_assert_ptr_nonnull(strstr(last_log(), "lease"));
    refused = new_outcome();
    ck_assert_ptr_null(submit_script(refused, sql));
    ck_assert_int_eq(errno, EINVAL);
}

START_TEST(refuses_what_needs_a_session)
{
    begin_pool(ALONE, NULL);
    check_refused("begin");
    check_refused(" /* x */ START transaction");
    check_refused("commit");
    check_refused("rollback to a");
    check_refused("savepoint a");
    check_refused("listen news");
    check_refused("unlisten *");
    ck_assert_ptr_null(evpg_open(db, NULL, NULL));
    ck_assert_int_eq(errno, EINVAL);
    ck_assert_ptr_nonnull(strstr(last_log(), "opened"));
    ck_assert_ptr_null(evpg_pgconn(db));
    ck_assert_ptr_null(evpg_parameter(db, "server_version"));
    evpg_setcb(db, NULL, NULL, NULL);
    ck_assert_ptr_nonnull(strstr(last_log(), "callbacks"));
    query("select 1", EVPG_NO_PARAMS);
    await_all();
    end();
}
END_TEST

/* What a script leaves behind is no transaction. */
START_TEST(leaves_no_transaction_behind)
{
    struct outcome *script = new_outcome(), *after;

    begin_pool(_i, &EVPG_POOL_CONFIG(.max_connections = 1));
    submit_script(script, "select 1; begin; create table left_behind(a int)");
    after = query("select to_regclass('left_behind') is null", EVPG_NO_PARAMS);
    await_all();
    ck_assert_outcome_ok(script);
    ck_assert_outcome_ok(after);
    ck_assert_str_eq(cell(after, 0, 0), "t");
    end();
}
END_TEST

START_TEST(cancels_what_waits)
{
    struct outcome *canceled;

    begin_pool(ALONE, &EVPG_POOL_CONFIG(.max_connections = 1));
    canceled = query("select 1", EVPG_NO_PARAMS);
    evpg_request_cancel(canceled->request);
    ck_assert_int_eq(canceled->completions, 0);
    await_all();
    ck_assert_int_eq(evpg_error_code(canceled->error), EVPG_E_CANCELED);
    ck_assert_int_eq(evpg_error_fate(canceled->error), EVPG_FATE_NOT_SENT);
    canceled = query("select 1", EVPG_NO_PARAMS);
    abandon(canceled);
    run_for(50);
    end();
}
END_TEST

START_TEST(po05_nobody_is_there)
{
    char conninfo[80];
    int port, fd;
    double start;

    fd = deaf_listener(&port);
    close(fd);
    snprintf(conninfo, sizeof(conninfo), "host=127.0.0.1 port=%d", port);
    begin_pool_at(conninfo, &EVPG_POOL_CONFIG(.max_connections = 1));
    start = now_ms();
    query("select 1", EVPG_NO_PARAMS);
    query("select 2", EVPG_NO_PARAMS);
    submit_script(new_outcome(), "select 1; select 2");
    await_all();
    ck_assert(now_ms() - start < 500);
    check_all_failed(EVPG_E_CONNECT, EVPG_FATE_NOT_SENT, EVPG_PHASE_CONNECTING);
    evpg_free(db);
    db = NULL;
    end();
}
END_TEST

START_TEST(po12_an_idle_connection_has_died)
{
    struct outcome *before, *after;
    char sql[80];

    begin_pool(_i, &EVPG_POOL_CONFIG(.max_connections = 1));
    before = query("select pg_backend_pid()::text", EVPG_NO_PARAMS);
    await_all();
    snprintf(sql, sizeof(sql), "select pg_terminate_backend(%s, 5000)", cell(before, 0, 0));
    free(admin(sql));
    if (_i == PIPELINED)
        run_for(10);
    if (_i == FRAGMENTED_1 || _i == FRAGMENTED_1021)
        run_for(500); /* the proxy, which runs in this loop, has the server's last words */
    after = query("select pg_backend_pid()::text", EVPG_NO_PARAMS);
    await_all();
    ck_assert_outcome_ok(after);
    ck_assert_str_ne(cell(after, 0, 0), cell(before, 0, 0));
    end();
}
END_TEST

/* Types that were looked up are the pool's. */
START_TEST(learns_types)
{
    struct outcome *found = new_outcome();

    begin_pool(ALONE, NULL);
    submit_look_up(found, "point", 0);
    await_all();
    ck_assert_outcome_ok(found);
    ck_assert_ptr_nonnull(evpg_type_named(db, "point"));
    end();
}
END_TEST

static int n_notices;

static void on_notice(struct evpg_db *noticed, const struct evpg_error *notice, void *arg)
{
    (void)arg;
    ck_assert_ptr_eq(noticed, db);
    ck_assert_ptr_nonnull(strstr(evpg_error_message(notice), "hear"));
    n_notices++;
}

static void on_parameter(struct evpg_db *told, const char *name, const char *value, void *arg)
{
    (void)value;
    ck_assert_ptr_eq(told, db);
    if (strcmp(name, "server_version") == 0)
        ++*(int *)arg;
}

START_TEST(hooks_name_the_pool)
{
    static int n_versions;

    n_notices = n_versions = 0;
    begin_pool(ALONE, NULL);
    evpg_set_hooks(db, &EVPG_HOOKS(.notice = on_notice, .parameter = on_parameter), &n_versions);
    query("do $$begin raise notice 'hear'; end$$", EVPG_NO_PARAMS);
    await_all();
    ck_assert_int_eq(n_notices, 1);
    ck_assert_int_eq(n_versions, 1);
    end();
}
END_TEST

START_TEST(constructor_refuses)
{
    base = event_base_new();
    ck_assert_ptr_null(evpg_pool_new(NULL, "", NULL));
    ck_assert_int_eq(errno, EINVAL);
    ck_assert_ptr_null(evpg_pool_new(base, "", &EVPG_POOL_CONFIG(.max_connections = -1)));
    ck_assert_int_eq(errno, EINVAL);
    db = evpg_pool_new(base, "", NULL);
    ck_assert_ptr_nonnull(db);
    ck_assert_int_eq(event_base_dispatch(base), 1); /* nothing is pending */
    evpg_free(db);
    db = NULL;
    end();
}
END_TEST

static Suite *make_suite(void)
{
    Suite *suite = suite_create("db_pool");
    TCase *tcase = tcase_create("pool");

    tcase_set_timeout(tcase, sized(60, 300));
    tcase_add_loop_test(tcase, po01_queries_before_any_connection_is_up, 0, N_MODES);
    tcase_add_loop_test(tcase, uses_the_idle_one_again, 0, N_MODES);
    tcase_add_loop_test(tcase, runs_many_at_once, 0, N_LARGE_MODES);
    tcase_add_test(tcase, never_more_connections_than_it_may);
    tcase_add_test(tcase, does_not_queue_behind_a_slow_one);
    tcase_add_test(tcase, queues_behind_slow_ones_where_there_are_no_others);
    tcase_add_loop_test(tcase, serves_one_that_goes_alone_among_many, 0, 4);
    tcase_add_loop_test(tcase, pauses_alone, 0, N_MODES);
    tcase_add_test(tcase, po04_bounds);
    tcase_add_test(tcase, bound_in_bytes);
    tcase_add_test(tcase, refuses_what_needs_a_session);
    tcase_add_loop_test(tcase, leaves_no_transaction_behind, 0, N_MODES);
    tcase_add_test(tcase, cancels_what_waits);
    tcase_add_test(tcase, po05_nobody_is_there);
    tcase_add_loop_test(tcase, po12_an_idle_connection_has_died, 0, N_MODES);
    tcase_add_test(tcase, learns_types);
    tcase_add_test(tcase, hooks_name_the_pool);
    tcase_add_test(tcase, constructor_refuses);
    suite_add_tcase(suite, tcase);
    return suite;
}

int main(void)
{
    return run_suite(make_suite(), true);
}
