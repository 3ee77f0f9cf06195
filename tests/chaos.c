/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * chaos: a load on evpg while the network and the server fail by chance, for an hour perhaps, and
 * what must hold all the same.
 *
 *     chaos [--minutes n | --seconds n] [--seed n] [--verbose]     default: 60 minutes, seed 1
 *
 * Called by scripts/chaos and tests/chaos.sh, under scripts/with-postgres --tls, whose server it
 * stops and starts. Not a suite of Check's: what fails is told, and the run goes on. The report is
 * on stdout; its last line is "chaos: passed" or "chaos: FAILED: why". Exit status: 0; 1 it has
 * failed; 2 usage, or there is no server.
 */
#include "chaos.h"

#include "chaos_ears.h"
#include "chaos_faults.h"
#include "chaos_ledger.h"
#include "chaos_ops.h"

#include <libpq-fe.h>
#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

enum {
    MOST_GAP_MS = SANITIZED ? 500 : 50,
    MOST_GROWTH_KIB = 8192,
    FIRST_MINUTE = 60,
    FAULTS_END_MS = 90000,
    REST_MS = 40000,
    ANSWER_MS = 20000,
    SESSIONS_MS = 10000,
    MOST_TOLD = 50
};

struct chaos_options options = {3600, 1, false};

static double start_ms, told_gap_ms;
static int n_failures;
static char first_failure[512];
static int descriptors, sessions; /* before */
static long first_kib, last_kib;  /* at the end of the first minute, and of the load */
static char worst_gap_at[160] = "none";

double chaos_seconds(void)
{
    return (now_ms() - start_ms) / 1000;
}

static void __attribute__((format(printf, 1, 0))) tell(const char *format, va_list arguments)
{
    char line[512];

    vsnprintf(line, sizeof(line), format, arguments);
    fprintf(stderr, "# %.1f s: %s\n", chaos_seconds(), line);
    if (!*first_failure && n_failures > 0)
        snprintf(first_failure, sizeof(first_failure), "%s", line);
}

void chaos_say(const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    tell(format, arguments);
    va_end(arguments);
}

void chaos_fail(const char *format, ...)
{
    va_list arguments;

    if (++n_failures > MOST_TOLD)
        return;
    va_start(arguments, format);
    tell(format, arguments);
    va_end(arguments);
}

