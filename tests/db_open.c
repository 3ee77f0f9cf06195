/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * db_open: opening under odd circumstances: settings that are wrong, several hosts of which none or
 * a later one works, peers that hang up, and opening twice or again.
 *
 * What goes with db_conn, which has the plain cases.
 */
#include "oracle.h"

#include <errno.h>
#include <event2/listener.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static int calls;
static struct evpg_error *failure; /* a copy */

static void on_open(struct evpg_db *opened, const struct evpg_error *error, void *arg)
{
    (void)arg;
    ck_assert_ptr_eq(opened, db);
    calls++;
    evpg_error_free(failure);
    failure = evpg_error_copy(error);
}

/* Opens db with a query behind it, and waits for both. */
static void open_now(void)
{
    struct outcome *behind = new_outcome();

    calls = 0;
    ck_assert_ptr_nonnull(evpg_open(db, on_open, NULL));
    ck_assert_ptr_nonnull(submit(behind, "select 'behind'", EVPG_NO_PARAMS));
    ck_assert(await_flag(&calls, 20000));
    await_all();
    ck_assert_int_eq(calls, 1);
    ck_assert(!behind->error == !failure);
}

static void fail_to_open(const char *conninfo, const struct evpg_conn_config *config)
{
    begin_closed(conninfo, config);
    open_now();
    ck_assert_msg(failure != NULL, "opened: %s", conninfo);
    check_all_failed(evpg_error_code(failure), EVPG_FATE_NOT_SENT, EVPG_PHASE_CONNECTING);
}

static void finish(void)
{
    evpg_error_free(failure);
    failure = NULL;
    evpg_free(db);
    db = NULL;
    end();
}

static void check_names(const char *text)
{
    ck_assert_msg(strstr(evpg_error_message(failure), text) != NULL, "\"%s\" in: %s", text,
                  evpg_error_message(failure));
}

static const struct {
    const char *conninfo, *named;
} wrong[] = {
    {"connect_timeout=abc", "connect_timeout"},
    {"connect_timeout=1x", "connect_timeout"},
    {"host=/nonexistent port=abc", "abc"},
    {"host=/nonexistent port=65536", "65536"},
    {"sslmode=wrong", "sslmode"},
    {"target_session_attrs=wrong", "target_session_attrs"},
    {"host=127.0.0.1,127.0.0.2 port=1,2,3", "port"},
    {"hostaddr=127.0.0.1,127.0.0.2 host=one", "host"},
    {"service=no_such_service_here", "no_such_service_here"},
    {"postgresql://[::1", "URI"},
    {"host", "keyword=value"},
};
enum { N_WRONG = sizeof(wrong) / sizeof(*wrong) };

START_TEST(wrong_settings)
{
    fail_to_open(wrong[_i].conninfo, NULL);
    ck_assert_int_eq(evpg_error_code(failure), EVPG_E_CONNECT);
    check_names(wrong[_i].named);
    finish();
}
END_TEST

static const char *const secret[] = {
    "password=hunter2 foo=1",
    "password='hunter2",
    "password = hunter2 host",
    "postgresql://me:hunter2@[::1",
    "postgresql://me:hunter2@localhost:1/?foo=1",
    "host=localhost port=1 password=hunter2",
};
enum { N_SECRET = sizeof(secret) / sizeof(*secret) };

START_TEST(cf14_passwords_are_not_told)
{
    fail_to_open(secret[_i], NULL);
    ck_assert_ptr_null(strstr(evpg_error_message(failure), "hunter2"));
    ck_assert_str_ne(evpg_error_message(failure), "");
    finish();
}
END_TEST

/* One part of the message for each, in the order in which they were tried. */
START_TEST(cf06_none_of_several)
{
    const char *one, *two, *three;

    fail_to_open("host=/nonexistent,127.0.0.1,db.example port=1,2,3", NULL);
    ck_assert_int_eq(evpg_error_code(failure), EVPG_E_CONNECT);
    ck_assert_str_eq(evpg_error_sqlstate(failure), "08001");
    one = strstr(evpg_error_message(failure), "/nonexistent/.s.PGSQL.1");
    two = strstr(evpg_error_message(failure), "\"127.0.0.1\", port 2");
    three = strstr(evpg_error_message(failure), "\"db.example\" port 3");
    ck_assert_msg(one && two && three, "%s", evpg_error_message(failure));
    ck_assert(one < two && two < three);
    finish();
}
END_TEST

/* Very many: the message is cut, and is one line still. */
START_TEST(none_of_many)
{
    char conninfo[4000], *at = conninfo + sprintf(conninfo, "host=/nonexistent0");

    for (int i = 1; i < 100; i++)
        at += sprintf(at, ",/nonexistent%d", i);
    fail_to_open(conninfo, NULL);
    ck_assert_uint_le(strlen(evpg_error_message(failure)), 511);
    ck_assert_ptr_null(strchr(evpg_error_message(failure), '\n'));
    check_names("/nonexistent0/");
    finish();
}
END_TEST

/* libpq counts 1 second as 2. */
START_TEST(the_deadline_of_the_string)
{
    int port, fd = deaf_listener(&port);
    char conninfo[80];
    double start = now_ms(), took;

    snprintf(conninfo, sizeof(conninfo), "host=127.0.0.1 port=%d connect_timeout=1", port);
    fail_to_open(conninfo, NULL);
    took = now_ms() - start;
    ck_assert_int_eq(evpg_error_code(failure), EVPG_E_TIMEOUT);
    check_names("within 2000 ms");
    ck_assert_msg(took >= 2000 && took < 2300, "took %.1f ms", took);
    close(fd);
    finish();
}
END_TEST

