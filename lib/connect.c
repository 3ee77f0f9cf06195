/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * connect: from a connection string to a session that is logged in, one address after the other.
 *
 * Called by conn.c and by its own events. Invariants: each address gets a PGconn and a deadline of
 * its own; the one event is made anew after every PQconnectPoll and fires once, because libpq may
 * have closed the socket and opened another with the same number; what became of each attempt is
 * collected in conn->attempts; a connection that is passed on does not block, and is in pipeline
 * mode.
 */
#include "connect.h"

#include "io.h"
#include "news.h"

#include <string.h>

#define DEFAULT_TIMEOUT_MS 15000

void connect_forget(struct conn *conn)
{
    conninfo_free(conn->conninfo);
    conn->conninfo = NULL;
}

static const struct address *current_address(const struct conn *conn)
{
    return &conninfo_addresses(conn->conninfo)->at[conn->next_address - 1];
}

/* libpq's messages name the place only where it got as far as that. */
static void name_address(struct evpg_error *error, const struct address *address)
{
    const char *host = address->host ? address->host : address->hostaddr;

    err_append(error, "%shost \"%s\"", *error->message ? "; " : "", host ? host : "");
    if (address->hostaddr && strcmp(host, address->hostaddr) != 0)
        err_append(error, " (%s)", address->hostaddr);
    err_append(error, " port %s:", address->port);
}

static enum evpg_code class_of(const char *sqlstate)
{
    bool refused = strncmp(sqlstate, "28", 2) == 0 || strcmp(sqlstate, "3D000") == 0;

    return refused ? EVPG_E_AUTH : EVPG_E_CONNECT;
}

/* Adds what libpq says of this attempt. The last one gives the error its code. */
static void note_failure(struct conn *conn, const char *message)
{
    struct evpg_error *attempts = &conn->attempts;
    char sqlstate[6];

    pq_login_sqlstate(message, sqlstate);
    attempts->code = pq_is_want_of_memory(message) ? EVPG_E_MEMORY : class_of(sqlstate);
    err_set_sqlstate(attempts, *sqlstate ? sqlstate : "08001");
    if (!strstr(message, current_address(conn)->port))
        name_address(attempts, current_address(conn));
    else if (*attempts->message)
        err_append(attempts, ";");
    pq_append_login_message(attempts, message);
}

/* Ends the attempt that is under way. */
static void abandon(struct conn *conn)
{
    event_del(conn->write_event);
    event_del(conn->timer_event);
    if (conn->pg)
        PQfinish(conn->pg);
    conn->pg = NULL;
}

static void fail_attempt(struct conn *conn, const char *message)
{
    note_failure(conn, message);
    abandon(conn);
}

static void out_of_memory(struct conn *conn)
{
    struct evpg_error why;

    err_set(&why, EVPG_E_MEMORY, EVPG_FATE_NOT_SENT, "out of memory");
    conn_down(conn, &why);
}

static void set_up(struct conn *conn)
{
    event_del(conn->timer_event);
    connect_forget(conn);
    PQsetErrorVerbosity(conn->pg, PQERRORS_DEFAULT);
    if (!io_start(conn)) {
        out_of_memory(conn);
        return;
    }
    conn_set_state(conn, CONN_READY);
    conn_opened(conn);
    news_deliver_notices(conn);
    if (conn->pg)
        io_send(conn);
}

static void on_event(evutil_socket_t fd, short what, void *arg);

static bool await(struct conn *conn, short what)
{
    return event_assign(conn->write_event, conn->base, PQsocket(conn->pg), what, on_event, conn) ==
               0 &&
           event_add(conn->write_event, NULL) == 0;
}

/* -1: no limit. */
static int timeout_ms(const struct conn *conn)
{
    int configured = conn->config.server_connect_timeout_ms;
    int asked = conninfo_timeout_ms(conn->conninfo);

    if (configured != 0)
        return configured;
    return asked ? asked : DEFAULT_TIMEOUT_MS;
}

