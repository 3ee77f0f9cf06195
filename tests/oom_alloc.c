/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * oom_alloc: each allocation of the library's own fails in turn, once and from then on.
 *
 * The scenario is a whole life: make, look a name up, open with all hooks, pipelined queries
 * (values that have to be decoded, in text and in binary format, and kept rows), a preparation, a
 * type that is looked up, a script with a name, free. Whatever fails: a refused call says ENOMEM,
 * an accepted one is completed once, nothing leaks, and without a failure all succeeds. And there
 * are no more of them than there need be: a query whose statement is prepared takes one.
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

static const char made[] = "select $1::bytea, $2::int[], $3::int4range, row(1, 'x'), 1.50::numeric,"
                           " '101'::varbit, '{}'::jsonb, '{[1,2)}'::int4multirange";

/* All that a getter may have to take memory for. */
static enum evpg_flow read_made(const struct evpg_row *row, void *arg)
{
    size_t length;
    const struct evpg_row *ranges;
    bool ok = evpg_row_bytes(row, 0, &length) && evpg_row_array(row, 1) && evpg_row_range(row, 2) &&
              evpg_row_composite(row, 3) && evpg_row_numeric(row, 4) && evpg_row_bit(row, 5) &&
              evpg_row_json(row, 6) && (ranges = evpg_row_multirange(row, 7)) &&
              evpg_row_range(ranges, 0);

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

enum { OPEN, TEXT, BINARY_TOO, KEPT, PREPARED, TYPE, SCRIPT, N_REQUESTS };

static struct evpg_request *query_made(struct evpg_db *conn, struct done *done)
{
    const struct evpg_range_value range = {
        .lower = evpg_int32(1), .lower_inclusive = true, .upper = evpg_int32(3)};

    return evpg_query(
        conn, made,
        EVPG_PARAMS(evpg_bytes("ab", 2), EVPG_ARRAY(23, evpg_int32(1)), evpg_range(&range)),
        read_made, on_done, done);
}

static void submit_all(struct evpg_db *conn, struct done done[N_REQUESTS])
{
    struct evpg_request *request;

    note(&done[OPEN], evpg_open(conn, on_open, &done[OPEN]));
    note(&done[TEXT], query_made(conn, &done[TEXT]));
    request = query_made(conn, &done[BINARY_TOO]);
    note(&done[BINARY_TOO], request);
    evpg_request_set_flags(request, EVPG_BINARY);
    note(&done[KEPT],
         evpg_query(conn, "select 1, 2, 3", EVPG_NO_PARAMS, NULL, on_done, &done[KEPT]));
    note(&done[PREPARED], evpg_prepare(conn, "select $1::int4", NULL, 0, on_done, &done[PREPARED]));
    note(&done[TYPE], evpg_type_look_up(conn, "text[]", on_done, &done[TYPE]));
    request = evpg_script(conn, "select 4; select 5", NULL, on_done, &done[SCRIPT]);
    note(&done[SCRIPT], request);
    evpg_request_set_name(request, "script");
}

static bool is_complete(const struct done done[N_REQUESTS])
{
    for (int i = 0; i < N_REQUESTS; i++)
        if (done[i].completions < done[i].accepted)
            return false;
    return true;
}

static void on_parameter(struct evpg_db *telling, const char *name, const char *value, void *arg)
{
    (void)arg;
    ck_assert_str_eq(evpg_parameter(telling, name), value);
}

/* Whether all went well. */
static bool live(void)
{
    struct done done[N_REQUESTS] = {{0}};
    struct event_base *loop = event_base_new();
    struct evpg_db *conn;
    char conninfo[64];
    bool ok;

    snprintf(conninfo, sizeof(conninfo), "host=db.test port=%s", getenv("EVPG_TEST_TCP_PORT"));
    conn = evpg_conn_new(loop, conninfo, &EVPG_CONN_CONFIG(.resolve = resolve));
    ok = conn != NULL;
    ck_assert(conn || errno == ENOMEM);
    if (conn) {
        evpg_set_hooks(conn, &EVPG_HOOKS(.parameter = on_parameter), NULL);
        submit_all(conn, done);
        for (int turns = 0; turns < 1000 && !is_complete(done); turns++)
            event_base_loop(loop, EVLOOP_ONCE);
        ok = ok && (!done[TYPE].ok || evpg_type_named(conn, "text[]"));
    }
    evpg_free(conn);
    for (int i = 0; i < N_REQUESTS; i++) {
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
        ck_assert_int_lt(k, 400);
    }
    fprintf(stderr, "# %d allocations\n", k);
    countdown = 0;
    ck_assert(live());
    ck_assert_int_gt(k, 30);
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

static enum evpg_code how_canceled;

static void note_canceled(const struct evpg_result *result, void *arg)
{
    struct done *done = arg;

    done->completions++;
    how_canceled = evpg_error_code(evpg_result_error(result));
}

/* It is stopped, or the connection is closed when that cannot be asked for. */
static void cancel_once(int k, bool from_then_on)
{
    struct event_base *loop = event_base_new();
    struct done opened = {0}, done = {0};
    struct evpg_request *slow;
    struct evpg_db *conn =
        evpg_conn_new(loop, "", &EVPG_CONN_CONFIG(.cancel_wait_timeout_ms = 300));

    ck_assert_ptr_nonnull(evpg_open(conn, on_open, &opened));
    slow = evpg_query(conn, "select pg_sleep(20)", EVPG_NO_PARAMS, NULL, note_canceled, &done);
    while (!opened.completions)
        event_base_loop(loop, EVLOOP_ONCE);
    for (int i = 0; i < 3; i++)
        event_base_loop(loop, EVLOOP_NONBLOCK);
    countdown = k;
    sticky = from_then_on;
    evpg_request_cancel(slow);
    while (!done.completions)
        event_base_loop(loop, EVLOOP_ONCE);
    countdown = 0;
    ck_assert(how_canceled == EVPG_E_CANCELED || how_canceled == EVPG_E_LOST);
    evpg_free(conn);
    ck_assert_int_eq(done.completions, 1);
    event_base_free(loop);
}

START_TEST(while_canceling)
{
    int k = 0;

    mem_source = failing;
    do {
        n_failed = 0;
        cancel_once(++k, _i);
    } while (n_failed > 0);
    ck_assert_int_gt(k, 1);
}
END_TEST

static Suite *make_suite(void)
{
    Suite *suite = suite_create("oom_alloc");
    TCase *tcase = tcase_create("oom");

    tcase_set_timeout(tcase, 60);
    tcase_add_loop_test(tcase, each_allocation, 0, 2);
    tcase_add_loop_test(tcase, while_canceling, 0, 2);
    tcase_add_loop_test(tcase, one_for_each_prepared_query, 0, 2);
    suite_add_tcase(suite, tcase);
    return suite;
}

int main(void)
{
    return run_suite(make_suite(), true);
}
