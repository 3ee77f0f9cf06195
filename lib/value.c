/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * value: reads values from the text form in which the server sends them.
 *
 * Called by row.c and row_scalar.c; pure. Invariants: any text gives a value or a reason; nothing
 * is read beyond its end; the process's locale changes nothing. Reasons are made to follow "column
 * 1 \"x\" (integer):
 * ".
 */
#include "value.h"

#include <errno.h>
#include <float.h>
#include <langinfo.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* Digits, and nothing after them. */
static const char *read_digits(const char *at, uint64_t most, uint64_t *sum)
{
    if (!is_digit(*at))
        return "not an integer";
    for (*sum = 0; is_digit(*at); at++) {
        unsigned digit = (unsigned)(*at - '0');

        if (digit > most || *sum > (most - digit) / 10)
            return "out of range";
        *sum = *sum * 10 + digit;
    }
    return *at ? "not an integer" : NULL;
}

const char *value_read_int64(const char *text, int64_t *value)
{
    bool negative = *text == '-';
    uint64_t sum;
    const char *why = read_digits(text + negative, (uint64_t)INT64_MAX + negative, &sum);

    if (!why)
        *value = negative && sum > 0 ? -(int64_t)(sum - 1) - 1 : (int64_t)sum;
    return why;
}

const char *value_read_uint64(const char *text, uint64_t most, uint64_t *value)
{
    uint64_t sum;
    const char *why = read_digits(text, most, &sum);

    if (!why)
        *value = sum;
    return why;
}

static const char *skip_digits(const char *at)
{
    while (is_digit(*at))
        at++;
    return at;
}

/* Whether it is [-]digits[.digits][e[+-]digits], for strtod takes much else; and how long. */
static bool is_decimal(const char *text, size_t *length)
{
    const char *start = text + (*text == '-'), *at = skip_digits(start);
    bool has_digits = at > start;

    if (*at == '.') {
        start = at + 1;
        at = skip_digits(start);
        has_digits = has_digits || at > start;
    }
    if (has_digits && (*at == 'e' || *at == 'E')) {
        at += at[1] == '-' || at[1] == '+' ? 2 : 1;
        start = at;
        at = skip_digits(start);
        has_digits = at > start;
    }
    *length = (size_t)(at - text);
    return has_digits && !*at;
}

/* NaN and the infinities. */
static bool read_special(const char *text, double *value)
{
    static const struct {
        const char *name;
        double value;
    } special[] = {{"NaN", NAN}, {"Infinity", INFINITY}, {"-Infinity", -INFINITY}};

    if (is_digit(text[*text == '-']))
        return false;
    for (size_t i = 0; i < sizeof(special) / sizeof(*special); i++) {
        if (strcmp(text, special[i].name) != 0)
            continue;
        *value = special[i].value;
        return true;
    }
    return false;
}

enum { NUMBER_SIZE = 400 };

/* What strtod is to be given: the text, or a copy with the radix character that the thread's locale
 * has it expect. */
static const char *put_into_locale(const char **text, char copy[NUMBER_SIZE])
{
    const char *radix = nl_langinfo(RADIXCHAR), *dot = strchr(*text, '.');
    size_t length, before;

    if (!is_decimal(*text, &length))
        return "not a number";
    if (length + strlen(radix) >= NUMBER_SIZE)
        return "too long for a number";
    errno = 0;
    if (!dot || strcmp(radix, ".") == 0)
        return NULL;
    before = (size_t)(dot - *text);
    memcpy(copy, *text, before);
    copy[before] = '\0';
    strcat(copy, radix);
    strcat(copy, dot + 1);
    *text = copy;
    return NULL;
}

/* [-]digits[.digits] of up to 15 digits: both the number without its point and the power of ten
 * that it is divided by are doubles exactly, so that the quotient is rounded once, as strtod's
 * value is. Not where the machine calculates in more than doubles. */
static bool read_short(const char *text, double *value)
{
    static const double powers[] = {1e0, 1e1, 1e2,  1e3,  1e4,  1e5,  1e6,  1e7,
                                    1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15};
    bool negative = *text == '-';
    const char *at = text + negative, *point = NULL;
    int64_t sum = 0;
    int digits = 0;

    for (; is_digit(*at) || (*at == '.' && !point); at++) {
        if (*at == '.') {
            point = at;
            continue;
        }
        sum = sum * 10 + (*at - '0');
        if (++digits > 15)
            return false;
    }
    if (*at || digits == 0 || FLT_EVAL_METHOD < 0 || FLT_EVAL_METHOD > 1)
        return false;
    *value = (double)sum / powers[point ? at - point - 1 : 0];
    if (negative)
        *value = -*value;
    return true;
}

