/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * scalar: what lib/value.c, value_binary.c and value_bit.c read: numbers, truth values, bytea,
 * bits.
 *
 * An input is a letter, and text, or for a letter of the binary ones binary format. What is read is
 * written in the other format, or in another way, and read again.
 */
#include "fuzz.h"

#include "value.h"
#include "value_binary.h"
#include "value_bit.h"

#include <inttypes.h>
#include <string.h>

const char fuzz_name[] = "scalar";

static void check_int64(const char *text)
{
    int64_t value = 7, again;
    unsigned char bytes[8];

    if (!fuzz_good(value_read_int64(text, &value))) {
        fuzz_require(value == 7);
        return;
    }
    fuzz_require(!value_read_int64(fuzz_print("%" PRId64, value), &again) && again == value);
    fuzz_put(bytes, (uint64_t)value, 8);
    fuzz_require(!value_binary_int64(TYPE_INT8, bytes, 8, &again) && again == value);
}

static void check_uint64(const char *text, uint64_t most)
{
    uint64_t value, again;
    unsigned char bytes[8];

    if (!fuzz_good(value_read_uint64(text, most, &value)))
        return;
    fuzz_require(value <= most);
    fuzz_require(!value_read_uint64(fuzz_print("%" PRIu64, value), most, &again) && again == value);
    fuzz_put(bytes, value, 8);
    fuzz_require(!value_binary_uint64(TYPE_XID8, bytes, 8, &again) && again == value);
}

static void check_lsn(const char *text)
{
    uint64_t value, again;

    if (!fuzz_good(value_read_lsn(text, &value)))
        return;
    text = fuzz_print("%" PRIX64 "/%" PRIX64, value >> 32, value & UINT32_MAX);
    fuzz_require(!value_read_lsn(text, &again) && again == value);
}

/* The same bits, or both no number. */
static void check_double(const char *text)
{
    double value, again;
    uint64_t bits;
    unsigned char bytes[8];

    if (!fuzz_good(value_read_double(text, &value)))
        return;
    memcpy(&bits, &value, 8);
    fuzz_put(bytes, bits, 8);
    fuzz_require(!value_binary_double(TYPE_FLOAT8, bytes, 8, &again));
    fuzz_require(memcmp(&again, &value, 8) == 0);
    if (strpbrk(text, "NI"))
        return;
    fuzz_require(!value_read_double(fuzz_print("%.17g", value), &again));
    fuzz_require(memcmp(&again, &value, 8) == 0);
}

static void check_float(const char *text)
{
    float value, again;
    double wide;
    uint32_t bits;
    unsigned char bytes[4];

    if (!fuzz_good(value_read_float(text, &value)) || strpbrk(text, "NI"))
        return;
    memcpy(&bits, &value, 4);
    fuzz_put(bytes, bits, 4);
    fuzz_require(!value_binary_double(TYPE_FLOAT4, bytes, 4, &wide) && wide == (double)value);
    fuzz_require(!value_read_float(fuzz_print("%.9g", (double)value), &again));
    fuzz_require(memcmp(&again, &value, 4) == 0);
}

static void check_bool(const char *text)
{
    bool value, again;

    if (!fuzz_good(value_read_bool(text, &value)))
        return;
    fuzz_require(!value_binary_bool(&(unsigned char){value}, 1, &again) && again == value);
}

