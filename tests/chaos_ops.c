/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * chaos_ops: see chaos_ops.h.
 *
 * Called by the links, and from the library's callbacks. Requests live in a pool. One that is done
 * is the last to be used again, some thousands of requests later: a second completion, or a row
 * that comes too late, finds it as it was left.
 */
#include "chaos_ops.h"

#include "chaos_ledger.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

enum { N_OPS = 4096, PATIENCE_MS = 20000, N_CODES = EVPG_E_MEMORY + 1, N_FATES = 5 };

struct op {
    const struct kind *kind;
    struct link *link;
    struct evpg_request *request; /* which callbacks must name */
    struct evpg_request *handle;  /* NULL once it is done */
    int64_t number;               /* its own, which its rows must have; the ledger's */
    int rows, rows_due;
    int pause_at; /* the row */
    bool in_use, late;
    double since_ms, resume_ms;
};

struct kind {
    const char *name;
    int weight;
    struct evpg_request *(*submit)(struct op *op);
    bool in_ledger;
    bool (*row_is_right)(const struct op *op, const struct evpg_row *row); /* NULL: none comes */
    const char *sqlstate; /* how it must fail, when it is answered; NULL: it must succeed */
    bool given_up;        /* by us, before it is sent */
    bool is_many;         /* statements: it has no rows of its own */
    bool rolled_back;     /* by us */
};

static struct op ops[N_OPS], *waiting[N_OPS]; /* a ring of those that are not in use */
static int first_waiting, n_waiting, last_due;
static bool in_callback; /* of a request that is done */
static struct chance chance;
static int64_t accepted, refused, succeeded, n_rows, abandoned;
static int64_t failed[N_CODES][N_FATES];

static enum evpg_flow on_row(const struct evpg_row *row, void *arg);
static enum evpg_flow on_statement_row(const struct evpg_row *row, void *arg);
static void on_done(const struct evpg_result *result, void *arg);

static struct evpg_request *submit_sql(struct op *op, const char *sql)
{
    return evpg_query(op->link->db, sql, EVPG_PARAMS(evpg_int64(op->number)), on_row, on_done, op);
}

static struct evpg_request *submit_insert(struct op *op)
{
    return submit_sql(op, "insert into ledger values ($1)");
}

static struct evpg_request *submit_marker(struct op *op)
{
    op->rows_due = 1;
    return submit_sql(op, "select $1::int8, 'marker'");
}

static struct evpg_request *submit_slow(struct op *op)
{
    op->rows_due = 1;
    return submit_sql(op, "select $1::int8, 'marker' from pg_sleep(0.05)");
}

static struct evpg_request *submit_stream(struct op *op)
{
    op->rows_due = chance_of(&chance, 1000, 5000);
    op->pause_at = once_in(&chance, 3) ? chance_of(&chance, 1, op->rows_due) : 0;
    return evpg_query(
        op->link->db, "select $1::int8 + g, 'row', repeat('x', 20) from generate_series(1, $2) g",
        EVPG_PARAMS(evpg_int64(op->number), evpg_int32(op->rows_due)), on_row, on_done, op);
}

static struct evpg_request *submit_strings(struct op *op)
{
    char sql[120];

    op->rows_due = 1;
    snprintf(sql, sizeof(sql),
             "insert into ledger values (%" PRId64 "); select %" PRId64 "::int8, 'marker'",
             op->number, op->number);
    return evpg_script(op->link->db, sql, on_row, on_done, op);
}

static struct evpg_request *submit_failure(struct op *op)
{
    return submit_sql(op, "select $1::int8 / 0");
}

/* The row is there already when the statement fails. */
static struct evpg_request *submit_failing_insert(struct op *op)
{
    return submit_sql(op, "with one as (insert into ledger values ($1) returning op)"
                          " select op / 0 from one");
}

