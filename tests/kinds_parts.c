/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * kinds_parts: arrays, ranges and composites of the other kinds, by chance.
 *
 * Called by db_roundtrip, as kinds.h has it. The parts are values like others, and each is compared
 * by its own kind; what is added here are dimensions, bounds and quotes. Some go as parameters of
 * their parts' types, some as text, so that both of the library's ways of sending them are taken.
 */
#include "kinds.h"

#include "chance.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* In double quotes, where what is special has that before it. */
static void write_quoted(FILE *to, const char *text, char before_quote)
{
    fputc('"', to);
    for (; *text; text++) {
        if (*text == '"')
            fputc(before_quote, to);
        else if (*text == '\\')
            fputc('\\', to);
        fputc(*text, to);
    }
    fputc('"', to);
}

/* Whether parts go as text: all alike, for with a time among them, which the library does not write
 * as text, there would be no way to send both. */
static bool parts_as_text;
static int depth;

static void begin_parts(void)
{
    if (depth++ == 0)
        parts_as_text = chance(3) == 0;
}

static void end_parts(void)
{
    depth--;
}

static void make_parts(struct value *value, int count)
{
    value->n_parts = count;
    value->parts = calloc((size_t)count + 1, sizeof(*value->parts));
    value->params = calloc((size_t)count + 1, sizeof(*value->params));
}

static void set_param(struct value *value, int i, bool as_text)
{
    const struct value *part = &value->parts[i];

    value->params[i] = as_text && !part->null ? evpg_text(part->literal) : part->param;
}

/* --- arrays */

static void chance_dimensions(struct value *value)
{
    int n = 1 + (int)chance(chance(20) ? 3 : EVPG_ARRAY_MAX_DIMENSIONS), count = 1;
    bool from_one = chance(2);

    if (chance(12) == 0)
        n = 0;
    for (int i = 0; i < n; i++) {
        value->lengths[i] = 1 + (int)chance(3);
        value->lower_bounds[i] = from_one ? 1 : (int)chance(7) - 3;
        count *= value->lengths[i];
    }
    value->array.dimensions = n;
    make_parts(value, n ? count : 0);
}

static void write_elements(FILE *to, const struct value *value, int level, int *next)
{
    const struct value *part = &value->parts[*next];

    if (level == value->array.dimensions) {
        ++*next;
        if (part->null)
            fputs("NULL", to);
        else
            write_quoted(to, part->literal, '\\');
        return;
    }
    fputc('{', to);
    for (int i = 0; i < value->lengths[level]; i++) {
        fputs(i ? "," : "", to);
        write_elements(to, value, level + 1, next);
    }
    fputc('}', to);
}

static char *write_array(const struct value *value)
{
    char *literal;
    size_t size;
    FILE *to = open_memstream(&literal, &size);
    int next = 0;

    for (int i = 0; i < value->array.dimensions; i++)
        fprintf(to, "[%d:%d]%s", value->lower_bounds[i],
                value->lower_bounds[i] + value->lengths[i] - 1,
                i + 1 == value->array.dimensions ? "=" : "");
    if (value->array.dimensions > 0)
        write_elements(to, value, 0, &next);
    else
        fputs("{}", to);
    fclose(to);
    return literal;
}

void make_array(struct value *value, const struct kind *kind)
{
    begin_parts();
    chance_dimensions(value);
    for (int i = 0; i < value->n_parts; i++) {
        value_make(&value->parts[i], kind->parts[0]);
        set_param(value, i, parts_as_text);
    }
    end_parts();
    value->literal = write_array(value);
    value->array.element_type = parts_as_text && chance(2) ? 0 : kind->parts[0]->oid;
    value->array.lengths = value->lengths;
    value->array.lower_bounds = value->lower_bounds;
    value->array.elements = value->params;
    value->array.n_elements = (size_t)value->n_parts;
    value->param = evpg_array(&value->array);
}

static bool same_dimensions(const struct evpg_array_view *array, const struct value *value)
{
    if (array->dimensions != value->array.dimensions ||
        evpg_row_columns(array->elements) != value->n_parts)
        return false;
    for (int i = 0; i < array->dimensions; i++)
        if (array->lengths[i] != value->lengths[i] ||
            array->lower_bounds[i] != value->lower_bounds[i])
            return false;
    return true;
}

/* Of which type the elements are is not known where not even the array's type is. */
bool same_array(const struct evpg_row *row, int column, const struct value *value,
                const struct kind *kind)
{
    const struct evpg_array_view *array = evpg_row_array(row, column);
    uint32_t type = kind->parts[0]->oid;

    if (!array || !same_dimensions(array, value))
        return false;
    if (evpg_row_type(row, column) && type && array->element_type != type)
        return false;
    for (int i = 0; i < value->n_parts; i++)
        if (!value_is(array->elements, i, &value->parts[i], kind->parts[0]))
            return false;
    return true;
}

