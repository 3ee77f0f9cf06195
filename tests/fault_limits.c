/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * fault_limits: something has run out: the server's disk or memory, F22; our descriptors, F27.
 *
 * The server's session is given limits of the system's: a file may not grow beyond 20 MB, which
 * makes a write short as a full disk does; or no more memory than it has and a little.
 */
#include "phases.h"
#include "server.h"

#include <stdio.h>
#include <sys/resource.h>
#include <unistd.h>

enum { FILE_LIMIT = 20000001, MORE_MEMORY = 64 << 20 };

static long address_space(int pid)
{
    char path[64];
    long pages = 0;
    FILE *file;

    snprintf(path, sizeof(path), "/proc/%d/statm", pid);
    file = fopen(path, "r");
    ck_assert_ptr_nonnull(file);
    ck_assert_int_eq(fscanf(file, "%ld", &pages), 1);
    fclose(file);
    return pages * sysconf(_SC_PAGESIZE);
}

static void limit_backend(bool memory)
{
    if (memory)
        server_limit(backend_pid(), RLIMIT_AS,
                     (unsigned long)address_space(backend_pid()) + MORE_MEMORY);
    else
        server_limit(backend_pid(), RLIMIT_FSIZE, FILE_LIMIT);
}

static const char *const greedy[] = {
    "insert into big select repeat('x', 1000) from generate_series(1, 40000)",
    "select length(repeat('x', 500000000))",
};

/* PostgreSQL 16 and newer take the file's limit for something they do not know. */
static const char *sqlstate_of(bool memory)
{
    char *version = admin("show server_version_num");
    bool knows = atoi(version) < 160000;

    free(version);
    return memory ? "53200" : knows ? "53100" : "XX000";
}

static struct outcome *submit_greedy(const char *sql)
{
    struct outcome *outcome = new_outcome();

    outcome->discard = true;
    submit(outcome, sql, EVPG_NO_PARAMS);
    return outcome;
}

static void begin_limited(bool memory)
{
    resources_note();
    free(admin("drop table if exists big; create unlogged table big (text text)"));
    begin(ALONE);
    ledger_begin();
    find_backend();
    limit_backend(memory);
    heart_start();
}

static void end_limited(int done)
{
    await_all();
    heart_stop();
    ck_assert_int_eq(ledger_check(), done);
    end();
    free(admin("drop table big"));
    resources_check(4096);
}

static void check_failed(const struct outcome *outcome, bool memory)
{
    ck_assert_outcome_sqlstate(outcome, sqlstate_of(memory));
    ck_assert_int_eq(evpg_error_code(outcome->error), EVPG_E_SERVER);
    ck_assert_int_eq(evpg_error_fate(outcome->error), EVPG_FATE_NOT_EXECUTED);
}

/* Neighbours on the wire feel nothing. */
START_TEST(f22_sent)
{
    struct outcome *failing;

    begin_limited(_i);
    ledger_submit(5);
    failing = submit_greedy(greedy[_i]);
    ledger_submit(5);
    await_all();
    check_failed(failing, _i);
    end_limited(10);
}
END_TEST

static enum evpg_flow pause_once(const struct evpg_row *row, struct outcome *outcome)
{
    (void)row;
    return outcome->n_rows == 500 ? EVPG_PAUSE : EVPG_NEXT;
}

/* It fails when a part of its rows is here; and, in the other case, rows were paused. */
START_TEST(f22_rows)
{
    struct outcome *failing;

    begin_limited(false);
    query("create function pg_temp.add(n int) returns int language plpgsql as"
          " $$begin insert into big values (repeat('x', 1000)); return n; end$$",
          EVPG_NO_PARAMS);
    failing = submit_greedy("select pg_temp.add(n) from generate_series(1, 40000) n");
    failing->on_row = _i ? pause_once : NULL;
    ledger_submit(5);
    while (_i && failing->n_rows < 500)
        turn();
    run_for(_i ? 30 : 0);
    evpg_request_resume(failing->completions ? NULL : failing->request);
    await_all();
    check_failed(failing, false);
    ck_assert_int_gt(failing->n_rows, 1000);
    end_limited(5);
}
END_TEST

