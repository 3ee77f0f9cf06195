/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * db_config: where the settings come from, and peers that are no servers; CF03 to CF16.
 *
 * The counterpart of lib/conninfo.c against a real server. Mistakes in a string are in db_open and
 * unit_conninfo, TLS in db_tls, passwords in db_scram.
 */
#include "oracle.h"

#include <event2/listener.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

static void open_with(const char *conninfo, const struct evpg_conn_config *config)
{
    if (!base)
        begin_closed(conninfo, config);
    else
        db = evpg_conn_new(base, conninfo, config);
    ck_assert_ptr_nonnull(evpg_open(db, note_opening, NULL));
    ck_assert(await_flag(&n_openings, 10000));
}

static void expect_open(void)
{
    ck_assert_msg(!open_error, "%s", open_error ? evpg_error_message(open_error) : "");
}

static void end_failed(void)
{
    evpg_free(db);
    db = NULL;
    ck_assert_int_eq(event_base_dispatch(base), 1);
    end();
}

static void expect_value(const char *sql, const char *value)
{
    struct outcome *outcome = query(sql, EVPG_NO_PARAMS);

    await_all();
    ck_assert_outcome_ok(outcome);
    ck_assert_str_eq(cell(outcome, 0, 0), value);
}

static const char *tcp_port(void)
{
    return getenv("EVPG_TEST_TCP_PORT");
}

/* A URI with all that one may have; %6f is o, %75 is u. */
START_TEST(cf03_uri)
{
    char uri[300];

    snprintf(uri, sizeof(uri),
             "postgresql://evpg@l%%6fcalhost:%s/evpg?application_name=%%75ri&connect_timeout=10"
             "&sslmode=disable",
             tcp_port());
    open_with(uri, NULL);
    expect_open();
    expect_value("select current_setting('application_name')", "uri");
    end();
}
END_TEST

/* What the environment says counts; what the string says goes before it. */
START_TEST(cf04_environment)
{
    free(admin("drop role if exists other; create role other login superuser password 'pw'"));
    setenv("PGHOST", "127.0.0.1", 1);
    setenv("PGPORT", tcp_port(), 1);
    setenv("PGUSER", "other", 1);
    setenv("PGPASSWORD", "pw", 1);
    setenv("PGDATABASE", "postgres", 1);
    setenv("PGAPPNAME", "by the environment", 1);
    setenv("PGOPTIONS", "-c work_mem=5MB", 1);
    open_with(_i == 0 ? NULL : "dbname=evpg application_name=string options='-c work_mem=6MB'",
              NULL);
    expect_open();
    expect_value("select current_user::text", "other");
    expect_value("select current_database()::text", _i == 0 ? "postgres" : "evpg");
    expect_value("select current_setting('application_name')",
                 _i == 0 ? "by the environment" : "string");
    expect_value("select current_setting('work_mem')", _i == 0 ? "5MB" : "6MB");
    expect_value("select host(inet_server_addr())", "127.0.0.1");
    end();
    setenv("PGUSER", "evpg", 1);
    free(admin("drop role other"));
}
END_TEST

static void write_password_file(const char *path, mode_t mode)
{
    FILE *file = fopen(path, "w");

    fprintf(file, "127.0.0.1:%s:evpg:guarded:from a file\n", tcp_port());
    fclose(file);
    ck_assert_int_eq(chmod(path, mode), 0);
}

/* 0: by PGPASSFILE; 1: by the string; 2: one that others may read is not used. libpq says so on
 * stderr. */
START_TEST(cf05_password_file)
{
    char folder[] = "/tmp/evpg-pass.XXXXXX", path[64], conninfo[256];

    free(admin("drop role if exists guarded; create role guarded login password 'from a file'"));
    ck_assert_ptr_nonnull(mkdtemp(folder));
    snprintf(path, sizeof(path), "%s/pgpass", folder);
    write_password_file(path, _i == 2 ? 0644 : 0600);
    if (_i != 1)
        setenv("PGPASSFILE", path, 1);
    snprintf(conninfo, sizeof(conninfo), "host=127.0.0.1 port=%s user=guarded %s%s", tcp_port(),
             _i == 1 ? "passfile=" : "", _i == 1 ? path : "");
    open_with(conninfo, NULL);
    unlink(path);
    rmdir(folder);
    if (_i < 2) {
        expect_open();
        end();
    } else {
        ck_assert_int_eq(evpg_error_code(open_error), EVPG_E_AUTH);
        end_failed();
    }
    unsetenv("PGPASSFILE");
    free(admin("drop role guarded"));
}
END_TEST

/* What a peer says when something comes, and then is silent. */
struct speech {
    const char *bytes;
    size_t length;
    bool at_once;
    enum evpg_code code;
    const char *sslmode;
};