static void insert_in(struct evpg_db *tx, void *arg)
{
    struct op *op = arg;

    evpg_query(tx, "insert into ledger values ($1)", EVPG_PARAMS(evpg_int64(op->number)), NULL,
               NULL, NULL);
    evpg_query(tx, "select $1::int8, 'marker'", EVPG_PARAMS(evpg_int64(op->number)),
               on_statement_row, NULL, op);
}

static void commit_insert(struct evpg_db *tx, void *arg)
{
    insert_in(tx, arg);
    evpg_commit(tx);
}

static void roll_insert_back(struct evpg_db *tx, void *arg)
{
    insert_in(tx, arg);
    evpg_rollback(tx, "by chance");
}

static struct evpg_request *submit_transaction(struct op *op)
{
    op->rows_due = 1;
    return evpg_transaction(op->link->db, NULL, commit_insert, on_done, op);
}

static struct evpg_request *submit_rollback(struct op *op)
{
    return evpg_transaction(op->link->db, NULL, roll_insert_back, on_done, op);
}

static struct evpg_request *submit_batch(struct op *op)
{
    struct evpg_batch *batch = evpg_batch_new(op->link->db);

    op->rows_due = 1;
    evpg_batch_add(batch, "insert into ledger values ($1)", EVPG_PARAMS(evpg_int64(op->number)),
                   NULL, NULL, NULL);
    evpg_batch_add(batch, "select $1::int8, 'marker'", EVPG_PARAMS(evpg_int64(op->number)),
                   on_statement_row, NULL, op);
    return evpg_batch_submit(batch, on_done, op);
}

static bool marker_is_right(const struct op *op, const struct evpg_row *row)
{
    int64_t number = -1;

    return evpg_row_int64(row, 0, &number) == 0 && number == op->number &&
           strcmp(evpg_row_text_or(row, 1, ""), "marker") == 0;
}

static bool stream_is_right(const struct op *op, const struct evpg_row *row)
{
    int64_t number = -1;

    return evpg_row_int64(row, 0, &number) == 0 && number == op->number + op->rows &&
           strcmp(evpg_row_text_or(row, 1, ""), "row") == 0;
}

static const struct kind kinds[] = {
    {"insert", 380, submit_insert, true, NULL, NULL, false, false, false},
    {"marker", 370, submit_marker, false, marker_is_right, NULL, false, false, false},
    {"slow marker", 30, submit_slow, false, marker_is_right, NULL, false, false, false},
    {"stream", 6, submit_stream, false, stream_is_right, NULL, false, false, false},
    {"script", 30, submit_strings, true, marker_is_right, NULL, false, false, false},
    {"failure", 24, submit_failure, false, NULL, "22012", false, false, false},
    {"failing insert", 20, submit_failing_insert, true, NULL, "22012", false, false, false},
    {"canceled insert", 30, submit_insert, true, NULL, NULL, true, false, false},
    {"abandoned marker", 20, submit_marker, false, marker_is_right, NULL, true, false, false},
    {"transaction", 40, submit_transaction, true, marker_is_right, NULL, false, true, false},
    {"batch", 40, submit_batch, true, marker_is_right, NULL, false, true, false},
    {"rollback", 10, submit_rollback, true, marker_is_right, NULL, false, true, true},
};
static const struct kind *const marker = &kinds[1], *const abandoned_marker = &kinds[8],
                                *const last_marker = &(struct kind){
                                    "last marker", 0,     submit_marker, false, marker_is_right,
                                    NULL,          false, false,         false};

enum { N_KINDS = sizeof(kinds) / sizeof(*kinds), ALL_WEIGHTS = 1000 };

static void op_fails(const struct op *op, const char *what)
{
    chaos_fail("%s %" PRId64 " on connection %d: %s", op->kind->name, op->number,
               (int)(op->link - links), what);
}

/* False: it comes too late for anything. */
static bool note_row(struct op *op, const struct evpg_row *row)
{
    if (!op->in_use) {
        op_fails(op, "a row after its completion");
        return false;
    }
    op->link->moved_ms = now_ms();
    op->rows++;
    n_rows++;
    if (!op->kind->row_is_right || !op->kind->row_is_right(op, row))
        op_fails(op, "a wrong row");
    return true;
}

