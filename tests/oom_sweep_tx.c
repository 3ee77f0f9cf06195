/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * oom_sweep_tx: each allocation of libpq's fails in turn in the midst of a transaction, once and
 * from then on for as long as it lasts: also between the statements of its first group, of which
 * then nothing may be done.
 *
 * It is told once, and both of its rows are there or none, as its outcome says. Afterwards the
 * connection works, or can be opened again.
 */
#include "failing_malloc.h"
#include "txn.h"

#include <stdio.h>

static struct txn *txn;
static char sql[64];

static void on_first(const struct evpg_result *result, struct outcome *outcome)
{
    (void)outcome;
    if (evpg_result_error(result))
        return;
    txn->of[1] = say(txn, sql);
    evpg_commit(txn->tx);
}

static void insert_two(struct txn *begun)
{
    begun->of[0] = new_outcome();
    begun->of[0]->on_done = on_first;
    say_with(begun, begun->of[0], sql);
    begun->of[2] = say(begun, "select generate_series(1, 3)");
}

static void check_fate(int number)
{
    char *text;
    int n;

    snprintf(sql, sizeof(sql), "select count(*) from oom where i = %d", number);
    text = admin(sql);
    n = atoi(text);
    free(text);
    ck_assert_msg(n == 0 || n == 2, "run %d is there in part", number);
    ck_assert_msg(txn->error || n == 2, "run %d was acknowledged, and is lost", number);
    if (txn->error && evpg_error_fate(txn->error) != EVPG_FATE_UNKNOWN)
        ck_assert_msg(n == 0, "run %d was said not to be done, and was", number);
}

/* How many allocations have failed. */
static long run_one(int k, bool sticky)
{
    long failed;

    begin(ALONE);
    snprintf(sql, sizeof(sql), "insert into oom values (%d)", k);
    txn = new_txn(insert_two);
    run_txn(txn, db, NULL);
    malloc_fail("libpq.so", k, sticky);
    for (int i = 0; i < 500 && !txn->done; i++)
        turn();
    failed = malloc_go_on();
    await_txn(txn);
    check_fate(k);
    if (!evpg_pgconn(db)) {
        n_openings = 0;
        ck_assert_ptr_nonnull(evpg_open(db, note_opening, NULL));
        ck_assert(await_flag(&n_openings, 5000));
    }
    end();
    free_txns();
    return failed;
}

START_TEST(each_allocation)
{
    long failed = 1;
    int k = 0;

    if (!FAILING_MALLOC)
        return;
    free(admin("drop table if exists oom; create table oom (i int)"));
    while (failed > 0)
        failed = run_one(++k, _i);
    fprintf(stderr, "# %d allocations\n", k - 1);
    ck_assert_int_gt(k, 10);
    free(admin("drop table oom"));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("oom_sweep_tx");
    TCase *tcase = tcase_create("tx");

    tcase_set_timeout(tcase, 120);
    tcase_add_loop_test(tcase, each_allocation, 0, 2);
    suite_add_tcase(suite, tcase);
    return run_suite(suite, true);
}
