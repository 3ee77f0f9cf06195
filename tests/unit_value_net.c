/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * unit_value_net: uuids and addresses, from text and from bytes, and what is neither.
 *
 * The counterpart of lib/value_net.c; needs no server. Each case reads from memory of just its
 * size, without a NUL byte behind it, for AddressSanitizer to watch.
 */
#include "harness.h"

#include "value_net.h"

static const unsigned char nothing[16], some[16] = {0x38, 0xa4, 0xff, 0x5a, 0x3a, 0x56, 0x11, 0xe6,
                                                    0xa6, 0xc2, 0xc8, 0xf7, 0x33, 0x23, 0xc6, 0xd4};

/* Of exactly that many bytes; to be freed. */
static char *copy(const char *bytes, size_t length)
{
    char *to = malloc(length ? length : 1);

    memcpy(to, bytes, length);
    return to;
}

static const struct {
    const char *text;
    const unsigned char *uuid; /* NULL: refused */
} uuids[] = {
    {"38a4ff5a-3a56-11e6-a6c2-c8f73323c6d4", some}, /* TY29 */
    {"38A4FF5A-3A56-11E6-A6C2-C8F73323C6D4", some},
    {"00000000-0000-0000-0000-000000000000", nothing},
    {"", NULL},
    {"38a4ff5a3a5611e6a6c2c8f73323c6d4", NULL},
    {"{38a4ff5a-3a56-11e6-a6c2-c8f73323c6}", NULL},
    {"38a4ff5a-3a56-11e6-a6c2-c8f73323c6d", NULL},
    {"38a4ff5a-3a56-11e6-a6c2-c8f73323c6d4f", NULL},
    {"38a4ff5a-3a56-11e6-a6c2-c8f73323c6dg", NULL},
    {"38a4ff5a-3a56-11e6-a6c20c8f73323c6d4", NULL},
    {"38a4ff5a-3a56-11e6-a6c--c8f73323c6d4", NULL},
};

START_TEST(ty29_uuids)
{
    for (size_t i = 0; i < sizeof(uuids) / sizeof(*uuids); i++) {
        size_t length = strlen(uuids[i].text);
        char *text = copy(uuids[i].text, length);
        unsigned char uuid[16] = {77};
        const char *why = value_net_uuid(text, length, uuid);

        ck_assert_pstr_eq(why, uuids[i].uuid ? NULL : "not a uuid");
        if (!why)
            ck_assert_mem_eq(uuid, uuids[i].uuid, 16);
        else
            ck_assert_int_eq(uuid[0], 77);
        free(text);
    }
}
END_TEST

START_TEST(ty29_uuids_in_binary)
{
    for (size_t length = 0; length < 20; length++) {
        char bytes[20] = "", *exact;
        unsigned char uuid[16] = {77};
        const char *why;

        memcpy(bytes, some, 16);
        exact = copy(bytes, length);
        why = value_net_binary_uuid(exact, length, uuid);
        ck_assert_pstr_eq(why, length == 16 ? NULL : "not as long as its type");
        ck_assert_int_eq(uuid[0], length == 16 ? 0x38 : 77);
        free(exact);
    }
}
END_TEST

static void check_address(const struct evpg_inet_address *address, int family, int bits,
                          const char *bytes)
{
    unsigned char expected[16] = {0};

    memcpy(expected, bytes, family == 4 ? 4 : 16);
    ck_assert_int_eq(address->family, family);
    ck_assert_int_eq(address->bits, bits);
    ck_assert_mem_eq(address->address, expected, 16);
}

#define ONE "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\1"

static const struct {
    const char *text;
    int family, bits;
    const char *bytes;
} addresses[] = {
    {"127.0.0.1", 4, 32, "\x7f\0\0\1"}, /* TY45 */
    {"10.0.0.1/30", 4, 30, "\x0a\0\0\1"},
    {"::1", 6, 128, ONE},
    {"127.0.0.0/8", 4, 8, "\x7f\0\0\0"},
    {"0.0.0.0/0", 4, 0, "\0\0\0\0"},
    {"255.255.255.255/32", 4, 32, "\xff\xff\xff\xff"},
    {"::/0", 6, 0, "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"},
    {"::1/128", 6, 128, ONE},
    {"2001:db8::8/32", 6, 32, "\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x08"},
    {"::ffff:1.2.3.4/96", 6, 96, "\0\0\0\0\0\0\0\0\0\0\xff\xff\1\2\3\4"},
    {"ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", 6, 128,
     "\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff"},
};

START_TEST(ty45_addresses)
{
    for (size_t i = 0; i < sizeof(addresses) / sizeof(*addresses); i++) {
        size_t length = strlen(addresses[i].text);
        char *text = copy(addresses[i].text, length);
        struct evpg_inet_address address;

        memset(&address, 0xff, sizeof(address));
        ck_assert_ptr_null(value_net_inet(text, length, &address));
        check_address(&address, addresses[i].family, addresses[i].bits, addresses[i].bytes);
        free(text);
    }
}
END_TEST