static enum evpg_flow on_row(const struct evpg_row *row, void *arg)
{
    struct op *op = arg;

    if (!note_row(op, row))
        return EVPG_NEXT;
    if (evpg_row_request(row) != op->request)
        op_fails(op, "a row of another request");
    if (op->rows != op->pause_at)
        return EVPG_NEXT;
    op->resume_ms = now_ms() + chance_of(&chance, 0, 300);
    return EVPG_PAUSE;
}

/* Of one of several statements. */
static enum evpg_flow on_statement_row(const struct evpg_row *row, void *arg)
{
    note_row(arg, row);
    return EVPG_NEXT;
}

static void release(struct op *op)
{
    op->in_use = false;
    waiting[(first_waiting + n_waiting++) % N_OPS] = op;
}

static void check_success(const struct op *op, const struct evpg_result *result)
{
    if (op->kind->sqlstate || op->kind->rolled_back)
        op_fails(op, "has succeeded");
    if (op->kind->given_up)
        op_fails(op, "was canceled before it was sent, and has succeeded");
    if (op->rows != op->rows_due)
        op_fails(op, "not the rows that were due");
    if (!op->kind->is_many &&
        evpg_result_affected(result) != (uint64_t)(op->rows_due > 0 ? op->rows_due : 1))
        op_fails(op, "affected not what was due");
}

/* An error of the server's that is neither the statement's nor the session's end is wrong, and so
 * is all that speaks of a confusion. */
static void check_failure(const struct op *op, const struct evpg_error *error)
{
    const char *state = evpg_error_sqlstate(error);
    enum evpg_code code = evpg_error_code(error);
    bool right = code == EVPG_E_SERVER
                     ? op->kind->sqlstate && strcmp(state, op->kind->sqlstate) == 0
                     : code == EVPG_E_CONNECT || code == EVPG_E_LOST || code == EVPG_E_TIMEOUT ||
                           code == EVPG_E_CLOSED || code == EVPG_E_TLS ||
                           (code == EVPG_E_CANCELED && op->kind->given_up) ||
                           (code == EVPG_E_ROLLED_BACK && op->kind->rolled_back);

    if (!right || op->kind == last_marker)
        op_fails(op, evpg_error_message(error));
    if (op->kind->given_up && evpg_error_fate(error) != EVPG_FATE_NOT_SENT)
        op_fails(op, "was canceled before it was sent, and has another fate");
}

static void on_done(const struct evpg_result *result, void *arg)
{
    struct op *op = arg;
    const struct evpg_error *error = evpg_result_error(result);

    if (!op->in_use) {
        op_fails(op, "completed again");
        return;
    }
    if (evpg_result_request(result) != op->request || op->handle)
        op_fails(op, "the completion of another request");
    op->link->moved_ms = now_ms();
    op->link->in_flight--;
    last_due -= op->kind == last_marker;
    if (error) {
        failed[evpg_error_code(error)][evpg_error_fate(error)]++;
        check_failure(op, error);
    } else {
        succeeded++;
        check_success(op, result);
    }
    if (op->kind->in_ledger)
        book_note(op->number, error);
    release(op);
    if (once_in(&chance, 20) && link_has_room(op->link)) {
        in_callback = true;
        ops_submit(op->link);
        in_callback = false;
    }
}

static const struct kind *choose_kind(void)
{
    int number = chance_of(&chance, 0, ALL_WEIGHTS - 1);
    int i = 0;

    while (number >= kinds[i].weight)
        number -= kinds[i++].weight;
    return &kinds[i];
}

static struct op *take(const struct kind *kind, struct link *link)
{
    static int64_t next_marker = INT64_C(1000000000000);
    struct op *op = waiting[first_waiting];
    int64_t number = kind->in_ledger ? book_next() : -1;

