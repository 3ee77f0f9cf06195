/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef VALUE_H
#define VALUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* pg_type.dat */
enum {
    VALUE_BOOL = 16,
    VALUE_BYTEA = 17,
    VALUE_INT8 = 20,
    VALUE_INT2 = 21,
    VALUE_INT4 = 23,
    VALUE_OID = 26,
    VALUE_FLOAT4 = 700,
    VALUE_FLOAT8 = 701
};

/* The readers take text as the server writes it and give NULL, or the reason why it cannot be read.
 * The text must be ended by a NUL byte; it may be anything otherwise. */
const char *value_read_int64(const char *text, int64_t *value);
const char *value_read_double(const char *text, double *value);
const char *value_read_bool(const char *text, bool *value);

/* to has room for as many bytes as the text is long. */
const char *value_read_bytea(const char *text, size_t text_length, unsigned char *to,
                             size_t *length);

/* A built-in type's name, as SQL has it in pg_type; NULL for others. */
const char *value_type_name(uint32_t oid);

#endif
