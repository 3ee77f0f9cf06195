/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef VALUE_H
#define VALUE_H

#include "type.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The readers take text as the server writes it and give NULL, or the reason why it cannot be read.
 * The text must be ended by a NUL byte; it may be anything otherwise. */
const char *value_read_int64(const char *text, int64_t *value);
const char *value_read_uint64(const char *text, uint64_t most, uint64_t *value);
const char *value_read_lsn(const char *text, uint64_t *value);
const char *value_read_double(const char *text, double *value);
const char *value_read_float(const char *text, float *value);
const char *value_read_bool(const char *text, bool *value);

/* to has room for as many bytes as the text is long. */
const char *value_read_bytea(const char *text, size_t text_length, unsigned char *to,
                             size_t *length);

#endif
