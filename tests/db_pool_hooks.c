/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * db_pool_hooks: what a pool asks and tells the application by itself: before_connect, and how much
 * is waiting.
 *
 * The counterpart of lib/pool_login.c, and of high_water in lib/pool_turn.c.
 */
#include "oracle.h"

#include <stdio.h>
#include <unistd.h>

/* What before_connect is to do, and has done. */
static struct {
    const char *conninfo, *password, *why;
    bool later, never, frees;
    int calls;
    struct evpg_login *login; /* that is not finished yet */
} hook;

static void finish(evutil_socket_t fd, short what, void *arg)
{
    struct evpg_login *login = arg;

    (void)fd;
    (void)what;
    hook.login = NULL;
    evpg_login_finish(login, hook.conninfo, hook.password, hook.why);
}

static void before_connect(struct evpg_login *login, void *arg)
{
    const struct timeval soon = {0, 30000};

    ck_assert_ptr_eq(arg, &hook);
    ck_assert(evpg_login_is_wanted(login));
    hook.calls++;
    hook.login = login;
    if (hook.frees) {
        evpg_free(db);
        db = NULL;
    }
    if (hook.never)
        return;
    if (hook.later)
        event_base_once(base, -1, EV_TIMEOUT, finish, login, &soon);
    else
        finish(-1, 0, login);
}

static void begin_hooked(const char *conninfo, struct evpg_pool_config config)
{
    memset(&hook, 0, sizeof(hook));
    config.before_connect = before_connect;
    config.before_connect_arg = &hook;
    begin_pool_at(conninfo, &config);
}

static void check_all_fail_with(enum evpg_code code, const char *text)
{
    struct outcome *outcome[3];

    for (int i = 0; i < 3; i++)
        outcome[i] = query("select 1", EVPG_NO_PARAMS);
    await_all();
    for (int i = 0; i < 3; i++) {
        ck_assert_ptr_nonnull(outcome[i]->error);
        ck_assert_int_eq(evpg_error_code(outcome[i]->error), code);
        ck_assert_int_eq(evpg_error_fate(outcome[i]->error), EVPG_FATE_NOT_SENT);
        ck_assert_msg(strstr(evpg_error_message(outcome[i]->error), text) != NULL, "%s",
                      evpg_error_message(outcome[i]->error));
    }
}

START_TEST(says_what_to_connect_with)
{
    struct outcome *outcome;

    begin_hooked(_i % 2 ? "dbname=there_is_none" : "", EVPG_POOL_CONFIG(.max_connections = 1));
    hook.later = _i >= 2;
    hook.conninfo = "application_name=hooked";
    outcome = query("select current_setting('application_name')", EVPG_NO_PARAMS);
    await_all();
    ck_assert_outcome_ok(outcome);
    ck_assert_str_eq(cell(outcome, 0, 0), "hooked");
    ck_assert_int_eq(hook.calls, 1);
    end();
}
END_TEST

/* By SCRAM, beside what a key-value string or a URI says; the latter has a wrong one. */
START_TEST(says_the_password)
{
    static const char secret[] = "it's \\ secret";
    const char *host = getenv("PGHOST"), *port = getenv("PGPORT");
    struct outcome *outcome;
    char conninfo[400];

    free(admin("drop role if exists pool_login;"
               "create role pool_login login password 'it''s \\ secret'"));
    if (_i == 0)
        snprintf(conninfo, sizeof(conninfo), "user=pool_login password=wrong");
    else
        snprintf(conninfo, sizeof(conninfo),
                 "postgresql://pool_login:wrong@/%s?host=%s&port=%s&application_name=a%%20b%%27c",
                 getenv("PGDATABASE") ? getenv("PGDATABASE") : "postgres", host, port);
    begin_hooked(conninfo, EVPG_POOL_CONFIG(.max_connections = 1));
    hook.password = secret;
    outcome =
        query("select current_user || '/' || current_setting('application_name')", EVPG_NO_PARAMS);
    await_all();
    ck_assert_outcome_ok(outcome);
    ck_assert_str_eq(cell(outcome, 0, 0), _i == 0 ? "pool_login/" : "pool_login/a b'c");
    evpg_free(db);
    db = NULL;
    end();
    free(admin("drop role pool_login"));
}
END_TEST

/* Asked anew for each connection. */
START_TEST(is_asked_each_time)
{
    begin_hooked("", EVPG_POOL_CONFIG(.max_connections = 1, .max_uses = 1));
    for (int i = 0; i < 5; i++) {
        hook.later = i % 2;
        query("select 1", EVPG_NO_PARAMS);
    }
    await_all();
    check_all_succeeded();
    ck_assert_int_eq(hook.calls, 5);
    end();
}
END_TEST

