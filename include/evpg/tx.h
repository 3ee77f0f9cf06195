/* SPDX-License-Identifier: BSD-2-Clause */
/**
 * @file evpg/tx.h
 * Transactions of several statements (PostgreSQL manual, "Transactions", "BEGIN", "SAVEPOINT").
 *
 *     static void body(struct evpg_db *tx, void *arg)
 *     {
 *         evpg_query(tx, "update account set balance = balance - $1 where id = $2", ...);
 *         evpg_query(tx, "update account set balance = balance + $1 where id = $2", ...);
 *         evpg_commit(tx);
 *     }
 *
 *     evpg_transaction(db, NULL, body, on_done, arg);
 *
 * A transaction is a db, to which its statements are submitted as to any other, with the same
 * callbacks. Nothing has to be checked after each of them: one that fails ends the transaction, and
 * its error is that of the transaction's done callback. There is one outcome: that error is NULL
 * exactly when the server has acknowledged COMMIT.
 *
 * BEGIN travels with the statements that body submits, and COMMIT when all have been answered: so a
 * transaction of statements that do not depend on each other takes two round trips.
 */
#ifndef EVPG_TX_H
#define EVPG_TX_H

#include <evpg/common.h>
#include <evpg/query.h>

#ifdef __cplusplus
extern "C" {
#endif

/** How deep transactions may be nested: the outermost, and so many less one within it. The server
 * gets slower with more than 64 savepoints (PostgreSQL manual, "Subtransactions"). */
#define EVPG_TX_MAX_DEPTH 32

/** What a transaction may see of others (PostgreSQL manual, "Transaction Isolation"). */
enum evpg_isolation {
    EVPG_ISOLATION_DEFAULT = 0, /**< the server's default_transaction_isolation */
    EVPG_READ_COMMITTED,        /**< what is committed when each statement begins */
    EVPG_REPEATABLE_READ,       /**< what was committed when the first one began */
    EVPG_SERIALIZABLE           /**< as if one had run after the other: expect SQLSTATE 40001 */
};

/**
 * Called when a transaction has its connection, to submit what it is to do: from the loop, never
 * from inside evpg_transaction(). It need not end the transaction, nor submit anything: statements
 * that depend on the answers of others are submitted in their callbacks, and evpg_commit() or
 * evpg_rollback() is called when it is known which. Every call is legal in it.
 *
 * @param tx the transaction. It may be used, also from other requests' callbacks, until its done
 *     callback has returned, and not any more after evpg_free() of it, of what it was begun on, or
 *     of what that belongs to
 * @param arg what evpg_transaction() was given
 */
typedef void (*evpg_body_cb)(struct evpg_db *tx, void *arg);

/**
 * Settings of a transaction. Plain data, made by EVPG_TX_CONFIG() or evpg_tx_config_default() and
 * never otherwise, so that members which later versions add have their defaults. In the numbers, 0
 * means the default and -1 means none, where none makes sense. Times are in milliseconds.
 */
struct evpg_tx_config {
    /** sizeof(struct evpg_tx_config), as the two makers set it. */
    size_t size;

    /** Not within a transaction. */
    enum evpg_isolation isolation;

    /** Writing is refused, with SQLSTATE 25006. Default: the server's
     * default_transaction_read_only. Not within a transaction. */
    bool read_only;

    /** A serializable, read-only transaction waits in the beginning for when it cannot fail. Not
     * within a transaction. */
    bool deferrable;

    /**
     * A deadline for all of it, from the call of evpg_transaction() until COMMIT is acknowledged,
     * further attempts included: the same as evpg_request_set_timeout() of its request. Default:
     * none; on a pool, its query_timeout_ms.
     */
    int timeout_ms;

    /**
     * How long it may have nothing under way and not be ended, because evpg_commit() was forgotten;
     * then it is rolled back, with EVPG_E_TIMEOUT. It holds its connection, and perhaps locks,
     * meanwhile. Rows that are paused are under way; but where it has failed, they hold up ROLLBACK
     * for no longer than this: then their statement is canceled. -1: as long as it likes. Default:
     * 30,000.
     */
    int idle_timeout_ms;

    /**
     * How often it may be tried, all in all, when it has failed with SQLSTATE 40001 (others were
     * serialized before it) or 40P01 (a deadlock): it was rolled back then, and body is called
     * again. All that body and the statements' callbacks have done outside of the database is done
     * once more, too: so it is tried again only when that was asked for. Not within a transaction.
     * Default: 1, not again.
     */
    int max_attempts;

    /** How long to wait before the second attempt; each further wait is twice as long. The
     * connection is kept meanwhile. Default: 10. */
    int retry_min_ms;

    /** The longest of these waits. Each is longer or shorter by chance, by a tenth. Default:
     * 1,000. */
    int retry_max_ms;
};

/** A configuration, in C: EVPG_TX_CONFIG(.isolation = EVPG_SERIALIZABLE, .max_attempts = 5), or
 * empty. It is an object whose address can be taken: &EVPG_TX_CONFIG(...). */
#define EVPG_TX_CONFIG(...)                                                                        \
    ((struct evpg_tx_config){.size = sizeof(struct evpg_tx_config), __VA_ARGS__})

/** A configuration with all defaults, for any language; set members afterwards. */
static inline struct evpg_tx_config evpg_tx_config_default(void)
{
    struct evpg_tx_config config = {
        sizeof(struct evpg_tx_config), EVPG_ISOLATION_DEFAULT, false, false, 0, 0, 0, 0, 0};
    return config;
}

/**
 * Begins a transaction, or, on a transaction, a part of it that can fail by itself: a savepoint.
 *
 * It needs a connection to itself until it is done. On a pool that is one of the pool's, as for a
 * lease, and it waits for one as those do. On a connection or a lease it begins when what was
 * submitted before is done, and what is submitted there afterwards waits until it is done; on a
 * transaction, likewise. So transactions never run into each other, and never continue on another
 * connection: when theirs is lost, they have failed.
 *
 * What can be submitted to the transaction: what can be to a connection, and evpg_transaction().
 * Statements run in their order, each when it is sent, and need not wait for each other; a script,
 * and what the server wants to be alone, waits for those before it and holds up those behind it.
 * They count for the connection's max_queued_requests and max_queued_bytes.
 * - One that fails, whatever for (the server, a value, its own deadline, a cancel), and one that is
 *   refused (evpg_query() returns NULL; not in the event hook), fails the transaction. It is
 *   rolled back at once: those that were not sent are done with EVPG_E_ABORTED and
 *   EVPG_FATE_NOT_SENT; those on the wire have the server's answer, EVPG_E_ABORTED or SQLSTATE
 *   25P02; later submits are refused, with ESHUTDOWN. done has the error of the first; where that
 *   was stopped by the server because another one was canceled, whose turn had not come or was
 *   over, EVPG_E_CANCELED. It fails only its own part of the transaction, where that was begun on a
 *   transaction: this one goes on, with what the part has done undone, and ends by its own
 *   evpg_commit().
 * - Rows that are paused (EVPG_PAUSE) hold up all that is behind them, COMMIT and ROLLBACK
 *   included: until they go on, or their request is canceled, or the transaction is, or is freed;
 *   until a deadline; or, once it has failed, for idle_timeout_ms.
 * - Within it there are no transparent second attempts: a prepared statement that is out of date
 *   (SQLSTATE 0A000) or gone (26000) is an error, and works the next time.
 * - BEGIN, COMMIT, ROLLBACK, SAVEPOINT and their like by evpg_query() are refused, and so fail the
 *   transaction: evpg_commit(), evpg_rollback() and evpg_transaction() are there for that. A script
 *   that has COMMIT, BEGIN or ROLLBACK inside, or has left the transaction, is noticed: all of the
 *   transaction then fails with EVPG_FATE_UNKNOWN, and is not tried again. Savepoints of a script's
 *   own are allowed; once there is one, ROLLBACK AND CHAIN is not noticed any more, for it is
 *   answered as ROLLBACK TO is.
 * - LISTEN and UNLISTEN are refused where it was begun on a pool; on a connection they are that
 *   connection's affair, and what a lease listens to ends with that, as ever.
 * - evpg_open(), evpg_acquire(), evpg_close() and evpg_setcb() are refused. Hooks are those of the
 *   db that it was begun on, as they were when body was called; evpg_set_hooks() on the transaction
 *   changes them for its own statements.
 *
 * Its request: QUEUED, SENT (body is called) and DONE are told to the event hook, and the
 * statistics of a pool count it as one, beside its statements.
 * - evpg_request_cancel() in each state: before body is called, as any request that was not sent.
 *   Then: what is under way is canceled, it is rolled back, and done comes with EVPG_E_CANCELED and
 *   EVPG_FATE_NOT_EXECUTED; once COMMIT is on its way, that is canceled, and done says what has
 *   become of it: success, or an error.
 * - Its deadline: statements that are not done, and then the transaction, are told so at once, with
 *   EVPG_E_TIMEOUT; it is rolled back afterwards, before its connection is used again.
 * - evpg_request_abandon(): as canceled, and neither body nor done are called any more; its
 *   statements' callbacks are, unless they are abandoned as well.
 *
 * If it cannot be rolled back, because the server refuses that or does not answer it within
 * cancel_wait_timeout_ms, its connection is closed.
 *
 * @param db a pool, a connection, a lease or a transaction
 * @param config copied; NULL: the defaults
 * @param body called once, or once for each attempt
 * @param on_done called once, from the loop or from an evpg_free(), after the callbacks of all
 *     its statements. The error is NULL when COMMIT (of a part of a transaction: RELEASE SAVEPOINT)
 *     was acknowledged: for a part that means nothing yet if the whole is not committed. Else it is
 *     that of the first statement that has failed, or
 *     EVPG_E_ROLLED_BACK with the reason given to evpg_rollback(), or when the server answered
 *     COMMIT with ROLLBACK;
 *     EVPG_E_CANCELED, _TIMEOUT, _LOST, _CLOSED: it was ended that way;
 *     EVPG_E_ABORTED: a statement was refused, what it is a part of has failed, or a transaction
 *     block was open on the connection already (SQLSTATE 25001; body is not called then).
 *     Its fate is EVPG_FATE_NOT_SENT: body was not called; EVPG_FATE_NOT_EXECUTED: it was, or is
 *     going to be, rolled back, or what it is a part of; EVPG_FATE_UNKNOWN: COMMIT was on its way
 *     and no answer came, or a script has ended it: it may have been committed, or not, and is
 *     never tried again. NULL: nobody is told
 * @param arg passed to body and on_done
 * @return the transaction's request, valid until on_done has returned; or NULL, and errno is
 *     ENOMEM; EINVAL: body is NULL, a setting cannot be, or is not for a part of a transaction, or
 *     they are nested too deep; or what submitting to db fails with
 */
EVPG_EXPORT struct evpg_request *evpg_transaction(struct evpg_db *db,
                                                  const struct evpg_tx_config *config,
                                                  evpg_body_cb body, evpg_done_cb on_done,
                                                  void *arg);

/**
 * Ends a transaction: it is committed when all its statements have been answered, and none of them
 * has failed. Nothing can be submitted to it any more. When it has failed already, this does
 * nothing; after evpg_commit() or evpg_rollback() of it, it is refused, and the log hook is told.
 *
 * @param tx a transaction. NULL is allowed
 */
EVPG_EXPORT void evpg_commit(struct evpg_db *tx);

/**
 * Ends a transaction without effect. What was not sent is done with EVPG_E_ABORTED; what is on the
 * wire is waited for (cancel it first if that may take long), and then the transaction is rolled
 * back. Its done callback comes from the loop, with EVPG_E_ROLLED_BACK. As evpg_commit() otherwise.
 *
 * evpg_free() of a transaction does this at once: its statements that are not done, and then the
 * transaction, are told EVPG_E_CLOSED before it returns, and nothing calls back afterwards. It is
 * rolled back before its connection is used again.
 *
 * @param tx a transaction. NULL is allowed
 * @param reason becomes the error's message; copied. NULL: none
 */
EVPG_EXPORT void evpg_rollback(struct evpg_db *tx, const char *reason);

/**
 * Which attempt a transaction is at, from 1; see max_attempts. 0: it is none.
 */
EVPG_EXPORT int evpg_tx_attempt(const struct evpg_db *tx);

#ifdef __cplusplus
}
#endif

#endif
