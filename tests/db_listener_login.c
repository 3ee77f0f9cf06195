/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * db_listener_login: a listener's hook before_connect: what it says is connected with, each time
 * anew; it may say no, take too long, or find that nobody wants it any more.
 *
 * The counterpart of lib/listener_connect.c and, with db_pool_hooks, of lib/login.c.
 */
#include "hearing.h"
#include "oracle.h"

#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

enum deed { NOTHING, FREE, UNLISTEN, LISTEN_NEW, FREE_AND_FINISH, N_DEEDS };

/* What before_connect is to do, and has done. */
static struct {
    const char *conninfo, *password, *why;
    bool later, never;
    enum deed deed;
    int calls;
    struct evpg_login *login; /* that is not finished yet */
} hook;

static struct ear *ear, *added;

static void finish(evutil_socket_t fd, short what, void *arg)
{
    struct evpg_login *login = arg;

    (void)fd;
    (void)what;
    hook.login = NULL;
    evpg_login_finish(login, hook.conninfo, hook.password, hook.why);
}

static void free_listener(void)
{
    struct evpg_listener *freed = listener;

    listener = NULL;
    evpg_listener_free(freed);
}

static void act(void)
{
    enum deed deed = hook.deed;

    hook.deed = NOTHING;
    if (deed == FREE || deed == FREE_AND_FINISH)
        free_listener();
    if (deed == UNLISTEN)
        end_ear(ear);
    if (deed == LISTEN_NEW)
        added = hear("new");
}

static void before_connect(struct evpg_login *login, void *arg)
{
    const struct timeval soon = {0, 30000};
    bool at_once = hook.deed == FREE_AND_FINISH || (!hook.later && !hook.never);

    ck_assert_ptr_eq(arg, &hook);
    ck_assert(evpg_login_is_wanted(login) && !evpg_login_is_for_standby(login));
    hook.calls++;
    hook.login = login;
    act();
    if (at_once)
        finish(-1, 0, login);
    else if (hook.later)
        event_base_once(base, -1, EV_TIMEOUT, finish, login, &soon);
}

static void begin_hooked(const char *conninfo, struct evpg_listener_config config)
{
    memset(&hook, 0, sizeof(hook));
    config.reconnect_min_ms = 10;
    config.reconnect_max_ms = 40;
    config.before_connect = before_connect;
    config.before_connect_arg = &hook;
    begin(ALONE);
    hearing_begin_at(conninfo, &config);
}

static void check_hears(const char *payload)
{
    int before = ear->n_heard;

    notify("here", payload);
    await_heard(ear, before + 1);
    ck_assert_str_eq(ear->payload, payload);
}

/* 0, 1: at once; 2, 3: later. The listener's own is taken where it says nothing. */
START_TEST(says_what_to_connect_with)
{
    begin_hooked(_i % 2 ? "dbname=there_is_none" : "application_name=preset",
                 EVPG_LISTENER_CONFIG());
    hook.later = _i >= 2;
    hook.conninfo = _i % 2 ? "application_name=hooked" : NULL;
    run_for(50);
    ck_assert_int_eq(hook.calls, 0); /* nothing to listen to */
    ear = hear("here");
    await_ready(ear, 1);
    ck_assert_int_eq(hook.calls, 1);
    ck_assert_str_eq(evpg_parameter(evpg_listener_db(listener), "application_name"),
                     _i % 2 ? "hooked" : "preset");
    check_hears("x");
    hearing_end();
}
END_TEST

/* It changes: each connection is made with the one of that time. */
START_TEST(says_the_password_each_time)
{
    static const char *const secrets[] = {"first", "sec'ond\\", "third"};
    char sql[100];

    free(admin("drop role if exists listener_login; create role listener_login login"));
    begin_hooked("user=listener_login password=wrong", EVPG_LISTENER_CONFIG());
    hook.later = _i;
    for (int i = 0; i < 3; i++) {
        snprintf(sql, sizeof(sql), "alter role listener_login password $$%s$$", secrets[i]);
        free(admin(sql));
        hook.password = secrets[i];
        if (i == 0)
            ear = hear("here");
        else
            end_listener_backend();
        await_ready(ear, i + 1);
        ck_assert_int_eq(hook.calls, i + 1);
        ck_assert_int_eq(n_lost, i);
        check_hears(secrets[i]);
    }
    ck_assert_int_eq(ear->n_gaps, 2);
    hearing_end();
    free(admin("drop role listener_login"));
}
END_TEST

/* Told, and asked again, with waits; until it says yes. */
START_TEST(says_no)
{
    begin_hooked("", EVPG_LISTENER_CONFIG());
    hook.later = _i;
    hook.why = "no token to be had";
    ear = hear("here");
    while (n_lost < 3)
        turn();
    ck_assert_int_eq(lost_code, EVPG_E_CONNECT);
    ck_assert_str_eq(lost_sqlstate, "08001");
    ck_assert_str_eq(lost_message, "before_connect: no token to be had");
    n_lost = 0;
    run_for(300);
    ck_assert_int_le(n_lost, 12);
    ck_assert_int_ge(n_lost, 2);
    hook.why = NULL;
    await_ready(ear, 1);
    ck_assert_int_eq(ear->n_gaps, 0);
    check_hears("x");
    hearing_end();
}
END_TEST