static bool await_deadline(struct conn *conn)
{
    int64_t us = (conn->deadline_ns - budget_now_ns()) / 1000 + 1;
    const struct timeval time = {us / 1000000, us % 1000000};

    return evtimer_add(conn->timer_event, &time) == 0;
}

static bool start_timer(struct conn *conn)
{
    int ms = timeout_ms(conn);

    if (ms < 0)
        return true;
    conn->deadline_ns = budget_now_ns() + (int64_t)ms * 1000000;
    return await_deadline(conn);
}

/* Verbose, so that the text has the SQLSTATE: there is no other way to learn it. False: this one
 * has failed already. */
static bool start(struct conn *conn, const struct address *address)
{
    conn->fatal.code = 0;
    conn->pg = conninfo_start(conn->conninfo, address);
    if (!conn->pg) {
        out_of_memory(conn);
        return true;
    }
    PQsetErrorVerbosity(conn->pg, PQERRORS_VERBOSE);
    PQsetNoticeReceiver(conn->pg, news_on_notice, conn);
    if (PQstatus(conn->pg) == CONNECTION_BAD) {
        fail_attempt(conn, PQerrorMessage(conn->pg));
        return false;
    }
    if (!start_timer(conn) || !await(conn, EV_WRITE))
        out_of_memory(conn);
    return true;
}

/* Starts with the next address that does not fail at once; after the last, gives up. So it does
 * when a server has refused the login, as libpq does: the others are told apart by their places
 * only. */
static void try_next(struct conn *conn)
{
    const struct address_list *addresses = conninfo_addresses(conn->conninfo);

    while (conn->attempts.code != EVPG_E_AUTH && conn->next_address < addresses->count) {
        const struct address *address = &addresses->at[conn->next_address++];

        if (address->unusable)
            note_failure(conn, address->unusable);
        else if (start(conn, address))
            return;
    }
    conn_down(conn, &conn->attempts);
}

static void on_event(evutil_socket_t fd, short what, void *arg)
{
    struct conn *conn = arg;
    PostgresPollingStatusType status = PQconnectPoll(conn->pg);

    (void)fd;
    (void)what;
    conn_hold(conn);
    if (status == PGRES_POLLING_OK) {
        set_up(conn);
    } else if (status == PGRES_POLLING_FAILED) {
        fail_attempt(conn, PQerrorMessage(conn->pg));
        try_next(conn);
    } else if (!await(conn, status == PGRES_POLLING_READING ? EV_READ : EV_WRITE)) {
        out_of_memory(conn);
    }
    conn_release(conn);
}

/* The loop's clock is coarse, and stands still during a turn: a timer may come early. */
void connect_on_timeout(evutil_socket_t fd, short what, void *arg)
{
    struct conn *conn = arg;

    (void)fd;
    (void)what;
    if (budget_now_ns() < conn->deadline_ns && await_deadline(conn))
        return;
    conn_hold(conn);
    name_address(&conn->attempts, current_address(conn));
    err_append(&conn->attempts, " not connected within %d ms", timeout_ms(conn));
    conn->attempts.code = EVPG_E_TIMEOUT;
    err_set_sqlstate(&conn->attempts, "08001");
    abandon(conn);
    try_next(conn);
    conn_release(conn);
}

void connect_begin(struct conn *conn)
{
    const char *unusable = pq_unusable(PQlibVersion());

    conn_set_state(conn, CONN_CONNECTING);
    conn->next_address = 0;
    err_set(&conn->attempts, EVPG_E_CONNECT, EVPG_FATE_NOT_SENT, "%s", unusable ? unusable : "");
    if (!unusable)
        conn->conninfo = conninfo_new(conn->conninfo_text, &conn->attempts);
    if (conn->conninfo)
        try_next(conn);
    else
        conn_down(conn, &conn->attempts);
}
