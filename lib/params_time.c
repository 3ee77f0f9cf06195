/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * params_time: makes parameters of dates, times and intervals.
 *
 * Called by the application. Invariants: they travel in binary with their type's OID, as all
 * numbers do (params.c), and fit into the parameter itself; whether the server can hold them is
 * left to the server.
 */
#include "params.h"

#include "type.h"
#include "value_time.h"

struct evpg_param evpg_date(int32_t days)
{
    return params_number(TYPE_DATE, (uint32_t)days, 4);
}

struct evpg_param evpg_time(int64_t microseconds)
{
    return params_number(TYPE_TIME, (uint64_t)microseconds, 8);
}

struct evpg_param evpg_timetz_param(struct evpg_timetz value)
{
    struct evpg_param param = params_number(TYPE_TIMETZ, 0, 8);

    param.length = VALUE_TIMETZ_SIZE;
    value_write_timetz(&value, param.value.inline_bytes);
    return param;
}

struct evpg_param evpg_timestamp(int64_t microseconds)
{
    return params_number(TYPE_TIMESTAMP, (uint64_t)microseconds, 8);
}

struct evpg_param evpg_timestamptz(int64_t microseconds)
{
    return params_number(TYPE_TIMESTAMPTZ, (uint64_t)microseconds, 8);
}

struct evpg_param evpg_timestamptz_timespec(struct timespec time)
{
    int64_t microseconds;

    if (evpg_timestamp_from_timespec(&time, &microseconds) < 0)
        return params_refused("a timespec that is no timestamp of PostgreSQL's");
    return evpg_timestamptz(microseconds);
}

struct evpg_param evpg_interval_param(struct evpg_interval value)
{
    struct evpg_param param = params_number(TYPE_INTERVAL, 0, 8);

    param.length = VALUE_INTERVAL_SIZE;
    value_write_interval(&value, param.value.inline_bytes);
    return param;
}
