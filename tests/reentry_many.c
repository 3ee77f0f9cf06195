/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * reentry_many: everything that may be done in each callback around evpg_many, of a connection, a
 * pool, a lease and a transaction: in those of the requests before and behind it, of a notice that
 * comes in its midst, when a part of its sets is still to be sent, and in its own.
 *
 * It is told of once, and by its outcome all of its sets are in the ledger, or none. Where what it
 * runs on is freed, this is over when that call returns, and nothing comes later.
 */
#include "harness.h"

#include <errno.h>
#include <stdio.h>

enum kind { CONNECTION, POOL, LEASE, TRANSACTION, N_KINDS };
enum place { ROW_BEFORE, DONE_BEFORE, NOTICE, OWN_DONE, DONE_BEHIND, WHOLE_DONE, N_PLACES };
enum course { GOOD, FAILED, LATE, CANCELED, N_COURSES };
enum { N_SETS = 1300, NOTICE_AT = 400, TROUBLE_AT = 1000 };

struct deed {
    const char *name;
    void (*act)(void);
};

static enum kind kind;
static enum place place;
static enum course course;
static struct evpg_db *of;             /* where it runs */
static int n_whole;                    /* its completions */
static struct evpg_error *whole_error; /* a copy; NULL: committed */
static struct outcome *many;
static struct evpg_request *own; /* while there is one */
static const struct deed *deed;
static bool acted, ended;
static int number; /* of the run, in the ledger */

static void free_db(void)
{
    struct evpg_db *victim = db;

    if (!victim)
        return;
    db = of = NULL;
    evpg_free(victim);
    ended = true;
    ck_assert_int_eq(many->completions, 1);
}

/* Of the lease, or the transaction. */
static void free_part(void)
{
    struct evpg_db *part = of;

    if ((kind != LEASE && kind != TRANSACTION) || !part)
        return;
    of = NULL;
    if (kind == LEASE)
        evpg_release(part);
    else
        evpg_free(part);
    ck_assert_int_eq(many->completions, 1);
    ended = true;
}

static void cancel(void)
{
    evpg_request_cancel(own);
    evpg_request_cancel(own);
}

static void give_up(void)
{
    if (many->completions == 0)
        abandon(many);
}

static void hurry(void)
{
    evpg_request_set_timeout(own, 1);
}

static void close_now(void)
{
    ck_assert_int_eq(evpg_close(db, 0, NULL, NULL), 0);
    ck_assert_ptr_null(evpg_query(db, "select 1", EVPG_NO_PARAMS, NULL, NULL, NULL));
    ck_assert_int_eq(errno, ESHUTDOWN);
}

static void close_soon(void)
{
    ck_assert_int_eq(evpg_close(db, 5000, NULL, NULL), 0);
}

static void submit_many(struct outcome *outcome, const char *sql, int n_sets)
{
    static struct evpg_param params[2 * N_SETS];

    for (int i = 0; i < n_sets; i++) {
        params[2 * i] = evpg_int32(number);
        params[2 * i + 1] = evpg_int32(i);
    }
    note_submit(outcome, evpg_many(of, sql, params, 2, (size_t)n_sets, record_done, outcome));
}

/* Refused by a transaction whose end was asked for. */
static void submit_others(void)
{
    if (!of)
        return;
    submit_many(new_outcome(), "select $1::int, 1 / ($2::int - 3)", 700);
    submit(new_outcome(), "select 'more'", EVPG_NO_PARAMS);
}

static void resume(void)
{
    evpg_request_resume(own);
    evpg_request_set_flags(own, EVPG_EXCLUSIVE);
    evpg_request_set_name(own, "named");
}

static const struct deed deeds[] = {
    {"free", free_db},     {"free of the part", free_part},
    {"cancel", cancel},    {"abandon", give_up},
    {"timeout", hurry},    {"close at once", close_now},
    {"close", close_soon}, {"submit", submit_others},
    {"resume", resume},
};

static void act(enum place where)
{
    ck_assert_msg(!ended, "called back after %s", deed->name);
    if (where != place || acted)
        return;
    acted = true;
    deed->act();
}

static enum evpg_flow on_row(const struct evpg_row *row, struct outcome *outcome)
{
    (void)outcome;
    act(ROW_BEFORE);
    ck_assert_str_eq(evpg_row_text(row, 0), "before"); /* it is still there */
    return EVPG_NEXT;
}

static void on_done(const struct evpg_result *result, struct outcome *outcome)
{
    act((enum place)outcome->number);
    ck_assert_ptr_eq(evpg_result_request(result), outcome->request);
}

static void on_notice(struct evpg_db *noticed, const struct evpg_error *notice, void *arg)
{
    (void)noticed;
    (void)notice;
    (void)arg;
    act(NOTICE);
}

static struct outcome *make(enum place its)
{
    struct outcome *outcome = new_outcome();

    outcome->number = its;
    outcome->on_done = on_done;
    return outcome;
}

static void submit_on(struct outcome *outcome, const char *sql)
{
    note_submit(outcome, evpg_query(of, sql, EVPG_NO_PARAMS, record_row, record_done, outcome));
}

