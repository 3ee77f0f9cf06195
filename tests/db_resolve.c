/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * db_resolve: host names, from the string to the server.
 *
 * The counterpart of lib/resolve.c. The names are asked of a name server in the same loop, by way
 * of the caller's evdns_base or of /etc/resolv.conf, for which a test that runs as root puts
 * another in a mount namespace of its own.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* unshare */
#endif

#include "oracle.h"

#include "name_server.h"

#include <event2/dns.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <unistd.h>

static const struct zone zones[] = {
    {"db.test", {"127.0.0.1"}, 0},     {"two.test", {"127.0.0.9", "127.0.0.1"}, 0},
    {"slow.test", {"127.0.0.1"}, 300}, {"silent.test", {NULL}, -1},
    {"empty.test", {NULL}, 0},         {NULL, {NULL}, 0},
};

static struct evdns_base *dns;
static struct evpg_lookup *held;
static char resolved_host[64];

static const char *tcp_port(void)
{
    return getenv("EVPG_TEST_TCP_PORT");
}

/* Begins to open with one query behind. */
static void start(const char *hosts, const struct evpg_conn_config *config)
{
    char conninfo[400];

    snprintf(conninfo, sizeof(conninfo), "host=%s port=%s sslmode=disable", hosts, tcp_port());
    db = evpg_conn_new(base, conninfo, config);
    ck_assert_ptr_nonnull(db);
    ck_assert_ptr_nonnull(evpg_open(db, note_opening, NULL));
    ck_assert_ptr_nonnull(submit(new_outcome(), "select 1", EVPG_NO_PARAMS));
    ck_assert_int_eq(n_openings, 0);
}

static void begin_dns(void)
{
    char server[32];

    base = event_base_new();
    dns = evdns_base_new(base, EVDNS_BASE_DISABLE_WHEN_INACTIVE);
    snprintf(server, sizeof(server), "127.0.0.1:%d", name_server_start(base, zones));
    ck_assert_int_eq(evdns_base_nameserver_ip_add(dns, server), 0);
}

static void open_by_dns(const char *hosts)
{
    begin_dns();
    start(hosts, &EVPG_CONN_CONFIG(.server_connect_timeout_ms = 800, .dns_base = dns));
    ck_assert(await_flag(&n_openings, 10000));
    await_all();
}

/* The loop is run once more: evdns has an end of its own to come to. */
static void end_all(void)
{
    run_for(50);
    if (dns)
        evdns_base_free(dns, 0);
    name_server_stop();
    end();
}

static void end_open(void)
{
    ck_assert_msg(!open_error, "%s", open_error ? evpg_error_message(open_error) : "");
    check_all_succeeded();
    evpg_free(db);
    db = NULL;
    end_all();
}

static void end_failed(enum evpg_code code, const char *named)
{
    ck_assert_ptr_nonnull(open_error);
    ck_assert_msg(strstr(evpg_error_message(open_error), named) != NULL, "\"%s\" in: %s", named,
                  evpg_error_message(open_error));
    ck_assert_int_eq(evpg_error_code(open_error), code);
    ck_assert_str_eq(evpg_error_sqlstate(open_error), "08001");
    check_all_failed(code, EVPG_FATE_NOT_SENT, EVPG_PHASE_CONNECTING);
    evpg_free(db);
    db = NULL;
    end_all();
}

/* Alone; with an address where nobody listens before the right one; by a slow server; behind names
 * that lead nowhere. */
START_TEST(names)
{
    static const char *const hosts[] = {"db.test", "two.test", "slow.test",
                                        "nowhere.test,empty.test,silent.test,db.test"};

    open_by_dns(hosts[_i]);
    ck_assert_int_gt(name_server_questions(), 0);
    end_open();
}
END_TEST

START_TEST(f16_no_such_name)
{
    open_by_dns("nowhere.test");
    end_failed(EVPG_E_CONNECT, "host \"nowhere.test\" port");
}
END_TEST

START_TEST(no_address)
{
    open_by_dns("empty.test");
    end_failed(EVPG_E_CONNECT, "could not be looked up");
}
END_TEST

START_TEST(not_a_name)
{
    open_by_dns("no..name,"
                "a.label.that.is.longer.than.the.sixty-three.characters.a.label.of.a.name.can.have-"
                "it.has.a.limit-0123456789012345678901234567890123456789012345678901234567890123");
    end_failed(EVPG_E_CONNECT, "could not be looked up");
}
END_TEST

START_TEST(f17_no_answer)
{
    long began = now_ms();

    open_by_dns("silent.test");
    ck_assert_int_ge(now_ms() - began, 800);
    end_failed(EVPG_E_TIMEOUT, "\"silent.test\" port");
}
END_TEST

START_TEST(a_deadline_for_all)
{
    long began;

    begin_dns();
    began = now_ms();
    start("silent.test,silent.test,silent.test",
          &EVPG_CONN_CONFIG(.server_connect_timeout_ms = 400, .open_timeout_ms = 600,
                            .dns_base = dns));
    ck_assert(await_flag(&n_openings, 10000));
    await_all();
    ck_assert_int_ge(now_ms() - began, 600);
    ck_assert_int_lt(now_ms() - began, 780);
    end_failed(EVPG_E_TIMEOUT, "not opened within 600 ms");
}
END_TEST

