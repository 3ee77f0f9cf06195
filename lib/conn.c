/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * conn: one connection as a db: its life, its lists of requests, and their completion.
 *
 * Called by the application through db.c, and by the rest of the engine: connect.c (from DOWN to
 * READY), io.c (the socket), pipeline.c and answer.c (the order of answers). Invariants: a request
 * is detached from every list before its callback is called; after a callback conn may be dying or
 * its PGconn gone, and whoever goes on looks; conn's memory stays while a frame holds it; events
 * are deleted before the PGconn, and with it the descriptor, goes.
 */
#include "conn.h"

#include "cancel.h"
#include "close.h"
#include "connect.h"
#include "group.h"
#include "io.h"
#include "mem.h"
#include "news.h"
#include "pipeline.h"
#include "settings.h"
#include "timeout.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

void conn_set_state(struct conn *conn, enum conn_state state)
{
    conn->state = state;
}

void conn_hold(struct conn *conn)
{
    conn->hold++;
}

static void destroy(struct conn *conn)
{
    struct evpg_request *request;
    void (*gone)(void *) = conn->owner ? conn->owner->gone : NULL;
    void *owner_arg = conn->owner_arg;
    struct event *const events[] = {
        conn->read_event,  conn->write_event,     conn->kick_event,        conn->again_event,
        conn->timer_event, conn->canceling.timer, conn->db.deadlines.timer};

    while ((request = TAILQ_FIRST(&conn->graveyard))) {
        TAILQ_REMOVE(&conn->graveyard, request, link);
        req_release(request);
    }
    for (size_t i = 0; i < sizeof(events) / sizeof(*events) && !conn_is_inherited(conn); i++)
        if (events[i])
            event_free(events[i]);
    row_set_finish(&conn->row_set);
    news_forget(conn);
    parameters_forget(conn);
    types_forget(&conn->db.types);
    mem_free(conn->conninfo_text);
    mem_free(conn);
    if (gone)
        gone(owner_arg);
}

void conn_release(struct conn *conn)
{
    if (--conn->hold == 0 && conn->dying)
        destroy(conn);
}

void conn_kick(struct conn *conn)
{
    if (conn->kicked)
        return;
    conn->kicked = true;
    event_active(conn->kick_event, EV_TIMEOUT, 0);
}

void conn_again(struct conn *conn)
{
    const struct timeval now = {0, 0};

    if (evtimer_add(conn->again_event, &now) < 0)
        event_active(conn->again_event, EV_TIMEOUT, 0); /* which needs no memory */
}

static void cut_off(struct conn *conn, struct req_list *list, struct evpg_request *request,
                    const struct evpg_error *why, bool connecting)
{
    struct evpg_error cut;

    req_cut(request, why, connecting, &cut);
    if (request->group)
        group_cut_off(conn, list, request, &cut);
    else
        conn_complete(conn, list, request, &cut);
}

static void cut_off_opening(struct conn *conn, const struct evpg_error *why)
{
    struct evpg_request *opening = conn->opening;

    conn->opening = NULL;
    if (opening)
        cut_off(conn, NULL, opening, why, true);
}

static void cut_off_doomed(struct conn *conn, struct evpg_request *request)
{
    cut_off(conn, &conn->doomed, request, &conn->lost, conn->lost_connecting);
}

/* Those that were sent all at once: nobody shall take them for running. */
static void complete_sent(struct conn *conn)
{
    struct evpg_request *request;

    while ((request = TAILQ_FIRST(&conn->doomed)) && request->state != REQ_QUEUED)
        cut_off_doomed(conn, request);
}

/* The rest in slices. */
static void complete_doomed(struct conn *conn)
{
    struct evpg_request *request;
    struct budget budget;

    budget_start(&budget);
    while ((request = TAILQ_FIRST(&conn->doomed)) && budget_take(&budget))
        cut_off_doomed(conn, request);
    if (!TAILQ_EMPTY(&conn->doomed) || !TAILQ_EMPTY(&conn->canceled))
        conn_again(conn);
}

bool conn_is_inherited(const struct conn *conn)
{
    return conn->pid != getpid();
}

/* What PQfinish sends must not reach the parent's session. */
static void divert(struct conn *conn)
{
    int fd = conn->pg ? PQsocket(conn->pg) : -1;
    int nowhere = fd >= 0 ? open("/dev/null", O_RDWR | O_CLOEXEC) : -1;

    if (fd < 0)
        return;
    if (nowhere >= 0)
        dup2(nowhere, fd);
    close(nowhere >= 0 ? nowhere : fd);
}

