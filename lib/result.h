/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef RESULT_H
#define RESULT_H

#include "row.h"

#include <evpg/result.h>

/* What a done callback is handed; lives on the stack of the operation that is done. */
struct evpg_result {
    struct evpg_request *request;
    struct evpg_db *db;
    const struct evpg_error *error;
    const PGresult *last; /* describes the columns and holds kept rows; or NULL */
    const char *tag;
    uint64_t rows;
    uint64_t (*affected)(const struct evpg_request *request); /* NULL: the tag tells */
    bool stopped;
    bool kept;              /* the rows are in last */
    struct row_set *set;    /* of kept rows */
    struct evpg_row *views; /* of kept rows, made when one is first asked for */
};

/* What a tag counts: its last word, where that is a number: "INSERT 0 5", "CREATE TABLE". */
uint64_t result_count(const char *tag);

#endif
