/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * oom_sweep: each allocation fails in turn, once and from then on: those of libpq, of libevent, and
 * the library's own; over a whole life of a connection, from each of its phases on, and while its
 * loss is dealt with; F26.
 *
 * libpq may lose a message for want of memory, and then answers would move on to the next request.
 * So all values are looked at: a request that succeeds has its own; each is completed once, within
 * the time; what failed with the fate NOT_EXECUTED is not in the table; no memory is left behind.
 * Skipped under sanitizers, which have a malloc of their own.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE 1 /* dladdr */
#endif
#include "failing_malloc.h"
#include "harness.h"
#include "oracle.h"
#include "server.h"

#include <dlfcn.h>
#include <errno.h>
#include <libpq-fe.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <poll.h>

enum phase {
    LIFE,
    LIFE_BY_TLS,
    IDLE,
    QUEUED,
    SENT,
    ROWS,
    IN_TRANSACTION,
    PAUSED,
    CLOSING,
    KILLED,
    N_PHASES
};

static const char *const names[N_PHASES] = {
    "a whole life", "one by TLS",     "idle",   "queued",  "sent",
    "rows",         "in transaction", "paused", "closing", "killed"};

/* The first is for the phase to be in. */
enum { FIRST, INSERT = 3, FAILING, KEPT, SCRIPT = 7, N_REQUESTS = 9 };
enum { LONG = 200, MIDST = 100, PATIENCE_MS = 10000 };

static const char *const libraries[] = {"libpq.so", "libevent", "libevpg"};

enum { N_LIBRARIES = 3, N_TESTS = N_LIBRARIES * N_PHASES * 2 };

static const char *const plan[N_REQUESTS] = {
    "",
    "select $1::int",
    "select generate_series(1,5) + 0 * $1::int",
    "insert into oom values ($1) returning n",
    "select 1 / ($1::int - $1)",
    "select $1::int + 1",
    "select 77 + 0 * $1::int",
    "select 1; select generate_series(2,4); select 5",
    "select 78 + 0 * $1::int",
};

struct request {
    struct evpg_request *handle;
    int accepted, completions, n_rows;
    bool unreadable; /* kept rows, for want of memory */
    long sum;
    enum evpg_code code; /* 0: success */
    enum evpg_fate fate;
    char sqlstate[6];
};

static struct request requests[N_REQUESTS];
static enum phase phase;
static int opened, closed, n_accepted_closes;
static struct event_base *loop;
static struct evpg_db *conn;

/* What fails. */
static const char *library;
static int kth;
static bool sticky;

static void run_out(void)
{
    malloc_fail(library, kth, sticky);
}

static enum evpg_flow on_row(const struct evpg_row *row, void *arg)
{
    struct request *request = arg;
    const char *text = evpg_row_text(row, 0);

    request->n_rows++;
    request->sum += text ? atoi(text) : 0;
    if (request != &requests[FIRST] || request->n_rows != MIDST)
        return EVPG_NEXT;
    if (phase == ROWS)
        run_out();
    return phase == PAUSED ? EVPG_PAUSE : EVPG_NEXT;
}

static void on_done(const struct evpg_result *result, void *arg)
{
    struct request *request = arg;
    const struct evpg_error *error = evpg_result_error(result);

    request->completions++;
    for (uint64_t i = 0; !request->n_rows && i < evpg_result_rows(result); i++)
        if (!evpg_result_row(result, i))
            request->unreadable = true;
        else
            request->sum += atoi(evpg_row_text(evpg_result_row(result, i), 0));
    if (!error)
        return;
    request->code = evpg_error_code(error);
    request->fate = evpg_error_fate(error);
    snprintf(request->sqlstate, sizeof(request->sqlstate), "%s", evpg_error_sqlstate(error));
}

static void on_open(struct evpg_db *which, const struct evpg_error *error, void *arg)
{
    (void)which;
    (void)arg;
    opened = error ? -1 : 1;
}

static void on_closed(struct evpg_db *which, size_t cut_off, void *arg)
{
    (void)which;
    (void)cut_off;
    (void)arg;
    closed++;
}

static bool all_completed(void)
{
    for (int i = 0; i < N_REQUESTS; i++)
        if (requests[i].completions < requests[i].accepted)
            return false;
    return opened && closed == n_accepted_closes;
}

