/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * oom_alloc: each allocation of the library's own fails in turn, once and from then on.
 *
 * The scenario is a whole life: make, look a name up, open, two pipelined queries, one of them with
 * kept rows and one with a bytea and an array to decode, a script with a name, free. Whatever
 * fails: a refused call says ENOMEM, an accepted one is completed once, nothing leaks, and without
 * a failure all succeeds. And there are no more of them than there need be: a query whose statement
 * is prepared takes one.
 */
#include "harness.h"

#include "mem.h"

#include <errno.h>
#include <stdio.h>

struct done {
    int accepted, completions;
    bool ok;
};

static int countdown; /* the how-manieth allocation from here fails; 0: none */
static bool sticky;
static int n_failed;

static void *failing(size_t size)
{
    if (countdown > 0 && --countdown == 0) {
        countdown = sticky ? 1 : 0;
        n_failed++;
        return NULL;
    }
    return malloc(size);
}

static enum evpg_flow read_made(const struct evpg_row *row, void *arg)
{
    size_t length;
    bool ok = evpg_row_bytes(row, 0, &length) && evpg_row_array(row, 1);

    (void)arg;
    ck_assert(ok || evpg_error_code(evpg_row_error(row)) == EVPG_E_MEMORY);
    return ok ? EVPG_NEXT : EVPG_FAIL;
}

static void on_done(const struct evpg_result *result, void *arg)
{
    struct done *done = arg;
    const struct evpg_error *error = evpg_result_error(result);
    struct evpg_error *copied = evpg_error_copy(error);

    done->completions++;
    done->ok = !error;
    if (error)
        ck_assert_int_eq(evpg_error_code(error), EVPG_E_MEMORY);
    else if (evpg_result_columns(result) == 3)
        ck_assert(!evpg_result_row(result, 0) ||
                  *evpg_row_text(evpg_result_row(result, 0), 2) == '3');
    evpg_error_free(copied);
}

static void on_open(struct evpg_db *opened, const struct evpg_error *error, void *arg)
{
    struct done *done = arg;

    (void)opened;
    done->completions++;
    done->ok = !error;
}

static void resolve(struct evpg_lookup *lookup, const char *host, void *arg)
{
    const char *addresses[] = {"127.0.0.9", "127.0.0.1"};

    (void)host;
    (void)arg;
    evpg_lookup_finish(lookup, addresses, 2, NULL);
}

static void note(struct done *done, const struct evpg_request *request)
{
    done->accepted = request != NULL;
    ck_assert(request || errno == ENOMEM || errno == ENOTCONN);
}

/* Whether all went well. */
static bool live(void)
{
    struct done done[4] = {{0}};
    struct event_base *loop = event_base_new();
    struct evpg_db *conn;
    struct evpg_request *script;
    char conninfo[64];
    bool ok;

    snprintf(conninfo, sizeof(conninfo), "host=db.test port=%s", getenv("EVPG_TEST_TCP_PORT"));
    conn = evpg_conn_new(loop, conninfo, &EVPG_CONN_CONFIG(.resolve = resolve));
    ok = conn != NULL;

    ck_assert(conn || errno == ENOMEM);
    if (conn) {
        note(&done[0], evpg_open(conn, on_open, &done[0]));
        note(&done[1], evpg_query(conn, "select $1::bytea, $2",
                                  EVPG_PARAMS(evpg_bytes("ab", 2), EVPG_ARRAY(23, evpg_int32(1))),
                                  read_made, on_done, &done[1]));
        note(&done[2], evpg_query(conn, "select 1, 2, 3", EVPG_NO_PARAMS, NULL, on_done, &done[2]));
        script = evpg_script(conn, "select 4; select 5", NULL, on_done, &done[3]);
        note(&done[3], script);
        evpg_request_set_name(script, "script");
        for (int turns = 0; turns < 1000 && done[0].accepted; turns++) {
            if (done[0].completions >= done[0].accepted &&
                done[1].completions >= done[1].accepted &&
                done[2].completions >= done[2].accepted && done[3].completions >= done[3].accepted)
                break;
            event_base_loop(loop, EVLOOP_ONCE);
        }
    }
    evpg_free(conn);
    for (int i = 0; i < 4; i++) {
        ck_assert_int_eq(done[i].completions, done[i].accepted);
        ok = ok && done[i].ok;
    }
    event_base_free(loop);
    return ok;
}

