/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * db_query: statements of all shapes against a real server; cases Q01 to Q20.
 *
 * The counterpart of lib/op_query.c. Each case runs alone, between other queries, and with answers
 * that come byte by byte.
 */
#include "harness.h"

START_TEST(q01_select_one)
{
    struct outcome *one;

    begin(_i);
    one = query("select 1", EVPG_NO_PARAMS);
    await_all();
    ck_assert_outcome_ok(one);
    ck_assert_int_eq(one->n_rows, 1);
    ck_assert_str_eq(cell(one, 0, 0), "1");
    ck_assert_str_eq(one->tag, "SELECT 1");
    ck_assert_uint_eq(one->rows, 1);
    end();
}
END_TEST

START_TEST(q02_empty_query)
{
    struct outcome *empty, *blank;

    begin(_i);
    empty = query("", EVPG_NO_PARAMS);
    blank = query(" -- nothing\n;", EVPG_NO_PARAMS);
    await_all();
    ck_assert_outcome_ok(empty);
    ck_assert_int_eq(empty->n_rows, 0);
    ck_assert_int_eq(empty->columns, 0);
    ck_assert_str_eq(empty->tag, "");
    ck_assert_uint_eq(empty->affected, 0);
    ck_assert_outcome_ok(blank);
    end();
}
END_TEST

START_TEST(q04_no_columns)
{
    struct outcome *none;

    begin(_i);
    none = query("select", EVPG_NO_PARAMS);
    await_all();
    ck_assert_outcome_ok(none);
    ck_assert_int_eq(none->n_rows, 1);
    ck_assert_int_eq(none->n_columns, 0);
    end();
}
END_TEST

START_TEST(q05_no_rows)
{
    struct outcome *none;

    begin(_i);
    none = query("select n from generate_series(1,10) n where n=0", EVPG_NO_PARAMS);
    await_all();
    ck_assert_outcome_ok(none);
    ck_assert_int_eq(none->n_rows, 0);
    ck_assert_int_eq(none->columns, 1);
    ck_assert_str_eq(none->column_name[0], "n");
    ck_assert_uint_eq(none->column_type[0], 23);
    ck_assert_str_eq(none->tag, "SELECT 0");
    end();
}
END_TEST

START_TEST(q06_values_with_null)
{
    struct outcome *values;

    begin(_i);
    values = query("values (1,null),(2,'b')", EVPG_NO_PARAMS);
    await_all();
    ck_assert_outcome_ok(values);
    ck_assert_int_eq(values->n_rows, 2);
    ck_assert_str_eq(cell(values, 0, 0), "1");
    ck_assert_ptr_null(cell(values, 0, 1));
    ck_assert_str_eq(cell(values, 1, 0), "2");
    ck_assert_str_eq(cell(values, 1, 1), "b");
    end();
}
END_TEST

#define TABLE_W "create temp table w(id serial primary key, name varchar not null)"

START_TEST(q07_insert_returning)
{
    struct outcome *insert;

    begin(_i);
    query(TABLE_W, EVPG_NO_PARAMS);
    insert = query("insert into w(name) values('a'),('b') returning id", EVPG_NO_PARAMS);
    await_all();
    ck_assert_outcome_ok(insert);
    ck_assert_int_eq(insert->n_rows, 2);
    ck_assert_str_eq(cell(insert, 0, 0), "1");
    ck_assert_str_eq(cell(insert, 1, 0), "2");
    ck_assert_str_eq(insert->tag, "INSERT 0 2");
    ck_assert_uint_eq(insert->affected, 2);
    end();
}
END_TEST

START_TEST(q08_update_and_delete)
{
    struct outcome *update, *delete;

    begin(_i);
    query(TABLE_W, EVPG_NO_PARAMS);
    query("insert into w(name) values('a'),('b')", EVPG_NO_PARAMS);
    update = query("update w set name='z'", EVPG_NO_PARAMS);
    delete = query("delete from w where id>100", EVPG_NO_PARAMS);
    await_all();
    ck_assert_outcome_ok(update);
    ck_assert_str_eq(update->tag, "UPDATE 2");
    ck_assert_uint_eq(update->affected, 2);
    ck_assert_int_eq(update->n_rows, 0);
    ck_assert_outcome_ok(delete);
    ck_assert_str_eq(delete->tag, "DELETE 0");
    ck_assert_uint_eq(delete->affected, 0);
    end();
}
END_TEST

