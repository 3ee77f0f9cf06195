/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * op_many: evpg_many, one statement with many sets of parameters, as one transaction.
 *
 * Called by the application; driven by the pipeline through its req_ops. The sets are sent in
 * windows, each ended by a Flush, the last by the one Sync; there are never more than a window of
 * them on the wire, so neither libpq's memory nor the server's output grows with their number.
 * Invariants: it is alone on its connection; after an error nothing is sent any more but the Sync,
 * when all that was sent has been answered, as libpq needs it; where nobody wants it any more and
 * sets are left, the rest is not left out, which would commit a part: the session is made to stop
 * itself.
 */
#include "mem.h"
#include "op_statement.h"
#include "op_submit.h"
#include "params_packed.h"

#include <evpg/batch.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define WINDOW 512
#define WINDOW_BYTES ((size_t)256 << 10)

/* The server takes the first as a cancel request that comes in time; if it should not, the second
 * fails for certain. */
static const char *const stop_sql[] = {
    "select pg_catalog.pg_cancel_backend(pg_catalog.pg_backend_pid())", "select 1 / 0"};

struct many {
    struct op_rows rows;
    struct statement statement;
    struct preparing preparing;
    struct params set; /* the one that is being sent */
    size_t n_sets, n_sent, n_answered;
    const char *first, *next; /* packed; to be sent */
    size_t failed_set;        /* from 1; 0: none has failed */
    bool stopping;            /* the last two that were sent are no sets */
    uint64_t affected;
    char *sql;
    max_align_t memory[]; /* the arrays of `set`, the SQL, the sets */
};

static struct many *many_of(const struct evpg_request *request)
{
    return (struct many *)request; /* its first member's */
}

static bool send_set(struct many *many, PGconn *pg)
{
    many->next = params_unpack(&many->set, many->next);
    if (many->n_sent++ > 0)
        return statement_send(&many->statement, &many->rows, &many->set, pg);
    if (!statement_send_first(&many->statement, &many->preparing, &many->rows, &many->set, pg))
        return false;
    many->statement.planned = many->statement.stmt; /* prepared with the first, or not at all */
    return true;
}

static bool send_sets(struct many *many, PGconn *pg)
{
    const char *start = many->next;

    while (many->n_sent < many->n_sets && many->n_sent - many->n_answered < WINDOW &&
           (size_t)(many->next - start) < WINDOW_BYTES)
        if (!send_set(many, pg))
            return false;
    return true;
}

/* Behind a window the answers are asked for; behind the last, the end. */
static bool send_end(struct many *many, PGconn *pg)
{
    many->rows.base.unsent = many->n_sent < many->n_sets && !many->stopping;
    return many->rows.base.unsent ? PQsendFlushRequest(pg) == 1 : pq_send_sync(pg);
}

static bool many_send(struct evpg_request *request, PGconn *pg)
{
    struct many *many = many_of(request);

    many->next = many->first;
    many->n_sent = many->n_answered = many->failed_set = 0;
    many->affected = many->rows.n_rows = 0;
    many->stopping = false;
    if (!send_sets(many, pg))
        return false;
    request->unsent = many->n_sent < many->n_sets;
    return !request->unsent || PQsendFlushRequest(pg) == 1;
}

static bool is_unwanted(const struct many *many)
{
    return many->rows.discarded || many->rows.base.abandoned || many->rows.base.canceled;
}

static bool send_stop(struct many *many, PGconn *pg)
{
    many->stopping = true;
    many->n_sent += 2;
    return PQsendQueryParams(pg, stop_sql[0], 0, NULL, NULL, NULL, NULL, 0) == 1 &&
           PQsendQueryParams(pg, stop_sql[1], 0, NULL, NULL, NULL, NULL, 0) == 1;
}

/* After an error, the Sync alone; else when half of the window is answered, unless the last one
 * still waits for the socket. */
static bool many_more(struct evpg_request *request, PGconn *pg)
{
    struct many *many = many_of(request);
    size_t on_wire = many->n_sent - many->n_answered;

    if (many->rows.failed) {
        request->unsent = on_wire > 0;
        return on_wire > 0 || pq_send_sync(pg);
    }
    if (on_wire > WINDOW / 2 || (on_wire > 0 && request->conn->write_waits))
        return true;
    if (is_unwanted(many) ? !send_stop(many, pg) : !send_sets(many, pg))
        return false;
    return send_end(many, pg);
}

static bool many_streams(const struct evpg_request *request)
{
    (void)request;
    return false;
}

