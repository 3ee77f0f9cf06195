/* SPDX-License-Identifier: BSD-2-Clause */
/**
 * @file evpg/time.h
 * Dates, times and intervals: how they are held here, parameters of these types, and getters.
 *
 * They are held as PostgreSQL holds them, exactly and over its whole range:
 *
 * | type | held as |
 * |---|---|
 * | timestamp | microseconds since 2000-01-01 00:00:00, in no particular time zone |
 * | timestamptz | microseconds since 2000-01-01 00:00:00 UTC |
 * | date | days since 2000-01-01 |
 * | time | microseconds since midnight, from 0 to 86400000000, which is 24:00:00 |
 * | timetz | struct evpg_timetz |
 * | interval | struct evpg_interval |
 *
 * Timestamps go from 4714-11-24 00:00:00 BC to 294276-12-31 23:59:59.999999, dates from 4714-11-24
 * BC to 5874897-12-31, in the Gregorian calendar, which is taken to have always been there. Either
 * may also be infinity or -infinity. A server before PostgreSQL 10 that was built to count time in
 * floating point is not understood.
 *
 * What a getter reads does not depend on the process's locale and time zone, and with EVPG_BINARY
 * on no setting of the session's. Otherwise values come as text, for which datestyle ISO, the
 * server's default, is the one to have: of the others, those values are read that leave no doubt,
 * and all else is refused. That is, with datestyle German timestamp and date, with Postgres
 * timestamp; with SQL nothing, for day and month could be taken for each other. timestamptz is
 * refused in all three: the abbreviation of a time zone does not tell how far from UTC it is. time,
 * timetz and interval are read with any datestyle, and interval with any intervalstyle.
 */
#ifndef EVPG_TIME_H
#define EVPG_TIME_H

#include <evpg/common.h>
#include <evpg/param.h>

#include <time.h>

