/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * fault_link: a network that cuts, resets, swallows, delays and fragments, in each phase of a
 * connection: F08 to F12.
 *
 * The proxy stands between; it is in the same loop, and its own work counts into the heartbeat.
 */
#include "phases.h"
#include "proxy.h"

#include <stdio.h>

static struct proxy *proxy;
static char conninfo[100];

static void make_proxy(void)
{
    base = event_base_new();
    proxy = proxy_new(base, getenv("PGHOST"), getenv("PGPORT"));
    snprintf(conninfo, sizeof(conninfo), "host=127.0.0.1 port=%d sslmode=disable",
             proxy_port(proxy));
}

static void begin_phase(enum phase phase)
{
    resources_note();
    make_proxy();
    phase_begin(phase, conninfo);
}

/* The session would find out by itself when it has slept, or writes. */
static void end_session(void)
{
    end_backend();
}

START_TEST(f08_reset)
{
    begin_phase(_i);
    proxy_reset(proxy);
    phase_await_loss();
    end_session();
    phase_end();
}
END_TEST

/* The end comes behind rows that the kernel still holds: it is seen when they are read. */
static void resume_if_paused(int phase)
{
    if (phase == PAUSED)
        evpg_request_resume(notes.stream->request);
}

START_TEST(f09_end)
{
    begin_phase(_i);
    proxy_close(proxy);
    resume_if_paused(_i);
    phase_await_loss();
    end_session();
    phase_end();
}
END_TEST

START_TEST(f09_half_an_end)
{
    begin_phase(_i);
    proxy_half_close(proxy);
    resume_if_paused(_i);
    phase_await_loss();
    proxy_close(proxy);
    end_session();
    phase_end();
}
END_TEST

static void swallow(bool hold)
{
    proxy->settings.hold = hold;
    proxy->settings.black_hole = !hold;
    proxy_apply(proxy);
}

static void heal(void)
{
    proxy->settings.hold = proxy->settings.black_hole = false;
    proxy_close(proxy);
    end_session();
}

/* Nothing is heard any more, and nothing is wrong: only a deadline helps. */
START_TEST(f10_silence)
{
    begin_phase(_i % N_PHASES);
    swallow(_i >= N_PHASES);
    if (_i % N_PHASES != CLOSING)
        ledger_submit(3);
    run_for(50);
    phase_give_up(200);
    heal();
    phase_end();
}
END_TEST

/* Opening: the same faults, at whatever step of the login; within the deadline, and told where. */
static int open_through(int timeout_ms)
{
    int outcome = 0;
    double start = now_ms();

    db = evpg_conn_new(base, conninfo, &EVPG_CONN_CONFIG(.server_connect_timeout_ms = timeout_ms));
    heart_start();
    ck_assert_ptr_nonnull(evpg_open(db, phase_on_open, &outcome));
    submit(new_outcome(), "select 1", EVPG_NO_PARAMS);
    ck_assert(await_flag(&outcome, 10000));
    await_all();
    ck_assert_double_lt(now_ms() - start, timeout_ms + 100);
    heart_stop();
    return outcome;
}

static void end_closed(void)
{
    evpg_free(db);
    db = NULL;
    end();
    resources_check(4096);
}

/* 0: silent from the start; 1: black hole; 2: refused. */
START_TEST(f10_silence_while_opening)
{
    resources_note();
    make_proxy();
    proxy->settings.silent = _i == 0;
    proxy->settings.black_hole = _i == 1;
    if (_i == 2)
        proxy_refuse(proxy, true);
    ck_assert_int_eq(open_through(300), _i == 2 ? -EVPG_E_CONNECT : -EVPG_E_TIMEOUT);
    end_closed();
}
END_TEST

/* All goes well, only slowly, and in the smallest pieces both ways. */
START_TEST(f11_fragments)
{
    static const size_t pieces[] = {1, 2, 3, 7};
    struct outcome *rows;

    resources_note();
    make_proxy();
    proxy->settings.piece = proxy->settings.client_piece = pieces[_i < 4 ? _i : 3];
    proxy->settings.delay_ms = _i < 4 ? 0 : 1;
    phase_begin(IDLE, conninfo);
    ledger_submit(30);
    rows = query("select generate_series(1, 100)", EVPG_NO_PARAMS);
    await_all();
    check_all_succeeded();
    ck_assert_int_eq(rows->n_rows, 100);
    heart_stop();
    ck_assert_int_eq(ledger_check(), 50);
    end();
    resources_check(4096);
}
END_TEST

/* A session of one opening and three operations, cut after that many bytes of the server's. True:
 * the cut came. */
static bool run_session(int64_t cut_at, bool by_reset)
{
    int outcome = 0;
    int64_t before = (int64_t)proxy->counters.to_client;

    proxy->settings.cut_at = cut_at;
    proxy->settings.cut_by_reset = by_reset;
    db = evpg_conn_new(base, conninfo, &EVPG_CONN_CONFIG(.server_connect_timeout_ms = 5000));
    ck_assert_ptr_nonnull(evpg_open(db, phase_on_open, &outcome));
    ledger_submit(3);
    await_all();
    ck_assert_int_ne(outcome, 0);
    ck_assert_int_ne(outcome, -EVPG_E_TIMEOUT);
    evpg_free(db);
    db = NULL;
    for (int i = 0; i < 100 && proxy->counters.live > 0; i++)
        turn();
    return (int64_t)proxy->counters.to_client - before >= cut_at;
}

/* Each byte, in full; else each of the first 16, and every 17th after that. */
START_TEST(f12_cut_at_each_byte)
{
    int64_t at = 0;
    int sessions = 0;

    resources_note();
    make_proxy();
    ledger_begin();
    heart_start();
    while (run_session(at, _i == 1)) {
        at += sized(at < 16 ? 1 : 17, 1);
        sessions++;
    }
    heart_stop();
    fprintf(stderr, "# %d sessions were cut, of %d bytes\n", sessions, (int)at);
    ck_assert_int_gt(at, 400);
    ledger_check();
    end();
    resources_check(4096);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("fault_link");
    TCase *tcase = tcase_create("link");

    tcase_set_timeout(tcase, sized(120, 600));
    tcase_add_loop_test(tcase, f08_reset, 0, N_PHASES);
    tcase_add_loop_test(tcase, f09_end, 0, N_PHASES);
    tcase_add_loop_test(tcase, f09_half_an_end, 0, N_PHASES);
    tcase_add_loop_test(tcase, f10_silence, 0, 2 * N_PHASES);
    tcase_add_loop_test(tcase, f10_silence_while_opening, 0, 3);
    tcase_add_loop_test(tcase, f11_fragments, 0, 5);
    tcase_add_loop_test(tcase, f12_cut_at_each_byte, 0, 2);
    suite_add_tcase(suite, tcase);
    return run_suite(suite, true);
}
