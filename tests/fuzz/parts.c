/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * parts: what lib/value_array.c, value_range.c and value_record.c read: values that are made of
 * others.
 *
 * An input is a letter and text, or the same letter in upper case and binary format: a array, x
 * array of boxes, r range, m multirange, c composite. The parts lie inside the value or in their
 * copies, and what is read is sent as a parameter of the same parts and read again.
 */
#include "fuzz.h"

#include "params.h"
#include "type.h"
#include "value_array.h"
#include "value_range.h"
#include "value_record.h"

#include <evpg/array.h>

#include <string.h>

const char fuzz_name[] = "parts";

/* All that is read of a value, and of what. */
struct value {
    unsigned char kind; /* a, x, r, m, c */
    bool binary;
    struct value_array array;
    struct value_range range;
    struct value_parts parts;
};

static const char *read_array(struct value *value, const void *bytes, size_t size)
{
    if (value->binary)
        return value_array_binary(bytes, size, &value->array, &value->parts);
    return value_array_text(bytes, size, value->kind == 'x' ? TYPE_BOX : TYPE_NONE, &value->array,
                            &value->parts);
}

static const char *read_once(struct value *value, const void *bytes, size_t size)
{
    struct value_parts *parts = &value->parts;

    switch (value->kind) {
    case 'r':
        return value->binary ? value_range_binary(bytes, size, TYPE_INT4, &value->range, parts)
                             : value_range_text(bytes, size, TYPE_INT4, &value->range, parts);
    case 'm':
        return value->binary ? value_multirange_binary(bytes, size, TYPE_INT4RANGE, parts)
                             : value_multirange_text(bytes, size, TYPE_INT4RANGE, parts);
    case 'c':
        return value->binary ? value_record_binary(bytes, size, parts)
                             : value_record_text(bytes, size, parts);
    default:
        return read_array(value, bytes, size);
    }
}

static bool is_inside(const char *at, size_t length, const void *whole, size_t size)
{
    const char *start = whole;

    return at >= start && at <= start + size && length <= (size_t)(start + size - at);
}

/* What may be text is a copy, ended by a NUL byte. */
static void check_cell(const struct value *value, const struct row_cell *cell, const void *bytes,
                       size_t size)
{
    if (!cell->text)
        fuzz_require(cell->length == 0);
    else if (value->binary && !type_is_text(cell->type) && cell->type != TYPE_JSONB)
        fuzz_require(is_inside(cell->text, cell->length, bytes, size));
    else
        fuzz_require(
            is_inside(cell->text, cell->length + 1, value->parts.copies, value->parts.size) &&
            cell->text[cell->length] == '\0');
}

/* In ranges NULL are those that are said not to be there, and no others. */
static void check_nulls(const struct value *value)
{
    const struct row_cell *cells = value->parts.cells;

    for (size_t i = 0; i < value->parts.count && value->kind == 'm'; i++)
        fuzz_require(cells[i].text != NULL);
    for (size_t i = 0; i < 2 && value->kind == 'r'; i++)
        fuzz_require(!cells[i].text == (value->range.empty || value->range.infinite[i]));
}

/* In two runs, as the library does. */
static bool read_value(struct value *value, const void *bytes, size_t size)
{
    struct value_parts counted;

    memset(&value->parts, 0, sizeof(value->parts));
    if (!fuzz_good(read_once(value, bytes, size)))
        return false;
    counted = value->parts;
    fuzz_require(counted.count <= size + 2 && counted.size <= 2 * size + 2);
    value->parts = (struct value_parts){.cells = fuzz_room(counted.count * sizeof(struct row_cell)),
                                        .copies = fuzz_room(counted.size)};
    fuzz_require(read_once(value, bytes, size) == NULL);
    fuzz_require(value->parts.count == counted.count && value->parts.size == counted.size);
    for (size_t i = 0; i < counted.count; i++)
        check_cell(value, &value->parts.cells[i], bytes, size);
    check_nulls(value);
    return true;
}

static struct evpg_param param_of(const struct value *value, const struct row_cell *cell)
{
    struct evpg_param param = {.oid = cell->type, .kind = PARAMS_NULL};

    if (!value->binary)
        return evpg_textn(cell->text, cell->length);
    if (!cell->text)
        return param;
    param = evpg_bytes(cell->text, cell->length);
    param.oid = cell->type;
    return param;
}

static struct evpg_param array_of(const struct value *value, const struct evpg_param *elements)
{
    struct evpg_array_value *array = fuzz_room(sizeof(*array));

    *array = (struct evpg_array_value){
        .element_type = value->kind == 'x' && !value->binary ? TYPE_BOX : value->array.element_type,
        .dimensions = value->array.dimensions,
        .lengths = value->array.lengths,
        .lower_bounds = value->array.lower_bounds,
        .elements = elements,
        .n_elements = value->parts.count};
    return evpg_array(array);
}

