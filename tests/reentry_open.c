/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * reentry_open: a connection is opened again from the callbacks that tell of its end.
 *
 * The new socket often has the number of the old one: whoever deletes the old events too late makes
 * the new connection deaf. And a server that is not there must not keep the loop from its other
 * work.
 */
#include "harness.h"

static int opened;

static void count(struct evpg_db *who, const struct evpg_error *error, void *arg)
{
    int *calls = arg;

    (void)who;
    ++*calls;
    opened += !error;
}

static int reopened;

static void open_again(const struct evpg_result *result, struct outcome *outcome)
{
    (void)outcome;
    ck_assert_int_eq(evpg_error_code(evpg_result_error(result)), EVPG_E_LOST);
    ck_assert_ptr_nonnull(evpg_open(evpg_result_db(result), count, &reopened));
}

/* Many times, in the callback of the request that the loss has hit. */
START_TEST(in_the_callback_that_reports_the_loss)
{
    begin(_i);
    for (int round = 0; round < 20; round++) {
        struct outcome *fatal = new_outcome(), *after = new_outcome();

        fatal->on_done = open_again;
        reopened = 0;
        ck_assert_ptr_nonnull(
            submit(fatal, "select pg_terminate_backend(pg_backend_pid())", EVPG_NO_PARAMS));
        await_all();
        ck_assert_ptr_nonnull(submit(after, "select 'again'", EVPG_NO_PARAMS));
        await_all();
        ck_assert_int_eq(reopened, 1);
        ck_assert_outcome_ok(after);
        ck_assert_str_eq(cell(after, 0, 0), "again");
    }
    ck_assert_int_eq(opened, 20);
    end();
}
END_TEST

/* Those behind it are completed first, and do not go to the new connection. */
START_TEST(with_requests_behind)
{
    struct outcome *fatal, *behind[300], *after;

    begin(_i);
    fatal = new_outcome();
    fatal->on_done = open_again;
    ck_assert_ptr_nonnull(
        submit(fatal, "select pg_terminate_backend(pg_backend_pid())", EVPG_NO_PARAMS));
    for (int i = 0; i < 300; i++) {
        behind[i] = new_outcome();
        ck_assert_ptr_nonnull(submit(behind[i], "select 1", EVPG_NO_PARAMS));
    }
    ck_assert(await_flag(&reopened, 5000));
    after = new_outcome();
    ck_assert_ptr_nonnull(submit(after, "select 2", EVPG_NO_PARAMS));
    await_all();
    for (int i = 0; i < 300; i++)
        ck_assert_int_eq(evpg_error_code(behind[i]->error), EVPG_E_LOST);
    ck_assert_outcome_ok(after);
    end();
}
END_TEST

static int attempts;

static void keep_trying(struct evpg_db *who, const struct evpg_error *error, void *arg)
{
    ck_assert_ptr_nonnull(error);
    if (++attempts < 1000000)
        ck_assert_ptr_nonnull(evpg_open(who, keep_trying, arg));
}

static void on_timer(evutil_socket_t fd, short what, void *arg)
{
    int *ticked = arg;

    (void)fd;
    (void)what;
    *ticked = 1;
}

/* The timer is seen although each attempt fails at once and the next is made at once. */
START_TEST(in_the_callback_that_reports_the_failure)
{
    const struct timeval soon = {0, 20000};
    struct event *timer;
    int ticked = 0;

    begin_closed("host=/nonexistent", NULL);
    timer = evtimer_new(base, on_timer, &ticked);
    evtimer_add(timer, &soon);
    ck_assert_ptr_nonnull(evpg_open(db, keep_trying, NULL));
    ck_assert(await_flag(&ticked, 5000));
    ck_assert_int_lt(attempts, 1000000);
    ck_assert_int_gt(attempts, 1);
    attempts = 1000000;
    evpg_free(db);
    db = NULL;
    event_free(timer);
    end();
}
END_TEST

static Suite *make_suite(void)
{
    Suite *suite = suite_create("reentry_open");
    TCase *tcase = tcase_create("open");

    tcase_set_timeout(tcase, 30);
    tcase_add_loop_test(tcase, in_the_callback_that_reports_the_loss, 0, N_MODES);
    tcase_add_loop_test(tcase, with_requests_behind, 0, N_MODES);
    tcase_add_test(tcase, in_the_callback_that_reports_the_failure);
    suite_add_tcase(suite, tcase);
    return suite;
}

int main(void)
{
    return run_suite(make_suite(), true);
}
