/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * op_type: evpg_type_look_up: an evpg_query of our own, from whose answer the db learns.
 *
 * Called by the application; the answer is taken when the request is done, before its callback.
 * Invariants: the query always gives one row, all of it text, in either format; a type that is not
 * there is no error of the server's, which would end a transaction block.
 */
#include "mem.h"
#include "op_rows.h"

#include <evpg/param.h>
#include <evpg/query.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { ASKED, OID, ARRAY, RELATED, KIND, NAME };

/* Servers before 14 have no multiranges, and no such column. */
#define COLUMNS                                                                                    \
    "t.oid::text, t.typarray::text, case t.typtype when 'd' then t.typbasetype"                    \
    " when 'r' then (select rngsubtype from pg_catalog.pg_range where rngtypid = t.oid)"           \
    " when 'm' then (select rngtypid from pg_catalog.pg_range r"                                   \
    " where pg_catalog.to_jsonb(r) ->> 'rngmultitypid' = t.oid::text)"                             \
    " else coalesce(e.oid, 0) end::text,"                                                          \
    " case when e.oid is null then t.typtype else 'a' end::text,"                                  \
    " pg_catalog.format_type(t.oid, null)"
#define FROM(value)                                                                                \
    " from (select " value " as oid) asked left join pg_catalog.pg_type t on t.oid = asked.oid"    \
    " left join pg_catalog.pg_type e on e.typarray = t.oid"

static const char by_name[] =
    "select $1::text, " COLUMNS FROM("pg_catalog.to_regtype($1::text)::oid");
static const char by_oid[] =
    "select coalesce(pg_catalog.format_type(t.oid, null), 'with the OID ' || asked.oid), " COLUMNS
        FROM("$1::oid");

static uint32_t number(const PGresult *result, int column)
{
    return (uint32_t)strtoul(PQgetvalue(result, 0, column), NULL, 10);
}

static enum evpg_type_kind kind(char letter)
{
    static const char letters[] = "bacdempr"; /* in the order of the enum */
    const char *at = letter ? strchr(letters, letter) : NULL;

    return at ? (enum evpg_type_kind)(at - letters) : EVPG_TYPE_BASE;
}

static bool learn(struct op_rows *rows, struct evpg_error *error)
{
    const PGresult *result = rows->last;
    struct evpg_type type;

    if (PQgetisnull(result, 0, OID)) {
        err_set(error, EVPG_E_VALUE, EVPG_FATE_EXECUTED, "there is no type %s",
                PQgetvalue(result, 0, ASKED));
        return false;
    }
    type.oid = number(result, OID);
    type.array_oid = number(result, ARRAY);
    type.related_oid = number(result, RELATED);
    type.kind = kind(*PQgetvalue(result, 0, KIND));
    type.name = PQgetvalue(result, 0, NAME);
    if (types_learn(&rows->base.db->types, PQgetvalue(result, 0, ASKED), &type))
        return true;
    err_set(error, EVPG_E_MEMORY, EVPG_FATE_EXECUTED, "out of memory");
    return false;
}

static struct evpg_request *ask(struct evpg_db *db, const char *sql, struct evpg_param param,
                                evpg_done_cb on_done, void *arg)
{
    struct evpg_request *request = evpg_query(db, sql, &param, 1, NULL, on_done, arg);

    if (request)
        op_rows_of(request)->learn = learn;
    return request;
}

struct evpg_request *evpg_type_look_up(struct evpg_db *db, const char *name, evpg_done_cb on_done,
                                       void *arg)
{
    if (!name) {
        db_refuse(db, EINVAL, "the type's name is NULL");
        return NULL;
    }
    return ask(db, by_name, evpg_text(name), on_done, arg);
}

struct evpg_request *evpg_type_look_up_oid(struct evpg_db *db, uint32_t oid, evpg_done_cb on_done,
                                           void *arg)
{
    return ask(db, by_oid, evpg_oid(oid), on_done, arg);
}
