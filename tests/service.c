/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * service: runs the example http_service, and asks it.
 *
 * Called by http_service. It is a child of the test's process and is killed with it, also when the
 * test fails. Each request has a connection of its own, from 127.0.0.1. The program is the one that
 * the build has made; EVPG_TEST_SERVICE names another one.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE 1 /* prlimit */
#endif
#include "service.h"

#include "harness.h"
#include "oracle.h"
#include "require.h"

#include <event2/buffer.h>
#include <event2/http.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

static pid_t pid;
static int port;
static struct answer *answers;

/* In a child. */
static void become_service(int out, const char *conninfo, const char *standby_conninfo)
{
    const char *program = getenv("EVPG_TEST_SERVICE"), *build = getenv("top_builddir");
    char path[500];

    snprintf(path, sizeof(path), "%s/examples/http_service", build ? build : ".");
    program = program ? program : path;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    dup2(out, 1);
    execl(program, program, "0", conninfo ? conninfo : "", standby_conninfo, (char *)NULL);
    perror(program);
    _exit(127);
}

static void start(const char *conninfo, const char *standby_conninfo)
{
    char line[100] = "";
    FILE *output;
    int ends[2];

    require(pipe(ends) == 0);
    pid = fork();
    if (pid == 0)
        become_service(ends[1], conninfo, standby_conninfo);
    close(ends[1]);
    output = fdopen(ends[0], "r");
    require(output && fgets(line, sizeof(line), output));
    fclose(output);
    require(sscanf(line, "http://127.0.0.1:%d/", &port) == 1);
}

static void make_tables(void)
{
    free(admin("drop table if exists world, fortune, orders"));
    free(admin("create table world (id int primary key, randomnumber int not null)"));
    free(admin("insert into world select i, i from generate_series(1, 10000) as i"));
    free(admin("create table fortune (id int primary key, message text not null)"));
    free(admin("insert into fortune values (1, '<b>&\"')"));
    free(admin("create table orders (id int not null)"));
}

static char since[64]; /* by the server's clock */

void service_start(const char *conninfo, const char *standby_conninfo)
{
    char *now = admin("select clock_timestamp()");

    snprintf(since, sizeof(since), "%s", now);
    free(now);
    make_tables();
    base = event_base_new();
    start(conninfo, standby_conninfo);
}

void service_begin(const char *conninfo, const char *standby_conninfo)
{
    double end = now_ms() + 10000;

    service_start(conninfo, standby_conninfo);
    while (service_ask("/healthz")->status != 200 && now_ms() < end)
        run_for(10);
    require(service_ask("/healthz")->status == 200);
}

int service_sleeping(void)
{
    char sql[200], *value;
    int n;

    snprintf(sql, sizeof(sql),
             "select count(*) from pg_stat_activity where query like 'select pg_sleep(%%'"
             " and state = 'active' and backend_start > '%s'",
             since);
    value = admin(sql);
    n = atoi(value);
    free(value);
    return n;
}

static void note(struct answer *answer, struct evhttp_request *http)
{
    const char *again = evhttp_find_header(evhttp_request_get_input_headers(http), "X-Try-Again");
    struct evbuffer *body = evhttp_request_get_input_buffer(http);
    size_t length = evbuffer_get_length(body);

    answer->status = evhttp_request_get_response_code(http);
    answer->body = realloc(answer->body, length + 1);
    require(answer->body);
    evbuffer_remove(body, answer->body, length);
    answer->body[length] = '\0';
    snprintf(answer->try_again, sizeof(answer->try_again), "%s", again ? again : "");
}

static void on_answer(struct evhttp_request *http, void *arg)
{
    struct answer *answer = arg;

    if (http)
        note(answer, http);
    answer->end = now_ms();
    answer->done = true;
    if (answer->on_done)
        answer->on_done(answer);
}

struct answer *service_get(const char *path, void (*on_done)(struct answer *answer))
{
    struct answer *answer = calloc(1, sizeof(*answer));
    struct evhttp_request *http = evhttp_request_new(on_answer, answer);

    answer->body = calloc(1, 1);
    answer->next = answers;
    answers = answer;
    answer->on_done = on_done;
    answer->began = now_ms();
    answer->connection = evhttp_connection_base_new(base, NULL, "127.0.0.1", (uint16_t)port);
    evhttp_connection_set_timeout(answer->connection, 15);
    evhttp_add_header(evhttp_request_get_output_headers(http), "Host", "127.0.0.1");
    evhttp_add_header(evhttp_request_get_output_headers(http), "Connection", "close");
    require(evhttp_make_request(answer->connection, http, EVHTTP_REQ_GET, path) == 0);
    return answer;
}

void service_await_all(void)
{
    double end = now_ms() + 20000;

    for (struct answer *answer = answers; answer; answer = answer->next)
        while (!answer->done && now_ms() < end)
            turn();
    for (struct answer *answer = answers; answer; answer = answer->next)
        require(answer->done);
}

