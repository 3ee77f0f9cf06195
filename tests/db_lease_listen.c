/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * db_lease_listen: a lease listens as a connection does, by whatever its LISTEN is sent; and when
 * it has been given back its session does not listen any more, nor is anybody called back.
 *
 * The counterpart of note_listening() in lib/lease.c.
 */
#include "harness.h"

#include <stdio.h>

static struct evpg_db *pool, *lease;
static int n_heard;

/* How to listen to "leased": steps are separated by '|', and those that begin with '!' are scripts.
 * heard: whether that hears by then; amid a transaction it does not. */
static const struct {
    const char *steps;
    bool heard;
} ways[] = {
    {"listen leased", true},
    {"/* a */ -- b\n  LiStEn \"leased\" ;", true},
    {"!listen leased", true},
    {"!select 1; listen leased; select 2", true},
    {"!begin; listen leased; commit", true},
    {"begin|listen leased|commit", true},
    {"begin|!listen leased; select 1|commit", true},
    {"listen other|listen leased|unlisten other", true},
    {"listen leased|begin|select 1/0", false},
    {"begin|listen leased", false},
    {"begin|listen leased|rollback", false},
    {"listen leased|unlisten leased", false},
};

static void on_note(const struct evpg_notification *note, void *arg)
{
    ck_assert_ptr_eq(evpg_notification_db(note), lease);
    ck_assert_str_eq(evpg_notification_channel(note), "leased");
    ++*(int *)arg;
}

static void on_lease(struct evpg_db *got, const struct evpg_error *error, void *arg)
{
    (void)arg;
    ck_assert_ptr_null(error);
    lease = got;
}

static void acquire(void)
{
    lease = NULL;
    ck_assert_ptr_nonnull(evpg_acquire(pool, on_lease, NULL));
    while (!lease)
        turn();
}

static int n_done;

static void on_step(const struct evpg_result *result, void *arg)
{
    (void)result;
    (void)arg;
    n_done++;
}

static void run_step(const char *step)
{
    bool script = *step == '!';

    n_done = 0;
    if (script)
        ck_assert_ptr_nonnull(evpg_script(lease, step + 1, NULL, on_step, NULL));
    else
        ck_assert_ptr_nonnull(evpg_query(lease, step, EVPG_NO_PARAMS, NULL, on_step, NULL));
    while (n_done == 0)
        turn();
}

static void run_steps(const char *steps)
{
    char step[200];

    for (size_t length; *steps; steps += length + (steps[length] == '|')) {
        length = strcspn(steps, "|");
        snprintf(step, sizeof(step), "%.*s", (int)length, steps);
        run_step(step);
    }
}

static void check_value(struct evpg_db *on, const char *sql, const char *expected)
{
    struct evpg_db *before = db;
    struct outcome *outcome;

    db = on;
    outcome = query(sql, EVPG_NO_PARAMS);
    await_all();
    db = before;
    ck_assert_outcome_ok(outcome);
    ck_assert_str_eq(cell(outcome, 0, 0), expected);
}

static void ring(void)
{
    free(admin("notify leased"));
    run_for(30);
}

/* One connection serves all; the next lease hears nothing either. */
START_TEST(in_any_way)
{
    int way = _i, heard_by_next = 0;

    begin_pool(ALONE, &EVPG_POOL_CONFIG(.max_connections = 1));
    pool = db;
    acquire();
    evpg_setcb(lease, on_note, NULL, &n_heard);
    run_steps(ways[way].steps);
    n_heard = 0;
    ring();
    ck_assert_int_eq(n_heard, ways[way].heard);
    evpg_release(lease);
    ring();
    check_value(pool, "select count(*)::text from pg_listening_channels()", "0");
    acquire();
    evpg_setcb(lease, on_note, NULL, &heard_by_next);
    ring();
    ck_assert_int_eq(n_heard, ways[way].heard);
    ck_assert_int_eq(heard_by_next, 0);
    evpg_release(lease);
    end();
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("db_lease_listen");
    TCase *tcase = tcase_create("listen");

    tcase_set_timeout(tcase, 30);
    tcase_add_loop_test(tcase, in_any_way, 0, (int)(sizeof(ways) / sizeof(*ways)));
    suite_add_tcase(suite, tcase);
    return run_suite(suite, true);
}
