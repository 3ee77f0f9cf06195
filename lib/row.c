/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * row: reads the columns of a row.
 *
 * Called by the application from its callbacks; set up by the operations. Invariants: a column's
 * number is checked before libpq sees it, for libpq would call its notice receiver; a getter either
 * sets its value or leaves an error that names column, type and reason; all memory made on the way
 * belongs to the row_set.
 */
#include "row.h"

#include "mem.h"
#include "value.h"
#include "value_binary.h"

#include <string.h>

struct scratch {
    SLIST_ENTRY(scratch) link;
    max_align_t memory[];
};

void *row_set_alloc(struct row_set *set, size_t size)
{
    struct scratch *scratch = mem_alloc(sizeof(*scratch) + size);

    if (!scratch)
        return NULL;
    SLIST_INSERT_HEAD(&set->scratch, scratch, link);
    return scratch->memory;
}

void row_set_drop(struct row_set *set)
{
    struct scratch *scratch;

    while ((scratch = SLIST_FIRST(&set->scratch))) {
        SLIST_REMOVE_HEAD(&set->scratch, link);
        mem_free(scratch);
    }
}

void row_set_finish(struct row_set *set)
{
    row_set_reset(set, NULL);
    mem_free(set->room);
    set->room = NULL;
}

/* An error to be filled in; without memory for one, the error says that. */
static struct evpg_error *new_error(struct row_set *set)
{
    static const struct evpg_error out_of_memory = {
        .code = EVPG_E_MEMORY, .fate = EVPG_FATE_EXECUTED, .message = "out of memory"};

    if (!set->room)
        set->room = mem_alloc(sizeof(*set->room));
    set->failed = set->room ? set->room : &out_of_memory;
    return set->room;
}

static void append_type(struct evpg_error *error, Oid type)
{
    const char *name = type_name(type), *element = type_name(type_of_elements(type));

    if (name)
        err_append(error, " (%s)", name);
    else if (element)
        err_append(error, " (%s[])", element);
    else if (type != TYPE_NONE)
        err_append(error, " (type %u)", type);
}

/* Says where something stands: a column, and what in it. A value may be as deep as it is long, and
 * a message may not. */
static void append_place(struct evpg_error *error, const struct evpg_row *row, int column,
                         int levels)
{
    if (row->parts && levels == 0) {
        err_append(error, "..., %s %d", row->parts->noun, column);
    } else if (row->parts) {
        append_place(error, row->parts->whole, row->parts->column, levels - 1);
        err_append(error, ", %s %d", row->parts->noun, column);
    } else {
        err_append(error, "column %d \"%s\"", column, PQfname(row->result, column));
    }
    append_type(error, row_type(row, column));
}

enum { MOST_LEVELS = 8 };

/* Says why a column cannot be read. */
void row_fail(const struct evpg_row *row, int column, enum evpg_code code, const char *why)
{
    struct evpg_error *error = new_error(row->set);

    if (!error)
        return;
    err_set(error, code, EVPG_FATE_EXECUTED, "%s", "");
    append_place(error, row, column, MOST_LEVELS);
    err_append(error, ": %s", why);
}

void row_refuse_column(const struct evpg_row *row, int column)
{
    struct evpg_error *error = new_error(row->set);

    if (error && row->parts) {
        err_set(error, EVPG_E_VALUE, EVPG_FATE_EXECUTED, "%s", "");
        append_place(error, row->parts->whole, row->parts->column, MOST_LEVELS);
        err_append(error, ": there is no %s %d: it has %d, counted from 0", row->parts->noun,
                   column, row->columns);
    } else if (error) {
        err_set(error, EVPG_E_VALUE, EVPG_FATE_EXECUTED,
                "there is no column %d: the row has %d, counted from 0", column, row->columns);
    }
}

static bool is_text(const struct evpg_row *row, int column)
{
    Oid type = row_type(row, column);

    if (type == TYPE_TEXT || type_is_text(type))
        return true;
    row_fail(row, column, EVPG_E_VALUE, "it came in binary format, which is no text");
    return false;
}

/* The same where text is wanted. */
static inline bool get_text(const struct evpg_row *row, int column, struct row_cell *cell)
{
    return row_cell(row, column, cell) && (!row->binary || !cell->text || is_text(row, column));
}

int row_miscounted(const struct evpg_row *row, size_t wanted)
{
    struct evpg_error *error = new_error(row->set);

    if (error)
        err_set(error, EVPG_E_VALUE, EVPG_FATE_EXECUTED,
                "the row has %d columns, and %zu are wanted", row->columns, wanted);
    return -1;
}

int evpg_row_columns(const struct evpg_row *row)
{
    return row->columns;
}

const char *evpg_row_name(const struct evpg_row *row, int column)
{
    return row_has(row, column) && !row->parts ? PQfname(row->result, column) : NULL;
}

