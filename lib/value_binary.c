/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * value_binary: reads values from the binary form in which the server sends them.
 *
 * Called by row.c and row_scalar.c; pure. Invariants: any bytes give a value or a reason; a value's
 * length must be the type's own; numbers are in network byte order, whatever this machine's is
 * (PostgreSQL sources, the types' "send" functions).
 */
#include "value_binary.h"

#include "value.h"

#include <string.h>

/* As many as a type has. */
static uint64_t read_bytes(const unsigned char *bytes, size_t length)
{
    switch (length) {
    case 8:
        return value_eight_bytes(bytes);
    case 4:
        return value_four_bytes(bytes);
    case 2:
        return (uint64_t)bytes[0] << 8 | bytes[1];
    default:
        return bytes[0];
    }
}

static size_t size_of(uint32_t type)
{
    switch (type) {
    case TYPE_BOOL:
        return 1;
    case TYPE_INT2:
        return 2;
    case TYPE_INT4:
    case TYPE_OID:
    case TYPE_XID:
    case TYPE_CID:
    case TYPE_FLOAT4:
        return 4;
    default:
        return 8;
    }
}

const char *value_binary_int64(uint32_t type, const void *bytes, size_t length, int64_t *value)
{
    if (length != (type == TYPE_INT4 ? 4 : size_of(type)))
        return "not as long as its type";
    if (type == TYPE_INT4)
        *value = (int32_t)value_four_bytes(bytes);
    else if (type == TYPE_INT2)
        *value = (int16_t)read_bytes(bytes, length);
    else
        *value = (int64_t)read_bytes(bytes, length);
    return NULL;
}

const char *value_binary_uint64(uint32_t type, const void *bytes, size_t length, uint64_t *value)
{
    if (length != size_of(type))
        return "not as long as its type";
    *value = read_bytes(bytes, length);
    return NULL;
}

static double read_float4(const void *bytes)
{
    uint32_t bits = value_four_bytes(bytes);
    float value;

    memcpy(&value, &bits, sizeof(value));
    return value;
}

static double read_float8(const void *bytes)
{
    uint64_t bits = value_eight_bytes(bytes);
    double value;

    memcpy(&value, &bits, sizeof(value));
    return value;
}

const char *value_binary_double(uint32_t type, const void *bytes, size_t length, double *value)
{
    int64_t integer;
    const char *why;

    if (type == TYPE_FLOAT8 || type == TYPE_FLOAT4) {
        if (length != (type == TYPE_FLOAT8 ? 8 : 4))
            return "not as long as its type";
        *value = type == TYPE_FLOAT8 ? read_float8(bytes) : read_float4(bytes);
        return NULL;
    }
    why = value_binary_int64(type, bytes, length, &integer);
    if (!why)
        *value = (double)integer;
    return why;
}

const char *value_binary_bool(const void *bytes, size_t length, bool *value)
{
    const unsigned char *byte = bytes;

    if (length != 1 || *byte > 1)
        return "not a boolean";
    *value = *byte;
    return NULL;
}