START_TEST(f22_in_a_transaction)
{
    struct outcome *failing, *after;

    begin_limited(_i);
    query("begin", EVPG_NO_PARAMS);
    failing = submit_greedy(greedy[_i]);
    after = query("select 1", EVPG_NO_PARAMS);
    query("rollback", EVPG_NO_PARAMS);
    ledger_submit(5);
    await_all();
    check_failed(failing, _i);
    ck_assert_outcome_sqlstate(after, "25P02");
    end_limited(5);
}
END_TEST

static void on_closed(struct evpg_db *closed, size_t cut_off, void *n_closed)
{
    (void)closed;
    ck_assert_uint_eq(cut_off, 0);
    ++*(int *)n_closed;
}

/* Queued behind another, while the connection is being closed. */
START_TEST(f22_queued_and_closing)
{
    struct outcome *first = new_outcome(), *failing;
    int n_closed = 0;

    begin_limited(_i);
    submit(first, "select pg_sleep(0.05)", EVPG_NO_PARAMS);
    evpg_request_set_flags(first->request, EVPG_EXCLUSIVE);
    failing = submit_greedy(greedy[_i]);
    ledger_submit(5);
    ck_assert_int_eq(evpg_close(db, 10000, on_closed, &n_closed), 0);
    ck_assert(await_flag(&n_closed, 10000));
    check_failed(failing, _i);
    n_openings = 0;
    ck_assert_ptr_nonnull(evpg_open(db, note_opening, NULL));
    ck_assert(await_flag(&n_openings, 10000));
    end_limited(5);
}
END_TEST

static struct rlimit descriptors;

/* All that there may be are open. */
static void use_up_descriptors(void)
{
    int highest = dup(0);
    struct rlimit none;

    close(highest);
    ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &descriptors), 0);
    none = descriptors;
    none.rlim_cur = (rlim_t)highest;
    ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &none), 0);
    ck_assert_int_lt(dup(0), 0);
}

static void give_descriptors_back(void)
{
    ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &descriptors), 0);
}

static int open_other(const char *conninfo)
{
    struct evpg_db *other = evpg_conn_new(base, conninfo, NULL);
    int outcome = 0, passes = 0;

    ck_assert_ptr_nonnull(evpg_open(other, phase_on_open, &outcome));
    for (; !outcome && passes < 1000; passes++)
        turn();
    ck_assert_int_lt(passes, 500);
    evpg_free(other);
    return outcome;
}

/* By a socket's path, an address, a name: none can be opened; and what is open goes on. */
static void check_no_others(void)
{
    char conninfo[64];

    ck_assert_int_eq(open_other(""), -EVPG_E_CONNECT);
    snprintf(conninfo, sizeof(conninfo), "host=127.0.0.1 port=%s", getenv("EVPG_TEST_TCP_PORT"));
    ck_assert_int_eq(open_other(conninfo), -EVPG_E_CONNECT);
    ck_assert_int_eq(open_other("host=db.test"), -EVPG_E_CONNECT);
}

START_TEST(f27_no_descriptors)
{
    int rows;

    resources_note();
    phase_begin(_i, NULL);
    use_up_descriptors();
    check_no_others();
    rows = _i == ROWS ? notes.stream->n_rows : 0;
    run_for(50);
    ck_assert_int_eq(notes.n_lost, 0);
    ck_assert(_i != ROWS || notes.stream->n_rows > rows);
    if (_i == IDLE || _i == IN_TRANSACTION) {
        query("select 1", EVPG_NO_PARAMS);
        await_all();
        check_all_succeeded();
    }
    give_descriptors_back();
    ck_assert_int_eq(open_other(""), 1);
    phase_give_up(100);
    end_backend();
    phase_end();
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("fault_limits");
    TCase *tcase = tcase_create("limits");

    tcase_set_timeout(tcase, 60);
    tcase_add_loop_test(tcase, f22_sent, 0, 2);
    tcase_add_loop_test(tcase, f22_rows, 0, 2);
    tcase_add_loop_test(tcase, f22_in_a_transaction, 0, 2);
    tcase_add_loop_test(tcase, f22_queued_and_closing, 0, 2);
    tcase_add_loop_test(tcase, f27_no_descriptors, 0, N_PHASES);
    suite_add_tcase(suite, tcase);
    return run_suite(suite, true);
}
