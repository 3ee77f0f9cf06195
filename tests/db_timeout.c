/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * db_timeout: requests with a deadline; CA06, CA13, CA14, PI14.
 *
 * The counterpart of lib/timeout.c and lib/deadline.c: whatever a request is doing when its time is
 * up, it is told so once and then; what it leaves behind disturbs nobody.
 */
#include "oracle.h"
#include "proxy.h"

#include <limits.h>
#include <stdio.h>
#include <unistd.h>

static void check_timed_out(const struct outcome *outcome, enum evpg_fate fate,
                            enum evpg_phase phase)
{
    ck_assert_int_eq(outcome->completions, 1);
    ck_assert_ptr_nonnull(outcome->error);
    ck_assert_int_eq(evpg_error_code(outcome->error), EVPG_E_TIMEOUT);
    ck_assert_int_eq(evpg_error_fate(outcome->error), fate);
    ck_assert_int_eq(evpg_error_phase(outcome->error), phase);
    ck_assert_msg(strstr(evpg_error_message(outcome->error), "not done within") != NULL, "%s",
                  evpg_error_message(outcome->error));
}

/* Whether the server has ended all of them. */
static bool is_gone(const char *mark)
{
    char sql[300], *count;
    bool gone = false;

    snprintf(sql, sizeof(sql),
             "select count(*) from pg_stat_activity where state = 'active' and query like '%%%s%%'"
             " and query not like '%%pg_stat_activity%%'",
             mark);
    for (int i = 0; i < 500 && !gone; i++) {
        run_for(10);
        count = admin(sql);
        gone = strcmp(count, "0") == 0;
        free(count);
    }
    return gone;
}

enum { ROWS, KEPT, SCRIPT, IN_BINARY, N_VARIANTS };

/* Told at once; the server is made to stop, and the connection goes on. */
START_TEST(ca06_running)
{
    struct outcome *slow = new_outcome(), *after;
    double start;

    begin(_i / N_VARIANTS);
    slow->kept = _i % N_VARIANTS == KEPT;
    if (_i % N_VARIANTS == SCRIPT)
        submit_script(slow, "select pg_sleep(10) /* ca06 */");
    else
        submit(slow, "select pg_sleep(10) /* ca06 */", EVPG_NO_PARAMS);
    if (_i % N_VARIANTS == IN_BINARY)
        evpg_request_set_flags(slow->request, EVPG_BINARY);
    start = now_ms();
    evpg_request_set_timeout(slow->request, 20);
    ck_assert(await_flag(&slow->completions, 5000));
    ck_assert(now_ms() - start >= 20);
    ck_assert(now_ms() - start < (SANITIZED ? 3000 : 500));
    check_timed_out(slow, EVPG_FATE_UNKNOWN, EVPG_PHASE_RUNNING);
    ck_assert(is_gone("ca06"));
    after = query("select 'after'", EVPG_NO_PARAMS);
    await_all();
    ck_assert_outcome_ok(after);
    ck_assert_str_eq(cell(after, 0, 0), "after");
    end();
}
END_TEST

/* Never sent then. */
START_TEST(queued)
{
    struct outcome *before, *late, *count;

    begin(_i);
    query("create temp table done_late (a int)", EVPG_NO_PARAMS);
    before = query("do $$begin perform pg_sleep(0.3); end$$", EVPG_NO_PARAMS);
    late = new_outcome();
    submit(late, "insert into done_late values (1)", EVPG_NO_PARAMS);
    evpg_request_set_timeout(late->request, 30);
    ck_assert(await_flag(&late->completions, 5000));
    check_timed_out(late, EVPG_FATE_NOT_SENT, EVPG_PHASE_QUEUED);
    ck_assert_int_eq(before->completions, 0);
    count = query("select count(*)::text from done_late", EVPG_NO_PARAMS);
    await_all();
    ck_assert_outcome_ok(before);
    ck_assert_str_eq(cell(count, 0, 0), "0");
    end();
}
END_TEST

