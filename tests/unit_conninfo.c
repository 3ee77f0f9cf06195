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
    static const char *const names[] = {
        "PGHOST",     "PGHOSTADDR",    "PGPORT", "PGSERVICE",   "PGPASSWORD", "PGCONNECT_TIMEOUT",
        "PGDATABASE", "PGSERVICEFILE", "PGUSER", "PGGSSENCMODE"};

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

/* In the kinds of libpq's own test of URIs; host NULL: libpq's default, why: it is none. */
static const struct {
    const char *uri, *host, *hostaddr, *port, *why;
} uris[] = {
    {"postgresql://", NULL, NULL, "5432", NULL},
    {"postgresql:///", NULL, NULL, "5432", NULL},
    {"postgres://", NULL, NULL, "5432", NULL},
    {"postgresql://host", "host", NULL, "5432", NULL},
    {"postgresql://host/", "host", NULL, "5432", NULL},
    {"postgresql://host:12345", "host", NULL, "12345", NULL},
    {"postgresql://host:12345/db", "host", NULL, "12345", NULL},
    {"postgresql://user@host:12345/db", "host", NULL, "12345", NULL},
    {"postgresql://user:pw@host:12345/db", "host", NULL, "12345", NULL},
    {"postgresql://%68ost/db?user=u&port=12345", "host", NULL, "12345", NULL},
    {"postgresql://:12345/", NULL, NULL, "12345", NULL},
    {"postgresql:///db?host=other&port=7", "other", NULL, "7", NULL},
    {"postgresql://host?hostaddr=10.0.0.1", "host", "10.0.0.1", "5432", NULL},
    {"postgresql://[::1]:12345/db", "::1", "::1", "12345", NULL},
    {"postgresql://[2001:db8::1234]", "2001:db8::1234", "2001:db8::1234", "5432", NULL},
    {"postgresql://[200z:db8::1234]/", "200z:db8::1234", NULL, "5432", NULL},
    {"postgresql://%2Fvar%2Flib/db", "/var/lib", NULL, "5432", NULL},
    {"postgresql:///db?host=/path/to/socket/dir", "/path/to/socket/dir", NULL, "5432", NULL},
    {"postgresql://one,two:7/db", "one", NULL, "5432", NULL},
    {"postgresql://host/db?u%7aer=someotheruser", NULL, NULL, NULL, "URI"},
    {"postgresql://host?uzer=", NULL, NULL, NULL, "uzer"},
    {"postgresql://host?port=", "host", NULL, "5432", NULL},
    {"postgresql://host?user", NULL, NULL, NULL, "URI"},
    {"postgresql://host?user=a=b", NULL, NULL, NULL, "URI"},
    {"postgresql://host/%", NULL, NULL, NULL, "URI"},
    {"postgresql://host/%zz", NULL, NULL, NULL, "URI"},
    {"postgresql://host/%1", NULL, NULL, NULL, "URI"},
    {"postgresql://host/db%00", NULL, NULL, NULL, "URI"},
    {"postgresql://[::1", NULL, NULL, NULL, "URI"},
    {"postgresql://[]", NULL, NULL, NULL, "URI"},
    {"postgresql://[::1]z", NULL, NULL, NULL, "URI"},
    {"postgresql://host?zzz", NULL, NULL, NULL, "URI"},
    {"postgresql://host:port", NULL, NULL, NULL, "URI"},
    {"postgres://user:hunter2/ss@db.example/db", NULL, NULL, NULL, "URI"},
    {"postgres://user:12/34@db.example/db", NULL, NULL, NULL, "URI"},
    {"postgres://user:p@hunter2@db.example/db", NULL, NULL, NULL, "URI"},
    {"postgres://%40abstract,%40other/db", "@abstract", NULL, "5432", NULL},
    {"postgres//host", NULL, NULL, NULL, "keyword=value"},
};
enum { N_URIS = sizeof(uris) / sizeof(*uris) };

