/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * getters: every public getter, and evpg_row_scan(), on a row of one column, and on what its value
 * is made of, level by level.
 *
 * An input is t or b for its format (T and B: the value is NULL), the type's OID, a colon, and the
 * value. It is read as libpq has it, and as a part that lies in memory of just its size, which must
 * come to the same.
 */
#include "fuzz.h"

#include "answers.h"
#include "type.h"

#include <evpg/array.h>

#include <stdio.h>
#include <string.h>

const char fuzz_name[] = "getters";

/* How many columns of one input are looked at, and how deep: as far as messages name all levels. */
enum { MOST_COLUMNS = 20, MOST_LEVELS = 8 };

static int n_columns;

static const char *print_type(uint32_t type)
{
    const char *name = type_name(type), *element = type_name(type_of_elements(type));

    if (name)
        return fuzz_print(" (%s)", name);
    if (element)
        return fuzz_print(" (%s[])", element);
    return type ? fuzz_print(" (type %u)", type) : "";
}

static void visit(const struct evpg_row *row, int column, const char *outer, int level);

static void visit_all(const struct evpg_row *row, const char *outer, int level, int count)
{
    fuzz_require(evpg_row_columns(row) == count);
    for (int i = 0; i < count && n_columns < MOST_COLUMNS && level <= MOST_LEVELS; i++)
        visit(row, i, outer, level);
    row->set->failed = NULL;
    fuzz_require(evpg_row_type(row, count) == 0 && evpg_row_error(row) != NULL);
    fuzz_require(evpg_row_text(row, -1) == NULL && evpg_row_name(row, 0) == NULL);
}

static void visit_array(const struct evpg_row *row, int column, const char *place, int level)
{
    const struct evpg_array_view *array;
    int product = 1;

    row->set->failed = NULL;
    array = evpg_row_array(row, column);
    if (!array) {
        answers_error(row, place);
        return;
    }
    fuzz_require(array->dimensions >= 0 && array->dimensions <= EVPG_ARRAY_MAX_DIMENSIONS);
    for (int i = 0; i < array->dimensions; i++)
        product *= array->lengths[i];
    visit_all(array->elements, place, level + 1, array->dimensions > 0 ? product : 0);
}

static void visit_range(const struct evpg_row *row, int column, const char *place, int level)
{
    const struct evpg_range_view *range;

    row->set->failed = NULL;
    range = evpg_row_range(row, column);
    if (!range) {
        answers_error(row, place);
        return;
    }
    fuzz_require(evpg_row_is_null(range->bounds, 0) == (range->empty || range->lower_infinite));
    fuzz_require(evpg_row_is_null(range->bounds, 1) == (range->empty || range->upper_infinite));
    visit_all(range->bounds, place, level + 1, 2);
}

static void visit_row(const struct evpg_row *row, const struct evpg_row *parts, const char *place,
                      int level)
{
    if (parts)
        visit_all(parts, place, level + 1, evpg_row_columns(parts));
    else
        answers_error(row, place);
    row->set->failed = NULL;
}

/* What a message says of the place. */
static const char *print_place(const struct evpg_row *row, int column, const char *outer, int level)
{
    const char *type = print_type(evpg_row_type(row, column));
    char *place;
    size_t size;

    if (level == 0)
        return fuzz_print("column 0 \"x\"%s", type);
    size = strlen(outer) + strlen(type) + 40;
    place = fuzz_room(size);
    snprintf(place, size, "%s, %s %d%s", outer, row->parts->noun, column, type);
    return place;
}

static void visit(const struct evpg_row *row, int column, const char *outer, int level)
{
    const char *place = print_place(row, column, outer, level);
    struct answer answers[N_GETTERS];

    n_columns++;
    answers_ask(row, column, place, answers);
    visit_array(row, column, place, level);
    visit_range(row, column, place, level);
    row->set->failed = NULL;
    visit_row(row, evpg_row_multirange(row, column), place, level);
    visit_row(row, evpg_row_composite(row, column), place, level);
}

/* The value as a part: in binary format only what may be text has a NUL byte after it. */
static void compare_as_part(const struct evpg_row *row, const unsigned char *bytes, size_t size,
                            bool null)
{
    uint32_t type = evpg_row_type(row, 0);
    bool ended = !row->binary || type_is_text(type) || type == TYPE_JSONB;
    struct row_cell cell = {ended ? fuzz_text(bytes, size) : fuzz_copy(bytes, size), size, type};
    struct row_parts parts = {row, 0, "part", &cell};
    struct evpg_row part = *row;
    struct answer answers[N_GETTERS], answers_of_part[N_GETTERS];

    if (null)
        cell = (struct row_cell){NULL, 0, type};
    part.result = NULL;
    part.parts = &parts;
    answers_ask(row, 0, print_place(row, 0, "", 0), answers);
    answers_ask(&part, 0, print_place(&part, 0, print_place(row, 0, "", 0), 1), answers_of_part);
    answers_compare(answers, answers_of_part);
    answers_scan(row, answers);
}

static void check_value(uint32_t type, bool binary, const unsigned char *bytes, size_t size,
                        bool null)
{
    char name[] = "x";
    PGresAttDesc column = {.name = name, .typid = type, .typlen = -1, .format = binary};
    PGresult *result = PQmakeEmptyPGresult(NULL, PGRES_TUPLES_OK);
    struct row_set set = {0};
    struct evpg_row row;

    fuzz_require(PQsetResultAttrs(result, 1, &column));
    fuzz_require(PQsetvalue(result, 0, 0, fuzz_text(bytes, size), null ? -1 : (int)size));
    row = row_of(&set, result, 0, 0);
    fuzz_require(row.binary == binary);
    n_columns = 0;
    visit(&row, 0, "", 0);
    compare_as_part(&row, bytes, size, null);
    row_set_finish(&set);
    PQclear(result);
}

void fuzz_one(const unsigned char *bytes, size_t size)
{
    const unsigned char *end = bytes + size, *at = bytes + 1;
    uint32_t type = 0;

    if (size == 0)
        return;
    for (; at < end && *at >= '0' && *at <= '9'; at++)
        type = type * 10 + (*at - '0');
    at += at < end;
    check_value(type, (*bytes | 0x20) == 'b', at, (size_t)(end - at), *bytes < 'a');
}
