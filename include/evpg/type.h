/* SPDX-License-Identifier: BSD-2-Clause */
/**
 * @file evpg/type.h
 * Types by name and by OID, as the server has them: for types that somebody has made (enums,
 * composites, domains) or that an extension brings, whose OIDs differ from database to database.
 *
 * A type is looked up once, by evpg_type_look_up() or evpg_type_look_up_oid(), and then known to
 * that db: evpg_type_named() and evpg_type_of() tell it without asking. A connection forgets its
 * types when it is lost. With the OID, evpg_typed() (evpg/param.h) sends text of the type, and
 * struct evpg_array_value (evpg/array.h) an array of it; with the name, evpg_row_type() of a column
 * can be made sense of. PostgreSQL manual, "Object Identifier Types" and "pg_type".
 */
#ifndef EVPG_TYPE_H
#define EVPG_TYPE_H

#include <evpg/common.h>

#ifdef __cplusplus
extern "C" {
#endif

/** What sort of type one is. */
enum evpg_type_kind {
    EVPG_TYPE_BASE,       /**< any that is none of these */
    EVPG_TYPE_ARRAY,      /**< related: its elements' type */
    EVPG_TYPE_COMPOSITE,  /**< also each table's row */
    EVPG_TYPE_DOMAIN,     /**< related: the type it is made of, which its values come as */
    EVPG_TYPE_ENUM,       /**< an enum */
    EVPG_TYPE_MULTIRANGE, /**< related: its ranges' type */
    EVPG_TYPE_PSEUDO,     /**< no column can be of it */
    EVPG_TYPE_RANGE       /**< related: its bounds' type */
};

/**
 * A type that is known. Borrowed, until it is looked up again, evpg_types_forget() is called, the
 * connection is lost, or the db freed.
 */
struct evpg_type {
    /** What evpg_row_type() says, and evpg_typed() takes. */
    uint32_t oid;
    /** Of the array of it; 0: there is none. */
    uint32_t array_oid;
    /** See enum evpg_type_kind; 0 for kinds that say nothing of it there. */
    uint32_t related_oid;
    /** What sort of type it is. */
    enum evpg_type_kind kind;
    /** As the server writes it: "timestamp with time zone", "integer[]"; with its schema if that is
     * not in the search path. */
    const char *name;
};

/**
 * Asks the server what type a name stands for, and keeps the answer.
 *
 * @param db      any kind; within a transaction block the question is part of that
 * @param name    as in SQL: "mood", "other.mood", "mood[]", "\"Mood\""; looked for in the session's
 *                search path. Copied
 * @param on_done called once, from the loop. Without an error, evpg_type_named() knows the type.
 *                Errors: no type has that name (EVPG_E_VALUE; a name that cannot be read at all is
 *                an error of the server's, EVPG_E_SERVER), EVPG_E_MEMORY, and those of every
 *                request. NULL: nobody is told
 * @param arg     passed to on_done
 * @return the request; or NULL with errno: EINVAL (name is NULL), and those of evpg_query()
 */
EVPG_EXPORT struct evpg_request *evpg_type_look_up(struct evpg_db *db, const char *name,
                                                   evpg_done_cb on_done, void *arg);

/** As evpg_type_look_up(), for a type's OID, such as evpg_row_type() gives: afterwards
 * evpg_type_of() knows it, and evpg_type_named() by the name that the server writes. */
EVPG_EXPORT struct evpg_request *evpg_type_look_up_oid(struct evpg_db *db, uint32_t oid,
                                                       evpg_done_cb on_done, void *arg);

/** The type that this name was found to stand for, by the very name it was asked for; or NULL. */
EVPG_EXPORT const struct evpg_type *evpg_type_named(const struct evpg_db *db, const char *name);

/** The type with that OID, if it was looked up, by whichever name; or NULL. */
EVPG_EXPORT const struct evpg_type *evpg_type_of(const struct evpg_db *db, uint32_t oid);

/** Forgets all types of a db: after a migration, or when the search path has changed. */
EVPG_EXPORT void evpg_types_forget(struct evpg_db *db);

#ifdef __cplusplus
}
#endif

#endif
