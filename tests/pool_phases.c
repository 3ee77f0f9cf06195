/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * pool_phases: brings a pool into a state, and looks at what a fault has done to it.
 *
 * Called by fault_pool_server, _link, _limits, _login and _bouncer. What may become of a request
 * depends on where it was when the fault came: those that waited must succeed, unless their
 * deadline has passed; those on the wire may be lost, with a fate unknown; and the ledger has the
 * last word.
 */
#include "pool_phases.h"

#include <stdio.h>
#include <sys/types.h>

enum { WAITING = 20, MOST = 64 };

struct proxy *pool_proxy;
pid_t pool_pids[POOL_SIZE];

static enum pool_phase phase;
static bool silent;
static enum evpg_code may_fail;
static int n_closed, n_in_ledger;
static struct outcome *waiting[MOST];
static int n_waiting;

static void on_closed(struct evpg_db *closed, size_t cut_off, void *arg)
{
    (void)closed;
    (void)cut_off;
    (void)arg;
    n_closed++;
}

static struct outcome *alone(const char *sql)
{
    struct outcome *outcome = query(sql, EVPG_NO_PARAMS);

    evpg_request_set_flags(outcome->request, EVPG_EXCLUSIVE);
    return outcome;
}

static void make_pool(const char *conninfo)
{
    struct evpg_conn_config connection =
        EVPG_CONN_CONFIG(.cancel_wait_timeout_ms = silent ? 300 : 5000);
    struct evpg_pool_config config =
        EVPG_POOL_CONFIG(.max_connections = POOL_SIZE, .connection = &connection,
                         .reconnect_min_ms = 20, .reconnect_max_ms = 200);
    char all[500];

    if (silent) {
        config.query_timeout_ms = 500;
        config.server_check_delay_ms = 100;
        config.server_check_timeout_ms = 200;
        config.server_connect_timeout_ms = 400;
    }
    snprintf(all, sizeof(all), "%s application_name=pool_phases", conninfo);
    db = evpg_pool_new(base, all, &config);
    ck_assert_ptr_nonnull(db);
}

static void start_proxy(char *conninfo, size_t size)
{
    begin_closed(NULL, NULL);
    evpg_free(db);
    pool_proxy = proxy_new(base, getenv("PGHOST"), getenv("PGPORT"));
    snprintf(conninfo, size, "host=127.0.0.1 port=%d sslmode=disable", proxy_port(pool_proxy));
}

static void find_pids(void)
{
    char *list = admin("select string_agg(pid::text, ' ') from pg_stat_activity"
                       " where application_name = 'pool_phases'");
    int first, second;

    ck_assert_int_eq(sscanf(list, "%d %d", &first, &second), 2);
    pool_pids[0] = first;
    pool_pids[1] = second;
    free(list);
}

static void submit_waiting(void)
{
    for (n_waiting = 0; n_waiting < WAITING; n_waiting++)
        waiting[n_waiting] = ledger_submit(1);
    n_in_ledger += WAITING;
}

static void submit_behind_sleepers(void)
{
    for (int i = 0; i < POOL_SIZE; i++)
        query("select pg_sleep(0.3)", EVPG_NO_PARAMS);
    ledger_submit(20);
    n_in_ledger += 20;
    run_for(50);
}

static int n_rows_seen;

static enum evpg_flow count_row(const struct evpg_row *row, struct outcome *outcome)
{
    (void)row;
    (void)outcome;
    n_rows_seen++;
    return EVPG_NEXT;
}

static void submit_stream(void)
{
    struct outcome *stream = new_outcome();

    stream->discard = true;
    stream->on_row = count_row;
    ck_assert_ptr_nonnull(
        submit(stream, "select repeat('x', 100) from generate_series(1, 200000)", EVPG_NO_PARAMS));
    ck_assert(await_flag(&n_rows_seen, 10000));
    ledger_submit(10);
    n_in_ledger += 10;
}

