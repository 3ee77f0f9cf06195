/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * answers: what every getter says of a column, for the fuzz target of the getters.
 */
#ifndef ANSWERS_H
#define ANSWERS_H

#include "row.h"

enum { N_GETTERS = 25, MOST_PLACE = 400 };

/* What one getter said. */
struct answer {
    bool good, null;
    size_t size; /* of what is behind `bytes`, or in `value` */
    const void *bytes;
    _Alignas(16) unsigned char value[24];
};

/* Asks all getters. Those that fail must say where, which is this place, and why; and they leave
 * their variable alone. */
void answers_ask(const struct evpg_row *row, int column, const char *place,
                 struct answer answers[N_GETTERS]);

/* Two columns hold the same. */
void answers_compare(const struct answer one[N_GETTERS], const struct answer other[N_GETTERS]);

/* evpg_row_scan() into each kind of place says the same. The row has one column. */
void answers_scan(const struct evpg_row *row, const struct answer answers[N_GETTERS]);

/* What was said last is an error, of this place. */
void answers_error(const struct evpg_row *row, const char *place);

#endif
