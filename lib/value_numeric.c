/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * value_numeric: the server's numeric, from binary format to text, and from text to an integer.
 *
 * Called by row_scalar.c and params.c; pure. Invariants: any bytes give a value or a reason; no
 * digit is lost, and none goes through floating point; what a text will take is known before it is
 * written: at most 131072 digits before the point and 16383 after it, however few bytes came.
 *
 * Binary format (PostgreSQL sources, numeric_send): the number of groups, the weight of the first,
 * the sign and the scale, of two bytes each, then the groups. Zeros at either end are left out, but
 * need not be. An infinity has a scale that says nothing.
 */
#include "value_numeric.h"

#include <string.h>

enum { HEADER_SIZE = 8, MAX_SCALE = 0x3fff };
enum {
    PLUS = 0,
    MINUS = 0x4000,
    NOT_A_NUMBER = 0xc000,
    INFINITE = 0xd000,
    MINUS_INFINITE = 0xf000
};

static int read_word(const unsigned char *at)
{
    return at[0] << 8 | at[1];
}

static const char *read_sign(int sign, struct numeric *number)
{
    number->special = NULL;
    number->negative = sign == MINUS;
    switch (sign) {
    case PLUS:
    case MINUS:
        return NULL;
    case NOT_A_NUMBER:
        number->special = "NaN";
        return NULL;
    case INFINITE:
        number->special = "Infinity";
        return NULL;
    case MINUS_INFINITE:
        number->special = "-Infinity";
        return NULL;
    default:
        return "a numeric with an unknown sign";
    }
}

static int group(const struct numeric *number, int index)
{
    return read_word(number->groups + 2 * (size_t)index);
}

/* Leaves out zeros at either end, after which zero has no groups, and no sign. */
static void strip(struct numeric *number)
{
    while (number->count > 0 && group(number, 0) == 0) {
        number->groups += 2;
        number->count--;
        number->weight--;
    }
    while (number->count > 0 && group(number, number->count - 1) == 0)
        number->count--;
    if (number->count > 0)
        return;
    number->weight = 0;
    number->negative = false;
}

/* How many digits after the point there are, the last not being 0; below 1: none. */
static int last_digit(const struct numeric *number)
{
    int last = 4 * (number->count - 1 - number->weight);

    if (number->count == 0)
        return 0;
    for (int rest = group(number, number->count - 1); rest % 10 == 0; rest /= 10)
        last--;
    return last;
}

static const char *check_groups(struct numeric *number)
{
    for (int i = 0; i < number->count; i++)
        if (group(number, i) > 9999)
            return "a numeric with a digit that is none";
    strip(number);
    return last_digit(number) > number->scale ? "a numeric with digits beyond its scale" : NULL;
}

const char *value_numeric_read(const void *bytes, size_t length, struct numeric *number)
{
    const unsigned char *header = bytes;
    const char *why;
    int weight;

    if (length < HEADER_SIZE)
        return "too short for a numeric";
    number->count = read_word(header);
    weight = read_word(header + 2);
    number->weight = weight < 0x8000 ? weight : weight - 0x10000;
    number->scale = read_word(header + 6);
    number->groups = header + HEADER_SIZE;
    if (length != HEADER_SIZE + 2 * (size_t)number->count)
        return "a numeric that is not as long as it says";
    why = read_sign(read_word(header + 4), number);
    if (why)
        return why;
    if (number->special)
        return number->count > 0 ? "a numeric that is none, with digits" : NULL;
    return number->scale > MAX_SCALE ? "a numeric with too large a scale" : check_groups(number);
}

size_t value_numeric_size(const struct numeric *number)
{
    size_t before = number->weight >= 0 ? 4 * ((size_t)number->weight + 1) : 1;
    size_t after = number->scale > 0 ? 1 + (size_t)number->scale : 0;

    if (number->special)
        return strlen(number->special) + 1;
    return number->negative + before + after + 1;
}

/* The group that counts 10000 to this power; 0 where none was sent. */
static int group_of_power(const struct numeric *number, int power)
{
    int index = number->weight - power;

    return index >= 0 && index < number->count ? group(number, index) : 0;
}

/* The group's digits from the first-th to the one before the end-th, counted from 0. */
static char *write_group(char *to, int value, int first, int end)
{
    const char digits[4] = {(char)('0' + value / 1000), (char)('0' + value / 100 % 10),
                            (char)('0' + value / 10 % 10), (char)('0' + value % 10)};

    memcpy(to, digits + first, (size_t)(end - first));
    return to + (end - first);
}