/* The request alone, 0; or the opening, 1. */
START_TEST(connecting)
{
    int port, deaf = deaf_listener(&port);
    struct evpg_request *opening;
    struct outcome *waiting;
    char conninfo[64];

    snprintf(conninfo, sizeof(conninfo), "host=127.0.0.1 port=%d", port);
    begin_closed(conninfo, NULL);
    opening = evpg_open(db, note_opening, NULL);
    waiting = query("select 1", EVPG_NO_PARAMS);
    evpg_request_set_timeout(_i ? opening : waiting->request, 50);
    ck_assert(await_flag(&waiting->completions, 5000));
    ck_assert_int_eq(evpg_error_code(waiting->error), EVPG_E_TIMEOUT);
    ck_assert_int_eq(evpg_error_fate(waiting->error), EVPG_FATE_NOT_SENT);
    ck_assert_int_eq(evpg_error_phase(waiting->error), EVPG_PHASE_CONNECTING);
    ck_assert_int_eq(n_openings, _i);
    if (_i)
        ck_assert_int_eq(evpg_error_code(open_error), EVPG_E_TIMEOUT);
    evpg_free(db);
    db = NULL;
    close(deaf);
    end();
}
END_TEST

/* Right; or hit by mistake, for the server's signal may come twice, and told so. */
static void check_behind(const struct outcome *outcome, char letter)
{
    if (outcome->error) {
        ck_assert_outcome_sqlstate(outcome, "57014");
        ck_assert_int_eq(evpg_error_fate(outcome->error), EVPG_FATE_NOT_EXECUTED);
        ck_assert_int_eq(outcome->n_rows, 0);
        return;
    }
    ck_assert_outcome_ok(outcome);
    ck_assert_int_eq(outcome->n_rows, 20);
    for (int i = 0; i < 20; i++)
        ck_assert_int_eq(*cell(outcome, i, 0), letter);
}

/* The answers of those behind are their own; the last of them is never hit for good. */
START_TEST(pi14_with_others_behind)
{
    struct outcome *late, *behind[5];

    begin(_i);
    late = new_outcome();
    submit(late, "select 'late', pg_sleep(10)", EVPG_NO_PARAMS);
    evpg_request_set_timeout(late->request, 50);
    for (int i = 0; i < 5; i++)
        behind[i] = query("select $1::text from generate_series(1, 20)",
                          EVPG_PARAMS(evpg_textn("abcde" + i, 1)));
    await_all();
    check_timed_out(late, EVPG_FATE_UNKNOWN, EVPG_PHASE_RUNNING);
    for (int i = 0; i < 5; i++)
        check_behind(behind[i], (char)('a' + i));
    if (_i != PIPELINED)
        ck_assert_outcome_ok(behind[4]);
    end();
}
END_TEST

/* Those behind the head, whose turn has not come, are told at their time as well. */
START_TEST(all_that_are_on_the_wire)
{
    struct outcome *late[5], *after;

    begin(_i);
    for (int i = 0; i < 5; i++) {
        late[i] = new_outcome();
        submit(late[i], "select pg_sleep(0.5)", EVPG_NO_PARAMS);
        evpg_request_set_timeout(late[i]->request, 100);
    }
    await_all();
    for (int i = 0; i < 5; i++)
        check_timed_out(late[i], EVPG_FATE_UNKNOWN, i ? EVPG_PHASE_SENT : EVPG_PHASE_RUNNING);
    after = query("select 'after'", EVPG_NO_PARAMS);
    await_all();
    ck_assert_outcome_ok(after);
    end();
}
END_TEST

START_TEST(within_a_transaction)
{
    struct outcome *late, *failed, *after;

    begin(_i);
    query("begin", EVPG_NO_PARAMS);
    await_all();
    late = new_outcome();
    submit(late, "select pg_sleep(10)", EVPG_NO_PARAMS);
    evpg_request_set_timeout(late->request, 30);
    failed = query("select 'failed'", EVPG_NO_PARAMS);
    query("rollback", EVPG_NO_PARAMS);
    after = query("select 42", EVPG_NO_PARAMS);
    await_all();
    check_timed_out(late, EVPG_FATE_UNKNOWN, EVPG_PHASE_RUNNING);
    ck_assert_outcome_sqlstate(failed, "25P02");
    ck_assert_outcome_ok(after);
    end();
}
END_TEST

static enum evpg_flow pause_at_ten(const struct evpg_row *row, struct outcome *outcome)
{
    (void)row;
    return outcome->n_rows == 10 ? EVPG_PAUSE : EVPG_NEXT;
}

