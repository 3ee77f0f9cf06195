/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef CHANCE_H
#define CHANCE_H

#include <evpg.h>

/* What comes by chance, and yet the same each time: EVPG_TEST_SEED=n has other values come, and
 * belongs into each message of failure. */
unsigned long chance_seed(void);

/* From here on; a stream for each purpose, so that one does not move the others' values. */
void chance_start(unsigned long stream);

uint64_t chance_bits(void);
unsigned chance(unsigned below);

/* Often short, often round, often at one of the ends. */
int64_t chance_between(int64_t low, int64_t high);

/* Of the whole range, its ends and what is next to them, infinity, BC. */
int64_t chance_timestamp(void);
int32_t chance_date(void);
int64_t chance_time(void);
struct evpg_timetz chance_timetz(void);
struct evpg_interval chance_interval(void);

/* Text that wants to be quoted, of so many pieces; to be freed. */
char *chance_text(unsigned pieces);

#endif
