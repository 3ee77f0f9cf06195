/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef TYPE_H
#define TYPE_H

#include <stdbool.h>
#include <stdint.h>

/* pg_type.dat */
enum {
    TYPE_NONE = 0, /* not known: of the parts of a value in text format */
    TYPE_BOOL = 16,
    TYPE_BYTEA = 17,
    TYPE_CHAR = 18,
    TYPE_NAME = 19,
    TYPE_INT8 = 20,
    TYPE_INT2 = 21,
    TYPE_INT4 = 23,
    TYPE_TEXT = 25,
    TYPE_OID = 26,
    TYPE_TID = 27,
    TYPE_XID = 28,
    TYPE_CID = 29,
    TYPE_JSON = 114,
    TYPE_XML = 142,
    TYPE_BOX = 603,
    TYPE_CIDR = 650,
    TYPE_FLOAT4 = 700,
    TYPE_FLOAT8 = 701,
    TYPE_UNKNOWN = 705,
    TYPE_MACADDR8 = 774,
    TYPE_MONEY = 790,
    TYPE_MACADDR = 829,
    TYPE_INET = 869,
    TYPE_BPCHAR = 1042,
    TYPE_VARCHAR = 1043,
    TYPE_DATE = 1082,
    TYPE_TIME = 1083,
    TYPE_TIMESTAMP = 1114,
    TYPE_TIMESTAMPTZ = 1184,
    TYPE_INTERVAL = 1186,
    TYPE_TIMETZ = 1266,
    TYPE_BIT = 1560,
    TYPE_VARBIT = 1562,
    TYPE_NUMERIC = 1700,
    TYPE_RECORD = 2249,
    TYPE_CSTRING = 2275,
    TYPE_VOID = 2278,
    TYPE_UUID = 2950,
    TYPE_PG_LSN = 3220,
    TYPE_JSONB = 3802,
    TYPE_ANYRANGE = 3831, /* a range, of a type that is not known */
    TYPE_INT4RANGE = 3904,
    TYPE_NUMRANGE = 3906,
    TYPE_TSRANGE = 3908,
    TYPE_TSTZRANGE = 3910,
    TYPE_DATERANGE = 3912,
    TYPE_INT8RANGE = 3926,
    TYPE_INT4MULTIRANGE = 4451,
    TYPE_NUMMULTIRANGE = 4532,
    TYPE_TSMULTIRANGE = 4533,
    TYPE_TSTZMULTIRANGE = 4534,
    TYPE_DATEMULTIRANGE = 4535,
    TYPE_INT8MULTIRANGE = 4536,
    TYPE_XID8 = 5069
};

/* A built-in type's name, as SQL has it in pg_type; NULL for others. */
const char *type_name(uint32_t oid);

/* Whether a type's binary format is its text. */
bool type_is_text(uint32_t oid);

/* Of a built-in array type, of what its elements are, and the other way round; 0 for others. */
uint32_t type_of_elements(uint32_t array);
uint32_t type_array_of(uint32_t element);

/* Of a built-in range type, of what its bounds are, and the other way round; 0 for others. */
uint32_t type_of_bounds(uint32_t range);
uint32_t type_range_of(uint32_t bound);

/* Of a built-in multirange type, of what its ranges are; 0 for others. */
uint32_t type_of_ranges(uint32_t multirange);

/* Between the elements of an array in text format. */
char type_delimiter(uint32_t element);

#endif
