/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * sweep_pool: the server's stream to the connections of a pool is cut before each byte, and they
 * are killed at each step of the pool's life, which is a pass of the loop; F08, F09, F12.
 *
 * In each life work of all kinds is under way on two connections: statements of a ledger, rows, a
 * lease with a transaction, one that is canceled and one that is late. Each is completed once, and
 * what could wait for another connection has succeeded; then both answer right; and the ledger
 * shows whether the fates of what was cut off are true.
 */
#include "oracle.h"
#include "proxy.h"

#include <stdio.h>

enum way { RESET, CLOSE, HALF_CLOSE, TERMINATE, N_KILLINGS, CUT = N_KILLINGS, CUT_HARD, N_WAYS };
enum { SIZE = 2, PIECE = 64, PATIENCE_MS = 10000 };

static const char *const names[N_WAYS] = {"RST",     "FIN",        "half an end",
                                          "SIGTERM", "cut by FIN", "cut by RST"};

static struct proxy *proxy;
static int n_leases, n_lease_due, n_in_transaction;
static struct outcome *stopped[2];

/* Neither is said to have succeeded, but where it was answered first. */
static void submit_stopped(void)
{
    stopped[0] = query("select pg_sleep(0.05)", EVPG_NO_PARAMS);
    stopped[1] = query("select pg_sleep(0.05)", EVPG_NO_PARAMS);
    evpg_request_set_timeout(stopped[0]->request, 15);
}

static void on_commit(const struct evpg_result *result, struct outcome *outcome)
{
    (void)outcome;
    evpg_release(evpg_result_db(result));
}

/* db is for this one moment the lease. */
static void on_lease(struct evpg_db *lease, const struct evpg_error *error, void *arg)
{
    struct evpg_db *pool = db;
    struct outcome *commit;

    (void)arg;
    n_leases++;
    ck_assert(!lease == !!error);
    if (!lease)
        return;
    db = lease;
    query("begin", EVPG_NO_PARAMS);
    query("insert into leased values (1)", EVPG_NO_PARAMS);
    commit = new_outcome();
    commit->on_done = on_commit;
    submit(commit, "commit", EVPG_NO_PARAMS);
    n_in_transaction++;
    db = pool;
}

static void submit_life(void)
{
    struct outcome *rows = new_outcome();

    ledger_submit(2);
    rows->discard = true;
    submit(rows, "select generate_series(1, 50)", EVPG_NO_PARAMS);
    submit_stopped();
    submit(new_outcome(), "select 1 / 0", EVPG_NO_PARAMS);
    n_lease_due++;
    ck_assert_ptr_nonnull(evpg_acquire(db, on_lease, NULL));
    ledger_submit(1);
}

static void pass(void)
{
    const struct timeval soon = {0, 2000};

    event_base_loopexit(base, &soon);
    event_base_loop(base, EVLOOP_ONCE);
}

static bool is_over(void)
{
    return all_done() && n_leases == n_lease_due;
}

/* False: nobody is there to be killed. */
static bool kill_by(enum way way)
{
    if (way == TERMINATE) {
        char *n = admin("select count(pg_terminate_backend(pid, 5000)) from pg_stat_activity"
                        " where application_name = 'sweep_pool'");
        bool any = atoi(n) > 0;

        free(n);
        heart_skip();
        return any;
    }
    if (proxy->counters.live == 0)
        return false;
    if (way == RESET)
        proxy_reset(proxy);
    else if (way == CLOSE)
        proxy_close(proxy);
    else
        proxy_half_close(proxy);
    return true;
}

static void finish(long number)
{
    double end = now_ms() + PATIENCE_MS;

    while (!is_over() && now_ms() < end)
        pass();
    ck_assert_msg(is_over(), "life %ld: a request hangs", number);
}

/* True: both connections have answered, right. */
static bool mark_both(long number)
{
    struct outcome *marks[SIZE];

    for (int i = 0; i < SIZE; i++) {
        marks[i] = query("select $1::int, pg_sleep(0.005)", EVPG_PARAMS(evpg_int32((int)number)));
        evpg_request_set_flags(marks[i]->request, EVPG_EXCLUSIVE);
    }
    await_all();
    if (marks[0]->error || marks[1]->error)
        return false;
    for (int i = 0; i < SIZE; i++)
        ck_assert_int_eq(atol(cell(marks[i], 0, 0)), number);
    return true;
}

