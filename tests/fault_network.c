/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * fault_network: a network in which packets vanish without a trace; F07.
 *
 * Each test is a host of its own, in a network namespace that it makes, and so is the proxy, in a
 * child; a pair of virtual cards joins them. The fault is a route at the other end that leads
 * nowhere. The server is reached from there by its unix-domain socket. All of it vanishes with the
 * processes. Takes root, and ip(8); else nothing is tested.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* unshare */
#endif

#include "phases.h"
#include "proxy.h"

#include <sched.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define HERE "10.77.0.1"
#define THERE "10.77.0.2"

static int other_host; /* a socket to the child */
static pid_t child;
static char conninfo[200];

static void on_command(evutil_socket_t fd, short what, void *arg)
{
    char command;

    (void)what;
    (void)arg;
    if (read(fd, &command, 1) != 1)
        _exit(0);
    if (system(command == 'b' ? "ip route add blackhole " HERE "/32"
                              : "ip route del blackhole " HERE "/32") != 0)
        _exit(1);
    if (write(fd, &command, 1) != 1)
        _exit(1);
}

/* In the child: a host with a proxy. */
static void be_the_other_host(int parent)
{
    struct event *commands;
    struct proxy *proxy;
    int port = 0;
    char go;

    if (unshare(CLONE_NEWNET) != 0 || write(parent, "u", 1) != 1 || read(parent, &go, 1) != 1)
        _exit(1);
    if (system("ip link set lo up && ip addr add " THERE "/24 dev evpg1 &&"
               " ip link set evpg1 up") != 0)
        _exit(1);
    base = event_base_new();
    proxy = proxy_new(base, getenv("PGHOST"), getenv("PGPORT"));
    proxy_move(proxy, THERE);
    port = proxy_port(proxy);
    if (write(parent, &port, sizeof(port)) != sizeof(port))
        _exit(1);
    commands = event_new(base, parent, EV_READ | EV_PERSIST, on_command, NULL);
    event_add(commands, NULL);
    event_base_dispatch(base);
    _exit(0);
}

static void join(void)
{
    char command[128], ready;

    ck_assert_int_eq(read(other_host, &ready, 1), 1);
    snprintf(command, sizeof(command),
             "ip link add evpg0 type veth peer name evpg1 netns %d &&"
             " ip addr add " HERE "/24 dev evpg0 && ip link set evpg0 up",
             (int)child);
    ck_assert_int_eq(system(command), 0);
    ck_assert_int_eq(write(other_host, "g", 1), 1);
}

/* Options are libpq's. */
static void make_hosts(const char *options)
{
    int sockets[2], port;

    ck_assert_int_eq(unshare(CLONE_NEWNET), 0);
    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, sockets), 0);
    child = fork();
    if (child == 0) {
        close(sockets[0]);
        be_the_other_host(sockets[1]);
    }
    close(sockets[1]);
    other_host = sockets[0];
    join();
    ck_assert_int_eq(read(other_host, &port, sizeof(port)), (ssize_t)sizeof(port));
    snprintf(conninfo, sizeof(conninfo), "host=" THERE " port=%d sslmode=disable %s", port,
             options);
}

/* Done when the other host says so. */
static void command(char what)
{
    char answer;

    ck_assert_int_eq(write(other_host, &what, 1), 1);
    ck_assert_int_eq(read(other_host, &answer, 1), 1);
}

static void end_hosts(void)
{
    close(other_host);
    ck_assert_int_eq(waitpid(child, NULL, 0), child);
}

/* Nobody notices but a deadline. */
START_TEST(f07_deadlines)
{
    make_hosts("");
    resources_note();
    phase_begin(_i, conninfo);
    command('b');
    heart_forget();
    if (_i != CLOSING)
        ledger_submit(3);
    run_for(50);
    phase_give_up(200);
    end_backend();
    command('h');
    phase_end();
    end_hosts();
}
END_TEST

/* Or TCP itself, where it was told to: what is sent is not acknowledged; nothing is sent. */
START_TEST(f07_told_by_tcp)
{
    make_hosts("tcp_user_timeout=1000 keepalives_idle=1 keepalives_interval=1 keepalives_count=2");
    resources_note();
    phase_begin(_i == 0 ? SENT : IDLE, conninfo);
    command('b');
    heart_forget();
    if (_i == 0)
        ledger_submit(3);
    phase_await_loss();
    end_backend();
    command('h');
    phase_end();
    end_hosts();
}
END_TEST

START_TEST(f07_while_opening)
{
    int outcome = 0;
    double start;

    make_hosts("");
    command('b');
    base = event_base_new();
    db = evpg_conn_new(base, conninfo, &EVPG_CONN_CONFIG(.server_connect_timeout_ms = 300));
    heart_start();
    start = now_ms();
    ck_assert_ptr_nonnull(evpg_open(db, phase_on_open, &outcome));
    ck_assert(await_flag(&outcome, 5000));
    ck_assert_int_eq(outcome, -EVPG_E_TIMEOUT);
    ck_assert_double_ge(now_ms() - start, 300);
    ck_assert_double_lt(now_ms() - start, 400);
    heart_stop();
    evpg_free(db);
    db = NULL;
    end();
    end_hosts();
}
END_TEST

static bool is_possible(void)
{
    return geteuid() == 0 && system("ip -V >/dev/null 2>&1 && unshare --net true 2>/dev/null") == 0;
}

int main(void)
{
    Suite *suite;
    TCase *tcase;

    if (!is_possible()) {
        puts("1..0 # SKIP it takes root, ip(8) and network namespaces");
        return 0;
    }
    suite = suite_create("fault_network");
    tcase = tcase_create("network");
    tcase_set_timeout(tcase, 60);
    tcase_add_loop_test(tcase, f07_deadlines, 0, N_PHASES);
    tcase_add_loop_test(tcase, f07_told_by_tcp, 0, 2);
    tcase_add_test(tcase, f07_while_opening);
    suite_add_tcase(suite, tcase);
    return run_suite(suite, true);
}
