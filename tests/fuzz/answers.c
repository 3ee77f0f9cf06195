/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * answers: see answers.h.
 *
 * A getter of numbers sets its variable or leaves it as it was, and then there is an error; one of
 * text gives text, or NULL for a NULL or an error. Nothing is as long as not to be bounded by what
 * came.
 */
#include "answers.h"

#include "fuzz.h"

#include <evpg/array.h>
#include <evpg/scan.h>
#include <evpg/time.h>

#include <string.h>

enum { UNTOUCHED = 0xa5 };

/* Of numbers: returns what the getter does. */
typedef int (*ask_number)(const struct evpg_row *row, int column, void *value);

/* The scale is any that is often used. */
static int ask_decimal(const struct evpg_row *row, int column, void *value)
{
    return evpg_row_decimal(row, column, 2, value);
}

#define NUMBER(getter, type)                                                                       \
    static int ask_##getter(const struct evpg_row *row, int column, void *value)                   \
    {                                                                                              \
        return evpg_row_##getter(row, column, (type *)value);                                      \
    }

NUMBER(int16, int16_t)
NUMBER(int32, int32_t)
NUMBER(int64, int64_t)
NUMBER(uint32, uint32_t)
NUMBER(uint64, uint64_t)
NUMBER(float, float)
NUMBER(double, double)
NUMBER(bool, bool)
NUMBER(uuid, unsigned char)
NUMBER(inet, struct evpg_inet_address)
NUMBER(date, int32_t)
NUMBER(time, int64_t)
NUMBER(timetz, struct evpg_timetz)
NUMBER(timestamp, int64_t)
NUMBER(timestamptz, int64_t)
NUMBER(timespec, struct timespec)
NUMBER(interval, struct evpg_interval)

/* In the order of the answers; those of text follow. The size is without padding. */
static const struct {
    ask_number ask;
    size_t size;
} numbers[] = {
    {ask_int16, 2},     {ask_int32, 4},     {ask_int64, 8},     {ask_uint32, 4},
    {ask_uint64, 8},    {ask_float, 4},     {ask_double, 8},    {ask_bool, 1},
    {ask_decimal, 8},   {ask_uuid, 16},     {ask_inet, 19},     {ask_date, 4},
    {ask_time, 8},      {ask_timetz, 12},   {ask_timestamp, 8}, {ask_timestamptz, 8},
    {ask_timespec, 16}, {ask_interval, 16},
};

enum {
    INT16,
    INT32,
    INT64,
    UINT32,
    FLOAT = 5,
    DOUBLE,
    BOOL,
    UUID = 9,
    DATE = 11,
    TIME,
    TIMESTAMP = 14,
    TIMESTAMPTZ,
    INTERVAL = 17,
    N_NUMBERS,
    TEXT = N_NUMBERS,
    TEXT_OR,
    BYTES,
    NUMERIC,
    JSON,
    BIT,
    NAME_AND_TYPE
};

_Static_assert(sizeof(numbers) / sizeof(*numbers) == N_NUMBERS, "one for each");
_Static_assert(NAME_AND_TYPE + 1 == N_GETTERS, "one for each");

void answers_error(const struct evpg_row *row, const char *place)
{
    const struct evpg_error *error = evpg_row_error(row);
    const char *message;

    fuzz_require(error != NULL && evpg_error_code(error) == EVPG_E_VALUE);
    message = evpg_error_message(error);
    for (const char *at = message; *at; at++)
        fuzz_require((unsigned char)*at >= ' ' && *at != 127);
    fuzz_require(strncmp(message, place, strlen(place)) == 0);
    fuzz_require(strlen(message) > strlen(place) + 2);
    fuzz_require(message[strlen(place)] == ':' && message[strlen(place) + 1] == ' ');
}

static void ask_one_number(const struct evpg_row *row, int column, const char *place, int i,
                           struct answer *answer)
{
    unsigned char untouched[sizeof(answer->value)];

    memset(untouched, UNTOUCHED, sizeof(untouched));
    memcpy(answer->value, untouched, sizeof(untouched));
    row->set->failed = NULL;
    answer->good = numbers[i].ask(row, column, answer->value) == 0;
    answer->size = numbers[i].size;
    answer->bytes = answer->value;
    if (answer->good) {
        fuzz_require(!evpg_row_error(row) && !evpg_row_is_null(row, column));
        return;
    }
    fuzz_require(memcmp(answer->value, untouched, sizeof(untouched)) == 0);
    answers_error(row, place);
}

/* What a getter of text gave; its size, when it is not known, is that of the text. */
static void keep(const struct evpg_row *row, int column, const char *place, const void *bytes,
                 struct answer *answer)
{
    answer->bytes = bytes;
    answer->null = !bytes && !evpg_row_error(row);
    answer->good = bytes || answer->null;
    if (answer->null)
        fuzz_require(evpg_row_is_null(row, column));
    else if (bytes)
        fuzz_require(!evpg_row_error(row) && !evpg_row_is_null(row, column));
    else
        answers_error(row, place);
    row->set->failed = NULL;
}

static void keep_text(const struct evpg_row *row, int column, const char *place, const char *text,
                      size_t most, struct answer *answer)
{
    keep(row, column, place, text, answer);
    answer->size = text ? strlen(text) : 0;
    fuzz_require(answer->size <= most);
}

