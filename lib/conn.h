/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef CONN_H
#define CONN_H

#include "budget.h"
#include "cancel_request.h"
#include "conninfo.h"
#include "db.h"
#include "parameters.h"
#include "req.h"
#include "role.h"
#include "row.h"
#include "stmt.h"

#include <event2/event.h>
#include <sys/types.h>
#include <evpg/notify.h>

/* Each state is entered by conn_set_state alone. */
enum conn_state {
    CONN_DOWN,       /* no PGconn; submits are refused */
    CONN_OPENING,    /* evpg_open was called; connecting begins in a later turn of the loop, when
                        doomed is empty */
    CONN_RESOLVING,  /* a host's name is being looked up; submits are queued */
    CONN_CONNECTING, /* one address after the other; submits are queued */
    CONN_READY       /* logged in, in pipeline mode, reading */
};

/* What whoever has several connections hears of one. None of these may call the application; each
 * may be NULL. */
struct conn_owner {
    /* It was open and is lost; what had been sent is to be completed. It may be freed here, if
     * there is nothing. */
    void (*lost)(struct conn *conn, const struct evpg_error *why);
    /* One of conn->queued, of a connection that is lost: to be taken by conn_hand_over, or it is
     * completed. */
    void (*take_back)(struct conn *conn, struct evpg_request *request);
    /* One of its requests has been; or nothing that was sent can be hit by a cancel any more. */
    void (*completed)(struct conn *conn);
    /* Whether what is queued waits for its turn; else, for a connection to be made. */
    bool (*is_up)(const struct conn *conn);
    /* What came of the last attempt to make that connection, if it failed; else NULL. */
    const struct evpg_error *(*last_failure)(const struct conn *conn);
    /* Whether it is being closed with its owner: rows are not paused any more. */
    bool (*is_closing)(const struct conn *conn);
    /* Its memory is being freed. */
    void (*gone)(void *owner_arg);
    /* What it asks by itself is not the application's, and little: the queue's bounds are not for
     * that. */
    bool asks_freely;
};

struct conn {
    struct evpg_db db;
    struct evpg_db *face; /* what the application knows it as: db, or the one it is a part of */
    const struct conn_owner *owner; /* or NULL */
    void *owner_arg;
    struct event_base *base;
    pid_t pid;           /* of the process that made it */
    char *conninfo_text; /* or NULL */
    struct evpg_conn_config config;

    enum conn_state state;
    unsigned life; /* goes up when all that was submitted is doomed */
    PGconn *pg;    /* NULL but in CONNECTING, at times, and READY */

    struct connecting *connecting; /* while RESOLVING or CONNECTING, see connect.h */
    struct evpg_request *opening;  /* evpg_open's, from then until it is done */

    struct req_list queued;   /* to be sent */
    struct req_list sent;     /* awaiting answers, in the order of the wire */
    struct req_list settling; /* of the head's group: their results have ended, see group.h */
    struct req_list canceled; /* before they were sent, to be completed in the next turn */
    struct req_list
        doomed; /* lost with an earlier connection, completed before the next is begun */
    size_t n_queued, n_sent;
    size_t queued_bytes, sent_bytes;
    size_t n_counted;             /* of all these, settling included, in_stats */
    size_t queued_more;           /* statements of those queued, beyond one each */
    enum role role;               /* what its server has to be; */
    bool role_denied;             /* and the server has said that it is not */
    bool in_transaction;          /* a block, as of when nothing was on the wire */
    struct stmt_cache statements; /* that are prepared */
    bool kicked;                  /* kick_event is active: its callback comes in this turn */
    bool write_waits;             /* PQflush wants the socket to be writable */
    bool unflushed;               /* more was handed to libpq while answers were taken */
    struct evpg_request *paused;  /* the head, whose row callback wants no rows now; or NULL */
    int64_t idle_since_ns;
    int64_t send_ns; /* when what is being sent is */

    /* Why the session ended, by a FATAL notice; and why the connection was lost, for doomed. */
    struct evpg_error fatal;
    struct evpg_error lost;
    bool lost_connecting; /* it never was up */

    struct row_set row_set; /* of the callback that is running */

    /* Of evpg_setcb; and notices that libpq has parsed, and the application not yet seen. */
    evpg_notify_cb on_notification;
    evpg_db_cb on_lost;
    void *callback_arg;
    STAILQ_HEAD(, notice) notices;
    struct parameters parameters; /* that the hook was told of */

