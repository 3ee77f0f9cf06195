/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * op_submit: how operations that are answered by rows begin.
 *
 * Called by op_query.c and op_script.c. Invariants: what cannot be sent is refused before anything
 * is made of it; a request that its db refuses is freed, and none of its callbacks called.
 */
#include "op_submit.h"

#include "mem.h"
#include "params.h"

#include <errno.h>
#include <string.h>

bool op_submit_check(struct evpg_db *db, const char *sql, size_t *length, enum sqlword *word)
{
    if (!db || !sql)
        return !db_refuse(db, EINVAL, "the statement is NULL");
    *length = strlen(sql);
    if (*length > PARAMS_MAX_BYTES)
        return !db_refuse(db, EINVAL, "the statement is longer than one may be");
    *word = sqlword_of(sql);
    if (*word == SQLWORD_COPY)
        return !db_refuse(db, EINVAL, "COPY cannot be run as a query");
    return true;
}

struct evpg_request *op_submit(struct op_rows *rows, struct evpg_db *db, evpg_row_cb on_row,
                               evpg_done_cb on_done, void *arg)
{
    int refusal;

    rows->base.db = db;
    rows->base.pins = sqlword_pins(rows->word);
    rows->on_row = on_row;
    rows->on_done = on_done;
    rows->arg = arg;
    refusal = db_submit(db, &rows->base);
    if (refusal == 0)
        return &rows->base;
    mem_free(rows);
    errno = refusal;
    return NULL;
}