START_TEST(cf03_uris)
{
    struct conninfo *info;

    clear_environment();
    if (!uris[_i].why) {
        check_first(uris[_i].uri, uris[_i].host, uris[_i].hostaddr, uris[_i].port);
        return;
    }
    info = conninfo_new(uris[_i].uri, &error);
    ck_assert_ptr_null(info);
    ck_assert_int_eq(error.code, EVPG_E_CONNECT);
    ck_assert_ptr_null(strstr(error.message, "hunter2"));
    ck_assert_msg(strstr(error.message, uris[_i].why) != NULL, "%s: %s", uris[_i].uri,
                  error.message);
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

/* What a connection is started with; the socket's folder is not there, so nothing comes of it. */
static void check_gssencmode(const char *text, const char *expected)
{
    const struct address nowhere = {.host = "/nonexistent", .port = "1"};
    struct conninfo *info = conninfo_new(text, &error);
    PGconn *pg = conninfo_start(info, &nowhere, false);
    PQconninfoOption *options = PQconninfo(pg);

    for (PQconninfoOption *o = options; o->keyword; o++)
        if (strcmp(o->keyword, "gssencmode") == 0)
            ck_assert_str_eq(o->val, expected);
    PQconninfoFree(options);
    PQfinish(pg);
    conninfo_free(info);
}

START_TEST(gssencmode)
{
    clear_environment();
    check_gssencmode("", "disable");
    check_gssencmode("gssencmode=prefer", "prefer");
    setenv("PGGSSENCMODE", "prefer", 1);
    check_gssencmode("", "prefer");
    unsetenv("PGGSSENCMODE");
}
END_TEST

/* A list in which one address has no numeric form: each is started with its own settings alone. */
START_TEST(each_address_alone)
{
    struct conninfo *info;
    PGconn *pg;

    clear_environment();
    info = conninfo_new("host=/nonexistent,127.0.0.1 hostaddr=,127.0.0.1 port=1,2", &error);
    ck_assert_uint_eq(conninfo_addresses(info)->count, 2);
    pg = conninfo_start(info, &conninfo_addresses(info)->at[0], false);
    ck_assert_ptr_nonnull(strstr(PQerrorMessage(pg), "/nonexistent/.s.PGSQL.1"));
    PQfinish(pg);
    conninfo_free(info);
}
END_TEST

START_TEST(service_file)
{
    char name[] = "/tmp/evpg-service.XXXXXX";
    int fd = mkstemp(name);

    clear_environment();
    ck_assert_int_ge(fd, 0);
    dprintf(fd, "[mine]\nhost=10.0.0.3\nport=79\n[strict]\ngssencmode=require\n");
    close(fd);
    setenv("PGSERVICEFILE", name, 1);
    check_first("service=mine", "10.0.0.3", "10.0.0.3", "79");
    check_first("service=mine port=80", "10.0.0.3", "10.0.0.3", "80");
    ck_assert_ptr_null(conninfo_new("service=other", &error));
    check_gssencmode("service=mine", "disable");
    check_gssencmode("service=strict", "require");
    check_gssencmode("service=strict gssencmode=prefer", "prefer");
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
                 {"connect_timeout=0", -1},
                 {"connect_timeout=-5", -1},
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
        {"host", "not a list of keyword=value"},
        {"host='x", "not a list of keyword=value"},
        {"password=hunter hunter2", "not a list of keyword=value"},
        {"password='hunter2", "not a list of keyword=value"},
        {"postgresql://u:hunter2@[::1/db", "not a valid URI"},
        {"postgresql://u:hunter2@localhost/db%zz", "not a valid URI"},
        {"sslmode=perhaps password=hunter2", "sslmode value: \"perhaps\""},
        {"port=99999 password=hunter2 host=127.0.0.1", NULL},
        {"connect_timeout=soon password=hunter2", "\"soon\" for connection option"},
        {"host=/a,/b port=1,2,3", "could not match 3 port numbers to 2 hosts"},
        {"postgresql://u:hunter2@/db?nope=1", "nope"},
        {"postgresql://u:hunter2@/db?out of memory", "not a valid URI"},
        {"sslmode='out of memory'", "sslmode value: \"out of memory\""},
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
    tcase_add_loop_test(tcase, cf03_uris, 0, N_URIS);
    tcase_add_test(tcase, environment);
    tcase_add_test(tcase, gssencmode);
    tcase_add_test(tcase, each_address_alone);
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
