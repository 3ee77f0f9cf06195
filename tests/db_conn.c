/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * db_conn: connecting, by all ways there are and to servers that are not there.
 *
 * The counterpart of lib/conn.c, lib/open.c and lib/connect.c. What happens when an open connection
 * is lost is in db_lost.
 */
#include "oracle.h"

#include <errno.h>
#include <stdio.h>
#include <unistd.h>

#if defined(__SANITIZE_ADDRESS__)
#define SLOWNESS 3
#else
#define SLOWNESS 1
#endif

struct opening {
    int calls;
    struct evpg_error *error; /* a copy */
};

static struct opening opening;

static void on_open(struct evpg_db *opened, const struct evpg_error *error, void *arg)
{
    ck_assert_ptr_eq(opened, db);
    ck_assert_ptr_eq(arg, &opening);
    opening.calls++;
    opening.error = evpg_error_copy(error);
}

/* Opens with three queries behind it, and waits for the outcome. */
static void open_with(const char *conninfo, const struct evpg_conn_config *config)
{
    begin_closed(conninfo, config);
    ck_assert_ptr_nonnull(evpg_open(db, on_open, &opening));
    for (int i = 0; i < 3; i++)
        ck_assert_ptr_nonnull(submit(new_outcome(), "select 1", EVPG_NO_PARAMS));
    ck_assert_int_eq(opening.calls, 0);
    ck_assert(await_flag(&opening.calls, 20000));
    await_all();
    ck_assert_int_eq(opening.calls, 1);
}

static void expect_open(const char *conninfo)
{
    open_with(conninfo, NULL);
    ck_assert_msg(!opening.error, "%s: %s", conninfo,
                  opening.error ? evpg_error_message(opening.error) : "");
    end();
}

/* A failure, whose message names these; the three queries have not been sent. */
static void expect_failure(enum evpg_code code, const char *sqlstate, const char *const *named)
{
    ck_assert_ptr_nonnull(opening.error);
    for (; *named; named++)
        ck_assert_msg(strstr(evpg_error_message(opening.error), *named) != NULL, "\"%s\" in: %s",
                      *named, evpg_error_message(opening.error));
    ck_assert_int_eq(evpg_error_code(opening.error), code);
    ck_assert_str_eq(evpg_error_sqlstate(opening.error), sqlstate);
    ck_assert_int_eq(evpg_error_fate(opening.error), EVPG_FATE_NOT_SENT);
    ck_assert_int_eq(evpg_error_phase(opening.error), EVPG_PHASE_CONNECTING);
    check_all_failed(code, EVPG_FATE_NOT_SENT, EVPG_PHASE_CONNECTING);
    errno = 0;
    ck_assert_ptr_null(evpg_query(db, "select 1", EVPG_NO_PARAMS, NULL, NULL, NULL));
    ck_assert_int_eq(errno, ENOTCONN);
    evpg_error_free(opening.error);
    evpg_free(db);
    db = NULL;
    end();
}

#define NAMES(...) ((const char *const[]){__VA_ARGS__, NULL})

START_TEST(by_the_environment)
{
    expect_open(NULL);
}
END_TEST

START_TEST(by_a_unix_socket)
{
    char conninfo[200];

    snprintf(conninfo, sizeof(conninfo), "host=%s port=%s", getenv("PGHOST"), getenv("PGPORT"));
    expect_open(conninfo);
}
END_TEST

static const char *tcp_port(void)
{
    return getenv("EVPG_TEST_TCP_PORT");
}

START_TEST(by_tcp)
{
    static const char *const hosts[] = {"127.0.0.1", "localhost", "/nonexistent,127.0.0.1",
                                        "no.such.host.invalid,localhost"};
    char conninfo[200];

    snprintf(conninfo, sizeof(conninfo), "host=%s port=%s", hosts[_i], tcp_port());
    expect_open(conninfo);
}
END_TEST