#ifdef __cplusplus
extern "C" {
#endif

/** timestamp and timestamptz: after all others. */
#define EVPG_TIMESTAMP_INFINITY INT64_MAX

/** timestamp and timestamptz: before all others. */
#define EVPG_TIMESTAMP_MINUS_INFINITY INT64_MIN

/** date: after all others. */
#define EVPG_DATE_INFINITY INT32_MAX

/** date: before all others. */
#define EVPG_DATE_MINUS_INFINITY INT32_MIN

/** A time of day with an offset from UTC (timetz). */
struct evpg_timetz {
    int64_t microseconds; /**< since midnight, as written on the spot: from 0 to 86400000000 */
    int32_t zone;         /**< seconds west of UTC: +01:30 is -5400 */
};

/**
 * An interval. A month has no fixed number of days, nor a day of hours, so the three are kept
 * apart, each with a sign of its own; nothing is ever carried from one to another. Of PostgreSQL
 * 17's infinity all three have the highest value, and of its -infinity the lowest; an older server
 * takes these for very long intervals.
 */
struct evpg_interval {
    int64_t microseconds; /**< hours, minutes and seconds */
    int32_t days;         /**< days */
    int32_t months;       /**< months and years */
};

/** A date, or a date and a time of day, as people write them. */
struct evpg_civil {
    int year;        /**< 0 is 1 BC, -1 is 2 BC */
    int month;       /**< from 1 to 12 */
    int day;         /**< from 1 to 31 */
    int hour;        /**< from 0 to 23 */
    int minute;      /**< from 0 to 59 */
    int second;      /**< from 0 to 59 */
    int microsecond; /**< from 0 to 999999 */
};

/**
 * A timestamptz as POSIX has it: since 1970-01-01 00:00:00 UTC, without leap seconds.
 *
 * @param timestamp in microseconds since 2000-01-01 00:00:00 UTC
 * @param time set on success only; tv_nsec is from 0 to 999999999, also before 1970
 * @return 0; or -1 and errno: EINVAL, it is infinity or -infinity; ERANGE, no timestamp of
 *     PostgreSQL's, or more than this machine's time_t holds
 */
EVPG_EXPORT int evpg_timestamp_to_timespec(int64_t timestamp, struct timespec *time);

/**
 * The same backwards. What is below a microsecond is cut off, towards the past.
 *
 * @param time since 1970-01-01 00:00:00 UTC
 * @param timestamp set on success only
 * @return 0; or -1 and errno: EINVAL, tv_nsec is not from 0 to 999999999; ERANGE, PostgreSQL has no
 *     such timestamp
 */
EVPG_EXPORT int evpg_timestamp_from_timespec(const struct timespec *time, int64_t *timestamp);

/**
 * Date and time of day of a timestamp; of a timestamptz, those in UTC.
 *
 * @param timestamp in microseconds since 2000-01-01 00:00:00
 * @param civil set on success only
 * @return 0; or -1 and errno: EINVAL, it is infinity or -infinity; ERANGE, no timestamp of
 *     PostgreSQL's
 */
EVPG_EXPORT int evpg_timestamp_to_civil(int64_t timestamp, struct evpg_civil *civil);

/**
 * The same backwards.
 *
 * @param civil a day that exists and a time of day from 00:00:00 to 23:59:59.999999
 * @param timestamp set on success only
 * @return 0; or -1 and errno: EINVAL, there is no such day or time; ERANGE, PostgreSQL has no such
 *     timestamp
 */
EVPG_EXPORT int evpg_timestamp_from_civil(const struct evpg_civil *civil, int64_t *timestamp);

/**
 * Year, month and day of a date.
 *
 * @param date in days since 2000-01-01
 * @param civil set on success only; the time of day is 00:00:00
 * @return 0; or -1 and errno: EINVAL, it is infinity or -infinity; ERANGE, no date of PostgreSQL's
 */
EVPG_EXPORT int evpg_date_to_civil(int32_t date, struct evpg_civil *civil);

/**
 * The same backwards.
 *
 * @param civil a day that exists; its time of day does not matter
 * @param date set on success only
 * @return 0; or -1 and errno: EINVAL, there is no such day; ERANGE, PostgreSQL has no such date
 */
EVPG_EXPORT int evpg_date_from_civil(const struct evpg_civil *civil, int32_t *date);

/** A PostgreSQL date, in days since 2000-01-01, or one of the infinities. The server refuses one
 * that is out of its range (SQLSTATE 22008); so it does with those below. For NULL there is
 * evpg_null(). */
EVPG_EXPORT struct evpg_param evpg_date(int32_t days);

/** A PostgreSQL time, in microseconds since midnight, from 0 to 86400000000. */
EVPG_EXPORT struct evpg_param evpg_time(int64_t microseconds);

/** A PostgreSQL timetz. The server takes zones of less than 16 hours (SQLSTATE 22009). */
EVPG_EXPORT struct evpg_param evpg_timetz_param(struct evpg_timetz value);

/** A PostgreSQL timestamp, in microseconds since 2000-01-01 00:00:00, or one of the infinities. */
EVPG_EXPORT struct evpg_param evpg_timestamp(int64_t microseconds);

/** A PostgreSQL timestamptz, in microseconds since 2000-01-01 00:00:00 UTC, or one of the
 * infinities. */
EVPG_EXPORT struct evpg_param evpg_timestamptz(int64_t microseconds);

/** A PostgreSQL timestamptz, converted as by evpg_timestamp_from_timespec(). Where that fails, the
 * call that takes the parameter refuses it: EINVAL, and the log hook is told. */
EVPG_EXPORT struct evpg_param evpg_timestamptz_timespec(struct timespec time);

/** A PostgreSQL interval. */
EVPG_EXPORT struct evpg_param evpg_interval_param(struct evpg_interval value);

/**
 * A date: columns of type date.
 *
 * @param days since 2000-01-01, or one of the infinities; set on success only
 * @return 0; or -1, and evpg_row_error() says why: another type, NULL, or text in a datestyle that
 *     leaves doubts
 */
EVPG_EXPORT int evpg_row_date(const struct evpg_row *row, int column, int32_t *days);

/**
 * A time of day: columns of type time.
 *
 * @param microseconds since midnight; set on success only
 * @return 0; or -1, and evpg_row_error() says why: another type, or NULL
 */
EVPG_EXPORT int evpg_row_time(const struct evpg_row *row, int column, int64_t *microseconds);

/**
 * A time of day with its offset from UTC: columns of type timetz.
 *
 * @param value set on success only
 * @return 0; or -1, and evpg_row_error() says why: another type, or NULL
 */
EVPG_EXPORT int evpg_row_timetz(const struct evpg_row *row, int column, struct evpg_timetz *value);

/**
 * A timestamp in no particular time zone: columns of type timestamp, not timestamptz.
 *
 * @param microseconds since 2000-01-01 00:00:00, or one of the infinities; set on success only
 * @return 0; or -1, and evpg_row_error() says why: another type, NULL, or text in a datestyle that
 *     leaves doubts
 */
EVPG_EXPORT int evpg_row_timestamp(const struct evpg_row *row, int column, int64_t *microseconds);

/**
 * A moment: columns of type timestamptz, not timestamp. The session's time zone does not matter.
 *
 * @param microseconds since 2000-01-01 00:00:00 UTC, or one of the infinities; set on success only
 * @return 0; or -1, and evpg_row_error() says why: another type, NULL, or text in a datestyle other
 *     than ISO
 */
EVPG_EXPORT int evpg_row_timestamptz(const struct evpg_row *row, int column, int64_t *microseconds);

/**
 * A moment as POSIX has it: columns of type timestamptz, not timestamp.
 *
 * @param time since 1970-01-01 00:00:00 UTC; set on success only
 * @return 0; or -1, and evpg_row_error() says why: as evpg_row_timestamptz(), or it is infinity or
 *     -infinity, or more than this machine's time_t holds
 */
EVPG_EXPORT int evpg_row_timespec(const struct evpg_row *row, int column, struct timespec *time);

/**
 * An interval: columns of type interval.
 *
 * @param value as the server holds it, nothing carried; set on success only
 * @return 0; or -1, and evpg_row_error() says why: another type, or NULL
 */
EVPG_EXPORT int evpg_row_interval(const struct evpg_row *row, int column,
                                  struct evpg_interval *value);

#ifdef __cplusplus
}
#endif

#endif
