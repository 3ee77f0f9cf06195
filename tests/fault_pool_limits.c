/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * fault_pool_limits: a pool, in each of its phases, without descriptors, with sessions that the
 * server tires of, and writing to nobody; and deadlines of a loop that stood still: F24, F27, F32,
 * F37.
 */
#include "pool_phases.h"

#include <signal.h>
#include <stdio.h>
#include <sys/resource.h>
#include <unistd.h>

static struct rlimit limit;

/* What is open stays open; nothing more can be. The proxy, which could not accept, does not try. */
static void use_up_descriptors(void)
{
    struct rlimit none;

    if (pool_proxy)
        proxy_refuse(pool_proxy, true);
    ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &limit), 0);
    none = limit;
    none.rlim_cur = 0;
    ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &none), 0);
}

static void give_descriptors_back(void)
{
    ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
    if (pool_proxy)
        proxy_refuse(pool_proxy, false);
}

/* It would take a slow machine too long. */
static void cut_stream_short(int phase)
{
    if (phase == POOL_ROWS)
        proxy_reset(pool_proxy);
}

/* The connections that are up go on; the cancels cannot be sent. */
START_TEST(f27_no_descriptors)
{
    pool_phase_begin(_i, false);
    use_up_descriptors();
    run_for(100);
    if (_i == POOL_IDLE) {
        query("select 1", EVPG_NO_PARAMS);
        await_all();
        check_all_succeeded();
    }
    give_descriptors_back();
    cut_stream_short(_i);
    pool_phase_end();
}
END_TEST

/* And then the connections are lost, and none can be opened for a while: nothing spins. */
START_TEST(f27_lost_without_descriptors)
{
    int passes = 0;
    double end;

    pool_phase_begin(_i, false);
    use_up_descriptors();
    proxy_reset(pool_proxy);
    for (end = now_ms() + 300; now_ms() < end; passes++)
        turn();
    ck_assert_int_lt(passes, 3000);
    give_descriptors_back();
    pool_phase_end();
}
END_TEST

static uint64_t count_cancel_requests(void)
{
    struct evpg_pool_stats stats = EVPG_POOL_STATS();

    ck_assert_int_eq(evpg_pool_get_stats(db, &stats), 0);
    return stats.cancel_requests;
}

/* What could not be sent is sent when it can be, and is not counted before. */
START_TEST(f27_canceled_without_descriptors)
{
    struct outcome *slow;
    uint64_t counts[2];

    begin_pool(ALONE, &EVPG_POOL_CONFIG(.max_connections = 1));
    query("select 1", EVPG_NO_PARAMS);
    await_all();
    slow = query("select pg_sleep(20)", EVPG_NO_PARAMS);
    run_for(50);
    use_up_descriptors();
    evpg_request_cancel(slow->request);
    run_for(100);
    counts[0] = count_cancel_requests();
    give_descriptors_back();
    ck_assert(await_flag(&slow->completions, 5000));
    counts[1] = count_cancel_requests();
    ck_assert_int_eq(evpg_error_code(slow->error), EVPG_E_CANCELED);
    ck_assert_int_eq(counts[0], 0);
    ck_assert_int_ge(counts[1], 1);
    end();
}
END_TEST

/* Of sessions that are idle: they are replaced. */
START_TEST(f24_the_server_tires_of_sessions)
{
    free(admin("alter role current_user set idle_session_timeout = 150"));
    pool_phase_begin(_i, false);
    free(admin("alter role current_user reset idle_session_timeout"));
    heart_skip();
    run_for(700);
    cut_stream_short(_i);
    pool_phase_end();
}
END_TEST

/* SIGPIPE would end the process. */
START_TEST(f32_writes_to_nobody)
{
    static char text[1 << 20];

    memset(text, 'x', sizeof(text) - 1);
    signal(SIGPIPE, SIG_DFL);
    pool_phase_begin(_i, false);
    for (int i = 0; _i != POOL_CLOSING && i < 6; i++)
        query("select length($1)", EVPG_PARAMS(evpg_text(text)));
    turn();
    proxy_reset(pool_proxy);
    pool_phase_end();
}
END_TEST

static void stand_still(const struct evpg_result *result, struct outcome *outcome)
{
    (void)result;
    (void)outcome;
    usleep(800000);
}

/* In a callback, and outside the loop. What has come meanwhile counts, though the deadline has
 * passed as well; what has not is late. */
START_TEST(f37_a_loop_that_stands_still)
{
    struct outcome *answered[2], *late, *stall = new_outcome();

    begin_pool(ALONE, &EVPG_POOL_CONFIG(.max_connections = 4, .query_timeout_ms = 300));
    for (int i = 0; i < 2; i++) {
        answered[i] = query("select 'in time' from pg_sleep(0.1)", EVPG_NO_PARAMS);
        evpg_request_set_flags(answered[i]->request, EVPG_EXCLUSIVE);
    }
    late = query("select pg_sleep(3)", EVPG_NO_PARAMS);
    evpg_request_set_flags(late->request, EVPG_EXCLUSIVE);
    stall->on_done = _i == 0 ? stand_still : NULL;
    submit(stall, "select pg_sleep(0.08)", EVPG_NO_PARAMS);
    evpg_request_set_flags(stall->request, EVPG_EXCLUSIVE);
    if (_i == 1) {
        run_for(80);
        usleep(800000);
    }
    await_all();
    for (int i = 0; i < 2; i++) {
        ck_assert_outcome_ok(answered[i]);
        ck_assert_str_eq(cell(answered[i], 0, 0), "in time");
    }
    ck_assert_ptr_nonnull(late->error);
    ck_assert_int_eq(evpg_error_code(late->error), EVPG_E_TIMEOUT);
    end();
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("fault_pool_limits");
    TCase *tcase = tcase_create("limits");

    tcase_set_timeout(tcase, 120);
    tcase_add_loop_test(tcase, f27_no_descriptors, 0, N_POOL_PHASES);
    tcase_add_loop_test(tcase, f27_lost_without_descriptors, 0, N_POOL_PHASES);
    tcase_add_test(tcase, f27_canceled_without_descriptors);
    tcase_add_loop_test(tcase, f24_the_server_tires_of_sessions, 0, N_POOL_PHASES);
    tcase_add_loop_test(tcase, f32_writes_to_nobody, 0, N_POOL_PHASES);
    tcase_add_loop_test(tcase, f37_a_loop_that_stands_still, 0, 2);
    suite_add_tcase(suite, tcase);
    return run_suite(suite, true);
}
