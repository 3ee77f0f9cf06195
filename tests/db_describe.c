/* SPDX-License-Identifier: BSD-2-Clause */
/* db_describe: evpg_prepare, which tells the types of parameters and columns; PR15. */
#include "harness.h"

#include <stdio.h>

static void begin_with(int max_prepared_statements)
{
    struct evpg_conn_config config = evpg_conn_config_default();

    config.max_prepared_statements = max_prepared_statements;
    begin_closed("", &config);
    ck_assert_ptr_nonnull(evpg_open(db, note_opening, NULL));
}

static void check_kept(const char *sql, int n)
{
    struct outcome *count =
        query("select count(*)::text from pg_prepared_statements where statement = $1",
              EVPG_PARAMS(evpg_text(sql)));

    await_all();
    ck_assert_outcome_ok(count);
    ck_assert_int_eq(atoi(cell(count, 0, 0)), n);
}

static struct {
    int n_done, params, columns;
    uint32_t types[4], column_type;
    char sqlstate[6];
} described;

static void on_described(const struct evpg_result *result, void *arg)
{
    const struct evpg_error *error = evpg_result_error(result);

    (void)arg;
    described.n_done++;
    described.params = evpg_result_params(result);
    for (int i = 0; i < 4; i++)
        described.types[i] = evpg_result_param_type(result, i);
    described.columns = evpg_result_columns(result);
    described.column_type = evpg_result_column_type(result, 0);
    snprintf(described.sqlstate, sizeof(described.sqlstate), "%s",
             error ? evpg_error_sqlstate(error) : "");
    ck_assert_ptr_null(evpg_result_row(result, 0));
}

static void describe(const char *sql, const uint32_t *types, size_t n_types)
{
    memset(&described, 0, sizeof(described));
    ck_assert_ptr_nonnull(evpg_prepare(db, sql, types, n_types, on_described, NULL));
    ck_assert(await_flag(&described.n_done, 10000));
    ck_assert_int_eq(described.n_done, 1);
}

/* 0: kept; 1: nothing is. */
START_TEST(described_by_evpg_prepare)
{
    const uint32_t types[] = {20, 0};
    struct outcome *run;

    begin_with(_i == 0 ? 0 : -1);
    describe("select $1 + $2::int4 as sum", types, 2);
    ck_assert_str_eq(described.sqlstate, "");
    ck_assert_int_eq(described.params, 2);
    ck_assert_uint_eq(described.types[0], 20);
    ck_assert_uint_eq(described.types[1], 23);
    ck_assert_uint_eq(described.types[2], 0);
    ck_assert_int_eq(described.columns, 1);
    ck_assert_uint_eq(described.column_type, 20);
    run = query("select $1 + $2::int4 as sum", EVPG_PARAMS(evpg_int64(40), evpg_text("2")));
    await_all();
    ck_assert_outcome_ok(run);
    ck_assert_str_eq(cell(run, 0, 0), "42");
    check_kept("select $1 + $2::int4 as sum", _i == 0 ? 1 : 0);
    describe("selct 1", NULL, 0);
    ck_assert_str_eq(described.sqlstate, "42601");
    describe("create temp table described (a int)", NULL, 0);
    ck_assert_int_eq(described.columns, 0);
    ck_assert_ptr_null(evpg_prepare(db, NULL, NULL, 0, NULL, NULL));
    ck_assert_ptr_null(evpg_prepare(db, "select 1", NULL, 1, NULL, NULL));
    ck_assert_ptr_null(evpg_prepare(db, "copy t to stdout", NULL, 0, NULL, NULL));
    end();
}
END_TEST

/* Described when it is run, for it was not there when it was prepared. */
START_TEST(pr15_a_cursor_that_comes_later)
{
    struct outcome *fetched;

    begin_with(0);
    describe("fetch all in \"c\"", NULL, 0);
    query("begin", EVPG_NO_PARAMS);
    query("declare c cursor for select 1::int4, 'x'::text", EVPG_NO_PARAMS);
    fetched = query("fetch all in \"c\"", EVPG_NO_PARAMS);
    query("commit", EVPG_NO_PARAMS);
    await_all();
    ck_assert_outcome_ok(fetched);
    ck_assert_int_eq(fetched->n_columns, 2);
    ck_assert_str_eq(cell(fetched, 0, 1), "x");
    end();
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("db_describe");
    TCase *tcase = tcase_create("described");

    tcase_set_timeout(tcase, 60);
    tcase_add_loop_test(tcase, described_by_evpg_prepare, 0, 2);
    tcase_add_test(tcase, pr15_a_cursor_that_comes_later);
    suite_add_tcase(suite, tcase);
    return run_suite(suite, true);
}