static const struct speech speeches[] = {
    /* nothing; nothing after it has agreed to TLS; nothing after a login without a password */
    {"", 0, false, EVPG_E_TIMEOUT, "prefer"},
    {"S", 1, false, EVPG_E_TIMEOUT, "require"},
    {"R\0\0\0\10\0\0\0\0", 9, false, EVPG_E_TIMEOUT, "disable"},
    /* CF10: another kind of server, which speaks first */
    {"J\0\0\0\n8.0.36\0\13\0\0\0abcdefgh\0", 25, true, EVPG_E_CONNECT, "prefer"},
    {"J\0\0\0\n8.0.36\0\13\0\0\0abcdefgh\0", 25, true, EVPG_E_CONNECT, "disable"},
    {"J\0\0\0\n8.0.36\0\13\0\0\0abcdefgh\0", 25, true, EVPG_E_TLS, "require"},
    {"HTTP/1.1 400 Bad Request\r\n\r\n", 28, false, EVPG_E_CONNECT, "disable"},
};
enum { N_SPEECHES = sizeof(speeches) / sizeof(*speeches) };

static int guest = -1;
static struct event *listening;

static void speak(evutil_socket_t fd, short what, void *arg)
{
    const struct speech *speech = arg;
    char bytes[1000];

    (void)what;
    if (!speech->at_once && recv(fd, bytes, sizeof(bytes), 0) <= 0)
        return;
    (void)!send(fd, speech->bytes, speech->length, MSG_NOSIGNAL);
}

/* Not closed: the peer hangs up nothing. */
static void on_guest(struct evconnlistener *listener, evutil_socket_t fd, struct sockaddr *address,
                     int length, void *arg)
{
    const struct speech *speech = arg;

    (void)address;
    (void)length;
    if (listening)
        event_free(listening);
    if (guest >= 0)
        close(guest);
    guest = fd;
    listening = event_new(evconnlistener_get_base(listener), fd, EV_READ, speak, arg);
    event_add(listening, NULL);
    if (speech->at_once)
        speak(fd, 0, arg);
}

START_TEST(cf09_cf10_no_server)
{
    const struct speech *speech = &speeches[_i];
    int port, fd = deaf_listener(&port);
    struct evconnlistener *listener;
    char conninfo[100], text[16];
    double start = now_ms();

    base = event_base_new();
    fcntl(fd, F_SETFL, O_NONBLOCK);
    listener = evconnlistener_new(base, on_guest, (void *)speech, LEV_OPT_CLOSE_ON_FREE, 0, fd);
    snprintf(conninfo, sizeof(conninfo), "host=127.0.0.1 port=%d sslmode=%s", port,
             speech->sslmode);
    open_with(conninfo, &EVPG_CONN_CONFIG(.server_connect_timeout_ms = 200));
    ck_assert_ptr_nonnull(open_error);
    ck_assert_msg(evpg_error_code(open_error) == speech->code, "%s",
                  evpg_error_message(open_error));
    snprintf(text, sizeof(text), "%d", port);
    ck_assert_ptr_nonnull(strstr(evpg_error_message(open_error), text));
    ck_assert_ptr_nonnull(strstr(evpg_error_message(open_error), "127.0.0.1"));
    ck_assert_double_lt(now_ms() - start, 300);
    if (speech->code == EVPG_E_TIMEOUT)
        ck_assert_double_ge(now_ms() - start, 200);
    event_free(listening);
    close(guest);
    evconnlistener_free(listener);
    end_failed();
}
END_TEST

/* Descriptors beyond what select(2) can wait for. */
START_TEST(cf16_many_descriptors)
{
    enum { MANY = 1100 };
    const struct rlimit limit = {MANY + 100, MANY + 100};
    int fds[MANY];

    ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
    for (int i = 0; i < MANY; i++)
        ck_assert_int_ge(fds[i] = dup(0), 0);
    open_with("", NULL);
    expect_open();
    expect_value("select 'beyond'", "beyond");
    for (int i = 0; i < MANY; i++)
        close(fds[i]);
    end();
}
END_TEST

/* Quotes and backslashes in a value are its own; nothing of it becomes another setting. */
START_TEST(pa09_values_with_quotes)
{
    open_with("application_name='it\\'s a \\\\ '' user=nobody'", NULL);
    if (open_error) {
        ck_assert_int_eq(evpg_error_code(open_error), EVPG_E_CONNECT);
        end_failed();
        return;
    }
    expect_value("select current_user::text", "evpg");
    end();
}
END_TEST

START_TEST(pa09_quotes_reach_the_server)
{
    open_with("application_name='it\\'s \\\\ user=nobody'", NULL);
    expect_open();
    expect_value("select current_setting('application_name')", "it's \\ user=nobody");
    expect_value("select current_user::text", "evpg");
    end();
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("db_config");
    TCase *tcase = tcase_create("config");

    tcase_set_timeout(tcase, 30);
    tcase_add_test(tcase, cf03_uri);
    tcase_add_loop_test(tcase, cf04_environment, 0, 2);
    tcase_add_loop_test(tcase, cf05_password_file, 0, 3);
    tcase_add_loop_test(tcase, cf09_cf10_no_server, 0, N_SPEECHES);
    tcase_add_test(tcase, cf16_many_descriptors);
    tcase_add_test(tcase, pa09_values_with_quotes);
    tcase_add_test(tcase, pa09_quotes_reach_the_server);
    suite_add_tcase(suite, tcase);
    return run_suite(suite, true);
}
