/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * written: reads again what parameters of a fixed size are written as in text format.
 *
 * Called by the target params, whose parameters are whatever bytes come, also such as no server
 * holds.
 */
#include "written.h"

#include "fuzz.h"
#include "params.h"
#include "type.h"
#include "value.h"
#include "value_text.h"
#include "value_time.h"

#include <evpg/time.h>

#include <stdio.h>
#include <string.h>

/* One that the server could not hold is written as something that it refuses. */
static struct evpg_param read_time(uint32_t oid, const char *text)
{
    struct evpg_interval interval;
    struct evpg_timetz timetz;
    int64_t number;
    int32_t days;

    if (oid == TYPE_DATE && !value_read_date(text, &days))
        return evpg_date(days);
    if (oid == TYPE_TIME && !value_read_time(text, &number))
        return evpg_time(number);
    if (oid == TYPE_TIMETZ && !value_read_timetz(text, &timetz))
        return evpg_timetz_param(timetz);
    if (oid == TYPE_TIMESTAMP && !value_read_timestamp(text, &number))
        return evpg_timestamp(number);
    if (oid == TYPE_TIMESTAMPTZ && !value_read_timestamptz(text, &number))
        return evpg_timestamptz(number);
    if (oid == TYPE_INTERVAL && !value_read_interval(text, &interval))
        return evpg_interval_param(interval);
    return evpg_null();
}

static bool is_out_of_range(const struct evpg_param *param)
{
    const void *bytes = param->value.inline_bytes;
    size_t length = (size_t)param->length;
    struct evpg_timetz timetz;
    int64_t number;
    int32_t days;

    if (param->oid == TYPE_DATE)
        return value_binary_date(bytes, length, &days) != NULL;
    if (param->oid == TYPE_TIME)
        return value_binary_time(bytes, length, &number) != NULL;
    if (param->oid == TYPE_TIMETZ)
        return value_binary_timetz(bytes, length, &timetz) != NULL;
    return (param->oid == TYPE_TIMESTAMP || param->oid == TYPE_TIMESTAMPTZ) &&
           value_binary_timestamp(bytes, length, &number) != NULL;
}

static void check_time(const struct evpg_param *param, const char *text)
{
    struct evpg_param again = read_time(param->oid, text);

    if (is_out_of_range(param)) {
        fuzz_require(strcmp(text, "out of range") == 0);
        return;
    }
    fuzz_require(again.length == param->length);
    fuzz_require(memcmp(again.value.inline_bytes, param->value.inline_bytes, param->length) == 0);
}

static void check_uuid(const struct evpg_param *param, const char *text)
{
    unsigned byte;

    fuzz_require(strlen(text) == 32);
    for (int i = 0; i < 16; i++)
        fuzz_require(sscanf(text + 2 * i, "%2x", &byte) == 1 &&
                     byte == param->value.inline_bytes[i]);
}

static void check_number(const struct evpg_param *param, const char *text)
{
    struct evpg_param again = evpg_null();
    int64_t number = 0;
    double wide;
    float narrow;
    bool truth;

    if (param->oid == TYPE_BOOL && !value_read_bool(text, &truth))
        again = evpg_bool(truth);
    else if (param->oid == TYPE_FLOAT8 && !value_read_double(text, &wide))
        again = evpg_double(wide);
    else if (param->oid == TYPE_FLOAT4 && !value_read_float(text, &narrow))
        again = evpg_float(narrow);
    else if (!value_read_int64(text, &number))
        again = params_number(param->oid, (uint64_t)number, (unsigned)param->length);
    if (strcmp(text, "NaN") == 0)
        return;
    fuzz_require(again.length == param->length);
    fuzz_require(memcmp(again.value.inline_bytes, param->value.inline_bytes, param->length) == 0);
}

void written_check(const struct evpg_param *param, const char *text)
{
    if (param->oid == TYPE_UUID)
        check_uuid(param, text);
    else if (value_text_can(param->oid))
        check_time(param, text);
    else
        check_number(param, text);
}
