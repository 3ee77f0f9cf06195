/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * type: what is known of the server's built-in types, by their OIDs.
 *
 * Used by the readers and writers of values and by the getters; pure. Invariants: a built-in type's
 * OID is fixed for ever (PostgreSQL sources, pg_type.dat); of all other types nothing is assumed.
 */
#include "type.h"

#include <stddef.h>

const char *type_name(uint32_t oid)
{
    static const struct {
        uint32_t oid;
        const char *name;
    } known[] = {
        {TYPE_BOOL, "bool"},
        {TYPE_BYTEA, "bytea"},
        {TYPE_CHAR, "char"},
        {TYPE_NAME, "name"},
        {TYPE_INT8, "int8"},
        {TYPE_INT2, "int2"},
        {TYPE_INT4, "int4"},
        {TYPE_TEXT, "text"},
        {TYPE_OID, "oid"},
        {TYPE_TID, "tid"},
        {TYPE_XID, "xid"},
        {TYPE_CID, "cid"},
        {TYPE_JSON, "json"},
        {TYPE_XML, "xml"},
        {TYPE_CIDR, "cidr"},
        {TYPE_FLOAT4, "float4"},
        {TYPE_FLOAT8, "float8"},
        {TYPE_UNKNOWN, "unknown"},
        {TYPE_MACADDR8, "macaddr8"},
        {TYPE_MONEY, "money"},
        {TYPE_MACADDR, "macaddr"},
        {TYPE_INET, "inet"},
        {TYPE_BPCHAR, "bpchar"},
        {TYPE_VARCHAR, "varchar"},
        {TYPE_DATE, "date"},
        {TYPE_TIME, "time"},
        {TYPE_TIMESTAMP, "timestamp"},
        {TYPE_TIMESTAMPTZ, "timestamptz"},
        {TYPE_INTERVAL, "interval"},
        {TYPE_TIMETZ, "timetz"},
        {TYPE_BIT, "bit"},
        {TYPE_VARBIT, "varbit"},
        {TYPE_NUMERIC, "numeric"},
        {TYPE_RECORD, "record"},
        {TYPE_CSTRING, "cstring"},
        {TYPE_VOID, "void"},
        {TYPE_UUID, "uuid"},
        {TYPE_PG_LSN, "pg_lsn"},
        {TYPE_JSONB, "jsonb"},
        {TYPE_INT4RANGE, "int4range"},
        {TYPE_NUMRANGE, "numrange"},
        {TYPE_TSRANGE, "tsrange"},
        {TYPE_TSTZRANGE, "tstzrange"},
        {TYPE_DATERANGE, "daterange"},
        {TYPE_INT8RANGE, "int8range"},
        {TYPE_XID8, "xid8"},
    };

    for (size_t i = 0; i < sizeof(known) / sizeof(*known); i++)
        if (known[i].oid == oid)
            return known[i].name;
    return NULL;
}

/* void is empty. "char" is one byte; regtype and its like are numbers, though text shows a name. */
bool type_is_text(uint32_t oid)
{
    static const uint32_t known[] = {TYPE_CHAR,    TYPE_NAME,    TYPE_TEXT,   TYPE_JSON,
                                     TYPE_XML,     TYPE_UNKNOWN, TYPE_BPCHAR, TYPE_VARCHAR,
                                     TYPE_CSTRING, TYPE_VOID};

    for (size_t i = 0; i < sizeof(known) / sizeof(*known); i++)
        if (known[i] == oid)
            return true;
    return false;
}
