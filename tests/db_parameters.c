/* SPDX-License-Identifier: BSD-2-Clause */
/* db_parameters: the hook for the settings that the server reports, and their latest values. */
#include "harness.h"
#include "oracle.h"

#include <stdio.h>

enum deed { WATCH, FREE, SUBMIT };

static enum deed deed;
static int n_told, n_own;
static char last_name[64], last_value[200];

static void on_parameter(struct evpg_db *telling, const char *name, const char *value, void *arg)
{
    struct evpg_db *victim = db;

    ck_assert_ptr_eq(telling, db);
    ck_assert_ptr_eq(arg, &n_told);
    ck_assert_str_eq(evpg_parameter(db, name), value);
    n_told++;
    snprintf(last_name, sizeof(last_name), "%s", name);
    snprintf(last_value, sizeof(last_value), "%s", value);
    if (strcmp(name, "application_name") == 0)
        n_own++;
    if (deed == FREE) {
        db = NULL;
        evpg_free(victim);
        ck_assert_str_eq(last_value, value);
    } else if (deed == SUBMIT) {
        deed = WATCH;
        ck_assert_ptr_nonnull(submit(new_outcome(), "select 'from a callback'", EVPG_NO_PARAMS));
    }
}

static void watch(void)
{
    n_told = n_own = 0;
    evpg_set_hooks(db, &EVPG_HOOKS(.parameter = on_parameter), &n_told);
}

static void check_told(const char *name, const char *value)
{
    ck_assert_int_eq(n_told, 1);
    ck_assert_str_eq(last_name, name);
    ck_assert_str_eq(last_value, value);
    n_told = 0;
}

/* All at first, then what changes, whatever changes it. */
START_TEST(what_changes_is_told)
{
    begin(_i);
    watch();
    query("select 1", EVPG_NO_PARAMS);
    await_all();
    ck_assert_int_ge(n_told, 10);
    n_told = 0;
    query("select 1", EVPG_NO_PARAMS);
    await_all();
    ck_assert_int_eq(n_told, 0);
    query("set timezone = 'Asia/Kathmandu'", EVPG_NO_PARAMS);
    await_all();
    check_told("TimeZone", "Asia/Kathmandu");
    query("select set_config('application_name', 'by a function', false)", EVPG_NO_PARAMS);
    await_all();
    check_told("application_name", "by a function");
    query("begin", EVPG_NO_PARAMS);
    query("set local intervalstyle = 'iso_8601'", EVPG_NO_PARAMS);
    await_all();
    check_told("IntervalStyle", "iso_8601");
    query("rollback", EVPG_NO_PARAMS);
    await_all();
    check_told("IntervalStyle", "postgres");
    submit_script(new_outcome(), "set datestyle = 'German'; select 1");
    await_all();
    check_told("DateStyle", "German, DMY");
    ck_assert_str_eq(evpg_parameter(db, "server_encoding"), "UTF8");
    ck_assert_ptr_null(evpg_parameter(db, "work_mem"));
    ck_assert_ptr_null(evpg_parameter(db, NULL));
    ck_assert_ptr_null(evpg_parameter(NULL, "TimeZone"));
    end();
}
END_TEST

static void run_until_told(void)
{
    for (int i = 0; i < 100 && n_told == 0; i++) {
        query("select 1", EVPG_NO_PARAMS);
        await_all();
        run_for(20);
    }
}

/* A session takes note of it with its next statement. */
START_TEST(by_the_servers_configuration)
{
    begin(ALONE);
    watch();
    query("select 1", EVPG_NO_PARAMS);
    await_all();
    n_told = 0;
    free(admin("alter system set timezone = 'Pacific/Apia'"));
    free(admin("select pg_reload_conf()"));
    run_until_told();
    check_told("TimeZone", "Pacific/Apia");
    free(admin("alter system reset timezone"));
    free(admin("select pg_reload_conf()"));
    run_until_told();
    ck_assert_int_eq(n_told, 1);
    end();
}
END_TEST

/* With the login, and again with the next. */
START_TEST(at_each_login)
{
    begin_closed("application_name=login", NULL);
    watch();
    for (int i = 0; i < 2; i++) {
        ck_assert_ptr_null(evpg_parameter(db, "TimeZone"));
        n_openings = n_own = 0;
        ck_assert_ptr_nonnull(evpg_open(db, note_opening, NULL));
        ck_assert(await_flag(&n_own, 10000));
        ck_assert_int_eq(n_openings, 1);
        ck_assert_int_eq(n_own, 1);
        find_backend();
        await_all();
        end_backend();
        query("select 1", EVPG_NO_PARAMS);
        await_all();
    }
    evpg_free(db);
    db = NULL;
    end();
}
END_TEST

/* Of many that change at once the first leads to a call. */
START_TEST(every_call_is_legal)
{
    struct outcome *last;

    begin(ALONE);
    watch();
    query("select 1", EVPG_NO_PARAMS);
    await_all();
    deed = _i == 0 ? FREE : SUBMIT;
    query("set timezone = 'Asia/Kathmandu'", EVPG_NO_PARAMS);
    query("set application_name = 'legal'", EVPG_NO_PARAMS);
    last = query("select 2", EVPG_NO_PARAMS);
    await_all();
    ck_assert(_i == 0 ? db == NULL : db != NULL);
    ck_assert_int_eq(last->completions, 1);
    end();
}
END_TEST

/* Names are as the server writes them. */
START_TEST(long_value)
{
    struct outcome *set;

    begin(ALONE);
    watch();
    set = query("select length(set_config('application_name', repeat('x', 63), false))::text",
                EVPG_NO_PARAMS);
    await_all();
    ck_assert_outcome_ok(set);
    ck_assert_ptr_null(evpg_parameter(db, "APPLICATION_NAME"));
    ck_assert_uint_eq(strlen(evpg_parameter(db, "application_name")), 63);
    end();
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("db_parameters");
    TCase *tcase = tcase_create("parameters");

    tcase_set_timeout(tcase, 30);
    tcase_add_loop_test(tcase, what_changes_is_told, 0, N_MODES);
    tcase_add_test(tcase, by_the_servers_configuration);
    tcase_add_test(tcase, at_each_login);
    tcase_add_loop_test(tcase, every_call_is_legal, 0, 2);
    tcase_add_test(tcase, long_value);
    suite_add_tcase(suite, tcase);
    return run_suite(suite, true);
}