/* --- ranges: their bounds are ordered by their integers */

static bool is_discrete(const struct kind *kind)
{
    const struct kind *bound = kind->parts[0];

    return bound == &kind_int4 || bound == &kind_int8 || bound == &kind_date;
}

static void order_bounds(struct value *value)
{
    struct value lower = value->parts[0];

    if (value->parts[0].null || value->parts[1].null || lower.integer <= value->parts[1].integer)
        return;
    value->parts[0] = value->parts[1];
    value->parts[1] = lower;
}

/* In the form to which the server brings one. */
static void choose_inclusion(struct value *value, const struct kind *kind)
{
    const struct value *lower = &value->parts[0], *upper = &value->parts[1];
    bool same = !lower->null && !upper->null && lower->integer == upper->integer;
    struct evpg_range_value *range = &value->range;

    range->empty = chance(12) == 0 || (same && is_discrete(kind));
    range->lower_inclusive = is_discrete(kind) || same || chance(2);
    range->upper_inclusive = !is_discrete(kind) && (same || chance(2));
}

static char *write_range(const struct value *value)
{
    char *literal;
    size_t size;
    FILE *to = open_memstream(&literal, &size);

    if (value->range.empty) {
        fputs("empty", to);
    } else {
        fputc(value->range.lower_inclusive ? '[' : '(', to);
        if (!value->parts[0].null)
            write_quoted(to, value->parts[0].literal, '\\');
        fputc(',', to);
        if (!value->parts[1].null)
            write_quoted(to, value->parts[1].literal, '\\');
        fputc(value->range.upper_inclusive ? ']' : ')', to);
    }
    fclose(to);
    return literal;
}

void make_range(struct value *value, const struct kind *kind)
{
    begin_parts();
    make_parts(value, 2);
    value_make(&value->parts[0], kind->parts[0]);
    value_make(&value->parts[1], kind->parts[0]);
    order_bounds(value);
    choose_inclusion(value, kind);
    set_param(value, 0, parts_as_text);
    set_param(value, 1, parts_as_text);
    end_parts();
    value->literal = write_range(value);
    value->range.type = parts_as_text || chance(2) ? kind->oid : 0;
    value->range.lower = value->params[0];
    value->range.upper = value->params[1];
    value->param = evpg_range(&value->range);
}

bool same_range(const struct evpg_row *row, int column, const struct value *value,
                const struct kind *kind)
{
    const struct evpg_range_view *range = evpg_row_range(row, column);
    bool full = !value->range.empty;

    if (!range || range->empty == full)
        return false;
    for (int i = 0; i < 2; i++) {
        bool none = value->parts[i].null;
        bool inclusive = i == 0 ? value->range.lower_inclusive : value->range.upper_inclusive;

        if ((i == 0 ? range->lower_infinite : range->upper_infinite) != (full && none) ||
            (i == 0 ? range->lower_inclusive : range->upper_inclusive) !=
                (full && !none && inclusive) ||
            (full && !value_is(range->bounds, i, &value->parts[i], kind->parts[0])))
            return false;
    }
    return true;
}

/* --- composites */

static char *write_composite(const struct value *value)
{
    char *literal;
    size_t size;
    FILE *to = open_memstream(&literal, &size);

    for (int i = 0; i < value->n_parts; i++) {
        fputc(i ? ',' : '(', to);
        if (!value->parts[i].null)
            write_quoted(to, value->parts[i].literal, '"');
    }
    fputc(')', to);
    fclose(to);
    return literal;
}

void make_composite(struct value *value, const struct kind *kind)
{
    int n = 0;

    while (kind->parts[n])
        n++;
    begin_parts();
    make_parts(value, n);
    for (int i = 0; i < n; i++) {
        value_make(&value->parts[i], kind->parts[i]);
        set_param(value, i, parts_as_text || chance(4) == 0);
    }
    end_parts();
    value->literal = write_composite(value);
    value->composite.fields = value->params;
    value->composite.n_fields = (size_t)n;
    value->param = evpg_composite(&value->composite);
}

bool same_composite(const struct evpg_row *row, int column, const struct value *value,
                    const struct kind *kind)
{
    const struct evpg_row *fields = evpg_row_composite(row, column);

    if (!fields || evpg_row_columns(fields) != value->n_parts)
        return false;
    for (int i = 0; i < value->n_parts; i++)
        if (!value_is(fields, i, &value->parts[i], kind->parts[i]))
            return false;
    return true;
}
