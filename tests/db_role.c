/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * db_role: a pool whose hosts are to be of a certain role: what waits while none of them is, and
 * which connections go when one is not any more; F34.
 *
 * The counterpart of lib/role.c; promotions under load are in db_standby.
 */
#include "oracle.h"
#include "server.h"
#include "standby.h"

#include <evpg.h>

#include <signal.h>
#include <stdio.h>

static struct outcome *ask(void)
{
    return query("select pg_is_in_recovery()", EVPG_NO_PARAMS);
}

static void check_primary(const struct outcome *outcome)
{
    ck_assert_outcome_ok(outcome);
    ck_assert_str_eq(cell(outcome, 0, 0), "f");
}

static void begin_both(void)
{
    char both[900];

    snprintf(both, sizeof(both),
             "host=%s,%s port=%s," STANDBY_PORT " target_session_attrs=read-write",
             getenv("PGHOST"), standby_host(), getenv("PGPORT"));
    begin_pool_at(both, &EVPG_POOL_CONFIG(.max_connections = 2, .reconnect_min_ms = 20,
                                          .reconnect_max_ms = 100));
}

/* By the end of its time, or at once. The first host's part may have been shortened. */
static void check_says_so(const struct outcome *write, enum evpg_code code)
{
    const char *message = evpg_error_message(write->error);

    ck_assert_int_eq(evpg_error_code(write->error), code);
    ck_assert_int_eq(evpg_error_fate(write->error), EVPG_FATE_NOT_SENT);
    ck_assert_int_le(evpg_error_phase(write->error), EVPG_PHASE_QUEUED);
    ck_assert_msg(strstr(message, "read-only") && strstr(message, STANDBY_PORT), "%s", message);
}

static char old_host[300], old_port[20];

static void lose_primary(void)
{
    snprintf(old_host, sizeof(old_host), "%s", getenv("PGHOST"));
    snprintf(old_port, sizeof(old_port), "%s", getenv("PGPORT"));
    server_stop(SIGQUIT);
    run_for(100);
}

/* For what the harness does at the end, which needs a server. */
static void end_at_standby(void)
{
    setenv("PGHOST", standby_host(), 1);
    setenv("PGPORT", STANDBY_PORT, 1);
    end();
    setenv("PGHOST", old_host, 1);
    setenv("PGPORT", old_port, 1);
    server_start();
}

/* Until one of them becomes it. 0: there was one before, and what waits does so until its deadline;
 * 1: there never was one, and it is told so at once. */
START_TEST(none_is_a_primary)
{
    struct outcome *write;

    standby_make();
    begin_both();
    if (_i == 0) {
        write = ask();
        await_all();
        check_primary(write);
    }
    lose_primary();
    write = ask();
    evpg_request_set_timeout(write->request, 700);
    ck_assert(await_flag(&write->completions, 5000));
    check_says_so(write, _i == 0 ? EVPG_E_TIMEOUT : EVPG_E_CONNECT);
    standby_promote();
    write = ask();
    ck_assert(await_flag(&write->completions, 5000));
    check_primary(write);
    end_at_standby();
}
END_TEST

static char by_socket[500], by_tcp[200];
static int n_logins;

/* The same server by two names, in turn. */
static void by_turns(struct evpg_login *login, void *arg)
{
    (void)arg;
    evpg_login_finish(login, n_logins++ % 2 ? by_tcp : by_socket, NULL, NULL);
}

/* Which sessions of the pool's came by that name; to be freed. */
static char *list_sessions(bool tcp)
{
    char sql[300];

    snprintf(sql, sizeof(sql),
             "select coalesce(string_agg(pid::text, ',' order by pid), '') from pg_stat_activity"
             " where application_name = 'db_role' and client_addr is %s null",
             tcp ? "not" : "");
    return admin(sql);
}

static void begin_by_turns(void)
{
    snprintf(by_socket, sizeof(by_socket),
             "host=%s application_name=db_role target_session_attrs=read-write", getenv("PGHOST"));
    snprintf(by_tcp, sizeof(by_tcp),
             "host=127.0.0.1 port=%s application_name=db_role target_session_attrs=read-write",
             getenv("EVPG_TEST_TCP_PORT"));
    n_logins = 0;
    begin_pool_at(NULL, &EVPG_POOL_CONFIG(.max_connections = 4, .max_connecting = 4,
                                          .before_connect = by_turns));
}

/* One on each of the connections, at the same time. */
static void on_each(const char *sql, struct outcome *outcomes[4])
{
    for (int i = 0; i < 4; i++) {
        outcomes[i] = query(sql, EVPG_NO_PARAMS);
        evpg_request_set_flags(outcomes[i]->request, EVPG_EXCLUSIVE);
    }
    await_all();
}

/* From one session writes are refused: all connections go that know its server by the same name,
 * and no others; what is under way on them is finished. */
START_TEST(only_that_host)
{
    struct outcome *outcomes[4], *one;
    char *before, *after, *gone;
    int denied = 0;
    bool tcp;

    free(admin("create table denied (i int)"));
    begin_by_turns();
    on_each("select pg_sleep(0.2)", outcomes);
    check_all_succeeded();
    one = query("select set_config('default_transaction_read_only', 'on', false),"
                " inet_client_addr() is not null",
                EVPG_NO_PARAMS);
    await_all();
    tcp = strcmp(cell(one, 0, 1), "t") == 0;
    before = list_sessions(!tcp);
    on_each("insert into denied select 1 from pg_sleep(0.2)", outcomes);
    for (int i = 0; i < 4; i++) {
        denied += outcomes[i]->error != NULL;
        if (outcomes[i]->error)
            ck_assert_outcome_sqlstate(outcomes[i], "25006");
    }
    ck_assert_int_eq(denied, 1);
    run_for(100);
    after = list_sessions(!tcp);
    gone = list_sessions(tcp);
    ck_assert_ptr_nonnull(strchr(before, ','));
    ck_assert_str_eq(after, before);
    ck_assert_str_eq(gone, "");
    free(before);
    free(after);
    free(gone);
    end();
    free(admin("drop table denied"));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("db_role");
    TCase *tcase = tcase_create("role");

    tcase_set_timeout(tcase, 120);
    tcase_add_test(tcase, only_that_host);
    tcase_add_loop_test(tcase, none_is_a_primary, 0, 2);
    suite_add_tcase(suite, tcase);
    return run_suite(suite, true);
}
