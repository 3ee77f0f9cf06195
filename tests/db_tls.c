/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * db_tls: TLS as it is asked for: every sslmode, with good certificates and bad ones; CF11, CF12,
 * CF15, F20.
 *
 * The certificates are those of scripts/with-postgres --tls; the server is told to show another
 * one, and told back. Where a session must not be, the server must not have heard who wanted it.
 */
#include "oracle.h"
#include "proxy.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

static void open_with(const char *conninfo)
{
    n_openings = 0;
    db = evpg_conn_new(base, conninfo, &EVPG_CONN_CONFIG(.server_connect_timeout_ms = 5000));
    ck_assert_ptr_nonnull(evpg_open(db, note_opening, NULL));
    ck_assert(await_flag(&n_openings, 10000));
}

/* Has new sessions see a setting that only the postmaster can change. */
static void set(const char *name, const char *value)
{
    char sql[256], *now = NULL;

    snprintf(sql, sizeof(sql), "alter system set %s = '%s'", name, value);
    free(admin(sql));
    free(admin("select pg_reload_conf()"));
    snprintf(sql, sizeof(sql), "show %s", name);
    for (int i = 0; i < 500 && (!now || strcmp(now, value) != 0); i++) {
        usleep(5000);
        free(now);
        now = admin(sql);
    }
    ck_assert_str_eq(now, value);
    free(now);
}

static void show_certificate(const char *name)
{
    char path[256];

    snprintf(path, sizeof(path), "%s/%s.key", getenv("EVPG_TEST_TLS"), name);
    set("ssl_key_file", path);
    snprintf(path, sizeof(path), "%s/%s.crt", getenv("EVPG_TEST_TLS"), name);
    set("ssl_cert_file", path);
}

enum expected { PLAIN, SECURE, FAILS };

static const char *const certificates[] = {"good", "expired", "wrong-host", "other-ca"};
static const char *const roots[] = {"root.crt", "other-root.crt", "garbage.crt", "missing.crt"};
static const char *const modes[] = {"disable", "allow",     "prefer",
                                    "require", "verify-ca", "verify-full"};

/* Whether the file is there, and the chain ends in it. */
static bool is_trusted(int certificate, int root)
{
    return (root == 0 && (certificate == 0 || certificate == 2)) || (root == 1 && certificate == 3);
}

/* libpq manual, "SSL Mode Descriptions"; with a root file, prefer and require verify as well. */
static enum expected expect(int mode, int certificate, int root)
{
    bool verified = is_trusted(certificate, root) || root == 3;

    if (mode <= 1)
        return PLAIN;
    if (mode == 2)
        return verified ? SECURE : PLAIN;
    if (mode == 3)
        return verified ? SECURE : FAILS;
    if (!is_trusted(certificate, root))
        return FAILS;
    return mode == 5 && certificate == 2 ? FAILS : SECURE;
}

/* By a proxy, so that it is seen what goes over the wire. */
static void make_conninfo(char *conninfo, size_t size, const struct proxy *proxy, int mode,
                          int root)
{
    snprintf(conninfo, size,
             "host=localhost hostaddr=127.0.0.1 port=%d sslmode=%s sslrootcert=%s/%s"
             " application_name=tell-tale",
             proxy_port(proxy), modes[mode], getenv("EVPG_TEST_TLS"), roots[root]);
}

static void check_session(const struct proxy *proxy, bool secure)
{
    struct outcome *ssl =
        query("select ssl from pg_stat_ssl where pid = pg_backend_pid()", EVPG_NO_PARAMS);

    await_all();
    ck_assert_outcome_ok(ssl);
    ck_assert_str_eq(cell(ssl, 0, 0), secure ? "t" : "f");
    ck_assert_int_eq(proxy_has_captured(proxy, "tell-tale"), !secure);
}

