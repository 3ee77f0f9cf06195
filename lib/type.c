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
        {TYPE_ANYRANGE, "anyrange"},
        {TYPE_INT4RANGE, "int4range"},
        {TYPE_NUMRANGE, "numrange"},
        {TYPE_TSRANGE, "tsrange"},
        {TYPE_TSTZRANGE, "tstzrange"},
        {TYPE_DATERANGE, "daterange"},
        {TYPE_INT8RANGE, "int8range"},
        {TYPE_INT4MULTIRANGE, "int4multirange"},
        {TYPE_NUMMULTIRANGE, "nummultirange"},
        {TYPE_TSMULTIRANGE, "tsmultirange"},
        {TYPE_TSTZMULTIRANGE, "tstzmultirange"},
        {TYPE_DATEMULTIRANGE, "datemultirange"},
        {TYPE_INT8MULTIRANGE, "int8multirange"},
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
    switch (oid) {
    case TYPE_CHAR:
    case TYPE_NAME:
    case TYPE_TEXT:
    case TYPE_JSON:
    case TYPE_XML:
    case TYPE_UNKNOWN:
    case TYPE_BPCHAR:
    case TYPE_VARCHAR:
    case TYPE_CSTRING:
    case TYPE_VOID:
        return true;
    default:
        return false;
    }
}

/* A type made of others, and what it is made of. */
struct pair {
    uint32_t whole, part;
};

static const struct pair arrays[] = {
    {143, TYPE_XML},
    {199, TYPE_JSON},
    {651, TYPE_CIDR},
    {791, TYPE_MONEY},
    {1000, TYPE_BOOL},
    {1001, TYPE_BYTEA},
    {1002, TYPE_CHAR},
    {1003, TYPE_NAME},
    {1005, TYPE_INT2},
    {1007, TYPE_INT4},
    {1009, TYPE_TEXT},
    {1014, TYPE_BPCHAR},
    {1015, TYPE_VARCHAR},
    {1016, TYPE_INT8},
    {1020, TYPE_BOX},
    {1021, TYPE_FLOAT4},
    {1022, TYPE_FLOAT8},
    {1028, TYPE_OID},
    {1040, TYPE_MACADDR},
    {1041, TYPE_INET},
    {1115, TYPE_TIMESTAMP},
    {1182, TYPE_DATE},
    {1183, TYPE_TIME},
    {1185, TYPE_TIMESTAMPTZ},
    {1187, TYPE_INTERVAL},
    {1231, TYPE_NUMERIC},
    {1263, TYPE_CSTRING},
    {1270, TYPE_TIMETZ},
    {1561, TYPE_BIT},
    {1563, TYPE_VARBIT},
    {2287, TYPE_RECORD},
    {2951, TYPE_UUID},
    {3807, TYPE_JSONB},
    {3905, TYPE_INT4RANGE},
    {3907, TYPE_NUMRANGE},
    {3909, TYPE_TSRANGE},
    {3911, TYPE_TSTZRANGE},
    {3913, TYPE_DATERANGE},
    {3927, TYPE_INT8RANGE},
    {6150, TYPE_INT4MULTIRANGE},
    {6151, TYPE_NUMMULTIRANGE},
    {6152, TYPE_TSMULTIRANGE},
    {6153, TYPE_TSTZMULTIRANGE},
    {6155, TYPE_DATEMULTIRANGE},
    {6157, TYPE_INT8MULTIRANGE},
};

static const struct pair ranges[] = {
    {TYPE_INT4RANGE, TYPE_INT4},    {TYPE_NUMRANGE, TYPE_NUMERIC},
    {TYPE_TSRANGE, TYPE_TIMESTAMP}, {TYPE_TSTZRANGE, TYPE_TIMESTAMPTZ},
    {TYPE_DATERANGE, TYPE_DATE},    {TYPE_INT8RANGE, TYPE_INT8},
};

static const struct pair multiranges[] = {
    {TYPE_INT4MULTIRANGE, TYPE_INT4RANGE}, {TYPE_NUMMULTIRANGE, TYPE_NUMRANGE},
    {TYPE_TSMULTIRANGE, TYPE_TSRANGE},     {TYPE_TSTZMULTIRANGE, TYPE_TSTZRANGE},
    {TYPE_DATEMULTIRANGE, TYPE_DATERANGE}, {TYPE_INT8MULTIRANGE, TYPE_INT8RANGE},
};

static uint32_t part_of(const struct pair *pairs, size_t count, uint32_t whole)
{
    for (size_t i = 0; i < count; i++)
        if (pairs[i].whole == whole)
            return pairs[i].part;
    return TYPE_NONE;
}

static uint32_t whole_of(const struct pair *pairs, size_t count, uint32_t part)
{
    for (size_t i = 0; i < count; i++)
        if (pairs[i].part == part)
            return pairs[i].whole;
    return TYPE_NONE;
}

uint32_t type_of_elements(uint32_t array)
{
    return part_of(arrays, sizeof(arrays) / sizeof(*arrays), array);
}

uint32_t type_array_of(uint32_t element)
{
    return whole_of(arrays, sizeof(arrays) / sizeof(*arrays), element);
}

uint32_t type_of_bounds(uint32_t range)
{
    return part_of(ranges, sizeof(ranges) / sizeof(*ranges), range);
}

uint32_t type_range_of(uint32_t bound)
{
    return whole_of(ranges, sizeof(ranges) / sizeof(*ranges), bound);
}

uint32_t type_of_ranges(uint32_t multirange)
{
    return part_of(multiranges, sizeof(multiranges) / sizeof(*multiranges), multirange);
}

char type_delimiter(uint32_t element)
{
    return element == TYPE_BOX ? ';' : ',';
}
