/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * db_batch_lost: batches that are not answered as they should be: the connection is lost at each
 * step, F01, F02, F08, F09; they are canceled, timed out, closed.
 *
 * A step is a pass of the loop, and the server's bytes come in small pieces, for many of them. A
 * ledger shows whether the fates are true, and that a batch is done as a whole or not at all.
 */
#include "batching.h"
#include "oracle.h"
#include "proxy.h"
#include "server.h"

#include <libpq-fe.h>
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

enum ending { RESET, CLOSE, HALF_CLOSE, TERMINATE, CANCEL, LATE, FREE, SHUT, N_ENDINGS };
enum { PIECE = 24, MEMBERS = 6, MOST_STEPS = 400 };

static struct proxy *proxy;
static struct outcome *first, *second, *before, *after;

static struct outcome *ledger_batch(void)
{
    begin_batch();
    for (int i = 0; i < MEMBERS; i++) {
        struct outcome *outcome = new_outcome();

        add_member(outcome, LEDGER_SQL, EVPG_PARAMS(evpg_int64(ledger_enter(outcome))));
    }
    return submit_batch();
}

/* All members are told the same, but that one may be told why. */
static void check_whole(const struct outcome *all)
{
    char sql[100], *text;
    int start = all->number, n;

    snprintf(sql, sizeof(sql), "select count(*) from ledger where op >= %d and op < %d", start,
             start + MEMBERS);
    text = admin(sql);
    n = atoi(text);
    free(text);
    ck_assert_msg(n == 0 || n == MEMBERS, "%d of %d were done", n, MEMBERS);
    if (!all->error)
        ck_assert_int_eq(n, MEMBERS);
    else if (evpg_error_fate(all->error) != EVPG_FATE_UNKNOWN)
        ck_assert_int_eq(n, 0);
}

static void submit_session(void)
{
    int number;

    before = ledger_submit(1);
    number = before->number + 1;
    first = ledger_batch();
    first->number = number;
    after = ledger_submit(1);
    number = after->number + 1;
    second = ledger_batch();
    second->number = number;
}

static void end_it(enum ending ending)
{
    switch (ending) {
    case RESET:
        proxy_reset(proxy);
        break;
    case CLOSE:
        proxy_close(proxy);
        break;
    case HALF_CLOSE:
        proxy_half_close(proxy);
        break;
    case TERMINATE:
        server_signal(PQbackendPID(evpg_pgconn(db)), SIGTERM);
        break;
    case CANCEL:
        if (first->completions == 0)
            evpg_request_cancel(first->request);
        break;
    case LATE:
        if (first->completions == 0)
            evpg_request_set_timeout(first->request, 1);
        break;
    case SHUT:
        evpg_close(db, 0, NULL, NULL);
        break;
    default:
        evpg_free(db);
        db = NULL;
    }
}

static void begin_session(void)
{
    char conninfo[128];

    base = NULL;
    begin_closed("", NULL);
    evpg_free(db);
    proxy = proxy_new(base, getenv("PGHOST"), getenv("PGPORT"));
    proxy->settings.piece = PIECE;
    snprintf(conninfo, sizeof(conninfo), "host=127.0.0.1 port=%d sslmode=disable",
             proxy_port(proxy));
    db = evpg_conn_new(base, conninfo, NULL);
    ck_assert_ptr_nonnull(evpg_open(db, note_opening, NULL));
    while (n_openings == 0)
        turn();
    n_openings = 0;
}

static bool is_lost(enum ending ending)
{
    return ending != CANCEL && ending != LATE;
}

/* True: that step was within the session. */
static bool run_session(enum ending ending, int step)
{
    bool within = false;
    int i = 0;

    begin_session();
    ledger_begin();
    submit_session();
    for (; !all_done() && i < step; i++)
        turn();
    if (!all_done()) {
        within = true;
        end_it(ending);
    }
    await_all();
    if (is_lost(ending) && within) {
        evpg_free(db);
        db = NULL;
    }
    run_for(0);
    check_order(second);
    check_whole(first);
    check_whole(second);
    ledger_check();
    end();
    return within;
}

START_TEST(ended_at_each_step)
{
    int step = 0;

    while (step < MOST_STEPS && run_session(_i, step))
        step += step < 40 ? 1 : sized(3, 1);
    printf("# ending %d: %d steps\n", _i, step);
    ck_assert_int_gt(step, 20);
    ck_assert_int_lt(step, MOST_STEPS);
}
END_TEST

