/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * param_parts: parameters that are made of others: what they may be, and in which format they go.
 *
 * The makers are called by the application, the rest by params.c. Invariants: what they point at is
 * the application's, and is looked at only within the call that takes them; nothing is counted or
 * written before it was checked; all parts of one travel in the same format as the whole.
 */
#include "param_parts.h"

#include "param_binary.h"
#include "param_text.h"
#include "type.h"

#include <stdio.h>
#include <string.h>

/* How deep parts may be in parts; a mistake may be a circle. */
enum { MOST_LEVELS = 8 };

static struct evpg_param make(uint8_t kind, const void *value)
{
    struct evpg_param param = {.kind = kind, .value.pointer = value};

    return value ? param : evpg_null();
}

struct evpg_param evpg_array(const struct evpg_array_value *array)
{
    return make(PARAMS_ARRAY, array);
}

struct evpg_param evpg_range(const struct evpg_range_value *range)
{
    return make(PARAMS_RANGE, range);
}

struct evpg_param evpg_composite(const struct evpg_composite_value *composite)
{
    return make(PARAMS_COMPOSITE, composite);
}

bool param_is_bound(const struct evpg_param *bound)
{
    return bound->kind != 0 && bound->kind != PARAMS_NULL;
}

uint32_t param_element_type(const struct evpg_array_value *array)
{
    uint32_t type = array->element_type ? array->element_type : type_of_elements(array->type);

    for (size_t i = 0; i < array->n_elements && type == TYPE_NONE; i++)
        type = param_part_type(&array->elements[i]);
    return type;
}

static uint32_t type_of_range(const struct evpg_range_value *range)
{
    uint32_t type = TYPE_NONE;

    if (range->type || range->empty)
        return range->type;
    if (param_is_bound(&range->lower))
        type = type_range_of(param_part_type(&range->lower));
    if (type == TYPE_NONE && param_is_bound(&range->upper))
        type = type_range_of(param_part_type(&range->upper));
    return type;
}

uint32_t param_part_type(const struct evpg_param *param)
{
    const struct evpg_array_value *array = param->value.pointer;
    const struct evpg_composite_value *composite = param->value.pointer;

    if (param->kind == PARAMS_ARRAY)
        return array->type ? array->type : type_array_of(param_element_type(array));
    if (param->kind == PARAMS_RANGE)
        return type_of_range(param->value.pointer);
    return param->kind == PARAMS_COMPOSITE ? composite->type : param->oid;
}

int param_dimensions(const struct evpg_array_value *array)
{
    return array->dimensions ? array->dimensions : 1;
}

int32_t param_length(const struct evpg_array_value *array, int dimension)
{
    return array->dimensions ? array->lengths[dimension] : (int32_t)array->n_elements;
}

int32_t param_lower_bound(const struct evpg_array_value *array, int dimension)
{
    return array->lower_bounds ? array->lower_bounds[dimension] : 1;
}

/* What a part is in, for the message. */
struct place {
    const struct place *outer;
    const char *noun; /* what stands before its number */
    size_t number;
    int level;
};

/* The reason, and where. */
struct complaint {
    const char *why;
    char where[128];
};

static size_t describe(const struct place *place, char *to, size_t size)
{
    size_t used = place->outer ? describe(place->outer, to, size) : 0;
    int length = snprintf(to + used, size - used, place->outer ? ", %s%zu" : "%s%zu", place->noun,
                          place->number);

    used += length > 0 ? (size_t)length : 0;
    return used < size ? used : size - 1;
}

static bool complain(struct complaint *complaint, const struct place *place, const char *why)
{
    complaint->why = why;
    describe(place, complaint->where, sizeof(complaint->where));
    return false;
}

/* NULL, or why there cannot be as many elements as are said. */
static const char *bad_dimensions(const struct evpg_array_value *array)
{
    size_t product = 1;

    if (array->dimensions < 0 || array->dimensions > EVPG_ARRAY_MAX_DIMENSIONS)
        return "an array can have at most 6 dimensions";
    if (array->dimensions > 0 && !array->lengths)
        return "the lengths of its dimensions are NULL";
    for (int i = 0; i < param_dimensions(array); i++) {
        int32_t length = param_length(array, i);

        if (length < 1 || (size_t)length > array->n_elements / product)
            return "its dimensions are not those of its elements";
        if (param_lower_bound(array, i) > INT32_MAX - length + 1)
            return "its upper bound does not fit its lower bound";
        product *= (size_t)length;
    }
    return product == array->n_elements ? NULL : "its dimensions are not those of its elements";
}