START_TEST(no_name_server)
{
    base = event_base_new();
    dns = evdns_base_new(base, EVDNS_BASE_DISABLE_WHEN_INACTIVE);
    start("db.test", &EVPG_CONN_CONFIG(.dns_base = dns));
    ck_assert(await_flag(&n_openings, 1000));
    await_all();
    end_failed(EVPG_E_CONNECT, "there is no name server");
}
END_TEST

/* By the system's files, which are others' only in here. False: that takes root. */
static bool replace(const char *path, const char *text)
{
    char file[] = "/tmp/evpg-test.XXXXXX";
    int fd = mkstemp(file);
    bool done;

    ck_assert_int_eq(write(fd, text, strlen(text)), (ssize_t)strlen(text));
    close(fd);
    done = mount(file, path, NULL, MS_BIND, NULL) == 0;
    unlink(file);
    return done;
}

static bool replace_system_files(const char *resolv_conf, const char *hosts)
{
    if (unshare(CLONE_NEWNS) != 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0)
        return false;
    return replace("/etc/resolv.conf", resolv_conf) && replace("/etc/hosts", hosts);
}

/* 0: by the name server of resolv.conf; 1: by the hosts file, without a name server. */
START_TEST(system_files)
{
    char resolv_conf[80] = "";

    base = event_base_new();
    if (_i == 0)
        snprintf(resolv_conf, sizeof(resolv_conf), "nameserver 127.0.0.1:%d\n",
                 name_server_start(base, zones));
    if (replace_system_files(resolv_conf, "127.0.0.1 by.hosts\n")) {
        start(_i == 0 ? "db.test" : "by.hosts", NULL);
        ck_assert(await_flag(&n_openings, 5000));
        await_all();
        end_open();
    } else {
        end_all();
    }
}
END_TEST

START_TEST(no_name_server_in_the_system_files)
{
    base = event_base_new();
    if (replace_system_files("", "")) {
        start("db.test", NULL);
        ck_assert(await_flag(&n_openings, 1000));
        await_all();
        end_failed(EVPG_E_CONNECT, "there is no name server");
    } else {
        end_all();
    }
}
END_TEST

static const char *const right[] = {"127.0.0.9", "127.0.0.1"};
static const char *const wrong[] = {"127.0.0.1", "db.test"};

static void resolve_now(struct evpg_lookup *lookup, const char *host, void *arg)
{
    snprintf(resolved_host, sizeof(resolved_host), "%s", host);
    ck_assert(evpg_lookup_is_wanted(lookup));
    evpg_lookup_finish(lookup, arg, arg ? 2 : 0, "not today");
}

static void resolve_later(struct evpg_lookup *lookup, const char *host, void *arg)
{
    (void)host;
    (void)arg;
    held = lookup;
}

static void open_by_resolver(evpg_resolve_cb resolve, const char *const *addresses)
{
    base = event_base_new();
    start("db.test", &EVPG_CONN_CONFIG(.resolve = resolve, .resolve_arg = (void *)addresses,
                                       .server_connect_timeout_ms = 300));
}

START_TEST(a_resolver)
{
    open_by_resolver(resolve_now, right);
    ck_assert(await_flag(&n_openings, 5000));
    await_all();
    ck_assert_str_eq(resolved_host, "db.test");
    end_open();
}
END_TEST

START_TEST(a_resolver_that_finds_nothing)
{
    open_by_resolver(resolve_now, NULL);
    ck_assert(await_flag(&n_openings, 5000));
    await_all();
    end_failed(EVPG_E_CONNECT, "could not be looked up: not today");
}
END_TEST

START_TEST(a_resolver_that_is_wrong)
{
    open_by_resolver(resolve_now, wrong);
    ck_assert(await_flag(&n_openings, 5000));
    await_all();
    end_failed(EVPG_E_CONNECT, "no numeric address: db.test");
}
END_TEST

START_TEST(a_resolver_that_takes_its_time)
{
    open_by_resolver(resolve_later, NULL);
    run_for(100);
    ck_assert(evpg_lookup_is_wanted(held));
    ck_assert_int_eq(n_openings, 0);
    evpg_lookup_finish(held, right, 2, NULL);
    ck_assert_int_eq(n_openings, 0);
    ck_assert(await_flag(&n_openings, 5000));
    await_all();
    end_open();
}
END_TEST

START_TEST(a_resolver_that_is_too_late)
{
    open_by_resolver(resolve_later, NULL);
    ck_assert(await_flag(&n_openings, 5000));
    await_all();
    ck_assert(!evpg_lookup_is_wanted(held));
    evpg_lookup_finish(held, right, 2, NULL);
    end_failed(EVPG_E_TIMEOUT, "not looked up within 300 ms");
}
END_TEST

/* 0: freed, 1: closed, 2: the opening is canceled; 3: freed by the resolver itself. */
static void end_it(int how)
{
    if (how == 1)
        ck_assert_int_eq(evpg_close(db, 0, NULL, NULL), 0);
    else
        evpg_free(db);
    if (how != 1)
        db = NULL;
}

