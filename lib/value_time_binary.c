/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * value_time_binary: reads and writes dates, times and intervals in the server's binary format.
 *
 * Called by row_time.c and params_time.c; pure. Invariants: any bytes give a value or a reason; a
 * value's length must be the type's own; a value that the server cannot hold is none (PostgreSQL
 * sources, the types' "send" and "recv" functions).
 */
#include "value_time.h"

#include "calendar.h"
#include "value.h"
#include "value_binary.h"

/* One of two or three numbers; the length was checked. */
static int32_t four_at(const void *bytes, size_t offset)
{
    return (int32_t)value_four_bytes((const char *)bytes + offset);
}

const char *value_binary_date(const void *bytes, size_t length, int32_t *days)
{
    int32_t number;

    if (length != sizeof(number))
        return "not as long as its type";
    number = (int32_t)value_four_bytes(bytes);
    if (!calendar_has_date(number) && number != EVPG_DATE_INFINITY &&
        number != EVPG_DATE_MINUS_INFINITY)
        return "out of range";
    *days = number;
    return NULL;
}

const char *value_binary_time(const void *bytes, size_t length, int64_t *microseconds)
{
    int64_t number;

    if (length != sizeof(number))
        return "not as long as its type";
    number = (int64_t)value_eight_bytes(bytes);
    if (number < 0 || number > CALENDAR_DAY)
        return "out of range";
    *microseconds = number;
    return NULL;
}

const char *value_binary_timetz(const void *bytes, size_t length, struct evpg_timetz *value)
{
    int64_t time, zone;

    if (length != VALUE_TIMETZ_SIZE)
        return "not as long as its type";
    time = (int64_t)value_eight_bytes(bytes);
    zone = four_at(bytes, 8);
    if (time < 0 || time > CALENDAR_DAY || zone <= -VALUE_ZONE_END || zone >= VALUE_ZONE_END)
        return "out of range";
    *value = (struct evpg_timetz){.microseconds = time, .zone = (int32_t)zone};
    return NULL;
}

const char *value_binary_timestamp(const void *bytes, size_t length, int64_t *microseconds)
{
    int64_t number;

    if (length != sizeof(number))
        return "not as long as its type";
    number = (int64_t)value_eight_bytes(bytes);
    if (!calendar_has_timestamp(number) && number != EVPG_TIMESTAMP_INFINITY &&
        number != EVPG_TIMESTAMP_MINUS_INFINITY)
        return "out of range";
    *microseconds = number;
    return NULL;
}

const char *value_binary_interval(const void *bytes, size_t length, struct evpg_interval *value)
{
    if (length != VALUE_INTERVAL_SIZE)
        return "not as long as its type";
    *value = (struct evpg_interval){.microseconds = (int64_t)value_eight_bytes(bytes),
                                    .days = four_at(bytes, 8),
                                    .months = four_at(bytes, 12)};
    return NULL;
}

/* In network byte order. */
static void write_number(unsigned char *to, uint64_t bits, int size)
{
    for (int i = 0; i < size; i++)
        to[i] = (unsigned char)(bits >> (8 * (size - 1 - i)));
}

void value_write_timetz(const struct evpg_timetz *value, unsigned char *to)
{
    write_number(to, (uint64_t)value->microseconds, 8);
    write_number(to + 8, (uint32_t)value->zone, 4);
}

void value_write_interval(const struct evpg_interval *value, unsigned char *to)
{
    write_number(to, (uint64_t)value->microseconds, 8);
    write_number(to + 8, (uint32_t)value->days, 4);
    write_number(to + 12, (uint32_t)value->months, 4);
}
