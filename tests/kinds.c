/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * kinds: all the kinds of values, and what they have in common.
 *
 * Called by db_roundtrip, as kinds.h has it; a type with a maker and a getter belongs into the
 * list.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* vasprintf */
#endif

#include "kinds.h"

#include "chance.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

char *format(const char *how, ...)
{
    char *text = NULL;
    va_list args;

    va_start(args, how);
    if (vasprintf(&text, how, args) < 0)
        abort();
    va_end(args);
    return text;
}

void value_make(struct value *value, const struct kind *kind)
{
    memset(value, 0, sizeof(*value));
    value->null = chance(20) == 0;
    if (!value->null)
        kind->make(value, kind);
    else
        value->param = kind->oid ? evpg_typed(kind->oid, NULL) : evpg_null();
}

void value_free(struct value *value)
{
    for (int i = 0; i < value->n_parts; i++)
        value_free(&value->parts[i]);
    free(value->parts);
    free(value->params);
    free(value->literal);
    free(value->text);
    free(value->bytes);
    free(value->shown);
    free(value->cast);
}

bool value_is(const struct evpg_row *row, int column, const struct value *value,
              const struct kind *kind)
{
    if (value->null || evpg_row_is_null(row, column))
        return value->null && evpg_row_is_null(row, column);
    return kind->same(row, column, value, kind);
}

#define PARTS(...)                                                                                 \
    (const struct kind *const[])                                                                   \
    {                                                                                              \
        __VA_ARGS__, NULL                                                                          \
    }

const char kinds_sql[] = "drop type if exists trip cascade; create type trip as"
                         " (id int8, name text, ratio float8, fine bool, stops int4[])";

#define RANGE(name, oid, bound)                                                                    \
    static const struct kind name = {#name, oid, make_range, same_range, PARTS(&(bound))}
RANGE(int4range, 3904, kind_int4);
RANGE(int8range, 3926, kind_int8);
RANGE(numrange, 3906, kind_bound);
RANGE(daterange, 3912, kind_date);
RANGE(tsrange, 3908, kind_timestamp);
RANGE(tstzrange, 3910, kind_timestamptz);

#define ARRAY(name, element)                                                                       \
    static const struct kind name##_array = {#name "[]", 0, make_array, same_array,                \
                                             PARTS(&(element))}
ARRAY(int2, kind_int2);
ARRAY(int4, kind_int4);
ARRAY(int8, kind_int8);
ARRAY(oid, kind_oid);
ARRAY(float4, kind_float4);
ARRAY(float8, kind_float8);
ARRAY(bool, kind_bool);
ARRAY(numeric, kind_numeric);
ARRAY(uuid, kind_uuid);
ARRAY(inet, kind_inet);
ARRAY(cidr, kind_cidr);
ARRAY(text, kind_text);
ARRAY(name, kind_name);
ARRAY(bytea, kind_bytea);
ARRAY(json, kind_json);
ARRAY(jsonb, kind_jsonb);
ARRAY(varbit, kind_varbit);
ARRAY(date, kind_date);
ARRAY(time, kind_time);
ARRAY(timetz, kind_timetz);
ARRAY(timestamp, kind_timestamp);
ARRAY(timestamptz, kind_timestamptz);
ARRAY(interval, kind_interval);
ARRAY(int4range, int4range);
ARRAY(tstzrange, tstzrange);

static const struct kind trip = {
    "trip", 0, make_composite, same_composite,
    PARTS(&kind_int8, &kind_text, &kind_float8, &kind_bool, &int4_array)};
ARRAY(trip, trip);

const struct kind *const kinds[] = {&kind_int2,         &kind_int4,      &kind_int8,
                                    &kind_oid,          &kind_xid,       &kind_xid8,
                                    &kind_lsn,          &kind_float4,    &kind_float8,
                                    &kind_bool,         &kind_uuid,      &kind_inet,
                                    &kind_cidr,         &kind_numeric,   &kind_notation,
                                    &kind_amount,       &kind_text,      &kind_name,
                                    &kind_bytea,        &kind_json,      &kind_jsonb,
                                    &kind_bit,          &kind_varbit,    &kind_date,
                                    &kind_time,         &kind_timetz,    &kind_timestamp,
                                    &kind_timestamptz,  &kind_timespec,  &kind_interval,
                                    &int4range,         &int8range,      &numrange,
                                    &daterange,         &tsrange,        &tstzrange,
                                    &int2_array,        &int4_array,     &int8_array,
                                    &oid_array,         &float4_array,   &float8_array,
                                    &bool_array,        &numeric_array,  &uuid_array,
                                    &inet_array,        &cidr_array,     &text_array,
                                    &name_array,        &bytea_array,    &json_array,
                                    &jsonb_array,       &varbit_array,   &date_array,
                                    &time_array,        &timetz_array,   &timestamp_array,
                                    &timestamptz_array, &interval_array, &int4range_array,
                                    &tstzrange_array,   &trip,           &trip_array};
const size_t n_kinds = sizeof(kinds) / sizeof(*kinds);
