/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * row_scalar: the getters of evpg/scalar.h.
 *
 * Called by the application from its callbacks. What a type's bytes mean is known by the readers of
 * value*.c; here it is decided which types a getter reads, in either format. Invariants are those
 * of row.c: a getter sets its value or leaves an error; what it makes belongs to the row_set.
 */
#include "row.h"

#include "value.h"
#include "value_binary.h"
#include "value_bit.h"
#include "value_net.h"
#include "value_numeric.h"

#include <string.h>

int evpg_row_int16(const struct evpg_row *row, int column, int16_t *value)
{
    int64_t wide;

    if (evpg_row_int64(row, column, &wide) < 0)
        return -1;
    if (wide < INT16_MIN || wide > INT16_MAX)
        return row_explain(row, column, "out of range for 16 bits");
    *value = (int16_t)wide;
    return 0;
}

static bool reads_uint32(Oid type)
{
    return type == TYPE_OID || type == TYPE_XID || type == TYPE_CID;
}

static bool reads_uint64(Oid type)
{
    return reads_uint32(type) || type == TYPE_XID8 || type == TYPE_PG_LSN;
}

static const char *read_unsigned(const struct evpg_row *row, const struct row_cell *cell,
                                 uint64_t *value)
{
    if (row->binary)
        return value_binary_uint64(cell->type, cell->text, cell->length, value);
    if (cell->type == TYPE_PG_LSN)
        return value_read_lsn(cell->text, value);
    return value_read_uint64(cell->text, cell->type == TYPE_XID8 ? UINT64_MAX : UINT32_MAX, value);
}

int evpg_row_uint32(const struct evpg_row *row, int column, uint32_t *value)
{
    struct row_cell cell;
    uint64_t wide;
    const char *why;

    if (!row_value(row, column, &cell, reads_uint32, "not an integer type without a sign"))
        return -1;
    why = read_unsigned(row, &cell, &wide);
    if (!why)
        *value = (uint32_t)wide;
    return row_explain(row, column, why);
}

int evpg_row_uint64(const struct evpg_row *row, int column, uint64_t *value)
{
    struct row_cell cell;

    if (!row_value(row, column, &cell, reads_uint64, "not an integer type without a sign"))
        return -1;
    return row_explain(row, column, read_unsigned(row, &cell, value));
}

static bool reads_float(Oid type)
{
    return type == TYPE_FLOAT4 || type == TYPE_INT2;
}

int evpg_row_float(const struct evpg_row *row, int column, float *value)
{
    struct row_cell cell;
    const char *why;
    double wide;

    if (!row_value(row, column, &cell, reads_float, "not a type that a float holds exactly"))
        return -1;
    if (!row->binary)
        return row_explain(row, column, value_read_float(cell.text, value));
    why = value_binary_double(cell.type, cell.text, cell.length, &wide);
    if (!why)
        *value = (float)wide;
    return row_explain(row, column, why);
}

/* Memory for what a getter returns; NULL, and the error is told. */
static char *make_room(const struct evpg_row *row, int column, size_t size)
{
    char *room = row_set_alloc(row->set, size);

    if (!room)
        row_fail(row, column, EVPG_E_MEMORY, "out of memory");
    return room;
}

static bool reads_numeric(Oid type)
{
    return type == TYPE_NUMERIC;
}

static const char *convert_numeric(const struct evpg_row *row, int column,
                                   const struct row_cell *cell)
{
    struct numeric number;
    const char *why = value_numeric_read(cell->text, cell->length, &number);
    char *text = NULL;

    if (row_explain(row, column, why) == 0)
        text = make_room(row, column, value_numeric_size(&number));
    if (text)
        value_numeric_write(&number, text);
    return text;
}

static const char *numeric_text(const struct evpg_row *row, int column, const struct row_cell *cell)
{
    if (row->binary)
        return convert_numeric(row, column, cell);
    if (row_explain(row, column, value_numeric_check_written(cell->text, cell->length)) < 0)
        return NULL;
    return cell->text;
}

const char *evpg_row_numeric(const struct evpg_row *row, int column)
{
    struct row_cell cell;

    if (!row_value_or_null(row, column, &cell, reads_numeric, "not a numeric"))
        return NULL;
    return cell.text ? numeric_text(row, column, &cell) : NULL;
}

int evpg_row_decimal(const struct evpg_row *row, int column, int scale, int64_t *value)
{
    struct row_cell cell;
    const char *text;

    if (!row_value(row, column, &cell, reads_numeric, "not a numeric"))
        return -1;
    text = numeric_text(row, column, &cell);
    return text ? row_explain(row, column, value_numeric_scaled(text, scale, value)) : -1;
}

static bool reads_uuid(Oid type)
{
    return type == TYPE_UUID;
}

int evpg_row_uuid(const struct evpg_row *row, int column, unsigned char bytes[16])
{
    struct row_cell cell;

    if (!row_value(row, column, &cell, reads_uuid, "not a uuid"))
        return -1;
    return row_explain(row, column,
                       row->binary ? value_net_binary_uuid(cell.text, cell.length, bytes)
                                   : value_net_uuid(cell.text, cell.length, bytes));
}

static bool reads_inet(Oid type)
{
    return type == TYPE_INET || type == TYPE_CIDR;
}

int evpg_row_inet(const struct evpg_row *row, int column, struct evpg_inet_address *address)
{
    struct row_cell cell;
    const char *why;

    if (!row_value(row, column, &cell, reads_inet, "not a type of addresses"))
        return -1;
    why = row->binary ? value_net_binary_inet(cell.text, cell.length, address)
                      : value_net_inet(cell.text, cell.length, address);
    if (!why)
        address->is_cidr = cell.type == TYPE_CIDR;
    return row_explain(row, column, why);
}

static bool reads_json(Oid type)
{
    return type == TYPE_JSON || type == TYPE_JSONB;
}

/* In binary format jsonb is text after a byte that says in which version of the format it is. */
const char *evpg_row_json(const struct evpg_row *row, int column)
{
    struct row_cell cell;
    bool versioned;

    if (!row_value_or_null(row, column, &cell, reads_json, "not a type of JSON") || !cell.text)
        return NULL;
    versioned = row->binary && cell.type == TYPE_JSONB;
    if (versioned && *cell.text != 1)
        row_fail(row, column, EVPG_E_VALUE, "in an unknown version of its format");
    else if (memchr(cell.text, '\0', cell.length))
        row_fail(row, column, EVPG_E_VALUE, "with a NUL byte in it");
    else
        return cell.text + versioned;
    return NULL;
}

static bool reads_bit(Oid type)
{
    return type == TYPE_BIT || type == TYPE_VARBIT;
}

static const char *convert_bit(const struct evpg_row *row, int column, const struct row_cell *cell)
{
    size_t bits;
    const char *why = value_bit_count(cell->text, cell->length, &bits);
    char *text = row_explain(row, column, why) == 0 ? make_room(row, column, bits + 1) : NULL;

    if (text)
        value_bit_write(cell->text, bits, text);
    return text;
}

const char *evpg_row_bit(const struct evpg_row *row, int column)
{
    struct row_cell cell;

    if (!row_value_or_null(row, column, &cell, reads_bit, "not a type of bits") || !cell.text)
        return NULL;
    if (row->binary)
        return convert_bit(row, column, &cell);
    return row_explain(row, column, value_bit_check(cell.text, cell.length)) == 0 ? cell.text
                                                                                  : NULL;
}