int evpg_row_find(const struct evpg_row *row, const char *name)
{
    struct evpg_error *error;

    for (int i = 0; name && !row->parts && i < row->columns; i++)
        if (strcmp(PQfname(row->result, i), name) == 0)
            return i;
    error = new_error(row->set);
    if (error)
        err_set(error, EVPG_E_VALUE, EVPG_FATE_EXECUTED, "there is no column \"%s\"",
                name ? name : "(null)");
    return -1;
}

uint32_t evpg_row_type(const struct evpg_row *row, int column)
{
    return row_has(row, column) ? row_type(row, column) : 0;
}

bool evpg_row_is_null(const struct evpg_row *row, int column)
{
    struct row_cell cell;

    return !row_cell(row, column, &cell) || !cell.text;
}

const char *evpg_row_text(const struct evpg_row *row, int column)
{
    struct row_cell cell;

    return get_text(row, column, &cell) ? cell.text : NULL;
}

const char *evpg_row_text_or(const struct evpg_row *row, int column, const char *instead)
{
    struct row_cell cell;

    if (!get_text(row, column, &cell))
        return NULL;
    return cell.text ? cell.text : instead;
}

static const void *decode_bytea(const struct evpg_row *row, int column, const struct row_cell *cell,
                                size_t *length)
{
    unsigned char *bytes = row_set_alloc(row->set, cell->length + 1);
    const char *why;

    if (!bytes) {
        row_fail(row, column, EVPG_E_MEMORY, "out of memory");
        return NULL;
    }
    why = value_read_bytea(cell->text, cell->length, bytes, length);
    return row_explain(row, column, why) == 0 ? bytes : NULL;
}

const void *evpg_row_bytes(const struct evpg_row *row, int column, size_t *length)
{
    struct row_cell cell;

    *length = 0;
    if (!row_cell(row, column, &cell) || !cell.text)
        return NULL;
    if (!row->binary && row_type(row, column) == TYPE_BYTEA)
        return decode_bytea(row, column, &cell, length);
    *length = cell.length;
    return cell.text;
}

static bool reads_integer(Oid type)
{
    return type == TYPE_INT4 || type == TYPE_INT8 || type == TYPE_INT2 || type == TYPE_OID ||
           type == TYPE_NONE;
}

static inline const char *read_integer(const struct evpg_row *row, const struct row_cell *cell,
                                       int64_t *value)
{
    return row->binary ? value_binary_int64(cell->type, cell->text, cell->length, value)
                       : value_read_int64(cell->text, value);
}

int evpg_row_int64(const struct evpg_row *row, int column, int64_t *value)
{
    struct row_cell cell;

    if (!row_value(row, column, &cell, reads_integer, "not an integer type"))
        return -1;
    return row_explain(row, column, read_integer(row, &cell, value));
}

int evpg_row_int32(const struct evpg_row *row, int column, int32_t *value)
{
    struct row_cell cell;
    const char *why;
    int64_t wide;

    if (!row_value(row, column, &cell, reads_integer, "not an integer type"))
        return -1;
    why = read_integer(row, &cell, &wide);
    if (!why && (wide < INT32_MIN || wide > INT32_MAX))
        why = "out of range for 32 bits";
    if (!why)
        *value = (int32_t)wide;
    return row_explain(row, column, why);
}

static bool reads_double(Oid type)
{
    return type == TYPE_FLOAT8 || type == TYPE_FLOAT4 || type == TYPE_INT4 || type == TYPE_INT2 ||
           type == TYPE_NONE;
}

int evpg_row_double(const struct evpg_row *row, int column, double *value)
{
    struct row_cell cell;
    const char *why;
    float narrow;

    if (!row_value(row, column, &cell, reads_double, "not a type that a double holds exactly"))
        return -1;
    if (row->binary)
        return row_explain(row, column,
                           value_binary_double(cell.type, cell.text, cell.length, value));
    if (cell.type != TYPE_FLOAT4)
        return row_explain(row, column, value_read_double(cell.text, value));
    why = value_read_float(cell.text, &narrow); /* what the server holds, written its shortest */
    if (!why)
        *value = narrow;
    return row_explain(row, column, why);
}

static bool reads_bool(Oid type)
{
    return type == TYPE_BOOL || type == TYPE_NONE;
}

int evpg_row_bool(const struct evpg_row *row, int column, bool *value)
{
    struct row_cell cell;

    if (!row_value(row, column, &cell, reads_bool, "not a boolean type"))
        return -1;
    return row_explain(row, column,
                       row->binary ? value_binary_bool(cell.text, cell.length, value)
                                   : value_read_bool(cell.text, value));
}

struct evpg_request *evpg_row_request(const struct evpg_row *row)
{
    return row->set->request;
}

int evpg_row_statement(const struct evpg_row *row)
{
    return row->statement;
}

const struct evpg_error *evpg_row_error(const struct evpg_row *row)
{
    return row->set->failed;
}
