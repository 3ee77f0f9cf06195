/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * db_request: a request's flags and name.
 *
 * The counterpart of the setters in lib/req.c. Values in binary format are read in all suites, by
 * the mode BINARY of the harness.
 */
#include "harness.h"

#include <stdio.h>

static char name_seen[32];

static void note_name(const struct evpg_result *result, struct outcome *outcome)
{
    const char *name = evpg_request_name(evpg_result_request(result));

    (void)outcome;
    snprintf(name_seen, sizeof(name_seen), "%s", name ? name : "(none)");
}

START_TEST(a_name)
{
    struct outcome *failed;
    char name[] = "divide";

    begin(_i);
    failed = new_outcome();
    failed->on_done = note_name;
    evpg_request_set_name(submit(failed, "select 1/0", EVPG_NO_PARAMS), "first");
    evpg_request_set_name(failed->request, name);
    memset(name, 'x', sizeof(name) - 1);
    await_all();
    ck_assert_str_eq(name_seen, "divide");
    ck_assert_str_eq(evpg_error_message(failed->error), "divide: ERROR 22012: division by zero");
    end();
}
END_TEST

START_TEST(no_name)
{
    struct outcome *failed;

    begin(ALONE);
    failed = new_outcome();
    failed->on_done = note_name;
    evpg_request_set_name(submit(failed, "select 1/0", EVPG_NO_PARAMS), "first");
    evpg_request_set_name(failed->request, NULL);
    evpg_request_set_name(NULL, "nobody");
    ck_assert_ptr_null(evpg_request_name(NULL));
    await_all();
    ck_assert_str_eq(name_seen, "(none)");
    ck_assert_str_eq(evpg_error_message(failed->error), "ERROR 22012: division by zero");
    end();
}
END_TEST

/* 0: canceled, 1: lost, 2: the connection is freed, 3: abandoned. */
START_TEST(a_name_of_what_is_cut_off)
{
    struct outcome *cut;

    begin(ALONE);
    find_backend();
    cut = new_outcome();
    evpg_request_set_name(submit(cut, "select pg_sleep(60)", EVPG_NO_PARAMS), "sleep");
    if (_i == 0) {
        evpg_request_cancel(cut->request);
    } else if (_i == 1) {
        run_for(20);
        end_backend();
    } else {
        if (_i == 3)
            evpg_request_abandon(cut->request);
        evpg_free(db);
        db = NULL;
    }
    if (_i == 3) {
        ck_assert_int_eq(cut->completions, 0);
        cut->completions = -1;
    } else {
        await_all();
        ck_assert_int_eq(strncmp(evpg_error_message(cut->error), "sleep: ", 7), 0);
    }
    if (_i == 1) {
        evpg_free(db);
        db = NULL;
    }
    end();
}
END_TEST

static int others_running;

static void count_others(const struct evpg_result *result, struct outcome *outcome)
{
    (void)result;
    others_running = outcome->number;
}

/* What runs by itself begins when all before it is done, and nothing behind it has begun. */
START_TEST(exclusive)
{
    struct outcome *all[30];

    begin(_i);
    for (int i = 0; i < 30; i++) {
        all[i] = new_outcome();
        all[i]->number = i;
        all[i]->on_done = count_others;
        ck_assert_ptr_nonnull(submit(all[i], "select $1::int4", EVPG_PARAMS(evpg_int32(i))));
        if (i % 3 == 0)
            evpg_request_set_flags(all[i]->request,
                                   EVPG_EXCLUSIVE | (_i == BINARY ? EVPG_BINARY : 0));
    }
    await_all();
    ck_assert_int_eq(others_running, 29);
    for (int i = 0; i < 30; i++) {
        ck_assert_outcome_ok(all[i]);
        ck_assert_int_eq(all[i]->order, i);
        ck_assert_int_eq(atoi(cell(all[i], 0, 0)), i);
    }
    end();
}
END_TEST

static enum evpg_flow read_both(const struct evpg_row *row, struct outcome *outcome)
{
    const unsigned char *bytes;
    size_t length;
    int64_t id = 0;

    ck_assert_int_eq(evpg_row_int64(row, 0, &id), 0);
    ck_assert_int_eq(id, 1234567890123);
    bytes = evpg_row_bytes(row, 0, &length);
    if (outcome->number == 0) {
        ck_assert_uint_eq(length, 13); /* its text */
        return EVPG_NEXT;
    }
    ck_assert_uint_eq(length, 8);
    ck_assert_uint_eq(bytes[7], 1234567890123 & 0xff);
    ck_assert_ptr_null(evpg_row_text(row, 0));
    ck_assert_str_eq(evpg_error_message(evpg_row_error(row)),
                     "column 0 \"id\" (int8): it came in binary format, which is no text");
    ck_assert_ptr_null(evpg_row_text_or(row, 0, "instead"));
    ck_assert_str_eq(evpg_row_text(row, 1), "word");
    ck_assert_str_eq(evpg_row_text_or(row, 2, "instead"), "instead");
    return EVPG_NEXT;
}

/* The same statement, once in each format. */
START_TEST(in_both_formats)
{
    struct outcome *text, *binary;

    begin(ALONE);
    for (int i = 0; i < 2; i++) {
        struct outcome *outcome = new_outcome();

        outcome->number = i;
        outcome->on_row = read_both;
        outcome->discard = true;
        submit(outcome, "select 1234567890123 as id, 'word' as word, null::int4", EVPG_NO_PARAMS);
        evpg_request_set_flags(outcome->request, i ? EVPG_BINARY : 0);
        *(i ? &binary : &text) = outcome;
    }
    await_all();
    ck_assert_outcome_ok(text);
    ck_assert_outcome_ok(binary);
    ck_assert_int_eq(text->n_rows + binary->n_rows, 2);
    end();
}
END_TEST

START_TEST(flags_that_cannot_be)
{
    struct outcome *sent, *script;

    begin(ALONE);
    evpg_request_set_flags(NULL, EVPG_BINARY);
    sent = query("select 1", EVPG_NO_PARAMS);
    evpg_request_set_flags(sent->request, 1u << 30);
    ck_assert_ptr_nonnull(strstr(last_log(), "0x40000000"));
    run_for(0);
    script = new_outcome();
    submit_script(script, "select 2");
    evpg_request_set_flags(script->request, EVPG_BINARY);
    ck_assert_ptr_nonnull(strstr(last_log(), "text format only"));
    await_all();
    ck_assert_str_eq(cell(sent, 0, 0), "1");
    ck_assert_str_eq(cell(script, 0, 0), "2");
    sent = query("select pg_sleep(0.1)", EVPG_NO_PARAMS);
    run_for(30);
    evpg_request_set_flags(sent->request, EVPG_BINARY);
    ck_assert_ptr_nonnull(strstr(last_log(), "has been sent"));
    await_all();
    end();
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("db_request");
    TCase *tcase = tcase_create("request");

    tcase_set_timeout(tcase, 30);
    tcase_add_loop_test(tcase, a_name, 0, N_MODES);
    tcase_add_test(tcase, no_name);
    tcase_add_loop_test(tcase, a_name_of_what_is_cut_off, 0, 4);
    tcase_add_loop_test(tcase, exclusive, 0, N_MODES);
    tcase_add_test(tcase, in_both_formats);
    tcase_add_test(tcase, flags_that_cannot_be);
    suite_add_tcase(suite, tcase);
    return run_suite(suite, true);
}
