/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * op_script: evpg_script, several statements in one string by the simple protocol.
 *
 * Called by the application; driven by the pipeline through its req_ops, of which op_rows.c has
 * most. Invariants: libpq sends such a string outside its pipeline mode only, so a script is alone
 * on its connection; it is one block of memory, made when it is submitted.
 */
#include "mem.h"
#include "op_submit.h"

#include <evpg/query.h>

#include <string.h>

struct script {
    struct op_rows rows;
    char sql[];
};

static bool script_send(struct evpg_request *request, PGconn *pg)
{
    return PQsendQuery(pg, op_rows_of(request)->sql) == 1;
}

/* Also where nobody wants rows: they are not to be collected. */
static bool script_streams(const struct evpg_request *request)
{
    (void)request;
    return true;
}

static const struct req_ops script_ops = {
    .send = script_send,
    .streams = script_streams,
    .result = op_rows_result,
    .deliver = op_rows_deliver,
    .discard = op_rows_discard,
    .abandon = op_rows_abandon,
    .finish = op_rows_finish,
    .release = op_rows_release,
};

struct evpg_request *evpg_script(struct evpg_db *db, const char *sql, evpg_row_cb on_row,
                                 evpg_done_cb on_done, void *arg)
{
    struct script *script;
    enum sqlword word;
    size_t length, size;

    if (!op_submit_check(db, sql, &length, &word))
        return NULL;
    size = sizeof(*script) + length + 1;
    script = mem_alloc(size);
    if (!script) {
        db_lacks_memory(db);
        return NULL;
    }
    script->rows.sql = memcpy(script->sql, sql, length + 1);
    script->rows.word = word;
    script->rows.base.ops = &script_ops;
    script->rows.base.size = size;
    script->rows.base.alone = true;
    script->rows.base.off_pipeline = true;
    return op_submit(&script->rows, db, on_row, on_done, arg);
}
