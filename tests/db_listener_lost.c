/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * db_listener_lost: a listener whose connection is lost, cannot be had, or says nothing any more;
 * LI04.
 *
 * The counterpart of lib/listener.c. Lower bounds of times are strict, upper ones generous.
 */
#include "hearing.h"

#include "oracle.h"
#include "server.h"

#include <signal.h>
#include <stdio.h>
#include <unistd.h>

static const int modes[] = {ALONE, TLS, FRAGMENTED_1021, FRAGMENTED_1};

enum { N_LISTENER_MODES = sizeof(modes) / sizeof(*modes) };

static const struct evpg_listener_config quick = {
    .size = sizeof(quick), .reconnect_min_ms = 20, .reconnect_max_ms = 200};

static void await_losses(int times)
{
    double end = now_ms() + 20000;

    while (n_lost < times && now_ms() < end)
        turn();
    ck_assert_int_ge(n_lost, times);
}

START_TEST(li04_its_backend_is_ended)
{
    struct ear *one, *two, *other;

    hearing_begin(modes[_i], &quick);
    one = hear("shared");
    two = hear("shared");
    other = hear("other");
    await_ready(other, 1);
    notify("shared", "a");
    await_heard(two, 1);
    for (int i = 1; i <= 3; i++) {
        end_listener_backend();
        await_losses(i);
        ck_assert_int_eq(lost_code, EVPG_E_LOST);
        ck_assert_str_eq(lost_sqlstate, "57P01");
        free(admin("notify shared, 'missed'"));
        await_ready(one, 1 + i);
        await_ready(two, 1 + i);
        await_ready(other, 1 + i);
        ck_assert_int_eq(one->n_gaps + two->n_gaps + other->n_gaps, 3 * i);
        notify("shared", "b");
        await_heard(one, 1 + i);
        await_heard(two, 1 + i);
    }
    run_for(50);
    ck_assert_str_eq(one->all, "a b b b ");
    ck_assert_str_eq(two->all, "a b b b ");
    ck_assert_str_eq(other->all, "");
    ck_assert_int_eq(n_lost, 3);
    hearing_end();
}
END_TEST

/* One that is made while there is no connection has missed nothing. */
START_TEST(one_is_made_meanwhile)
{
    struct ear *one, *two;

    hearing_begin(ALONE, &quick);
    one = hear("here");
    await_ready(one, 1);
    end_listener_backend();
    await_losses(1);
    two = hear("here");
    await_ready(two, 1);
    await_ready(one, 2);
    ck_assert_int_eq(one->n_gaps, 1);
    ck_assert_int_eq(two->n_gaps, 0);
    end_ear(one);
    end_listener_backend();
    await_ready(two, 2);
    ck_assert_int_eq(two->n_gaps, 1);
    ck_assert_int_eq(one->n_ready, 2);
    hearing_end();
}
END_TEST

/* With nothing to listen to it stays away, until there is. */
START_TEST(nothing_to_come_back_for)
{
    struct ear *one;

    hearing_begin(ALONE, &quick);
    one = hear("here");
    await_ready(one, 1);
    end_ear(one);
    run_for(50);
    end_listener_backend();
    await_losses(1);
    run_for(300);
    ck_assert_int_eq(listener_pid(), 0);
    await_ready(hear("here"), 1);
    hearing_end();
}
END_TEST

/* Each attempt is told; the waits grow; and once it can be had all is well, without a gap. */
START_TEST(it_cannot_be_had)
{
    struct proxy *proxy = hearing_begin_behind(&quick, "");
    struct ear *one = hear("here");
    double begun = now_ms();

    proxy_refuse(proxy, true);
    await_losses(4);
    ck_assert_int_eq(lost_code, EVPG_E_CONNECT);
    ck_assert(now_ms() - begun >= 0.9 * (20 + 40 + 80));
    ck_assert_int_eq(one->n_ready, 0);
    proxy_refuse(proxy, false);
    await_ready(one, 1);
    ck_assert_int_eq(one->n_gaps, 0);
    hearing_end();
}
END_TEST

/* Not a login that will never do, either. */
START_TEST(a_login_is_refused)
{
    hearing_begin_behind(&quick, "dbname=no_such_database");
    hear("here");
    await_losses(3);
    ck_assert_int_eq(lost_code, EVPG_E_AUTH);
    ck_assert_str_eq(lost_sqlstate, "3D000");
    hearing_end();
}
END_TEST

