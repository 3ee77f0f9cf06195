/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef OP_ROWS_H
#define OP_ROWS_H

#include "conn.h"
#include "result.h"
#include "sqlword.h"

#define OP_ROWS_TAG_SIZE 64 /* COMPLETION_TAG_BUFSIZE of the server */

/* What operations that are answered by rows have in common; their first member. */
struct op_rows {
    struct evpg_request base;
    evpg_row_cb on_row;
    evpg_done_cb on_done;
    void *arg;
    const char *sql;
    enum sqlword word;
    /* What the library itself does with the rows that were kept. False: it fails, with an error. */
    bool (*learn)(struct op_rows *rows, struct evpg_error *error);
    PGresult *rows; /* that are being delivered */
    int row_count;  /* of them */
    int next_row;   /* in them */
    /* Rows of a suspect, which may yet have to be sent again: delivered when it is none any more.
     */
    PGresult **held;
    int n_held, next_held, held_room;
    size_t held_bytes;
    PGresult *last;   /* the final one: columns, and rows if they are kept */
    PGresult *failed; /* the server's error */
    /* A row's, of a member of a group, whose end comes after others' rows; or NULL. */
    struct evpg_error *row_failed;
    int statement; /* of a script: how many are answered */
    uint64_t n_rows;
    enum evpg_phase failed_in;
    bool more;                /* rows may follow those that are being delivered */
    bool muted;               /* no more rows are wanted */
    bool stopped;             /* by EVPG_STOP; else muted is by EVPG_FAIL */
    bool committed;           /* some of it, by the tags: an error does not undo all */
    bool rolled_back;         /* what was to be committed */
    bool ignored;             /* by a transaction block that has failed, whatever the error says */
    bool dropped;             /* some rows were thrown away for that */
    bool counted;             /* the statistics have its rows */
    bool shares;              /* it is one of several that the server runs as one */
    enum evpg_code discarded; /* or by close, cancel or a deadline; 0: not */
    char tag[OP_ROWS_TAG_SIZE];
};

static inline struct op_rows *op_rows_of(const struct evpg_request *request)
{
    return (struct op_rows *)request;
}

/* As it was when it was submitted; what has come is freed. */
void op_rows_reset(struct op_rows *rows);

/* What the server's answer, and the row callback's, amount to. False: success. */
bool op_rows_judge(const struct op_rows *rows, struct evpg_error *error);

/* Frees what it has, but not itself. */
void op_rows_clear(struct op_rows *rows);

/* For struct req_ops; see there. */
bool op_rows_result(struct evpg_request *request, PGresult *result, ExecStatusType status);
void op_rows_deliver(struct evpg_request *request, struct budget *budget);
void op_rows_discard(struct evpg_request *request, enum evpg_code code);
void op_rows_abandon(struct evpg_request *request);
void op_rows_finish(struct evpg_request *request, struct evpg_error *cut);
void op_rows_release(struct evpg_request *request);

#endif
