/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * reentry_batch: everything that may be done in each callback of a batch, of a connection, a pool
 * and a lease.
 *
 * Each member is told of once, in order, and then the batch; where the db is freed, or the lease
 * given back, this is over when that call returns, and nothing comes later.
 */
#include "batching.h"

#include <errno.h>
#include <stdio.h>

enum kind { CONNECTION, POOL, LEASE, N_KINDS };
enum place { ROW, KEPT_DONE, FIRST_DONE, MIDDLE_DONE, LAST_DONE, BATCH_DONE, N_PLACES };
enum course { GOOD, FAILED, LATE, CANCELED, N_COURSES };

struct deed {
    const char *name;
    void (*act)(void);
};

static enum kind kind;
static enum place place;
static enum course course;
static struct evpg_db *of; /* where the batch runs */
static struct outcome *all;
static const struct deed *deed;
static bool acted, ending, ended;

static void free_db(void)
{
    struct evpg_db *victim = db;

    if (!victim)
        return;
    db = of = NULL;
    ending = true;
    evpg_free(victim);
    ended = true;
    ck_assert_int_eq(all->completions, 1);
}

static void release(void)
{
    struct evpg_db *lease = of;

    if (kind != LEASE || !lease)
        return;
    of = NULL;
    ending = true;
    evpg_release(lease);
    ended = true;
    ck_assert_int_eq(all->completions, 1);
}

static void cancel(void)
{
    evpg_request_cancel(all->request);
    evpg_request_cancel(all->request);
}

static void hurry(void)
{
    evpg_request_set_timeout(all->request, 1);
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

static void submit_others(void)
{
    struct evpg_batch *batch = evpg_batch_new(of);
    struct outcome *more = new_outcome();

    evpg_batch_add(batch, "select 1", EVPG_NO_PARAMS, NULL, NULL, NULL);
    evpg_batch_add(batch, "select 1/0", EVPG_NO_PARAMS, NULL, NULL, NULL);
    note_submit(more, evpg_batch_submit(batch, record_done, more));
    ck_assert_ptr_nonnull(submit(new_outcome(), "select 'more'", EVPG_NO_PARAMS));
}

static void resume(void)
{
    evpg_request_resume(all->request);
    evpg_request_set_flags(all->request, EVPG_EXCLUSIVE);
    evpg_request_set_name(all->request, "named");
}

static const struct deed deeds[] = {
    {"free", free_db},         {"release", release},         {"cancel", cancel},
    {"timeout", hurry},        {"close at once", close_now}, {"close", close_soon},
    {"submit", submit_others}, {"resume", resume},
};

static void act(enum place where)
{
    ck_assert(!ended);
    if (where != place || acted)
        return;
    acted = true;
    deed->act();
}

static enum evpg_flow on_row(const struct evpg_row *row, struct outcome *outcome)
{
    int32_t value;

    (void)outcome;
    act(ROW);
    ck_assert_int_eq(evpg_row_int32(row, 0, &value), 0); /* it is still there */
    return EVPG_NEXT;
}

static enum place place_of(const struct outcome *outcome)
{
    if (outcome == all)
        return BATCH_DONE;
    if (outcome == member_at(1))
        return FIRST_DONE;
    if (outcome == member_at(2))
        return KEPT_DONE;
    return outcome == member_at(n_members()) ? LAST_DONE : MIDDLE_DONE;
}

/* What is borrowed before the deed is there after it. */
static void on_done(const struct evpg_result *result, struct outcome *outcome)
{
    uint64_t rows = outcome->kept ? evpg_result_rows(result) : 0;
    const struct evpg_row *first = rows ? evpg_result_row(result, 0) : NULL;

    act(place_of(outcome));
    if (first)
        ck_assert_str_eq(evpg_row_text(first, 0), "1");
    for (uint64_t i = 0; i < rows; i++)
        ck_assert_int_eq(atoi(evpg_row_text(evpg_result_row(result, i), 0)), (int)i + 1);
    ck_assert_ptr_eq(evpg_result_request(result), all->request);
}

static void add(const char *sql, bool kept)
{
    struct outcome *outcome = new_outcome();

    outcome->kept = kept;
    outcome->on_row = on_row;
    outcome->on_done = on_done;
    add_member(outcome, sql, EVPG_NO_PARAMS);
}

static void submit_it(void)
{
    begin_batch_on(of);
    add("select generate_series(1, 3)", false);
    add("select generate_series(1, 3)", true);
    add("select generate_series(1, 100)", false);
    add(course == FAILED ? "select 1/0" : "select 4", false);
    add(course == LATE || course == CANCELED ? "select pg_sleep(5)" : "select 1", true);
    all = new_outcome();
    all->on_done = on_done;
    ck_assert_ptr_nonnull(try_batch(all)->request);
    if (course == LATE)
        evpg_request_set_timeout(all->request, 60);
}

static void on_lease(struct evpg_db *lease, const struct evpg_error *error, void *arg)
{
    (void)arg;
    ck_assert_ptr_null(error);
    of = lease;
}

static void make_db(void)
{
    struct evpg_pool_config config = EVPG_POOL_CONFIG(.max_connections = 2);

    of = NULL;
    if (kind == CONNECTION) {
        begin(ALONE);
        of = db;
        return;
    }
    begin_pool(ALONE, &config);
    of = kind == POOL ? db : NULL;
    if (kind == LEASE)
        ck_assert_ptr_nonnull(evpg_acquire(db, on_lease, NULL));
    while (!of)
        turn();
}

static void finish(void)
{
    bool closing = deed->act == close_now || deed->act == close_soon;

    await_all();
    check_sequence(all);
    run_for(1);
    if (closing && db) {
        evpg_free(db);
        db = of = NULL;
    }
    if (kind == LEASE && of)
        evpg_release(of);
    of = NULL;
    ended = false; /* end() asks the marker query */
    end();
}

/* A deed in the midst of a callback that does not come in that course is none. */
static void run(void)
{
    acted = ending = ended = false;
    make_db();
    submit_it();
    if (course == CANCELED) {
        run_for(60);
        evpg_request_cancel(all->request);
    }
    finish();
}

START_TEST(each_deed_in_each_callback)
{
    deed = &deeds[_i];
    for (kind = 0; kind < N_KINDS; kind++)
        for (place = 0; place < N_PLACES; place++)
            for (course = 0; course < N_COURSES; course++)
                run();
}
END_TEST

/* At each pass of the loop. */
START_TEST(freed_at_each_pass)
{
    int pass = 0;

    deed = &deeds[0];
    place = N_PLACES;
    course = GOOD;
    for (kind = 0; kind < N_KINDS; kind++) {
        bool within = true;

        for (pass = 0; within; pass++) {
            acted = ending = ended = false;
            make_db();
            submit_it();
            for (int i = 0; i < pass && !all_done(); i++)
                turn();
            within = !all_done();
            if (within && _i == 0)
                free_db();
            else if (within && _i == 1)
                release();
            else if (within)
                cancel();
            finish();
        }
        ck_assert_int_gt(pass, 2);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("reentry_batch");
    TCase *matrix = tcase_create("matrix");

    tcase_set_timeout(matrix, 120);
    tcase_add_loop_test(matrix, each_deed_in_each_callback, 0,
                        (int)(sizeof(deeds) / sizeof(*deeds)));
    tcase_add_loop_test(matrix, freed_at_each_pass, 0, 3);
    suite_add_tcase(suite, matrix);
    return run_suite(suite, true);
}
