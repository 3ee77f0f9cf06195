/* SPDX-License-Identifier: 0BSD (do with it what you like) */
/*
 * types: values of many types go to the server as parameters and come back by getters, exactly:
 * dates and times, numerics, uuids, JSON, addresses, arrays, ranges, composites, enums, NULL. All
 * of it twice, with results as text and then in binary format, which makes no difference.
 *
 *     types [CONNINFO]     default: libpq's environment (PGHOST, PGDATABASE, ...)
 *
 * Exit status: 0, or 1 when something failed.
 */
#include <evpg.h>

#include <event2/event.h>

#include <inttypes.h>
#include <stdio.h>

static int failed;

/* The first failure says it all: without a connection, each request fails with the same words. */
static void report(const struct evpg_error *error)
{
    if (!failed)
        fprintf(stderr, "types: %s\n", evpg_error_message(error));
    failed = 1;
}

static void on_done(const struct evpg_result *result, void *arg)
{
    (void)arg;
    if (evpg_result_error(result))
        report(evpg_result_error(result));
}

static void on_closed(struct evpg_db *db, size_t cut_off, void *arg)
{
    (void)cut_off;
    (void)arg;
    evpg_free(db);
}

/* A moment is a timestamptz, whatever the session's time zone: a struct timespec, or microseconds
 * since 2000, which can be turned into a date and time of day in UTC. */
static enum evpg_flow on_times(const struct evpg_row *row, void *arg)
{
    struct timespec moment;
    struct evpg_interval interval;
    struct evpg_civil day, utc;
    int64_t microseconds, end;
    int32_t days;

    (void)arg;
    if (evpg_row_timespec(row, 0, &moment) < 0 || evpg_row_timestamptz(row, 0, &microseconds) < 0 ||
        evpg_timestamp_to_civil(microseconds, &utc) < 0 || evpg_row_date(row, 1, &days) < 0 ||
        evpg_date_to_civil(days, &day) < 0 || evpg_row_timestamptz(row, 2, &end) < 0 ||
        evpg_row_interval(row, 3, &interval) < 0)
        return EVPG_FAIL;
    printf("timestamptz: %" PRId64 ".%09ld, which is %04d-%02d-%02d %02d:%02d:%02d.%06d UTC\n",
           (int64_t)moment.tv_sec, moment.tv_nsec, utc.year, utc.month, utc.day, utc.hour,
           utc.minute, utc.second, utc.microsecond);
    printf("date: %04d-%02d-%02d\n", day.year, day.month, day.day);
    printf("infinity: %s\n", end == EVPG_TIMESTAMP_INFINITY ? "yes" : "no");
    printf("interval: %" PRId32 " months, %" PRId32 " days, %" PRId64 " microseconds\n",
           interval.months, interval.days, interval.microseconds);
    return EVPG_NEXT;
}

/* Exactly, in both directions: as decimal digits, or as a number of cents. */
static enum evpg_flow on_numeric(const struct evpg_row *row, void *arg)
{
    const char *price = evpg_row_numeric(row, 0);
    int64_t cents;

    (void)arg;
    if (!price || evpg_row_decimal(row, 0, 2, &cents) < 0)
        return EVPG_FAIL;
    printf("numeric: %s, or %" PRId64 " cents\n", price, cents);
    return EVPG_NEXT;
}

static enum evpg_flow on_others(const struct evpg_row *row, void *arg)
{
    const char *json = evpg_row_json(row, 1), *jsonb = evpg_row_json(row, 2);
    struct evpg_inet_address net;
    unsigned char uuid[16];

    (void)arg;
    if (evpg_row_uuid(row, 0, uuid) < 0 || !json || !jsonb || evpg_row_inet(row, 3, &net) < 0)
        return EVPG_FAIL;
    printf("uuid: it ends with %02x%02x\n", uuid[14], uuid[15]);
    printf("json: %s; jsonb: %s\n", json, jsonb);
    printf("inet: %d.%d.%d.%d/%d\n", net.address[0], net.address[1], net.address[2], net.address[3],
           net.bits);
    return EVPG_NEXT;
}

/* The elements are the columns of a row, so that all getters read them. */
static enum evpg_flow on_array(const struct evpg_row *row, void *arg)
{
    const struct evpg_array_view *array = evpg_row_array(row, 0);

    (void)arg;
    if (!array)
        return EVPG_FAIL;
    printf("array:");
    for (int i = 0; i < evpg_row_columns(array->elements); i++) {
        int32_t number;

        if (evpg_row_is_null(array->elements, i))
            printf(" NULL");
        else if (evpg_row_int32(array->elements, i, &number) == 0)
            printf(" %" PRId32, number);
        else
            return EVPG_FAIL;
    }
    printf("\n");
    return EVPG_NEXT;
}

static enum evpg_flow on_range(const struct evpg_row *row, void *arg)
{
    const struct evpg_range_view *range = evpg_row_range(row, 0);
    int32_t from;

    (void)arg;
    if (!range || evpg_row_int32(range->bounds, 0, &from) < 0)
        return EVPG_FAIL;
    printf("range: from %" PRId32 "%s, %s\n", from, range->lower_inclusive ? "" : " exclusive",
           range->upper_infinite ? "without an end" : "with an end");
    return EVPG_NEXT;
}

static enum evpg_flow on_composite(const struct evpg_row *row, void *arg)
{
    const struct evpg_row *item = evpg_row_composite(row, 0);
    int32_t pieces;