/* The stream ends before the k-th byte after the login. True: it was so long. */
static bool run_cut(bool by_reset, int64_t k)
{
    bool within;

    begin_session();
    ledger_begin();
    submit_session();
    proxy->settings.piece = 0;
    proxy->settings.cut_by_reset = by_reset;
    proxy->settings.cut_at = (int64_t)proxy->counters.to_client + k;
    await_all();
    within = after->error || second->error;
    check_order(second);
    check_whole(first);
    check_whole(second);
    ledger_check();
    if (within || proxy->counters.live == 0) {
        evpg_free(db);
        db = NULL;
    }
    proxy->settings.cut_at = -1;
    end();
    return within;
}

START_TEST(cut_before_each_byte)
{
    int64_t k = _i;

    while (run_cut(_i, k))
        k += sized(5, 1);
    printf("# cut at %d bytes\n", (int)k);
    ck_assert_int_gt(k, 300);
}
END_TEST

/* The server says why, and each is told once. */
START_TEST(f01_f02_in_a_member)
{
    struct outcome *all;

    begin(ALONE);
    ledger_begin();
    find_backend();
    heart_start();
    begin_batch();
    for (int i = 0; i < MEMBERS; i++) {
        struct outcome *outcome = new_outcome();

        add_member(outcome, LEDGER_SQL, EVPG_PARAMS(evpg_int64(ledger_enter(outcome))));
    }
    member("select pg_sleep(30)", EVPG_NO_PARAMS);
    member("select 1", EVPG_NO_PARAMS);
    all = submit_batch();
    run_for(100);
    server_signal(backend_pid(), _i == 0 ? SIGKILL : SIGTERM);
    await_all();
    heart_stop();
    check_order(all);
    for (int i = 1; i <= n_members(); i++) {
        ck_assert_failed_as(member_at(i), EVPG_E_LOST, EVPG_FATE_UNKNOWN);
        ck_assert_str_eq(evpg_error_sqlstate(member_at(i)->error), _i == 0 ? "08006" : "57P01");
    }
    ck_assert_failed_as(all, EVPG_E_LOST, EVPG_FATE_UNKNOWN);
    server_await();
    ck_assert_int_eq(ledger_check(), 0);
    evpg_free(db);
    db = NULL;
    end();
}
END_TEST

START_TEST(canceled_while_it_runs)
{
    struct outcome *all, *behind;

    begin(_i);
    begin_batch();
    member("select 1", EVPG_NO_PARAMS);
    member("select pg_sleep(30)", EVPG_NO_PARAMS);
    member("select 2", EVPG_NO_PARAMS);
    all = submit_batch();
    behind = query("select 'behind'", EVPG_NO_PARAMS);
    run_for(100);
    evpg_request_cancel(all->request);
    await_all();
    check_order(all);
    ck_assert_failed_as(member_at(1), EVPG_E_ABORTED, EVPG_FATE_NOT_EXECUTED);
    ck_assert_failed_as(member_at(2), EVPG_E_CANCELED, EVPG_FATE_NOT_EXECUTED);
    ck_assert_failed_as(member_at(3), EVPG_E_ABORTED, EVPG_FATE_NOT_EXECUTED);
    ck_assert_failed_as(all, EVPG_E_CANCELED, EVPG_FATE_NOT_EXECUTED);
    ck_assert_says(all, "member 2 of 3 (select pg_sleep(30)): ERROR 57014");
    ck_assert_outcome_ok(behind);
    end();
}
END_TEST

START_TEST(canceled_before_it_is_sent)
{
    struct outcome *all;

    begin(_i);
    begin_batch();
    member("select 1", EVPG_NO_PARAMS);
    member("select 2", EVPG_NO_PARAMS);
    all = submit_batch();
    evpg_request_cancel(all->request);
    ck_assert_int_eq(all->completions, 0);
    await_all();
    check_order(all);
    check_all_failed(EVPG_E_CANCELED, EVPG_FATE_NOT_SENT, EVPG_PHASE_QUEUED);
    end();
}
END_TEST

