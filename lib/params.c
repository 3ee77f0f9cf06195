/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * params: makes parameters, checks them, and lays them out as libpq takes them.
 *
 * The makers are called by the application and by other makers, the rest by the operations.
 * Invariants: numbers travel in binary with their type's OID, evpg_text() in text format with none;
 * a binary value always has its length (without one libpq would have sent half a statement before
 * it complains), and a text value has no NUL byte (libpq would cut it there).
 */
#include "params.h"

#include "param_parts.h"
#include "type.h"
#include "value_bit.h"
#include "value_numeric.h"

#include <stdio.h>
#include <string.h>

struct evpg_param params_number(uint32_t oid, uint64_t bits, unsigned size)
{
    struct evpg_param param = {.oid = oid, .kind = PARAMS_INLINE, .format = 1, .length = size};

    for (unsigned i = 0; i < size; i++)
        param.value.inline_bytes[i] = (unsigned char)(bits >> (8 * (size - 1 - i)));
    return param;
}

struct evpg_param evpg_int32(int32_t value)
{
    return params_number(TYPE_INT4, (uint32_t)value, 4);
}

struct evpg_param evpg_int64(int64_t value)
{
    return params_number(TYPE_INT8, (uint64_t)value, 8);
}

struct evpg_param evpg_double(double value)
{
    uint64_t bits;

    memcpy(&bits, &value, sizeof(bits));
    return params_number(TYPE_FLOAT8, bits, 8);
}

struct evpg_param evpg_bool(bool value)
{
    return params_number(TYPE_BOOL, value, 1);
}

struct evpg_param params_text(uint32_t oid, enum params_kind kind, const char *text)
{
    struct evpg_param param = {.oid = oid, .kind = PARAMS_NULL};

    if (!text)
        return param;
    param.kind = (uint8_t)kind;
    param.length = strlen(text);
    param.value.pointer = text;
    return param;
}

struct evpg_param evpg_text(const char *text)
{
    return params_text(0, PARAMS_TEXT, text);
}

struct evpg_param evpg_textn(const char *text, size_t length)
{
    struct evpg_param param = {.kind = PARAMS_TEXT, .length = length, .value.pointer = text};

    return text ? param : evpg_null();
}

struct evpg_param evpg_bytes(const void *data, size_t length)
{
    struct evpg_param param = {.oid = TYPE_BYTEA,
                               .kind = PARAMS_BYTES,
                               .format = 1,
                               .length = length,
                               .value.pointer = data};

    return data ? param : evpg_null();
}

struct evpg_param evpg_null(void)
{
    return (struct evpg_param){.kind = PARAMS_NULL};
}

/* Why one in text format cannot be sent, or NULL. */
static const char *complaint_of_text(const struct evpg_param *param)
{
    const char *text = param->value.pointer;

    if (memchr(text, '\0', param->length))
        return "text with a NUL byte in it";
    if (param->kind == PARAMS_NUMERIC)
        return value_numeric_check_given(text, param->length);
    return param->kind == PARAMS_BITS ? value_bit_check(text, param->length) : NULL;
}

struct evpg_param params_refused(const char *why)
{
    return (struct evpg_param){.kind = PARAMS_REFUSED, .value.pointer = why};
}

static uint64_t length_of(const struct evpg_param *param)
{
    return param_has_parts(param) ? param_parts_size(param) : param->length;
}

const char *params_complaint(const struct evpg_param *param)
{
    if (param->kind == PARAMS_REFUSED)
        return param->value.pointer;
    if (param->kind < PARAMS_NULL || param->kind >= PARAMS_KINDS)
        return "not made by one of the makers in evpg/param.h";
    if (param->kind == PARAMS_INLINE && param->length > sizeof(param->value.inline_bytes))
        return "not made by one of the makers in evpg/param.h";
    if (param->length > PARAMS_MAX_BYTES)
        return "longer than a statement may be";
    if (params_is_text(param))
        return complaint_of_text(param);
    return NULL;
}

/* Adds the value's length to the sum. */
static bool check_one(const struct evpg_param *param, size_t number, uint64_t *sum, char *why,
                      size_t why_size)
{
    const char *bad = params_complaint(param);

    if (!bad && param_has_parts(param) && !param_parts_check(param, number, why, why_size))
        return false;
    if (!bad)
        *sum += length_of(param);
    if (!bad && *sum > PARAMS_MAX_BYTES)
        bad = "with those before it longer than a statement may be";
    if (bad)
        snprintf(why, why_size, "parameter $%zu: %s", number, bad);
    return !bad;
}

