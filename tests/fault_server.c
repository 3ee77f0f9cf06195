/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * fault_server: a real server that dies, stops or restarts, in each phase of a connection: F01 to
 * F06.
 *
 * After each: one completion for each request, the ledger, the heartbeat, a marker query on a
 * connection opened again, and as many descriptors, sessions and as much memory as before. Faults
 * are signals, which the test sends without waiting, so the heartbeat is the library's alone.
 */
#include "oracle.h"
#include "server.h"

#include <signal.h>
#include <stdio.h>
#include <unistd.h>

enum phase { IDLE, QUEUED, SENT, ROWS, IN_TRANSACTION, PAUSED, CLOSING, N_PHASES };

static int n_lost, n_closed;
static enum evpg_code lost_code;
static char lost_sqlstate[6];
static struct outcome *stream;

static void on_lost(struct evpg_db *losing, const struct evpg_error *error, void *arg)
{
    (void)losing;
    (void)arg;
    n_lost++;
    lost_code = evpg_error_code(error);
    snprintf(lost_sqlstate, sizeof(lost_sqlstate), "%s", evpg_error_sqlstate(error));
}

static void on_closed(struct evpg_db *closed, size_t cut_off, void *arg)
{
    (void)closed;
    (void)cut_off;
    (void)arg;
    n_closed++;
}

static enum evpg_flow take_row(const struct evpg_row *row, struct outcome *outcome)
{
    (void)row;
    return outcome->number == PAUSED && outcome->n_rows == 1000 ? EVPG_PAUSE : EVPG_NEXT;
}

static void start_stream(enum phase phase)
{
    stream = new_outcome();
    stream->on_row = take_row;
    stream->discard = true;
    stream->number = phase;
    submit(stream, "select generate_series(1, 1000000000)", EVPG_NO_PARAMS);
    ledger_submit(5);
    while (stream->n_rows < 1000)
        turn();
    run_for(20);
}

static void start_queue(bool sent)
{
    struct outcome *sleep = new_outcome();

    submit(sleep, "select pg_sleep(30)", EVPG_NO_PARAMS);
    if (!sent)
        evpg_request_set_flags(sleep->request, EVPG_EXCLUSIVE);
    ledger_submit(20);
    run_for(30);
}

static void enter(enum phase phase)
{
    switch (phase) {
    case QUEUED:
    case SENT:
    case CLOSING:
        start_queue(phase != QUEUED);
        break;
    case ROWS:
    case PAUSED:
        start_stream(phase);
        break;
    case IN_TRANSACTION:
        query("create table if not exists unfinished (a int)", EVPG_NO_PARAMS);
        query("begin", EVPG_NO_PARAMS);
        query("insert into unfinished values (1)", EVPG_NO_PARAMS);
        await_all();
        break;
    default:
        break;
    }
    if (phase == CLOSING)
        ck_assert_int_eq(evpg_close(db, -1, on_closed, NULL), 0);
}

static void begin_phase(enum phase phase)
{
    resources_note();
    begin(ALONE);
    evpg_setcb(db, NULL, on_lost, NULL);
    find_backend();
    ledger_begin();
    ledger_submit(20);
    await_all();
    heart_start();
    enter(phase);
}

static void check_fates(enum phase phase)
{
    struct outcome *last = ledger_submit(0);

    if (phase == QUEUED) {
        ck_assert_int_eq(evpg_error_code(last->error), EVPG_E_LOST);
        ck_assert_int_eq(evpg_error_fate(last->error), EVPG_FATE_NOT_SENT);
    } else if (phase == SENT || phase == ROWS || phase == PAUSED) {
        ck_assert_int_eq(evpg_error_code(last->error), EVPG_E_LOST);
        ck_assert_int_eq(evpg_error_fate(last->error), EVPG_FATE_UNKNOWN);
    }
    if (phase == ROWS || phase == PAUSED)
        ck_assert_int_eq(evpg_error_code(stream->error), EVPG_E_LOST);
}

/* Seen at once, in whatever phase. */
static void await_loss(enum phase phase)
{
    double start = now_ms();

    ck_assert(await_flag(phase == CLOSING ? &n_closed : &n_lost, 10000));
    fprintf(stderr, "# seen after %.1f ms\n", now_ms() - start);
    await_all();
    ck_assert_int_eq(n_lost, 1);
    ck_assert_int_eq(lost_code, EVPG_E_LOST);
    ck_assert_int_eq(n_closed, phase == CLOSING);
    ck_assert_ptr_null(evpg_pgconn(db));
    run_for(30);
    ck_assert_int_eq(n_lost, 1);
}

/* A session that has no room to write does not say why it ends. */
static void check_reason(enum phase phase)
{
    if (phase != ROWS && phase != PAUSED)
        ck_assert_str_eq(lost_sqlstate, "57P01");
}

static void count_open(struct evpg_db *opened, const struct evpg_error *error, void *arg)
{
    int *outcome = arg;

    (void)opened;
    *outcome = error ? -1 : 1;
}

