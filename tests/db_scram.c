/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * db_scram: logins by password, right and wrong; CF13, CF14, F19.
 *
 * A refused login is told at once, as EVPG_E_AUTH, with the server's SQLSTATE, and is not tried
 * elsewhere. No password is ever in a message.
 */
#include "oracle.h"

#include <stdio.h>

#define SECRET "hunter2-secret"

/* settings follow host and port, which come twice: a refusal by the first is the end. */
static void open_as(const char *settings)
{
    char conninfo[400];

    snprintf(conninfo, sizeof(conninfo),
             "host=127.0.0.1,127.0.0.1 port=%s passfile=/nonexistent sslmode=disable %s",
             getenv("EVPG_TEST_TCP_PORT"), settings);
    begin_closed(conninfo, NULL);
    ck_assert_ptr_nonnull(evpg_open(db, note_opening, NULL));
    submit(new_outcome(), "select current_user", EVPG_NO_PARAMS);
    ck_assert(await_flag(&n_openings, 10000));
    await_all();
    ck_assert_ptr_null(strstr(last_log(), SECRET));
}

static void check_refused(const char *sqlstate, const char *named)
{
    const char *message;

    ck_assert_ptr_nonnull(open_error);
    message = evpg_error_message(open_error);
    ck_assert_msg(evpg_error_code(open_error) == EVPG_E_AUTH, "%s", message);
    ck_assert_str_eq(evpg_error_sqlstate(open_error), sqlstate);
    ck_assert_msg(strstr(message, named) != NULL, "\"%s\" in: %s", named, message);
    ck_assert_ptr_null(strstr(message, SECRET));
    ck_assert_ptr_null(strstr(strstr(message, "127.0.0.1") + 1, "127.0.0.1"));
    check_all_failed(EVPG_E_AUTH, EVPG_FATE_NOT_SENT, EVPG_PHASE_CONNECTING);
    evpg_free(db);
    db = NULL;
    ck_assert_int_eq(event_base_dispatch(base), 1);
    end();
}

static void end_open(void)
{
    ck_assert_msg(!open_error, "%s", open_error ? evpg_error_message(open_error) : "");
    check_all_succeeded();
    end();
}

static void make_role(const char *password)
{
    char sql[200];

    snprintf(sql, sizeof(sql),
             "drop role if exists guarded; create role guarded login password '%s'", password);
    free(admin(sql));
}

static void drop_role(void)
{
    free(admin("drop role guarded"));
}

START_TEST(cf13_right)
{
    make_role(SECRET);
    open_as("user=guarded dbname=evpg password=" SECRET);
    end_open();
    drop_role();
}
END_TEST

START_TEST(cf13_wrong)
{
    make_role("another");
    open_as("user=guarded dbname=evpg password=" SECRET);
    check_refused("28P01", "password authentication failed for user \"guarded\"");
    drop_role();
}
END_TEST

/* 0: empty; 1: none at all. libpq does not tell the one from the other. */
START_TEST(cf13_missing)
{
    make_role(SECRET);
    open_as(_i == 0 ? "user=guarded dbname=evpg password=''" : "user=guarded dbname=evpg");
    check_refused("28000", "no password supplied");
    drop_role();
}
END_TEST

/* SASLprep takes a non-breaking blank for a blank, and a ligature for its letters (RFC 4013). */
START_TEST(cf13_saslprep)
{
    static const char *const given[] = {"'I X'", "'fi'", "'Caf\xc3\xa9 \xe2\x82\xac'", "'wrong'"};
    static const char *const kept[] = {"I\xc2\xa0X", "\xef\xac\x81", "Caf\xc3\xa9 \xe2\x82\xac",
                                       "right"};
    char settings[100];

    make_role(kept[_i]);
    snprintf(settings, sizeof(settings), "user=guarded dbname=evpg password=%s", given[_i]);
    open_as(settings);
    if (_i == 3)
        check_refused("28P01", "guarded");
    else
        end_open();
    drop_role();
}
END_TEST

/* 0: the role; 1: the database. */
START_TEST(f19_unknown)
{
    open_as(_i == 0 ? "user=nobody-of-this-name dbname=evpg password=" SECRET
                    : "user=evpg dbname=no-such-database");
    if (_i == 0)
        check_refused("28P01", "nobody-of-this-name");
    else
        check_refused("3D000", "no-such-database");
}
END_TEST

/* The server must prove that it is at the other end of this very TLS session. */
START_TEST(channel_binding)
{
    char settings[300];

    make_role(SECRET);
    snprintf(settings, sizeof(settings),
             "user=guarded dbname=evpg password=" SECRET " channel_binding=require sslmode=%s",
             _i == 0 ? "require" : "disable");
    if (getenv("EVPG_TEST_TLS")) {
        open_as(settings);
        if (_i == 0) {
            end_open();
        } else {
            ck_assert_ptr_nonnull(open_error);
            ck_assert_ptr_nonnull(strstr(evpg_error_message(open_error), "channel binding"));
            evpg_free(db);
            db = NULL;
            end();
        }
    }
    drop_role();
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("db_scram");
    TCase *tcase = tcase_create("scram");

    tcase_set_timeout(tcase, 30);
    tcase_add_test(tcase, cf13_right);
    tcase_add_test(tcase, cf13_wrong);
    tcase_add_loop_test(tcase, cf13_missing, 0, 2);
    tcase_add_loop_test(tcase, cf13_saslprep, 0, 4);
    tcase_add_loop_test(tcase, f19_unknown, 0, 2);
    tcase_add_loop_test(tcase, channel_binding, 0, 2);
    suite_add_tcase(suite, tcase);
    return run_suite(suite, true);
}
