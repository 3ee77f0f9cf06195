/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * fault_listener: a listener in each of its phases when its server, its session or its network
 * fails: F01 to F05, F08, F09, F34.
 *
 * A pool of one connection notifies numbers, one after the other, all the while. What was
 * acknowledged must have been heard, once and in order, but for what went into a gap: of the
 * numbers that were heard between one on_ready and the loss after it, none is missing in between;
 * and of those that were sent after the last on_ready, none at all.
 */
#include "hearing.h"
#include "oracle.h"
#include "server.h"
#include "standby.h"

#include <signal.h>
#include <stdio.h>

enum phase { QUIET, HEARING, LISTENING, N_PHASES };
enum { MOST = 500000 };

static struct ear *ear;
static struct proxy *proxy;
static bool sending;

/* Of each number: what became of it, and in which session of the listener's it was heard. */
static int n_sent, n_answered;
static bool acknowledged[MOST];
static int heard_in[MOST], sent_in[MOST];
static int last_heard, last_in;

static void send_one(void);

static void on_sent(const struct evpg_result *result, void *number)
{
    n_answered++;
    acknowledged[(long)number] = !evpg_result_error(result);
    if (sending)
        send_one();
}

static void send_one(void)
{
    char payload[20];

    ck_assert_int_lt(n_sent, MOST);
    snprintf(payload, sizeof(payload), "%d", n_sent);
    sent_in[n_sent] = ear->ready ? ear->n_ready : 0;
    ck_assert_ptr_nonnull(evpg_notify(db, "numbers", payload, on_sent, (void *)(long)n_sent));
    n_sent++;
}

/* Nothing twice, nothing out of order, and nothing left out of what a session has heard. */
static void on_number(struct ear *hearing)
{
    int number = atoi(hearing->payload);

    ck_assert(number >= 0 && number < n_sent);
    ck_assert_int_eq(heard_in[number], 0);
    ck_assert_int_gt(number, last_heard);
    if (last_in == hearing->n_ready)
        for (int i = last_heard + 1; i < number; i++)
            ck_assert_msg(!acknowledged[i], "%d was left out", i);
    heard_in[number] = last_in = hearing->n_ready;
    last_heard = number;
}

static bool connected;

static void on_event(struct evpg_db *observed, enum evpg_event event,
                     const struct evpg_request *request, const struct evpg_error *error, void *arg)
{
    (void)observed;
    (void)request;
    (void)error;
    (void)arg;
    connected = connected || event == EVPG_EVENT_CONNECTED;
}

/* With the numbers on their way, or not; or in the turn in which LISTEN is. */
static void begin_phase_at(enum phase phase, const char *conninfo, const char *sender)
{
    heart_start();
    db = evpg_pool_new(
        base, sender,
        &EVPG_POOL_CONFIG(.max_connections = 1, .reconnect_min_ms = 20, .reconnect_max_ms = 100));
    hearing_begin_at(conninfo,
                     &EVPG_LISTENER_CONFIG(.reconnect_min_ms = 20, .reconnect_max_ms = 100,
                                           .probe_interval_ms = 200, .probe_timeout_ms = 1000));
    evpg_set_hooks(evpg_listener_db(listener), &EVPG_HOOKS(.event = on_event), NULL);
    last_heard = -1;
    ear = hear("numbers");
    ear->on_note = on_number;
    query("select 1", EVPG_NO_PARAMS);
    await_all();
    while (phase == LISTENING ? !connected : !ear->ready)
        event_base_loop(base, EVLOOP_ONCE);
    sending = phase != QUIET;
    if (sending)
        send_one();
    run_for(phase == HEARING ? 50 : 0);
}

static void begin_phase(enum phase phase)
{
    char conninfo[120];

    resources_note();
    base = event_base_new();
    proxy = proxy_new(base, getenv("PGHOST"), getenv("PGPORT"));
    snprintf(conninfo, sizeof(conninfo), "host=127.0.0.1 port=%d sslmode=disable",
             proxy_port(proxy));
    begin_phase_at(phase, conninfo, "");
}

static void await_last(void)
{
    sending = false;
    while (n_answered < n_sent)
        turn();
}

/* From now on all is heard. */
static void check_that_it_hears(void)
{
    int last;

    do {
        await_last();
        last = n_sent;
        send_one();
        await_last();
    } while (!acknowledged[last]);
    while (heard_in[last] == 0)
        turn();
    for (int i = 0; i < n_sent; i++)
        if (acknowledged[i] && sent_in[i] == ear->n_ready)
            ck_assert_msg(heard_in[i] == ear->n_ready, "%d was not heard", i);
}

