/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * oom_tx: each allocation of the library's own fails in turn, once and from then on, in the midst
 * of a transaction with a part, on a connection and on a pool.
 *
 * Whatever fails: what is refused says ENOMEM and fails the transaction, what was accepted is told
 * once, rolling back takes no memory, all or nothing is in the table, and nothing leaks. Statements
 * that cannot be prepared for want of memory run all the same.
 */
#include "mem.h"

#include "harness.h"

#include <errno.h>
#include <stdio.h>

static int countdown; /* the how-manieth allocation from here fails; 0: none */
static bool sticky;
static int n_failed, n_accepted, n_done, whole_done;
static int part_failed; /* which the whole need not */
static struct evpg_error *whole_error;

static void *failing(size_t size)
{
    if (countdown > 0 && --countdown == 0) {
        countdown = sticky ? 1 : 0;
        n_failed++;
        return NULL;
    }
    return malloc(size);
}

static void on_done(const struct evpg_result *result, void *arg)
{
    (void)result;
    (void)arg;
    n_done++;
}

static void note_accepted(struct evpg_request *request)
{
    n_accepted += request != NULL;
    if (!request)
        ck_assert(errno == ENOMEM || errno == ESHUTDOWN);
}

static void insert(struct evpg_db *tx)
{
    note_accepted(evpg_query(tx, "insert into oom values ($1)", EVPG_PARAMS(evpg_int32(1)), NULL,
                             on_done, NULL));
}

static void part(struct evpg_db *tx, void *arg)
{
    (void)arg;
    insert(tx);
    evpg_commit(tx);
}

static void on_part_done(const struct evpg_result *result, void *arg)
{
    part_failed = evpg_result_error(result) != NULL;
    on_done(result, arg);
}

static void go_on(const struct evpg_result *result, void *arg)
{
    struct evpg_db *tx = arg;

    on_done(result, NULL);
    if (evpg_result_error(result))
        return;
    insert(tx);
    note_accepted(evpg_transaction(tx, NULL, part, on_part_done, NULL));
    note_accepted(evpg_script(tx, "insert into oom values (1); select 1", NULL, on_done, NULL));
    evpg_commit(tx);
}

static void body(struct evpg_db *tx, void *arg)
{
    (void)arg;
    insert(tx);
    note_accepted(evpg_query(tx, "select 1", EVPG_NO_PARAMS, NULL, go_on, tx));
}

static void on_end(const struct evpg_result *result, void *arg)
{
    (void)arg;
    whole_done++;
    whole_error = evpg_error_copy(evpg_result_error(result));
    ck_assert(!evpg_result_error(result) || whole_error || n_failed > 0);
    ck_assert_int_eq(n_done, n_accepted);
    if (evpg_result_error(result))
        n_done = -1;
}

/* False: it was refused. */
static bool run_one(int k)
{
    struct evpg_request *request;

    part_failed = n_failed = n_accepted = n_done = whole_done = 0;
    whole_error = NULL;
    countdown = k;
    request = evpg_transaction(db, NULL, body, on_end, NULL);
    if (!request)
        ck_assert_int_eq(errno, ENOMEM);
    else
        ck_assert(await_flag(&whole_done, 10000));
    countdown = 0;
    return request;
}

static void check(bool accepted)
{
    char *text = admin("select count(*) from oom");
    int n = atoi(text);
    bool failed = n_done < 0;

    free(text);
    ck_assert_int_eq(whole_done, accepted);
    ck_assert_int_eq(n, accepted && !failed ? 4 - part_failed : 0);
    if (failed && whole_error)
        ck_assert_int_eq(evpg_error_code(whole_error), EVPG_E_MEMORY);
    evpg_error_free(whole_error);
    free(admin("truncate oom"));
}

START_TEST(each_allocation)
{
    int failures = 0;

    sticky = _i / 2;
    free(admin("drop table if exists oom; create table oom (i int)"));
    for (int k = 1; k == 1 || n_failed > 0; k++) {
        if (_i % 2)
            begin_pool(ALONE, &EVPG_POOL_CONFIG(.max_connections = 1));
        else
            begin(ALONE);
        query("select 1", EVPG_NO_PARAMS);
        await_all();
        mem_source = failing;
        check(run_one(k));
        failures += n_failed > 0;
        mem_source = malloc;
        end();
        ck_assert_int_lt(k, 100);
    }
    ck_assert_int_ge(failures, 8);
    free(admin("drop table oom"));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("oom_tx");
    TCase *tcase = tcase_create("tx");

    tcase_set_timeout(tcase, 60);
    tcase_add_loop_test(tcase, each_allocation, 0, 4);
    suite_add_tcase(suite, tcase);
    return run_suite(suite, true);
}
