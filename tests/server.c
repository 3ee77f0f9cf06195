/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * server: stops and starts the server that scripts/with-postgres runs, from inside a test.
 *
 * Called by the tests of faults, which run one after the other and leave the server running. Where
 * its programs are, and with which settings it ran, its data folder tells; as root, we become the
 * folder's owner, for the server does not run as root.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* prlimit */
#endif

#include "server.h"

#include "oracle.h"

#include "require.h"

#include <errno.h>
#include <libpq-fe.h>
#include <signal.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define PATIENCE_MS 30000

static char *read_line(const char *name, char *line, int size)
{
    char path[512];
    FILE *file;

    snprintf(path, sizeof(path), "%s/%s", getenv("EVPG_TEST_DATA"), name);
    file = fopen(path, "r");
    if (!file)
        return NULL;
    line = fgets(line, size, file);
    fclose(file);
    return line;
}

pid_t server_pid(void)
{
    char line[512];

    return read_line("postmaster.pid", line, sizeof(line)) ? atoi(line) : 0;
}

void server_signal(pid_t pid, int signal_number)
{
    require(pid > 1);
    require(kill(pid, signal_number) == 0);
}

/* Ours is a child of with-postgres: a zombie, perhaps, when it has ended; and it may go while its
 * state is read. */
static bool is_running(pid_t pid)
{
    char path[64], state = 'Z';
    FILE *file;

    snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
    file = fopen(path, "r");
    if (!file)
        return false;
    if (fscanf(file, "%*d (%*[^)]) %c", &state) != 1)
        state = 'Z';
    fclose(file);
    return state != 'Z';
}

void server_stop(int signal_number)
{
    pid_t pid = server_pid();
    double end = now_ms() + PATIENCE_MS;

    if (pid == 0 || !is_running(pid))
        return;
    server_signal(pid, signal_number);
    while (is_running(pid) && now_ms() < end)
        usleep(2000);
    require(!is_running(pid));
}

static bool find_owner(struct stat *status)
{
    return geteuid() == 0 && stat(getenv("EVPG_TEST_DATA"), status) == 0;
}

void server_become_owner(void)
{
    struct stat status;

    if (find_owner(&status) && (setgid(status.st_gid) != 0 || setuid(status.st_uid) != 0))
        _exit(127);
}

void server_give(const char *path)
{
    struct stat status;

    require(!find_owner(&status) || chown(path, status.st_uid, status.st_gid) == 0);
}

void server_exec(const char *name, const char **args)
{
    char line[512], path[600];

    if (!read_line("postmaster.opts", line, sizeof(line)))
        _exit(127);
    line[strcspn(line, " \n")] = '\0';
    snprintf(path, sizeof(path), "%.*s/%s", (int)(strrchr(line, '/') - line), line, name);
    args[0] = path; /* by which it finds the others */
    if (chdir("/") == 0)
        execv(path, (char *const *)args);
    _exit(127);
}

/* In a child: it becomes pg_ctl, whose server goes on when it has ended. */
static void run_pg_ctl(void)
{
    const char *args[] = {
        "pg_ctl", "-s", "-w", "-D", getenv("EVPG_TEST_DATA"), "-l", getenv("EVPG_TEST_LOG"),
        "start",  NULL};

    server_become_owner();
    server_exec("pg_ctl", args);
}

/* By its owner: being root is not enough everywhere. */
static int limit_as_owner(pid_t pid, int resource, unsigned long most)
{
    struct rlimit limit;

    server_become_owner();
    if (prlimit(pid, resource, NULL, &limit) != 0)
        return 1;
    limit.rlim_cur = most;
    return prlimit(pid, resource, &limit, NULL) != 0;
}

static void await_child(pid_t pid)
{
    int status = -1;

    while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
        continue;
    require(status == 0);
}

void server_limit(pid_t pid, int resource, unsigned long most)
{
    pid_t child = fork();

    if (child == 0)
        _exit(limit_as_owner(pid, resource, most));
    await_child(child);
}

static bool accepts(void)
{
    PGconn *pg = PQconnectdb("");
    bool ok = PQstatus(pg) == CONNECTION_OK;

    PQfinish(pg);
    return ok;
}

void server_await(void)
{
    double end = now_ms() + PATIENCE_MS;

    while (!accepts() && now_ms() < end)
        usleep(5000);
    require(accepts());
}

void server_start(void)
{
    pid_t pid = fork();

    if (pid == 0)
        run_pg_ctl();
    await_child(pid);
    server_await();
}
