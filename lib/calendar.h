/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef CALENDAR_H
#define CALENDAR_H

#include <evpg/time.h>
#include <stdbool.h>
#include <stdint.h>

#define CALENDAR_DAY INT64_C(86400000000) /* in microseconds */

/* The days from 2000-01-01 to another; false: there is no such day. Any numbers will do whose year
 * fits an int. */
bool calendar_days(int64_t year, int64_t month, int64_t day, int64_t *days);

/* What the server can hold, without the infinities. */
bool calendar_has_date(int64_t days);
bool calendar_has_timestamp(int64_t microseconds);

/* A timestamp from a day, the microseconds since it began, and seconds to be added, which are those
 * that a zone is west of UTC; false: the server cannot hold it. Day and offset may be what they
 * will, as long as their sum in seconds is no overflow. */
bool calendar_timestamp(int64_t days, int64_t microseconds, int64_t offset, int64_t *timestamp);

#endif
