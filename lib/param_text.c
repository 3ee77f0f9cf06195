/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * param_text: writes arrays, ranges and composites as text: {"1",NULL}, ["1","10"), ("1",,"x").
 *
 * Called by param_parts.c; pure. Invariants: what is written is what was counted, because both are
 * the same code; every part is in quotes, so nothing in it has a meaning of its own; what is in the
 * quotes of n others has its quotes and backslashes escaped n times over; the process's locale
 * changes nothing.
 */
#include "param_text.h"

#include "params.h"
#include "type.h"
#include "value_text.h"

#include <inttypes.h>
#include <locale.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

/* One byte, within that many quotes. */
static void put(struct param_sink *sink, char byte, int quotes)
{
    if (quotes > 0) {
        if (byte == '"' || byte == '\\')
            put(sink, '\\', quotes - 1);
        put(sink, byte, quotes - 1);
        return;
    }
    if (sink->to)
        sink->to[sink->size] = byte;
    sink->size++;
}

static void put_text(struct param_sink *sink, const char *text, size_t length, int quotes)
{
    for (size_t i = 0; i < length; i++)
        put(sink, text[i], quotes);
}

static bool is_number(uint32_t type)
{
    return type == TYPE_BOOL || type == TYPE_INT2 || type == TYPE_INT4 || type == TYPE_INT8 ||
           type == TYPE_OID || type == TYPE_FLOAT4 || type == TYPE_FLOAT8;
}

static int64_t bits_of(const struct evpg_param *param)
{
    uint64_t bits = 0;

    for (size_t i = 0; i < param->length; i++)
        bits = bits << 8 | param->value.inline_bytes[i];
    if (param->oid == TYPE_INT2)
        return (int16_t)bits;
    return param->oid == TYPE_INT4 ? (int32_t)bits : (int64_t)bits;
}

static double floating(const struct evpg_param *param)
{
    int64_t bits = bits_of(param);
    uint32_t short_bits = (uint32_t)bits;
    double value;
    float short_value;

    memcpy(&value, &bits, sizeof(value));
    memcpy(&short_value, &short_bits, sizeof(short_value));
    return param->oid == TYPE_FLOAT4 ? (double)short_value : value;
}

/* As the server reads it, whatever radix character the thread's locale has. */
static int print_double(char *to, size_t size, double value)
{
    const char *radix = localeconv()->decimal_point;
    char *at;

    if (isnan(value))
        return snprintf(to, size, "NaN");
    if (isinf(value))
        return snprintf(to, size, value < 0 ? "-Infinity" : "Infinity");
    snprintf(to, size, "%.17g", value);
    at = strstr(to, radix);
    if (at) {
        *at = '.';
        memmove(at + 1, at + strlen(radix), strlen(at + strlen(radix)) + 1);
    }
    return (int)strlen(to);
}

static void put_number(struct param_sink *sink, const struct evpg_param *param, int quotes)
{
    int64_t bits = bits_of(param);
    char text[40];
    int length;

    if (param->oid == TYPE_BOOL)
        length = snprintf(text, sizeof(text), "%c", bits ? 't' : 'f');
    else if (param->oid == TYPE_FLOAT4 || param->oid == TYPE_FLOAT8)
        length = print_double(text, sizeof(text), floating(param));
    else
        length = snprintf(text, sizeof(text), "%" PRId64, bits);
    put_text(sink, text, (size_t)length, quotes);
}

static void put_inline(struct param_sink *sink, const struct evpg_param *param, int quotes)
{
    char text[VALUE_TEXT_SIZE];

    if (is_number(param->oid))
        put_number(sink, param, quotes);
    else
        put_text(sink, text, value_text_write(param->oid, param->value.inline_bytes, text), quotes);
}

static void put_bytea(struct param_sink *sink, const struct evpg_param *param, int quotes)
{
    static const char digits[] = "0123456789abcdef";
    const unsigned char *bytes = param->value.pointer;

    put_text(sink, "\\x", 2, quotes);
    for (uint64_t i = 0; i < param->length; i++) {
        put(sink, digits[bytes[i] >> 4], quotes);
        put(sink, digits[bytes[i] & 15], quotes);
    }
}

static void put_value(struct param_sink *sink, const struct evpg_param *param, int quotes);

static void put_quoted(struct param_sink *sink, const struct evpg_param *param, int quotes)
{
    put(sink, '"', quotes);
    put_value(sink, param, quotes + 1);
    put(sink, '"', quotes);
}

static void put_element(struct param_sink *sink, const struct evpg_param *param, int quotes)
{
    if (param->kind == PARAMS_NULL)
        put_text(sink, "NULL", 4, quotes);
    else
        put_quoted(sink, param, quotes);
}