/* As many bytes as came, and text that ends where they do, or at a NUL byte among them. */
static void ask_texts(const struct evpg_row *row, int column, const char *place,
                      struct answer answers[N_GETTERS])
{
    struct answer *bytes = &answers[BYTES], *json = &answers[JSON];
    size_t came;

    row->set->failed = NULL;
    keep(row, column, place, evpg_row_bytes(row, column, &bytes->size), bytes);
    fuzz_require(bytes->good || bytes->size == 0);
    came = bytes->bytes ? bytes->size : 0;
    if (!row->binary)
        came = FUZZ_MOST_BYTES;
    keep_text(row, column, place, evpg_row_text(row, column), came, &answers[TEXT]);
    keep_text(row, column, place, evpg_row_json(row, column), came, json);
    keep_text(row, column, place, evpg_row_numeric(row, column), 131072 + 16383 + 3,
              &answers[NUMERIC]);
    keep_text(row, column, place, evpg_row_bit(row, column), 8 * came, &answers[BIT]);
    if (json->bytes)
        fuzz_require(json->size ==
                     bytes->size - (row->binary && evpg_row_type(row, column) == 3802));
    answers[TEXT_OR] = answers[TEXT];
    if (!answers[TEXT].null)
        fuzz_require(evpg_row_text_or(row, column, "-") == answers[TEXT].bytes);
    else
        fuzz_require(strcmp(evpg_row_text_or(row, column, "-"), "-") == 0);
}

void answers_ask(const struct evpg_row *row, int column, const char *place,
                 struct answer answers[N_GETTERS])
{
    uint32_t type = evpg_row_type(row, column);
    struct answer *last = &answers[NAME_AND_TYPE];

    memset(answers, 0, N_GETTERS * sizeof(*answers));
    for (int i = 0; i < N_NUMBERS; i++)
        ask_one_number(row, column, place, i, &answers[i]);
    ask_texts(row, column, place, answers);
    last->size = sizeof(type);
    memcpy(last->value, &type, sizeof(type));
    last->bytes = last->value;
    last->good = true;
}

void answers_compare(const struct answer one[N_GETTERS], const struct answer other[N_GETTERS])
{
    for (int i = 0; i < N_GETTERS; i++) {
        fuzz_require(one[i].good == other[i].good && one[i].null == other[i].null);
        if (one[i].good && !one[i].null)
            fuzz_require(one[i].size == other[i].size &&
                         memcmp(one[i].bytes, other[i].bytes, one[i].size) == 0);
    }
}

/* A place of one kind, and the getter it stands for. */
static void scan_one(const struct evpg_row *row, struct evpg_into into, const struct answer *answer)
{
    bool any = false, good, null = evpg_row_is_null(row, 0);

    row->set->failed = NULL;
    good = evpg_row_scan(row, &into, 1) == 0;
    fuzz_require(good == (answer->good && !null));
    fuzz_require(good == !evpg_row_error(row));
    into = evpg_if_any(&any, into);
    good = evpg_row_scan(row, &into, 1) == 0;
    fuzz_require(any == !null && good == (null || answer->good));
}

void answers_scan(const struct evpg_row *row, const struct answer answers[N_GETTERS])
{
    _Alignas(16) unsigned char value[24];
    const char *text = NULL;
    const void *bytes;
    size_t length;
    struct evpg_into into = evpg_to_text_or_null(&text);

    scan_one(row, evpg_to_int16((int16_t *)value), &answers[INT16]);
    scan_one(row, evpg_to_int32((int32_t *)value), &answers[INT32]);
    scan_one(row, evpg_to_int64((int64_t *)value), &answers[INT64]);
    scan_one(row, evpg_to_uint32((uint32_t *)value), &answers[UINT32]);
    scan_one(row, evpg_to_float((float *)value), &answers[FLOAT]);
    scan_one(row, evpg_to_double((double *)value), &answers[DOUBLE]);
    scan_one(row, evpg_to_bool((bool *)value), &answers[BOOL]);
    scan_one(row, evpg_to_uuid(value), &answers[UUID]);
    scan_one(row, evpg_to_date((int32_t *)value), &answers[DATE]);
    scan_one(row, evpg_to_time((int64_t *)value), &answers[TIME]);
    scan_one(row, evpg_to_timestamp((int64_t *)value), &answers[TIMESTAMP]);
    scan_one(row, evpg_to_timestamptz((int64_t *)value), &answers[TIMESTAMPTZ]);
    scan_one(row, evpg_to_interval((struct evpg_interval *)value), &answers[INTERVAL]);
    scan_one(row, evpg_to_text(&text), &answers[TEXT]);
    scan_one(row, evpg_to_bytes(&bytes, &length), &answers[BYTES]);
    scan_one(row, evpg_to_numeric(&text), &answers[NUMERIC]);
    scan_one(row, evpg_to_json(&text), &answers[JSON]);
    fuzz_require((evpg_row_scan(row, &into, 1) == 0) == answers[TEXT].good);
    into = evpg_to_nothing();
    fuzz_require(evpg_row_scan(row, &into, 1) == 0);
    fuzz_require(evpg_row_scan(row, &into, 0) == -1);
}