const char *value_read_double(const char *text, double *value)
{
    char buffer[NUMBER_SIZE];
    const char *why;
    double number;

    if (read_short(text, value) || read_special(text, value))
        return NULL;
    why = put_into_locale(&text, buffer);
    if (why)
        return why;
    number = strtod(text, NULL);
    if (errno == ERANGE && isinf(number))
        return "out of range";
    *value = number;
    return NULL;
}

/* Not by way of a double, which would be rounded twice. */
const char *value_read_float(const char *text, float *value)
{
    char buffer[NUMBER_SIZE];
    const char *why;
    double special;
    float number;

    if (read_special(text, &special)) {
        *value = (float)special;
        return NULL;
    }
    why = put_into_locale(&text, buffer);
    if (why)
        return why;
    number = strtof(text, NULL);
    if (errno == ERANGE && isinf(number))
        return "out of range";
    *value = number;
    return NULL;
}

const char *value_read_bool(const char *text, bool *value)
{
    if (strcmp(text, "t") != 0 && strcmp(text, "f") != 0)
        return "not a boolean";
    *value = *text == 't';
    return NULL;
}

static int hex_digit(char c)
{
    if (is_digit(c))
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

/* Up to eight hexadecimal digits; what is after them, or NULL when there is none. */
static const char *read_hex_word(const char *at, uint64_t *word)
{
    int digits = 0;

    for (*word = 0; digits < 8 && hex_digit(*at) >= 0; digits++)
        *word = *word << 4 | (unsigned)hex_digit(*at++);
    return digits > 0 ? at : NULL;
}

const char *value_read_lsn(const char *text, uint64_t *value)
{
    uint64_t high, low;
    const char *at = read_hex_word(text, &high);

    if (!at || *at != '/')
        return "not a position in the log";
    at = read_hex_word(at + 1, &low);
    if (!at || *at)
        return "not a position in the log";
    *value = high << 32 | low;
    return NULL;
}

static const char *read_hex(const char *text, size_t text_length, unsigned char *to, size_t *length)
{
    if (text_length % 2)
        return "an odd number of hexadecimal digits";
    for (size_t i = 0; i < text_length; i += 2) {
        int high = hex_digit(text[i]), low = hex_digit(text[i + 1]);

        if (high < 0 || low < 0)
            return "not a hexadecimal digit";
        to[i / 2] = (unsigned char)(high << 4 | low);
    }
    *length = text_length / 2;
    return NULL;
}

/* The octal number of three digits there, at most 0377; -1 when there is none. */
static int octal(const char *at, size_t left)
{
    if (left < 3 || at[0] < '0' || at[0] > '3' || at[1] < '0' || at[1] > '7' || at[2] < '0' ||
        at[2] > '7')
        return -1;
    return (at[0] - '0') << 6 | (at[1] - '0') << 3 | (at[2] - '0');
}

/* bytea_output = escape: \\ and \nnn; all else stands for itself. */
static const char *read_escaped(const char *text, size_t text_length, unsigned char *to,
                                size_t *length)
{
    size_t n = 0;

    for (size_t i = 0; i < text_length; i++) {
        int byte;

        if (text[i] != '\\') {
            to[n++] = (unsigned char)text[i];
            continue;
        }
        if (i + 1 < text_length && text[i + 1] == '\\') {
            to[n++] = '\\';
            i++;
            continue;
        }
        byte = octal(text + i + 1, text_length - i - 1);
        if (byte < 0)
            return "a backslash without what it escapes";
        to[n++] = (unsigned char)byte;
        i += 3;
    }
    *length = n;
    return NULL;
}

const char *value_read_bytea(const char *text, size_t text_length, unsigned char *to,
                             size_t *length)
{
    if (text_length >= 2 && text[0] == '\\' && text[1] == 'x')
        return read_hex(text + 2, text_length - 2, to, length);
    return read_escaped(text, text_length, to, length);
}
