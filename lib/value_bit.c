/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * value_bit: the server's bit and varbit, in text and binary format.
 *
 * Called by row_scalar.c and params.c; pure. Invariants: any bytes give a value or a reason; the
 * text is eight times as long as what came, at most. Binary format (PostgreSQL sources,
 * varbit_send) is the number of bits in four bytes, then the bits, the first being the highest of
 * its byte; those that fill up the last byte mean nothing.
 */
#include "value_bit.h"

#include <stdint.h>

enum { HEADER_SIZE = 4 };

const char *value_bit_check(const char *text, size_t length)
{
    for (size_t i = 0; i < length; i++)
        if (text[i] != '0' && text[i] != '1')
            return "not of zeros and ones";
    return NULL;
}

const char *value_bit_count(const void *bytes, size_t length, size_t *bits)
{
    const unsigned char *at = bytes;
    uint64_t count;

    if (length < HEADER_SIZE)
        return "too short for bits";
    count = (uint64_t)at[0] << 24 | (uint64_t)at[1] << 16 | (uint64_t)at[2] << 8 | at[3];
    if (length - HEADER_SIZE != (count + 7) / 8)
        return "not as many bits as it says";
    *bits = (size_t)count;
    return NULL;
}

void value_bit_write(const void *bytes, size_t bits, char *to)
{
    const unsigned char *at = bytes;

    for (size_t i = 0; i < bits; i++)
        to[i] = at[HEADER_SIZE + i / 8] >> (7 - i % 8) & 1 ? '1' : '0';
    to[bits] = '\0';
}
