/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * db_time: dates, times and intervals go to a real server and come back as they were; TY20 to TY28.
 *
 * The counterpart of lib/params_time.c, lib/row_time.c and lib/value_time.c: what a parameter says
 * is held against what the server makes of it, and what a getter reads against the parameter.
 * Values come as text and, in the mode BINARY, in binary; the session's settings must change
 * nothing but that some text is refused. What they are when nothing is set, db_roundtrip looks at.
 */
#include "chance.h"
#include "harness.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

enum { ROUNDS = 2000 };

/* One value of each type, and the timestamptz once more. */
struct values {
    int32_t date;
    int64_t time, timestamp, timestamptz;
    struct evpg_timetz timetz;
    struct evpg_interval interval;
};

static struct values sent[ROUNDS];

static bool binary; /* the mode under test */
static const char *date_refused, *timestamp_refused, *timestamptz_refused;

static struct values random_values(void)
{
    return (struct values){.date = chance_date(),
                           .time = chance_time(),
                           .timestamp = chance_timestamp(),
                           .timestamptz = chance_timestamp(),
                           .timetz = chance_timetz(),
                           .interval = chance_interval()};
}

/* As expected: read, or refused for that reason. */
static bool is_read(const struct evpg_row *row, int outcome, const char *refused)
{
    const struct evpg_error *error = evpg_row_error(row);

    if (!refused) {
        ck_assert_msg(outcome == 0, "%s", outcome ? evpg_error_message(error) : "");
        return true;
    }
    ck_assert_int_eq(outcome, -1);
    ck_assert_msg(strstr(evpg_error_message(error), refused), "%s", evpg_error_message(error));
    return false;
}

static void check_days(const struct evpg_row *row, int column, int32_t expected)
{
    bool infinite = expected == EVPG_DATE_INFINITY || expected == EVPG_DATE_MINUS_INFINITY;
    int32_t days = 77;

    if (is_read(row, evpg_row_date(row, column, &days), infinite ? NULL : date_refused))
        ck_assert_int_eq(days, expected);
    else
        ck_assert_int_eq(days, 77);
}

static bool is_infinite(int64_t timestamp)
{
    return timestamp == EVPG_TIMESTAMP_INFINITY || timestamp == EVPG_TIMESTAMP_MINUS_INFINITY;
}

static void check_stamps(const struct evpg_row *row, int column, const struct values *expected)
{
    int64_t plain = 77, zoned = 77;
    bool infinite = is_infinite(expected->timestamp);

    if (is_read(row, evpg_row_timestamp(row, column, &plain), infinite ? NULL : timestamp_refused))
        ck_assert_int_eq(plain, expected->timestamp);
    infinite = is_infinite(expected->timestamptz);
    if (is_read(row, evpg_row_timestamptz(row, column + 1, &zoned),
                infinite ? NULL : timestamptz_refused))
        ck_assert_int_eq(zoned, expected->timestamptz);
}

static void check_timespec(const struct evpg_row *row, int column, int64_t expected)
{
    struct timespec time, other;

    if (is_infinite(expected)) {
        ck_assert_int_eq(evpg_row_timespec(row, column, &time), -1);
        ck_assert_ptr_nonnull(strstr(evpg_error_message(evpg_row_error(row)), "infinity, which"));
    } else if (is_read(row, evpg_row_timespec(row, column, &time), timestamptz_refused)) {
        ck_assert_int_eq(evpg_timestamp_to_timespec(expected, &other), 0);
        ck_assert_int_eq(time.tv_sec, other.tv_sec);
        ck_assert_int_eq(time.tv_nsec, other.tv_nsec);
    }
}

static void check_times(const struct evpg_row *row, int column, const struct values *expected)
{
    int64_t time = 77;
    struct evpg_timetz timetz = {77, 77};

    ck_assert(is_read(row, evpg_row_time(row, column, &time), NULL));
    ck_assert_int_eq(time, expected->time);
    ck_assert(is_read(row, evpg_row_timetz(row, column + 1, &timetz), NULL));
    ck_assert_int_eq(timetz.microseconds, expected->timetz.microseconds);
    ck_assert_int_eq(timetz.zone, expected->timetz.zone);
}

static void check_interval(const struct evpg_row *row, int column, struct evpg_interval expected)
{
    struct evpg_interval interval = {77, 77, 77};

    ck_assert(is_read(row, evpg_row_interval(row, column, &interval), NULL));
    ck_assert_msg(interval.microseconds == expected.microseconds &&
                      interval.days == expected.days && interval.months == expected.months,
                  "%d %d %" PRId64 ", not %d %d %" PRId64, interval.months, interval.days,
                  interval.microseconds, expected.months, expected.days, expected.microseconds);
}

static enum evpg_flow check_row(const struct evpg_row *row, struct outcome *outcome)
{
    const struct values *expected = &sent[outcome->number];

    check_days(row, 0, expected->date);
    check_times(row, 1, expected);
    check_stamps(row, 3, expected);
    check_timespec(row, 4, expected->timestamptz);
    check_interval(row, 5, expected->interval);
    return EVPG_NEXT;
}

