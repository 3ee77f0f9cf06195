/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * kinds_text: what getters give as text or bytes, by chance: text, bytea, numerics, json, bits.
 *
 * Called by db_roundtrip, as kinds.h has it. Numerics are made as the server shows them, so that
 * no digit may change; those in any notation are held against psql only.
 */
#include "kinds.h"

#include "chance.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Seldom more than can be looked at. */
static unsigned chance_length(unsigned few, unsigned many)
{
    return chance(chance(40) ? few : many);
}

static void make_text(struct value *value, const struct kind *kind)
{
    (void)kind;
    value->text = chance_text(chance_length(10, 3000));
    value->literal = strdup(value->text);
    value->param =
        chance(2) ? evpg_text(value->text) : evpg_textn(value->text, strlen(value->text));
}

static bool same_text(const struct evpg_row *row, int column, const struct value *value,
                      const struct kind *kind)
{
    const char *text = evpg_row_text(row, column);
    size_t length;

    (void)kind;
    return text && strcmp(text, value->text) == 0 && evpg_row_bytes(row, column, &length) &&
           length == strlen(text);
}

/* A name has 63 bytes at most. */
static void make_name(struct value *value, const struct kind *kind)
{
    (void)kind;
    value->text = chance_text(chance(8));
    value->literal = strdup(value->text);
    value->param = evpg_name(value->text);
}

static char *write_hex(const unsigned char *bytes, size_t length)
{
    char *text = malloc(2 * length + 3), *at = stpcpy(text, "\\x");

    for (size_t i = 0; i < length; i++)
        at += sprintf(at, "%02x", bytes[i]);
    return text;
}

static void make_bytea(struct value *value, const struct kind *kind)
{
    static const unsigned char special[] = {0, '\\', '\'', '"', 'x'};

    (void)kind;
    value->length = chance_length(20, 5000);
    value->bytes = malloc(value->length + 1);
    for (size_t i = 0; i < value->length; i++)
        value->bytes[i] = chance(4) ? (unsigned char)chance_bits() : special[chance(5)];
    value->literal = write_hex(value->bytes, value->length);
    value->param = evpg_bytes(value->bytes, value->length);
}

static bool same_bytea(const struct evpg_row *row, int column, const struct value *value,
                       const struct kind *kind)
{
    size_t length;
    const void *bytes = evpg_row_bytes(row, column, &length);

    (void)kind;
    return bytes && length == value->length && memcmp(bytes, value->bytes, length) == 0;
}

static void append(FILE *to, unsigned count, const char *digits)
{
    for (; count > 0; count--)
        fputc(digits[chance((unsigned)strlen(digits))], to);
}

/* Neither -0 nor zeros in front, which the server does not show. */
static void write_numeric(FILE *to)
{
    const char *digits = chance(3) ? "0123456789" : "0000001";
    bool zero = chance(4) == 0, fraction = zero ? chance(4) : chance(2);

    if (chance(2) && (fraction || !zero))
        fputc('-', to);
    if (zero) {
        fputc('0', to);
    } else {
        append(to, 1, "123456789");
        append(to, chance_length(chance(3) ? 8 : 60, chance(20) ? 300 : 100000), digits);
    }
    if (fraction) {
        fputc('.', to);
        append(to, chance_length(chance(3) ? 8 : 60, 16000), digits);
        append(to, 1, zero ? "7" : "70");
    }
}

static void make_numeric(struct value *value, const struct kind *kind)
{
    static const char *const special[] = {"NaN",    "Infinity", "-Infinity", "0",       "0.00",
                                          "0.0001", "9999",     "10000",     "99990000"};
    FILE *to;
    size_t size;

    (void)kind;
    if (chance(20) == 0) {
        value->text = strdup(special[chance(9)]);
    } else {
        to = open_memstream(&value->text, &size);
        write_numeric(to);
        fclose(to);
    }
    value->literal = strdup(value->text);
    value->param = evpg_numeric(value->text);
}

static bool same_numeric(const struct evpg_row *row, int column, const struct value *value,
                         const struct kind *kind)
{
    const char *text = evpg_row_numeric(row, column);

    (void)kind;
    return text && (!value->text || strcmp(text, value->text) == 0);
}

static void make_notation(struct value *value, const struct kind *kind)
{
    static const char *const signs[] = {"", "+", "-"};
    const char *sign = signs[chance(3)];
    unsigned whole = chance(99999), part = chance(99999);

    (void)kind;
    switch (chance(4)) {
    case 0:
        value->literal = format("%s%u.%ue%d", sign, whole, part, (int)chance(200) - 100);
        break;
    case 1:
        value->literal = format("%s.%uE+%u", sign, part, chance(9));
        break;
    case 2:
        value->literal = format("%s000%u.", sign, whole);
        break;
    default:
        value->literal = format("%s%ue%d", sign, whole, (int)chance(2000) - 1000);
    }
    value->param = evpg_numeric(value->literal);
}