/* A server that is lost each time as soon as it is there is not asked ever faster. */
START_TEST(the_waits_grow)
{
    struct ear *one;
    double connected, longest = 0, lost, waited = 0;

    hearing_begin(ALONE, &quick);
    one = hear("here");
    await_ready(one, 1);
    for (int i = 1; i <= 4; i++) {
        connected = now_ms();
        end_listener_backend();
        await_losses(i);
        lost = now_ms();
        longest = lost - connected > longest ? lost - connected : longest;
        await_ready(one, i + 1);
        waited += now_ms() - lost;
    }
    if (longest < 900) /* none has lasted */
        ck_assert_double_ge(waited, 0.7 * (20 + 40 + 80 + 160));
    hearing_end();
}
END_TEST

static const struct evpg_conn_config impatient = {.size = sizeof(impatient),
                                                  .server_connect_timeout_ms = 200};

/* Nothing comes through, and nobody says so: 0, held; 1, swallowed. */
START_TEST(silence_is_noticed)
{
    struct evpg_listener_config probing = quick;
    struct proxy *proxy;
    struct ear *one;
    double begun;

    probing.probe_interval_ms = 150;
    probing.probe_timeout_ms = 200;
    probing.connection = &impatient;
    proxy = hearing_begin_behind(&probing, "");
    one = hear("here");
    await_ready(one, 1);
    notify("here", "a");
    await_heard(one, 1);
    begun = now_ms();
    proxy->settings.hold = _i == 0;
    proxy->settings.black_hole = _i == 1;
    proxy_apply(proxy);
    await_losses(1);
    ck_assert(now_ms() - begun >= 200);
    ck_assert_int_eq(lost_code, EVPG_E_LOST);
    ck_assert_ptr_nonnull(strstr(lost_message, "probe_timeout_ms (200)"));
    notify("here", "missed");
    await_losses(2);
    proxy->settings.hold = proxy->settings.black_hole = false;
    proxy_apply(proxy);
    await_ready(one, 2);
    notify("here", "b");
    await_heard(one, 2);
    ck_assert_str_eq(one->all, "a b ");
    hearing_end();
}
END_TEST

/* Without a probe nobody would know. */
START_TEST(silence_without_probes)
{
    struct evpg_listener_config deaf = quick;
    struct proxy *proxy;
    struct ear *one;

    deaf.probe_interval_ms = -1;
    deaf.probe_timeout_ms = 100;
    proxy = hearing_begin_behind(&deaf, "");
    one = hear("here");
    await_ready(one, 1);
    proxy->settings.hold = true;
    proxy_apply(proxy);
    run_for(600);
    ck_assert_int_eq(n_lost, 0);
    proxy->settings.hold = false;
    proxy_apply(proxy);
    notify("here", "a");
    await_heard(one, 1);
    hearing_end();
}
END_TEST

/* An idle line is asked, and left alone when it answers; and a busy one is not asked. */
START_TEST(probes_are_answered)
{
    struct evpg_listener_config probing = quick;
    struct proxy *proxy;
    struct ear *one;
    uint64_t sent;

    probing.probe_interval_ms = 50;
    proxy = hearing_begin_behind(&probing, "");
    one = hear("here");
    await_ready(one, 1);
    sent = proxy->counters.from_client;
    run_for(500);
    ck_assert_uint_gt(proxy->counters.from_client, sent);
    ck_assert_uint_le(proxy->counters.from_client, sent + 11 * 60);
    ck_assert_int_eq(n_lost, 0);
    ck_assert_int_eq(one->n_ready, 1);
    hearing_end();
}
END_TEST

START_TEST(a_busy_line_is_not_asked)
{
    struct evpg_listener_config probing = quick;
    struct proxy *proxy;
    struct ear *one;
    uint64_t sent;
    double end, heard, longest = 0;

    probing.probe_interval_ms = 2000;
    proxy = hearing_begin_behind(&probing, "");
    one = hear("here");
    await_ready(one, 1);
    sent = proxy->counters.from_client;
    heard = now_ms();
    for (end = heard + 3000; now_ms() < end; run_for(20)) {
        int before = one->n_heard;

        notify("here", "x");
        await_heard(one, before + 1);
        longest = now_ms() - heard > longest ? now_ms() - heard : longest;
        heard = now_ms();
    }
    if (longest < 1000)
        ck_assert_uint_eq(proxy->counters.from_client, sent);
    hearing_end();
}
END_TEST

