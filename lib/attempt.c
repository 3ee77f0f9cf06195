/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * attempt: one address, until a session is logged in there or it is known why not.
 *
 * Called by connect.c and by its own event. Invariants: each attempt has a PGconn of its own; the
 * one event is made anew after every PQconnectPoll and fires once, because libpq may have closed
 * the socket and opened another with the same number; a session that is passed on does not block,
 * and is in pipeline mode.
 */
#include "attempt.h"

#include "cancel.h"
#include "connect.h"
#include "io.h"
#include "news.h"

#include <errno.h>
#include <string.h>

#define FIRST_BACKOFF_NS 5000000
#define MOST_DOUBLINGS 6

void attempt_abandon(struct conn *conn)
{
    event_del(conn->write_event);
    event_del(conn->timer_event);
    if (conn->pg)
        PQfinish(conn->pg);
    conn->pg = NULL;
}

/* A server that is asked for TLS, and gives none that is good enough; or by TLS 1.3, where it says
 * so later, will not have our certificate. In another mode libpq goes on without. */
static bool is_tls_failure(const struct conn *conn, const char *message)
{
    ConnStatusType stage = conn->connecting->stage;

    if (!conninfo_requires_tls(conn->connecting->conninfo))
        return false;
    return stage == CONNECTION_SSL_STARTUP ||
           (stage == CONNECTION_AWAITING_RESPONSE && pq_is_tls_error(message));
}

static enum evpg_code class_of(const struct conn *conn, const char *message, const char *sqlstate)
{
    if (pq_is_want_of_memory(message))
        return EVPG_E_MEMORY;
    if (strncmp(sqlstate, "28", 2) == 0 || strcmp(sqlstate, "3D000") == 0)
        return EVPG_E_AUTH;
    return !*sqlstate && is_tls_failure(conn, message) ? EVPG_E_TLS : EVPG_E_CONNECT;
}

/* Where libpq has no password to give, it ends the login itself. */
static void fail(struct conn *conn, const char *message)
{
    char sqlstate[6];

    pq_login_sqlstate(message, sqlstate);
    if (!*sqlstate && PQconnectionNeedsPassword(conn->pg))
        strcpy(sqlstate, "28000");
    connect_note(conn, class_of(conn, message, sqlstate), sqlstate, message);
    attempt_abandon(conn);
}

/* What came of it in the same turn as the cancel counts no more. */
static void set_up(struct conn *conn)
{
    if (conn->opening->canceled) {
        cancel_opening(conn);
        return;
    }
    event_del(conn->timer_event);
    conn->role = role_wanted(conninfo_target(conn->connecting->conninfo));
    conn->role_denied = false;
    connect_forget(conn);
    PQsetErrorVerbosity(conn->pg, PQERRORS_DEFAULT);
    if (!io_start(conn)) {
        connect_out_of_memory(conn);
        return;
    }
    conn_set_state(conn, CONN_READY);
    conn_opened(conn);
    news_deliver_notices(conn, NULL);
    parameters_tell(conn);
    if (conn->pg)
        io_send(conn);
}

static void on_event(evutil_socket_t fd, short what, void *arg);

static bool await(struct conn *conn, short what)
{
    conn->connecting->stage = PQstatus(conn->pg);
    return event_assign(conn->write_event, conn->base, PQsocket(conn->pg), what, on_event, conn) ==
               0 &&
           event_add(conn->write_event, NULL) == 0;
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
        fail(conn, PQerrorMessage(conn->pg));
        connect_try_next(conn);
    } else if (!await(conn, status == PGRES_POLLING_READING ? EV_READ : EV_WRITE)) {
        connect_out_of_memory(conn);
    }
    conn_release(conn);
}

/* A unix-domain socket whose backlog is full refuses at once, where TCP would wait. libpq gives up
 * then, and tells by the system's words only. */
static bool is_backlog_full(const struct conn *conn)
{
    return !conn->connecting->address->hostaddr &&
           strstr(PQerrorMessage(conn->pg), strerror(EAGAIN));
}

/* The same again a little later, within this address's time. */
static bool start_later(struct conn *conn)
{
    struct connecting *connecting = conn->connecting;
    unsigned doublings = connecting->n_backlog_full++;

    attempt_abandon(conn);
    doublings = doublings < MOST_DOUBLINGS ? doublings : MOST_DOUBLINGS;
    connecting->go_on_ns = budget_now_ns() + (FIRST_BACKOFF_NS << doublings);
    return connect_arm(conn);
}

/* Verbose, so that the text has the SQLSTATE: there is no other way to learn it. */
bool attempt_start(struct conn *conn)
{
    struct connecting *connecting = conn->connecting;

    conn->fatal.code = 0;
    conn->pg = conninfo_start(connecting->conninfo, connecting->address, connecting->second_round);
    if (!conn->pg) {
        connect_out_of_memory(conn);
        return true;
    }
    PQsetErrorVerbosity(conn->pg, PQERRORS_VERBOSE);
    PQsetNoticeReceiver(conn->pg, news_on_notice, conn);
    connecting->stage = PQstatus(conn->pg);
    if (connecting->stage == CONNECTION_BAD && !is_backlog_full(conn)) {
        fail(conn, PQerrorMessage(conn->pg));
        return false;
    }
    if (connecting->stage == CONNECTION_BAD ? !start_later(conn)
                                            : !connect_arm(conn) || !await(conn, EV_WRITE))
        connect_out_of_memory(conn);
    return true;
}
