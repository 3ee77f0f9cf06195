/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * kinds_scalar: numbers, truth, uuids and addresses, by chance.
 *
 * Called by db_roundtrip, as kinds.h has it. A getter has the same only when all getters that are
 * promised for its type have.
 */
#include "kinds.h"

#include "chance.h"

#include <arpa/inet.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void set_integer(struct value *value, int64_t integer)
{
    value->integer = integer;
    value->literal = format("%lld", (long long)integer);
}

static void make_int2(struct value *value, const struct kind *kind)
{
    (void)kind;
    set_integer(value, chance_between(INT16_MIN, INT16_MAX));
    value->param = evpg_int16((int16_t)value->integer);
}

static void make_int4(struct value *value, const struct kind *kind)
{
    (void)kind;
    set_integer(value, chance_between(INT32_MIN, INT32_MAX));
    value->param = evpg_int32((int32_t)value->integer);
}

static void make_int8(struct value *value, const struct kind *kind)
{
    (void)kind;
    set_integer(value, chance_between(INT64_MIN, INT64_MAX));
    value->param = evpg_int64(value->integer);
}

/* By each getter of integers, or refused by it because it does not fit. */
static bool same_integer(const struct evpg_row *row, int column, const struct value *value,
                         const struct kind *kind)
{
    int16_t small;
    int32_t middle;
    int64_t large;
    bool is_small = value->integer >= INT16_MIN && value->integer <= INT16_MAX;
    bool is_middle = value->integer >= INT32_MIN && value->integer <= INT32_MAX;

    (void)kind;
    if (evpg_row_int64(row, column, &large) < 0 || large != value->integer)
        return false;
    if (evpg_row_int32(row, column, &middle) < 0 ? is_middle : middle != value->integer)
        return false;
    return evpg_row_int16(row, column, &small) < 0 ? !is_small : small == value->integer;
}

static void make_oid(struct value *value, const struct kind *kind)
{
    (void)kind;
    set_integer(value, chance_between(0, UINT32_MAX));
    value->param = evpg_oid((uint32_t)value->integer);
}

static void make_xid(struct value *value, const struct kind *kind)
{
    set_integer(value, chance_between(0, UINT32_MAX));
    value->param = evpg_typed(kind->oid, value->literal);
}

static bool same_unsigned(const struct evpg_row *row, int column, const struct value *value,
                          const struct kind *kind)
{
    uint32_t narrow;
    uint64_t wide;

    if (evpg_row_uint64(row, column, &wide) < 0 || wide != (uint64_t)value->integer)
        return false;
    if (evpg_row_uint32(row, column, &narrow) < 0 || narrow != wide)
        return false;
    return kind != &kind_oid || same_integer(row, column, value, kind);
}

static void make_xid8(struct value *value, const struct kind *kind)
{
    value->integer = chance_between(INT64_MIN, INT64_MAX);
    value->literal = format("%llu", (unsigned long long)value->integer);
    value->param = evpg_typed(kind->oid, value->literal);
}

static void make_lsn(struct value *value, const struct kind *kind)
{
    value->integer = chance_between(INT64_MIN, INT64_MAX);
    value->literal = format("%X/%X", (unsigned)((uint64_t)value->integer >> 32),
                            (unsigned)(uint32_t)value->integer);
    value->param = evpg_typed(kind->oid, value->literal);
}

static bool same_unsigned64(const struct evpg_row *row, int column, const struct value *value,
                            const struct kind *kind)
{
    uint64_t wide;

    (void)kind;
    return evpg_row_uint64(row, column, &wide) == 0 && wide == (uint64_t)value->integer;
}

static const double numbers[] = {0.0,
                                 -0.0,
                                 0.1,
                                 1.0 / 3,
                                 NAN,
                                 INFINITY,
                                 -INFINITY,
                                 5e-324,
                                 -2.2250738585072014e-308,
                                 1.7976931348623157e308,
                                 9007199254740992.0,
                                 1e15,
                                 1e16,
                                 123456789012345680.0};
enum { N_NUMBERS = sizeof(numbers) / sizeof(*numbers) };

static void make_float8(struct value *value, const struct kind *kind)
{
    uint64_t bits = chance_bits();

    (void)kind;
    memcpy(&value->number, &bits, sizeof(bits));
    if (chance(4) == 0)
        value->number = numbers[chance(N_NUMBERS)];
    else if (chance(2))
        value->number = (double)chance_between(-1000000000, 1000000000) / 1000;
    value->literal = isnan(value->number) ? strdup("NaN") : format("%.17g", value->number);
    value->param = evpg_double(value->number);
}

static bool same_number(double one, double other)
{
    return isnan(one) ? isnan(other) : one == other && signbit(one) == signbit(other);
}

static bool same_float8(const struct evpg_row *row, int column, const struct value *value,
                        const struct kind *kind)
{
    double number;

    (void)kind;
    return evpg_row_double(row, column, &number) == 0 && same_number(number, value->number);
}