START_TEST(by_a_uri)
{
    char conninfo[200];

    snprintf(conninfo, sizeof(conninfo), "postgresql://evpg@127.0.0.1:%s/evpg", tcp_port());
    expect_open(conninfo);
}
END_TEST

START_TEST(by_a_numeric_address_beside_the_name)
{
    char conninfo[200];

    snprintf(conninfo, sizeof(conninfo), "host=db.example hostaddr=127.0.0.1 port=%s", tcp_port());
    expect_open(conninfo);
}
END_TEST

START_TEST(no_socket)
{
    open_with("host=/nonexistent port=1234", NULL);
    expect_failure(EVPG_E_CONNECT, "08001", NAMES("/nonexistent/.s.PGSQL.1234"));
}
END_TEST

START_TEST(no_listener)
{
    open_with("host=localhost port=1", NULL);
    expect_failure(EVPG_E_CONNECT, "08001", NAMES("\"127.0.0.1\", port 1", "\"::1\", port 1"));
}
END_TEST

START_TEST(unknown_keyword)
{
    open_with("foo=1", NULL);
    expect_failure(EVPG_E_CONNECT, "", NAMES("invalid connection option \"foo\""));
}
END_TEST

START_TEST(wrong_password)
{
    char conninfo[200];

    free(admin("drop role if exists guarded; create role guarded login password 'right'"));
    snprintf(conninfo, sizeof(conninfo),
             "host=127.0.0.1,localhost port=%s user=guarded password=hunter2 dbname=evpg",
             tcp_port());
    open_with(conninfo, NULL);
    free(admin("drop role guarded"));
    ck_assert_ptr_null(strstr(evpg_error_message(opening.error), "hunter2"));
    expect_failure(EVPG_E_AUTH, "28P01", NAMES("127.0.0.1", tcp_port(), "\"guarded\""));
}
END_TEST

START_TEST(right_password)
{
    char conninfo[200];

    free(admin("drop role if exists guarded2; create role guarded2 login password 'right'"));
    snprintf(conninfo, sizeof(conninfo),
             "host=127.0.0.1 port=%s user=guarded2 password=right dbname=evpg", tcp_port());
    open_with(conninfo, NULL);
    free(admin("drop role guarded2"));
    ck_assert_ptr_null(opening.error);
    end();
}
END_TEST

START_TEST(no_database)
{
    open_with("dbname=nowhere", NULL);
    expect_failure(EVPG_E_AUTH, "3D000", NAMES("\"nowhere\""));
}
END_TEST

START_TEST(deadline)
{
    int port, fd = deaf_listener(&port);
    char conninfo[80], text[16];
    double start = now_ms(), took;

    snprintf(conninfo, sizeof(conninfo), "host=127.0.0.1 port=%d", port);
    snprintf(text, sizeof(text), "%d", port);
    open_with(conninfo, &EVPG_CONN_CONFIG(.server_connect_timeout_ms = 200));
    took = now_ms() - start;
    ck_assert_msg(took >= 200 && took < 200 + 100 * SLOWNESS, "took %.1f ms", took);
    expect_failure(EVPG_E_TIMEOUT, "08001", NAMES("127.0.0.1", text, "within 200 ms"));
    close(fd);
}
END_TEST

/* Each address has its own. */
START_TEST(cf07_deadline_then_the_next_host)
{
    int port, fd = deaf_listener(&port);
    char conninfo[80];
    double start = now_ms(), took;

    snprintf(conninfo, sizeof(conninfo), "host=127.0.0.1,127.0.0.1 port=%d,%s", port, tcp_port());
    open_with(conninfo, &EVPG_CONN_CONFIG(.server_connect_timeout_ms = 200));
    took = now_ms() - start;
    ck_assert_ptr_null(opening.error);
    ck_assert_msg(took >= 200 && took < 200 + 200 * SLOWNESS, "took %.1f ms", took);
    close(fd);
    end();
}
END_TEST

