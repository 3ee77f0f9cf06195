/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * tx_db: a transaction as a db: what may be submitted to it, and what it hears of its requests.
 *
 * Called by the application through db.c. Invariants: what it takes goes into its connection's
 * queue at once, before the transaction's own request, and never to another connection; what it
 * refuses, and what fails, ends the transaction.
 */
#include "lease.h"
#include "tx.h"

#include <errno.h>

/* Whatever the event hook is told of may lead here. */
static bool is_observed(struct evpg_db *db)
{
    struct evpg_db *whole = db->whole;

    if (db_is_observed(db))
        return true;
    if (!whole->observed)
        return false;
    db_warn(db, "called from inside the event hook");
    return true;
}

/* Why not now; 0: it takes requests. */
static int refusal_of(struct tx *tx)
{
    struct evpg_db *db = &tx->db;

    if (conn_is_inherited(tx->base.conn))
        return db_refuse(db, EINVAL, "the transaction belongs to the parent process");
    if (is_observed(db))
        return EINVAL;
    if (tx->stage == TX_OPEN && !tx->why.code && !tx_is_lost(tx))
        return 0;
    if (tx->why.code)
        return db_refuse(db, ESHUTDOWN, "the transaction has failed: %s", tx->why.message);
    if (tx->asked)
        return db_refuse(db, EINVAL, "the transaction has been committed already");
    return db_refuse(db, ESHUTDOWN, "the transaction is over, or yet to be tried again");
}

/* What is about the session, by its first words. */
static int refusal_of_word(struct tx *tx, enum sqlword word)
{
    if (word == SQLWORD_COMMIT)
        return db_refuse(&tx->db, EINVAL, "a transaction is committed by evpg_commit()");
    if (word == SQLWORD_ROLLBACK)
        return db_refuse(&tx->db, EINVAL,
                         "a transaction is rolled back by evpg_rollback(); a savepoint is had by "
                         "evpg_transaction() on it");
    if (word == SQLWORD_BEGIN)
        return db_refuse(&tx->db, EINVAL,
                         "a transaction within a transaction is had by evpg_transaction() on it");
    if (tx->on_pool)
        return db_refuse(&tx->db, EINVAL,
                         "a pool's connection is not to listen: see "
                         "evpg_listener_new()");
    return 0;
}

static struct tx *outermost(struct tx *tx)
{
    while (tx->outer)
        tx = tx->outer;
    return tx;
}

static int tx_submit(struct evpg_db *db, struct evpg_request *request)
{
    struct tx *tx = tx_of(db);
    struct conn *conn = tx->base.conn;
    int refusal = refusal_of(tx);

    if (refusal == 0 && request->pins)
        refusal = refusal_of_word(tx, op_rows_of(request)->word);
    if (refusal == 0)
        refusal = conn_admit(conn, db, request);
    if (refusal != 0)
        return refusal;
    if (!tx->on_pool)
        lease_note(outermost(tx)->base.db, request);
    request->in_block = !request->off_pipeline;
    conn_enqueue_before(conn, request, &tx->base);
    return 0;
}

static void tx_free(struct evpg_db *db)
{
    struct tx *tx = tx_of(db);
    struct evpg_error why;

    if (conn_is_inherited(tx->base.conn)) {
        db_warn(db, "the transaction belongs to the parent process");
        return;
    }
    if (is_observed(db))
        return;
    err_set(&why, EVPG_E_CLOSED, EVPG_FATE_NOT_EXECUTED, "the transaction was freed");
    why.phase = EVPG_PHASE_RUNNING;
    tx_leave(tx, &why);
}

static void *tx_pgconn(struct evpg_db *db)
{
    const struct tx *tx = tx_of(db);

    return tx->stage == TX_OPEN && !tx_is_lost(tx) ? tx->base.conn->pg : NULL;
}

static struct conn *tx_session(struct evpg_db *db)
{
    (void)db;
    return NULL;
}