    first_waiting = (first_waiting + 1) % N_OPS;
    n_waiting--;
    *op = (struct op){.kind = number < 0 && kind->in_ledger ? marker : kind, .link = link};
    op->number = number < 0 ? (next_marker += 10000) : number;
    op->in_use = true;
    op->since_ms = now_ms();
    return op;
}

static void give_up(struct op *op)
{
    if (op->kind != abandoned_marker) {
        evpg_request_cancel(op->request);
        return;
    }
    evpg_request_abandon(op->request);
    if (op->handle)
        op_fails(op, "abandoned, and its handle is kept");
    op->link->in_flight--;
    abandoned++;
    release(op);
}

/* Amid a loss we may not have been told yet: nothing else is a reason. */
static void note_refusal(struct op *op)
{
    if (errno != ENOTCONN || !in_callback)
        op_fails(op, strerror(errno));
    refused++;
    if (op->kind->in_ledger)
        book_note_refusal(op->number);
    release(op);
}

static struct op *post(const struct kind *kind, struct link *link)
{
    struct op *op = take(kind, link);

    op->request = op->kind->submit(op);
    if (!op->request) {
        note_refusal(op);
        return NULL;
    }
    accepted++;
    link->in_flight++;
    evpg_request_set_handle(op->request, &op->handle);
    if (op->kind->given_up)
        give_up(op);
    return op;
}

void ops_submit(struct link *link)
{
    post(choose_kind(), link);
}

void ops_submit_last(struct link *link)
{
    if (post(last_marker, link))
        last_due++;
    else
        chaos_fail("connection %d refused its last marker", (int)(link - links));
}

int ops_last_due(void)
{
    return last_due;
}

void ops_begin(void)
{
    chance.state = options.seed + 1;
    for (int i = 0; i < N_OPS; i++)
        waiting[i] = &ops[i];
    n_waiting = N_OPS;
}

void ops_tick(void)
{
    double now = now_ms();

    for (struct op *op = ops; op < ops + N_OPS; op++) {
        if (!op->in_use)
            continue;
        if (op->resume_ms > 0 && op->resume_ms <= now) {
            op->resume_ms = 0;
            evpg_request_resume(op->handle);
        }
        if (!op->late && now - op->since_ms > PATIENCE_MS) {
            op->late = true;
            op_fails(op, "not completed in 20 s");
        }
    }
}

bool ops_all_done(void)
{
    return n_waiting == N_OPS;
}

static void report_failures(void)
{
    static const char *const codes[N_CODES] = {
        "",       "SERVER",  "CONNECT",     "AUTH",  "TLS",   "LOST",     "TIMEOUT", "CANCELED",
        "CLOSED", "ABORTED", "ROLLED_BACK", "VALUE", "LIMIT", "PROTOCOL", "MEMORY"};
    static const char *const fates[N_FATES] = {"", "NOT_SENT", "NOT_EXECUTED", "EXECUTED",
                                               "UNKNOWN"};

    for (int code = 1; code < N_CODES; code++)
        for (int fate = 1; fate < N_FATES; fate++)
            if (failed[code][fate] > 0)
                printf("  failed %s %s: %" PRId64 "\n", codes[code], fates[fate],
                       failed[code][fate]);
}

void ops_report(void)
{
    int64_t all_failed = 0;

    for (int i = 0; i < N_CODES * N_FATES; i++)
        all_failed += failed[i / N_FATES][i % N_FATES];
    printf("operations: accepted %" PRId64 ", refused %" PRId64 ", rows %" PRId64 "\n", accepted,
           refused, n_rows);
    printf("  succeeded %" PRId64 ", failed %" PRId64 ", abandoned %" PRId64 "\n", succeeded,
           all_failed, abandoned);
    report_failures();
    if (accepted != succeeded + all_failed + abandoned)
        chaos_fail("%" PRId64 " accepted, and %" PRId64 " completed", accepted - abandoned,
                   succeeded + all_failed);
}