/* Leaves nothing of the connection but its requests. */
static void drop(struct conn *conn)
{
    if (conn_is_inherited(conn)) {
        divert(conn);
    } else {
        io_stop(conn);
        event_del(conn->timer_event);
        event_del(conn->again_event);
        deadline_rest(conn->deadlines);
    }
    cancel_request_forget(conn);
    connect_forget(conn);
    news_forget(conn);
    parameters_forget(conn);
    types_forget(&conn->db.types);
    stmt_cache_clear(&conn->statements);
    conn->in_transaction = false;
    if (conn->pg)
        PQfinish(conn->pg);
    conn->pg = NULL;
    conn->write_waits = conn->unflushed = false;
    conn->paused = NULL;
    conn->fatal.code = 0;
    conn_set_state(conn, CONN_DOWN);
}

static void doom_all(struct conn *conn)
{
    conn->life++;
    TAILQ_CONCAT(&conn->doomed, &conn->settling, link);
    TAILQ_CONCAT(&conn->doomed, &conn->sent, link);
    TAILQ_CONCAT(&conn->doomed, &conn->queued, link);
    conn->n_sent = conn->n_queued = conn->n_counted = 0;
    conn->sent_bytes = conn->queued_bytes = conn->queued_more = 0;
}

/* What was never sent, and has not begun, may do so elsewhere. */
static void give_back(struct conn *conn)
{
    struct evpg_request *request, *next;

    if (!conn->owner || !conn->owner->take_back)
        return;
    for (request = TAILQ_FIRST(&conn->queued); request; request = next) {
        next = TAILQ_NEXT(request, link);
        if (!request->in_block)
            conn->owner->take_back(conn, request);
    }
}

/* Before the application, whose callback may be the end of this connection. */
static void tell_owner(struct conn *conn)
{
    if (conn->owner && conn->owner->lost)
        conn->owner->lost(conn, &conn->lost);
}

/* Connecting names every place by itself. */
static void note_loss(struct conn *conn, const struct evpg_error *why)
{
    struct evpg_error *lost = &conn->lost;

    conn->lost_connecting = conn->state != CONN_READY;
    if (conn->lost_connecting) {
        *lost = *why;
        return;
    }
    err_set(lost, why->code, why->fate, "connection to server at \"%s\", port %s was lost: %s",
            PQhost(conn->pg), PQport(conn->pg), why->message);
    err_set_sqlstate(lost, why->sqlstate);
    memcpy(lost->field, why->field, sizeof(lost->field));
}

void conn_down(struct conn *conn, const struct evpg_error *why)
{
    conn_hold(conn);
    note_loss(conn, why);
    if (conn->opening)
        db_tell(conn->face, EVPG_EVENT_CONNECT_FAILED, NULL, &conn->lost);
    else if (!conn->lost_connecting)
        db_tell(conn->face, EVPG_EVENT_LOST, NULL, &conn->lost);
    drop(conn);
    give_back(conn);
    doom_all(conn);
    if (!conn->lost_connecting)
        tell_owner(conn);
    cut_off_opening(conn, &conn->lost);
    complete_sent(conn);
    if (!conn->lost_connecting && !conn->dying)
        news_tell_loss(conn, &conn->lost);
    memset(conn->lost.field, 0, sizeof(conn->lost.field)); /* borrowed from whoever called */
    complete_doomed(conn);
    if (conn->closing && !conn->dying)
        conn_again(conn);
    conn_release(conn);
}

void conn_opened(struct conn *conn)
{
    struct evpg_request *opening = conn->opening;

    conn->opening = NULL;
    db_tell(conn->face, EVPG_EVENT_CONNECTED, NULL, NULL);
    conn_complete(conn, NULL, opening, NULL);
}

static int conn_submit(struct evpg_db *db, struct evpg_request *request)
{
    struct conn *conn = conn_of(db);
    int refusal;

    if (conn_is_inherited(conn))
        return db_refuse(conn->face, EINVAL, "the connection belongs to the parent process");
    if (conn->dying)
        return db_refuse(conn->face, ESHUTDOWN, "the connection is being freed");
    if (conn->closing)
        return db_refuse(conn->face, ESHUTDOWN, "the connection is being closed");
    if (conn->state == CONN_DOWN)
        return db_refuse(conn->face, ENOTCONN, "the connection is not open");
    refusal = conn_admit(conn, conn->face, request);
    if (refusal == 0)
        conn_enqueue(conn, request);
    return refusal;
}

/* Counted first: a callback may be the last that happens to this connection. */
static void cut_off_all(struct conn *conn, const struct evpg_error *why, bool connecting)
{
    struct evpg_request *request;

    while ((request = TAILQ_FIRST(&conn->doomed))) {
        conn->n_cut_off += !request->abandoned && !request->part;
        cut_off(conn, &conn->doomed, request, why, connecting);
    }
}