static const char *bad_array(const struct evpg_array_value *array)
{
    if (array->n_elements == 0)
        return NULL;
    if (array->n_elements > PARAMS_MAX_BYTES)
        return "longer than a statement may be";
    return array->elements ? bad_dimensions(array) : "its elements are NULL";
}

static bool check_part(const struct evpg_param *part, const struct place *place,
                       struct complaint *complaint);

static bool check_all(const struct evpg_param *parts, size_t count, const char *noun,
                      const struct place *outer, struct complaint *complaint)
{
    struct place place = {outer, noun, 0, outer->level + 1};

    for (; place.number < count; place.number++)
        if (!check_part(&parts[place.number], &place, complaint))
            return false;
    return true;
}

static bool check_array(const struct evpg_array_value *array, const struct place *place,
                        struct complaint *complaint)
{
    const char *why = bad_array(array);

    if (why)
        return complain(complaint, place, why);
    for (size_t i = 0; i < array->n_elements; i++) {
        const struct place element = {place, "element ", i, 0};

        if (array->elements[i].kind == PARAMS_ARRAY)
            return complain(complaint, &element, "an array in an array, in place of a dimension");
    }
    return check_all(array->elements, array->n_elements, "element ", place, complaint);
}

static bool check_range(const struct evpg_range_value *range, const struct place *place,
                        struct complaint *complaint)
{
    struct place bound = {place, "bound ", 0, place->level + 1};

    if (range->empty)
        return true;
    if (param_is_bound(&range->lower) && !check_part(&range->lower, &bound, complaint))
        return false;
    bound.number = 1;
    return !param_is_bound(&range->upper) || check_part(&range->upper, &bound, complaint);
}

static bool check_composite(const struct evpg_composite_value *composite, const struct place *place,
                            struct complaint *complaint)
{
    if (composite->n_fields > PARAMS_MAX_BYTES)
        return complain(complaint, place, "longer than a statement may be");
    if (composite->n_fields > 0 && !composite->fields)
        return complain(complaint, place, "its fields are NULL");
    return check_all(composite->fields, composite->n_fields, "field ", place, complaint);
}

static bool check_part(const struct evpg_param *part, const struct place *place,
                       struct complaint *complaint)
{
    const char *why = params_complaint(part);

    if (!why && place->level > MOST_LEVELS)
        why = "parts in parts, more than 8 deep";
    if (why)
        return complain(complaint, place, why);
    if (part->kind == PARAMS_ARRAY)
        return check_array(part->value.pointer, place, complaint);
    if (part->kind == PARAMS_RANGE)
        return check_range(part->value.pointer, place, complaint);
    if (part->kind == PARAMS_COMPOSITE)
        return check_composite(part->value.pointer, place, complaint);
    return true;
}

static bool holds_composites(const struct evpg_param *param)
{
    const struct evpg_array_value *array = param->value.pointer;

    for (size_t i = 0; param->kind == PARAMS_ARRAY && i < array->n_elements; i++)
        if (array->elements[i].kind == PARAMS_COMPOSITE)
            return true;
    return param->kind == PARAMS_COMPOSITE;
}

/* The server takes the numbers in a composite's text for whatever its fields are, but those of its
 * binary format only for what they are themselves. */
static bool goes_as_text(const struct evpg_param *param)
{
    return holds_composites(param) ? param_text_can(param) : !param_binary_can(param);
}

static bool can_be_sent(const struct evpg_param *param)
{
    return param_text_can(param) || param_binary_can(param);
}

bool param_parts_check(const struct evpg_param *param, size_t number, char *why, size_t why_size)
{
    const struct place place = {NULL, "parameter $", number, 0};
    struct complaint complaint;
    bool good = check_part(param, &place, &complaint);

    if (good && !can_be_sent(param))
        good = complain(&complaint, &place, "has parts that have no format in common");
    if (!good)
        snprintf(why, why_size, "%s: %s", complaint.where, complaint.why);
    return good;
}

int param_parts_format(const struct evpg_param *param)
{
    return goes_as_text(param) ? 0 : 1;
}

uint32_t param_parts_type(const struct evpg_param *param)
{
    return param_part_type(param);
}

static uint64_t write_to(const struct evpg_param *param, char *to)
{
    struct param_sink sink = {.to = to};

    if (goes_as_text(param))
        param_text_write(&sink, param);
    else
        param_binary_write(&sink, param);
    return sink.size;
}

uint64_t param_parts_size(const struct evpg_param *param)
{
    return write_to(param, NULL);
}

void param_parts_write(const struct evpg_param *param, char *to)
{
    write_to(param, to);
}