/* splitmix64 */
static uint64_t next_number(struct chance *chance)
{
    uint64_t number = (chance->state += UINT64_C(0x9e3779b97f4a7c15));

    number = (number ^ (number >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    number = (number ^ (number >> 27)) * UINT64_C(0x94d049bb133111eb);
    return number ^ (number >> 31);
}

int chance_of(struct chance *chance, int least, int most)
{
    return least + (int)(next_number(chance) % (uint64_t)(most - least + 1));
}

bool once_in(struct chance *chance, int many)
{
    return chance_of(chance, 1, many) == 1;
}

char *chaos_ask(const char *sql)
{
    PGconn *pg = PQconnectdb("options='-c client_min_messages=error'");
    PGresult *result = PQexec(pg, sql);
    ExecStatusType status = PQresultStatus(result);
    char *value = NULL;

    if (status != PGRES_TUPLES_OK && status != PGRES_COMMAND_OK)
        chaos_fail("%s: %s", sql, PQerrorMessage(pg));
    if (PQntuples(result) > 0 && !PQgetisnull(result, 0, 0))
        value = strdup(PQgetvalue(result, 0, 0));
    PQclear(result);
    PQfinish(pg);
    return value;
}

static int count_sessions(void)
{
    char *text =
        chaos_ask("select count(*) from pg_stat_activity where backend_type = 'client backend'");
    int count = text ? atoi(text) : -1;

    free(text);
    return count;
}

bool chaos_run_until(bool (*is_so)(void), int ms)
{
    double end = now_ms() + ms;

    while (!is_so() && now_ms() < end)
        event_base_loop(base, EVLOOP_ONCE);
    return is_so();
}

static void watch_heart(void)
{
    if (heart_worst() <= told_gap_ms)
        return;
    told_gap_ms = heart_worst();
    snprintf(worst_gap_at, sizeof(worst_gap_at), "at %.1f s, amid or after: %s", chaos_seconds(),
             faults_now());
    if (told_gap_ms > MOST_GAP_MS)
        chaos_fail("the heartbeat's gap was %.1f ms, %s", told_gap_ms, worst_gap_at);
}

/* Each minute, and so that there is a first value in a short run. */
static void watch_memory(void)
{
    static int next = FIRST_MINUTE;
    int first = options.seconds < 2 * FIRST_MINUTE ? options.seconds / 2 : FIRST_MINUTE;

    if (first_kib == 0 && chaos_seconds() >= first)
        first_kib = resident_kib();
    if (chaos_seconds() < next || next > options.seconds)
        return;
    chaos_say("%d of %d minutes, %ld KiB, worst gap %.1f ms, failures %d", next / 60,
              options.seconds / 60, resident_kib(), heart_worst(), n_failures);
    next += FIRST_MINUTE;
}

static void on_tick(evutil_socket_t fd, short what, void *arg)
{
    (void)fd;
    (void)what;
    (void)arg;
    links_tick();
    ears_tick();
    ops_tick();
    faults_tick();
    watch_heart();
    watch_memory();
}

static bool time_is_over(void)
{
    return chaos_seconds() >= options.seconds;
}

static void listen_to_the_end(void)
{
    if (!chaos_run_until(ears_at_rest, REST_MS))
        chaos_fail("not all listeners are ready at the end");
    ears_ask();
    if (!chaos_run_until(ears_have_answered, ANSWER_MS)) {
        chaos_fail("not all listeners have heard the last number");
        ears_explain();
    }
}

/* The faults end, all is mended, and each connection answers. */
static void calm_down(void)
{
    faults_rest();
    if (!chaos_run_until(faults_at_rest, FAULTS_END_MS))
        chaos_fail("the faults do not end: %s", faults_now());
    links_rest();
    ears_rest();
    if (!chaos_run_until(links_at_rest, REST_MS)) {
        chaos_fail("not all connections are up and done again");
        links_explain();
    }
    links_ask();
    if (!chaos_run_until(links_have_answered, ANSWER_MS)) {
        chaos_fail("not all connections have answered at the end");
        links_explain();
    }
    listen_to_the_end();
}

static void make_chaos(void)
{
    const struct timeval period = {0, TICK_MS * 1000};
    struct event *tick;

    base = event_base_new();
    ops_begin();
    links_begin();
    ears_begin();
    faults_begin();
    tick = event_new(base, -1, EV_PERSIST, on_tick, NULL);
    event_add(tick, &period);
    heart_start();
    chaos_run_until(time_is_over, (options.seconds + FIRST_MINUTE) * 1000);
    calm_down();
    last_kib = resident_kib();
    ears_end();
    links_end();
    heart_end();
    watch_heart();
    event_free(tick);
    event_base_free(base);
}

/* A session may take a moment to end. */
static void check_resources(void)
{
    double end = now_ms() + SESSIONS_MS;
    int left;

    while ((left = count_sessions()) > sessions && now_ms() < end)
        usleep(50000);
    if (left != sessions)
        chaos_fail("%d sessions, and before %d", left, sessions);
    if (open_descriptors() != descriptors)
        chaos_fail("%d descriptors, and before %d", open_descriptors(), descriptors);
    if (!ops_all_done())
        chaos_fail("a request was never completed");
    if (!SANITIZED && last_kib - first_kib > MOST_GROWTH_KIB)
        chaos_fail("memory has grown by %ld KiB", last_kib - first_kib);
    printf("descriptors: %d, before %d; sessions: %d, before %d\n", open_descriptors(), descriptors,
           left, sessions);
}

static void report(void)
{
    printf("chaos: %.1f minutes, seed %llu%s\n", chaos_seconds() / 60,
           (unsigned long long)options.seed, SANITIZED ? ", with sanitizers" : "");
    ops_report();
    links_report();
    ears_report();
    faults_report();
    printf("heartbeat: worst gap %.1f ms (%s)\n", told_gap_ms, worst_gap_at);
    printf("memory: %ld KiB after the first minute, %ld KiB at the end\n", first_kib, last_kib);
    check_resources();
    book_check();
    if (n_failures > 0)
        printf("chaos: FAILED: %s (%d in all)\n", first_failure, n_failures);
    else
        puts("chaos: passed");
}

static int usage(void)
{
    fputs("usage: chaos [--minutes n | --seconds n] [--seed n] [--verbose]\n", stderr);
    return 2;
}

/* At least `least`, and not too long; -1: it is no such number. */
static long long read_number(const char *text, long long least, long long most)
{
    char *end = NULL;
    long long number = text ? strtoll(text, &end, 10) : -1;

    return text && *text && !*end && number >= least && number <= most ? number : -1;
}

/* One option, and its value where it has one; how many arguments that was, 0: it is wrong. */
static int read_option(char **argument)
{
    bool minutes = strcmp(*argument, "--minutes") == 0;
    bool seed = strcmp(*argument, "--seed") == 0;
    long long number;

    if (strcmp(*argument, "--verbose") == 0) {
        options.verbose = true;
        return 1;
    }
    if (!minutes && !seed && strcmp(*argument, "--seconds") != 0)
        return 0;
    number = read_number(argument[1], seed ? 0 : 1, seed ? INT64_MAX : minutes ? 1440 : 86400);
    if (number < 0)
        return 0;
    if (seed)
        options.seed = (uint64_t)number;
    else
        options.seconds = (int)number * (minutes ? 60 : 1);
    return 2;
}

static bool read_options(char **argument)
{
    while (*argument) {
        int read = read_option(argument);

        if (read == 0)
            return false;
        argument += read;
    }
    return true;
}

int main(int argc, char **argv)
{
    (void)argc;
    if (!read_options(argv + 1))
        return usage();
    if (!getenv("EVPG_TEST_SERVER")) {
        fputs("chaos: no server: run it by scripts/with-postgres --tls\n", stderr);
        return 2;
    }
    sessions = count_sessions();
    descriptors = open_descriptors();
    start_ms = now_ms();
    book_begin((int64_t)(options.seconds + FAULTS_END_MS / 1000) * OPERATIONS_PER_SECOND);
    make_chaos();
    report();
    return n_failures > 0;
}
