/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * bouncer: runs a PgBouncer that shares few of the server's sessions among many clients.
 *
 * Called by the tests of poolers, db_bouncer for one. It is a child of the test's process and is
 * killed with it, also when the test fails. It listens on a unix socket only, in a folder within
 * the server's own, which goes with the server; its log is the server's. As root, we become the
 * server's user, for PgBouncer does not run as root.
 */
#include "bouncer.h"

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

#define PATIENCE_MS 20000

static char folder[300], conninfo[400];
static pid_t pid;

/* Debian has it where not everybody looks. */
static void widen_path(void)
{
    char path[4096];

    snprintf(path, sizeof(path), "%s:/usr/sbin", getenv("PATH"));
    setenv("PATH", path, 1);
}

int bouncer_version(void)
{
    int major = 0, minor = 0, patch = 0;
    FILE *output;

    widen_path();
    output = popen("pgbouncer --version 2>/dev/null", "r");
    require(output);
    if (fscanf(output, "PgBouncer %d.%d.%d", &major, &minor, &patch) < 2)
        major = minor = patch = 0;
    pclose(output);
    return major * 10000 + minor * 100 + patch;
}

int bouncer_is_here(void)
{
    if (!getenv("EVPG_TEST_SERVER"))
        puts("1..0 # SKIP no server: run it by scripts/with-postgres");
    else if (!bouncer_version())
        puts("1..0 # SKIP no pgbouncer; on Debian: apt-get install pgbouncer");
    else
        return 1;
    return 0;
}

static FILE *create(const char *name)
{
    char path[400];
    FILE *file;

    snprintf(path, sizeof(path), "%s/%s", folder, name);
    file = fopen(path, "w");
    require(file);
    return file;
}

static void write_configuration(const char *settings)
{
    FILE *file = create("users");

    fputs("\"evpg\" \"\"\n", file);
    fclose(file);
    file = create("pgbouncer.ini");
    fprintf(file, "[databases]\nevpg = host=%s port=%s\n", getenv("PGHOST"), getenv("PGPORT"));
    fprintf(file, "[pgbouncer]\nunix_socket_dir = %s\nlisten_port = 6432\n", folder);
    fprintf(file, "auth_type = trust\nauth_file = %s/users\nlogfile = %s\n", folder,
            getenv("EVPG_TEST_LOG"));
    fprintf(file, "pool_mode = transaction\nserver_round_robin = 1\n%s", settings);
    fclose(file);
}

/* In a child. The signal is set last: it is forgotten by one that becomes another user. */
static void become_bouncer(void)
{
    server_become_owner();
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (chdir(folder) == 0)
        execlp("pgbouncer", "pgbouncer", "-q", "pgbouncer.ini", (char *)NULL);
    _exit(127);
}

static void make_folder(void)
{
    if (*folder)
        return;
    snprintf(folder, sizeof(folder), "%s/bouncer.XXXXXX", getenv("PGHOST"));
    require(mkdtemp(folder));
    server_give(folder);
    snprintf(conninfo, sizeof(conninfo), "host=%s port=6432", folder);
}

void bouncer_start(const char *settings)
{
    double end = now_ms() + PATIENCE_MS;

    make_folder();
    write_configuration(settings);
    pid = fork();
    if (pid == 0)
        become_bouncer();
    while (PQping(conninfo) != PQPING_OK && now_ms() < end)
        usleep(5000);
    require(PQping(conninfo) == PQPING_OK);
}

void bouncer_signal(int signal_number)
{
    require(pid > 0);
    require(kill(pid, signal_number) == 0);
}

/* With the loop going on, where there is one. */
void bouncer_await_end(void)
{
    double end = now_ms() + PATIENCE_MS;
    pid_t ended;
    int status;

    while ((ended = waitpid(pid, &status, WNOHANG)) == 0 && now_ms() < end)
        if (base)
            turn();
        else
            usleep(5000);
    require(ended == pid);
    pid = 0;
}

void bouncer_stop(void)
{
    int status;

    bouncer_signal(SIGKILL);
    require(waitpid(pid, &status, 0) == pid);
    pid = 0;
}

const char *bouncer_conninfo(void)
{
    return conninfo;
}