START_TEST(cannot_be_read)
{
    begin_hooked("", EVPG_LISTENER_CONFIG());
    hook.conninfo = "nonsense";
    hook.password = _i ? "x" : NULL;
    ear = hear("here");
    while (n_lost < 2)
        turn();
    ck_assert_int_eq(lost_code, EVPG_E_CONNECT);
    hook.conninfo = NULL;
    await_ready(ear, 1);
    hearing_end();
}
END_TEST

static void on_tick(evutil_socket_t fd, short what, void *arg)
{
    (void)fd;
    (void)what;
    (void)arg;
}

/* How many passes the loop makes in 200 ms, 20 of them for a timer. */
static int count_passes(void)
{
    const struct timeval period = {0, 10000};
    struct event *tick = event_new(base, -1, EV_PERSIST, on_tick, NULL);
    double end = now_ms() + 200;
    int n = 0;

    event_add(tick, &period);
    for (; now_ms() < end; n++)
        event_base_loop(base, EVLOOP_ONCE);
    event_free(tick);
    return n;
}

/* Meanwhile nothing is done. */
START_TEST(is_waited_for)
{
    begin_hooked("", EVPG_LISTENER_CONFIG());
    hook.never = true;
    ear = hear("here");
    while (!hook.login)
        turn();
    ck_assert_int_lt(count_passes(), 60);
    hear("there");
    run_for(50);
    ck_assert_int_eq(hook.calls, 1);
    finish(-1, 0, hook.login);
    await_ready(ear, 1);
    hearing_end();
}
END_TEST

/* What is said too late is not taken. */
START_TEST(takes_too_long)
{
    struct evpg_conn_config connection = EVPG_CONN_CONFIG(.server_connect_timeout_ms = 100);
    struct evpg_login *late;

    begin_hooked("", EVPG_LISTENER_CONFIG(.connection = &connection));
    hook.never = true;
    ear = hear("here");
    while (n_lost < 1)
        turn();
    ck_assert_int_eq(lost_code, EVPG_E_TIMEOUT);
    ck_assert_ptr_nonnull(strstr(lost_message, "before_connect"));
    ck_assert(!evpg_login_is_wanted(hook.login));
    late = hook.login;
    hook.never = false;
    await_ready(ear, 1);
    hook.conninfo = "dbname=there_is_none";
    finish(-1, 0, late);
    check_hears("x");
    ck_assert_int_eq(n_lost, 1);
    hearing_end();
}
END_TEST

/* The listener is freed from the hook, or while that is thinking, or all subscriptions end. */
START_TEST(deeds_in_the_hook)
{
    enum deed deed = _i % N_DEEDS;

    begin_hooked("", EVPG_LISTENER_CONFIG());
    hook.deed = deed;
    hook.later = _i >= N_DEEDS;
    ear = hear("here");
    while (hook.calls == 0)
        turn();
    if (hook.login && !listener)
        ck_assert(!evpg_login_is_wanted(hook.login));
    run_for(80);
    ck_assert_ptr_null(hook.login);
    if (deed == UNLISTEN)
        ear = hear("here");
    if (listener) {
        await_ready(ear, 1);
        check_hears("x");
    }
    if (added)
        await_ready(added, 1);
    hearing_end();
}
END_TEST

/* 0: and the login is finished afterwards; 1: before. */
START_TEST(is_freed_while_it_thinks)
{
    begin_hooked("", EVPG_LISTENER_CONFIG());
    hook.never = true;
    hear("here");
    while (!hook.login)
        turn();
    if (_i)
        finish(-1, 0, hook.login);
    free_listener();
    if (!_i)
        ck_assert(!evpg_login_is_wanted(hook.login));
    run_for(30);
    if (!_i)
        finish(-1, 0, hook.login);
    run_for(30);
    hearing_end();
}
END_TEST

/* The child's end, and what it says, do nothing to the parent. */
START_TEST(is_forked_while_it_thinks)
{
    int status;
    pid_t child;

    begin_hooked("", EVPG_LISTENER_CONFIG());
    hook.never = true;
    ear = hear("here");
    while (!hook.login)
        turn();
    child = fork();
    if (child == 0) {
        if (_i)
            finish(-1, 0, hook.login);
        evpg_listener_free(listener);
        if (!_i)
            finish(-1, 0, hook.login);
        _exit(0);
    }
    ck_assert(waitpid(child, &status, 0) == child && status == 0);
    finish(-1, 0, hook.login);
    await_ready(ear, 1);
    check_hears("x");
    hearing_end();
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("db_listener_login");
    TCase *tcase = tcase_create("login");

    tcase_set_timeout(tcase, 60);
    tcase_add_loop_test(tcase, says_what_to_connect_with, 0, 4);
    tcase_add_loop_test(tcase, says_the_password_each_time, 0, 2);
    tcase_add_loop_test(tcase, says_no, 0, 2);
    tcase_add_loop_test(tcase, cannot_be_read, 0, 2);
    tcase_add_test(tcase, is_waited_for);
    tcase_add_test(tcase, takes_too_long);
    tcase_add_loop_test(tcase, deeds_in_the_hook, 0, 2 * N_DEEDS);
    tcase_add_loop_test(tcase, is_freed_while_it_thinks, 0, 2);
    tcase_add_loop_test(tcase, is_forked_while_it_thinks, 0, 2);
    suite_add_tcase(suite, tcase);
    return run_suite(suite, true);
}
