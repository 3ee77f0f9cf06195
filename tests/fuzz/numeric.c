/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * numeric: what lib/value_numeric.c reads and writes.
 *
 * An input is t and text, or b and binary format. What is read of the one is written as the other
 * and read again; and as an integer it is what it is by schoolbook arithmetic.
 */
#include "fuzz.h"

#include "value_numeric.h"

#include <stdlib.h>
#include <string.h>

const char fuzz_name[] = "numeric";

static char *write_text(const struct numeric *number)
{
    size_t size = value_numeric_size(number);
    char *text = fuzz_room(size);

    fuzz_require(size <= 131072 + 16383 + 3);
    value_numeric_write(number, text);
    fuzz_require(strlen(text) < size);
    fuzz_require(value_numeric_check_written(text, strlen(text)) == NULL);
    fuzz_require(value_numeric_check_given(text, strlen(text)) == NULL);
    return text;
}

/* As many zeros before as make whole groups, no zeros that are needless, and no sign of 0. */
static char *tidy(const char *text, int *sign)
{
    char *digits = fuzz_room(strlen(text) + 3), *to = digits;

    *sign = *text == '-' ? 0x4000 : 0;
    text += *text == '-';
    while (*text == '0')
        text++;
    if (!*text || *text == '.')
        *to++ = '0';
    strcpy(to, text);
    if (digits[strlen(digits) - 1] == '.')
        digits[strlen(digits) - 1] = '\0';
    if (strspn(digits, "0.") == strlen(digits))
        *sign = 0;
    return digits;
}

/* Four digits from there, 0 where there are none. */
static unsigned read_group(const char *digits, long at, long end)
{
    unsigned group = 0;

    for (long i = at; i < at + 4; i++)
        group = group * 10 + (i >= 0 && i < end ? (unsigned)(digits[i] - '0') : 0);
    return group;
}

/* Binary format by another way than the library's. */
static unsigned char *encode(const char *digits, int sign, size_t *size)
{
    const char *point = strchr(digits, '.');
    long before = (long)strcspn(digits, "."), after = point ? (long)strlen(point + 1) : 0;
    long groups = (before + 3) / 4 + (after + 3) / 4;
    unsigned char *bytes = fuzz_room(*size = 8 + 2 * (size_t)groups), *to = bytes + 8;

    fuzz_put(bytes, (uint64_t)groups, 2);
    fuzz_put(bytes + 2, (uint64_t)((before + 3) / 4 - 1), 2);
    fuzz_put(bytes + 4, (uint64_t)sign, 2);
    fuzz_put(bytes + 6, (uint64_t)after, 2);
    for (long at = -((4 - before % 4) % 4); at < before; at += 4, to += 2)
        fuzz_put(to, read_group(digits, at, before), 2);
    for (long at = 0; at < after; at += 4, to += 2)
        fuzz_put(to, read_group(point + 1, at, after), 2);
    return bytes;
}

static void check_round_trip(const char *text)
{
    struct numeric number;
    int sign;
    char *digits = tidy(text, &sign), *again;
    size_t size;
    unsigned char *bytes = encode(digits, sign, &size);

    fuzz_require(value_numeric_read(bytes, size, &number) == NULL);
    again = write_text(&number);
    fuzz_require((*again == '-') == (sign != 0));
    fuzz_require(strcmp(again + (sign != 0), digits) == 0);
}

/* One digit more at the end. False: too large. */
static bool append(int64_t *sum, int digit)
{
    return !__builtin_mul_overflow(*sum, 10, sum) && !__builtin_add_overflow(*sum, digit, sum);
}

static void check_scaled(const char *text, int scale)
{
    bool negative = *text == '-', fits = true;
    long left = (long)strcspn(text + negative, ".") + scale;
    int64_t value = 7, sum = 0;
    const char *why = value_numeric_scaled(text, scale, &value);

    for (const char *at = text + negative; *at; at++) {
        if (*at != '.' && left-- > 0)
            fits = fits && append(&sum, negative ? '0' - *at : *at - '0');
        else if (*at != '.' && *at != '0')
            fits = false;
    }
    for (; left > 0; left--)
        fits = fits && append(&sum, 0);
    fuzz_require(fits ? !why && value == sum : why && value == 7);
}

static void check_text(const char *text)
{
    bool special = strchr(text, 'N') || strchr(text, 'I');
    int64_t value;

    for (int scale = -3; scale < 9 && strlen(text) < 100 && !special; scale++)
        check_scaled(text, scale);
    if (special)
        fuzz_require(!fuzz_good(value_numeric_scaled(text, 2, &value)));
    else
        check_round_trip(text);
}

void fuzz_one(const unsigned char *bytes, size_t size)
{
    struct numeric number;
    char *text;
    int64_t value;

    if (size == 0)
        return;
    if (*bytes == 'b') {
        if (fuzz_good(value_numeric_read(fuzz_copy(bytes + 1, size - 1), size - 1, &number)))
            check_text(write_text(&number));
        return;
    }
    text = fuzz_text(bytes + 1, size - 1);
    fuzz_good(value_numeric_check_given(text, size - 1));
    fuzz_good(value_numeric_scaled(text, *bytes, &value));
    if (fuzz_good(value_numeric_check_written(text, size - 1))) {
        fuzz_require(value_numeric_check_given(text, size - 1) == NULL);
        check_text(text);
    }
}