START_TEST(no_addresses)
{
    static const char *const texts[] = {
        "",
        "/",
        "/8",
        "1.2.3",
        "1.2.3.4.5",
        "1.2.3.256",
        "1.2.3.4/",
        "1.2.3.4/33",
        "1.2.3.4/-1",
        "1.2.3.4/8x",
        "1.2.3.4/ 8",
        "1.2.3.4/0008",
        "1.2.3.4/8/8",
        "::1/129",
        "::1/999",
        ":::",
        "1::2::3",
        "fe80::1%eth0",
        " 1.2.3.4",
        "1.2.3.4 ",
        "localhost",
        "0x7f.0.0.1",
        "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff:",
        "0000:0000:0000:0000:0000:0000:0000:0000:0000:0000:0000:0000"};
    struct evpg_inet_address address = {.family = 77};

    for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
        size_t length = strlen(texts[i]);
        char *text = copy(texts[i], length);

        ck_assert_msg(value_net_inet(text, length, &address) != NULL, "%s", texts[i]);
        free(text);
    }
    ck_assert_str_eq(value_net_inet("1.2.3.4\0x", 9, &address), "not an address");
    ck_assert_str_eq(value_net_inet("1.2.3.4/33", 10, &address), "not a length of a netmask");
    ck_assert_int_eq(address.family, 77);
}
END_TEST

static const struct {
    const char *bytes;
    size_t length;
    const char *why;
    int family, bits, is_cidr;
} binaries[] = {
    {"\2\x20\0\4\x7f\0\0\1", 8, NULL, 4, 32, 0}, /* TY45 */
    {"\2\x1e\0\4\x0a\0\0\1", 8, NULL, 4, 30, 0},
    {"\3\x80\0\x10" ONE, 20, NULL, 6, 128, 0},
    {"\2\x08\1\4\x7f\0\0\0", 8, NULL, 4, 8, 1},
    {"", 0, "not an address", 0, 0, 0},
    {"\2\x20\0", 3, "not an address", 0, 0, 0},
    {"\1\x20\0\4\x7f\0\0\1", 8, "not an address", 0, 0, 0},
    {"\x0a\x80\0\x10" ONE, 20, "not an address", 0, 0, 0},
    {"\2\x20\0\4", 4, "not as long as its kind of address", 0, 0, 0},
    {"\2\x20\0\4\x7f\0\0", 7, "not as long as its kind of address", 0, 0, 0},
    {"\2\x20\0\4\x7f\0\0\1\0", 9, "not as long as its kind of address", 0, 0, 0},
    {"\2\x20\0\3\x7f\0\0", 7, "not as long as its kind of address", 0, 0, 0},
    {"\2\x20\0\x10" ONE, 20, "not as long as its kind of address", 0, 0, 0},
    {"\3\x20\0\4\x7f\0\0\1", 8, "not as long as its kind of address", 0, 0, 0},
    {"\2\x21\0\4\x7f\0\0\1", 8, "not a length of a netmask", 0, 0, 0},
    {"\3\x81\0\x10" ONE, 20, "not a length of a netmask", 0, 0, 0},
    {"\2\x20\2\4\x7f\0\0\1", 8, "not a length of a netmask", 0, 0, 0},
};

START_TEST(ty45_addresses_in_binary)
{
    for (size_t i = 0; i < sizeof(binaries) / sizeof(*binaries); i++) {
        char *bytes = copy(binaries[i].bytes, binaries[i].length);
        struct evpg_inet_address address = {.family = 77};
        const char *why = value_net_binary_inet(bytes, binaries[i].length, &address);

        ck_assert_pstr_eq(why, binaries[i].why);
        if (why) {
            ck_assert_int_eq(address.family, 77);
        } else {
            check_address(&address, binaries[i].family, binaries[i].bits, bytes + 4);
            ck_assert_int_eq(address.is_cidr, binaries[i].is_cidr);
        }
        free(bytes);
    }
}
END_TEST

/* Any bytes will do. */
START_TEST(noise)
{
    static const char alphabet[] = "0123456789abcf.:/-%\0 \2\3\4\x10\x20";

    srand(20261125);
    for (int round = 0; round < 100000; round++) {
        size_t length = (size_t)rand() % 40;
        char *bytes = malloc(length ? length : 1);
        unsigned char uuid[16];
        struct evpg_inet_address address;

        for (size_t i = 0; i < length; i++)
            bytes[i] = alphabet[(size_t)rand() % (sizeof(alphabet) - 1)];
        value_net_uuid(bytes, length, uuid);
        if (!value_net_inet(bytes, length, &address))
            ck_assert_int_le(address.bits, address.family == 4 ? 32 : 128);
        if (!value_net_binary_inet(bytes, length, &address))
            ck_assert_int_le(address.bits, address.family == 4 ? 32 : 128);
        free(bytes);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("unit_value_net");
    TCase *tcase = tcase_create("value_net");

    tcase_set_timeout(tcase, 60);
    tcase_add_test(tcase, ty29_uuids);
    tcase_add_test(tcase, ty29_uuids_in_binary);
    tcase_add_test(tcase, ty45_addresses);
    tcase_add_test(tcase, no_addresses);
    tcase_add_test(tcase, ty45_addresses_in_binary);
    tcase_add_test(tcase, noise);
    suite_add_tcase(suite, tcase);
    return run_suite(suite, false);
}
