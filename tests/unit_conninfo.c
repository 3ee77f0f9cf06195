/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * unit_conninfo: what a connection string and its environment come to.
 *
 * The counterpart of lib/conninfo.c; needs no server: nothing here connects.
 */
#include "harness.h"

#include "conninfo.h"

#include <stdio.h>
#include <unistd.h>

static struct evpg_error error;

/* Only what a test sets shall count. */
static void clear_environment(void)
{
    static const char *const names[] = {"PGHOST",     "PGHOSTADDR",    "PGPORT",
                                        "PGSERVICE",  "PGPASSWORD",    "PGCONNECT_TIMEOUT",
                                        "PGDATABASE", "PGSERVICEFILE", "PGUSER"};

    for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
        unsetenv(names[i]);
}

static void check_first(const char *text, const char *host, const char *hostaddr, const char *port)
{
    struct conninfo *info = conninfo_new(text, &error);
    const struct address *first;

    ck_assert_msg(info != NULL, "%s: %s", text, info ? "" : error.message);
    first = &conninfo_addresses(info)->at[0];
    ck_assert_pstr_eq(first->host, host);
    ck_assert_pstr_eq(first->hostaddr, hostaddr);
    ck_assert_str_eq(first->port, port);
    conninfo_free(info);
}

START_TEST(strings)
{
    clear_environment();
    check_first(NULL, NULL, NULL, "5432");
    check_first("", NULL, NULL, "5432");
    check_first("host=127.0.0.1 port=7", "127.0.0.1", "127.0.0.1", "7");
    check_first("postgresql://[::1]:12345/db", "::1", "::1", "12345");
    check_first("host=db.example hostaddr=10.0.0.1", "db.example", "10.0.0.1", "5432");
}
END_TEST

START_TEST(environment)
{
    clear_environment();
    setenv("PGHOST", "10.0.0.9", 1);
    setenv("PGPORT", "77", 1);
    check_first(NULL, "10.0.0.9", "10.0.0.9", "77");
    check_first("port=78", "10.0.0.9", "10.0.0.9", "78");
    setenv("PGHOSTADDR", "10.0.0.8", 1);
    check_first("host=db.example", "db.example", "10.0.0.8", "77");
}
END_TEST

START_TEST(service_file)
{
    char name[] = "/tmp/evpg-service.XXXXXX";
    int fd = mkstemp(name);

    clear_environment();
    ck_assert_int_ge(fd, 0);
    dprintf(fd, "[mine]\nhost=10.0.0.3\nport=79\n");
    close(fd);
    setenv("PGSERVICEFILE", name, 1);
    check_first("service=mine", "10.0.0.3", "10.0.0.3", "79");
    check_first("service=mine port=80", "10.0.0.3", "10.0.0.3", "80");
    ck_assert_ptr_null(conninfo_new("service=other", &error));
    unlink(name);
    ck_assert_ptr_nonnull(strstr(error.message, "other"));
}
END_TEST

START_TEST(timeouts)
{
    static const struct {
        const char *text;
        int ms;
    } cases[] = {{"", 0},
                 {"connect_timeout=10", 10000},
                 {"connect_timeout=1", 2000},
                 {"connect_timeout=0", 0},
                 {"connect_timeout=-5", 0},
                 {"connect_timeout=999999999", 2147483647}};

    clear_environment();
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        struct conninfo *info = conninfo_new(cases[i].text, &error);

        ck_assert_int_eq(conninfo_timeout_ms(info), cases[i].ms);
        conninfo_free(info);
    }
}
END_TEST

/* Each names what is wrong, and none tells the password. */
START_TEST(mistakes)
{
    static const struct {
        const char *text, *named;
    } cases[] = {
        {"foo=1 password=hunter2", "invalid connection option \"foo\""},
        {"host", "missing \"=\" after \"host\""},
        {"host='x", "unterminated quoted string"},
        {"sslmode=perhaps password=hunter2", "sslmode value: \"perhaps\""},
        {"port=99999 password=hunter2 host=127.0.0.1", NULL},
        {"connect_timeout=soon password=hunter2", "\"soon\" for connection option"},
        {"host=/a,/b port=1,2,3", "could not match 3 port numbers to 2 hosts"},
        {"postgresql://u:hunter2@/db?nope=1", "nope"},
    };

    clear_environment();
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        struct conninfo *info = conninfo_new(cases[i].text, &error);

        ck_assert_msg(!info == (cases[i].named != NULL), "%s", cases[i].text);
        if (cases[i].named) {
            ck_assert_msg(strstr(error.message, cases[i].named) != NULL, "%s", error.message);
            ck_assert_ptr_null(strstr(error.message, "hunter2"));
        }
        conninfo_free(info);
    }
}
END_TEST

static Suite *make_suite(void)
{
    Suite *suite = suite_create("unit_conninfo");
    TCase *tcase = tcase_create("conninfo");

    tcase_add_test(tcase, strings);
    tcase_add_test(tcase, environment);
    tcase_add_test(tcase, service_file);
    tcase_add_test(tcase, timeouts);
    tcase_add_test(tcase, mistakes);
    suite_add_tcase(suite, tcase);
    return suite;
}

int main(void)
{
    return run_suite(make_suite(), false);
}