/* Told at its deadline; its answer, when it comes, is nobody's. */
START_TEST(late)
{
    struct outcome *all, *behind;
    double start = now_ms();

    begin(_i);
    begin_batch();
    member("select generate_series(1, 10)", EVPG_NO_PARAMS);
    member("select pg_sleep(30)", EVPG_NO_PARAMS);
    member_kept("select 2", EVPG_NO_PARAMS);
    all = submit_batch();
    evpg_request_set_timeout(all->request, 100);
    behind = query("select 'behind'", EVPG_NO_PARAMS);
    await_all();
    ck_assert_msg(now_ms() - start < 5000, "%.0f ms", now_ms() - start);
    check_order(all);
    for (int i = 1; i <= 3; i++) {
        ck_assert_failed_as(member_at(i), EVPG_E_TIMEOUT, EVPG_FATE_UNKNOWN);
        ck_assert_says(member_at(i), "not done within 100 ms");
    }
    ck_assert_failed_as(all, EVPG_E_TIMEOUT, EVPG_FATE_UNKNOWN);
    ck_assert_outcome_ok(behind);
    end();
}
END_TEST

/* Rows that nobody wanted any more are missing; what was done is done. */
START_TEST(canceled_too_late)
{
    struct outcome *all;

    begin(ALONE);
    begin_batch();
    member("select 1", EVPG_NO_PARAMS);
    member("select generate_series(1, 300000)", EVPG_NO_PARAMS);
    all = submit_batch();
    while (member_at(2)->n_rows == 0)
        turn();
    usleep(400000); /* the server has sent it all, or waits for us to read */
    evpg_request_cancel(all->request);
    await_all();
    check_order(all);
    if (evpg_error_fate(all->error) == EVPG_FATE_EXECUTED) {
        ck_assert_outcome_ok(member_at(1));
        ck_assert_failed_as(member_at(2), EVPG_E_CANCELED, EVPG_FATE_EXECUTED);
    } else {
        ck_assert_failed_as(member_at(2), EVPG_E_CANCELED, EVPG_FATE_NOT_EXECUTED);
    }
    ck_assert_failed_as(all, EVPG_E_CANCELED, evpg_error_fate(member_at(2)->error));
    end();
}
END_TEST

START_TEST(abandoned)
{
    struct outcome *all, *members[3];

    begin(_i);
    begin_batch();
    for (int i = 0; i < 3; i++)
        members[i] = member(i == 1 ? "select pg_sleep(0.1)" : "select generate_series(1, 3)",
                            EVPG_NO_PARAMS);
    all = submit_batch();
    if (_i % 2)
        run_for(50);
    for (int i = 0; i < 3; i++)
        forget_outcome(members[i]);
    abandon(all);
    query("select 'behind'", EVPG_NO_PARAMS);
    await_all();
    end();
}
END_TEST

static int batches_left;

static void submit_thousand(const struct evpg_result *result, struct outcome *outcome)
{
    struct evpg_batch *batch;

    (void)outcome;
    if (result)
        ck_assert_ptr_null(evpg_result_error(result));
    if (batches_left-- == 0)
        return;
    outcome = new_outcome();
    outcome->on_done = submit_thousand;
    batch = evpg_batch_new(db);
    for (int i = 0; i < EVPG_BATCH_MOST; i++)
        evpg_batch_add(batch, "select $1", EVPG_PARAMS(evpg_int32(i)), NULL, NULL, NULL);
    ck_assert_ptr_nonnull(note_submit(outcome, evpg_batch_submit(batch, record_done, outcome)));
}

/* The largest that there may be do not hold up the loop. */
START_TEST(the_largest_and_a_heartbeat)
{
    begin(ALONE);
    batches_left = 50;
    heart_start();
    submit_thousand(NULL, NULL);
    await_all();
    heart_stop();
    check_all_succeeded();
    end();
}
END_TEST

static void add_tests(Suite *suite)
{
    TCase *steps = tcase_create("steps");
    TCase *faults = tcase_create("faults");

    tcase_set_timeout(steps, sized(120, 600));
    tcase_set_timeout(faults, 60);
    tcase_add_loop_test(steps, ended_at_each_step, 0, N_ENDINGS);
    tcase_add_loop_test(steps, cut_before_each_byte, 0, 2);
    tcase_add_loop_test(faults, f01_f02_in_a_member, 0, 2);
    tcase_add_loop_test(faults, canceled_while_it_runs, 0, N_MODES);
    tcase_add_loop_test(faults, canceled_before_it_is_sent, 0, 1);
    tcase_add_loop_test(faults, late, 0, N_MODES);
    tcase_add_test(faults, canceled_too_late);
    tcase_add_test(faults, the_largest_and_a_heartbeat);
    tcase_add_loop_test(faults, abandoned, 0, N_MODES);
    suite_add_tcase(suite, steps);
    suite_add_tcase(suite, faults);
}

int main(void)
{
    Suite *suite = suite_create("db_batch_lost");

    add_tests(suite);
    return run_suite(suite, true);
}
