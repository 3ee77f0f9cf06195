/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * unit_pq: which libpq is refused, and what is read out of its texts.
 *
 * The counterpart of lib/pq.c; needs no server.
 */
#include "harness.h"

#include "pq.h"

START_TEST(versions)
{
    static const struct {
        int version;
        bool usable;
    } cases[] = {{130020, false}, {140010, false}, {140011, true},  {150000, false},
                 {150005, false}, {150006, true},  {160000, false}, {160001, false},
                 {160002, true},  {170000, true},  {180000, true}};

    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
        ck_assert_msg(!pq_unusable(cases[i].version) == cases[i].usable, "%d", cases[i].version);
    ck_assert_ptr_null(pq_unusable(PQlibVersion()));
}
END_TEST

START_TEST(login_sqlstates)
{
    static const struct {
        const char *message, *sqlstate;
    } cases[] = {
        {"connection to server at \"127.0.0.1\", port 5432 failed: FATAL:  28P01: password "
         "authentication failed\nLOCATION:  auth_failed, auth.c:335\n",
         "28P01"},
        {"FATAL:  3D000: database \"x\" does not exist", "3D000"},
        {"ЖАЛЬ:  53300: слишком много", "53300"},
        {"could not connect: Connection refused", ""},
        {"port 5432 failed: ABCDE", ""},
        {": ABCD", ""},
        {":", ""},
        {"", ""},
    };
    char sqlstate[6];

    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        pq_login_sqlstate(cases[i].message, sqlstate);
        ck_assert_str_eq(sqlstate, cases[i].sqlstate);
    }
}
END_TEST

START_TEST(login_messages)
{
    struct evpg_error error;

    err_set(&error, EVPG_E_CONNECT, EVPG_FATE_NOT_SENT, "%s", "");
    pq_append_login_message(&error,
                            "failed: FATAL:  28P01: no\nLOCATION:  auth_failed, auth.c:335\n");
    pq_append_login_message(&error, "\n\nsecond:1\n");
    ck_assert_str_eq(evpg_error_message(&error), "failed: FATAL:  28P01: no second:1");
}
END_TEST

START_TEST(losses)
{
    static const struct {
        const char *message;
        enum evpg_code code;
        const char *sqlstate;
    } cases[] = {
        {"server closed the connection unexpectedly\n", EVPG_E_LOST, "08006"},
        {"lost synchronization with server: got message type \"Z\", length 3\n", EVPG_E_PROTOCOL,
         "08P01"},
        {"cannot allocate memory for input buffer\n", EVPG_E_MEMORY, ""},
        {"out of memory\n", EVPG_E_MEMORY, ""},
        {"", EVPG_E_LOST, "08006"},
    };
    struct evpg_error error;

    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        pq_set_loss(&error, EVPG_E_LOST, cases[i].message);
        ck_assert_int_eq(evpg_error_code(&error), cases[i].code);
        ck_assert_str_eq(evpg_error_sqlstate(&error), cases[i].sqlstate);
    }
    pq_set_loss(&error, EVPG_E_PROTOCOL, "an answer is missing");
    ck_assert_int_eq(evpg_error_code(&error), EVPG_E_PROTOCOL);
    ck_assert_str_eq(evpg_error_sqlstate(&error), "08P01");
}
END_TEST

START_TEST(row_parts)
{
    ck_assert(pq_is_row_part(PGRES_SINGLE_TUPLE));
    ck_assert(!pq_is_row_part(PGRES_TUPLES_OK));
    ck_assert(!pq_is_row_part(PGRES_COPY_OUT));
}
END_TEST

static Suite *make_suite(void)
{
    Suite *suite = suite_create("unit_pq");
    TCase *tcase = tcase_create("pq");

    tcase_add_test(tcase, versions);
    tcase_add_test(tcase, login_sqlstates);
    tcase_add_test(tcase, login_messages);
    tcase_add_test(tcase, losses);
    tcase_add_test(tcase, row_parts);
    suite_add_tcase(suite, tcase);
    return suite;
}

int main(void)
{
    return run_suite(make_suite(), false);
}