void conn_cut_off(struct conn *conn, const struct evpg_error *why)
{
    bool connecting = conn_is_connecting(conn);

    if (conn->state == CONN_READY)
        db_tell(conn->face, EVPG_EVENT_CLOSED, NULL, NULL);
    drop(conn);
    cut_off_all(conn, why, conn->lost_connecting);
    TAILQ_CONCAT(&conn->doomed, &conn->canceled, link); /* whose transactions come after them */
    doom_all(conn);
    cut_off_opening(conn, why);
    cut_off_all(conn, why, connecting);
}

/* A callback that this calls may submit, which is refused, or free again, which finds nothing. */
void conn_end(struct conn *conn, const struct evpg_error *why)
{
    if (conn->dying)
        return;
    conn_hold(conn);
    conn->dying = true;
    conn_finish_begun(conn);
    conn_cut_off(conn, why);
    close_finish(conn);
    conn_release(conn);
}

static void conn_free(struct evpg_db *db)
{
    struct evpg_error closed;

    err_set(&closed, EVPG_E_CLOSED, EVPG_FATE_NOT_SENT, "the connection was freed");
    conn_end(conn_of(db), &closed);
}

static void *conn_pgconn(struct evpg_db *db)
{
    return conn_of(db)->pg;
}

static const struct db_ops conn_ops = {
    .submit = conn_submit,
    .free = conn_free,
    .pgconn = conn_pgconn,
    .session = conn_of,
    .close = close_begin,
};

bool conn_is(const struct evpg_db *db)
{
    return db->ops == &conn_ops;
}

static void on_kick(evutil_socket_t fd, short what, void *arg)
{
    struct conn *conn = arg;

    (void)fd;
    (void)what;
    conn->kicked = false;
    conn_hold(conn);
    io_send(conn);
    conn_release(conn);
}

static void on_again(evutil_socket_t fd, short what, void *arg)
{
    struct conn *conn = arg;

    (void)fd;
    (void)what;
    conn_hold(conn);
    cancel_complete(conn);
    complete_doomed(conn);
    close_if_done(conn);
    if (conn->state == CONN_OPENING && TAILQ_EMPTY(&conn->doomed))
        connect_begin(conn);
    else
        io_continue(conn);
    pipeline_begin(conn);
    close_if_done(conn);
    conn_release(conn);
}

static bool make_events(struct conn *conn)
{
    conn->read_event = event_new(conn->base, -1, EV_READ | EV_PERSIST, io_on_readable, conn);
    conn->write_event = event_new(conn->base, -1, EV_WRITE, io_on_writable, conn);
    conn->kick_event = event_new(conn->base, -1, 0, on_kick, conn);
    conn->again_event = evtimer_new(conn->base, on_again, conn);
    conn->timer_event = evtimer_new(conn->base, connect_on_timer, conn);
    conn->canceling.timer = evtimer_new(conn->base, cancel_request_on_timer, conn);
    conn->db.deadlines.timer = evtimer_new(conn->base, timeout_on_timer, conn);
    return conn->read_event && conn->write_event && conn->kick_event && conn->again_event &&
           conn->timer_event && conn->canceling.timer && conn->db.deadlines.timer;
}

struct evpg_db *evpg_conn_new(struct event_base *base, const char *conninfo,
                              const struct evpg_conn_config *config)
{
    struct evpg_conn_config checked;
    struct conn *conn;

    if (!base || !settings_take(&checked, config)) {
        errno = EINVAL;
        return NULL;
    }
    conn = mem_alloc(sizeof(*conn));
    if (!conn)
        return NULL;
    conn->db.ops = &conn_ops;
    conn->face = &conn->db;
    conn->base = base;
    conn->pid = getpid();
    conn->deadlines = &conn->db.deadlines;
    conn->config = checked;
    TAILQ_INIT(&conn->queued);
    TAILQ_INIT(&conn->sent);
    TAILQ_INIT(&conn->settling);
    TAILQ_INIT(&conn->canceled);
    TAILQ_INIT(&conn->doomed);
    TAILQ_INIT(&conn->graveyard);
    STAILQ_INIT(&conn->notices);
    stmt_cache_start(&conn->statements, checked.max_prepared_statements,
                     checked.max_prepared_bytes < 0 ? SIZE_MAX
                                                    : (size_t)checked.max_prepared_bytes);
    conn->conninfo_text = mem_strdup(conninfo);
    if ((conninfo && !conn->conninfo_text) || !make_events(conn)) {
        destroy(conn);
        errno = ENOMEM;
        return NULL;
    }
    return &conn->db;
}
