/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * fault_pool_link: what networks do to the connections of a pool, in each of its phases: F07 to
 * F10.
 */
#include "pool_phases.h"

START_TEST(f08_reset)
{
    pool_phase_begin(_i, false);
    proxy_reset(pool_proxy);
    pool_phase_end();
}
END_TEST

START_TEST(f09_closed)
{
    pool_phase_begin(_i, false);
    proxy_close(pool_proxy);
    pool_phase_end();
}
END_TEST

START_TEST(f09_half_closed)
{
    pool_phase_begin(_i, false);
    proxy_half_close(pool_proxy);
    pool_phase_end();
}
END_TEST

/* Nothing can be had for a while; then all is as before. */
START_TEST(f08_reset_and_refused)
{
    pool_phase_begin(_i, false);
    proxy_reset(pool_proxy);
    proxy_refuse(pool_proxy, true);
    run_for(300);
    proxy_refuse(pool_proxy, false);
    pool_phase_end();
}
END_TEST

/* Nothing comes through, and nobody says so; then it does again, and what was held comes as well.
 */
START_TEST(f07_held)
{
    pool_phase_begin(_i, true);
    pool_proxy->settings.hold = true;
    proxy_apply(pool_proxy);
    run_for(1200);
    pool_proxy->settings.hold = false;
    proxy_apply(pool_proxy);
    pool_phase_end();
}
END_TEST

/* All is acknowledged, and goes nowhere. */
START_TEST(f10_swallowed)
{
    pool_phase_begin(_i, true);
    pool_proxy->settings.black_hole = true;
    run_for(1200);
    pool_proxy->settings.black_hole = false;
    pool_phase_end();
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("fault_pool_link");
    TCase *tcase = tcase_create("link");

    tcase_set_timeout(tcase, 120);
    tcase_add_loop_test(tcase, f08_reset, 0, N_POOL_PHASES);
    tcase_add_loop_test(tcase, f08_reset_and_refused, 0, N_POOL_PHASES);
    tcase_add_loop_test(tcase, f09_closed, 0, N_POOL_PHASES);
    tcase_add_loop_test(tcase, f09_half_closed, 0, N_POOL_PHASES);
    tcase_add_loop_test(tcase, f07_held, 0, N_POOL_PHASES);
    tcase_add_loop_test(tcase, f10_swallowed, 0, N_POOL_PHASES);
    suite_add_tcase(suite, tcase);
    return run_suite(suite, true);
}
