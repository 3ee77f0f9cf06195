/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * db_tls_pending: answers of which OpenSSL keeps the end back, with nothing left in the socket.
 *
 * PostgreSQL before 17 writes TLS records of at most 8 KiB, which libpq always reads to the end.
 * Other servers and proxies write up to 16 KiB, and there libpq before 17.12 and 18.6 leaves some
 * in OpenSSL and waits for a socket that has no more to tell. So a child is a proxy that ends the
 * client's TLS and writes full records. Answers of all sizes over one record must come.
 */
#include "oracle.h"

#include <arpa/inet.h>
#include <openssl/ssl.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

enum { RECORD = 16384, SIZES = 320, QUIET_MS = 3 };

static SSL_CTX *make_context(void)
{
    SSL_CTX *context = SSL_CTX_new(TLS_server_method());
    char path[300];

    snprintf(path, sizeof(path), "%s/good.crt", getenv("EVPG_TEST_TLS"));
    if (SSL_CTX_use_certificate_chain_file(context, path) != 1)
        _exit(1);
    snprintf(path, sizeof(path), "%s/good.key", getenv("EVPG_TEST_TLS"));
    if (SSL_CTX_use_PrivateKey_file(context, path, SSL_FILETYPE_PEM) != 1)
        _exit(1);
    return context;
}

/* libpq asks whether there is TLS, in eight bytes. */
static SSL *accept_client(SSL_CTX *context, int client)
{
    SSL *ssl = SSL_new(context);
    const int yes = 1;
    char request[8];

    setsockopt(client, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof(yes));
    if (recv(client, request, sizeof(request), MSG_WAITALL) != sizeof(request) ||
        send(client, "S", 1, MSG_NOSIGNAL) != 1)
        _exit(1);
    SSL_set_fd(ssl, client);
    if (SSL_accept(ssl) != 1)
        _exit(1);
    return ssl;
}

static int connect_to_server(void)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);

    snprintf(address.sun_path, sizeof(address.sun_path), "%s/.s.PGSQL.%s", getenv("PGHOST"),
             getenv("PGPORT"));
    if (connect(fd, (struct sockaddr *)&address, sizeof(address)) != 0)
        _exit(1);
    return fd;
}

/* What the server has to say until it is quiet, in as few records as can be. */
static bool pass_to_client(SSL *ssl, int server)
{
    static char bytes[64 * RECORD];
    struct pollfd more = {.fd = server, .events = POLLIN};
    size_t length = 0;

    do {
        ssize_t got = recv(server, bytes + length, sizeof(bytes) - length, 0);

        if (got <= 0)
            return false;
        length += (size_t)got;
    } while (length < sizeof(bytes) && poll(&more, 1, QUIET_MS) > 0);
    return SSL_write(ssl, bytes, (int)length) == (int)length;
}

static bool pass_to_server(SSL *ssl, int server)
{
    char bytes[RECORD];
    int length;

    do {
        length = SSL_read(ssl, bytes, sizeof(bytes));
        if (length <= 0 || send(server, bytes, (size_t)length, MSG_NOSIGNAL) != length)
            return false;
    } while (SSL_pending(ssl) > 0);
    return true;
}

static void serve(SSL_CTX *context, int client)
{
    SSL *ssl = accept_client(context, client);
    struct pollfd both[2] = {{.fd = client, .events = POLLIN},
                             {.fd = connect_to_server(), .events = POLLIN}};

    while (poll(both, 2, -1) > 0) {
        if (both[0].revents && !pass_to_server(ssl, both[1].fd))
            break;
        if (both[1].revents && !pass_to_client(ssl, both[1].fd))
            break;
    }
    SSL_free(ssl);
    close(client);
    close(both[1].fd);
}

static pid_t start_proxy(int *port)
{
    int listener = deaf_listener(port);
    pid_t pid = fork();
    SSL_CTX *context;

    if (pid == 0) {
        context = make_context();
        for (;;)
            serve(context, accept(listener, NULL, NULL));
    }
    close(listener);
    return pid;
}

static int opened;

static void on_open(struct evpg_db *which, const struct evpg_error *error, void *arg)
{
    (void)which;
    (void)arg;
    ck_assert_msg(!error, "%s", error ? evpg_error_message(error) : "");
    opened = 1;
}

/* Small rows over two records, of which libpq's buffer, as large as a record, has a part of one
 * left when it reads on; then one that ends the answer at any place of a record. */
static void check_size(int size)
{
    struct outcome *rows = query("select repeat('x', 70) from generate_series(1, 400)"
                                 " union all select repeat('y', $1::int4)",
                                 EVPG_PARAMS(evpg_int32(size)));
    double end = now_ms() + 2000;

    while (!all_done() && now_ms() < end)
        turn();
    ck_assert_msg(all_done(), "an answer whose last row has %d bytes did not come", size);
    ck_assert_outcome_ok(rows);
    ck_assert_int_eq(rows->n_rows, 401);
    ck_assert_uint_eq(strlen(cell(rows, 400, 0)), (size_t)size);
}

/* By ever new connections now and then: libpq's buffer never shrinks. */
START_TEST(all_sizes_over_a_record)
{
    char conninfo[300];
    int port;
    pid_t proxy = start_proxy(&port);

    base = event_base_new();
    snprintf(conninfo, sizeof(conninfo), "%s port=%d", tls_conninfo("root.crt"), port);
    for (int i = 0; i < SIZES; i++) {
        if (i % 10 == 0) {
            opened = 0;
            evpg_free(db);
            db = evpg_conn_new(base, conninfo, NULL);
            ck_assert_ptr_nonnull(evpg_open(db, on_open, NULL));
            ck_assert(await_flag(&opened, 5000));
        }
        check_size(i * (RECORD / SIZES));
    }
    end();
    kill(proxy, SIGKILL);
    waitpid(proxy, NULL, 0);
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
    suite = suite_create("db_tls_pending");
    tcase = tcase_create("tls_pending");
    tcase_set_timeout(tcase, 120);
    tcase_add_test(tcase, all_sizes_over_a_record);
    suite_add_tcase(suite, tcase);
    return run_suite(suite, true);
}