static void note_failure(struct many *many)
{
    if (!many->rows.failed && many->rows.base.state != REQ_SETTLING && !many->stopping)
        many->failed_set = many->n_answered + 1;
}

static void many_prelude(struct evpg_request *request, PGresult *result)
{
    struct many *many = many_of(request);

    if (PQresultStatus(result) == PGRES_FATAL_ERROR)
        note_failure(many);
    statement_prelude(&many->statement, &many->preparing, &many->rows, result);
}

/* Rows are only counted. */
static bool many_result(struct evpg_request *request, PGresult *result, ExecStatusType status)
{
    struct many *many = many_of(request);

    if (status == PGRES_COMMAND_OK || (status == PGRES_TUPLES_OK && *PQcmdStatus(result))) {
        many->affected += result_count(PQcmdStatus(result));
        many->rows.n_rows += (uint64_t)PQntuples(result);
        PQclear(result);
        return true;
    }
    if (status == PGRES_FATAL_ERROR) {
        note_failure(many);
        statement_failed(&many->statement, &many->preparing, &many->rows, result);
    }
    return op_rows_result(request, result, status);
}

static bool many_next(struct evpg_request *request)
{
    struct many *many = many_of(request);

    many->n_answered++;
    if (many->n_answered < many->n_sent)
        return true;
    return request->unsent && !many->rows.failed;
}

static bool many_stale(const struct evpg_request *request)
{
    return statement_is_stale(&many_of(request)->preparing, request, request->suspect);
}

static void many_reset(struct evpg_request *request)
{
    struct many *many = many_of(request);

    statement_release(&many->statement);
    statement_reset(&many->preparing, &many->rows, request->suspect);
}

static uint64_t count_affected(const struct evpg_request *request)
{
    return many_of(request)->affected;
}

/* Whose it was stands before it. */
static void blame(const struct many *many, struct evpg_error *error)
{
    char name[60];

    if (many->failed_set > 0)
        snprintf(name, sizeof(name), "set %zu of %zu", many->failed_set, many->n_sets);
    else
        snprintf(name, sizeof(name), "after %zu of %zu sets",
                 many->n_answered < many->n_sets ? many->n_answered : many->n_sets, many->n_sets);
    err_prefix(error, name);
}

/* Without its Sync the server does not commit. */
static void judge_cut(const struct many *many, struct evpg_error *cut)
{
    if (cut->fate == EVPG_FATE_UNKNOWN && many->rows.base.unsent)
        cut->fate = EVPG_FATE_NOT_EXECUTED;
}

/* When its time is up, it is told of that, and later of its answer, when there is nobody left. */
static void many_finish(struct evpg_request *request, struct evpg_error *cut)
{
    struct many *many = many_of(request);
    struct op_rows *rows = &many->rows;
    evpg_done_cb on_done = rows->on_done;
    struct evpg_error judged;
    struct evpg_result result = {.request = request, .db = request->db, .tag = ""};

    if (cut)
        judge_cut(many, cut);
    else if (op_rows_judge(rows, &judged))
        blame(many, cut = &judged);
    if (cut) {
        req_describe(request, many->sql, cut);
        many->affected = rows->n_rows = 0;
    }
    result.error = cut;
    result.rows = rows->n_rows;
    result.affected = count_affected;
    result.set = &request->conn->row_set;
    if (request->db->stats && !rows->counted)
        request->db->stats->all.rows += result.rows;
    rows->counted = true;
    rows->on_done = NULL;
    db_note_done(request, cut);
    if (on_done)
        on_done(&result, rows->arg);
}

static void many_release(struct evpg_request *request)
{
    statement_release(&many_of(request)->statement);
    op_rows_release(request);
}

static const struct req_ops many_ops = {
    .send = many_send,
    .streams = many_streams,
    .result = many_result,
    .prelude = many_prelude,
    .next = many_next,
    .more = many_more,
    .stale = many_stale,
    .unseen = statement_may_be_renewed,
    .reset = many_reset,
    .deliver = op_rows_deliver,
    .discard = op_rows_discard,
    .abandon = op_rows_abandon,
    .finish = many_finish,
    .release = many_release,
};

/* What is found out about the sets before anything is made of them. */
struct measures {
    size_t sql_length, packed_bytes, largest;
};