static const float floats[] = {
    0.0F,         -0.0F,           0.1F,        NAN,   INFINITY, -INFINITY, 1.4e-45F,
    1.17549e-38F, 3.40282347e+38F, 16777217.0F, 1e15F, -1234.5F};
enum { N_FLOATS = sizeof(floats) / sizeof(*floats) };

static void make_float4(struct value *value, const struct kind *kind)
{
    uint32_t bits = (uint32_t)chance_bits();
    float number;

    (void)kind;
    memcpy(&number, &bits, sizeof(bits));
    if (chance(4) == 0)
        number = floats[chance(N_FLOATS)];
    else if (chance(2))
        number = (float)chance_between(-1000000, 1000000) / 100;
    value->number = (double)number;
    value->literal = isnan(number) ? strdup("NaN") : format("%.9g", value->number);
    value->param = evpg_float(number);
}

static bool same_float4(const struct evpg_row *row, int column, const struct value *value,
                        const struct kind *kind)
{
    float number;
    double wide;

    (void)kind;
    if (evpg_row_float(row, column, &number) < 0 || !same_number((double)number, value->number))
        return false;
    return evpg_row_double(row, column, &wide) == 0 &&
           same_number((double)(float)wide, value->number);
}

static void make_bool(struct value *value, const struct kind *kind)
{
    (void)kind;
    value->integer = chance(2);
    value->literal = strdup(value->integer ? "true" : "false");
    value->param = evpg_bool(value->integer);
}

static bool same_bool(const struct evpg_row *row, int column, const struct value *value,
                      const struct kind *kind)
{
    bool truth;

    (void)kind;
    return evpg_row_bool(row, column, &truth) == 0 && truth == (bool)value->integer;
}

static void make_uuid(struct value *value, const struct kind *kind)
{
    char text[40], *at = text;
    bool plain = chance(20) == 0;
    unsigned char byte = chance(2) ? 0xff : 0;

    (void)kind;
    value->bytes = malloc(16);
    for (int i = 0; i < 16; i++) {
        value->bytes[i] = plain ? byte : (unsigned char)chance_bits();
        at += sprintf(at, "%s%02x", i == 4 || i == 6 || i == 8 || i == 10 ? "-" : "",
                      value->bytes[i]);
    }
    value->literal = strdup(text);
    value->param = evpg_uuid(value->bytes);
}

static bool same_uuid(const struct evpg_row *row, int column, const struct value *value,
                      const struct kind *kind)
{
    unsigned char bytes[16];

    (void)kind;
    return evpg_row_uuid(row, column, bytes) == 0 && memcmp(bytes, value->bytes, 16) == 0;
}

static void make_address(struct value *value, const struct kind *kind)
{
    struct evpg_inet_address *address = &value->address;
    bool network = kind == &kind_cidr;
    char text[64];

    address->is_cidr = network;
    address->family = chance(2) ? 4 : 6;
    address->bits = (uint8_t)chance(address->family == 4 ? 33 : 129);
    for (int i = 0; i < (address->family == 4 ? 4 : 16); i++)
        address->address[i] = (unsigned char)(chance(2) ? chance_bits() : 0);
    for (int i = address->bits; network && i < 128; i++)
        address->address[i / 8] &= (unsigned char)~(0x80 >> i % 8);
    inet_ntop(address->family == 4 ? AF_INET : AF_INET6, address->address, text, sizeof(text));
    value->literal = format("%s/%d", text, address->bits);
    value->param = network ? evpg_cidr(value->literal) : evpg_inet(value->literal);
}

static bool same_address(const struct evpg_row *row, int column, const struct value *value,
                         const struct kind *kind)
{
    struct evpg_inet_address address;

    (void)kind;
    return evpg_row_inet(row, column, &address) == 0 && address.family == value->address.family &&
           address.bits == value->address.bits && address.is_cidr == value->address.is_cidr &&
           memcmp(address.address, value->address.address, sizeof(address.address)) == 0;
}

const struct kind kind_int2 = {"int2", 21, make_int2, same_integer, NULL};
const struct kind kind_int4 = {"int4", 23, make_int4, same_integer, NULL};
const struct kind kind_int8 = {"int8", 20, make_int8, same_integer, NULL};
const struct kind kind_oid = {"oid", 26, make_oid, same_unsigned, NULL};
const struct kind kind_xid = {"xid", 28, make_xid, same_unsigned, NULL};
const struct kind kind_xid8 = {"xid8", 5069, make_xid8, same_unsigned64, NULL};
const struct kind kind_lsn = {"pg_lsn", 3220, make_lsn, same_unsigned64, NULL};
const struct kind kind_float4 = {"float4", 700, make_float4, same_float4, NULL};
const struct kind kind_float8 = {"float8", 701, make_float8, same_float8, NULL};
const struct kind kind_bool = {"bool", 16, make_bool, same_bool, NULL};
const struct kind kind_uuid = {"uuid", 2950, make_uuid, same_uuid, NULL};
const struct kind kind_inet = {"inet", 869, make_address, same_address, NULL};
const struct kind kind_cidr = {"cidr", 650, make_address, same_address, NULL};
