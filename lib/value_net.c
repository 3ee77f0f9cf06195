/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * value_net: reads the server's uuid, inet and cidr, in text and binary format.
 *
 * Called by row_scalar.c; pure. Invariants: any bytes give a value or a reason. Text is taken as
 * the server writes it; other forms that it would read itself, such as 10/8, are refused. Binary
 * format of an address (PostgreSQL sources, network_send): family, bits of the netmask, whether it
 * is a cidr, and length, of one byte each, then the address. The families are the server's,
 * whatever those of this machine are.
 */
#include "value_net.h"

#include <arpa/inet.h>
#include <stdbool.h>
#include <string.h>

enum { FAMILY_IPV4 = 2, FAMILY_IPV6 = 3 };

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

static bool has_dash(size_t i)
{
    return i == 8 || i == 13 || i == 18 || i == 23;
}

const char *value_net_uuid(const char *text, size_t length, unsigned char uuid[16])
{
    unsigned char bytes[16] = {0};
    size_t digits = 0;

    if (length != 36)
        return "not a uuid";
    for (size_t i = 0; i < length; i++) {
        int digit = hex_digit(text[i]);

        if (has_dash(i) ? text[i] != '-' : digit < 0)
            return "not a uuid";
        if (has_dash(i))
            continue;
        bytes[digits / 2] = (unsigned char)(bytes[digits / 2] << 4 | digit);
        digits++;
    }
    memcpy(uuid, bytes, sizeof(bytes));
    return NULL;
}

const char *value_net_binary_uuid(const void *bytes, size_t length, unsigned char uuid[16])
{
    if (length != 16)
        return "not as long as its type";
    memcpy(uuid, bytes, 16);
    return NULL;
}

/* One to three digits, and not above the limit. */
static bool read_bits(const char *at, const char *end, int limit, uint8_t *bits)
{
    int sum = 0;

    if (at == end || end - at > 3)
        return false;
    for (; at < end; at++) {
        if (*at < '0' || *at > '9')
            return false;
        sum = sum * 10 + (*at - '0');
    }
    *bits = (uint8_t)sum;
    return sum <= limit;
}

/* inet_pton wants a NUL byte at the end; one before it would hide the rest. */
static bool read_address(const char *text, size_t length, struct evpg_inet_address *address)
{
    char copy[INET6_ADDRSTRLEN];

    if (length >= sizeof(copy) || memchr(text, '\0', length))
        return false;
    memcpy(copy, text, length);
    copy[length] = '\0';
    address->family = memchr(text, ':', length) ? 6 : 4;
    return inet_pton(address->family == 6 ? AF_INET6 : AF_INET, copy, address->address) == 1;
}

const char *value_net_inet(const char *text, size_t length, struct evpg_inet_address *address)
{
    struct evpg_inet_address read = {0};
    const char *slash = memchr(text, '/', length);
    int limit;

    if (!read_address(text, slash ? (size_t)(slash - text) : length, &read))
        return "not an address";
    limit = read.family == 6 ? 128 : 32;
    read.bits = (uint8_t)limit;
    if (slash && !read_bits(slash + 1, text + length, limit, &read.bits))
        return "not a length of a netmask";
    *address = read;
    return NULL;
}

const char *value_net_binary_inet(const void *bytes, size_t length,
                                  struct evpg_inet_address *address)
{
    const unsigned char *at = bytes;
    struct evpg_inet_address read = {0};
    size_t size;

    if (length < 4 || (at[0] != FAMILY_IPV4 && at[0] != FAMILY_IPV6))
        return "not an address";
    size = at[0] == FAMILY_IPV4 ? 4 : 16;
    if (at[3] != size || length != 4 + size)
        return "not as long as its kind of address";
    if (at[1] > 8 * size || at[2] > 1)
        return "not a length of a netmask";
    read.family = at[0] == FAMILY_IPV4 ? 4 : 6;
    read.bits = at[1];
    read.is_cidr = at[2];
    memcpy(read.address, at + 4, size);
    *address = read;
    return NULL;
}
