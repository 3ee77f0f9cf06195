/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * db_cancel_race: cancel requests that come too late or hit others; CA08, CA11.
 *
 * The counterpart of lib/cancel_request.c: whatever the server stops, each request is told its own
 * answer, once, and what was hit by mistake is told so, or sent again.
 */
#include "oracle.h"

#include <libpq-fe.h>
#include <stdio.h>
#include <unistd.h>

static void check_value(const struct outcome *outcome, int number)
{
    ck_assert_outcome_ok(outcome);
    ck_assert_int_eq(outcome->n_rows, 30);
    for (int i = 0; i < 30; i++)
        ck_assert_int_eq(atoi(cell(outcome, i, 0)), number);
}

static struct outcome *query_value(int number)
{
    return query("select $1::int4 from generate_series(1, 30)", EVPG_PARAMS(evpg_int32(number)));
}

/* Stopped, done, or hit by mistake and undone. */
static void check_canceled(const struct outcome *outcome)
{
    ck_assert_int_eq(outcome->completions, 1);
    if (!outcome->error)
        return;
    ck_assert(evpg_error_code(outcome->error) == EVPG_E_CANCELED ||
              evpg_error_code(outcome->error) == EVPG_E_TIMEOUT);
}

static int n_hit;

/* Told so; the server's signal may come twice. */
static bool is_hit(const struct outcome *outcome)
{
    if (!outcome->error || strcmp(evpg_error_sqlstate(outcome->error), "57014") != 0)
        return false;
    n_hit++;
    ck_assert_int_eq(outcome->completions, 1);
    ck_assert_int_eq(evpg_error_fate(outcome->error), EVPG_FATE_NOT_EXECUTED);
    ck_assert_int_eq(outcome->n_rows, 0);
    return true;
}

static void check_behind(const struct outcome *outcome, int number)
{
    if (!is_hit(outcome))
        check_value(outcome, number);
}

/* About when it ends by itself, by a cancel or by a deadline; with nothing behind it on the wire,
 * or three. Those that come afterwards are never hit. */
START_TEST(near_the_end)
{
    struct outcome *slow, *behind[3], *markers[3];
    char sql[64];

    begin(ALONE);
    srand(_i + 1);
    for (int round = 0; round < sized(150, 1000); round++) {
        int ms = 1 + rand() % 4, n_behind = round % 2 ? 3 : 0;

        snprintf(sql, sizeof(sql), "select pg_sleep(0.00%d)", ms);
        slow = new_outcome();
        ck_assert_ptr_nonnull(submit(slow, sql, EVPG_NO_PARAMS));
        for (int i = 0; i < n_behind; i++)
            behind[i] = query_value(10 * round + i);
        if (round % 4 < 2)
            evpg_request_set_timeout(slow->request, ms);
        else
            run_for(ms);
        if (slow->completions == 0 && round % 4 >= 2)
            evpg_request_cancel(slow->request);
        ck_assert(await_flag(&slow->completions, 10000));
        for (int i = 0; i < 3; i++)
            markers[i] = query_value(100 * round + i);
        await_all();
        check_canceled(slow);
        for (int i = 0; i < n_behind; i++)
            check_behind(behind[i], 10 * round + i);
        for (int i = 0; i < 3; i++)
            check_value(markers[i], 100 * round + i);
    }
    fprintf(stderr, "# %d were hit by mistake\n", n_hit);
    end();
}
END_TEST

/* Stops what the session is running, while what was canceled is done, and that behind it suspect.
 */
static void hit_the_next(void)
{
    char sql[64];

    snprintf(sql, sizeof(sql), "select pg_cancel_backend(%d)", backend_pid());
    free(admin(sql));
}

static struct outcome *submit_stubborn(void)
{
    struct outcome *stubborn;

    find_backend();
    query("create function pg_temp.stubborn() returns int language plpgsql as $$begin"
          " perform pg_sleep(10); return 0; exception when query_canceled then return 1; end$$",
          EVPG_NO_PARAMS);
    await_all();
    stubborn = new_outcome();
    ck_assert_ptr_nonnull(submit(stubborn, "select pg_temp.stubborn()", EVPG_NO_PARAMS));
    return stubborn;
}

static void check_rows(const struct outcome *outcome)
{
    ck_assert_outcome_ok(outcome);
    ck_assert_int_eq(outcome->n_rows, 20);
    for (int i = 0; i < 20; i++)
        ck_assert_int_eq(atoi(cell(outcome, i, 0)), i + 1);
}