bool params_check(const struct evpg_param *params, size_t count, char *why, size_t why_size)
{
    size_t size;

    return params_measure(params, count, &size, why, why_size);
}

static bool check_count(const struct evpg_param *params, size_t count, char *why, size_t why_size)
{
    if (count > PQ_QUERY_PARAM_MAX_LIMIT)
        snprintf(why, why_size, "%zu parameters, but a statement can have at most %d", count,
                 PQ_QUERY_PARAM_MAX_LIMIT);
    else if (count > 0 && !params)
        snprintf(why, why_size, "%zu parameters, but their array is NULL", count);
    else
        return true;
    return false;
}

static bool measure_any(const struct evpg_param *params, size_t count, size_t *size, char *why,
                        size_t why_size)
{
    uint64_t sum = 0;
    size_t ends = 0; /* the NUL bytes behind values */

    if (!check_count(params, count, why, why_size))
        return false;
    for (size_t i = 0; i < count; i++) {
        if (!check_one(&params[i], i + 1, &sum, why, why_size))
            return false;
        ends += params[i].kind != PARAMS_NULL;
    }
    *size = count * PARAMS_SLOT + (size_t)sum + ends;
    return true;
}

/* A number, of one of the lengths that most have. */
static inline bool is_number(const struct evpg_param *param)
{
    return param->kind == PARAMS_INLINE && (param->length == 4 || param->length == 8);
}

/* With nothing but numbers, if they are not too many, nothing can be wrong. */
bool params_measure(const struct evpg_param *params, size_t count, size_t *size, char *why,
                    size_t why_size)
{
    size_t sum = count * PARAMS_SLOT;

    if (!params || count > PQ_QUERY_PARAM_MAX_LIMIT)
        return measure_any(params, count, size, why, why_size);
    for (size_t i = 0; i < count; i++) {
        if (!is_number(&params[i]))
            return measure_any(params, count, size, why, why_size);
        sum += (size_t)params[i].length + 1;
    }
    *size = sum;
    return true;
}

size_t params_size(const struct evpg_param *params, size_t count)
{
    size_t size = count * PARAMS_SLOT;

    for (size_t i = 0; i < count; i++)
        size += params[i].kind == PARAMS_NULL ? 0 : (size_t)length_of(&params[i]) + 1;
    return size;
}

/* Copies a value there, and adds the NUL byte that ends text. */
static void copy_value(const struct evpg_param *param, char *to, size_t length)
{
    if (param_has_parts(param))
        param_parts_write(param, to);
    else
        memcpy(to, param->kind == PARAMS_INLINE ? param->value.inline_bytes : param->value.pointer,
               length);
    to[length] = '\0';
}

/* Lays one out, its value at *end, which moves on. */
static void copy_one(struct params *to, int i, const struct evpg_param *param, char **end)
{
    size_t length = (size_t)length_of(param);

    to->lengths[i] = (int)length;
    to->formats[i] = param_has_parts(param) ? param_parts_format(param) : param->format;
    to->types[i] = param_has_parts(param) ? param_parts_type(param) : param->oid;
    to->values[i] = param->kind == PARAMS_NULL ? NULL : *end;
    if (param->kind == PARAMS_NULL)
        return;
    copy_value(param, *end, length);
    *end += length + 1;
}

/* Not inlined: numbers are copied without what this needs. */
static void __attribute__((noinline))
copy_rest(struct params *to, const struct evpg_param *params, int i, char *end)
{
    for (; i < to->count; i++)
        copy_one(to, i, &params[i], &end);
}

static inline char *copy_number(char *to, const struct evpg_param *param, int length)
{
    memcpy(to, param->value.inline_bytes, 4);
    if (length == 8)
        memcpy(to + 4, param->value.inline_bytes + 4, 4);
    to[length] = '\0';
    return to + length + 1;
}

void params_copy(struct params *to, const struct evpg_param *params, size_t count, void *memory)
{
    const char **values = memory;
    int *lengths = (int *)(values + count), *formats = lengths + count, i;
    Oid *types = (Oid *)(formats + count);
    char *end = (char *)(types + count);

    *to = (struct params){(int)count, values, lengths, formats, types};
    for (i = 0; i < (int)count && is_number(&params[i]); i++) {
        int length = (int)params[i].length;

        lengths[i] = length;
        formats[i] = params[i].format;
        types[i] = params[i].oid;
        values[i] = end;
        end = copy_number(end, &params[i], length);
    }
    if (i < (int)count)
        copy_rest(to, params, i, end);
}
