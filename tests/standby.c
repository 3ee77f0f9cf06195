/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * standby: runs a second server, which follows the first.
 *
 * Called by the tests of standbys, db_standby for one. It is a child of the test's process and is
 * killed with it, also when the test fails. It listens on a unix socket only, in a folder within
 * the server's own, which goes with the server; its log is the server's.
 */
#include "standby.h"

#include "harness.h"
#include "oracle.h"
#include "require.h"
#include "server.h"

#include <libpq-fe.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#define PATIENCE_MS 30000

static char folder[300], data[320], conninfo[400];
static pid_t pid;

static void await_child(pid_t child)
{
    int status = -1;

    require(waitpid(child, &status, 0) == child);
    require(status == 0);
}

/* In a child. */
static void back_up(void)
{
    const char *args[] = {"pg_basebackup",
                          "-h",
                          getenv("PGHOST"),
                          "-p",
                          getenv("PGPORT"),
                          "-U",
                          "evpg",
                          "-D",
                          data,
                          "-R",
                          "-X",
                          "stream",
                          "-c",
                          "fast",
                          "--no-sync",
                          NULL};

    server_become_owner();
    server_exec("pg_basebackup", args);
}

/* In a child. The signal is set last: it is forgotten by one that becomes another user. */
static void become_server(void)
{
    const char *args[] = {"postgres",          "-D", data, "-k", folder, "-p", STANDBY_PORT, "-c",
                          "listen_addresses=", NULL};

    server_become_owner();
    prctl(PR_SET_PDEATHSIG, SIGQUIT);
    if (!freopen(getenv("EVPG_TEST_LOG"), "a", stderr))
        _exit(127);
    server_exec("postgres", args);
}

void standby_start(void)
{
    double end = now_ms() + PATIENCE_MS;

    pid = fork();
    if (pid == 0)
        become_server();
    while (PQping(conninfo) != PQPING_OK && now_ms() < end)
        usleep(5000);
    require(PQping(conninfo) == PQPING_OK);
}

void standby_make(void)
{
    pid_t child;

    snprintf(folder, sizeof(folder), "%s/standby.XXXXXX", getenv("PGHOST"));
    require(mkdtemp(folder));
    server_give(folder);
    snprintf(data, sizeof(data), "%s/data", folder);
    snprintf(conninfo, sizeof(conninfo), "host=%s port=" STANDBY_PORT, folder);
    child = fork();
    if (child == 0)
        back_up();
    await_child(child);
    standby_start();
}

void standby_stop(void)
{
    int status;

    require(pid > 0);
    require(kill(pid, SIGQUIT) == 0);
    require(waitpid(pid, &status, 0) == pid);
    pid = 0;
}

const char *standby_host(void)
{
    return folder;
}

/* Of one row and column, on the standby; to be freed. */
static char *ask(const char *sql)
{
    PGconn *pg = PQconnectdb(conninfo);
    PGresult *result = PQexec(pg, sql);
    char *value = NULL;

    if (PQresultStatus(result) == PGRES_TUPLES_OK && PQntuples(result) == 1)
        value = strdup(PQgetvalue(result, 0, 0));
    PQclear(result);
    PQfinish(pg);
    return value;
}

void standby_promote(void)
{
    char *answer = ask("select pg_promote()");

    require(answer && strcmp(answer, "t") == 0);
    free(answer);
}

static bool has(const char *position)
{
    char sql[100], *answer;
    bool yes;

    snprintf(sql, sizeof(sql), "select pg_last_wal_replay_lsn() >= '%s'", position);
    answer = ask(sql);
    yes = answer && strcmp(answer, "t") == 0;
    free(answer);
    return yes;
}

void standby_catch_up(void)
{
    double end = now_ms() + PATIENCE_MS;
    char *position = admin("select pg_current_wal_lsn()");

    while (!has(position) && now_ms() < end)
        usleep(5000);
    require(has(position));
    free(position);
}