static void check_undone(const struct outcome *outcome, bool unseen)
{
    ck_assert_outcome_sqlstate(outcome, "57014");
    ck_assert_int_eq(evpg_error_code(outcome->error), EVPG_E_SERVER);
    ck_assert_int_eq(evpg_error_fate(outcome->error), EVPG_FATE_NOT_EXECUTED);
    ck_assert(!unseen || outcome->n_rows == 0);
}

/* 0: nothing is behind it, so it is sent again; 1: something is; 2: too many of its rows have come
 * to be kept back; 3: it is within a transaction block. True: it was sent again and done. */
static bool hit_by_mistake(int how)
{
    static const char few[] = "select n, pg_sleep(0.02) from generate_series(1, 20) n",
                      many[] = "select n, repeat('x', 10000), pg_sleep(0.002)"
                               " from generate_series(1, 2000) n";
    struct outcome *stubborn, *next, *behind = NULL;
    bool done;

    begin(ALONE);
    if (how == 3)
        query("begin", EVPG_NO_PARAMS);
    stubborn = submit_stubborn();
    next = query(how == 2 ? many : few, EVPG_NO_PARAMS);
    if (how == 1)
        behind = query_value(5);
    run_for(50);
    evpg_request_cancel(stubborn->request);
    ck_assert(await_flag(&stubborn->completions, 5000));
    run_for(300);
    if (next->completions == 0)
        hit_the_next();
    if (how == 3)
        query("rollback", EVPG_NO_PARAMS);
    await_all();
    done = !next->error;
    if (done)
        check_rows(next);
    else
        check_undone(next, how % 2 == 1);
    if (behind && !is_hit(behind))
        check_value(behind, 5);
    end();
    return done;
}

/* Where the server's signal came twice, it was sent again before: then it is hit for good. */
START_TEST(hit_and_sent_again)
{
    int attempts = 1;

    while (!hit_by_mistake(0))
        ck_assert_int_lt(attempts++, 10);
}
END_TEST

START_TEST(hit_for_good)
{
    ck_assert(!hit_by_mistake(1 + _i));
}
END_TEST

/* Its rows come at its end, all of them, and before an error of its own. */
START_TEST(suspect_for_nothing)
{
    struct outcome *stubborn, *next;

    begin(_i);
    stubborn = submit_stubborn();
    next = query("select 100 / (20 - n), n, pg_sleep(0.005) from generate_series(1, $1::int4) n",
                 EVPG_PARAMS(evpg_int32(_i % 2 ? 19 : 25)));
    run_for(50);
    evpg_request_cancel(stubborn->request);
    await_all();
    if (_i == PIPELINED && is_hit(next)) {
        end();
        return;
    }
    if (_i % 2)
        ck_assert_outcome_ok(next);
    else
        ck_assert_outcome_sqlstate(next, "22012");
    if (next->error && next->n_rows == 0) { /* libpq 17 drops a chunk that is not full */
        ck_assert_int_ge(PQlibVersion(), 170000);
        end();
        return;
    }
    ck_assert_int_eq(next->n_rows, 19);
    ck_assert_int_eq(next->statement, 0);
    for (int i = 0; i < 19; i++)
        ck_assert_int_eq(atoi(cell(next, i, 1)), i + 1);
    end();
}
END_TEST

/* What was hit and is sent again is done once; what was not sent again, not at all. */
START_TEST(the_ledger)
{
    begin(ALONE);
    ledger_begin();
    for (int round = 0; round < sized(100, 1000); round++) {
        struct outcome *slow = query("select pg_sleep(0.002)", EVPG_NO_PARAMS);

        ledger_submit(1 + round % 3);
        run_for(1 + round % 3);
        if (slow->completions == 0)
            evpg_request_cancel(slow->request);
        await_all();
    }
    ledger_check();
    end();
}
END_TEST

/* One behind the head: the server comes to it first. */
START_TEST(when_its_turn_comes)
{
    struct outcome *first, *second, *third;
    double start = now_ms();

    begin(_i);
    first = query("select pg_sleep(0.2)", EVPG_NO_PARAMS);
    second = query("select pg_sleep(20)", EVPG_NO_PARAMS);
    third = query_value(7);
    run_for(20);
    evpg_request_cancel(second->request);
    await_all();
    ck_assert_outcome_ok(first);
    ck_assert_int_eq(evpg_error_code(second->error), EVPG_E_CANCELED);
    if (third->error)
        check_behind(third, 7);
    else
        check_value(third, 7);
    ck_assert(now_ms() - start < 10000);
    end();
}
END_TEST

