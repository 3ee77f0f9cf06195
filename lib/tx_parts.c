/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * tx_parts: what we send for a transaction: the group that BEGIN and the first statements go in,
 * and the statement that ends it.
 *
 * Called by tx.c, and by the pipeline through the req_ops here. Invariants: both are parts of the
 * transaction's memory, so that it can always be rolled back; each holds it for as long as the
 * engine has it. Whether the last one commits is decided when it is sent: when all that came before
 * was answered. It must be answered in time, or its connection is closed: one that may be in a
 * transaction is of no use to anybody else.
 */
#include "cancel_request.h"
#include "tx.h"

#include <stdio.h>
#include <string.h>

static struct tx *tx_of_rows(const struct evpg_request *request)
{
    return op_rows_of(request)->arg;
}

static bool write_statement(PGconn *pg, const char *sql)
{
    return PQsendQueryParams(pg, sql, 0, NULL, NULL, NULL, NULL, 0) == 1;
}

static bool has_no_rows(const struct evpg_request *request)
{
    (void)request;
    return false;
}

static void release_rows(struct evpg_request *request)
{
    op_rows_clear(op_rows_of(request));
    tx_release(tx_of_rows(request));
}

static void make_ready(struct tx *tx, struct op_rows *rows, const struct req_ops *ops,
                       evpg_done_cb on_done)
{
    op_rows_clear(rows);
    memset(rows, 0, sizeof(*rows));
    rows->base.ops = ops;
    rows->base.db = &tx->inner;
    rows->base.in_block = rows->base.part = true;
    rows->on_done = on_done;
    rows->arg = tx;
    tx_hold(tx);
}

/* What is prepared, and not wanted any more, is dropped before a transaction, as it cannot be
 * within one: under a Sync of its own, so that whatever comes of it is nothing of this one's. */
static bool send_closes(struct evpg_request *request, PGconn *pg)
{
    char name[STMT_NAME_SIZE];

    while (stmt_take_evicted(&request->conn->statements, name)) {
        if (!pq_send_close(pg, name))
            return false;
        request->preludes++;
    }
    request->parted = request->preludes > 0;
    return !request->parted || pq_send_sync(pg);
}

static void first_prelude(struct evpg_request *request, PGresult *result)
{
    (void)request;
    PQclear(result);
}

/* BEGIN, or SAVEPOINT. */
static bool first_send(struct evpg_request *request, PGconn *pg)
{
    struct tx *tx = tx_of_rows(request);
    char sql[128];

    if (!tx->outer && !send_closes(request, pg))
        return false;
    if (tx->outer)
        snprintf(sql, sizeof(sql), "savepoint %s", tx->savepoint);
    else
        tx_config_write(&tx->config, sql, sizeof(sql));
    return write_statement(pg, sql);
}

static void on_first(const struct evpg_result *result, void *arg)
{
    struct tx *tx = arg;

    if (evpg_result_error(result))
        tx_fail_by(tx, &tx->first.base, evpg_result_error(result));
    else
        tx->began = true;
}

static const struct req_ops first_ops = {
    .send = first_send,
    .streams = has_no_rows,
    .result = op_rows_result,
    .prelude = first_prelude,
    .deliver = op_rows_deliver,
    .discard = op_rows_discard,
    .abandon = op_rows_abandon,
    .finish = op_rows_finish,
    .release = release_rows,
};

static struct tx *tx_of_group(const struct evpg_request *request)
{
    return (struct tx *)(void *)((char *)request - offsetof(struct tx, group));
}

static void group_end(struct evpg_request *request, struct evpg_error *cut)
{
    group_finish(request, cut);
}

static void release_group(struct evpg_request *request)
{
    group_release(group_of(request));
    tx_release(tx_of_group(request));
}

/* What was skipped names the one that has failed, unless it was not wanted itself. */
static bool explain_skipped(const struct group *group, const struct evpg_request *member,
                            struct evpg_error *error)
{
    if (!op_rows_of(member)->failed)
        return false;
    if (member->canceled)
        err_set(error, EVPG_E_CANCELED, EVPG_FATE_NOT_EXECUTED,
                "canceled before the server came to it");
    else if (group->failed->struck)
        err_set(error, EVPG_E_ABORTED, EVPG_FATE_NOT_EXECUTED,
                "skipped, for another statement of the transaction was canceled");
    else if (group->failed_number == 1)
        err_set(error, EVPG_E_ABORTED, EVPG_FATE_NOT_EXECUTED,
                "skipped, for the transaction could not be begun");
    else
        err_set(error, EVPG_E_ABORTED, EVPG_FATE_NOT_EXECUTED,
                "skipped, for statement %zu of the transaction has failed",
                group->failed_number - 1);
    error->phase = EVPG_PHASE_SETTLING;
    return true;
}

static const struct req_ops group_ops = {
    .send = group_write,
    .streams = group_streams,
    .result = group_result,
    .deliver = group_deliver,
    .discard = group_discard,
    .abandon = group_abandon,
    .finish = group_end,
    .release = release_group,
};

void tx_begin_parts(struct tx *tx)
{
    struct group *group = &tx->group;

    memset(group, 0, sizeof(*group));
    group->base.ops = &group_ops;
    group->base.db = &tx->inner;
    group->base.alone = group->base.in_block = group->base.part = true;
    group->of = &tx->db;
    group->spoils = explain_skipped;
    group_start(group);
    make_ready(tx, &tx->first, &first_ops, on_first);
    group_add(group, &tx->first.base);
    tx_hold(tx);
    conn_enqueue_before(tx->base.conn, &group->base, &tx->base);
}