/* An integer, and with the length as its scale a numeric of which it is that. */
static void make_amount(struct value *value, const struct kind *kind)
{
    unsigned long long size;

    (void)kind;
    value->integer = chance_between(INT64_MIN + 1, INT64_MAX);
    value->length = chance(19);
    size = (unsigned long long)llabs((long long)value->integer);
    value->literal =
        format("%s%0*llu", value->integer < 0 ? "-" : "", (int)value->length + 1, size);
    if (value->length > 0) {
        size_t whole = strlen(value->literal) - value->length;
        char *pointed = format("%.*s.%s", (int)whole, value->literal, value->literal + whole);

        free(value->literal);
        value->literal = pointed;
    }
    value->param = evpg_numeric(value->literal);
}

static bool same_amount(const struct evpg_row *row, int column, const struct value *value,
                        const struct kind *kind)
{
    const char *text = evpg_row_numeric(row, column);
    int64_t amount;

    (void)kind;
    return text && strcmp(text, value->literal) == 0 &&
           evpg_row_decimal(row, column, (int)value->length, &amount) == 0 &&
           amount == value->integer;
}

/* A numeric whose order is that of the integer. */
static void make_bound(struct value *value, const struct kind *kind)
{
    (void)kind;
    value->integer = chance_between(-1000000000, 1000000000);
    value->text = format("%lld.5", (long long)value->integer);
    if (value->integer < 0)
        sprintf(value->text, "%lld", (long long)value->integer);
    value->literal = strdup(value->text);
    value->param = evpg_numeric(value->text);
}

/* Without a blank but those that jsonb shows; json may have more. */
static void write_json(FILE *to, unsigned depth, bool any)
{
    static const char *const plain[] = {"null",
                                        "true",
                                        "false",
                                        "0",
                                        "-1.50",
                                        "12345678901234567890",
                                        "\"\"",
                                        "\"\\\"\\\\\\n\"",
                                        "\"\xc3\xa9 '\"",
                                        "\"\\u0001\"",
                                        "[]",
                                        "{}",
                                        "\"\xf0\x9f\x91\x8d\""};
    unsigned n = 1 + chance(3);
    bool object = chance(2);

    if (depth == 0 || chance(3) == 0) {
        fputs(plain[chance(sizeof(plain) / sizeof(*plain))], to);
        return;
    }
    fputc(object ? '{' : '[', to);
    for (unsigned i = 0; i < n; i++) {
        fputs(i ? ", " : any && chance(3) == 0 ? "\n\t " : "", to);
        if (object)
            fprintf(to, "\"%c\"%s: ", any ? 'a' + (int)chance(3) : 'a' + (int)i,
                    any && chance(3) == 0 ? "  " : "");
        write_json(to, depth - 1, any);
    }
    fputc(object ? '}' : ']', to);
}

static void make_json(struct value *value, const struct kind *kind)
{
    size_t size;
    FILE *to = open_memstream(&value->text, &size);

    write_json(to, chance(5), kind == &kind_json);
    fclose(to);
    value->literal = strdup(value->text);
    value->param = kind == &kind_json ? evpg_json(value->text) : evpg_jsonb(value->text);
}

static bool same_json(const struct evpg_row *row, int column, const struct value *value,
                      const struct kind *kind)
{
    const char *text = evpg_row_json(row, column);

    (void)kind;
    return text && strcmp(text, value->text) == 0;
}

static void make_bits(struct value *value, const struct kind *kind)
{
    size_t size;
    FILE *to = open_memstream(&value->text, &size);

    append(to, kind == &kind_bit ? 13 : chance_length(40, 3000), chance(4) ? "01" : "0");
    fclose(to);
    value->literal = strdup(value->text);
    value->param = evpg_bit(value->text);
}

static bool same_bits(const struct evpg_row *row, int column, const struct value *value,
                      const struct kind *kind)
{
    const char *text = evpg_row_bit(row, column);

    (void)kind;
    return text && strcmp(text, value->text) == 0;
}

const struct kind kind_text = {"text", 25, make_text, same_text, NULL};
const struct kind kind_name = {"name", 19, make_name, same_text, NULL};
const struct kind kind_bytea = {"bytea", 17, make_bytea, same_bytea, NULL};
const struct kind kind_numeric = {"numeric", 1700, make_numeric, same_numeric, NULL};
const struct kind kind_notation = {"numeric", 1700, make_notation, same_numeric, NULL};
const struct kind kind_amount = {"numeric", 1700, make_amount, same_amount, NULL};
const struct kind kind_bound = {"numeric", 1700, make_bound, same_numeric, NULL};
const struct kind kind_json = {"json", 114, make_json, same_json, NULL};
const struct kind kind_jsonb = {"jsonb", 3802, make_json, same_json, NULL};
const struct kind kind_bit = {"bit(13)", 1560, make_bits, same_bits, NULL};
const struct kind kind_varbit = {"varbit", 1562, make_bits, same_bits, NULL};