/* The name is borrowed until this returns, whatever is done meanwhile. */
static void resolve_and_free(struct evpg_lookup *lookup, const char *host, void *arg)
{
    held = arg ? NULL : lookup;
    if (arg)
        evpg_lookup_finish(lookup, arg, 2, NULL);
    end_it(0);
    ck_assert_str_eq(host, "db.test");
}

/* 0: it is finished later, 1: before. */
START_TEST(freed_by_its_resolver)
{
    open_by_resolver(resolve_and_free, _i == 0 ? NULL : right);
    ck_assert(await_flag(&n_openings, 1000));
    if (held) {
        ck_assert(!evpg_lookup_is_wanted(held));
        evpg_lookup_finish(held, NULL, 0, NULL);
    }
    ck_assert_int_eq(evpg_error_code(open_error), EVPG_E_CLOSED);
    end_all();
}
END_TEST

/* The child's copy is freed there, and the lookup finished; the parent's goes on. */
START_TEST(in_a_child)
{
    int status;
    pid_t pid;

    open_by_resolver(resolve_later, NULL);
    run_for(20);
    pid = fork();
    if (pid == 0) {
        evpg_free(db);
        evpg_lookup_finish(held, right, 2, NULL);
        _exit(0);
    }
    ck_assert_int_eq(waitpid(pid, &status, 0), pid);
    ck_assert_int_eq(status, 0);
    ck_assert_int_eq(n_openings, 0);
    evpg_lookup_finish(held, right, 2, NULL);
    ck_assert(await_flag(&n_openings, 5000));
    await_all();
    end_open();
}
END_TEST

START_TEST(ended_meanwhile)
{
    begin_dns();
    start("silent.test", &EVPG_CONN_CONFIG(.dns_base = dns));
    run_for(30);
    end_it(_i);
    ck_assert(await_flag(&n_openings, 1000));
    await_all();
    ck_assert_int_eq(evpg_error_code(open_error), EVPG_E_CLOSED);
    evpg_free(db);
    db = NULL;
    end_all();
}
END_TEST

/* 0: never n_openings; 1: n_openings and closed; 2: could not be n_openings. */
START_TEST(the_loop_can_end)
{
    if (_i == 0) {
        base = event_base_new();
        db = evpg_conn_new(base, "host=db.test", NULL);
    } else {
        open_by_dns(_i == 1 ? "db.test" : "nowhere.test");
        ck_assert(!open_error == (_i == 1));
    }
    if (_i == 1)
        ck_assert_int_eq(evpg_close(db, -1, NULL, NULL), 0);
    name_server_stop();
    ck_assert_int_eq(event_base_dispatch(base), 1);
    evpg_free(db);
    db = NULL;
    end_all();
}
END_TEST

/* The same with an evdns_base of our own, which asks a server that does not answer. */
START_TEST(the_loop_can_end_after_a_lookup_of_our_own)
{
    char resolv_conf[80];

    base = event_base_new();
    snprintf(resolv_conf, sizeof(resolv_conf), "nameserver 127.0.0.1:%d\n",
             name_server_start(base, zones));
    if (replace_system_files(resolv_conf, "")) {
        start("silent.test", &EVPG_CONN_CONFIG(.server_connect_timeout_ms = 100));
        ck_assert(await_flag(&n_openings, 5000));
        ck_assert_int_eq(evpg_error_code(open_error), EVPG_E_TIMEOUT);
        await_all();
        name_server_stop();
        ck_assert_int_eq(event_base_dispatch(base), 1);
        evpg_free(db);
        db = NULL;
    }
    end_all();
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("db_resolve");
    TCase *tcase = tcase_create("resolve");

    tcase_set_timeout(tcase, 30);
    tcase_add_loop_test(tcase, names, 0, 4);
    tcase_add_test(tcase, f16_no_such_name);
    tcase_add_test(tcase, no_address);
    tcase_add_test(tcase, not_a_name);
    tcase_add_test(tcase, f17_no_answer);
    tcase_add_test(tcase, a_deadline_for_all);
    tcase_add_test(tcase, no_name_server);
    tcase_add_loop_test(tcase, system_files, 0, 2);
    tcase_add_test(tcase, no_name_server_in_the_system_files);
    tcase_add_test(tcase, a_resolver);
    tcase_add_test(tcase, a_resolver_that_finds_nothing);
    tcase_add_test(tcase, a_resolver_that_is_wrong);
    tcase_add_test(tcase, a_resolver_that_takes_its_time);
    tcase_add_test(tcase, a_resolver_that_is_too_late);
    tcase_add_loop_test(tcase, freed_by_its_resolver, 0, 2);
    tcase_add_test(tcase, in_a_child);
    tcase_add_loop_test(tcase, ended_meanwhile, 0, 2);
    tcase_add_loop_test(tcase, the_loop_can_end, 0, 3);
    tcase_add_test(tcase, the_loop_can_end_after_a_lookup_of_our_own);
    suite_add_tcase(suite, tcase);
    return run_suite(suite, true);
}
