/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef VALUE_TIME_H
#define VALUE_TIME_H

#include <evpg/time.h>
#include <stddef.h>
#include <stdint.h>

/* As the readers of value.h: text ended by a NUL byte gives NULL, or the reason why not. */
const char *value_read_date(const char *text, int32_t *days);
const char *value_read_time(const char *text, int64_t *microseconds);
const char *value_read_timetz(const char *text, struct evpg_timetz *value);
const char *value_read_timestamp(const char *text, int64_t *microseconds);
const char *value_read_timestamptz(const char *text, int64_t *microseconds);
const char *value_read_interval(const char *text, struct evpg_interval *value);

/* The same of the binary format, of which any bytes will do. Timestamps are with a zone or without.
 */
const char *value_binary_date(const void *bytes, size_t length, int32_t *days);
const char *value_binary_time(const void *bytes, size_t length, int64_t *microseconds);
const char *value_binary_timetz(const void *bytes, size_t length, struct evpg_timetz *value);
const char *value_binary_timestamp(const void *bytes, size_t length, int64_t *microseconds);
const char *value_binary_interval(const void *bytes, size_t length, struct evpg_interval *value);

/* Writers of the binary format; of a timetz and an interval, for what is not one number. */
enum { VALUE_TIMETZ_SIZE = 12, VALUE_INTERVAL_SIZE = 16 };
void value_write_timetz(const struct evpg_timetz *value, unsigned char *to);
void value_write_interval(const struct evpg_interval *value, unsigned char *to);

/* The seconds that a zone may be away from UTC: a server can be set to less than a week. */
#define VALUE_ZONE_END (168 * 3600)

#endif