/* The configuration goes before the string. */
START_TEST(no_deadline)
{
    int port, fd = deaf_listener(&port);
    char conninfo[80];

    snprintf(conninfo, sizeof(conninfo), "host=127.0.0.1 port=%d connect_timeout=2", port);
    begin_closed(conninfo, &EVPG_CONN_CONFIG(.server_connect_timeout_ms = -1));
    ck_assert_ptr_nonnull(evpg_open(db, on_open, &opening));
    run_for(2300);
    ck_assert_int_eq(opening.calls, 0);
    evpg_free(db);
    ck_assert_int_eq(opening.calls, 1);
    ck_assert_int_eq(evpg_error_code(opening.error), EVPG_E_CLOSED);
    evpg_error_free(opening.error);
    db = NULL;
    close(fd);
    end();
}
END_TEST

START_TEST(pgconn)
{
    begin_closed(NULL, NULL);
    ck_assert_ptr_null(evpg_pgconn(db));
    ck_assert_ptr_nonnull(evpg_open(db, on_open, &opening));
    ck_assert(await_flag(&opening.calls, 5000));
    ck_assert_ptr_nonnull(evpg_pgconn(db));
    ck_assert_ptr_null(evpg_pgconn(NULL));
    end();
}
END_TEST

static void note_done(const struct evpg_result *result, void *arg)
{
    int *done = arg;

    *done = evpg_result_error(result) ? -1 : 1;
}

static void live_once(void)
{
    int done = 0;

    struct event_base *loop = event_base_new();
    struct evpg_db *conn = evpg_conn_new(loop, "application_name=living", NULL);

    ck_assert_ptr_nonnull(evpg_open(conn, NULL, NULL));
    ck_assert_ptr_nonnull(evpg_query(conn, "select 1", EVPG_NO_PARAMS, NULL, note_done, &done));
    while (!done)
        event_base_loop(loop, EVLOOP_ONCE);
    ck_assert_int_eq(done, 1);
    evpg_free(conn);
    /* Nothing of it keeps the loop from ending. */
    ck_assert_int_eq(event_base_dispatch(loop), 1);
    event_base_free(loop);
}

/* By name, for other sessions of the tests come and go. */
static int backends(void)
{
    char *count = admin("select count(*) from pg_stat_activity where application_name = 'living'");
    int number = atoi(count);

    free(count);
    return number;
}

START_TEST(nothing_is_left)
{
    int descriptors;

    live_once();
    descriptors = open_descriptors();
    for (int i = 0; i < sized(50, 500); i++)
        live_once();
    ck_assert_int_eq(open_descriptors(), descriptors);
    for (int i = 0; i < 100 && backends() > 0; i++)
        usleep(20000);
    ck_assert_int_eq(backends(), 0);
}
END_TEST

static void add_tests(TCase *tcase)
{
    tcase_add_test(tcase, by_the_environment);
    tcase_add_test(tcase, by_a_unix_socket);
    tcase_add_test(tcase, no_socket);
    tcase_add_test(tcase, no_listener);
    tcase_add_test(tcase, unknown_keyword);
    tcase_add_test(tcase, no_database);
    tcase_add_test(tcase, deadline);
    tcase_add_test(tcase, no_deadline);
    tcase_add_test(tcase, pgconn);
    tcase_add_test(tcase, nothing_is_left);
}

static void add_tcp_tests(TCase *tcase)
{
    tcase_add_loop_test(tcase, by_tcp, 0, 4);
    tcase_add_test(tcase, by_a_uri);
    tcase_add_test(tcase, by_a_numeric_address_beside_the_name);
    tcase_add_test(tcase, wrong_password);
    tcase_add_test(tcase, right_password);
    tcase_add_test(tcase, cf07_deadline_then_the_next_host);
}

int main(void)
{
    Suite *suite = suite_create("db_conn");
    TCase *tcase = tcase_create("conn");

    tcase_set_timeout(tcase, 30);
    add_tests(tcase);
    if (tcp_port())
        add_tcp_tests(tcase);
    suite_add_tcase(suite, tcase);
    return run_suite(suite, true);
}