/* An array that is being written. */
struct writing {
    const struct evpg_array_value *array;
    const struct evpg_param *next; /* element */
    char delimiter;
    int quotes;
};

/* A pair of braces with what is in them. */
static void put_dimension(struct param_sink *sink, struct writing *writing, int dimension)
{
    int32_t length = param_length(writing->array, dimension);

    put(sink, '{', writing->quotes);
    for (int32_t i = 0; i < length; i++) {
        if (i > 0)
            put(sink, writing->delimiter, writing->quotes);
        if (dimension + 1 < param_dimensions(writing->array))
            put_dimension(sink, writing, dimension + 1);
        else
            put_element(sink, writing->next++, writing->quotes);
    }
    put(sink, '}', writing->quotes);
}

/* Where they are not 1. */
static void put_lower_bounds(struct param_sink *sink, const struct evpg_array_value *array,
                             int quotes)
{
    bool needed = false;
    char text[40];

    for (int i = 0; i < param_dimensions(array); i++)
        needed = needed || param_lower_bound(array, i) != 1;
    for (int i = 0; needed && i < param_dimensions(array); i++) {
        int64_t lower = param_lower_bound(array, i), length = param_length(array, i);
        int used =
            snprintf(text, sizeof(text), "[%" PRId64 ":%" PRId64 "]", lower, lower + length - 1);

        put_text(sink, text, (size_t)used, quotes);
    }
    if (needed)
        put(sink, '=', quotes);
}

static void put_array(struct param_sink *sink, const struct evpg_array_value *array, int quotes)
{
    struct writing writing = {array, array->elements, ',', quotes};

    if (array->n_elements == 0) {
        put_text(sink, "{}", 2, quotes);
        return;
    }
    put_lower_bounds(sink, array, quotes);
    writing.delimiter = type_delimiter(param_element_type(array));
    put_dimension(sink, &writing, 0);
}

static void put_range(struct param_sink *sink, const struct evpg_range_value *range, int quotes)
{
    if (range->empty) {
        put_text(sink, "empty", 5, quotes);
        return;
    }
    put(sink, range->lower_inclusive ? '[' : '(', quotes);
    if (param_is_bound(&range->lower))
        put_quoted(sink, &range->lower, quotes);
    put(sink, ',', quotes);
    if (param_is_bound(&range->upper))
        put_quoted(sink, &range->upper, quotes);
    put(sink, range->upper_inclusive ? ']' : ')', quotes);
}

static void put_composite(struct param_sink *sink, const struct evpg_composite_value *composite,
                          int quotes)
{
    put(sink, '(', quotes);
    for (size_t i = 0; i < composite->n_fields; i++) {
        if (i > 0)
            put(sink, ',', quotes);
        if (composite->fields[i].kind != PARAMS_NULL)
            put_quoted(sink, &composite->fields[i], quotes);
    }
    put(sink, ')', quotes);
}

static void put_value(struct param_sink *sink, const struct evpg_param *param, int quotes)
{
    const void *value = param->value.pointer;

    if (params_is_text(param))
        put_text(sink, value, (size_t)param->length, quotes);
    else if (param->kind == PARAMS_INLINE)
        put_inline(sink, param, quotes);
    else if (param->kind == PARAMS_BYTES)
        put_bytea(sink, param, quotes);
    else if (param->kind == PARAMS_ARRAY)
        put_array(sink, value, quotes);
    else if (param->kind == PARAMS_RANGE)
        put_range(sink, value, quotes);
    else
        put_composite(sink, value, quotes);
}

void param_text_write(struct param_sink *sink, const struct evpg_param *param)
{
    put_value(sink, param, 0);
}

static bool can_all(const struct evpg_param *params, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (!param_text_can(&params[i]))
            return false;
    return true;
}

static bool can_bound(const struct evpg_param *bound)
{
    return !param_is_bound(bound) || param_text_can(bound);
}

bool param_text_can(const struct evpg_param *param)
{
    const struct evpg_array_value *array = param->value.pointer;
    const struct evpg_range_value *range = param->value.pointer;
    const struct evpg_composite_value *composite = param->value.pointer;

    switch (param->kind) {
    case PARAMS_INLINE:
        return is_number(param->oid) || value_text_can(param->oid);
    case PARAMS_BYTES:
        return param->oid == TYPE_BYTEA;
    case PARAMS_ARRAY:
        return can_all(array->elements, array->n_elements);
    case PARAMS_RANGE:
        return range->empty || (can_bound(&range->lower) && can_bound(&range->upper));
    case PARAMS_COMPOSITE:
        return can_all(composite->fields, composite->n_fields);
    default:
        return true;
    }
}
