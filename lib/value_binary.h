/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef VALUE_BINARY_H
#define VALUE_BINARY_H

#include <arpa/inet.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* Numbers in network byte order. */
static inline uint32_t value_four_bytes(const void *bytes)
{
    uint32_t word;

    memcpy(&word, bytes, sizeof(word));
    return ntohl(word);
}

static inline uint64_t value_eight_bytes(const void *bytes)
{
    return (uint64_t)value_four_bytes(bytes) << 32 |
           value_four_bytes((const unsigned char *)bytes + 4);
}

/* As the readers of value.h, of values in the server's binary format. Any bytes will do. */
const char *value_binary_int64(uint32_t type, const void *bytes, size_t length, int64_t *value);
const char *value_binary_uint64(uint32_t type, const void *bytes, size_t length, uint64_t *value);
const char *value_binary_double(uint32_t type, const void *bytes, size_t length, double *value);
const char *value_binary_bool(const void *bytes, size_t length, bool *value);

#endif