/* Until the failure comes too late to matter. */
START_TEST(each_allocation)
{
    int k = 0;
    bool ok = false;

    sticky = _i;
    mem_source = failing;
    while (!ok || n_failed > 0) {
        n_failed = 0;
        countdown = ++k;
        ok = live();
        ck_assert_int_lt(k, 200);
    }
    countdown = 0;
    ck_assert(live());
    ck_assert_int_gt(k, 10);
}
END_TEST

static int n_allocations;

static void *counting(size_t size)
{
    n_allocations++;
    return malloc(size);
}

static enum evpg_flow read_row(const struct evpg_row *row, void *arg)
{
    int32_t number;
    const char *text;
    double ratio;
    int64_t time;

    (void)arg;
    ck_assert_int_eq(
        evpg_row_scan(row, EVPG_INTO(evpg_to_int32(&number), evpg_to_text(&text),
                                     evpg_to_double(&ratio), evpg_to_timestamptz(&time))),
        0);
    ck_assert_int_eq(evpg_row_int32(row, 0, &number), 0);
    ck_assert_str_eq(evpg_row_text(row, 1), "text");
    return EVPG_NEXT;
}

/* How many allocations so many queries take, of the same statement, all on their way at once. */
static int count_allocations(struct event_base *loop, struct evpg_db *conn, int n_queries,
                             unsigned flags)
{
    struct done done = {0};

    n_allocations = 0;
    for (int i = 0; i < n_queries; i++) {
        struct evpg_request *request =
            evpg_query(conn, "select $1::int4, 'text'::text, 1.5::float8, now()",
                       EVPG_PARAMS(evpg_int32(i)), read_row, on_done, &done);

        ck_assert_ptr_nonnull(request);
        evpg_request_set_flags(request, flags);
    }
    while (done.completions < n_queries)
        ck_assert_int_eq(event_base_loop(loop, EVLOOP_ONCE), 0);
    ck_assert(done.ok);
    return n_allocations;
}

/* Rows in text format and in binary; the first query of all is the one that is prepared. */
START_TEST(one_for_each_prepared_query)
{
    unsigned flags = _i == 0 ? 0 : EVPG_BINARY;
    struct event_base *loop = event_base_new();
    struct evpg_db *conn;
    struct done done = {0};
    char conninfo[64];

    snprintf(conninfo, sizeof(conninfo), "host=127.0.0.1 port=%s", getenv("EVPG_TEST_TCP_PORT"));
    conn = evpg_conn_new(loop, conninfo, NULL);
    ck_assert_ptr_nonnull(evpg_open(conn, on_open, &done));
    while (!done.completions)
        event_base_loop(loop, EVLOOP_ONCE);
    ck_assert(done.ok);
    mem_source = counting;
    ck_assert_int_gt(count_allocations(loop, conn, 1, flags), 1);
    for (int n = 1; n <= 100; n += 33)
        ck_assert_int_eq(count_allocations(loop, conn, n, flags), n);
    mem_source = malloc;
    evpg_free(conn);
    event_base_free(loop);
}
END_TEST

static Suite *make_suite(void)
{
    Suite *suite = suite_create("oom_alloc");
    TCase *tcase = tcase_create("oom");

    tcase_set_timeout(tcase, 60);
    tcase_add_loop_test(tcase, each_allocation, 0, 2);
    tcase_add_loop_test(tcase, one_for_each_prepared_query, 0, 2);
    suite_add_tcase(suite, tcase);
    return suite;
}

int main(void)
{
    return run_suite(make_suite(), true);
}