/* The loop stands still for longer than an answer may take, which has come as far as the proxy. */
START_TEST(the_loop_stood_still)
{
    struct evpg_listener_config probing = quick;
    struct proxy *proxy;
    struct ear *one;

    probing.probe_interval_ms = 100;
    probing.probe_timeout_ms = 300;
    proxy = hearing_begin_behind(&probing, "");
    one = hear("here");
    await_ready(one, 1);
    for (int i = 0; i < 4; i++) {
        uint64_t sent = proxy->counters.from_client;

        while (proxy->counters.from_client == sent)
            turn();
        usleep(500000);
    }
    run_for(50);
    ck_assert_int_eq(n_lost, 0);
    notify("here", "x");
    await_heard(one, 1);
    hearing_end();
}
END_TEST

/* At the k-th pass of its life, amid connecting, LISTEN, UNLISTEN, and what is heard. */
START_TEST(cut_at_each_pass)
{
    struct proxy *proxy = hearing_begin_behind(&quick, "");
    struct ear *one = hear("here"), *two = hear("there");
    int sent = 0;

    proxy->settings.piece = 7;
    for (int i = 0; i < _i; i++) {
        event_base_loop(base, EVLOOP_ONCE | EVLOOP_NONBLOCK);
        if (one->ready && !two->ended)
            end_ear(two);
    }
    proxy_reset(proxy);
    do {
        notify("here", "x");
        sent++;
        run_for(20);
    } while (one->n_heard == 0);
    ck_assert_int_le(one->n_heard, sent);
    ck_assert_int_le(one->n_gaps, n_lost);
    ck_assert_int_eq(one->n_gaps, one->n_ready - 1);
    hearing_end();
}
END_TEST

static pid_t stopped;

/* Before the answers to LISTEN, all of which go out together. */
static void on_event(struct evpg_db *connected, enum evpg_event event,
                     const struct evpg_request *request, const struct evpg_error *error, void *arg)
{
    (void)connected;
    (void)request;
    (void)error;
    (void)arg;
    if (event != EVPG_EVENT_CONNECTED || stopped)
        return;
    stopped = listener_pid();
    server_signal(stopped, SIGSTOP);
}

/* One trip for all. 0: then they are answered; 1: they never are, and the server is given up. */
START_TEST(all_listen_in_one_trip)
{
    struct evpg_listener_config probing = quick;
    struct ear *last = NULL;
    struct proxy *proxy;
    char channel[20];

    probing.probe_timeout_ms = _i ? 300 : 20000;
    proxy = hearing_begin_behind(&probing, "");
    evpg_set_hooks(evpg_listener_db(listener), &EVPG_HOOKS(.event = on_event), NULL);
    for (int i = 0; i < 40; i++) {
        snprintf(channel, sizeof(channel), "c%02d", i);
        last = hear(channel);
    }
    while (!stopped)
        turn();
    run_for(200);
    ck_assert(proxy_has_captured(proxy, "LISTEN \"c00\""));
    ck_assert(proxy_has_captured(proxy, "LISTEN \"c39\""));
    ck_assert_int_eq(last->n_ready, 0);
    if (_i)
        await_losses(1);
    server_signal(stopped, SIGCONT);
    await_ready(last, 1);
    ck_assert_int_eq(last->n_gaps, 0);
    notify("c39", "x");
    await_heard(last, 1);
    hearing_end();
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("db_listener_lost");
    TCase *tcase = tcase_create("lost");

    tcase_set_timeout(tcase, 90);
    tcase_add_loop_test(tcase, li04_its_backend_is_ended, 0, N_LISTENER_MODES);
    tcase_add_test(tcase, one_is_made_meanwhile);
    tcase_add_test(tcase, nothing_to_come_back_for);
    tcase_add_test(tcase, it_cannot_be_had);
    tcase_add_test(tcase, a_login_is_refused);
    tcase_add_test(tcase, the_waits_grow);
    tcase_add_loop_test(tcase, silence_is_noticed, 0, 2);
    tcase_add_test(tcase, silence_without_probes);
    tcase_add_test(tcase, probes_are_answered);
    tcase_add_test(tcase, a_busy_line_is_not_asked);
    tcase_add_test(tcase, the_loop_stood_still);
    tcase_add_loop_test(tcase, cut_at_each_pass, 0, sized(60, 400));
    tcase_add_loop_test(tcase, all_listen_in_one_trip, 0, 2);
    suite_add_tcase(suite, tcase);
    return run_suite(suite, true);
}
