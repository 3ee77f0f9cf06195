/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef ROW_H
#define ROW_H

#include "pq.h"
#include "type.h"
#include "value_part.h"

#include <evpg/row.h>
#include <evpg/scalar.h>
#include <sys/queue.h>

/* A view: valid while its result is. Or the parts of a value: of an array, a range, a composite. */
struct evpg_row {
    struct row_set *set;
    const PGresult *result;        /* NULL: its columns are parts */
    const struct row_parts *parts; /* NULL: its columns are the result's */
    int index;
    int statement; /* of a script */
    int columns;
    bool binary; /* its columns; all of a result have the same format */
};

/* The parts of a value, and where it stands. */
struct row_parts {
    const struct evpg_row *whole;
    int column;
    const char *noun; /* what one part is called */
    const struct row_cell *cells;
};

/* What the rows of one callback share: whatever a getter makes lives here until the next reset.
 * There is one for each connection, since only one of its callbacks is being handed rows. */
struct row_set {
    struct evpg_request *request;
    const struct evpg_error *failed; /* the last getter that failed, or NULL */
    struct evpg_error *room;         /* made when a getter first fails, then kept */
    SLIST_HEAD(, scratch) scratch;   /* decoded values, and views of kept rows */
};

static inline struct evpg_row row_of(struct row_set *set, const PGresult *result, int index,
                                     int statement)
{
    const struct evpg_row row = {
        set, result, NULL, index, statement, PQnfields(result), PQbinaryTuples(result) == 1};

    return row;
}

/* Of a column that there is. */
static inline Oid row_type(const struct evpg_row *row, int column)
{
    return row->parts ? row->parts->cells[column].type : PQftype(row->result, column);
}

/* Frees all that getters made. */
void row_set_drop(struct row_set *set);

/* Before rows are handed out, and after: all that getters made is freed. */
static inline void row_set_reset(struct row_set *set, struct evpg_request *request)
{
    if (!SLIST_EMPTY(&set->scratch))
        row_set_drop(set);
    set->request = request;
    set->failed = NULL;
}

/* Memory that lives until the reset; NULL without memory. */
void *row_set_alloc(struct row_set *set, size_t size);

/* Says why a column cannot be read. */
void row_fail(const struct evpg_row *row, int column, enum evpg_code code, const char *why);

/* Says that there is no such column. */
void row_refuse_column(const struct evpg_row *row, int column);

/* Says that there are not so many columns: -1. */
int row_miscounted(const struct evpg_row *row, size_t wanted);

/* What a getter returns whose reader gave this: NULL, and 0; or why the value cannot be read, and
 * -1. */
static inline int row_explain(const struct evpg_row *row, int column, const char *why)
{
    if (!why)
        return 0;
    row_fail(row, column, EVPG_E_VALUE, why);
    return -1;
}

static inline bool row_has(const struct evpg_row *row, int column)
{
    if (column >= 0 && column < row->columns)
        return true;
    row_refuse_column(row, column);
    return false;
}

/* Without the type. An empty value is asked for first: it alone can be NULL. False: there is none.
 */
static inline bool row_cell(const struct evpg_row *row, int column, struct row_cell *cell)
{
    if (!row_has(row, column))
        return false;
    if (row->parts) {
        *cell = row->parts->cells[column];
        return true;
    }
    cell->length = (size_t)PQgetlength(row->result, row->index, column);
    cell->text = cell->length == 0 && PQgetisnull(row->result, row->index, column)
                     ? NULL
                     : PQgetvalue(row->result, row->index, column);
    return true;
}

/* With the type; why the getter of one kind of types cannot read it, or NULL. A getter that reads
 * TYPE_NONE is handed text of which it is not known what it is: only a part in text format has that
 * type. */
static inline const char *row_typed_cell(const struct evpg_row *row, int column,
                                         struct row_cell *cell, bool (*reads)(Oid type),
                                         const char *wrong_type)
{
    cell->type = row_type(row, column);
    return reads(cell->type) && (cell->type != TYPE_NONE || !row->binary) ? NULL : wrong_type;
}

/* For a getter of one kind of types: a value of such a type, or NULL. False: it is not, and the
 * error is told. */
static inline bool row_value_or_null(const struct evpg_row *row, int column, struct row_cell *cell,
                                     bool (*reads)(Oid type), const char *wrong_type)
{
    return row_cell(row, column, cell) &&
           row_explain(row, column, row_typed_cell(row, column, cell, reads, wrong_type)) == 0;
}

/* The same, and not NULL. */
static inline bool row_value(const struct evpg_row *row, int column, struct row_cell *cell,
                             bool (*reads)(Oid type), const char *wrong_type)
{
    const char *why;

    if (!row_cell(row, column, cell))
        return false;
    why = row_typed_cell(row, column, cell, reads, wrong_type);
    if (!why && !cell->text)
        why = "the value is NULL";
    return row_explain(row, column, why) == 0;
}

/* For the end of the set's owner. */
void row_set_finish(struct row_set *set);

#endif
