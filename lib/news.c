/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * news: what happens on a connection without having been asked for: notices, notifications, its
 * loss.
 *
 * Fed by libpq, which calls the notice receiver in the midst of reading; drained by io.c.
 * Invariants: no callback runs inside libpq's parser: notices are copied there and delivered later,
 * before the row or completion that the server sent after them; after each callback the connection
 * may be gone.
 */
#include "news.h"

#include "mem.h"

#include <evpg/notify.h>

#include <string.h>

struct notice {
    STAILQ_ENTRY(notice) link;
    struct evpg_error *copy;
};

struct evpg_notification {
    struct evpg_db *db;
    const PGnotify *pg;
};

static void keep(struct conn *conn, const struct evpg_error *error)
{
    struct notice *notice = mem_alloc(sizeof(*notice));

    if (!notice)
        return;
    notice->copy = evpg_error_copy(error);
    STAILQ_INSERT_TAIL(&conn->notices, notice, link);
}

/* An error that nothing asked for ends the session; the first is the reason. */
static void note_end(struct conn *conn, const struct evpg_error *error)
{
    if (conn->fatal.code)
        return;
    conn->fatal = *error;
    memset(conn->fatal.field, 0, sizeof(conn->fatal.field));
}

/* libpq's own remarks come here as well; they have no SQLSTATE. */
void news_on_notice(void *arg, const PGresult *result)
{
    struct conn *conn = arg;
    struct evpg_error error;

    pq_set_error(&error, EVPG_E_LOST, EVPG_FATE_UNKNOWN, result);
    if (pq_is_stray_error(result))
        note_end(conn, &error);
    else if (conn->face->hooks.notice)
        keep(conn, &error);
}

static struct evpg_error *take_notice(struct conn *conn)
{
    struct notice *notice = STAILQ_FIRST(&conn->notices);
    struct evpg_error *copy = notice->copy;

    STAILQ_REMOVE_HEAD(&conn->notices, link);
    mem_free(notice);
    return copy;
}

void news_deliver_notices(struct conn *conn, struct budget *budget)
{
    while (conn->pg && !STAILQ_EMPTY(&conn->notices) && (!budget || budget_take(budget))) {
        struct evpg_error *notice = take_notice(conn);

        if (notice && conn->face->hooks.notice)
            conn->face->hooks.notice(conn->face, notice, conn->face->hooks_arg);
        evpg_error_free(notice);
    }
}

void news_deliver_notifications(struct conn *conn, struct budget *budget)
{
    PGnotify *pg;

    while (conn->pg && budget_take(budget) && (pg = PQnotifies(conn->pg))) {
        struct evpg_notification note = {conn->face, pg};

        if (conn->on_notification)
            conn->on_notification(&note, conn->callback_arg);
        PQfreemem(pg);
    }
}

void news_tell_loss(struct conn *conn, const struct evpg_error *why)
{
    struct evpg_error told = *why;

    told.fate = EVPG_FATE_NOT_SENT;
    told.phase = EVPG_PHASE_RUNNING;
    if (conn->on_lost)
        conn->on_lost(conn->face, &told, conn->callback_arg);
}

void news_forget(struct conn *conn)
{
    while (!STAILQ_EMPTY(&conn->notices))
        evpg_error_free(take_notice(conn));
}

void evpg_setcb(struct evpg_db *db, evpg_notify_cb on_notification, evpg_db_cb on_lost, void *arg)
{
    struct conn *conn = db ? db->ops->session(db) : NULL;

    if (!conn) {
        if (db)
            db_warn(db, "only a connection has callbacks of its own");
        return;
    }
    conn->on_notification = on_notification;
    conn->on_lost = on_lost;
    conn->callback_arg = arg;
}

struct evpg_db *evpg_notification_db(const struct evpg_notification *note)
{
    return note->db;
}

const char *evpg_notification_channel(const struct evpg_notification *note)
{
    return note->pg->relname;
}

const char *evpg_notification_payload(const struct evpg_notification *note)
{
    return note->pg->extra;
}

int evpg_notification_pid(const struct evpg_notification *note)
{
    return note->pg->be_pid;
}
