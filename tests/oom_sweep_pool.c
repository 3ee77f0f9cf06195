/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * oom_sweep_pool: each allocation of libpq's and libevent's fails in turn, once and from then on,
 * in the life of a pool; F26.
 *
 * From one of its phases on memory runs out; what is submitted has values of its own, among it a
 * lease with a transaction, something canceled and something late. When all is done, or after a
 * while, there is memory again. Whatever failed: each request is completed once, what succeeds has
 * its own values, what was said not to be done is not in the table; both connections answer again,
 * and no block of memory is left. (oom_pool does this with the library's own allocations.)
 */
#include "failing_malloc.h"
#include "harness.h"
#include "oracle.h"
#include "server.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

enum phase { LIFE, IDLE, SENT, QUEUED, LEASED, CANCELING, KILLED, CLOSING, N_PHASES };

static const char *const names[N_PHASES] = {"a whole life", "idle",      "sent",   "queued",
                                            "leased",       "canceling", "killed", "closing"};
static const char *const libraries[] = {"libpq.so", "libevent"};

enum { N_LIBRARIES = 2, N_TESTS = N_LIBRARIES * N_PHASES * 2 };
enum { SIZE = 2, MOST = 3000, OUT_OF_MEMORY_MS = 40, PATIENCE_MS = 10000 };

enum {
    ONE,
    ROWS,
    INSERT,
    FAILING,
    KEPT,
    CANCELED,
    LATE,
    IN_LEASE,
    COMMIT,
    LEASE,
    FIRST_MARK,
    SECOND_MARK,
    N_REQUESTS
};

static struct request {
    struct evpg_request *handle;
    int accepted, completions, n_rows;
    long sum;
    enum evpg_code code; /* 0: success */
    enum evpg_fate fate;
    char sqlstate[6];
} requests[N_REQUESTS];

static enum phase phase;
static struct event_base *loop;
static struct evpg_db *pool;
static int closed, n_accepted_closes, life;

static enum evpg_flow on_row(const struct evpg_row *row, void *arg)
{
    struct request *request = arg;
    const char *text = evpg_row_text(row, 0);

    ck_assert_int_eq(request->completions, 0);
    request->n_rows++;
    request->sum += text ? atoi(text) : 0;
    return EVPG_NEXT;
}

static void note_error(struct request *request, const struct evpg_error *error)
{
    request->completions++;
    if (!error)
        return;
    request->code = evpg_error_code(error);
    request->fate = evpg_error_fate(error);
    snprintf(request->sqlstate, sizeof(request->sqlstate), "%s", evpg_error_sqlstate(error));
}

static void on_done(const struct evpg_result *result, void *arg)
{
    struct request *request = arg;
    const struct evpg_row *row = evpg_result_row(result, 0);

    if (row)
        on_row(row, arg);
    note_error(request, evpg_result_error(result));
}

/* The end of the lease as well. */
static void on_commit(const struct evpg_result *result, void *arg)
{
    on_done(result, arg);
    evpg_release(evpg_result_db(result));
}

static bool note(int i, struct evpg_request *request)
{
    requests[i].handle = request;
    requests[i].accepted = request != NULL;
    ck_assert(request || errno == ENOMEM || errno == ENOTCONN || errno == ESHUTDOWN);
    return request;
}

static void submit_one(int i, const char *sql)
{
    note(i, evpg_query(pool, sql, EVPG_PARAMS(evpg_int32(life)), i == KEPT ? NULL : on_row, on_done,
                       &requests[i]));
}

static void on_lease(struct evpg_db *lease, const struct evpg_error *error, void *arg)
{
    note_error(arg, error);
    if (!lease)
        return;
    if (!evpg_query(lease, "begin", EVPG_NO_PARAMS, NULL, NULL, NULL) ||
        !note(IN_LEASE,
              evpg_query(lease, "insert into oom values ('lease', $1) returning n",
                         EVPG_PARAMS(evpg_int32(life)), on_row, on_done, &requests[IN_LEASE])) ||
        !note(COMMIT,
              evpg_query(lease, "commit", EVPG_NO_PARAMS, on_row, on_commit, &requests[COMMIT])))
        evpg_release(lease);
}

static void acquire(void)
{
    note(LEASE, evpg_acquire(pool, on_lease, &requests[LEASE]));
}

static void submit_plan(void)
{
    submit_one(ONE, "select $1::int");
    submit_one(CANCELED, "select 5 + 0 * $1::int from pg_sleep(0.5)");
    submit_one(ROWS, "select generate_series(1, 5) + 0 * $1::int");
    submit_one(INSERT, "insert into oom values ('plain', $1) returning n");
    submit_one(FAILING, "select 1 / ($1::int - $1)");
    submit_one(KEPT, "select $1::int + 1");
    submit_one(LATE, "select 6 + 0 * $1::int from pg_sleep(0.5)");
    evpg_request_set_timeout(requests[LATE].handle, 5);
    acquire();
}

static void cancel(void)
{
    if (requests[CANCELED].accepted && requests[CANCELED].completions == 0)
        evpg_request_cancel(requests[CANCELED].handle);
}

static void pass(void)
{
    const struct timeval soon = {0, 2000};

    event_base_loopexit(loop, &soon);
    event_base_loop(loop, EVLOOP_ONCE);
}

static bool are_completed(void)
{
    for (int i = 0; i < N_REQUESTS; i++)
        if (requests[i].completions < requests[i].accepted)
            return false;
    return closed == n_accepted_closes;
}

static void run_for_at_most(double ms)
{
    double end = now_ms() + ms;

    while (!are_completed() && now_ms() < end)
        pass();
}

/* Both connections at once; and forgotten. */
static void open_both(void)
{
    for (int i = FIRST_MARK; i <= SECOND_MARK; i++) {
        submit_one(i, "select $1::int from pg_sleep(0.01)");
        evpg_request_set_flags(requests[i].handle, EVPG_EXCLUSIVE);
    }
    run_for_at_most(PATIENCE_MS);
    for (int i = FIRST_MARK; i <= SECOND_MARK; i++)
        ck_assert_msg(requests[i].completions == 1 && requests[i].code == 0,
                      "life %d: marker %d: %d completions, code %d %s", life, i - FIRST_MARK,
                      requests[i].completions, requests[i].code, requests[i].sqlstate);
    memset(&requests[FIRST_MARK], 0, 2 * sizeof(*requests));
}

static void kill_all(void)
{
    free(admin("select count(pg_terminate_backend(pid, 5000)) from pg_stat_activity"
               " where application_name = 'oom_sweep_pool'"));
}

/* Up to the point from which memory runs out. */
static void enter(void)
{
    if (phase == LIFE)
        return;
    open_both();
    if (phase == IDLE)
        return;
    if (phase == LEASED)
        acquire();
    else
        submit_plan();
    for (int i = phase == QUEUED ? 1 : 3; i > 0; i--)
        pass();
    if (phase == CANCELING)
        cancel();
    if (phase == KILLED)
        kill_all();
    if (phase == CLOSING)
        n_accepted_closes = 1;
}

static void on_closed(struct evpg_db *which, size_t cut_off, void *arg)
{
    (void)which;
    (void)cut_off;
    (void)arg;
    closed++;
}

static void make_pool(void)
{
    struct evpg_conn_config connection = EVPG_CONN_CONFIG(.cancel_wait_timeout_ms = 100);

    pool = evpg_pool_new(loop, "application_name=oom_sweep_pool",
                         &EVPG_POOL_CONFIG(.max_connections = SIZE, .connection = &connection,
                                           .reconnect_min_ms = 1, .reconnect_max_ms = 10,
                                           .query_wait_timeout_ms = 5000));
}

static void go_on(void)
{
    if (phase == LIFE)
        make_pool();
    if (pool && phase <= IDLE)
        submit_plan();
    if (pool && phase != CANCELING && phase != CLOSING) {
        pass();
        cancel();
    }
    if (n_accepted_closes)
        n_accepted_closes = evpg_close(pool, 1000, on_closed, NULL) == 0;
}

/* What threads still have, they free in their own time. */
static long blocks_left(long before)
{
    double end = now_ms() + 1000;

    while (malloc_live() > before && now_ms() < end)
        usleep(1000);
    return malloc_live() - before;
}

/* One life, in which the k-th allocation fails. True: it came to that. */
static bool live(const char *library, int k, bool sticky)
{
    bool failed;

    memset(requests, 0, sizeof(requests));
    closed = n_accepted_closes = 0;
    pool = NULL;
    loop = event_base_new();
    if (phase != LIFE)
        make_pool();
    enter();
    malloc_fail(library, k, sticky);
    go_on();
    run_for_at_most(sticky ? OUT_OF_MEMORY_MS : PATIENCE_MS);
    failed = malloc_go_on() > 0;
    run_for_at_most(PATIENCE_MS);
    ck_assert_msg(are_completed(), "life %d: a request hangs", life);
    if (pool && phase != CLOSING)
        open_both();
    evpg_free(pool);
    event_base_free(loop);
    return failed;
}

static void check_request(int i)
{
    static const int rows[N_REQUESTS] = {[ONE] = 1,  [ROWS] = 5,     [INSERT] = 1,  [KEPT] = 1,
                                         [LATE] = 1, [CANCELED] = 1, [IN_LEASE] = 1};
    const struct request *r = &requests[i];
    long expected[N_REQUESTS] = {[ONE] = life,   [ROWS] = 15, [INSERT] = life,  [KEPT] = life + 1,
                                 [CANCELED] = 5, [LATE] = 6,  [IN_LEASE] = life};
    bool is_stopped = i == CANCELED || i == LATE;

    ck_assert_msg(r->completions == r->accepted, "life %d: request %d", life, i);
    if (r->accepted && r->code == 0)
        ck_assert_msg(i != FAILING && r->n_rows == rows[i] && r->sum == expected[i],
                      "life %d: request %d has %d rows, in sum %ld", life, i, r->n_rows, r->sum);
    if (r->code == EVPG_E_SERVER && i != IN_LEASE && i != COMMIT)
        ck_assert_msg((i == FAILING && strcmp(r->sqlstate, "22012") == 0) ||
                          (is_stopped && strcmp(r->sqlstate, "57014") == 0),
                      "life %d: request %d has the server's error %s", life, i, r->sqlstate);
}

static struct told {
    bool done, not_done; /* by what is told; neither: it is not known */
} told[2][MOST];

static struct told what_is_told(const struct request *r)
{
    bool not = r->fate == EVPG_FATE_NOT_SENT || r->fate == EVPG_FATE_NOT_EXECUTED;

    return (struct told){r->accepted && !r->code, !r->accepted || (r->code && not )};
}

static void note_ledger(void)
{
    told[0][life] = what_is_told(&requests[INSERT]);
    told[1][life] = what_is_told(&requests[COMMIT]);
}

static void check_ledger(int which, const char *who)
{
    char sql[120];
    char *text, *end;
    static int counts[MOST];

    snprintf(sql, sizeof(sql), "select coalesce(string_agg(n::text, ','), '') from oom %s'%s'",
             "where who = ", who);
    end = text = admin(sql);
    memset(counts, 0, sizeof(counts));
    for (; *end; end += *end == ',')
        counts[strtol(end, &end, 10)]++;
    free(text);
    for (int i = 1; i < life; i++) {
        ck_assert_msg(!told[which][i].done || counts[i], "life %d, %s: not there", i, who);
        ck_assert_msg(!told[which][i].not_done || !counts[i], "life %d, %s: it ran", i, who);
        ck_assert_msg(counts[i] <= 1, "life %d, %s: it ran twice", i, who);
    }
}

/* How many blocks of memory are left by it. */
static long live_and_check(const char *library, int k, bool sticky, bool *failed)
{
    long before = malloc_live();

    *failed = live(library, k, sticky);
    for (int i = 0; i < N_REQUESTS; i++)
        check_request(i);
    note_ledger();
    ck_assert_int_lt(++life, MOST - 1);
    return blocks_left(before);
}

/* Until the failure comes too late to matter. Some lives first, for what is made once; and one that
 * leaves something is lived again, for what stays with the first few threads. */
START_TEST(each_allocation)
{
    const char *library = libraries[_i / 2 / N_PHASES];
    bool failed = true;
    int k = sized(1 + _i % 5, 1);

    phase = (enum phase)(_i / 2 % N_PHASES);
    free(admin("drop table if exists oom; create table oom(who text, n int)"));
    for (life = 1; life < 4; life++)
        live(library, 0, false);
    while (failed) {
        if (live_and_check(library, k, _i % 2, &failed) > 0)
            ck_assert_msg(live_and_check(library, k, _i % 2, &failed) <= 0,
                          "k = %d: blocks are left each time", k);
        k += sized(5, 1);
    }
    check_ledger(0, "plain");
    check_ledger(1, "lease");
    free(admin("drop table oom"));
    fprintf(stderr, "# %s, %s, %s: %d allocations\n", library, names[phase],
            _i % 2 ? "and all after" : "once", k - 1);
    ck_assert(phase != LIFE || k > 20); /* or nothing has failed at all */
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
    suite = suite_create("oom_sweep_pool");
    tcase = tcase_create("oom");
    tcase_set_timeout(tcase, 600);
    tcase_add_loop_test(tcase, each_allocation, 0, N_TESTS);
    suite_add_tcase(suite, tcase);
    return run_suite(suite, true);
}