    /* All exist from the start to the end: nothing has to be made when something fails. */
    struct event *read_event;
    struct event *write_event; /* also the one event of a connection attempt */
    struct event *kick_event;  /* run once soon, in this pass of the loop */
    struct event *again_event; /* zero timer: run in the next turn */
    struct event *timer_event; /* of connecting */

    struct deadlines *deadlines;     /* of its requests: its own, or its pool's */
    struct canceling canceling;      /* of what is on the wire */
    struct cancel_jobs *cancel_jobs; /* of its pool; or NULL */

    struct closing *closing; /* while evpg_close is under way, see close.c */
    size_t n_cut_off;        /* requests, since that was called */

    /* Whose several done callbacks are being called, the innermost; or NULL. */
    struct evpg_request *finishing;

    int hold;   /* how many frames of ours are using this; it is freed when none is */
    bool dying; /* evpg_free was called */
    struct req_list graveyard; /* of a dying one: completed, perhaps still in use by a frame */
};

void conn_set_state(struct conn *conn, enum conn_state state);

/* Around everything the loop calls: between the two conn stays in memory. */
void conn_hold(struct conn *conn);
void conn_release(struct conn *conn);

/* Soon, in this pass of the loop: sends. */
void conn_kick(struct conn *conn);

/* In the next turn of the loop: goes on with what was left, or connects. For work that may lead to
 * itself again, which would keep this pass from ending. */
void conn_again(struct conn *conn);

/* The end of this connection, whatever it was doing: all requests are completed for this reason,
 * the open request and those sent at once, those queued in slices. The PGconn is gone afterwards,
 * and conn may be dying. */
void conn_down(struct conn *conn, const struct evpg_error *why);

/* Ends the connection and completes all requests at once, counting them in n_cut_off. The PGconn is
 * gone afterwards, and conn may be dying. */
void conn_cut_off(struct conn *conn, const struct evpg_error *why);

/* evpg_free of a connection, for this reason. */
void conn_end(struct conn *conn, const struct evpg_error *why);

/* Calls the done callbacks that are left of what has begun to call its own: after this none of them
 * comes. */
void conn_finish_begun(struct conn *conn);

/* Whether its queue has room for one more of that db's: 0; or an errno, and the log hook was told.
 */
int conn_admit(struct conn *conn, struct evpg_db *db, const struct evpg_request *request);

/* Whether some requests are not done yet; evpg_open's own does not count. */
bool conn_is_busy(const struct conn *conn);

/* The opening has succeeded. */
void conn_opened(struct conn *conn);

/* Takes a request off one of conn's lists. */
void conn_detach(struct conn *conn, struct req_list *list, struct evpg_request *request);

/* Takes a request, to be sent when its turn comes. */
void conn_enqueue(struct conn *conn, struct evpg_request *request);

/* Takes one that waits in another connection's queue; before: before that one, or NULL. */
void conn_hand_over(struct evpg_request *request, struct conn *to, struct evpg_request *before);

/* From one of conn's lists to the end of another. */
void conn_move(struct conn *conn, struct req_list *from, struct req_list *to,
               struct evpg_request *request);

/* The same, at a place of its own in the queue. */
void conn_enqueue_before(struct conn *conn, struct evpg_request *request,
                         struct evpg_request *before);

/* Takes a request off its list and calls its done callback. */
void conn_finish(struct conn *conn, struct req_list *list, struct evpg_request *request,
                 struct evpg_error *cut);

/* The same, and frees it. */
void conn_complete(struct conn *conn, struct req_list *list, struct evpg_request *request,
                   struct evpg_error *cut);

static inline struct conn *conn_of(struct evpg_db *db)
{
    return (struct conn *)db; /* its first member */
}

/* Whether this is a child of the process that made it: then the socket, and the kernel's side of
 * the events, are the parent's, and nothing may be done but free. */
bool conn_is_inherited(const struct conn *conn);

/* Whether a db is a connection. */
bool conn_is(const struct evpg_db *db);

/* Whether it is being closed, or its owner is. */
static inline bool conn_is_closing(const struct conn *conn)
{
    return conn->closing ||
           (conn->owner && conn->owner->is_closing && conn->owner->is_closing(conn));
}

/* Whether what is queued waits for a connection to be made. */
static inline bool conn_is_connecting(const struct conn *conn)
{
    if (conn->owner && conn->owner->is_up)
        return !conn->owner->is_up(conn);
    return conn->state != CONN_READY;
}

#endif