START_TEST(says_no)
{
    begin_hooked("", EVPG_POOL_CONFIG(.max_connections = 2));
    hook.later = _i;
    hook.why = "no token to be had";
    check_all_fail_with(EVPG_E_CONNECT, "before_connect: no token to be had");
    hook.why = NULL;
    query("select 1", EVPG_NO_PARAMS);
    await_all();
    end();
}
END_TEST

START_TEST(cannot_be_read)
{
    begin_hooked("", EVPG_POOL_CONFIG(.max_connections = 2));
    hook.conninfo = "nonsense";
    hook.password = _i ? "x" : NULL;
    check_all_fail_with(EVPG_E_CONNECT, "");
    evpg_free(db);
    db = NULL;
    end();
}
END_TEST

START_TEST(takes_too_long)
{
    begin_hooked("", EVPG_POOL_CONFIG(.server_connect_timeout_ms = 100));
    hook.never = true;
    check_all_fail_with(EVPG_E_TIMEOUT, "before_connect");
    ck_assert(!evpg_login_is_wanted(hook.login));
    hook.why = "too late";
    finish(-1, 0, hook.login);
    hook.never = false;
    hook.why = NULL;
    query("select 1", EVPG_NO_PARAMS);
    await_all();
    end();
}
END_TEST

/* The pool is freed first: from the hook, or while that is thinking; or closed. */
START_TEST(is_not_wanted_any_more)
{
    begin_hooked("", EVPG_POOL_CONFIG());
    hook.later = true;
    hook.frees = _i == 0;
    query("select 1", EVPG_NO_PARAMS);
    while (!hook.login)
        turn();
    if (_i == 1) {
        evpg_free(db);
        db = NULL;
    }
    if (_i == 2) {
        ck_assert_int_eq(evpg_close(db, 0, NULL, NULL), 0);
        turn();
    }
    ck_assert(!evpg_login_is_wanted(hook.login));
    run_for(60);
    ck_assert_ptr_null(hook.login);
    evpg_free(db);
    db = NULL;
    end();
}
END_TEST

static int n_high, n_low;
static bool frees_when_high;

static void on_water(struct evpg_db *pool, bool high, void *arg)
{
    ck_assert_ptr_eq(pool, db);
    ck_assert_ptr_eq(arg, &n_high);
    n_high += high;
    n_low += !high;
    if (!frees_when_high)
        return;
    evpg_free(db);
    db = NULL;
}

START_TEST(tells_high_and_low_water)
{
    n_high = n_low = 0;
    frees_when_high = _i;
    begin_pool(ALONE, &EVPG_POOL_CONFIG(.max_connections = 1, .max_requests_per_connection = 1,
                                        .high_water = 10, .low_water = 3, .on_water = on_water,
                                        .on_water_arg = &n_high));
    for (int i = 0; i < 9; i++)
        query("select pg_sleep(0.02)", EVPG_NO_PARAMS);
    await_all();
    ck_assert_int_eq(n_high, 0);
    for (int i = 0; i < 20; i++)
        query("select pg_sleep(0.02)", EVPG_NO_PARAMS);
    ck_assert_int_eq(n_high, 0);
    turn();
    ck_assert_int_eq(n_high, 1);
    ck_assert_int_eq(n_low, 0);
    await_all();
    ck_assert_int_eq(n_high, 1);
    ck_assert_int_eq(n_low, frees_when_high ? 0 : 1);
    end();
}
END_TEST

static Suite *make_suite(void)
{
    Suite *suite = suite_create("db_pool_hooks");
    TCase *tcase = tcase_create("hooks");

    tcase_set_timeout(tcase, sized(60, 300));
    tcase_add_loop_test(tcase, says_what_to_connect_with, 0, 4);
    tcase_add_loop_test(tcase, says_the_password, 0, 2);
    tcase_add_test(tcase, is_asked_each_time);
    tcase_add_loop_test(tcase, says_no, 0, 2);
    tcase_add_loop_test(tcase, cannot_be_read, 0, 2);
    tcase_add_test(tcase, takes_too_long);
    tcase_add_loop_test(tcase, is_not_wanted_any_more, 0, 3);
    tcase_add_loop_test(tcase, tells_high_and_low_water, 0, 2);
    suite_add_tcase(suite, tcase);
    return suite;
}

int main(void)
{
    return run_suite(make_suite(), true);
}
