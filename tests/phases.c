/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * phases: see phases.h.
 *
 * Called by the tests of faults. All that is submitted beside sleeps and streams are operations of
 * the ledger, so that it shows whether their fates are true.
 */
#include "phases.h"

#include <stdio.h>

struct phase_notes notes;
static enum phase phase;

static void on_lost(struct evpg_db *losing, const struct evpg_error *error, void *arg)
{
    (void)losing;
    (void)arg;
    notes.n_lost++;
    notes.code = evpg_error_code(error);
    snprintf(notes.sqlstate, sizeof(notes.sqlstate), "%s", evpg_error_sqlstate(error));
}

static void on_closed(struct evpg_db *closed, size_t cut_off, void *arg)
{
    (void)closed;
    (void)cut_off;
    (void)arg;
    notes.n_closed++;
}

void phase_on_open(struct evpg_db *opened, const struct evpg_error *error, void *outcome)
{
    (void)opened;
    *(int *)outcome = error ? -(int)evpg_error_code(error) : 1;
}

static enum evpg_flow take_row(const struct evpg_row *row, struct outcome *outcome)
{
    (void)row;
    return phase == PAUSED && outcome->n_rows == 1000 ? EVPG_PAUSE : EVPG_NEXT;
}

static void start_stream(void)
{
    notes.stream = new_outcome();
    notes.stream->on_row = take_row;
    notes.stream->discard = true;
    submit(notes.stream, "select generate_series(1, 1000000000)", EVPG_NO_PARAMS);
    ledger_submit(5);
    while (notes.stream->n_rows < 1000)
        turn();
    run_for(20);
}

static void start_queue(void)
{
    struct outcome *sleep = new_outcome();

    submit(sleep, "select pg_sleep(30)", EVPG_NO_PARAMS);
    if (phase == QUEUED)
        evpg_request_set_flags(sleep->request, EVPG_EXCLUSIVE);
    ledger_submit(20);
    run_for(30);
}

static void start_transaction(void)
{
    free(admin("drop table if exists unfinished; create table unfinished (a int)"));
    query("begin", EVPG_NO_PARAMS);
    query("insert into unfinished values (1)", EVPG_NO_PARAMS);
    await_all();
}

static void enter(void)
{
    if (phase == ROWS || phase == PAUSED)
        start_stream();
    else if (phase == IN_TRANSACTION)
        start_transaction();
    else if (phase != IDLE)
        start_queue();
    if (phase == CLOSING)
        ck_assert_int_eq(evpg_close(db, -1, on_closed, NULL), 0);
}

static void open_db(void)
{
    int outcome = 0;

    ck_assert_ptr_nonnull(evpg_open(db, phase_on_open, &outcome));
    ck_assert(await_flag(&outcome, 10000));
    ck_assert_int_eq(outcome, 1);
}

void phase_begin(enum phase wanted, const char *conninfo)
{
    phase = wanted;
    if (!base)
        base = event_base_new();
    db = evpg_conn_new(base, conninfo, NULL);
    open_db();
    evpg_setcb(db, NULL, on_lost, NULL);
    find_backend();
    ledger_begin();
    ledger_submit(20);
    await_all();
    heart_start();
    enter();
    heart_forget();
}

/* Of the last operation of the ledger. */
static void check_fate(void)
{
    const struct outcome *last = ledger_submit(0);

    if (phase == IDLE || phase == IN_TRANSACTION)
        return;
    ck_assert(evpg_error_code(last->error) == EVPG_E_LOST ||
              evpg_error_code(last->error) == EVPG_E_CLOSED);
    ck_assert_int_eq(evpg_error_fate(last->error),
                     phase == QUEUED ? EVPG_FATE_NOT_SENT : EVPG_FATE_UNKNOWN);
}

void phase_await_loss(void)
{
    double start = now_ms();

    ck_assert(await_flag(phase == CLOSING ? &notes.n_closed : &notes.n_lost, 10000));
    fprintf(stderr, "# seen after %.1f ms\n", now_ms() - start);
    await_all();
    run_for(30);
    ck_assert_int_eq(notes.n_lost, 1);
    ck_assert_int_eq(notes.code, EVPG_E_LOST);
    ck_assert_int_eq(notes.n_closed, phase == CLOSING);
    ck_assert_ptr_null(evpg_pgconn(db));
    heart_stop();
    check_fate();
}

void phase_give_up(int deadline_ms)
{
    double start = now_ms();

    if (phase == CLOSING) {
        evpg_free(db);
        db = NULL;
    } else {
        ck_assert_int_eq(evpg_close(db, deadline_ms, on_closed, NULL), 0);
        ck_assert(await_flag(&notes.n_closed, 5000));
    }
    if (phase == SENT || phase == QUEUED) {
        ck_assert_double_ge(now_ms() - start, deadline_ms);
        ck_assert_double_lt(now_ms() - start, deadline_ms + 100);
    }
    ck_assert_int_eq(notes.n_closed, 1);
    ck_assert(all_done());
    heart_stop();
    check_fate();
}

static void check_transaction(void)
{
    char *count = admin("select count(*) from unfinished");

    ck_assert_str_eq(count, "0");
    free(count);
    free(admin("drop table unfinished"));
}

void phase_end(void)
{
    if (db)
        open_db();
    ck_assert_int_ge(ledger_check(), 20);
    if (phase == IN_TRANSACTION)
        check_transaction();
    end();
    base = NULL;
    resources_check(4096);
}