static void begin_to_cancel(void)
{
    struct outcome *slow[POOL_SIZE];

    for (int i = 0; i < POOL_SIZE; i++)
        slow[i] = alone("select pg_sleep(3)");
    run_for(50);
    for (int i = 0; i < POOL_SIZE; i++)
        evpg_request_cancel(slow[i]->request);
    turn();
}

static void enter(void)
{
    switch (phase) {
    case POOL_QUEUED:
        for (int i = 0; i < POOL_SIZE; i++)
            alone("select pg_sleep(0.3)");
        run_for(50);
        submit_waiting();
        return;
    case POOL_SENT:
        submit_behind_sleepers();
        return;
    case POOL_ROWS:
        submit_stream();
        return;
    case POOL_CANCELING:
        begin_to_cancel();
        return;
    case POOL_CLOSING:
        submit_behind_sleepers();
        ck_assert_int_eq(evpg_close(db, 8000, on_closed, NULL), 0);
        turn();
        return;
    case POOL_IDLE:
    case N_POOL_PHASES:
        return;
    }
}

static void begin_phase(enum pool_phase entered, const char *conninfo)
{
    phase = entered;
    make_pool(conninfo);
    for (int i = 0; i < POOL_SIZE; i++)
        alone("select pg_sleep(0.1)");
    await_all();
    ledger_begin();
    ledger_submit(10);
    n_in_ledger = 10;
    await_all();
    check_all_succeeded();
    find_pids();
    heart_start();
    enter();
}

void pool_phase_begin(enum pool_phase entered, bool by_deadlines)
{
    char conninfo[120];

    resources_note();
    silent = by_deadlines;
    start_proxy(conninfo, sizeof(conninfo));
    begin_phase(entered, conninfo);
}

void pool_phase_begin_at(enum pool_phase entered, const char *conninfo, enum evpg_code code)
{
    resources_note();
    may_fail = code;
    begin_closed(NULL, NULL);
    evpg_free(db);
    begin_phase(entered, conninfo);
}

/* Until both connections answer again, in time. */
static void recover(void)
{
    struct outcome *marks[POOL_SIZE];
    double end = now_ms() + 15000;
    bool well;

    do {
        run_for(20);
        for (int i = 0; i < POOL_SIZE; i++)
            marks[i] =
                alone(i ? "select 'second', pg_sleep(0.05)" : "select 'first', pg_sleep(0.05)");
        await_all();
        well = !marks[0]->error && !marks[1]->error;
    } while (!well && now_ms() < end);
    ck_assert(well);
    ck_assert_str_eq(cell(marks[0], 0, 0), "first");
    ck_assert_str_eq(cell(marks[1], 0, 0), "second");
}

/* They were never sent, and the fault is over. */
static void check_waiting(void)
{
    for (int i = 0; i < n_waiting; i++) {
        const struct evpg_error *error = waiting[i]->error;

        if (silent && error)
            ck_assert_int_eq(evpg_error_code(error), EVPG_E_TIMEOUT);
        else if (may_fail && error)
            ck_assert_int_eq(evpg_error_code(error), may_fail);
        else
            ck_assert_outcome_ok(waiting[i]);
    }
}

void pool_phase_leave(void)
{
    int n;

    await_all();
    check_waiting();
    if (phase == POOL_CLOSING) {
        ck_assert(await_flag(&n_closed, 10000));
    } else {
        n_in_ledger += 10;
        recover();
        ledger_submit(10);
        await_all();
    }
    heart_stop();
    ck_assert_int_eq(n_closed, phase == POOL_CLOSING);
    n = ledger_check();
    ck_assert_int_ge(n, phase == POOL_CLOSING ? 10 : 20);
    ck_assert_int_le(n, n_in_ledger);
    evpg_free(db);
    db = NULL;
    end();
}

void pool_phase_end(void)
{
    pool_phase_leave();
    resources_check(4096);
}