static struct outcome *send_values(int number)
{
    const struct values *value = &sent[number];
    struct outcome *outcome = new_outcome();

    outcome->number = number;
    outcome->on_row = check_row;
    ck_assert_ptr_nonnull(submit(
        outcome, "select $1, $2, $3, $4, $5, $6",
        EVPG_PARAMS(evpg_date(value->date), evpg_time(value->time),
                    evpg_timetz_param(value->timetz), evpg_timestamp(value->timestamp),
                    evpg_timestamptz(value->timestamptz), evpg_interval_param(value->interval))));
    return outcome;
}

/* ROUNDS of each type, some at a time. */
static void check_round_trips(int rounds)
{
    for (int i = 0; i < rounds; i++) {
        sent[i] = random_values();
        send_values(i);
        if (i % 200 == 199)
            await_all();
    }
    await_all();
    check_all_succeeded();
}

static void set(const char *sql)
{
    struct outcome *outcome = query(sql, EVPG_NO_PARAMS);

    await_all();
    ck_assert_outcome_ok(outcome);
}

/* Zones with minutes, with seconds, far from UTC, and such that are none of IANA's. */
START_TEST(in_any_time_zone)
{
    static const char *const zones[] = {"Asia/Kathmandu",    "America/St_Johns",
                                        "Africa/Monrovia",   "Pacific/Kiritimati",
                                        "Pacific/Apia",      "Europe/Lisbon",
                                        "America/Sao_Paulo", "<A>-100:30",
                                        "<UTC>+3",           "-167"};
    char sql[60];

    chance_start(24);
    begin(_i);
    for (size_t i = 0; i < sizeof(zones) / sizeof(*zones); i++) {
        sprintf(sql, "set timezone = '%s'", zones[i]);
        set(sql);
        check_round_trips(200);
    }
    end();
}
END_TEST

/* What is refused of text is not of binary values. */
START_TEST(in_any_datestyle)
{
    static const char day[] = "day and month could be taken for each other";
    static const char zone[] = "the zone is an abbreviation";
    static const struct {
        const char *style, *date, *timestamp, *timestamptz;
    } styles[] = {{"ISO, DMY", NULL, NULL, NULL},     {"ISO, MDY", NULL, NULL, NULL},
                  {"ISO, YMD", NULL, NULL, NULL},     {"German", NULL, NULL, zone},
                  {"Postgres, MDY", day, NULL, zone}, {"Postgres, DMY", day, NULL, zone},
                  {"SQL, MDY", day, day, day},        {"SQL, DMY", day, day, day}};
    char sql[60];

    chance_start(25);
    begin(_i);
    binary = _i == BINARY;
    set("set timezone = 'Asia/Kathmandu'");
    for (size_t i = 0; i < sizeof(styles) / sizeof(*styles); i++) {
        sprintf(sql, "set datestyle = '%s'", styles[i].style);
        set(sql);
        date_refused = binary ? NULL : styles[i].date;
        timestamp_refused = binary ? NULL : styles[i].timestamp;
        timestamptz_refused = binary ? NULL : styles[i].timestamptz;
        check_round_trips(200);
    }
    end();
}
END_TEST

START_TEST(in_any_intervalstyle)
{
    static const char *const styles[] = {"postgres", "postgres_verbose", "sql_standard",
                                         "iso_8601"};
    char sql[60];

    chance_start(27);
    begin(_i);
    for (int i = 0; i < 4; i++) {
        sprintf(sql, "set intervalstyle = '%s'", styles[i]);
        set(sql);
        check_round_trips(_i == ALONE ? ROUNDS : 200);
    }
    end();
}
END_TEST

/* What the server says of a parameter, as text. */
static void check_shown(struct evpg_param param, const char *type, const char *text)
{
    char sql[60];
    struct outcome *outcome;

    sprintf(sql, "select $1::%s::text", type);
    outcome = query(sql, &param, 1);
    await_all();
    ck_assert_outcome_ok(outcome);
    ck_assert_str_eq(cell(outcome, 0, 0), text);
}

START_TEST(ty20_to_ty28_as_the_server_shows_them)
{
    begin(_i);
    check_shown(evpg_timestamptz(EVPG_TIMESTAMP_INFINITY), "timestamptz", "infinity");
    check_shown(evpg_timestamptz(EVPG_TIMESTAMP_MINUS_INFINITY), "timestamptz", "-infinity");
    set("set timezone = 'UTC'");
    check_shown(evpg_timestamptz(-63113904000000000), "timestamptz", "0001-01-01 00:00:00+00 BC");
    check_shown(evpg_timestamp(9223371331199999999), "timestamp", "294276-12-31 23:59:59.999999");
    check_shown(evpg_date(EVPG_DATE_INFINITY), "date", "infinity");
    check_shown(evpg_date(-2451545), "date", "4714-11-24 BC");
    check_shown(evpg_date(2145031948), "date", "5874897-12-31");
    check_shown(evpg_date(-10957), "date", "1970-01-01");
    set("set timezone = 'Asia/Kathmandu'");
    check_shown(evpg_timestamptz(0), "timestamptz", "2000-01-01 05:45:00+05:45");
    check_shown(evpg_timestamptz_timespec((struct timespec){0, 1999}), "timestamptz",
                "1970-01-01 05:30:00.000001+05:30");
    check_shown(evpg_time(86400000000), "time", "24:00:00");
    check_shown(evpg_timetz_param((struct evpg_timetz){36600000000, -5400}), "timetz",
                "10:10:00+01:30");
    check_shown(evpg_interval_param((struct evpg_interval){-7200800000, -10, -35}), "interval",
                "-2 years -11 mons -10 days -02:00:00.8");
    check_shown(evpg_interval_param((struct evpg_interval){1, -1, 1}), "interval",
                "1 mon -1 days +00:00:00.000001");
    check_shown(evpg_interval_param((struct evpg_interval){90000000000, 1, 0}), "interval",
                "1 day 25:00:00");
    end();
}
END_TEST