START_TEST(q09_create_and_drop)
{
    struct outcome *create, *drop;

    begin(_i);
    create = query("create temp table ct(i int)", EVPG_NO_PARAMS);
    drop = query("drop table ct", EVPG_NO_PARAMS);
    await_all();
    ck_assert_outcome_ok(create);
    ck_assert_str_eq(create->tag, "CREATE TABLE");
    ck_assert_uint_eq(create->affected, 0);
    ck_assert_outcome_ok(drop);
    ck_assert_str_eq(drop->tag, "DROP TABLE");
    end();
}
END_TEST

static enum evpg_flow check_find(const struct evpg_row *row, struct outcome *outcome)
{
    (void)outcome;
    ck_assert_int_eq(evpg_row_find(row, "a"), 0);
    ck_assert_int_eq(evpg_row_find(row, "b"), 1);
    ck_assert_int_eq(evpg_row_find(row, "c"), -1);
    ck_assert_str_eq(evpg_error_message(evpg_row_error(row)), "there is no column \"c\"");
    ck_assert_str_eq(evpg_row_name(row, 2), "a");
    return EVPG_NEXT;
}

START_TEST(q10_duplicate_names)
{
    struct outcome *same = NULL;

    begin(_i);
    same = new_outcome();
    same->on_row = check_find;
    ck_assert_ptr_nonnull(submit(same, "select 1 as a, 2 as b, 3 as a", EVPG_NO_PARAMS));
    await_all();
    ck_assert_outcome_ok(same);
    ck_assert_int_eq(same->n_columns, 3);
    ck_assert_str_eq(same->column_name[0], "a");
    ck_assert_str_eq(same->column_name[1], "b");
    ck_assert_str_eq(same->column_name[2], "a");
    ck_assert_str_eq(cell(same, 0, 0), "1");
    ck_assert_str_eq(cell(same, 0, 1), "2");
    ck_assert_str_eq(cell(same, 0, 2), "3");
    end();
}
END_TEST

START_TEST(q11_quoted_names)
{
    struct outcome *names;

    begin(_i);
    names = query("select 1 as \"hej\"\"hej\", 2 as \"Ünï\", 3 as \"1\"", EVPG_NO_PARAMS);
    await_all();
    ck_assert_outcome_ok(names);
    ck_assert_str_eq(names->column_name[0], "hej\"hej");
    ck_assert_str_eq(names->column_name[1], "Ünï");
    ck_assert_str_eq(names->column_name[2], "1");
    end();
}
END_TEST

static enum evpg_flow check_ascending(const struct evpg_row *row, struct outcome *outcome)
{
    int64_t value;

    ck_assert_int_eq(evpg_row_int64(row, 0, &value), 0);
    ck_assert_int_eq(value, outcome->n_rows - 1);
    return EVPG_NEXT;
}

static void stream(const char *sql, int rows)
{
    struct outcome *series = new_outcome();

    series->on_row = check_ascending;
    series->discard = true;
    ck_assert_ptr_nonnull(submit(series, sql, EVPG_NO_PARAMS));
    await_all();
    ck_assert_outcome_ok(series);
    ck_assert_int_eq(series->n_rows, rows);
    ck_assert_uint_eq(series->rows, rows);
    ck_assert_uint_eq(series->affected, rows);
}

START_TEST(q12_ten_thousand_rows)
{
    begin(_i);
    stream("select generate_series(0,10000)", 10001);
    end();
}
END_TEST

START_TEST(q13_hundred_thousand_rows)
{
    begin(_i);
    stream("select * from generate_series(0,99999)", 100000);
    end();
}
END_TEST

/* Rows that are kept are the same rows. */
START_TEST(q06_kept_rows)
{
    struct outcome *kept;

    begin(_i);
    kept = query_kept("values (1,null),(2,'b')", EVPG_NO_PARAMS);
    await_all();
    ck_assert_outcome_ok(kept);
    ck_assert_int_eq(kept->n_rows, 2);
    ck_assert_str_eq(cell(kept, 0, 0), "1");
    ck_assert_ptr_null(cell(kept, 0, 1));
    ck_assert_str_eq(cell(kept, 1, 1), "b");
    end();
}
END_TEST

