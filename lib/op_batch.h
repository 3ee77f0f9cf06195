/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef OP_BATCH_H
#define OP_BATCH_H

#include "arena.h"
#include "op_statement.h"

#include <evpg/batch.h>

/* One statement of a batch, in the batch's arena, as all that it points at. */
struct member {
    STAILQ_ENTRY(member) link;
    struct statement *statement; /* also of those behind it that run the same */
    struct params params;
    evpg_row_cb on_row;
    evpg_done_cb on_done;
    void *arg;
    /* What came of it, from when its answer has ended. */
    PGresult *last;
    const char *tag; /* in its room, or in that of one before it, which has the same */
    uint64_t n_rows;
    unsigned preludes; /* of its own */
    bool muted, stopped, dropped;
    char room[OP_ROWS_TAG_SIZE];
};

/* A batch, and the request that becomes of it. */
struct evpg_batch {
    struct op_rows rows; /* of the member whose answer comes; and what has failed, of any */
    struct preparing preparing;
    struct arena arena;
    STAILQ_HEAD(, member) members;
    struct statement *statements; /* of them all, the last one first */
    size_t n_members;
    int refusal; /* an errno: it cannot be submitted */

    struct member *at;      /* whose answer comes; before it is sent, the last one */
    int at_number;          /* its, from 0 */
    const char *tag;        /* the last that has come, */
    uint64_t tag_count;     /* what it counts, */
    uint64_t affected;      /* and what all of them do */
    bool listened;          /* some member has a done callback */
    struct member *culprit; /* that has failed, */
    int culprit_number;     /* and its; */
    bool failed_at_end;     /* or none has, but the end */
    bool seen;              /* some row has been delivered */
    bool rowful;            /* some member has had more than a tag */
    bool suspect;           /* as it was before a member's answer had come */

    struct member *row_failed; /* the first whose row callback has; or NULL */

    evpg_done_cb on_done; /* its own */
    void *arg;
    bool told;                  /* calling the done callbacks has begun */
    bool is_telling;            /* and is not over; then these come next, and there is */
    struct member *to_tell;     /* NULL: its own */
    int to_tell_number;         /* from 0 */
    int n_calls;                /* of them that are running */
    bool failed;                /* for a reason, */
    bool cut;                   /* which is the same for all */
    struct evpg_request *outer; /* that began to call its own before this did */

    /* Of no content until there is a reason for it; all before is zero at first. */
    char why[256];               /* it cannot be submitted */
    struct evpg_error row_error; /* of row_failed */
    struct evpg_error error;     /* lives as long as this: callbacks are called by two frames */
};

static inline struct evpg_batch *op_batch_of(const struct evpg_request *request)
{
    return (struct evpg_batch *)request; /* its first member's */
}

/* Makes an empty one; NULL without memory. */
struct evpg_batch *op_batch_new(void);

/* Frees it, as one that was not submitted. */
void op_batch_release(struct evpg_batch *batch);

#endif
