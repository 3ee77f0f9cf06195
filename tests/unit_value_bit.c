/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * unit_value_bit: bits from their bytes, and what is no text of bits.
 *
 * The counterpart of lib/value_bit.c; needs no server. Each case reads from, and writes to, memory
 * of just its size, for AddressSanitizer to watch.
 */
#include "harness.h"

#include "value_bit.h"

/* Text NULL: refused, for that reason. */
static const struct {
    const char *bytes;
    size_t length;
    const char *text, *why;
} binaries[] = {
    {"\0\0\0\0", 4, "", NULL}, /* TY46 */
    {"\0\0\0\x09\x00\x80", 6, "000000001", NULL},
    {"\0\0\0\x01\x80", 5, "1", NULL},
    {"\0\0\0\x04\x50", 5, "0101", NULL},
    {"\0\0\0\x04\x5f", 5, "0101", NULL}, /* what fills the byte up means nothing */
    {"\0\0\0\x08\xff", 5, "11111111", NULL},
    {"\0\0\0\x10\xa5\x5a", 6, "1010010101011010", NULL},
    {"", 0, NULL, "too short for bits"},
    {"\0\0\0", 3, NULL, "too short for bits"},
    {"\0\0\0\x01", 4, NULL, "not as many bits as it says"},
    {"\0\0\0\0\0", 5, NULL, "not as many bits as it says"},
    {"\0\0\0\x08\xff\x00", 6, NULL, "not as many bits as it says"},
    {"\0\0\0\x09\xff", 5, NULL, "not as many bits as it says"},
    {"\xff\xff\xff\xff\xff", 5, NULL, "not as many bits as it says"},
    {"\xff\xff\xff\xff", 4, NULL, "not as many bits as it says"},
    {"\x80\0\0\x01\x80", 5, NULL, "not as many bits as it says"},
};

START_TEST(ty46_from_binary)
{
    for (size_t i = 0; i < sizeof(binaries) / sizeof(*binaries); i++) {
        char *bytes = malloc(binaries[i].length ? binaries[i].length : 1);
        size_t bits = 77;
        const char *why;

        memcpy(bytes, binaries[i].bytes, binaries[i].length);
        why = value_bit_count(bytes, binaries[i].length, &bits);
        ck_assert_pstr_eq(why, binaries[i].why);
        ck_assert_uint_eq(bits, why ? 77 : strlen(binaries[i].text));
        if (!why) {
            char *text = malloc(bits + 1);

            value_bit_write(bytes, bits, text);
            ck_assert_str_eq(text, binaries[i].text);
            free(text);
        }
        free(bytes);
    }
}
END_TEST

START_TEST(texts)
{
    ck_assert_ptr_null(value_bit_check("", 0));
    ck_assert_ptr_null(value_bit_check("0110", 4));
    ck_assert_ptr_null(value_bit_check("01x", 2));
    ck_assert_str_eq(value_bit_check("012", 3), "not of zeros and ones");
    ck_assert_ptr_nonnull(value_bit_check("x1f", 3));
    ck_assert_ptr_nonnull(value_bit_check("b01", 3));
    ck_assert_ptr_nonnull(value_bit_check("01 ", 3));
    ck_assert_ptr_nonnull(value_bit_check("01", 3));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("unit_value_bit");
    TCase *tcase = tcase_create("value_bit");

    tcase_add_test(tcase, ty46_from_binary);
    tcase_add_test(tcase, texts);
    suite_add_tcase(suite, tcase);
    return run_suite(suite, false);
}