/* More than fits into the socket at once: what comes next does not overtake it. */
START_TEST(q15_a_long_statement)
{
    enum { COMMENT = 100000 };
    static const char sql[] = "select $1::text --";
    char *text = malloc(sizeof(sql) + COMMENT);
    struct outcome *longest, *next;

    memcpy(text, sql, sizeof(sql));
    memset(text + sizeof(sql) - 1, 'x', COMMENT);
    text[sizeof(sql) - 1 + COMMENT] = '\0';
    begin(_i);
    longest = query(text, EVPG_PARAMS(evpg_text("long")));
    next = query("select $1::text", EVPG_PARAMS(evpg_text("next")));
    await_all();
    ck_assert_outcome_ok(longest);
    ck_assert_str_eq(cell(longest, 0, 0), "long");
    ck_assert_outcome_ok(next);
    ck_assert_str_eq(cell(next, 0, 0), "next");
    ck_assert_int_lt(longest->order, next->order);
    free(text);
    end();
}
END_TEST

START_TEST(q19_two_statements_in_one)
{
    struct outcome *two, *next;

    begin(_i);
    two = query("select 1; select 2", EVPG_NO_PARAMS);
    next = query("select 3", EVPG_NO_PARAMS);
    await_all();
    ck_assert_outcome_sqlstate(two, "42601");
    ck_assert_int_eq(evpg_error_code(two->error), EVPG_E_SERVER);
    ck_assert_str_eq(evpg_error_field(two->error, EVPG_FIELD_MESSAGE),
                     "cannot insert multiple commands into a prepared statement");
    ck_assert_int_eq(two->n_rows, 0);
    ck_assert_outcome_ok(next);
    ck_assert_str_eq(cell(next, 0, 0), "3");
    end();
}
END_TEST

/* A value of type void is an empty text, and no NULL. */
START_TEST(q20_void)
{
    struct outcome *nothing;

    begin(_i);
    nothing = query("select pg_sleep(0)", EVPG_NO_PARAMS);
    await_all();
    ck_assert_outcome_ok(nothing);
    ck_assert_int_eq(nothing->n_rows, 1);
    ck_assert_uint_eq(nothing->column_type[0], 2278);
    ck_assert_pstr_eq(cell(nothing, 0, 0), "");
    end();
}
END_TEST

static Suite *make_suite(void)
{
    Suite *suite = suite_create("db_query");
    TCase *small = tcase_create("small");
    TCase *large = tcase_create("large");

    tcase_set_timeout(small, 30);
    tcase_set_timeout(large, 60);
    tcase_add_loop_test(small, q01_select_one, 0, N_MODES);
    tcase_add_loop_test(small, q02_empty_query, 0, N_MODES);
    tcase_add_loop_test(small, q04_no_columns, 0, N_MODES);
    tcase_add_loop_test(small, q05_no_rows, 0, N_MODES);
    tcase_add_loop_test(small, q06_values_with_null, 0, N_MODES);
    tcase_add_loop_test(small, q06_kept_rows, 0, N_MODES);
    tcase_add_loop_test(small, q07_insert_returning, 0, N_MODES);
    tcase_add_loop_test(small, q08_update_and_delete, 0, N_MODES);
    tcase_add_loop_test(small, q09_create_and_drop, 0, N_MODES);
    tcase_add_loop_test(small, q10_duplicate_names, 0, N_MODES);
    tcase_add_loop_test(small, q11_quoted_names, 0, N_MODES);
    tcase_add_loop_test(large, q12_ten_thousand_rows, 0, N_LARGE_MODES);
    tcase_add_loop_test(large, q13_hundred_thousand_rows, 0, N_LARGE_MODES);
    tcase_add_loop_test(large, q15_a_long_statement, 0, N_LARGE_MODES);
    tcase_add_loop_test(small, q19_two_statements_in_one, 0, N_MODES);
    tcase_add_loop_test(small, q20_void, 0, N_MODES);
    suite_add_tcase(suite, small);
    suite_add_tcase(suite, large);
    return suite;
}

int main(void)
{
    return run_suite(make_suite(), true);
}
