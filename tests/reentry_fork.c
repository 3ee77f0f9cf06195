/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * reentry_fork: a child process inherits a connection, and whatever it does, the parent's goes on.
 *
 * The child frees it, or just ends, or first tries every other call, which is refused.
 */
#include "harness.h"

#include <errno.h>
#include <sys/wait.h>
#include <unistd.h>

static int child_completions;

static void count_closed(const struct evpg_result *result, struct outcome *outcome)
{
    (void)outcome;
    if (evpg_result_error(result) && evpg_error_code(evpg_result_error(result)) == EVPG_E_CLOSED)
        child_completions++;
}

/* What the child does; 0: as it should be. Not Check's assertions: they report to the parent. */
static int be_a_child(int what)
{
    errno = 0;
    if (what == 1 && (evpg_query(db, "select 1", EVPG_NO_PARAMS, NULL, NULL, NULL) ||
                      errno != EINVAL || !strstr(last_log(), "parent process")))
        return 1;
    errno = 0;
    if (what == 1 && (evpg_open(db, NULL, NULL) || errno != EINVAL))
        return 2;
    if (what == 2)
        return 0;
    evpg_free(db);
    return child_completions == 10 ? 0 : 3;
}

/* In the midst of ten requests. */
START_TEST(parent_goes_on)
{
    struct outcome *all[10];
    int status;
    pid_t child;

    begin(ALONE);
    for (int i = 0; i < 10; i++) {
        all[i] = new_outcome();
        all[i]->on_done = count_closed;
        ck_assert_ptr_nonnull(
            submit(all[i], "select $1, pg_sleep(0.01)", EVPG_PARAMS(evpg_int32(i))));
    }
    run_for(15);
    child = fork();
    if (child == 0) {
        for (int i = 0; i < 10; i++)
            child_completions += all[i]->completions;
        _exit(be_a_child(_i));
    }
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    ck_assert_int_eq(status, 0);
    await_all();
    for (int i = 0; i < 10; i++)
        ck_assert_int_eq(atoi(cell(all[i], 0, 0)), i);
    for (int i = 0; i < 1000; i++)
        query("select 1", EVPG_NO_PARAMS);
    await_all();
    end();
}
END_TEST

/* While it connects. */
START_TEST(parent_connects)
{
    struct outcome *one;
    int status;
    pid_t child;

    begin_closed(NULL, NULL);
    ck_assert_ptr_nonnull(evpg_open(db, NULL, NULL));
    one = new_outcome();
    ck_assert_ptr_nonnull(submit(one, "select 1", EVPG_NO_PARAMS));
    for (int i = 0; i < _i; i++)
        event_base_loop(base, EVLOOP_ONCE | EVLOOP_NONBLOCK);
    child = fork();
    if (child == 0) {
        evpg_free(db);
        _exit(one->completions == 1 ? 0 : 1);
    }
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    ck_assert_int_eq(status, 0);
    await_all();
    ck_assert_outcome_ok(one);
    end();
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("reentry_fork");
    TCase *tcase = tcase_create("fork");

    tcase_set_timeout(tcase, 30);
    tcase_add_loop_test(tcase, parent_goes_on, 0, 3);
    tcase_add_loop_test(tcase, parent_connects, 0, 6);
    suite_add_tcase(suite, tcase);
    return run_suite(suite, true);
}
