/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * param_binary: writes arrays, ranges and composites in the server's binary format.
 *
 * Called by param_parts.c; pure. Invariants: what is written is what was counted, because both are
 * the same code; a part is written only with the type that the server will take it for, or as text
 * where that type's binary format is text (PostgreSQL sources, the types' "recv" functions).
 */
#include "param_binary.h"

#include "params.h"
#include "type.h"

#include <string.h>

static void put_bytes(struct param_sink *sink, const void *bytes, size_t length)
{
    if (sink->to && length > 0)
        memcpy(sink->to + sink->size, bytes, length);
    sink->size += length;
}

static void put_int32(struct param_sink *sink, uint32_t number)
{
    const unsigned char bytes[4] = {(unsigned char)(number >> 24), (unsigned char)(number >> 16),
                                    (unsigned char)(number >> 8), (unsigned char)number};

    put_bytes(sink, bytes, 4);
}

/* A part with its length before it, which is known when it is written. */
static void put_part(struct param_sink *sink, const struct evpg_param *part)
{
    uint64_t start = sink->size;
    struct param_sink length = {.to = sink->to, .size = start};

    if (part->kind == PARAMS_NULL) {
        put_int32(sink, UINT32_MAX);
        return;
    }
    put_int32(sink, 0);
    param_binary_write(sink, part);
    put_int32(&length, (uint32_t)(sink->size - start - 4));
}

static bool has_null(const struct evpg_array_value *array)
{
    for (size_t i = 0; i < array->n_elements; i++)
        if (array->elements[i].kind == PARAMS_NULL)
            return true;
    return false;
}

static void put_array(struct param_sink *sink, const struct evpg_array_value *array)
{
    int dimensions = array->n_elements > 0 ? param_dimensions(array) : 0;

    put_int32(sink, (uint32_t)dimensions);
    put_int32(sink, has_null(array));
    put_int32(sink, param_element_type(array));
    for (int i = 0; i < dimensions; i++) {
        put_int32(sink, (uint32_t)param_length(array, i));
        put_int32(sink, (uint32_t)param_lower_bound(array, i));
    }
    for (size_t i = 0; i < array->n_elements; i++)
        put_part(sink, &array->elements[i]);
}

/* PostgreSQL sources, rangetypes.h */
enum {
    RANGE_EMPTY = 0x01,
    RANGE_LB_INC = 0x02,
    RANGE_UB_INC = 0x04,
    RANGE_LB_INF = 0x08,
    RANGE_UB_INF = 0x10
};

static void put_range(struct param_sink *sink, const struct evpg_range_value *range)
{
    bool lower = !range->empty && param_is_bound(&range->lower);
    bool upper = !range->empty && param_is_bound(&range->upper);
    unsigned char flags = RANGE_EMPTY;

    if (!range->empty)
        flags = (unsigned char)((lower ? 0 : RANGE_LB_INF) | (upper ? 0 : RANGE_UB_INF) |
                                (lower && range->lower_inclusive ? RANGE_LB_INC : 0) |
                                (upper && range->upper_inclusive ? RANGE_UB_INC : 0));
    put_bytes(sink, &flags, 1);
    if (lower)
        put_part(sink, &range->lower);
    if (upper)
        put_part(sink, &range->upper);
}

static void put_composite(struct param_sink *sink, const struct evpg_composite_value *composite)
{
    put_int32(sink, (uint32_t)composite->n_fields);
    for (size_t i = 0; i < composite->n_fields; i++) {
        put_int32(sink, param_part_type(&composite->fields[i]));
        put_part(sink, &composite->fields[i]);
    }
}

void param_binary_write(struct param_sink *sink, const struct evpg_param *param)
{
    const void *value = param->value.pointer;

    if (param->kind == PARAMS_INLINE)
        put_bytes(sink, param->value.inline_bytes, (size_t)param->length);
    else if (param->kind == PARAMS_ARRAY)
        put_array(sink, value);
    else if (param->kind == PARAMS_RANGE)
        put_range(sink, value);
    else if (param->kind == PARAMS_COMPOSITE)
        put_composite(sink, value);
    else
        put_bytes(sink, value, (size_t)param->length);
}

/* Empty, or infinite on both sides, and it does not say of which type: it is written alike for all
 * of them. */
static bool is_boundless(const struct evpg_param *param)
{
    const struct evpg_range_value *range = param->value.pointer;

    return param->kind == PARAMS_RANGE && range->type == TYPE_NONE &&
           (range->empty || (!param_is_bound(&range->lower) && !param_is_bound(&range->upper)));
}

static bool can_element(const struct evpg_param *element, uint32_t type)
{
    if (element->kind == PARAMS_NULL)
        return true;
    if (is_boundless(element))
        return type_of_bounds(type) != TYPE_NONE;
    if (params_is_text(element))
        return type_is_text(type);
    return param_part_type(element) == type && param_binary_can(element);
}

static bool can_array(const struct evpg_array_value *array)
{
    uint32_t type = param_element_type(array);

    for (size_t i = 0; i < array->n_elements; i++)
        if (!can_element(&array->elements[i], type))
            return false;
    return type != TYPE_NONE;
}

static bool can_bound(const struct evpg_param *bound, uint32_t type)
{
    return !param_is_bound(bound) ||
           (!params_is_text(bound) && param_binary_can(bound) && param_part_type(bound) == type);
}

/* A range's bounds do not say what they are, so its own type must. */
static bool can_range(const struct evpg_param *param, const struct evpg_range_value *range)
{
    uint32_t type = param_part_type(param), bound_type = type_of_bounds(type);

    if (range->empty || type == TYPE_NONE)
        return type != TYPE_NONE;
    if (bound_type == TYPE_NONE)
        bound_type = param_part_type(param_is_bound(&range->lower) ? &range->lower : &range->upper);
    return can_bound(&range->lower, bound_type) && can_bound(&range->upper, bound_type);
}

/* The server wants to be told each field's type, even a NULL's. */
static bool can_composite(const struct evpg_composite_value *composite)
{
    for (size_t i = 0; i < composite->n_fields; i++)
        if (param_part_type(&composite->fields[i]) == TYPE_NONE ||
            !param_binary_can(&composite->fields[i]))
            return false;
    return true;
}

bool param_binary_can(const struct evpg_param *param)
{
    switch (param->kind) {
    case PARAMS_ARRAY:
        return can_array(param->value.pointer);
    case PARAMS_RANGE:
        return can_range(param, param->value.pointer);
    case PARAMS_COMPOSITE:
        return can_composite(param->value.pointer);
    default:
        return !params_is_text(param);
    }
}
