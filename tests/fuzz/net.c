/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * net: what lib/value_net.c reads: uuid, inet and cidr.
 *
 * An input is u or i and text, or U or I and binary format. What is read is written in both formats
 * and read again.
 */
#include "fuzz.h"

#include "value_net.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

const char fuzz_name[] = "net";

static void check_uuid(const unsigned char uuid[16])
{
    unsigned char again[16];
    char text[40];
    size_t used = 0;

    for (int i = 0; i < 16; i++)
        used += (size_t)sprintf(text + used, "%s%02x",
                                i == 4 || i == 6 || i == 8 || i == 10 ? "-" : "", uuid[i]);
    fuzz_require(!value_net_uuid(fuzz_copy(text, 36), 36, again) && !memcmp(uuid, again, 16));
    fuzz_require(!value_net_binary_uuid(uuid, 16, again) && !memcmp(uuid, again, 16));
}

static void check_same(const struct evpg_inet_address *one, const struct evpg_inet_address *other)
{
    fuzz_require(one->family == other->family && one->bits == other->bits);
    fuzz_require(memcmp(one->address, other->address, 16) == 0);
}

static void check_address(const struct evpg_inet_address *address)
{
    size_t size = address->family == 4 ? 4 : 16;
    unsigned char bytes[20] = {address->family == 4 ? 2 : 3, address->bits, address->is_cidr,
                               (unsigned char)size};
    struct evpg_inet_address again;
    char text[INET6_ADDRSTRLEN];
    const char *whole;

    fuzz_require(address->family == 4 || address->family == 6);
    fuzz_require(address->bits <= 8 * size);
    for (size_t i = size; i < 16; i++)
        fuzz_require(address->address[i] == 0);
    memcpy(bytes + 4, address->address, size);
    fuzz_require(!value_net_binary_inet(fuzz_copy(bytes, 4 + size), 4 + size, &again));
    check_same(&again, address);
    fuzz_require(again.is_cidr == address->is_cidr);
    inet_ntop(address->family == 4 ? AF_INET : AF_INET6, address->address, text, sizeof(text));
    whole = fuzz_print("%s/%d", text, address->bits);
    fuzz_require(!value_net_inet(fuzz_copy(whole, strlen(whole)), strlen(whole), &again));
    check_same(&again, address);
}

void fuzz_one(const unsigned char *bytes, size_t size)
{
    struct evpg_inet_address address;
    unsigned char uuid[16], kind = size > 0 ? *bytes : 0;
    size_t length = size > 0 ? size - 1 : 0;
    void *value = fuzz_copy(bytes + (size > 0), length);

    if (kind == 'u' || kind == 'U') {
        if (fuzz_good(kind == 'u' ? value_net_uuid(value, length, uuid)
                                  : value_net_binary_uuid(value, length, uuid)))
            check_uuid(uuid);
    } else if (fuzz_good(kind == 'i' ? value_net_inet(value, length, &address)
                                     : value_net_binary_inet(value, length, &address))) {
        check_address(&address);
    }
}
