/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * row_parts: arrays, ranges and composites in a row, as rows of their parts.
 *
 * Called by the application. Invariants: the parts of a value are a row of their own, which all
 * getters read as they read any; a reader is run twice, to count and to fill in, and between them
 * is one allocation, in proportion to what the server has sent; it belongs to the row_set.
 */
#include "row.h"
#include "type.h"
#include "value_array.h"
#include "value_range.h"
#include "value_record.h"

#include <evpg/array.h>

#include <string.h>

/* The readers of one kind of value, all with the same head. `out` is what there is beside parts. */
typedef const char *(*reader)(const struct row_cell *cell, bool binary, void *out,
                              struct value_parts *parts);

/* One block of memory: copies of parts that are text come after the cells. */
struct block {
    struct row_parts parts;
    struct evpg_row row;
    union {
        struct evpg_array_view array;
        struct evpg_range_view range;
    } view;
    struct row_cell cells[];
};

static struct block *make(const struct evpg_row *row, int column, struct value_parts *counted)
{
    size_t count = counted->count, most = (SIZE_MAX / 2 - counted->size) / sizeof(struct row_cell);
    struct block *block = NULL;

    if (count <= most && count <= INT32_MAX)
        block = row_set_alloc(row->set,
                              sizeof(*block) + count * sizeof(struct row_cell) + counted->size);
    if (!block) {
        row_fail(row, column, EVPG_E_MEMORY, "out of memory");
        return NULL;
    }
    block->parts = (struct row_parts){.whole = row, .column = column, .cells = block->cells};
    block->row = *row;
    block->row.result = NULL;
    block->row.parts = &block->parts;
    block->row.index = 0;
    block->row.columns = (int)count;
    *counted =
        (struct value_parts){.cells = block->cells, .copies = (char *)(block->cells + count)};
    return block;
}

/* NULL: the error is told. */
static struct block *read_parts(const struct evpg_row *row, int column, bool (*reads)(Oid type),
                                const char *wrong_type, reader read, void *out)
{
    struct value_parts parts = {0};
    struct row_cell cell;
    struct block *block;

    if (!row_value(row, column, &cell, reads, wrong_type))
        return NULL;
    if (row_explain(row, column, read(&cell, row->binary, out, &parts)) < 0)
        return NULL;
    block = make(row, column, &parts);
    if (block)
        read(&cell, row->binary, out, &parts);
    return block;
}

/* Of a type that somebody has made nothing is known but its number. */
static bool is_known(Oid type)
{
    return type_name(type) || type_of_elements(type);
}

static bool reads_array(Oid type)
{
    return type_of_elements(type) || !is_known(type);
}

static const char *read_array(const struct row_cell *cell, bool binary, void *out,
                              struct value_parts *parts)
{
    if (binary)
        return value_array_binary(cell->text, cell->length, out, parts);
    return value_array_text(cell->text, cell->length, type_of_elements(cell->type), out, parts);
}

const struct evpg_array_view *evpg_row_array(const struct evpg_row *row, int column)
{
    struct value_array array;
    struct block *block =
        read_parts(row, column, reads_array, "not an array type", read_array, &array);
    struct evpg_array_view *view;

    if (!block)
        return NULL;
    block->parts.noun = "element";
    view = &block->view.array;
    view->element_type = array.element_type;
    view->dimensions = array.dimensions;
    memcpy(view->lengths, array.lengths, sizeof(view->lengths));
    memcpy(view->lower_bounds, array.lower_bounds, sizeof(view->lower_bounds));
    view->elements = &block->row;
    return view;
}

static bool reads_range(Oid type)
{
    return type_of_bounds(type) || type == TYPE_ANYRANGE || !is_known(type);
}

static const char *read_range(const struct row_cell *cell, bool binary, void *out,
                              struct value_parts *parts)
{
    Oid bound_type = type_of_bounds(cell->type);

    if (binary)
        return value_range_binary(cell->text, cell->length, bound_type, out, parts);
    return value_range_text(cell->text, cell->length, bound_type, out, parts);
}

const struct evpg_range_view *evpg_row_range(const struct evpg_row *row, int column)
{
    struct value_range range;
    struct block *block =
        read_parts(row, column, reads_range, "not a range type", read_range, &range);
    struct evpg_range_view *view;

    if (!block)
        return NULL;
    block->parts.noun = "bound";
    view = &block->view.range;
    view->empty = range.empty;
    view->lower_infinite = range.infinite[0];
    view->upper_infinite = range.infinite[1];
    view->lower_inclusive = range.inclusive[0];
    view->upper_inclusive = range.inclusive[1];
    view->bounds = &block->row;
    return view;
}

static bool reads_multirange(Oid type)
{
    return type_of_ranges(type) || !is_known(type);
}

static const char *read_multirange(const struct row_cell *cell, bool binary, void *out,
                                   struct value_parts *parts)
{
    Oid range_type = type_of_ranges(cell->type);

    (void)out;
    range_type = range_type ? range_type : TYPE_ANYRANGE;
    if (binary)
        return value_multirange_binary(cell->text, cell->length, range_type, parts);
    return value_multirange_text(cell->text, cell->length, range_type, parts);
}

const struct evpg_row *evpg_row_multirange(const struct evpg_row *row, int column)
{
    struct block *block =
        read_parts(row, column, reads_multirange, "not a multirange type", read_multirange, NULL);

    if (!block)
        return NULL;
    block->parts.noun = "range";
    return &block->row;
}

static bool reads_composite(Oid type)
{
    return type == TYPE_RECORD || !is_known(type);
}

static const char *read_composite(const struct row_cell *cell, bool binary, void *out,
                                  struct value_parts *parts)
{
    (void)out;
    if (binary)
        return value_record_binary(cell->text, cell->length, parts);
    return value_record_text(cell->text, cell->length, parts);
}

const struct evpg_row *evpg_row_composite(const struct evpg_row *row, int column)
{
    struct block *block =
        read_parts(row, column, reads_composite, "not a composite type", read_composite, NULL);

    if (!block)
        return NULL;
    block->parts.noun = "field";
    return &block->row;
}
