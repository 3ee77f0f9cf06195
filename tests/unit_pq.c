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
    tcase_add_test(tcase, row_parts);
    suite_add_tcase(suite, tcase);
    return suite;
}

int main(void)
{
    return run_suite(make_suite(), false);
}