static enum evpg_flow cancel_at_ten(const struct evpg_row *row, struct outcome *outcome)
{
    if (outcome->n_rows == 10)
        evpg_request_cancel(evpg_row_request(row));
    return EVPG_NEXT;
}

START_TEST(ca11_while_rows_stream)
{
    struct outcome *rows, *after;

    begin(_i);
    rows = new_outcome();
    rows->on_row = cancel_at_ten;
    ck_assert_ptr_nonnull(
        submit(rows, "select n, pg_sleep(0) from generate_series(1, 10000000) n", EVPG_NO_PARAMS));
    ck_assert(await_flag(&rows->completions, 10000));
    after = query("select 42", EVPG_NO_PARAMS);
    await_all();
    ck_assert_int_eq(evpg_error_code(rows->error), EVPG_E_CANCELED);
    ck_assert_int_le(rows->n_rows, 12);
    ck_assert_outcome_ok(after);
    end();
}
END_TEST

static enum evpg_flow stop_at_ten(const struct evpg_row *row, struct outcome *outcome)
{
    (void)row;
    return outcome->n_rows == 10 ? EVPG_STOP : EVPG_NEXT;
}

/* Not read to the end; and within a transaction block, which a stop would end, it is. */
START_TEST(stopped_read_only)
{
    struct outcome *rows, *after;
    int rows_in_all = _i ? 20000 : 50000000;

    begin(ALONE);
    if (_i)
        query("begin", EVPG_NO_PARAMS);
    await_all();
    rows = new_outcome();
    rows->on_row = stop_at_ten;
    ck_assert_ptr_nonnull(
        submit(rows, "select generate_series(1, $1::int4)", EVPG_PARAMS(evpg_int32(rows_in_all))));
    evpg_request_set_flags(rows->request, EVPG_READ_ONLY);
    ck_assert(await_flag(&rows->completions, 5000));
    ck_assert_outcome_ok(rows);
    ck_assert(rows->stopped);
    ck_assert_int_eq(rows->n_rows, 10);
    after = query("select 42", EVPG_NO_PARAMS);
    if (_i)
        query("commit", EVPG_NO_PARAMS);
    await_all();
    ck_assert_outcome_ok(after);
    end();
}
END_TEST

/* Freed while a cancel request is under way, at each pass of the loop: nothing of it is left. */
START_TEST(freed_meanwhile)
{
    int descriptors = open_descriptors();
    struct outcome *slow;

    resources_note();
    for (int passes = 0; passes < 40; passes++) {
        begin(ALONE);
        slow = query("select pg_sleep(1)", EVPG_NO_PARAMS);
        query("select 1", EVPG_NO_PARAMS);
        run_for(5);
        evpg_request_cancel(slow->request);
        for (int i = 0; i < passes; i++)
            event_base_loop(base, EVLOOP_ONCE | EVLOOP_NONBLOCK);
        evpg_free(db);
        db = NULL;
        end();
    }
    for (int i = 0; i < 500 && open_descriptors() > descriptors; i++)
        usleep(10000); /* threads that were left alone end by themselves */
    resources_check(1024);
}
END_TEST

START_TEST(ca08_of_one_that_is_lost)
{
    struct outcome *lost, *again;

    begin(ALONE);
    find_backend();
    lost = query("select pg_sleep(20)", EVPG_NO_PARAMS);
    run_for(5);
    end_backend();
    evpg_request_cancel(lost->request);
    await_all();
    ck_assert_int_eq(evpg_error_code(lost->error), EVPG_E_LOST);
    ck_assert_ptr_nonnull(evpg_open(db, NULL, NULL));
    again = query_value(3);
    await_all();
    check_value(again, 3);
    end();
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("db_cancel_race");
    TCase *tcase = tcase_create("race");

    tcase_set_timeout(tcase, sized(60, 300));
    tcase_add_loop_test(tcase, near_the_end, 0, 2);
    tcase_add_test(tcase, hit_and_sent_again);
    tcase_add_loop_test(tcase, hit_for_good, 0, 3);
    tcase_add_loop_test(tcase, suspect_for_nothing, 0, N_MODES);
    tcase_add_test(tcase, the_ledger);
    tcase_add_loop_test(tcase, when_its_turn_comes, 0, N_MODES);
    tcase_add_loop_test(tcase, ca11_while_rows_stream, 0, N_LARGE_MODES);
    tcase_add_loop_test(tcase, stopped_read_only, 0, 2);
    tcase_add_test(tcase, freed_meanwhile);
    tcase_add_test(tcase, ca08_of_one_that_is_lost);
    suite_add_tcase(suite, tcase);
    return run_suite(suite, true);
}