/* At least one digit, and no zeros before others. */
static char *write_integer(const struct numeric *number, char *to)
{
    int power = number->weight < 0 ? 0 : number->weight;
    int value = group_of_power(number, power);

    to = write_group(to, value, value > 999 ? 0 : value > 99 ? 1 : value > 9 ? 2 : 3, 4);
    while (--power >= 0)
        to = write_group(to, group_of_power(number, power), 0, 4);
    return to;
}

static char *write_fraction(const struct numeric *number, char *to)
{
    int power = -1;

    if (number->scale > 0)
        *to++ = '.';
    for (int left = number->scale; left > 0; left -= 4)
        to = write_group(to, group_of_power(number, power--), 0, left < 4 ? left : 4);
    return to;
}

void value_numeric_write(const struct numeric *number, char *to)
{
    if (number->special) {
        strcpy(to, number->special);
        return;
    }
    if (number->negative)
        *to++ = '-';
    to = write_fraction(number, write_integer(number, to));
    *to = '\0';
}

static const char *skip_digits(const char *at, const char *end)
{
    while (at < end && *at >= '0' && *at <= '9')
        at++;
    return at;
}

/* Behind digits with a point before, among or after them, or without; NULL when there is none. */
static const char *skip_decimal(const char *at, const char *end)
{
    const char *point = skip_digits(at, end), *last = point;

    if (point < end && *point == '.')
        last = skip_digits(point + 1, end);
    return last - at > (last > point) ? last : NULL;
}

/* Behind an exponent; the same place when there is none, NULL when it has no digits. */
static const char *skip_exponent(const char *at, const char *end)
{
    const char *last;

    if (at == end || (*at != 'e' && *at != 'E'))
        return at;
    at++;
    at += at < end && (*at == '-' || *at == '+');
    last = skip_digits(at, end);
    return last > at ? last : NULL;
}

/* Whether that is the text; with fold, whether in upper or lower case. The word is in lower case
 * then. */
static bool is_word(const char *at, const char *end, const char *word, bool fold)
{
    size_t length = strlen(word);

    if ((size_t)(end - at) != length)
        return false;
    for (size_t i = 0; i < length; i++) {
        char c = fold && at[i] >= 'A' && at[i] <= 'Z' ? (char)(at[i] - 'A' + 'a') : at[i];

        if (c != word[i])
            return false;
    }
    return true;
}

const char *value_numeric_check_written(const char *text, size_t length)
{
    const char *end = text + length, *at = text + (length > 0 && *text == '-');

    if (is_word(at, end, "Infinity", false) || is_word(text, end, "NaN", false))
        return NULL;
    return skip_decimal(at, end) == end ? NULL : "not a numeric";
}

/* What all versions of the server take. White space around it and 0x1f are not among it. */
const char *value_numeric_check_given(const char *text, size_t length)
{
    const char *end = text + length, *at = text, *last;

    at += length > 0 && (*text == '-' || *text == '+');
    if (is_word(at, end, "infinity", true) || is_word(at, end, "inf", true) ||
        is_word(text, end, "nan", true))
        return NULL;
    last = skip_decimal(at, end);
    return last && skip_exponent(last, end) == end ? NULL : "not a decimal number";
}

/* One digit more. False: too large. */
static bool append_digit(uint64_t *sum, unsigned digit, uint64_t most)
{
    if (*sum > (most - digit) / 10)
        return false;
    *sum = *sum * 10 + digit;
    return true;
}

/* All digits as one integer, as many of them as are wanted; the others must be 0. */
static const char *read_scaled(const char *at, int64_t wanted, uint64_t most, uint64_t *sum)
{
    *sum = 0;
    for (; *at; at++) {
        if (*at == '.')
            continue;
        if (wanted > 0 && !append_digit(sum, (unsigned)(*at - '0'), most))
            return "out of range for 64 bits";
        if (wanted <= 0 && *at != '0')
            return "it has more digits after the point than are asked for";
        wanted--;
    }
    for (; *sum > 0 && wanted > 0; wanted--)
        if (!append_digit(sum, 0, most))
            return "out of range for 64 bits";
    return NULL;
}

const char *value_numeric_scaled(const char *text, int scale, int64_t *value)
{
    bool negative = *text == '-';
    const char *at = text + negative, *end = at + strlen(at), *why;
    uint64_t most = (uint64_t)INT64_MAX + negative, sum;

    if (skip_decimal(at, end) != end)
        return value_numeric_check_written(text, strlen(text)) ? "not a numeric"
                                                               : "not a finite number";
    why = read_scaled(at, (skip_digits(at, end) - at) + (int64_t)scale, most, &sum);
    if (!why)
        *value = negative && sum > 0 ? -(int64_t)(sum - 1) - 1 : (int64_t)sum;
    return why;
}
