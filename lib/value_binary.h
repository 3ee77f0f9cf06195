/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef VALUE_BINARY_H
#define VALUE_BINARY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* As the readers of value.h, of values in the server's binary format. Any bytes will do. */
const char *value_binary_int64(uint32_t type, const void *bytes, size_t length, int64_t *value);
const char *value_binary_uint64(uint32_t type, const void *bytes, size_t length, uint64_t *value);
const char *value_binary_double(uint32_t type, const void *bytes, size_t length, double *value);
const char *value_binary_bool(const void *bytes, size_t length, bool *value);

#endif