/* end() runs the marker query. */
static void end_phase(enum phase phase)
{
    int outcome = 0;

    check_fates(phase);
    ck_assert_ptr_nonnull(evpg_open(db, count_open, &outcome));
    ck_assert(await_flag(&outcome, 10000));
    ck_assert_int_eq(outcome, 1);
    ck_assert_int_ge(ledger_check(), 20);
    if (phase == IN_TRANSACTION) {
        struct outcome *count = query("select count(*) from unfinished", EVPG_NO_PARAMS);

        query("drop table unfinished", EVPG_NO_PARAMS);
        await_all();
        ck_assert_str_eq(cell(count, 0, 0), "0");
    }
    end();
    resources_check(4096);
}

/* All of the server's sessions end with it; it comes back by itself. */
START_TEST(f01_a_session_is_killed)
{
    begin_phase(_i);
    server_signal(backend_pid(), SIGKILL);
    await_loss(_i);
    heart_stop();
    server_await();
    end_phase(_i);
}
END_TEST

START_TEST(f02_a_session_is_terminated)
{
    begin_phase(_i);
    server_signal(backend_pid(), SIGTERM);
    await_loss(_i);
    check_reason(_i);
    heart_stop();
    end_phase(_i);
}
END_TEST

START_TEST(f03_immediate_shutdown)
{
    begin_phase(_i);
    server_signal(server_pid(), SIGQUIT);
    await_loss(_i);
    heart_stop();
    server_stop(SIGQUIT);
    server_start();
    end_phase(_i);
}
END_TEST

/* Meanwhile the connection is opened over and over: refused, or the server is starting up. */
START_TEST(f04_fast_restart)
{
    int outcome = 0;

    begin_phase(_i);
    server_signal(server_pid(), SIGINT);
    await_loss(_i);
    check_reason(_i);
    for (int i = 0; i < 5; i++) {
        outcome = 0;
        ck_assert_ptr_nonnull(evpg_open(db, count_open, &outcome));
        ck_assert(await_flag(&outcome, 10000));
        if (outcome == 1)
            break;
    }
    ck_assert_int_eq(outcome, -1);
    heart_stop();
    server_stop(SIGINT);
    server_start();
    end_phase(_i);
}
END_TEST

/* Silence: only a deadline helps, and then nothing is waited for. */
START_TEST(f05_a_session_stands_still)
{
    double start;

    begin_phase(_i);
    server_signal(backend_pid(), SIGSTOP);
    if (_i == CLOSING) {
        evpg_free(db);
        ck_assert_int_eq(n_closed, 1);
        db = NULL;
    } else {
        ledger_submit(3);
        start = now_ms();
        ck_assert_int_eq(evpg_close(db, 200, on_closed, NULL), 0);
        ck_assert(await_flag(&n_closed, 5000));
        ck_assert_double_ge(now_ms() - start, 200);
        ck_assert_double_lt(now_ms() - start, 300);
    }
    ck_assert(all_done());
    heart_stop();
    server_signal(backend_pid(), SIGTERM); /* it would find out when it has slept */
    server_signal(backend_pid(), SIGCONT);
    run_for(50);
    ledger_check();
    if (db) {
        evpg_free(db);
        db = NULL;
    }
    end();
    resources_check(4096);
}
END_TEST

/* It goes on where it was when the session does, and answers all. */
START_TEST(f05_a_session_goes_on)
{
    begin_phase(IDLE);
    server_signal(backend_pid(), SIGSTOP);
    ledger_submit(100);
    run_for(300);
    ck_assert(!all_done());
    server_signal(backend_pid(), SIGCONT);
    await_all();
    check_all_succeeded();
    heart_stop();
    ck_assert_int_eq(ledger_check(), 120);
    end();
    resources_check(4096);
}
END_TEST

static void note_code(struct evpg_db *opened, const struct evpg_error *error, void *arg)
{
    int *code = arg;

    (void)opened;
    *code = error ? (int)evpg_error_code(error) : -1;
}

/* Who is connected does not notice; who wants to connect runs into the deadline. */
START_TEST(f06_the_postmaster_stands_still)
{
    struct evpg_db *other;
    int code = 0;

    begin_phase(IDLE);
    server_signal(server_pid(), SIGSTOP);
    other = evpg_conn_new(base, "", &EVPG_CONN_CONFIG(.server_connect_timeout_ms = 300));
    ck_assert_ptr_nonnull(evpg_open(other, note_code, &code));
    ledger_submit(50);
    await_all();
    check_all_succeeded();
    ck_assert(await_flag(&code, 5000));
    ck_assert_int_eq(code, EVPG_E_TIMEOUT);
    heart_stop();
    server_signal(server_pid(), SIGCONT);
    evpg_free(other);
    ck_assert_int_eq(ledger_check(), 70);
    end();
    resources_check(4096);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("fault_server");
    TCase *tcase = tcase_create("server");

    tcase_set_timeout(tcase, 120);
    tcase_add_loop_test(tcase, f01_a_session_is_killed, 0, N_PHASES);
    tcase_add_loop_test(tcase, f02_a_session_is_terminated, 0, N_PHASES);
    tcase_add_loop_test(tcase, f03_immediate_shutdown, 0, N_PHASES);
    tcase_add_loop_test(tcase, f04_fast_restart, 0, N_PHASES);
    tcase_add_loop_test(tcase, f05_a_session_stands_still, 0, N_PHASES);
    tcase_add_test(tcase, f05_a_session_goes_on);
    tcase_add_test(tcase, f06_the_postmaster_stands_still);
    suite_add_tcase(suite, tcase);
    return run_suite(suite, true);
}