static void submit_one(int i, const char *sql, int k)
{
    struct request *request = &requests[i];

    if (i == SCRIPT)
        request->handle = evpg_script(conn, sql, on_row, on_done, request);
    else
        request->handle = evpg_query(conn, sql, EVPG_PARAMS(evpg_int32(k)),
                                     i == KEPT ? NULL : on_row, on_done, request);
    request->accepted = request->handle != NULL;
    ck_assert(request->accepted || errno == ENOMEM || errno == ENOTCONN || errno == ESHUTDOWN);
}

static void submit_command(const char *sql)
{
    struct request *request = &requests[FIRST];

    memset(request, 0, sizeof(*request));
    request->accepted = evpg_query(conn, sql, EVPG_NO_PARAMS, on_row, on_done, request) != NULL;
}

static void submit_plan(int k)
{
    for (int i = 1; i < N_REQUESTS; i++)
        submit_one(i, plan[i], k);
}

static void pass(void)
{
    event_base_loop(loop, EVLOOP_ONCE | EVLOOP_NONBLOCK);
}

static void open_conn(void)
{
    const char *conninfo = phase == LIFE_BY_TLS ? tls_conninfo("root.crt") : NULL;

    conn = evpg_conn_new(loop, conninfo, NULL);
    if (!conn || !evpg_open(conn, on_open, NULL))
        opened = -1;
}

static void submit_first(int k)
{
    static const char *const first[N_PHASES] = {
        [QUEUED] = "select 0 from pg_sleep(0.005 + 0 * $1::int)",
        [SENT] = "select 0 from pg_sleep(0.005 + 0 * $1::int)",
        [CLOSING] = "select 0 from pg_sleep(0.005 + 0 * $1::int)",
        [KILLED] = "select 0 from pg_sleep(5 + 0 * $1::int)",
        [ROWS] = "select generate_series(1, 200) + 0 * $1::int",
        [PAUSED] = "select generate_series(1, 200) + 0 * $1::int",
        [IN_TRANSACTION] = "begin",
    };

    if (!first[phase])
        return;
    if (phase == IN_TRANSACTION)
        submit_command(first[phase]);
    else
        submit_one(FIRST, first[phase], k);
    if (phase == QUEUED)
        evpg_request_set_flags(requests->handle, EVPG_EXCLUSIVE);
}

/* And it has said so, before memory runs out. */
static void end_session(void)
{
    struct pollfd socket = {.fd = PQsocket(evpg_pgconn(conn)), .events = POLLIN};

    server_signal(PQbackendPID(evpg_pgconn(conn)), SIGTERM);
    ck_assert_int_eq(poll(&socket, 1, PATIENCE_MS), 1);
}

/* Up to the point from which memory runs out. */
static void enter(int k)
{
    if (phase <= LIFE_BY_TLS)
        return;
    open_conn();
    while (opened == 0)
        pass();
    if (phase == IDLE)
        return;
    submit_first(k);
    if (phase != IN_TRANSACTION)
        submit_plan(k);
    for (int i = 0; i < 3; i++)
        pass();
    while (phase == PAUSED && requests->n_rows < MIDST)
        pass();
    while (phase == IN_TRANSACTION && requests->completions == 0)
        pass();
    if (phase == KILLED)
        end_session();
    if (phase == CLOSING)
        n_accepted_closes = evpg_close(conn, 2000, on_closed, NULL) == 0;
}

static void go_on(int k)
{
    if (phase <= LIFE_BY_TLS)
        open_conn();
    if (phase == IN_TRANSACTION)
        submit_command("commit");
    if (conn && phase <= IDLE)
        submit_plan(k);
    if (phase == IN_TRANSACTION)
        submit_plan(k);
    if (phase == PAUSED)
        evpg_request_resume(requests->handle);
}

/* One life, in which the k-th allocation fails. True: it came to that. */
static bool live(int k)
{
    double end = now_ms() + PATIENCE_MS;
    bool failed;

    memset(requests, 0, sizeof(requests));
    opened = closed = n_accepted_closes = 0;
    conn = NULL;
    kth = k;
    loop = event_base_new();
    enter(k);
    if (phase != ROWS)
        run_out();
    go_on(k);
    while (!all_completed() && now_ms() < end)
        pass();
    ck_assert_msg(all_completed(), "k = %d: a request hangs", k);
    evpg_free(conn);
    failed = malloc_go_on() > 0;
    event_base_free(loop);
    return failed;
}

static bool is_first_streaming(void)
{
    return phase == ROWS || phase == PAUSED;
}

/* The COMMIT was refused, and a statement fails. */
static bool is_in_failed_transaction(void)
{
    return phase == IN_TRANSACTION && !requests[FIRST].accepted;
}

