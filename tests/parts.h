/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * parts: what the tests of the readers of arrays, ranges and composites share: a value in memory of
 * just its length, read in two runs, and its parts written side by side.
 */
#ifndef PARTS_H
#define PARTS_H

#include "harness.h"

#include "value_part.h"

#include <stdio.h>

/* One reader, with what it sets beside the parts kept by the test. */
typedef const char *(*read_parts)(const char *value, size_t length, struct value_parts *parts);

/* A value in text, or in hexadecimal digits with blanks between them. */
struct sample {
    const char *text, *hex;
};

static inline unsigned char *sample_bytes(const struct sample *sample, size_t *length)
{
    unsigned char *bytes, *exact;
    int step;

    if (sample->text) {
        *length = strlen(sample->text);
        bytes = malloc(*length ? *length : 1);
        return memcpy(bytes, sample->text, *length);
    }
    bytes = malloc(strlen(sample->hex) + 1);
    *length = 0;
    for (const char *at = sample->hex; sscanf(at, "%2hhx%n", &bytes[*length], &step) == 1;
         at += step)
        ++*length;
    exact = malloc(*length ? *length : 1);
    memcpy(exact, bytes, *length);
    free(bytes);
    return exact;
}

/* "1 NULL [a b]": a part that is text in brackets unless it is plain, one that is not in hex. */
static inline void show_part(const struct row_cell *cell, bool text, char *to, size_t size)
{
    size_t used = strlen(to);

    if (used > 0 && used + 1 < size)
        to[used++] = ' ';
    to[used] = '\0';
    if (!cell->text)
        snprintf(to + used, size - used, "NULL");
    else if (text)
        snprintf(to + used, size - used, "[%s]", cell->text);
    for (size_t i = 0; !text && cell->text && i < cell->length; i++, used += 2)
        if (size - used > 2)
            snprintf(to + used, size - used, "%02x", (unsigned char)cell->text[i]);
}

/* Reads in two runs, as the library does; both must come to the same. With a text to put them in
 * the parts are shown. NULL, or the reason. */
static inline const char *read_twice(read_parts read, const unsigned char *value, size_t length,
                                     bool text, char *shown, size_t size)
{
    struct value_parts counted = {0}, filled;
    const char *why = read((const char *)value, length, &counted);

    if (why)
        return why;
    ck_assert_uint_le(counted.count, length + 2);
    ck_assert_uint_le(counted.size, 2 * length + 2);
    filled = (struct value_parts){.cells = malloc(counted.count * sizeof(*filled.cells) + 1),
                                  .copies = malloc(counted.size + 1)};
    ck_assert_ptr_null(read((const char *)value, length, &filled));
    ck_assert_uint_eq(filled.count, counted.count);
    ck_assert_uint_eq(filled.size, counted.size);
    if (shown)
        *shown = '\0';
    for (size_t i = 0; i < filled.count; i++)
        if (shown)
            show_part(&filled.cells[i], text, shown, size);
    free(filled.cells);
    free(filled.copies);
    return NULL;
}

/* A byte more, a byte less, another byte, one bit; now and then cut off. */
static inline size_t mutate(unsigned char *value, size_t length, size_t room)
{
    static const char often[] = "{}[](),;\"\\:=- \0\1\xff"
                                "empty";
    size_t at = length ? (size_t)rand() % length : 0;
    unsigned char byte = (unsigned char)often[(size_t)rand() % sizeof(often)];

    switch (rand() % 5) {
    case 0:
        return at;
    case 1:
        if (length == room)
            return length;
        memmove(value + at + 1, value + at, length - at);
        value[at] = byte;
        return length + 1;
    case 2:
        if (length > 0)
            memmove(value + at, value + at + 1, length - at - 1);
        return length > 0 ? length - 1 : 0;
    case 3:
        if (length > 0)
            value[at] = byte;
        return length;
    default:
        if (length > 0)
            value[at] ^= (unsigned char)(1 << rand() % 8);
        return length;
    }
}

/* Each of the samples, 20,000 times, with up to four mutations: a value or a reason, and nothing
 * read beyond its end. */
static inline void read_mutations(read_parts read, const struct sample *samples, size_t n_samples)
{
    srand(20261125);
    for (size_t i = 0; i < n_samples * 20000; i++) {
        size_t length, room;
        unsigned char *sample = sample_bytes(&samples[i % n_samples], &length);
        unsigned char *work = malloc(room = length + 4), *exact;

        memcpy(work, sample, length);
        for (int n = 1 + rand() % 4; n > 0; n--)
            length = mutate(work, length, room);
        exact = malloc(length ? length : 1);
        memcpy(exact, work, length);
        if (length > 0)
            read_twice(read, exact, length, true, NULL, 0);
        free(exact);
        free(work);
        free(sample);
    }
}

#endif