static void submit_all(void)
{
    static const char *const sql[] = {
        "insert into many_ledger values ($1, many_note($2))",
        "insert into many_ledger values ($1, many_fail($2))",
        "insert into many_ledger values ($1, many_sleep($2))",
        "insert into many_ledger values ($1, many_sleep($2))",
    };
    struct outcome *before = make(DONE_BEFORE);

    before->on_row = on_row;
    many = make(OWN_DONE);
    submit_on(before, "select 'before' from generate_series(1, 3)");
    submit_many(many, sql[course], N_SETS);
    ck_assert_ptr_nonnull(many->request);
    evpg_request_set_handle(many->request, &own);
    submit_on(make(DONE_BEHIND), "select 'behind'");
    if (course == LATE)
        evpg_request_set_timeout(many->request, 100);
}

static void on_lease(struct evpg_db *lease, const struct evpg_error *error, void *arg)
{
    (void)arg;
    ck_assert_ptr_null(error);
    of = lease;
}

static void body(struct evpg_db *tx, void *arg)
{
    (void)arg;
    of = tx;
    submit_all();
    evpg_commit(tx);
}

static void on_whole(const struct evpg_result *result, void *arg)
{
    (void)arg;
    n_whole++;
    whole_error = evpg_error_copy(evpg_result_error(result));
    act(WHOLE_DONE);
    of = NULL;
}

static void start(void)
{
    const struct evpg_pool_config config = EVPG_POOL_CONFIG(.max_connections = 2);

    of = NULL;
    many = NULL;
    if (kind == CONNECTION || kind == TRANSACTION)
        begin(ALONE);
    else
        begin_pool(ALONE, &config);
    evpg_set_hooks(db, &EVPG_HOOKS(.notice = on_notice), NULL);
    if (kind == TRANSACTION)
        ck_assert_ptr_nonnull(evpg_transaction(db, NULL, body, on_whole, NULL));
    else if (kind == LEASE)
        ck_assert_ptr_nonnull(evpg_acquire(db, on_lease, NULL));
    else
        of = db;
    while (kind != TRANSACTION ? !of : !many)
        turn();
    if (kind != TRANSACTION)
        submit_all();
}

/* What counts in the end, of which NULL is a success; or nobody was told. */
static enum evpg_fate fate(void)
{
    const struct evpg_error *error = kind == TRANSACTION ? whole_error : many->error;

    if (!error)
        return kind != TRANSACTION && many->completions < 0 ? EVPG_FATE_UNKNOWN
                                                            : EVPG_FATE_EXECUTED;
    return evpg_error_fate(error);
}

/* All of its sets are there, or none; as it was told. */
static void check_ledger(void)
{
    char sql[100], *value;
    int there;

    snprintf(sql, sizeof(sql), "select count(*) from many_ledger where run = %d", number);
    value = admin(sql);
    there = atoi(value);
    free(value);
    ck_assert_msg(there == 0 || there == N_SETS, "%d of %d are there", there, N_SETS);
    if (fate() != EVPG_FATE_UNKNOWN)
        ck_assert_int_eq(there, fate() == EVPG_FATE_EXECUTED ? N_SETS : 0);
    evpg_error_free(whole_error);
}

static void finish(void)
{
    await_all();
    while (kind == TRANSACTION && !n_whole)
        turn();
    ck_assert_int_eq(n_whole, kind == TRANSACTION);
    run_for(1);
    if ((deed->act == close_now || deed->act == close_soon) && db) {
        evpg_free(db);
        db = of = NULL;
    }
    if (kind == LEASE && of)
        evpg_release(of);
    of = NULL;
    check_ledger();
    ended = false; /* end() asks the marker query */
    if (db)
        evpg_set_hooks(db, NULL, NULL);
    end();
}

/* A deed in a callback that does not come in that course is none. */
static void run(void)
{
    number++;
    acted = ended = false;
    n_whole = 0;
    whole_error = NULL;
    start();
    if (course == CANCELED) {
        run_for(60);
        evpg_request_cancel(own);
    }
    finish();
}

static void make_ledger(void)
{
    char sql[700];

    snprintf(sql, sizeof(sql),
             "drop table if exists many_ledger; create table many_ledger (run int, i int);"
             "create or replace function many_note(i int) returns int language plpgsql as"
             " 'begin if i = %d then raise notice ''midst''; end if; return i; end';"
             "create or replace function many_fail(i int) returns int language plpgsql as"
             " 'begin perform 1 / (i - %d); return many_note(i); end';"
             "create or replace function many_sleep(i int) returns int language plpgsql as"
             " 'begin if i = %d then perform pg_sleep(5); end if; return many_note(i); end'",
             NOTICE_AT, TROUBLE_AT, TROUBLE_AT);
    free(admin(sql));
}

/* The short run has each of them on one kind of db. */
static bool is_run(void)
{
    int nth = (int)place + (int)course + (int)(deed - deeds) + (int)kind;

    if (place == WHOLE_DONE)
        return kind == TRANSACTION;
    return nth % N_KINDS == 0 || sized(0, 1);
}

START_TEST(each_deed_in_each_callback)
{
    deed = &deeds[_i / N_KINDS];
    kind = (enum kind)(_i % N_KINDS);
    make_ledger();
    for (place = 0; place < N_PLACES; place++)
        for (course = 0; course < N_COURSES; course++)
            if (is_run())
                run();
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("reentry_many");
    TCase *matrix = tcase_create("matrix");

    tcase_set_timeout(matrix, 120);
    tcase_add_loop_test(matrix, each_deed_in_each_callback, 0,
                        N_KINDS * (int)(sizeof(deeds) / sizeof(*deeds)));
    suite_add_tcase(suite, matrix);
    return run_suite(suite, true);
}