    (void)arg;
    if (!item || evpg_row_int32(item, 1, &pieces) < 0)
        return EVPG_FAIL;
    printf("composite: %" PRId32 " of %s\n", pieces, evpg_row_text(item, 0));
    return EVPG_NEXT;
}

/* An enum's value is its label in both formats, but the library does not know the type, and gives
 * its bytes. */
static enum evpg_flow on_enum(const struct evpg_row *row, void *arg)
{
    size_t length;
    const char *label = evpg_row_bytes(row, 0, &length);

    (void)arg;
    if (!label)
        return EVPG_FAIL;
    printf("enum: %.*s\n", (int)length, label);
    return EVPG_NEXT;
}

/* A getter that cannot do as it is asked says why. Returning EVPG_FAIL would make that the
 * request's error; here it is only shown. */
static enum evpg_flow on_null(const struct evpg_row *row, void *arg)
{
    int32_t number;

    (void)arg;
    printf("NULL: %s, \"%s\"\n", evpg_row_is_null(row, 0) ? "yes" : "no",
           evpg_row_text_or(row, 0, "nothing"));
    for (int i = 1; i < evpg_row_columns(row); i++)
        if (evpg_row_int32(row, i, &number) < 0)
            printf("refused: %s\n", evpg_error_message(evpg_row_error(row)));
    return EVPG_NEXT;
}

static int submit(struct evpg_db *db, unsigned flags, const char *sql,
                  const struct evpg_param *params, size_t n_params, evpg_row_cb on_row)
{
    struct evpg_request *request = evpg_query(db, sql, params, n_params, on_row, on_done, NULL);

    evpg_request_set_flags(request, flags);
    return request != NULL;
}

/* What a parameter points at must live until the call that takes it has returned, no longer. */
static int submit_plain(struct evpg_db *db, unsigned flags)
{
    const unsigned char uuid[16] = {[14] = 0xca, [15] = 0xfe};
    const struct timespec moment = {1795611930, 250000000};
    const struct evpg_interval interval = {.months = 14, .days = -3, .microseconds = 1500000};
    int32_t day;

    return evpg_date_from_civil(&(struct evpg_civil){2026, 11, 25, 0, 0, 0, 0}, &day) == 0 &&
           submit(db, flags, "select $1, $2, $3, $4",
                  EVPG_PARAMS(evpg_timestamptz_timespec(moment), evpg_date(day),
                              evpg_timestamptz(EVPG_TIMESTAMP_INFINITY),
                              evpg_interval_param(interval)),
                  on_times) &&
           submit(db, flags, "select 3 * $1", EVPG_PARAMS(evpg_numeric("1234567890.10")),
                  on_numeric) &&
           submit(db, flags, "select $1, $2, $3, $4",
                  EVPG_PARAMS(evpg_uuid(uuid), evpg_json("{\"b\": 1,  \"a\": 2}"),
                              evpg_jsonb("{\"b\": 1,  \"a\": 2}"), evpg_inet("192.0.2.7/24")),
                  on_others);
}

/* Built-in types are named by their OIDs, which never change: 23 is integer. */
static int submit_parts(struct evpg_db *db, unsigned flags)
{
    const struct evpg_range_value range = {.lower = evpg_int32(10), .lower_inclusive = true};
    const struct evpg_param fields[] = {evpg_text("screws, \"long\""), evpg_int32(12)};
    const struct evpg_composite_value item = {.fields = fields, .n_fields = 2};

    return submit(db, flags, "select $1",
                  EVPG_PARAMS(EVPG_ARRAY(23, evpg_int32(7), evpg_null(), evpg_int32(9))),
                  on_array) &&
           submit(db, flags, "select $1", EVPG_PARAMS(evpg_range(&range)), on_range) &&
           submit(db, flags, "select $1::pg_temp.item", EVPG_PARAMS(evpg_composite(&item)),
                  on_composite);
}

/* Text serves for every type: the server takes it as it takes a quoted literal. Where the statement
 * does not say of which type, evpg_typed() does. */
static int submit_texts(struct evpg_db *db, unsigned flags)
{
    return submit(db, flags, "select $1::pg_temp.mood", EVPG_PARAMS(evpg_text("happy")), on_enum) &&
           submit(db, flags, "select $1::text as note, $2 as total, $3 as device",
                  EVPG_PARAMS(evpg_null(), evpg_int64(1234567890123),
                              evpg_typed(829, "08:00:2b:01:02:03")),
                  on_null);
}

static int submit_all(struct evpg_db *db)
{
    if (!evpg_query(db, "create type pg_temp.item as (name text, pieces integer)", EVPG_NO_PARAMS,
                    NULL, on_done, NULL) ||
        !evpg_query(db, "create type pg_temp.mood as enum ('sad', 'happy')", EVPG_NO_PARAMS, NULL,
                    on_done, NULL))
        return 0;
    for (int binary = 0; binary < 2; binary++) {
        unsigned flags = binary ? EVPG_BINARY : 0;

        if (!submit_plain(db, flags) || !submit_parts(db, flags) || !submit_texts(db, flags))
            return 0;
    }
    return 1;
}

int main(int argc, char **argv)
{
    struct event_base *base = event_base_new();
    struct evpg_db *db = evpg_conn_new(base, argc > 1 ? argv[1] : NULL, NULL);

    /* Closing waits for all that was submitted. */
    if (!db || !evpg_open(db, NULL, NULL) || !submit_all(db) ||
        evpg_close(db, -1, on_closed, NULL) < 0) {
        perror("types");
        return 1;
    }
    event_base_dispatch(base);
    event_base_free(base);
    return failed;
}
