/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * oom_batch: each allocation of the library's own fails in turn in the life of batches, once and
 * from then on; and of libpq's, without sanitizers, which have a malloc of their own.
 *
 * A batch that memory ran out for is refused as a whole, with ENOMEM, and none of its callbacks is
 * called; one that was accepted is told of once, member by member; nothing leaks. And there are no
 * more allocations than there need be.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE 1 /* dladdr */
#endif
#include "failing_malloc.h"
#include "harness.h"

#include "mem.h"
#include "oracle.h"

#include <errno.h>
#include <stdint.h>
#include <stdio.h>

enum { MEMBERS = 40 };

static int countdown; /* the how-manieth allocation from here fails; 0: none */
static bool sticky, is_open;
static int n_failed, n_allocated;

static void *failing(size_t size)
{
    n_allocated++;
    if (countdown > 0 && --countdown == 0) {
        countdown = sticky ? 1 : 0;
        n_failed++;
        return NULL;
    }
    return malloc(size);
}

static int n_accepted, n_done, n_good;

static void on_done(const struct evpg_result *result, void *arg)
{
    const struct evpg_error *error = evpg_result_error(result);

    (void)arg;
    n_done++;
    n_good += !error;
    if (error)
        ck_assert(n_failed > 0 || evpg_error_code(error) == EVPG_E_CLOSED);
    else if (evpg_result_columns(result) == 2 && evpg_result_row(result, 1))
        ck_assert_str_eq(evpg_row_text(evpg_result_row(result, 1), 0), "2");
}

static enum evpg_flow on_row(const struct evpg_row *row, void *arg)
{
    size_t length;

    (void)arg;
    return evpg_row_bytes(row, 1, &length) ? EVPG_NEXT : EVPG_FAIL;
}

static void submit_one(struct evpg_db *conn)
{
    struct evpg_batch *batch = evpg_batch_new(conn);
    struct evpg_request *request;

    errno = batch ? 0 : ENOMEM;
    for (int i = 0; i < MEMBERS; i++)
        evpg_batch_add(batch,
                       i % 4 ? "select $1, '\\x0102'::bytea"
                             : "select n, $1::text from generate_series(1, 3) as n",
                       EVPG_PARAMS(evpg_text("text")), i % 4 ? on_row : NULL, on_done, NULL);
    request = batch ? evpg_batch_submit(batch, on_done, NULL) : NULL;
    ck_assert(request || errno == ENOMEM || errno == ENOTCONN);
    evpg_request_set_name(request, "named");
    n_accepted += request ? MEMBERS + 1 : 0;
    request = evpg_many(conn, "select $1", EVPG_PARAMS(evpg_int32(1)), 1, on_done, NULL);
    ck_assert(request || errno == ENOMEM || errno == ENOTCONN);
    n_accepted += request != NULL;
}

static void on_open(struct evpg_db *opened, const struct evpg_error *error, void *arg)
{
    (void)opened;
    (void)arg;
    is_open = !error;
}

static void run_life(void)
{
    struct event_base *own = event_base_new();
    struct evpg_db *conn = evpg_conn_new(own, NULL, NULL);

    n_accepted = n_done = n_good = n_failed = 0;
    is_open = false;
    ck_assert_ptr_nonnull(evpg_open(conn, on_open, NULL));
    while (!is_open)
        event_base_loop(own, EVLOOP_ONCE);
    n_allocated = 0;
    mem_source = failing;
    submit_one(conn);
    submit_one(conn);
    while (n_done < n_accepted)
        event_base_loop(own, EVLOOP_ONCE);
    submit_one(conn);
    evpg_free(conn);
    mem_source = malloc;
    ck_assert_int_eq(n_done, n_accepted);
    event_base_free(own);
}

START_TEST(each_fails)
{
    int k = 1;

    sticky = _i;
    for (;; k++) {
        countdown = k;
        run_life();
        if (n_failed == 0)
            break;
    }
    printf("# %d allocations have failed\n", k - 1);
    ck_assert_int_eq(n_accepted, 3 * (MEMBERS + 2));
    ck_assert_int_eq(n_good, 2 * (MEMBERS + 2));
    ck_assert_int_gt(k, 20);
}
END_TEST

/* The batch, and a few chunks. */
START_TEST(few)
{
    struct evpg_batch *batch;

    begin(ALONE);
    mem_source = failing;
    n_allocated = 0;
    batch = evpg_batch_new(db);
    for (int i = 0; i < 100; i++)
        evpg_batch_add(batch, "select $1", EVPG_PARAMS(evpg_int32(i)), NULL, NULL, NULL);
    ck_assert_ptr_nonnull(evpg_batch_submit(batch, NULL, NULL));
    mem_source = malloc;
    ck_assert_int_le(n_allocated, 8);
    end();
}
END_TEST

/* libpq's own, which may then lose a message: no member may have another's answer. */
static int n_told;

static void on_number(const struct evpg_result *result, void *number)
{
    const struct evpg_row *row = evpg_result_row(result, 0);
    int expected = (int)(intptr_t)number;

    n_told++;
    if (!evpg_result_error(result) && expected >= 0)
        ck_assert(row && atoi(evpg_row_text(row, 0)) == expected);
}

static void submit_numbers(struct evpg_db *conn, int first)
{
    struct evpg_batch *batch = evpg_batch_new(conn);

    for (int i = first; i < first + 10; i++)
        evpg_batch_add(batch, i % 2 ? "select $1::int" : "select $1::int + 0",
                       EVPG_PARAMS(evpg_int32(i)), NULL, on_number, (void *)(intptr_t)i);
    ck_assert_ptr_nonnull(evpg_batch_submit(batch, on_number, (void *)(intptr_t)-1));
    n_accepted += 11;
}

/* Whether some allocation has failed. */
static bool run_libpq_life(long k)
{
    struct event_base *own = event_base_new();
    struct evpg_db *conn = evpg_conn_new(own, NULL, NULL);
    double start = now_ms();
    long failed;

    n_accepted = n_told = 0;
    is_open = false;
    ck_assert_ptr_nonnull(evpg_open(conn, on_open, NULL));
    while (!is_open)
        event_base_loop(own, EVLOOP_ONCE);
    submit_numbers(conn, 0);
    submit_numbers(conn, 100);
    malloc_fail("libpq.so", k, sticky);
    while (n_told < n_accepted && now_ms() - start < 10000)
        event_base_loop(own, EVLOOP_ONCE);
    failed = malloc_go_on();
    ck_assert_int_eq(n_told, n_accepted);
    evpg_free(conn);
    event_base_free(own);
    ck_assert_int_eq(n_told, n_accepted);
    return failed > 0;
}

START_TEST(each_of_libpq_fails)
{
    long k = 1;

    sticky = _i;
    if (!FAILING_MALLOC)
        return;
    while (run_libpq_life(k))
        k++;
    printf("# %ld allocations of libpq have failed\n", k - 1);
    ck_assert_int_gt(k, 20);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("oom_batch");
    TCase *memory = tcase_create("memory");

    tcase_set_timeout(memory, 120);
    tcase_add_loop_test(memory, each_fails, 0, 2);
    tcase_add_test(memory, few);
    tcase_add_loop_test(memory, each_of_libpq_fails, 0, 2);
    suite_add_tcase(suite, memory);
    return run_suite(suite, true);
}
