/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * chance: values for the tests that try what nobody has thought of.
 *
 * Called by db_roundtrip's kinds of values and by db_time. The generator is splitmix64, which gives
 * the same on each system. Values are not spread evenly: the ends of a range, small numbers and
 * round ones are where the mistakes are.
 */
#include "chance.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SECOND INT64_C(1000000)
#define DAY (86400 * SECOND)
#define FIRST_TIMESTAMP INT64_C(-211813488000000000)
#define LAST_TIMESTAMP INT64_C(9223371331199999999)
#define FIRST_DATE (-2451545)
#define LAST_DATE 2145031948

static uint64_t state;

unsigned long chance_seed(void)
{
    const char *seed = getenv("EVPG_TEST_SEED");

    return seed ? strtoul(seed, NULL, 10) : 20261125;
}

void chance_start(unsigned long stream)
{
    state = chance_seed() * 1000003 + stream;
}

uint64_t chance_bits(void)
{
    uint64_t bits = state += 0x9e3779b97f4a7c15;

    bits = (bits ^ bits >> 30) * 0xbf58476d1ce4e5b9;
    bits = (bits ^ bits >> 27) * 0x94d049bb133111eb;
    return bits ^ bits >> 31;
}

unsigned chance(unsigned below)
{
    return (unsigned)(chance_bits() % below);
}

int64_t chance_between(int64_t low, int64_t high)
{
    static const int64_t steps[] = {1, 1000, SECOND, 60 * SECOND, 3600 * SECOND};
    int64_t value = (int64_t)(chance_bits() >> 1 >> chance(63)), step = steps[chance(5)];

    if (chance(30) == 0)
        return chance(2) ? low + (int64_t)chance(2) : high - (int64_t)chance(2);
    if (chance(2))
        value = -value;
    if (value / step != 0)
        value -= value % step;
    if (value < low || value > high)
        return (int64_t)((uint64_t)low + chance_bits() % ((uint64_t)high - (uint64_t)low));
    return value;
}

int64_t chance_timestamp(void)
{
    static const int64_t ends[] = {EVPG_TIMESTAMP_INFINITY, EVPG_TIMESTAMP_MINUS_INFINITY,
                                   -63113904000000000};

    if (chance(30) == 0)
        return ends[chance(3)];
    return chance(2) ? chance_between(FIRST_TIMESTAMP, -FIRST_TIMESTAMP)
                     : chance_between(FIRST_TIMESTAMP, LAST_TIMESTAMP);
}

int32_t chance_date(void)
{
    static const int32_t ends[] = {EVPG_DATE_INFINITY, EVPG_DATE_MINUS_INFINITY, -10957, -730121};

    if (chance(30) == 0)
        return ends[chance(4)];
    return (int32_t)(chance(2) ? chance_between(FIRST_DATE, -FIRST_DATE)
                               : chance_between(FIRST_DATE, LAST_DATE));
}

int64_t chance_time(void)
{
    return chance_between(0, DAY);
}

struct evpg_timetz chance_timetz(void)
{
    return (struct evpg_timetz){chance_time(), (int32_t)chance_between(-57599, 57599)};
}

struct evpg_interval chance_interval(void)
{
    return (struct evpg_interval){chance(2) ? chance_between(-INT64_MAX, INT64_MAX)
                                            : chance_between(-DAY, DAY),
                                  (int32_t)chance_between(INT32_MIN, INT32_MAX),
                                  (int32_t)chance_between(INT32_MIN, INT32_MAX)};
}

char *chance_text(unsigned pieces)
{
    static const char special[] = "\"\\{},'()[] \t\r\n:$%0aN\1\x7f";
    static const char *const words[] = {
        "NULL",     "\\x41",        "\"\"",         "''",
        "\xc3\xa9", "\xef\xbf\xbf", "\xe2\x80\xae", "\xf0\x9f\x91\x8d\xf0\x9f\x8f\xbd"};
    char *text = malloc(8 * (size_t)pieces + 1), *end = text;

    for (; pieces > 0; pieces--) {
        if (chance(3))
            *end++ = special[chance(sizeof(special) - 1)];
        else
            end = stpcpy(end, words[chance(sizeof(words) / sizeof(*words))]);
    }
    *end = '\0';
    return text;
}