START_TEST(paused)
{
    struct outcome *rows, *after;

    begin(_i);
    rows = new_outcome();
    rows->on_row = pause_at_ten;
    submit(rows, "select generate_series(1, 100000)", EVPG_NO_PARAMS);
    evpg_request_set_timeout(rows->request, 50);
    after = query("select 'after'", EVPG_NO_PARAMS);
    await_all();
    check_timed_out(rows, EVPG_FATE_UNKNOWN, EVPG_PHASE_RUNNING);
    ck_assert_int_eq(rows->n_rows, 10);
    ck_assert_outcome_ok(after);
    end();
}
END_TEST

/* One that is done in time; one that is taken back; one that replaces another; and bad ones. */
START_TEST(ca14_in_time_and_bad_ones)
{
    struct outcome *quick, *taken_back, *longer, *other;

    begin(_i);
    quick = query("select 1", EVPG_NO_PARAMS);
    evpg_request_set_timeout(quick->request, 10000);
    taken_back = query("select pg_sleep(0.1)", EVPG_NO_PARAMS);
    evpg_request_set_timeout(taken_back->request, 20);
    evpg_request_set_timeout(taken_back->request, 0);
    longer = query("select pg_sleep(0.1)", EVPG_NO_PARAMS);
    evpg_request_set_timeout(longer->request, 20);
    evpg_request_set_timeout(longer->request, INT_MAX);
    other = query("select 1", EVPG_NO_PARAMS);
    evpg_request_set_timeout(other->request, -1);
    ck_assert_str_eq(last_log(), "a timeout of -1 ms: 0 is none");
    evpg_request_set_timeout(NULL, 1);
    await_all();
    check_all_succeeded();
    end();
}
END_TEST

static int n_told;

static void free_it(const struct evpg_result *result, struct outcome *outcome)
{
    struct evpg_db *victim = db;

    (void)outcome;
    n_told++;
    evpg_request_set_timeout(evpg_result_request(result), 1);
    evpg_request_cancel(evpg_result_request(result));
    db = NULL;
    evpg_free(victim);
}

static void submit_another(const struct evpg_result *result, struct outcome *outcome)
{
    (void)result;
    (void)outcome;
    n_told++;
    ck_assert_ptr_nonnull(submit(new_outcome(), "select 'another'", EVPG_NO_PARAMS));
}

/* Of several that are late at the same time the first frees the connection, or asks for more. */
START_TEST(every_call_is_legal)
{
    struct outcome *late[4];

    begin(ALONE);
    for (int i = 0; i < 4; i++) {
        late[i] = new_outcome();
        late[i]->on_done = i != 1 ? NULL : _i % 2 ? free_it : submit_another;
        submit(late[i], _i < 2 ? "select pg_sleep(0.3)" : "do $$begin perform pg_sleep(0.3); end$$",
               EVPG_NO_PARAMS);
        evpg_request_set_timeout(late[i]->request, 30);
    }
    await_all();
    ck_assert_int_eq(n_told, 1);
    for (int i = 0; i < 4; i++)
        ck_assert_int_eq(late[i]->completions, 1);
    ck_assert_int_eq(db == NULL, _i % 2);
    end();
}
END_TEST

static int n_closed;
static size_t n_cut_off;

static void on_closed(struct evpg_db *closed, size_t cut_off, void *arg)
{
    (void)closed;
    (void)arg;
    n_closed++;
    n_cut_off = cut_off;
}

/* What has been told already is not cut off; it is waited for, as long as that takes. */
START_TEST(closed_with_one_left_behind)
{
    struct outcome *late;

    begin(ALONE);
    late = new_outcome();
    submit(late, "select pg_sleep(10)", EVPG_NO_PARAMS);
    evpg_request_set_timeout(late->request, 20);
    await_all();
    ck_assert_int_eq(evpg_close(db, _i ? 0 : 5000, on_closed, NULL), 0);
    ck_assert(await_flag(&n_closed, 8000));
    ck_assert_uint_eq(n_cut_off, 0);
    ck_assert_int_eq(late->completions, 1);
    evpg_free(db);
    db = NULL;
    end();
}
END_TEST

