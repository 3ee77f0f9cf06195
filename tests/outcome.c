/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * outcome: what a request came to, recorded as text, whatever format its values had.
 *
 * Called by harness.c, whose header has struct outcome. A value in binary format is written as the
 * server would have written it, where the library has a getter for its type and no setting of the
 * session's matters.
 */
#include "outcome.h"

#include <math.h>
#include <stdio.h>

static char *copy(const char *text)
{
    return text ? strdup(text) : NULL;
}

/* As the server would have written it. */
static char *write_double(double value)
{
    char text[32];

    if (isnan(value))
        return copy("NaN");
    if (isinf(value))
        return copy(value < 0 ? "-Infinity" : "Infinity");
    for (int digits = 1; digits <= 17; digits++) {
        snprintf(text, sizeof(text), "%.*g", digits, value);
        if (strtod(text, NULL) == value)
            break;
    }
    return copy(text);
}

static char *write_integer(int64_t value)
{
    char text[32];

    snprintf(text, sizeof(text), "%lld", (long long)value);
    return copy(text);
}

static char *write_bytes(const unsigned char *bytes, size_t length)
{
    char *text = malloc(2 * length + 3);

    strcpy(text, "\\x");
    for (size_t i = 0; i < length; i++)
        sprintf(text + 2 + 2 * i, "%02x", bytes[i]);
    return text;
}

/* Of a value in binary format. Of other types it is "(binary)". */
static char *read_binary(const struct evpg_row *row, int column)
{
    const void *bytes;
    size_t length;
    int64_t integer = 0;
    double number = 0;
    bool truth = false;

    switch (evpg_row_type(row, column)) {
    case 16: /* by pg_type.dat */
        ck_assert_int_eq(evpg_row_bool(row, column, &truth), 0);
        return copy(truth ? "t" : "f");
    case 17:
        bytes = evpg_row_bytes(row, column, &length);
        return write_bytes(bytes, length);
    case 20:
    case 21:
    case 23:
    case 26:
        ck_assert_int_eq(evpg_row_int64(row, column, &integer), 0);
        return write_integer(integer);
    case 700:
    case 701:
        ck_assert_int_eq(evpg_row_double(row, column, &number), 0);
        return write_double(number);
    case 114:
    case 3802:
        return copy(evpg_row_json(row, column));
    case 1560:
    case 1562:
        return copy(evpg_row_bit(row, column));
    case 1700:
        return copy(evpg_row_numeric(row, column));
    case 19:
    case 25:
    case 1042:
    case 1043:
    case 2278:
        return copy(evpg_row_text(row, column));
    default:
        return copy("(binary)");
    }
}

static char *read_cell(const struct evpg_row *row, int column, bool binary)
{
    if (!binary || evpg_row_is_null(row, column))
        return copy(evpg_row_text(row, column));
    return read_binary(row, column);
}

void outcome_record(struct outcome *outcome, const struct evpg_row *row, bool binary)
{
    int n = evpg_row_columns(row);
    size_t used = (size_t)outcome->n_rows * (size_t)n;

    if (outcome->completions != 0)
        outcome->rows_after_done++;
    ck_assert(outcome->n_rows == 0 || outcome->n_columns == n || outcome->discard);
    outcome->n_columns = n;
    outcome->statement = evpg_row_statement(row);
    if (!outcome->discard) {
        if (used + (size_t)n > outcome->room) {
            outcome->room = 2 * (used + (size_t)n);
            outcome->cells = realloc(outcome->cells, outcome->room * sizeof(char *));
        }
        for (int i = 0; i < n; i++)
            outcome->cells[used + (size_t)i] = read_cell(row, i, binary);
    }
    outcome->n_rows++;
}

const char *cell(const struct outcome *outcome, int row, int column)
{
    ck_assert_int_ge(row, 0);
    ck_assert_int_lt(row, outcome->n_rows);
    ck_assert_int_ge(column, 0);
    ck_assert_int_lt(column, outcome->n_columns);
    return outcome->cells[row * outcome->n_columns + column];
}

void outcome_free(struct outcome *outcome)
{
    for (int i = 0; outcome->cells && i < outcome->n_rows * outcome->n_columns; i++)
        free(outcome->cells[i]);
    for (int i = 0; i < 16; i++)
        free(outcome->column_name[i]);
    free(outcome->cells);
    evpg_error_free(outcome->error);
    free(outcome);
}

void outcome_record_result(struct outcome *outcome, const struct evpg_result *result)
{
    outcome->error = evpg_error_copy(evpg_result_error(result));
    snprintf(outcome->tag, sizeof(outcome->tag), "%s", evpg_result_tag(result));
    outcome->rows = evpg_result_rows(result);
    outcome->affected = evpg_result_affected(result);
    outcome->stopped = evpg_result_stopped(result);
    outcome->columns = evpg_result_columns(result);
    for (int i = 0; i < outcome->columns && i < 16; i++) {
        outcome->column_name[i] = strdup(evpg_result_column_name(result, i));
        outcome->column_type[i] = evpg_result_column_type(result, i);
    }
    if (outcome->n_rows == 0)
        outcome->n_columns = outcome->columns;
}
