/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * db: what all kinds of db have in common: the calls that serve each kind, the hooks, and the types
 * that are known.
 *
 * Called by the application and by the operations. Invariants: a db is used through its ops only; a
 * refused call leaves the db as it was, sets errno and tells the log hook why.
 */
#include "db.h"

#include "budget.h"
#include "log.h"
#include "req.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

const char *evpg_version(void)
{
    return EVPG_VERSION;
}

/* Before the log hook, which may free it. */
__attribute__((format(printf, 3, 0))) static void note_refusal(struct evpg_db *db, int refusal,
                                                               const char *format, va_list args)
{
    char why[256];

    vsnprintf(why, sizeof(why), format, args);
    db->ops->refused(db, refusal, why);
}

void db_lacks_memory(struct evpg_db *db)
{
    if (db && db->ops->refused)
        db->ops->refused(db, ENOMEM, "memory ran out");
    errno = ENOMEM;
}

int db_refuse(struct evpg_db *db, int refusal, const char *format, ...)
{
    va_list args;

    if (db && db->ops->refused) {
        va_start(args, format);
        note_refusal(db, refusal, format, args);
        va_end(args);
    }
    va_start(args, format);
    if (db)
        log_write(db, &db->hooks, db->hooks_arg, EVPG_LOG_WARNING, format, args);
    va_end(args);
    errno = refusal;
    return refusal;
}

void db_warn(struct evpg_db *db, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    log_write(db, &db->hooks, db->hooks_arg, EVPG_LOG_WARNING, format, args);
    va_end(args);
}

void evpg_set_hooks(struct evpg_db *db, const struct evpg_hooks *hooks, void *arg)
{
    size_t size = hooks ? hooks->size : 0;

    if (!db)
        return;
    memset(&db->hooks, 0, sizeof(db->hooks));
    if (size > 0)
        memcpy(&db->hooks, hooks, size < sizeof(db->hooks) ? size : sizeof(db->hooks));
    db->hooks_arg = arg;
}

void db_observe(struct evpg_db *db, enum evpg_event event, const struct evpg_request *request,
                const struct evpg_error *error)
{
    struct evpg_db *whole = db->whole ? db->whole : db;
    bool before = db->observed, whole_before = whole->observed;

    db->observed = whole->observed = true;
    db->hooks.event(db, event, request, error, db->hooks_arg);
    whole->observed = whole_before;
    db->observed = before;
}

bool db_is_observed(struct evpg_db *db)
{
    if (db->observed)
        db_refuse(db, EINVAL, "called from inside the event hook");
    return db->observed;
}

/* When it was submitted is also what its wait is counted from. It is counted as refused first, for
 * the log hook, which is told why, may free the db. */
int db_submit(struct evpg_db *db, struct evpg_request *request)
{
    int refusal;

    if (db_is_observed(db))
        return EINVAL;
    request->in_stats = db->stats;
    if (db->stats) {
        request->queued_ns = budget_now_ns();
        db->stats->all.refused++;
    }
    refusal = db->ops->submit(db, request);
    if (refusal != 0)
        return refusal;
    if (db->stats) {
        db->stats->all.refused--;
        db->stats->all.submitted++;
    }
    db_tell(db, EVPG_EVENT_QUEUED, request, NULL);
    return 0;
}

void db_note_done(struct evpg_request *request, const struct evpg_error *error)
{
    struct evpg_db *db = request->db;
    int64_t now_ns;

    if (request->ended)
        return;
    request->ended = true;
    if (db->ops->done)
        db->ops->done(db, request, error);
    now_ns = request->done_ns || !db->stats ? request->done_ns : budget_now_ns();
    if (db->stats && !request->abandoned && !request->part)
        stats_done(db->stats, request->name, error, now_ns - request->queued_ns);
    db_tell(db, EVPG_EVENT_DONE, request, error);
}

void evpg_free(struct evpg_db *db)
{
    if (db && !db_is_observed(db))
        db->ops->free(db);
}

int evpg_close(struct evpg_db *db, int deadline_ms, evpg_closed_cb on_closed, void *arg)
{
    if (!db || !db->ops->close) {
        db_refuse(db, EINVAL, "only a connection or a pool can be closed");
        return -1;
    }
    if (db_is_observed(db))
        return -1;
    return db->ops->close(db, deadline_ms, on_closed, arg);
}

const struct evpg_type *evpg_type_named(const struct evpg_db *db, const char *name)
{
    return db && name ? types_named(&db->types, name) : NULL;
}

const struct evpg_type *evpg_type_of(const struct evpg_db *db, uint32_t oid)
{
    return db ? types_of(&db->types, oid) : NULL;
}

void evpg_types_forget(struct evpg_db *db)
{
    if (db)
        types_forget(&db->types);
}

void *evpg_pgconn(struct evpg_db *db)
{
    return db ? db->ops->pgconn(db) : NULL;
}
