/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * db: what all kinds of db have in common: the calls that serve each kind, the hooks, and the types
 * that are known.
 *
 * Called by the application and by the operations. Invariants: a db is used through its ops only; a
 * refused call leaves the db as it was, sets errno and tells the log hook why.
 */
#include "db.h"

#include "log.h"

#include <errno.h>
#include <string.h>

const char *evpg_version(void)
{
    return EVPG_VERSION;
}

int db_refuse(struct evpg_db *db, int refusal, const char *format, ...)
{
    va_list args;

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

void evpg_free(struct evpg_db *db)
{
    if (db)
        db->ops->free(db);
}

int evpg_close(struct evpg_db *db, int deadline_ms, evpg_closed_cb on_closed, void *arg)
{
    if (!db || !db->ops->close) {
        db_refuse(db, EINVAL, "only a connection or a pool can be closed");
        return -1;
    }
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