bool tx_withdraw_parts(struct tx *tx)
{
    struct evpg_request *group = &tx->group.base;

    if (group->state != REQ_QUEUED)
        return false;
    conn_detach(group->conn, &group->conn->queued, group);
    group->state = REQ_DONE;
    release_group(group); /* and with it the first statement */
    return true;
}

/* Whether a statement was; what becomes of a part of it is that one's own affair. */
static bool is_left_over(const struct tx *tx)
{
    const struct evpg_request *request;

    TAILQ_FOREACH (request, &tx->base.conn->canceled, link)
        if (request->db == &tx->db && !request->ops->begin)
            return true;
    return false;
}

/* A script may have done it. */
static bool was_ended_by_others(const struct tx *tx)
{
    return tx->began && !tx->base.conn->in_transaction;
}

/* Whether it is to be committed, now that all is known. */
static bool decide(struct tx *tx)
{
    if (is_left_over(tx))
        tx_fail_as(tx, EVPG_E_CANCELED, "a statement was canceled before it was sent");
    if (was_ended_by_others(tx))
        tx_spoil(tx);
    return !tx->why.code;
}

static bool send_rollback(struct tx *tx, PGconn *pg)
{
    char sql[64];

    if (!tx->outer)
        return write_statement(pg, tx->base.conn->in_transaction ? "rollback" : "");
    tx->last.base.preludes = 1;
    snprintf(sql, sizeof(sql), "rollback to savepoint %s", tx->savepoint);
    if (!write_statement(pg, sql))
        return false;
    snprintf(sql, sizeof(sql), "release savepoint %s", tx->savepoint);
    return write_statement(pg, sql);
}

static bool send_commit(struct tx *tx, PGconn *pg)
{
    char sql[64];

    if (!tx->outer)
        return write_statement(pg, "commit");
    snprintf(sql, sizeof(sql), "release savepoint %s", tx->savepoint);
    return write_statement(pg, sql);
}

static bool last_send(struct evpg_request *request, PGconn *pg)
{
    struct tx *tx = tx_of_rows(request);

    tx->commit_sent = decide(tx);
    tx->last.word = tx->commit_sent && !tx->outer ? SQLWORD_COMMIT : SQLWORD_ROLLBACK;
    if (!tx->commit_sent || tx->told)
        tx_hurry(tx);
    return tx->commit_sent ? send_commit(tx, pg) : send_rollback(tx, pg);
}

/* ROLLBACK TO leaves the savepoint, which is not needed any more. */
static void last_prelude(struct evpg_request *request, PGresult *result)
{
    ExecStatusType status = PQresultStatus(result);

    if (status == PGRES_COMMAND_OK)
        PQclear(result);
    else
        op_rows_result(request, result, status);
}

/* Whoever has the connection next must not be in this transaction. */
static void close_connection(struct tx *tx, const struct evpg_error *error)
{
    struct conn *conn = tx->base.conn;
    struct evpg_error why;

    err_set(&why, EVPG_E_LOST, EVPG_FATE_UNKNOWN,
            "a transaction could not be rolled back, and so it was closed: %s", error->message);
    err_set_sqlstate(&why, "08006");
    conn_down(conn, &why);
}

/* A COMMIT that has failed has ended the transaction, as a rule. */
static void note_commit(struct tx *tx, const struct evpg_error *error)
{
    tx->commit_sent = false;
    tx_fail(tx, error);
    if (tx->outer || tx->base.conn->in_transaction)
        tx_end_parts(tx);
    else
        tx_over(tx, false);
}

static void on_last(const struct evpg_result *result, void *arg)
{
    struct tx *tx = arg;
    const struct evpg_error *error = evpg_result_error(result);

    if (error && tx->commit_sent) {
        note_commit(tx, error);
        return;
    }
    if (error && !tx->outer) {
        close_connection(tx, error);
        return;
    }
    if (error)
        tx_fail(tx->outer, error);
    tx_over(tx, false);
}

/* Cut off with its connection, it has nothing to say: the transaction is as well. It has a deadline
 * only when it must be over. */
static void last_finish(struct evpg_request *request, struct evpg_error *cut)
{
    struct tx *tx = tx_of_rows(request);

    if (!cut)
        op_rows_finish(request, NULL);
    else if (cut->code == EVPG_E_TIMEOUT && !tx_is_lost(tx))
        close_connection(tx, cut);
}

static const struct req_ops last_ops = {
    .send = last_send,
    .streams = has_no_rows,
    .result = op_rows_result,
    .prelude = last_prelude,
    .deliver = op_rows_deliver,
    .discard = op_rows_discard,
    .abandon = op_rows_abandon,
    .finish = last_finish,
    .release = release_rows,
};

void tx_end_parts(struct tx *tx)
{
    make_ready(tx, &tx->last, &last_ops, on_last);
    tx->last.base.alone = true;
    conn_enqueue_before(tx->base.conn, &tx->last.base, &tx->base);
}

void tx_hurry(struct tx *tx)
{
    struct conn *conn = tx->base.conn;
    int wait_ms = conn->config.cancel_wait_timeout_ms;

    tx->last.base.timeout_ms = wait_ms;
    if (wait_ms >= 0 && conn->deadlines->timer) /* not of a pool that is being freed */
        deadline_set(conn->deadlines, &tx->last.base, budget_now_ns() + (int64_t)wait_ms * 1000000);
}