struct answer *service_ask(const char *path)
{
    struct answer *answer = service_get(path, NULL);
    double end = now_ms() + 20000;

    while (!answer->done && now_ms() < end)
        turn();
    require(answer->done);
    return answer;
}

double service_metric(const char *name)
{
    const struct answer *answer = service_ask("/metrics");
    size_t length = strlen(name);
    const char *line = answer->body;

    while (line && !(strncmp(line, name, length) == 0 && line[length] == ' ')) {
        line = strchr(line, '\n');
        line += line != NULL;
    }
    ck_assert_msg(line != NULL, "no %s", name);
    return atof(line + length);
}

int service_count(const char *name)
{
    char whole[100];

    snprintf(whole, sizeof(whole), "evpg_%s{pool=\"main\"}", name);
    return (int)service_metric(whole);
}

void service_await_sleeping(int n)
{
    double end = now_ms() + 10000;

    while (service_sleeping() != n && now_ms() < end)
        run_for(5);
    ck_assert_int_eq(service_sleeping(), n);
}

void service_check_well(void)
{
    const struct answer *answer = service_ask("/db");

    ck_assert_int_eq(answer->status, 200);
    ck_assert_ptr_nonnull(strstr(answer->body, "\"randomNumber\":"));
}

double service_lag_ms(void)
{
    return 1e3 * service_metric("http_service_loop_lag_own_seconds_max");
}

enum { MOST_LAG_MS = SANITIZED ? 490 : 40 };

void service_check_lag(void)
{
    double own = service_lag_ms();

    printf("# the service's loop was late by %.1f ms at most, and by its own doing by %.1f ms\n",
           1e3 * service_metric("http_service_loop_lag_seconds_max"), own);
    ck_assert_msg(own <= MOST_LAG_MS, "the service's loop was late by %.1f ms", own);
}

void service_hang_up(struct answer *answer)
{
    answer->done = true;
    answer->on_done = NULL;
    evhttp_connection_free(answer->connection);
    answer->connection = NULL;
}

int service_connect(int receive_bytes)
{
    const struct timeval patience = {5, 0};
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
    if (receive_bytes > 0)
        setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &receive_bytes, sizeof(receive_bytes));
    require(connect(fd, (struct sockaddr *)&address, sizeof(address)) == 0);
    return fd;
}

int service_send(const char *text)
{
    int fd = service_connect(0);

    require(send(fd, text, strlen(text), MSG_NOSIGNAL) == (ssize_t)strlen(text));
    return fd;
}

void service_reset(int fd)
{
    const struct linger at_once = {.l_onoff = 1};

    setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
    close(fd);
}

void service_read(int fd, char *text, size_t size)
{
    size_t length = 0;
    ssize_t n;

    while ((n = recv(fd, text + length, size - 1 - length, 0)) > 0)
        length += (size_t)n;
    require(n == 0);
    text[length] = '\0';
    close(fd);
}

void service_halt(void)
{
    int status;

    require(kill(pid, SIGSTOP) == 0 && waitpid(pid, &status, WUNTRACED) == pid);
    require(WIFSTOPPED(status));
}

void service_go_on(void)
{
    require(kill(pid, SIGCONT) == 0);
}

double service_cpu_ms(void)
{
    long user, system;
    char path[40], line[1000] = "";
    FILE *stat;

    snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
    stat = fopen(path, "r");
    require(stat && fgets(line, sizeof(line), stat));
    fclose(stat);
    require(sscanf(strrchr(line, ')'), ") %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %ld %ld",
                   &user, &system) == 2);
    return 1000.0 * (double)(user + system) / (double)sysconf(_SC_CLK_TCK);
}

long service_resident_kib(void)
{
    char path[40];
    long size = 0, resident = 0;
    FILE *statm;

    snprintf(path, sizeof(path), "/proc/%d/statm", (int)pid);
    statm = fopen(path, "r");
    require(statm && fscanf(statm, "%ld %ld", &size, &resident) == 2);
    fclose(statm);
    return resident * (sysconf(_SC_PAGESIZE) / 1024);
}

void service_limit_descriptors(unsigned n)
{
    const struct rlimit limit = {n, n};

    require(prlimit(pid, RLIMIT_NOFILE, &limit, NULL) == 0);
}

int service_stop(int signal_number)
{
    int status = -1;
    double end = now_ms() + 20000;
    pid_t ended = 0;

    require(pid > 0 && kill(pid, signal_number) == 0);
    while ((ended = waitpid(pid, &status, WNOHANG)) == 0 && now_ms() < end)
        turn();
    require(ended == pid && WIFEXITED(status));
    pid = 0;
    return WEXITSTATUS(status);
}

void service_end(void)
{
    struct answer *next;

    if (pid > 0)
        require(service_stop(SIGTERM) == 0);
    for (; answers; answers = next) {
        next = answers->next;
        if (answers->connection)
            evhttp_connection_free(answers->connection);
        free(answers->body);
        free(answers);
    }
    event_base_free(base);
    base = NULL;
}