/* The server's farewell may still be on its way, through the proxy, in pieces. */
static void mark(long number)
{
    ck_assert(mark_both(number) || mark_both(number) || mark_both(number));
}

static void make_pool(void)
{
    struct evpg_conn_config connection = EVPG_CONN_CONFIG(.cancel_wait_timeout_ms = 1000);
    struct evpg_pool_config config =
        EVPG_POOL_CONFIG(.max_connections = SIZE, .connection = &connection, .reconnect_min_ms = 1,
                         .reconnect_max_ms = 5);
    char conninfo[128];

    snprintf(conninfo, sizeof(conninfo),
             "host=127.0.0.1 port=%d sslmode=disable application_name=sweep_pool",
             proxy_port(proxy));
    db = evpg_pool_new(base, conninfo, &config);
    ck_assert_ptr_nonnull(db);
}

static void end_life(void)
{
    evpg_free(db);
    db = NULL;
    proxy_close(proxy);
}

/* True: it was killed before all was done. */
static bool live_killed(int step, enum way way)
{
    bool killed = false;

    make_pool();
    submit_life();
    for (int i = 0; i < step && !is_over(); i++) {
        pass();
        if (i == 3 && stopped[1]->completions == 0)
            evpg_request_cancel(stopped[1]->request);
    }
    if (!is_over())
        killed = kill_by(way);
    finish(step);
    mark(step);
    end_life();
    return killed;
}

/* Connections that were up are cut when they have had so much, and those that come after them are
 * cut at the same place, twice; -1: none is. Returns how much they had, with those that asked for a
 * cancel. */
static long live_cut(long byte, enum way way)
{
    uint64_t before = proxy->counters.to_client;
    int accepted;

    make_pool();
    mark(byte);
    accepted = proxy->counters.accepted;
    submit_life();
    proxy->settings.cut_by_reset = way == CUT_HARD;
    proxy->settings.cut_at = byte;
    while (!is_over() && proxy->counters.accepted < accepted + SIZE)
        pass();
    proxy->settings.cut_at = -1;
    finish(byte);
    mark(byte);
    end_life();
    return (long)(proxy->counters.to_client - before);
}

static void begin_sweep(void)
{
    resources_note();
    base = event_base_new();
    proxy = proxy_new(base, getenv("PGHOST"), getenv("PGPORT"));
    free(admin("drop table if exists leased; create table leased(n int)"));
    ledger_begin();
    heart_start();
}

/* No transaction twice. */
static void end_sweep(const char *name, long count)
{
    char *leased = admin("select count(*) from leased");
    int in_ledger, in_leased = atoi(leased);

    free(leased);
    free(admin("drop table leased"));
    heart_skip();
    heart_stop();
    in_ledger = ledger_check();
    fprintf(stderr, "# %s: %ld lives, %d of the ledger, %d transactions of %d\n", name, count,
            in_ledger, in_leased, n_in_transaction);
    ck_assert_int_gt(in_ledger, 20);
    ck_assert_int_gt(in_leased, 10);
    ck_assert_int_le(in_leased, n_in_transaction);
    end();
    resources_check(sized(16384, 65536)); /* for what is recorded of each request */
}

START_TEST(at_each_step)
{
    int step = 0, last_killed = 0;

    begin_sweep();
    proxy->settings.piece = PIECE;
    for (step = 1; step - last_killed < 20; step += sized(3, 1))
        if (live_killed(step, (enum way)_i))
            last_killed = step;
    end_sweep(names[_i], last_killed);
    ck_assert_int_gt(last_killed, 60);
}
END_TEST

START_TEST(at_each_byte)
{
    long length;
    int n = 0;

    begin_sweep();
    length = live_cut(-1, (enum way)_i);
    for (long byte = 1 + _i; byte < length; byte += sized(17, 1), n++)
        live_cut(byte, (enum way)_i);
    end_sweep(names[_i], n);
    ck_assert_int_gt(length, 1000);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("sweep_pool");
    TCase *tcase = tcase_create("pool");

    tcase_set_timeout(tcase, sized(120, 1200));
    tcase_add_loop_test(tcase, at_each_step, 0, N_KILLINGS);
    tcase_add_loop_test(tcase, at_each_byte, CUT, N_WAYS);
    suite_add_tcase(suite, tcase);
    return run_suite(suite, true);
}