static struct evpg_param range_of(const struct value *value, const struct evpg_param *bounds)
{
    struct evpg_range_value *range = fuzz_room(sizeof(*range));

    *range = (struct evpg_range_value){.type = value->binary ? TYPE_INT4RANGE : TYPE_NONE,
                                       .empty = value->range.empty,
                                       .lower_inclusive = value->range.inclusive[0],
                                       .upper_inclusive = value->range.inclusive[1],
                                       .lower = bounds[0],
                                       .upper = bounds[1]};
    return evpg_range(range);
}

static struct evpg_param composite_of(const struct value *value, const struct evpg_param *fields)
{
    struct evpg_composite_value *composite = fuzz_room(sizeof(*composite));

    *composite = (struct evpg_composite_value){.fields = fields, .n_fields = value->parts.count};
    return evpg_composite(composite);
}

static struct evpg_param whole_of(const struct value *value)
{
    struct evpg_param *params = fuzz_room(value->parts.count * sizeof(*params));

    for (size_t i = 0; i < value->parts.count; i++)
        params[i] = param_of(value, &value->parts.cells[i]);
    if (value->kind == 'r')
        return range_of(value, params);
    return value->kind == 'c' ? composite_of(value, params) : array_of(value, params);
}

/* A NUL byte in text, and binary format of an unknown type. */
static bool can_be_sent(const struct value *value)
{
    if (value->binary && (value->kind == 'a' || value->kind == 'x'))
        return value->array.element_type != TYPE_NONE;
    for (size_t i = 0; i < value->parts.count; i++) {
        const struct row_cell *cell = &value->parts.cells[i];

        if (value->binary ? cell->type == TYPE_NONE
                          : cell->text && memchr(cell->text, '\0', cell->length))
            return false;
    }
    return true;
}

static void check_parts(const struct value_parts *one, const struct value_parts *other)
{
    fuzz_require(one->count == other->count);
    for (size_t i = 0; i < one->count; i++) {
        const struct row_cell *a = &one->cells[i], *b = &other->cells[i];

        fuzz_require(!a->text == !b->text && a->length == b->length && a->type == b->type);
        fuzz_require(!a->text || memcmp(a->text, b->text, a->length) == 0);
    }
}

static void check_same(const struct value *one, const struct value *other)
{
    const struct value_array *a = &one->array, *b = &other->array;

    check_parts(&one->parts, &other->parts);
    if (one->kind == 'r') {
        fuzz_require(memcmp(&one->range, &other->range, sizeof(one->range)) == 0);
    } else if (one->kind != 'c' && one->parts.count > 0) {
        fuzz_require(a->element_type == b->element_type && a->dimensions == b->dimensions);
        fuzz_require(memcmp(a->lengths, b->lengths, sizeof(*a->lengths) * (size_t)a->dimensions) ==
                     0);
        fuzz_require(memcmp(a->lower_bounds, b->lower_bounds,
                            sizeof(*a->lower_bounds) * (size_t)a->dimensions) == 0);
    }
}

/* A composite goes as text where all of its fields can, and an array in binary format where all of
 * its elements are NULL. */
static bool may_change_format(const struct value *value)
{
    for (size_t i = 0; i < value->parts.count && value->kind != 'c'; i++)
        if (value->parts.cells[i].text)
            return false;
    return value->kind != 'c' || value->binary;
}

static void check_round_trip(const struct value *value)
{
    struct evpg_param whole = whole_of(value);
    struct value again = {.kind = value->kind, .binary = value->binary};
    struct params sent;
    char why[200];
    bool good = params_check(&whole, 1, why, sizeof(why));

    if (good)
        params_copy(&sent, &whole, 1, fuzz_room(params_size(&whole, 1)));
    if (!good || sent.formats[0] != value->binary) {
        fuzz_require(!can_be_sent(value) || (good && may_change_format(value)));
        return;
    }
    fuzz_require(read_value(&again, fuzz_copy(sent.values[0], (size_t)sent.lengths[0]),
                            (size_t)sent.lengths[0]));
    check_same(value, &again);
}

void fuzz_one(const unsigned char *bytes, size_t size)
{
    unsigned char kind = size > 0 ? *bytes : 0;
    struct value value = {.kind = kind | 0x20, .binary = kind < 'a'};

    if (!strchr("xrmc", value.kind))
        value.kind = 'a';
    if (size > 1 && read_value(&value, fuzz_copy(bytes + 1, size - 1), size - 1) &&
        value.kind != 'm')
        check_round_trip(&value);
}
