/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * row_time: reads columns of dates, times and intervals.
 *
 * Called by the application from its callbacks. Invariants: as those of row.c; and no type is taken
 * for another, since a timestamp is no moment and a timestamptz is no date on a wall.
 */
#include "row.h"

#include "type.h"
#include "value_time.h"

static bool reads_date(Oid type)
{
    return type == TYPE_DATE;
}

int evpg_row_date(const struct evpg_row *row, int column, int32_t *days)
{
    struct row_cell cell;

    if (!row_value(row, column, &cell, reads_date, "not the type date"))
        return -1;
    return row_explain(row, column,
                       row->binary ? value_binary_date(cell.text, cell.length, days)
                                   : value_read_date(cell.text, days));
}

static bool reads_time(Oid type)
{
    return type == TYPE_TIME;
}

int evpg_row_time(const struct evpg_row *row, int column, int64_t *microseconds)
{
    struct row_cell cell;

    if (!row_value(row, column, &cell, reads_time, "not the type time"))
        return -1;
    return row_explain(row, column,
                       row->binary ? value_binary_time(cell.text, cell.length, microseconds)
                                   : value_read_time(cell.text, microseconds));
}

static bool reads_timetz(Oid type)
{
    return type == TYPE_TIMETZ;
}

int evpg_row_timetz(const struct evpg_row *row, int column, struct evpg_timetz *value)
{
    struct row_cell cell;

    if (!row_value(row, column, &cell, reads_timetz, "not the type timetz"))
        return -1;
    return row_explain(row, column,
                       row->binary ? value_binary_timetz(cell.text, cell.length, value)
                                   : value_read_timetz(cell.text, value));
}

static bool reads_timestamp(Oid type)
{
    return type == TYPE_TIMESTAMP;
}

int evpg_row_timestamp(const struct evpg_row *row, int column, int64_t *microseconds)
{
    struct row_cell cell;

    if (!row_value(row, column, &cell, reads_timestamp, "not the type timestamp"))
        return -1;
    return row_explain(row, column,
                       row->binary ? value_binary_timestamp(cell.text, cell.length, microseconds)
                                   : value_read_timestamp(cell.text, microseconds));
}

static bool reads_timestamptz(Oid type)
{
    return type == TYPE_TIMESTAMPTZ;
}

int evpg_row_timestamptz(const struct evpg_row *row, int column, int64_t *microseconds)
{
    struct row_cell cell;

    if (!row_value(row, column, &cell, reads_timestamptz, "not the type timestamptz"))
        return -1;
    return row_explain(row, column,
                       row->binary ? value_binary_timestamp(cell.text, cell.length, microseconds)
                                   : value_read_timestamptz(cell.text, microseconds));
}

/* Why a timestamptz is no timespec. */
static const char *no_timespec(int64_t microseconds)
{
    if (microseconds == EVPG_TIMESTAMP_INFINITY)
        return "infinity, which a struct timespec cannot hold";
    if (microseconds == EVPG_TIMESTAMP_MINUS_INFINITY)
        return "-infinity, which a struct timespec cannot hold";
    return "out of range for this machine's time_t";
}

int evpg_row_timespec(const struct evpg_row *row, int column, struct timespec *time)
{
    int64_t microseconds;

    if (evpg_row_timestamptz(row, column, &microseconds) < 0)
        return -1;
    if (evpg_timestamp_to_timespec(microseconds, time) < 0)
        return row_explain(row, column, no_timespec(microseconds));
    return 0;
}

static bool reads_interval(Oid type)
{
    return type == TYPE_INTERVAL;
}

int evpg_row_interval(const struct evpg_row *row, int column, struct evpg_interval *value)
{
    struct row_cell cell;

    if (!row_value(row, column, &cell, reads_interval, "not the type interval"))
        return -1;
    return row_explain(row, column,
                       row->binary ? value_binary_interval(cell.text, cell.length, value)
                                   : value_read_interval(cell.text, value));
}
