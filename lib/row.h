/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef ROW_H
#define ROW_H

#include "pq.h"

#include <evpg/row.h>
#include <evpg/scalar.h>
#include <sys/queue.h>

/* A view: valid while its result is. */
struct evpg_row {
    struct row_set *set;
    const PGresult *result;
    int index;
    int statement; /* of a script */
    int columns;
    bool binary; /* its columns; all of a result have the same format */
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
        set, result, index, statement, PQnfields(result), PQbinaryTuples(result) == 1};

    return row;
}

/* Before rows are handed out, and after: all that getters made is freed. */
void row_set_reset(struct row_set *set, struct evpg_request *request);

/* Memory that lives until the reset; NULL without memory. */
void *row_set_alloc(struct row_set *set, size_t size);

/* A value as the getters have it. */
struct row_cell {
    const char *text; /* in the row's format; ended by a NUL byte in any case; NULL: it is NULL */
    size_t length;
    Oid type; /* of row_value's */
};

/* For a getter of one kind of types: a value of such a type, and not NULL. False: it is not, and
 * the error is told. */
bool row_value(const struct evpg_row *row, int column, struct row_cell *cell,
               bool (*reads)(Oid type), const char *wrong_type);

/* The same where NULL is no error. */
bool row_value_or_null(const struct evpg_row *row, int column, struct row_cell *cell,
                       bool (*reads)(Oid type), const char *wrong_type);

/* What a getter returns whose reader gave this: NULL, and 0; or why the value cannot be read, and
 * -1. */
int row_explain(const struct evpg_row *row, int column, const char *why);

/* Says why a column cannot be read. */
void row_fail(const struct evpg_row *row, int column, enum evpg_code code, const char *why);

/* For the end of the set's owner. */
void row_set_finish(struct row_set *set);

#endif