/* The loss of the connection is no news for one that was told. */
START_TEST(lost_with_one_left_behind)
{
    struct outcome *late, *behind;

    begin(ALONE);
    find_backend();
    late = new_outcome();
    submit(late, "select pg_sleep(10)", EVPG_NO_PARAMS);
    evpg_request_set_timeout(late->request, 10);
    behind = query("select 1", EVPG_NO_PARAMS);
    ck_assert(await_flag(&late->completions, 1000));
    end_backend();
    await_all();
    check_timed_out(late, EVPG_FATE_UNKNOWN, EVPG_PHASE_RUNNING);
    ck_assert_int_eq(evpg_error_code(behind->error), EVPG_E_LOST);
    evpg_free(db);
    db = NULL;
    end();
}
END_TEST

/* The loop is late, not the server, whose answer has been there for long. */
START_TEST(the_loop_stood_still)
{
    struct outcome *outcome;

    begin(ALONE);
    outcome = query("select 1", EVPG_NO_PARAMS);
    evpg_request_set_timeout(outcome->request, 20);
    event_base_loop(base, EVLOOP_ONCE | EVLOOP_NONBLOCK);
    usleep(300000);
    await_all();
    ck_assert_outcome_ok(outcome);
    end();
}
END_TEST

/* In slices, none of them late by much; in order of their deadlines. */
START_TEST(a_hundred_thousand)
{
    enum { MANY = 100000 };
    static struct outcome *all[MANY];
    int port, deaf = deaf_listener(&port);
    char conninfo[64];

    snprintf(conninfo, sizeof(conninfo), "host=127.0.0.1 port=%d", port);
    begin_closed(conninfo, NULL);
    ck_assert_ptr_nonnull(evpg_open(db, NULL, NULL));
    for (int i = 0; i < MANY; i++) {
        all[i] = query("select 1", EVPG_NO_PARAMS);
        evpg_request_set_timeout(all[i]->request, 100 + (i * 7919) % 400);
    }
    heart_start();
    await_all();
    heart_stop();
    for (int i = 0; i < MANY; i++)
        check_timed_out(all[i], EVPG_FATE_NOT_SENT, EVPG_PHASE_CONNECTING);
    evpg_free(db);
    db = NULL;
    close(deaf);
    end();
}
END_TEST

/* In a transaction block: what comes then is ignored until it is rolled back. */
START_TEST(ca07_in_a_transaction)
{
    struct outcome *late, *ignored, *after;

    begin(_i);
    query("begin", EVPG_NO_PARAMS);
    late = query("select pg_sleep(10)", EVPG_NO_PARAMS);
    evpg_request_set_timeout(late->request, 100);
    await_all();
    ck_assert_int_eq(evpg_error_code(late->error), EVPG_E_TIMEOUT);
    ignored = query("select 1", EVPG_NO_PARAMS);
    await_all();
    ck_assert_outcome_sqlstate(ignored, "25P02");
    query("rollback", EVPG_NO_PARAMS);
    after = query("select 42", EVPG_NO_PARAMS);
    await_all();
    ck_assert_outcome_ok(after);
    ck_assert_str_eq(cell(after, 0, 0), "42");
    end();
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("db_timeout");
    TCase *tcase = tcase_create("timeout");

    tcase_set_timeout(tcase, 60);
    tcase_add_loop_test(tcase, ca06_running, 0, N_VARIANTS * N_MODES);
    tcase_add_loop_test(tcase, queued, 0, N_MODES);
    tcase_add_loop_test(tcase, connecting, 0, 2);
    tcase_add_loop_test(tcase, pi14_with_others_behind, 0, N_MODES);
    tcase_add_loop_test(tcase, all_that_are_on_the_wire, 0, N_MODES);
    tcase_add_loop_test(tcase, within_a_transaction, 0, N_MODES);
    tcase_add_loop_test(tcase, paused, 0, N_LARGE_MODES);
    tcase_add_loop_test(tcase, ca14_in_time_and_bad_ones, 0, N_MODES);
    tcase_add_loop_test(tcase, every_call_is_legal, 0, 4);
    tcase_add_loop_test(tcase, closed_with_one_left_behind, 0, 2);
    tcase_add_test(tcase, lost_with_one_left_behind);
    tcase_add_test(tcase, the_loop_stood_still);
    tcase_add_test(tcase, a_hundred_thousand);
    tcase_add_loop_test(tcase, ca07_in_a_transaction, 0, PIPELINED);
    suite_add_tcase(suite, tcase);
    return run_suite(suite, true);
}
