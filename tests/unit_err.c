/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * unit_err: messages are one line and whole characters, copies stand alone.
 *
 * The counterpart of lib/err.c; needs no server.
 */
#include "harness.h"

#include "err.h"
#include "mem.h"

#include <stdio.h>

START_TEST(one_line)
{
    struct evpg_error error;

    err_set(&error, EVPG_E_SERVER, EVPG_FATE_UNKNOWN, "\n\t a\n\tb\r\nc \n");
    ck_assert_str_eq(evpg_error_message(&error), "a b c");
    err_append(&error, " and %s\n", "d\ne");
    ck_assert_str_eq(evpg_error_message(&error), "a b c and d e");
    ck_assert_int_eq(evpg_error_code(&error), EVPG_E_SERVER);
    ck_assert_int_eq(evpg_error_fate(&error), EVPG_FATE_UNKNOWN);
    ck_assert_str_eq(evpg_error_sqlstate(&error), "");
    ck_assert_ptr_null(evpg_error_query(&error));
}
END_TEST

/* At every offset of the cut: é is two bytes. */
START_TEST(cut_between_characters)
{
    char text[2000] = "";
    struct evpg_error error;
    const char *message;
    size_t length;

    for (int i = 0; i < _i; i++)
        strcat(text, "a");
    for (int i = 0; i < 600; i++)
        strcat(text, "\xc3\xa9");
    err_set(&error, EVPG_E_SERVER, EVPG_FATE_UNKNOWN, "%s", text);
    message = evpg_error_message(&error);
    length = strlen(message);
    ck_assert_uint_le(length, ERR_MESSAGE_SIZE - 1);
    ck_assert_uint_ge(length, ERR_MESSAGE_SIZE - 4);
    ck_assert_str_eq(message + length - 3, "...");
    ck_assert_int_eq(message[length - 4] & 0xff, 0xa9);
}
END_TEST

START_TEST(append_when_full)
{
    struct evpg_error error;
    char text[600];

    memset(text, 'x', sizeof(text) - 1);
    text[sizeof(text) - 1] = '\0';
    err_set(&error, EVPG_E_SERVER, EVPG_FATE_UNKNOWN, "%s", text);
    err_append(&error, "more");
    ck_assert_uint_eq(strlen(evpg_error_message(&error)), ERR_MESSAGE_SIZE - 1);
}
END_TEST

static void *no_memory(size_t size)
{
    (void)size;
    return NULL;
}

START_TEST(copy)
{
    char detail[] = "a detail", query[] = "select 1";
    struct evpg_error error, *copied, *again;

    err_set(&error, EVPG_E_SERVER, EVPG_FATE_NOT_EXECUTED, "message");
    err_set_sqlstate(&error, "23505");
    error.phase = EVPG_PHASE_RUNNING;
    error.field[EVPG_FIELD_DETAIL] = detail;
    error.query = query;
    copied = evpg_error_copy(&error);
    memset(detail, 0, sizeof(detail));
    memset(query, 0, sizeof(query));
    again = evpg_error_copy(copied);
    evpg_error_free(copied);
    ck_assert_str_eq(evpg_error_message(again), "message");
    ck_assert_str_eq(evpg_error_sqlstate(again), "23505");
    ck_assert_str_eq(evpg_error_field(again, EVPG_FIELD_DETAIL), "a detail");
    ck_assert_ptr_null(evpg_error_field(again, EVPG_FIELD_HINT));
    ck_assert_ptr_null(evpg_error_field(again, EVPG_FIELD_COUNT));
    ck_assert_ptr_null(evpg_error_field(again, (enum evpg_field) - 1));
    ck_assert_str_eq(evpg_error_query(again), "select 1");
    ck_assert_int_eq(evpg_error_phase(again), EVPG_PHASE_RUNNING);
    evpg_error_free(again);
    ck_assert_ptr_null(evpg_error_copy(NULL));
    evpg_error_free(NULL);
    mem_source = no_memory;
    ck_assert_ptr_null(evpg_error_copy(&error));
}
END_TEST

static Suite *make_suite(void)
{
    Suite *suite = suite_create("unit_err");
    TCase *tcase = tcase_create("err");

    tcase_add_test(tcase, one_line);
    tcase_add_loop_test(tcase, cut_between_characters, 0, 6);
    tcase_add_test(tcase, append_when_full);
    tcase_add_test(tcase, copy);
    suite_add_tcase(suite, tcase);
    return suite;
}

int main(void)
{
    return run_suite(make_suite(), false);
}