/* It has lost its connection and hears again, and has been told so. */
static void end_phase(enum phase phase)
{
    while (n_lost == 0 || !ear->ready)
        turn();
    ck_assert_int_eq(ear->n_gaps, ear->n_ready - 1);
    if (phase != LISTENING)
        ck_assert_int_ge(ear->n_gaps, 1);
    run_for(100);
    check_that_it_hears();
    heart_stop();
    fprintf(stderr, "# %d sent, %d heard, %d losses\n", n_sent, ear->n_heard, n_lost);
    hearing_end();
    if (proxy)
        resources_check(2048);
}

/* What the test waits for is not the library's doing. */
static void start_again(int signal_number)
{
    server_stop(signal_number);
    heart_skip();
    run_for(100);
    server_start();
    heart_skip();
}

START_TEST(f01_the_session_is_killed)
{
    begin_phase(_i);
    server_signal(listener_pid(), SIGKILL);
    run_for(50);
    server_await();
    heart_skip();
    end_phase(_i);
}
END_TEST

START_TEST(f02_the_session_is_terminated)
{
    begin_phase(_i);
    server_signal(listener_pid(), SIGTERM);
    end_phase(_i);
}
END_TEST

START_TEST(f03_immediate_shutdown)
{
    begin_phase(_i);
    server_signal(server_pid(), SIGQUIT);
    run_for(50);
    start_again(SIGQUIT);
    end_phase(_i);
}
END_TEST

START_TEST(f04_fast_restart)
{
    begin_phase(_i);
    server_signal(server_pid(), SIGINT);
    run_for(50);
    start_again(SIGINT);
    end_phase(_i);
}
END_TEST

/* Silence: the probe tells. */
START_TEST(f05_the_session_stands_still)
{
    pid_t pid;

    begin_phase(_i);
    pid = listener_pid();
    server_signal(pid, SIGSTOP);
    run_for(2500);
    ck_assert_int_ge(n_lost, 1);
    server_signal(pid, SIGTERM);
    server_signal(pid, SIGCONT);
    end_phase(_i);
}
END_TEST

START_TEST(f08_reset)
{
    begin_phase(_i);
    proxy_reset(proxy);
    end_phase(_i);
}
END_TEST

START_TEST(f09_closed)
{
    begin_phase(_i);
    proxy_half_close(proxy);
    end_phase(_i);
}
END_TEST

/* The primary goes, and later the standby is one: the listener and the sender find it by
 * themselves. */
START_TEST(f34_promotion)
{
    char both[900];

    base = event_base_new();
    standby_make();
    snprintf(both, sizeof(both), "host=%s,%s port=%s," STANDBY_PORT " target_session_attrs=%s",
             getenv("PGHOST"), standby_host(), getenv("PGPORT"), "read-write");
    begin_phase_at(HEARING, both, both);
    server_stop(SIGQUIT);
    heart_skip();
    while (n_lost < 3)
        turn();
    ck_assert_int_eq(lost_code, EVPG_E_CONNECT);
    standby_promote();
    heart_skip();
    end_phase(HEARING);
    server_start();
}
END_TEST

/* 25006: a standby takes no LISTEN, which is told, and asked for again until it is none. */
START_TEST(f34_on_a_standby)
{
    char conninfo[400];

    base = event_base_new();
    standby_make();
    snprintf(conninfo, sizeof(conninfo), "host=%s port=" STANDBY_PORT, standby_host());
    hearing_begin_at(conninfo,
                     &EVPG_LISTENER_CONFIG(.reconnect_min_ms = 20, .reconnect_max_ms = 100));
    ear = hear("numbers");
    while (n_lost < 3)
        turn();
    ck_assert_int_eq(lost_code, EVPG_E_SERVER);
    ck_assert_str_eq(lost_sqlstate, "25006");
    ck_assert_int_eq(ear->n_ready, 0);
    standby_promote();
    await_ready(ear, 1);
    ck_assert_int_eq(ear->n_gaps, 0);
    db = evpg_conn_new(base, conninfo, NULL);
    ck_assert_ptr_nonnull(evpg_open(db, NULL, NULL));
    notify("numbers", "x");
    await_heard(ear, 1);
    hearing_end();
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("fault_listener");
    TCase *tcase = tcase_create("faults");

    tcase_set_timeout(tcase, 120);
    tcase_add_loop_test(tcase, f01_the_session_is_killed, 0, N_PHASES);
    tcase_add_loop_test(tcase, f02_the_session_is_terminated, 0, N_PHASES);
    tcase_add_loop_test(tcase, f03_immediate_shutdown, 0, N_PHASES);
    tcase_add_loop_test(tcase, f04_fast_restart, 0, N_PHASES);
    tcase_add_loop_test(tcase, f05_the_session_stands_still, 0, N_PHASES);
    tcase_add_loop_test(tcase, f08_reset, 0, N_PHASES);
    tcase_add_loop_test(tcase, f09_closed, 0, N_PHASES);
    tcase_add_test(tcase, f34_promotion);
    tcase_add_test(tcase, f34_on_a_standby);
    suite_add_tcase(suite, tcase);
    return run_suite(suite, true);
}