static void check_failure(const struct proxy *proxy)
{
    ck_assert_int_eq(evpg_error_code(open_error), EVPG_E_TLS);
    ck_assert_str_eq(evpg_error_sqlstate(open_error), "08001");
    ck_assert_int_eq(evpg_error_fate(open_error), EVPG_FATE_NOT_SENT);
    ck_assert_ptr_nonnull(strstr(evpg_error_message(open_error), "localhost"));
    ck_assert(!proxy_has_captured(proxy, "tell-tale"));
}

static void try_one(int mode, int certificate, int root)
{
    struct proxy *proxy = proxy_new(base, "127.0.0.1", getenv("EVPG_TEST_TCP_PORT"));
    enum expected expected = expect(mode, certificate, root);
    char conninfo[400];

    make_conninfo(conninfo, sizeof(conninfo), proxy, mode, root);
    open_with(conninfo);
    ck_assert_msg(!open_error == (expected != FAILS), "%s, certificate \"%s\": %s", conninfo,
                  certificates[certificate], open_error ? evpg_error_message(open_error) : "open");
    if (open_error)
        check_failure(proxy);
    else
        check_session(proxy, expected == SECURE);
    evpg_free(db);
    db = NULL;
    proxy_free(proxy);
    ck_assert_int_eq(event_base_dispatch(base), 1);
}

START_TEST(cf12_f20_modes_and_certificates)
{
    base = event_base_new();
    show_certificate(certificates[_i]);
    for (int mode = 0; mode < 6; mode++)
        for (int root = 0; root < 4; root++)
            try_one(mode, _i, root);
    show_certificate("good");
    end();
}
END_TEST

static void end_failed(void)
{
    evpg_free(db);
    db = NULL;
    ck_assert_int_eq(event_base_dispatch(base), 1);
    end();
}

START_TEST(cf11_the_server_has_no_tls)
{
    base = event_base_new();
    set("ssl", "off");
    open_with(tls_conninfo("root.crt"));
    set("ssl", "on");
    ck_assert_int_eq(evpg_error_code(open_error), EVPG_E_TLS);
    end_failed();
}
END_TEST

/* Answers the first bytes of each client with this, and says no more. */
static void on_request(evutil_socket_t fd, short what, void *arg)
{
    char request[64];

    (void)what;
    if (recv(fd, request, sizeof(request), 0) > 0)
        ck_assert_int_eq(send(fd, arg, 1, MSG_NOSIGNAL), 1);
}

static struct event *listening, *serving;
static int served = -1;

static void on_client(evutil_socket_t fd, short what, void *arg)
{
    (void)what;
    served = accept(fd, NULL, NULL);
    serving = event_new(base, served, EV_READ, on_request, arg);
    event_add(serving, NULL);
}

/* X: nonsense; N: no; S, and then nothing. */
START_TEST(cf11_odd_answers)
{
    static char answers[] = {'X', 'N', 'S'};
    static const enum evpg_code codes[] = {EVPG_E_TLS, EVPG_E_TLS, EVPG_E_TIMEOUT};
    int port, fd = deaf_listener(&port);
    char conninfo[100];

    base = event_base_new();
    listening = event_new(base, fd, EV_READ, on_client, &answers[_i]);
    event_add(listening, NULL);
    snprintf(conninfo, sizeof(conninfo), "host=127.0.0.1 port=%d sslmode=require", port);
    db = evpg_conn_new(base, conninfo, &EVPG_CONN_CONFIG(.server_connect_timeout_ms = 300));
    ck_assert_ptr_nonnull(evpg_open(db, note_opening, NULL));
    ck_assert(await_flag(&n_openings, 5000));
    ck_assert_msg(evpg_error_code(open_error) == codes[_i], "%s", evpg_error_message(open_error));
    ck_assert_ptr_nonnull(strstr(evpg_error_message(open_error), "127.0.0.1"));
    event_free(listening);
    event_free(serving);
    close(served);
    close(fd);
    end_failed();
}
END_TEST