/* Written in hexadecimal digits, and escaped byte by byte. */
static void check_bytea(const char *text, size_t size)
{
    size_t length, again;
    unsigned char *bytes = fuzz_room(size + 1);
    char *hex, *octal;

    if (!fuzz_good(value_read_bytea(text, size, bytes, &length)))
        return;
    fuzz_require(length <= size);
    hex = fuzz_room(2 * length + 3);
    octal = fuzz_room(4 * length + 1);
    strcpy(hex, "\\x");
    for (size_t i = 0; i < length; i++) {
        strcpy(hex + 2 + 2 * i, fuzz_print("%02x", bytes[i]));
        strcpy(octal + 4 * i, fuzz_print("\\%03o", bytes[i]));
    }
    bytes = fuzz_copy(bytes, length);
    text = fuzz_room(4 * length + 3);
    fuzz_require(!value_read_bytea(hex, 2 * length + 2, (unsigned char *)text, &again));
    fuzz_require(again == length && memcmp(text, bytes, length) == 0);
    fuzz_require(!value_read_bytea(octal, 4 * length, (unsigned char *)text, &again));
    fuzz_require(again == length && memcmp(text, bytes, length) == 0);
}

static unsigned char *write_bits(const char *text, size_t count)
{
    unsigned char *bytes = fuzz_room(4 + (count + 7) / 8);

    memset(bytes, 0, 4 + (count + 7) / 8);
    fuzz_put(bytes, count, 4);
    for (size_t i = 0; i < count; i++)
        bytes[4 + i / 8] |= (unsigned char)((text[i] == '1') << (7 - i % 8));
    return bytes;
}

static void check_bits(const char *text, size_t size)
{
    size_t count;
    char *again = fuzz_room(size + 1);
    unsigned char *bytes;

    if (!fuzz_good(value_bit_check(text, size)))
        return;
    bytes = write_bits(text, size);
    fuzz_require(!value_bit_count(bytes, 4 + (size + 7) / 8, &count) && count == size);
    value_bit_write(bytes, count, again);
    fuzz_require(strcmp(again, text) == 0);
}

static void check_binary_bits(const unsigned char *bytes, size_t size)
{
    size_t count;
    char *text;

    if (!fuzz_good(value_bit_count(bytes, size, &count)))
        return;
    fuzz_require(count <= 8 * size);
    text = fuzz_room(count + 1);
    value_bit_write(bytes, count, text);
    fuzz_require(strlen(text) == count);
    check_bits(text, count);
}

/* Of a type that is chosen by the length. */
static void check_binary(const unsigned char *bytes, size_t size)
{
    static const uint32_t types[] = {TYPE_BOOL,   TYPE_INT2,   TYPE_INT4, TYPE_INT8,  TYPE_OID,
                                     TYPE_FLOAT4, TYPE_FLOAT8, TYPE_XID8, TYPE_PG_LSN};
    int64_t number, again;
    uint64_t bits;
    double wide;
    bool truth;

    for (size_t i = 0; i < sizeof(types) / sizeof(*types); i++) {
        bool good = fuzz_good(value_binary_uint64(types[i], bytes, size, &bits));

        fuzz_require(good == fuzz_good(value_binary_int64(types[i], bytes, size, &number)));
        fuzz_require(good == fuzz_good(value_binary_double(types[i], bytes, size, &wide)));
        if (good)
            fuzz_require(!value_read_int64(fuzz_print("%" PRId64, number), &again) &&
                         again == number);
    }
    if (fuzz_good(value_binary_bool(bytes, size, &truth)))
        fuzz_require(size == 1);
}

void fuzz_one(const unsigned char *bytes, size_t size)
{
    const char *text = size > 0 ? fuzz_text(bytes + 1, size - 1) : "";

    switch (size > 0 ? *bytes : 0) {
    case 'i':
        check_int64(text);
        break;
    case 'u':
        check_uint64(text, UINT64_MAX);
        check_uint64(text, UINT32_MAX);
        break;
    case 'l':
        check_lsn(text);
        break;
    case 'd':
        check_double(text);
        check_float(text);
        break;
    case 't':
        check_bool(text);
        break;
    case 'y':
        check_bytea(text, size - 1);
        break;
    case 'b':
        check_bits(text, size - 1);
        break;
    case 'B':
        check_binary_bits(fuzz_copy(bytes + 1, size - 1), size - 1);
        break;
    default:
        check_binary(fuzz_copy(bytes + (size > 0), size - (size > 0)), size - (size > 0));
    }
}