/* Of a part of it, whose failure is its own affair. */
static bool is_part(const struct evpg_request *request)
{
    return request->ops->begin;
}

/* The server may not be written to any more, unless it was not to be. */
static void note_role(struct tx *tx, const struct evpg_error *error)
{
    struct conn *conn = tx->base.conn;

    tx = outermost(tx);
    if (!tx->config.read_only && !tx_is_lost(tx) && role_is_denied(conn->role, error->sqlstate))
        conn->role_denied = true;
}

/* ROLLBACK AND CHAIN has the same tag as ROLLBACK TO, for which there has to be a savepoint, and
 * only a script can have made one. */
static bool has_ended(struct tx *whole, const struct evpg_request *request)
{
    bool ended = request->ended_block || (request->went_back && !whole->has_saves);

    whole->has_saves = whole->has_saves || request->made_save;
    return ended;
}

static void tx_done(struct evpg_db *db, struct evpg_request *request,
                    const struct evpg_error *error)
{
    struct tx *tx = tx_of(db);

    tx->active_ns = budget_now_ns();
    if (error)
        note_role(tx, error);
    if (error && !is_part(request))
        tx_fail_by(tx, request, error);
    if (has_ended(outermost(tx), request))
        tx_spoil(tx);
}

/* The event hook only observes: whatever is refused there was no part of it. */
static void tx_refused(struct evpg_db *db, int refusal, const char *why)
{
    struct tx *tx = tx_of(db);
    enum evpg_code code = EVPG_E_ABORTED;

    if (db->observed || db->whole->observed)
        return;
    if (refusal == ENOMEM)
        code = EVPG_E_MEMORY;
    else if (refusal == ENOBUFS)
        code = EVPG_E_LIMIT;
    if (tx->stage == TX_OPEN && !conn_is_inherited(tx->base.conn))
        tx_fail_as(tx, code, why);
}

const struct db_ops tx_db_ops = {
    .submit = tx_submit,
    .free = tx_free,
    .pgconn = tx_pgconn,
    .session = tx_session,
    .done = tx_done,
    .refused = tx_refused,
};

/* Hooks may have been set since it was submitted. */
void tx_start_db(struct tx *tx)
{
    const struct evpg_db *db = tx->base.db;

    tx->db.hooks = db->hooks;
    tx->db.hooks_arg = db->hooks_arg;
    tx->db.stats = db->stats;
    tx->db.whole = db->whole ? db->whole : tx->base.db;
}

static bool may_be_ended(struct evpg_db *db, const char *call)
{
    struct tx *tx;

    if (!db)
        return false;
    if (!tx_is(db)) {
        db_refuse(db, EINVAL, "%s is for a transaction", call);
        return false;
    }
    tx = tx_of(db);
    if (conn_is_inherited(tx->base.conn)) {
        db_warn(db, "the transaction belongs to the parent process");
        return false;
    }
    if (is_observed(db))
        return false;
    if (!tx->asked && (tx->stage == TX_OPEN || tx->stage == TX_ENDING))
        return true;
    if (tx->asked || !tx->why.code)
        db_warn(db, "%s of a transaction that was ended already", call);
    return false;
}

void evpg_commit(struct evpg_db *db)
{
    if (!may_be_ended(db, "evpg_commit()"))
        return;
    tx_of(db)->asked = true;
    tx_end(tx_of(db));
}

void evpg_rollback(struct evpg_db *db, const char *reason)
{
    if (!may_be_ended(db, "evpg_rollback()"))
        return;
    tx_of(db)->asked = true;
    tx_fail_as(tx_of(db), EVPG_E_ROLLED_BACK, reason ? reason : "rolled back");
}

int evpg_tx_attempt(const struct evpg_db *db)
{
    return db && tx_is(db) ? tx_of((struct evpg_db *)db)->attempt : 0;
}
