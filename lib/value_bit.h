/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef VALUE_BIT_H
#define VALUE_BIT_H

#include <stddef.h>

/* Whether a text is zeros and ones; NULL, or why not. */
const char *value_bit_check(const char *text, size_t length);

/* How many bits there are in a bit or varbit in binary format; NULL, or the reason why it cannot be
 * read. Any bytes will do. */
const char *value_bit_count(const void *bytes, size_t length, size_t *bits);

/* Writes them as zeros and ones, with a NUL byte after them. */
void value_bit_write(const void *bytes, size_t bits, char *to);

#endif