/* A certificate, a key and a root that are no such thing, or not there. */
static const struct {
    const char *certificate, *key, *root;
} files[] = {
    {"garbage.crt", "client.key", "root.crt"},   {"client.crt", "garbage.crt", "root.crt"},
    {"client.crt", "missing.key", "root.crt"},   {"client.crt", "client.key", "garbage.crt"},
    {"client.crt", "client.key", "missing.crt"},
};
enum { N_FILES = sizeof(files) / sizeof(*files) };

START_TEST(cf15_garbage)
{
    const char *folder = getenv("EVPG_TEST_TLS");
    char conninfo[800];

    base = event_base_new();
    snprintf(conninfo, sizeof(conninfo), "%s sslcert=%s/%s sslkey=%s/%s sslrootcert=%s/%s",
             tls_conninfo("root.crt"), folder, files[_i].certificate, folder, files[_i].key, folder,
             files[_i].root);
    open_with(conninfo);
    ck_assert_ptr_nonnull(open_error);
    ck_assert_msg(evpg_error_code(open_error) == EVPG_E_TLS, "%s", evpg_error_message(open_error));
    end_failed();
}
END_TEST

/* 0: with it; 1: without, which the server refuses. */
START_TEST(client_certificate)
{
    char conninfo[500];

    free(admin("drop role if exists evpg_cert; create role evpg_cert login"));
    snprintf(conninfo, sizeof(conninfo), "%s user=evpg_cert", tls_conninfo("root.crt"));
    if (_i == 0)
        snprintf(conninfo + strlen(conninfo), sizeof(conninfo) - strlen(conninfo),
                 " sslcert=%s/client.crt sslkey=%s/client.key", getenv("EVPG_TEST_TLS"),
                 getenv("EVPG_TEST_TLS"));
    base = event_base_new();
    open_with(conninfo);
    if (_i == 0) {
        ck_assert_msg(!open_error, "%s", open_error ? evpg_error_message(open_error) : "");
        end();
    } else {
        ck_assert_int_eq(evpg_error_code(open_error), EVPG_E_AUTH);
        ck_assert_str_eq(evpg_error_sqlstate(open_error), "28000");
        end_failed();
    }
    free(admin("drop role evpg_cert"));
}
END_TEST

/* The server knows nothing of who has signed it. With TLS 1.3 it says so after the handshake. */
START_TEST(a_client_certificate_of_nobody)
{
    const char *folder = getenv("EVPG_TEST_TLS");
    char conninfo[600];

    base = event_base_new();
    snprintf(conninfo, sizeof(conninfo),
             "%s sslcert=%s/other-root.crt sslkey=%s/other-root.key ssl_max_protocol_version=%s",
             tls_conninfo("root.crt"), folder, folder, _i == 0 ? "TLSv1.3" : "TLSv1.2");
    open_with(conninfo);
    ck_assert_ptr_nonnull(open_error);
    ck_assert_msg(evpg_error_code(open_error) == EVPG_E_TLS, "%s", evpg_error_message(open_error));
    end_failed();
}
END_TEST

int main(void)
{
    Suite *suite;
    TCase *tcase;

    if (!getenv("EVPG_TEST_TLS")) {
        puts("1..0 # SKIP no TLS: run it by scripts/with-postgres --tls");
        return 0;
    }
    suite = suite_create("db_tls");
    tcase = tcase_create("tls");
    tcase_set_timeout(tcase, 60);
    tcase_add_loop_test(tcase, cf12_f20_modes_and_certificates, 0, 4);
    tcase_add_test(tcase, cf11_the_server_has_no_tls);
    tcase_add_loop_test(tcase, cf11_odd_answers, 0, 3);
    tcase_add_loop_test(tcase, cf15_garbage, 0, N_FILES);
    tcase_add_loop_test(tcase, client_certificate, 0, 2);
    tcase_add_loop_test(tcase, a_client_certificate_of_nobody, 0, 2);
    suite_add_tcase(suite, tcase);
    return run_suite(suite, true);
}