/* Not on TCP only. */
START_TEST(the_deadline_on_a_socket)
{
    char folder[] = "/tmp/evpg-deaf.XXXXXX", conninfo[80];
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);

    ck_assert_ptr_nonnull(mkdtemp(folder));
    snprintf(address.sun_path, sizeof(address.sun_path), "%s/.s.PGSQL.7", folder);
    ck_assert_int_eq(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
    ck_assert_int_eq(listen(fd, 5), 0);
    snprintf(conninfo, sizeof(conninfo), "host=%s port=7", folder);
    fail_to_open(conninfo, &EVPG_CONN_CONFIG(.server_connect_timeout_ms = 100));
    ck_assert_int_eq(evpg_error_code(failure), EVPG_E_TIMEOUT);
    check_names(folder);
    check_names("port 7:");
    unlink(address.sun_path);
    rmdir(folder);
    close(fd);
    finish();
}
END_TEST

/* What a peer says that is no server, and then hangs up; the last one says nothing. */
static const char *const nonsense[] = {"HTTP/1.1 400 Bad Request\r\n\r\n", "S", "E", "N", ""};
enum { N_NONSENSE = sizeof(nonsense) / sizeof(*nonsense) };

static void talk_nonsense(struct evconnlistener *listener, evutil_socket_t fd,
                          struct sockaddr *address, int length, void *arg)
{
    const char *says = arg;

    (void)listener;
    (void)address;
    (void)length;
    (void)!send(fd, says, strlen(says), MSG_NOSIGNAL);
    shutdown(fd, SHUT_WR);
    close(fd);
}

START_TEST(a_peer_that_is_no_server)
{
    char conninfo[80];
    int port, fd = deaf_listener(&port);
    struct evconnlistener *listener;

    snprintf(conninfo, sizeof(conninfo), "host=127.0.0.1 port=%d", port);
    begin_closed(conninfo, NULL);
    evutil_make_socket_nonblocking(fd);
    listener =
        evconnlistener_new(base, talk_nonsense, (void *)nonsense[_i], LEV_OPT_CLOSE_ON_FREE, 0, fd);
    open_now();
    ck_assert_ptr_nonnull(failure);
    ck_assert_int_eq(evpg_error_code(failure), EVPG_E_CONNECT);
    check_all_failed(EVPG_E_CONNECT, EVPG_FATE_NOT_SENT, EVPG_PHASE_CONNECTING);
    snprintf(conninfo, sizeof(conninfo), "%d", port);
    check_names(conninfo);
    evconnlistener_free(listener);
    finish();
}
END_TEST

/* Refused while it is being opened is in db_refusals. */
START_TEST(twice)
{
    begin_closed(NULL, NULL);
    open_now();
    ck_assert_ptr_null(failure);
    errno = 0;
    ck_assert_ptr_null(evpg_open(db, on_open, NULL));
    ck_assert_int_eq(errno, EINVAL);
    ck_assert_ptr_nonnull(strstr(last_log(), "open already"));
    run_for(50);
    ck_assert_int_eq(calls, 1);
    end();
}
END_TEST

/* A failure leaves nothing behind: every attempt says the same, and takes no descriptor. */
START_TEST(again_after_failures)
{
    int descriptors;

    begin_closed("host=localhost port=1", NULL);
    open_now();
    descriptors = open_descriptors();
    for (int i = 0; i < 50; i++) {
        open_now();
        ck_assert_ptr_nonnull(failure);
        check_names("\"::1\", port 1");
    }
    ck_assert_int_eq(open_descriptors(), descriptors);
    ck_assert_ptr_null(evpg_pgconn(db));
    finish();
}
END_TEST

/* The string is read when it is opened: the role is made in between. */
START_TEST(again_when_it_works)
{
    begin_closed("user=latecomer password=right dbname=evpg", NULL);
    open_now();
    ck_assert_int_eq(evpg_error_code(failure), EVPG_E_AUTH);
    ck_assert_str_eq(evpg_error_sqlstate(failure), "28P01");
    free(admin("create role latecomer login password 'right'"));
    open_now();
    ck_assert_ptr_null(failure);
    evpg_free(db);
    db = NULL;
    free(admin("drop role latecomer"));
    end();
}
END_TEST

static void add_tests(TCase *tcase)
{
    tcase_add_loop_test(tcase, wrong_settings, 0, N_WRONG);
    tcase_add_loop_test(tcase, cf14_passwords_are_not_told, 0, N_SECRET);
    tcase_add_test(tcase, cf06_none_of_several);
    tcase_add_test(tcase, none_of_many);
    tcase_add_test(tcase, the_deadline_of_the_string);
    tcase_add_test(tcase, the_deadline_on_a_socket);
    tcase_add_loop_test(tcase, a_peer_that_is_no_server, 0, N_NONSENSE);
    tcase_add_test(tcase, twice);
    tcase_add_test(tcase, again_after_failures);
    tcase_add_test(tcase, again_when_it_works);
}

int main(void)
{
    Suite *suite = suite_create("db_open");
    TCase *tcase = tcase_create("open");

    tcase_set_timeout(tcase, 30);
    add_tests(tcase);
    suite_add_tcase(suite, tcase);
    return run_suite(suite, true);
}
