/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * row_scan: evpg_row_scan, a whole row at once.
 *
 * Called by the application from its callbacks. Invariants: each column is read by its getter, so
 * that what it takes, and what the error says, is the same; the kinds' numbers never change, for
 * they are in programs that were compiled earlier.
 */
#include "row.h"

#include <evpg/scan.h>

enum kind {
    INTO_NOTHING = 1,
    INTO_INT16,
    INTO_INT32,
    INTO_INT64,
    INTO_UINT32,
    INTO_FLOAT,
    INTO_DOUBLE,
    INTO_BOOL,
    INTO_TEXT,
    INTO_TEXT_OR_NULL,
    INTO_BYTES,
    INTO_NUMERIC,
    INTO_JSON,
    INTO_UUID,
    INTO_DATE,
    INTO_TIME,
    INTO_TIMESTAMP,
    INTO_TIMESTAMPTZ,
    INTO_INTERVAL
};

static struct evpg_into make(enum kind kind, void *to)
{
    return (struct evpg_into){.kind = kind, .to = to};
}

struct evpg_into evpg_to_int16(int16_t *value)
{
    return make(INTO_INT16, value);
}

struct evpg_into evpg_to_int32(int32_t *value)
{
    return make(INTO_INT32, value);
}

struct evpg_into evpg_to_int64(int64_t *value)
{
    return make(INTO_INT64, value);
}

struct evpg_into evpg_to_uint32(uint32_t *value)
{
    return make(INTO_UINT32, value);
}

struct evpg_into evpg_to_float(float *value)
{
    return make(INTO_FLOAT, value);
}

struct evpg_into evpg_to_double(double *value)
{
    return make(INTO_DOUBLE, value);
}

struct evpg_into evpg_to_bool(bool *value)
{
    return make(INTO_BOOL, value);
}

struct evpg_into evpg_to_text(const char **value)
{
    return make(INTO_TEXT, value);
}

struct evpg_into evpg_to_text_or_null(const char **value)
{
    return make(INTO_TEXT_OR_NULL, value);
}

struct evpg_into evpg_to_bytes(const void **value, size_t *length)
{
    return (struct evpg_into){.kind = INTO_BYTES, .to = value, .more = length};
}

struct evpg_into evpg_to_numeric(const char **value)
{
    return make(INTO_NUMERIC, value);
}

struct evpg_into evpg_to_json(const char **value)
{
    return make(INTO_JSON, value);
}

struct evpg_into evpg_to_uuid(unsigned char *bytes)
{
    return make(INTO_UUID, bytes);
}

struct evpg_into evpg_to_date(int32_t *days)
{
    return make(INTO_DATE, days);
}

struct evpg_into evpg_to_time(int64_t *microseconds)
{
    return make(INTO_TIME, microseconds);
}

struct evpg_into evpg_to_timestamp(int64_t *microseconds)
{
    return make(INTO_TIMESTAMP, microseconds);
}

struct evpg_into evpg_to_timestamptz(int64_t *microseconds)
{
    return make(INTO_TIMESTAMPTZ, microseconds);
}

struct evpg_into evpg_to_interval(struct evpg_interval *value)
{
    return make(INTO_INTERVAL, value);
}

struct evpg_into evpg_to_nothing(void)
{
    return make(INTO_NOTHING, NULL);
}

struct evpg_into evpg_if_any(bool *any, struct evpg_into into)
{
    into.any = any;
    return into;
}

/* What a getter of text gives for NULL as well as for an error. */
static int take_text(const struct evpg_row *row, int column, const char *text, const char **to)
{
    if (!text && evpg_row_is_null(row, column))
        return row_explain(row, column, "the value is NULL");
    if (!text)
        return -1;
    *to = text;
    return 0;
}

static int take_text_or_null(const struct evpg_row *row, int column, const char **to)
{
    const char *text = evpg_row_text(row, column);

    if (!text && !evpg_row_is_null(row, column))
        return -1;
    *to = text;
    return 0;
}

static int take_bytes(const struct evpg_row *row, int column, const struct evpg_into *into)
{
    size_t length;
    const void *bytes = evpg_row_bytes(row, column, &length);

    if (!bytes && evpg_row_is_null(row, column))
        return row_explain(row, column, "the value is NULL");
    if (!bytes)
        return -1;
    *(const void **)into->to = bytes;
    *(size_t *)into->more = length;
    return 0;
}

static inline int take(const struct evpg_row *row, int column, const struct evpg_into *into)
{
    switch (into->kind) {
    case INTO_NOTHING:
        return 0;
    case INTO_INT16:
        return evpg_row_int16(row, column, into->to);
    case INTO_INT32:
        return evpg_row_int32(row, column, into->to);
    case INTO_INT64:
        return evpg_row_int64(row, column, into->to);
    case INTO_UINT32:
        return evpg_row_uint32(row, column, into->to);
    case INTO_FLOAT:
        return evpg_row_float(row, column, into->to);
    case INTO_DOUBLE:
        return evpg_row_double(row, column, into->to);
    case INTO_BOOL:
        return evpg_row_bool(row, column, into->to);
    case INTO_TEXT:
        return take_text(row, column, evpg_row_text(row, column), into->to);
    case INTO_TEXT_OR_NULL:
        return take_text_or_null(row, column, into->to);
    case INTO_BYTES:
        return take_bytes(row, column, into);
    case INTO_NUMERIC:
        return take_text(row, column, evpg_row_numeric(row, column), into->to);
    case INTO_JSON:
        return take_text(row, column, evpg_row_json(row, column), into->to);
    case INTO_UUID:
        return evpg_row_uuid(row, column, into->to);
    case INTO_DATE:
        return evpg_row_date(row, column, into->to);
    case INTO_TIME:
        return evpg_row_time(row, column, into->to);
    case INTO_TIMESTAMP:
        return evpg_row_timestamp(row, column, into->to);
    case INTO_TIMESTAMPTZ:
        return evpg_row_timestamptz(row, column, into->to);
    case INTO_INTERVAL:
        return evpg_row_interval(row, column, into->to);
    default:
        return row_explain(row, column, "a place not made by one of the makers in evpg/scan.h");
    }
}

static bool is_there(const struct evpg_row *row, int column, bool *any)
{
    *any = !evpg_row_is_null(row, column);
    return *any;
}

int evpg_row_scan(const struct evpg_row *row, const struct evpg_into *into, size_t n_into)
{
    if (n_into != (size_t)row->columns)
        return row_miscounted(row, n_into);
    for (int i = 0; i < (int)n_into; i++)
        if ((!into[i].any || is_there(row, i, into[i].any)) && take(row, i, &into[i]) < 0)
            return -1;
    return 0;
}
