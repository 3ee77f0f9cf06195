/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * thread_cancel: the threads that cancel requests take before libpq 17, watched by ThreadSanitizer:
 * they share nothing with the loop, and are forgotten at any time.
 */
#include "harness.h"

#include <signal.h>
#include <unistd.h>

static int n_signals;

static void on_signal(int number)
{
    (void)number;
    n_signals++;
}

/* One after the other; and signals go to the loop's thread. */
START_TEST(canceled_again_and_again)
{
    signal(SIGUSR1, on_signal);
    begin(ALONE);
    for (int i = 0; i < sized(30, 300); i++) {
        struct outcome *slow = query("select pg_sleep(20)", EVPG_NO_PARAMS);

        run_for(2);
        evpg_request_cancel(slow->request);
        kill(getpid(), SIGUSR1);
        await_all();
        ck_assert_int_eq(evpg_error_code(slow->error), EVPG_E_CANCELED);
    }
    ck_assert_int_gt(n_signals, 0);
    end();
}
END_TEST

/* Freed while a thread may be at work. */
START_TEST(freed_meanwhile)
{
    for (int passes = 0; passes < 20; passes++) {
        struct outcome *slow;

        begin(ALONE);
        slow = query("select pg_sleep(1)", EVPG_NO_PARAMS);
        run_for(2);
        evpg_request_cancel(slow->request);
        for (int i = 0; i < passes; i++)
            event_base_loop(base, EVLOOP_ONCE | EVLOOP_NONBLOCK);
        evpg_free(db);
        db = NULL;
        end();
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("thread_cancel");
    TCase *tcase = tcase_create("threads");

    tcase_set_timeout(tcase, 120);
    tcase_add_test(tcase, canceled_again_and_again);
    tcase_add_test(tcase, freed_meanwhile);
    suite_add_tcase(suite, tcase);
    return run_suite(suite, true);
}