static bool check_set(struct evpg_db *db, const struct evpg_param *params, size_t n_params,
                      size_t number, struct measures *of)
{
    char why[200];
    size_t size;

    if (!params_measure(params, n_params, &size, why, sizeof(why))) {
        db_refuse(db, EINVAL, "set %zu: %s", number, why);
        return false;
    }
    if (of->sql_length + size > PARAMS_MAX_BYTES) {
        db_refuse(db, EINVAL, "set %zu: with its statement longer than one may be", number);
        return false;
    }
    if (size > SIZE_MAX / 2 - of->packed_bytes) {
        db_refuse(db, ENOMEM, "set %zu: with those before it more than there is room for", number);
        return false;
    }
    of->largest = size > of->largest ? size : of->largest;
    of->packed_bytes += params_packed_size(params, n_params);
    return true;
}

static bool check(struct evpg_db *db, const char *sql, const struct evpg_param *params,
                  size_t n_params, size_t n_sets, struct measures *of)
{
    enum sqlword word;

    *of = (struct measures){0, 0, 0};
    if (!op_submit_check(db, sql, &of->sql_length, &word))
        return false;
    if (word != SQLWORD_PLAIN)
        return !db_refuse(db, EINVAL, "this statement has to run by itself, once");
    if (n_sets == 0 ||
        (n_params > 0 && (!params || n_sets > SIZE_MAX / n_params / sizeof(*params))))
        return !db_refuse(db, EINVAL, "%zu sets of %zu parameters", n_sets, n_params);
    for (size_t i = 0; i < n_sets; i++)
        if (!check_set(db, params + i * n_params, n_params, i + 1, of))
            return false;
    return true;
}

/* One that has none takes that of the others. False: they differ. */
static bool merge_types(struct evpg_db *db, Oid *types, const struct params *set, size_t number)
{
    for (int i = 0; i < set->count; i++) {
        if (set->types[i] != 0 && types[i] != 0 && set->types[i] != types[i])
            return !db_refuse(db, EINVAL,
                              "set %zu: parameter $%d: its type is not that of those before",
                              number, i + 1);
        if (set->types[i] != 0)
            types[i] = set->types[i];
    }
    return true;
}

static bool pack_all(struct evpg_db *db, struct many *many, const struct evpg_param *params,
                     size_t n_params, void *scratch)
{
    char *end = (char *)many->first;
    struct params set;

    for (size_t i = 0; i < many->n_sets; i++) {
        params_copy(&set, params + i * n_params, n_params, scratch);
        if (!merge_types(db, many->set.types, &set, i + 1))
            return false;
        end = params_pack(&set, end);
    }
    return true;
}

/* In the order of their alignment. */
static void lay_out(struct many *many, const char *sql, size_t n_params, const struct measures *of)
{
    struct params *set = &many->set;

    set->count = (int)n_params;
    set->values = (const char **)many->memory;
    set->lengths = (int *)(set->values + n_params);
    set->formats = set->lengths + n_params;
    set->types = (Oid *)(set->formats + n_params);
    memset(many->memory, 0, (size_t)((char *)(set->types + n_params) - (char *)many->memory));
    many->sql = memcpy(set->types + n_params, sql, of->sql_length + 1);
    many->first = many->sql + of->sql_length + 1;
}

static struct many *make(const char *sql, size_t n_params, size_t n_sets, const struct measures *of)
{
    size_t arrays = n_params * PARAMS_SLOT;
    size_t size = sizeof(struct many) + arrays + of->sql_length + 1 + of->packed_bytes;
    struct many *many = mem_take(size);

    if (!many)
        return NULL;
    memset(many, 0, sizeof(*many));
    many->n_sets = n_sets;
    lay_out(many, sql, n_params, of);
    many->rows.base.ops = &many_ops;
    many->rows.base.size = size;
    many->rows.base.alone = true;
    many->rows.sql = many->sql;
    many->rows.shares = true;
    return many;
}

struct evpg_request *evpg_many(struct evpg_db *db, const char *sql, const struct evpg_param *params,
                               size_t n_params, size_t n_sets, evpg_done_cb on_done, void *arg)
{
    struct measures of;
    struct many *many = NULL;
    void *scratch;
    bool packed;
    int refusal;

    if (!check(db, sql, params, n_params, n_sets, &of))
        return NULL;
    scratch = mem_take(of.largest);
    many = scratch ? make(sql, n_params, n_sets, &of) : NULL;
    packed = many && pack_all(db, many, params, n_params, scratch);
    if (!many)
        db_lacks_memory(db);
    refusal = packed ? 0 : errno;
    mem_free(scratch);
    if (!packed) {
        mem_free(many);
        errno = refusal;
        return NULL;
    }
    statement_make(&many->statement, many->sql, of.sql_length, SQLWORD_PLAIN, &many->set);
    return op_submit(&many->rows, db, NULL, on_done, arg);
}
