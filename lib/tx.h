/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef TX_H
#define TX_H

#include "backoff.h"
#include "group.h"
#include "op_rows.h"

#include <event2/event_struct.h>
#include <evpg/tx.h>

/* Entered by tx_set_stage alone. */
enum tx_stage {
    TX_WAITING, /* for its connection: an ordinary request in a queue */
    TX_OPEN,    /* takes statements */
    TX_ENDING,  /* its last statement, COMMIT or ROLLBACK, is queued or on the wire */
    TX_RESTING, /* rolled back, before the next attempt */
    TX_OVER     /* the server has nothing of it any more */
};

/* A transaction, its request and its db. The request stays in its connection's queue from its
 * beginning to its end, where it keeps back all behind it; what belongs to it goes before it. */
struct tx {
    struct evpg_request base; /* evpg_transaction's */
    struct evpg_db db;        /* what its statements are submitted to */
    struct evpg_db inner;     /* of the statements that are ours: nobody hears of those */
    struct evpg_tx_config config;
    evpg_body_cb body;
    evpg_done_cb on_done;
    void *arg;
    struct tx *outer; /* that it is a part of; or NULL */
    int depth;        /* from 1 */
    bool on_pool;     /* the outermost is */
    pid_t pid;
    struct event timer; /* for one that is forgotten, and between attempts; since it began */

    enum tx_stage stage;
    int attempt;
    struct backoff backoff;
    int64_t active_ns; /* when something of it was under way */
    bool put_off;      /* its idle end, once, for a loop that stood still */

    struct group group;   /* that BEGIN and the first statements go in */
    struct op_rows first; /* BEGIN */
    struct op_rows last;  /* COMMIT, ROLLBACK */
    bool began;           /* the server has answered BEGIN */
    bool commit_sent;
    bool has_saves; /* of the outermost: a script of it has made a savepoint */
    char savepoint[24];

    bool asked;               /* evpg_commit or evpg_rollback was called */
    bool told;                /* done was called, or never is to be */
    struct evpg_error why;    /* it has failed; code 0: it has not. Nothing in it is borrowed */
    struct evpg_error *whole; /* the same with the server's fields; NULL: there was no memory */

    int hold; /* itself, its parts in the engine, frames: it is freed when there are none */
};

/* tx.c: what has become of it. */

static inline struct tx *tx_of(struct evpg_db *db)
{
    return (struct tx *)(void *)((char *)db - offsetof(struct tx, db));
}

bool tx_is(const struct evpg_db *db);
void tx_set_stage(struct tx *tx, enum tx_stage stage);
void tx_hold(struct tx *tx);
void tx_release(struct tx *tx);

/* Whether its connection is not the one it began on any more: it is on its way to be completed. */
bool tx_is_lost(const struct tx *tx);

/* It has failed, for this reason, unless it had before: it is rolled back. Calls nobody. */
void tx_fail(struct tx *tx, const struct evpg_error *why);

/* The same, for what has become of this one of its statements. */
void tx_fail_by(struct tx *tx, const struct evpg_request *request, const struct evpg_error *why);

/* The same, in our words. */
void tx_fail_as(struct tx *tx, enum evpg_code code, const char *message);

/* One of its statements has ended the transaction, so that nobody knows what has become of that:
 * all that it is a part of has failed as well. */
void tx_spoil(struct tx *tx);

/* Puts its last statement into the queue; or, when nothing was sent, ends it. Calls nobody. */
void tx_end(struct tx *tx);

/* Its last statement was answered, or never sent: done, or another attempt. later: from the loop,
 * so that nobody is called from here; so it is as well when some are left over, which are told
 * before it. */
void tx_over(struct tx *tx, bool later);

/* Tells the application, for the last time. cut: why it has not come to an end of its own; or NULL.
 */
void tx_tell(struct tx *tx, const struct evpg_error *cut);

/* Whether some of its statements were withdrawn, or canceled unsent, and are not told so yet; the
 * engine does that in slices. */
bool tx_has_left_over(const struct tx *tx);

/* They are told. */
void tx_finish_left_over(struct tx *tx);

/* Its timer, which it has since it began; and as long as idle_timeout_ms says, if that is limited.
 */
void tx_set_timer(struct tx *tx, int64_t ns);
void tx_set_idle_timer(struct tx *tx);

/* For struct req_ops. */
void tx_finish(struct evpg_request *request, struct evpg_error *cut);

/* tx_leave.c: what ends it from outside. */

/* It is over for the application at once: what is not done of it is told so, and then it. */
void tx_leave(struct tx *tx, const struct evpg_error *why);

/* Whether it is lost, or its connection is being freed. */
bool tx_is_gone(const struct tx *tx);

/* For struct req_ops. */
void tx_discard(struct evpg_request *request, enum evpg_code code);
void tx_overdue(struct evpg_request *request, struct evpg_error *why);
void tx_abandon(struct evpg_request *request);

/* tx_parts.c: what we send for it. */

/* Makes its first part ready, and puts it into the queue. */
void tx_begin_parts(struct tx *tx);

/* Takes the first part out of the queue; false: it has been sent. */
bool tx_withdraw_parts(struct tx *tx);

/* Puts the last part into the queue. */
void tx_end_parts(struct tx *tx);

/* The last part must be answered in time from now on. */
void tx_hurry(struct tx *tx);

/* tx_db.c */
extern const struct db_ops tx_db_ops;
void tx_start_db(struct tx *tx);

/* tx_config.c. False: it cannot be; *why says so. */
bool tx_config_take(struct evpg_tx_config *to, const struct evpg_tx_config *from, bool part,
                    const char **why);

/* The statement that begins it. */
void tx_config_write(const struct evpg_tx_config *config, char *sql, size_t size);

#endif
