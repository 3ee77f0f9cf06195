/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * oom_libpq: each allocation that libpq makes fails in turn, once and from then on.
 *
 * libpq may lose a message for want of memory, and then answers would move on to the next request.
 * So all values are looked at: a request that succeeds has its own; each is completed once, within
 * the time; what failed with the fate NOT_EXECUTED is not in the table. Skipped under sanitizers,
 * which have a malloc of their own.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE 1 /* dladdr */
#endif
#include "harness.h"

#include <dlfcn.h>
#include <errno.h>
#include <stdio.h>
#include <time.h>

enum { REQUESTS = 8, SCRIPT = 6 };

static long countdown; /* the how-manieth from here fails; 0: none */
static bool sticky;
static long n_failed;

#if defined(__SANITIZE_ADDRESS__) || !defined(__GLIBC__)
#define SKIPPED 1
#else
#define SKIPPED 0

void *__libc_malloc(size_t size);
void *__libc_realloc(void *memory, size_t size);
void *__libc_calloc(size_t count, size_t size);

static bool fails(const void *caller)
{
    Dl_info info;

    if (countdown == 0 || !dladdr(caller, &info) || !strstr(info.dli_fname, "libpq.so"))
        return false;
    if (--countdown > 0)
        return false;
    countdown = sticky ? 1 : 0;
    n_failed++;
    errno = ENOMEM;
    return true;
}

#define SEEN __attribute__((visibility("default"))) /* by libpq */

SEEN void *malloc(size_t size)
{
    return fails(__builtin_return_address(0)) ? NULL : __libc_malloc(size);
}

SEEN void *realloc(void *memory, size_t size)
{
    return fails(__builtin_return_address(0)) ? NULL : __libc_realloc(memory, size);
}

SEEN void *calloc(size_t count, size_t size)
{
    return fails(__builtin_return_address(0)) ? NULL : __libc_calloc(count, size);
}
#endif

struct request {
    int accepted, completions, n_rows, sum;
    enum evpg_code code; /* 0: success */
    enum evpg_fate fate;
    char sqlstate[6];
};

static struct request requests[REQUESTS];

static enum evpg_flow on_row(const struct evpg_row *row, void *arg)
{
    struct request *request = arg;
    const char *text = evpg_row_text(row, 0);

    request->n_rows++;
    request->sum += text ? atoi(text) : 0;
    return EVPG_NEXT;
}

static void on_done(const struct evpg_result *result, void *arg)
{
    struct request *request = arg;
    const struct evpg_error *error = evpg_result_error(result);

    request->completions++;
    for (uint64_t i = 0; !request->n_rows && i < evpg_result_rows(result); i++)
        if (evpg_result_row(result, i))
            request->sum += atoi(evpg_row_text(evpg_result_row(result, i), 0));
    if (!error)
        return;
    request->code = evpg_error_code(error);
    request->fate = evpg_error_fate(error);
    snprintf(request->sqlstate, sizeof(request->sqlstate), "%s", evpg_error_sqlstate(error));
}

static bool all_completed(void)
{
    for (int i = 0; i < REQUESTS; i++)
        if (requests[i].completions < requests[i].accepted)
            return false;
    return true;
}

static void submit_all_of(struct evpg_db *conn, int k)
{
    static const char *const sql[REQUESTS] = {
        "select $1::int",
        "select generate_series(1,5) + 0 * $1::int",
        "insert into oom values ($1) returning n",
        "select 1 / ($1::int - $1)",
        "select $1::int + 1",
        "select 77 + 0 * $1::int",
        "select 1; select generate_series(2,4); select 5",
        "select 78 + 0 * $1::int",
    };

    for (int i = 0; i < REQUESTS; i++)
        requests[i].accepted =
            (i == SCRIPT ? evpg_script(conn, sql[i], on_row, on_done, &requests[i])
                         : evpg_query(conn, sql[i], EVPG_PARAMS(evpg_int32(k)),
                                      i == 4 ? NULL : on_row, on_done, &requests[i])) != NULL;
}

static void run_loop(struct event_base *loop)
{
    time_t end = time(NULL) + 10;

    while (!all_completed() && time(NULL) < end)
        event_base_loop(loop, EVLOOP_ONCE | EVLOOP_NONBLOCK);
}

/* One life, in which the k-th allocation fails. */
static void live(int k)
{
    struct event_base *loop = event_base_new();
    struct evpg_db *conn = evpg_conn_new(loop, NULL, NULL);

    memset(requests, 0, sizeof(requests));
    ck_assert_ptr_nonnull(evpg_open(conn, NULL, NULL));
    submit_all_of(conn, k);
    countdown = k;
    run_loop(loop);
    countdown = 0;
    ck_assert_msg(all_completed(), "k = %d: a request hangs", k);
    evpg_free(conn);
    event_base_free(loop);
}

static void check_request(int k, int i)
{
    static const int rows[REQUESTS] = {1, 5, 1, 0, 0, 1, 5, 1};
    const struct request *r = &requests[i];
    int expected[REQUESTS] = {k, 15, k, 0, k + 1, 77, 15, 78};

    ck_assert_msg(r->completions == r->accepted, "k = %d: request %d", k, i);
    if (i == 3)
        ck_assert_msg(r->code != 0, "k = %d: the division by zero has succeeded", k);
    else if (r->code == 0)
        ck_assert_msg(r->n_rows == rows[i] && r->sum == expected[i],
                      "k = %d: request %d has %d rows, in sum %d", k, i, r->n_rows, r->sum);
    if (r->code == EVPG_E_SERVER)
        ck_assert_msg(i == 3 && strcmp(r->sqlstate, "22012") == 0,
                      "k = %d: request %d has the server's error %s", k, i, r->sqlstate);
}

/* What is told of the insert agrees with what is in the table. */
static void check_ledger(int k)
{
    const struct request *insert = &requests[2];
    char sql[80], *text;
    int count;

    snprintf(sql, sizeof(sql), "select count(*) from oom where n = %d", k);
    text = admin(sql);
    count = atoi(text);
    free(text);
    ck_assert_msg(insert->code || count == 1, "k = %d: a lost acknowledgement", k);
    if (insert->fate == EVPG_FATE_NOT_SENT || insert->fate == EVPG_FATE_NOT_EXECUTED)
        ck_assert_msg(count == 0, "k = %d: it ran, fate %d", k, insert->fate);
    ck_assert_int_le(count, 1);
}

/* Until the failure comes too late to matter. */
START_TEST(each_allocation)
{
    int k = 0;

    sticky = _i;
    free(admin("create table oom(n int)"));
    do {
        n_failed = 0;
        live(++k);
        for (int i = 0; i < REQUESTS; i++)
            check_request(k, i);
        check_ledger(k);
        ck_assert_int_lt(k, 2000);
    } while (n_failed > 0);
    free(admin("drop table oom"));
    ck_assert_int_gt(k, 50);
    fprintf(stderr, "# %d allocations\n", k - 1);
}
END_TEST

int main(void)
{
    Suite *suite;
    TCase *tcase;

    if (SKIPPED) {
        puts("1..0 # SKIP sanitizers have a malloc of their own");
        return 0;
    }
    suite = suite_create("oom_libpq");
    tcase = tcase_create("oom");
    tcase_set_timeout(tcase, 300);
    tcase_add_loop_test(tcase, each_allocation, 0, 2);
    suite_add_tcase(suite, tcase);
    return run_suite(suite, true);
}
