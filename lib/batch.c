/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * batch: statements that are collected, to be submitted as one.
 *
 * Called by the application. Invariants: what is collected is the request that will be, so that
 * submitting it takes no memory; the first thing that is wrong with it sticks, and is what the
 * submit refuses it for; all that a member points at is in the batch's arena.
 */
#include "mem.h"
#include "op_batch.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

struct evpg_batch *evpg_batch_new(struct evpg_db *db)
{
    struct evpg_batch *batch;

    if (!db) {
        errno = EINVAL;
        return NULL;
    }
    batch = op_batch_new();
    if (!batch) {
        db_lacks_memory(db);
        return NULL;
    }
    batch->rows.base.db = db;
    return batch;
}

void evpg_batch_free(struct evpg_batch *batch)
{
    if (batch)
        op_batch_release(batch);
}

/* What is said stays where something was said already. */
static void __attribute__((format(printf, 3, 4)))
refuse(struct evpg_batch *batch, int refusal, const char *format, ...)
{
    int length =
        snprintf(batch->why, sizeof(batch->why), "member %zu of the batch: ", batch->n_members + 1);
    va_list args;

    va_start(args, format);
    vsnprintf(batch->why + length, sizeof(batch->why) - (size_t)length, format, args);
    va_end(args);
    batch->refusal = refusal;
}

static bool check_sql(struct evpg_batch *batch, const char *sql)
{
    enum sqlword word = sql ? sqlword_of(sql) : SQLWORD_PLAIN;

    if (!sql)
        refuse(batch, EINVAL, "the statement is NULL");
    else if (word == SQLWORD_PLAIN)
        return true;
    else if (word == SQLWORD_COPY)
        refuse(batch, EINVAL, "COPY cannot be run as a query");
    else if (word == SQLWORD_LISTEN)
        refuse(batch, EINVAL, "LISTEN and UNLISTEN cannot be in a batch");
    else if (sqlword_pins(word))
        refuse(batch, EINVAL, "transaction control cannot be in a batch, which is a transaction");
    else
        refuse(batch, EINVAL, "this statement has to run by itself: submit it by evpg_query()");
    return false;
}

static bool measure_params(struct evpg_batch *batch, const struct evpg_param *params,
                           size_t n_params, size_t *size)
{
    char why[200];

    if (params_measure(params, n_params, size, why, sizeof(why)))
        return true;
    refuse(batch, EINVAL, "%s", why);
    return false;
}

/* With its statement, as if that were not the last one's. */
static bool check_size(struct evpg_batch *batch, size_t size)
{
    if (batch->n_members >= EVPG_BATCH_MOST)
        refuse(batch, ENOBUFS, "a batch has %d members at most", EVPG_BATCH_MOST);
    else if (size > EVPG_BATCH_MOST_BYTES || batch->arena.size + size > EVPG_BATCH_MOST_BYTES)
        refuse(batch, ENOBUFS, "a batch has %u bytes at most", EVPG_BATCH_MOST_BYTES);
    else
        return true;
    return false;
}

/* That of the last member, if its text is the same; or NULL. */
static struct statement *find_same(const struct evpg_batch *batch, const char *sql)
{
    struct statement *last = batch->at ? batch->at->statement : NULL;

    return last && sql && strcmp(last->key.sql, sql) == 0 ? last : NULL;
}

static bool has_types(const struct statement *statement, const struct params *params)
{
    const struct stmt_key *key = &statement->key;

    if (key->n_types != params->count)
        return false;
    for (int i = 0; i < params->count; i++)
        if (key->types[i] != params->types[i])
            return false;
    return true;
}

static struct statement *make_statement(struct evpg_batch *batch, const char *sql, size_t length,
                                        const struct params *params)
{
    struct statement *statement = arena_take(&batch->arena, sizeof(*statement) + length + 1);

    if (!statement)
        return NULL;
    *statement = (struct statement){.stmt = NULL};
    statement_make(statement, memcpy(statement + 1, sql, length + 1), length, SQLWORD_PLAIN,
                   params);
    statement->before = batch->statements;
    batch->statements = statement;
    return statement;
}

/* With parameters that take so much, which are not there yet. NULL: there is no memory. */
static struct member *make_member(struct evpg_batch *batch, size_t params_size)
{
    struct member *member = arena_take(&batch->arena, sizeof(*member) + params_size);

    if (!member)
        return NULL;
    member->last = NULL;
    member->tag = "";
    member->n_rows = 0;
    member->preludes = 0;
    member->muted = member->stopped = member->dropped = false;
    return member;
}

static struct statement *find_statement(struct evpg_batch *batch, struct statement *same,
                                        const char *sql, size_t length, const struct params *params)
{
    if (same && has_types(same, params))
        return same;
    return make_statement(batch, sql, length, params);
}

void evpg_batch_add(struct evpg_batch *batch, const char *sql, const struct evpg_param *params,
                    size_t n_params, evpg_row_cb on_row, evpg_done_cb on_done, void *arg)
{
    struct member *member;
    struct statement *same;
    size_t length, params_size;

    if (!batch || batch->refusal)
        return;
    same = find_same(batch, sql);
    if ((!same && !check_sql(batch, sql)) || !measure_params(batch, params, n_params, &params_size))
        return;
    length = same ? same->key.length : strlen(sql);
    if (!check_size(batch, length + params_size))
        return;
    member = make_member(batch, params_size);
    if (member) {
        params_copy(&member->params, params, n_params, member + 1);
        member->statement = find_statement(batch, same, sql, length, &member->params);
    }
    if (!member || !member->statement) {
        refuse(batch, ENOMEM, "memory ran out");
        return;
    }
    member->on_row = on_row;
    member->on_done = on_done;
    member->arg = arg;
    STAILQ_INSERT_TAIL(&batch->members, member, link);
    batch->at = member;
    batch->n_members++;
    batch->listened = batch->listened || on_done;
}

/* Why it is not submitted; 0: it is. */
static int submit(struct evpg_batch *batch)
{
    struct evpg_db *db = batch->rows.base.db;

    if (batch->refusal)
        return db_refuse(db, batch->refusal, "%s", batch->why);
    if (batch->n_members == 0)
        return db_refuse(db, EINVAL, "the batch has no members");
    batch->rows.base.more = batch->n_members - 1;
    batch->rows.base.size = sizeof(*batch) + batch->arena.size;
    return db_submit(db, &batch->rows.base);
}

struct evpg_request *evpg_batch_submit(struct evpg_batch *batch, evpg_done_cb on_done, void *arg)
{
    int refusal;

    if (!batch) {
        errno = EINVAL;
        return NULL;
    }
    batch->on_done = on_done;
    batch->arg = arg;
    refusal = submit(batch);
    if (refusal == 0)
        return &batch->rows.base;
    op_batch_release(batch);
    errno = refusal;
    return NULL;
}