/* The getters read what the server has made of text, not of a parameter. */
static enum evpg_flow check_made_by_server(const struct evpg_row *row, struct outcome *outcome)
{
    static const struct evpg_interval ends[] = {{INT64_MIN, INT32_MIN, INT32_MIN},
                                                {INT64_MAX, INT32_MAX, INT32_MAX}};
    struct timespec time;
    int64_t zoned;

    (void)outcome;
    check_interval(row, 0, ends[0]);
    check_interval(row, 1, ends[1]);
    check_interval(row, 2, (struct evpg_interval){0, INT32_MIN, 0});
    ck_assert_int_eq(evpg_row_timestamptz(row, 3, &zoned), 0);
    ck_assert_int_eq(zoned, -63113904000000000);
    ck_assert_int_eq(evpg_row_timespec(row, 4, &time), 0);
    ck_assert(time.tv_sec == -1 && time.tv_nsec == 999999000);
    return EVPG_NEXT;
}

START_TEST(ends_made_by_the_server)
{
    static const char *const styles[] = {"postgres", "postgres_verbose", "sql_standard",
                                         "iso_8601"};
    char sql[60];

    begin(_i);
    for (int i = 0; i < 4; i++) {
        struct outcome *outcome = new_outcome();

        sprintf(sql, "set intervalstyle = '%s'", styles[i]);
        set(sql);
        outcome->on_row = check_made_by_server;
        ck_assert_ptr_nonnull(submit(
            outcome,
            "select $1, $2, interval '-2147483648 days',"
            " timestamptz '0001-01-01 00:00:00+00 BC',"
            " timestamptz '1969-12-31 23:59:59.999999+00'",
            EVPG_PARAMS(
                evpg_interval_param((struct evpg_interval){INT64_MIN, INT32_MIN, INT32_MIN}),
                evpg_interval_param((struct evpg_interval){INT64_MAX, INT32_MAX, INT32_MAX}))));
        await_all();
        ck_assert_outcome_ok(outcome);
    }
    end();
}
END_TEST

/* The server judges what it cannot hold; the library, what it cannot convert. */
START_TEST(parameters_out_of_range)
{
    struct outcome *bad[5], *refused;

    begin(_i);
    bad[0] = query("select $1", EVPG_PARAMS(evpg_date(2145031949)));
    bad[1] = query("select $1", EVPG_PARAMS(evpg_time(86400000001)));
    bad[2] = query("select $1", EVPG_PARAMS(evpg_timestamp(INT64_MIN + 1)));
    bad[3] = query("select $1", EVPG_PARAMS(evpg_timestamptz(9223371331200000000)));
    bad[4] = query("select $1", EVPG_PARAMS(evpg_timetz_param((struct evpg_timetz){0, 57600})));
    refused = new_outcome();
    errno = 0;
    ck_assert_ptr_null(submit(refused, "select $1",
                              EVPG_PARAMS(evpg_timestamptz_timespec((struct timespec){0, -1}))));
    ck_assert_int_eq(errno, EINVAL);
    ck_assert_ptr_nonnull(strstr(last_log(), "$1: a timespec that is no timestamp"));
    await_all();
    for (int i = 0; i < 5; i++)
        ck_assert_outcome_sqlstate(bad[i], i < 4 ? "22008" : "22009");
    end();
}
END_TEST

/* In place of N_MODES: bytes in pieces are no matter of the values. */
enum { N_VALUE_MODES = BINARY + 1 };

int main(void)
{
    Suite *suite = suite_create("db_time");
    TCase *tcase = tcase_create("time");

    tcase_set_timeout(tcase, 60);
    tcase_add_loop_test(tcase, in_any_time_zone, 0, N_VALUE_MODES);
    tcase_add_loop_test(tcase, in_any_datestyle, 0, N_VALUE_MODES);
    tcase_add_loop_test(tcase, in_any_intervalstyle, 0, N_VALUE_MODES);
    tcase_add_loop_test(tcase, ty20_to_ty28_as_the_server_shows_them, 0, N_MODES);
    tcase_add_loop_test(tcase, ends_made_by_the_server, 0, N_VALUE_MODES);
    tcase_add_loop_test(tcase, parameters_out_of_range, 0, N_MODES);
    suite_add_tcase(suite, tcase);
    return run_suite(suite, true);
}