static void check_request(int k, int i)
{
    static const int rows[N_REQUESTS] = {0, 1, 5, 1, 0, 0, 1, 5, 1};
    const struct request *r = &requests[i];
    long expected[N_REQUESTS] = {0, k, 15, k, 0, k + 1, 77, 15, 78};

    ck_assert_msg(r->completions == r->accepted, "k = %d: request %d", k, i);
    if (i == FIRST && is_first_streaming())
        ck_assert(r->code || (r->n_rows == LONG && r->sum == (long)LONG * (LONG + 1) / 2));
    if (i == FIRST || !r->accepted)
        return;
    if (i == FAILING)
        ck_assert_msg(r->code != 0, "k = %d: the division by zero has succeeded", k);
    else if (r->code == 0 && !r->unreadable)
        ck_assert_msg(r->n_rows == rows[i] && r->sum == expected[i],
                      "k = %d: request %d has %d rows, in sum %ld", k, i, r->n_rows, r->sum);
    if (r->code == EVPG_E_SERVER && !is_in_failed_transaction())
        ck_assert_msg(i == FAILING && strcmp(r->sqlstate, "22012") == 0,
                      "k = %d: request %d has the server's error %s", k, i, r->sqlstate);
}

enum { MOST = 2000 };

static struct {
    bool done, not_done; /* by what is told of the insert; neither: it is not known */
} ledger[MOST];

static void note_insert(int k)
{
    const struct request *insert = &requests[INSERT];

    ledger[k].done = insert->accepted && !insert->code && !is_in_failed_transaction();
    ledger[k].not_done =
        !insert->accepted || (insert->code && (insert->fate == EVPG_FATE_NOT_SENT ||
                                               insert->fate == EVPG_FATE_NOT_EXECUTED));
}

/* That agrees with what is in the table. */
static void check_ledger(int last)
{
    static int counts[MOST];
    char *text = admin("select coalesce(string_agg(n::text, ','), '') from oom");

    memset(counts, 0, sizeof(counts));
    for (char *end = text; *end; end += *end == ',')
        counts[strtol(end, &end, 10)]++;
    free(text);
    for (int k = 1; k <= last; k++) {
        ck_assert_msg(!ledger[k].done || counts[k] == 1, "k = %d: a lost acknowledgement", k);
        ck_assert_msg(!ledger[k].not_done || counts[k] == 0, "k = %d: it ran", k);
        ck_assert_msg(counts[k] <= 1, "k = %d: it ran twice", k);
    }
}

/* Where all is linked statically, there is no telling who allocates. */
static bool is_there(const char *name)
{
    Dl_info info;

    return strcmp(name, "libevpg") != 0 ||
           (dladdr((void *)(uintptr_t)evpg_version, &info) && strstr(info.dli_fname, name));
}

/* Until the failure comes too late to matter. */
START_TEST(each_allocation)
{
    bool failed = true;
    long live_before;
    int k = 0;

    library = libraries[_i / 2 / N_PHASES];
    phase = (enum phase)(_i / 2 % N_PHASES);
    if (!is_there(library))
        return;
    sticky = _i % 2;
    free(admin("drop table if exists oom; create table oom(n int)"));
    live(0);
    while (failed) {
        live_before = malloc_live();
        failed = live(++k);
        ck_assert_msg(malloc_live() <= live_before, "k = %d: %ld blocks are left", k,
                      malloc_live() - live_before);
        for (int i = 0; i < N_REQUESTS; i++)
            check_request(k, i);
        note_insert(k);
        ck_assert_int_lt(k, MOST - 1);
    }
    check_ledger(k);
    free(admin("drop table oom"));
    fprintf(stderr, "# %s, %s, %s: %d allocations\n", library, names[phase],
            sticky ? "and all after" : "once", k - 1);
    ck_assert_int_gt(k, phase <= LIFE_BY_TLS ? 5 : _i / 2 / N_PHASES == 0 ? 2 : 0);
}
END_TEST

int main(void)
{
    Suite *suite;
    TCase *tcase;

    if (!FAILING_MALLOC) {
        puts("1..0 # SKIP sanitizers have a malloc of their own");
        return 0;
    }
    suite = suite_create("oom_sweep");
    tcase = tcase_create("oom");
    tcase_set_timeout(tcase, 300);
    tcase_add_loop_test(tcase, each_allocation, 0, N_TESTS);
    suite_add_tcase(suite, tcase);
    return run_suite(suite, true);
}
