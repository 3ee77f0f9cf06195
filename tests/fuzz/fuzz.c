/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * fuzz: see fuzz.h. Around each input: its memory, and that it takes no long time. The time is that
 * of this thread, so that a machine with other work to do is no reason.
 */
#include "fuzz.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static struct room {
    struct room *next;
    void *memory;
} * rooms;

static double longest_ms;

static double spent_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return (double)now.tv_sec * 1e3 + (double)now.tv_nsec / 1e6;
}

static void free_rooms(void)
{
    struct room *room;

    while ((room = rooms)) {
        rooms = room->next;
        free(room->memory);
        free(room);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    double before = spent_ms(), spent;

    if (size > FUZZ_MOST_BYTES)
        return -1;
    fuzz_one(bytes, size);
    free_rooms();
    spent = spent_ms() - before;
    longest_ms = spent > longest_ms ? spent : longest_ms;
    fuzz_require(spent < FUZZ_MOST_MS);
    return 0;
}

double fuzz_longest_ms(void)
{
    return longest_ms;
}

void *fuzz_room(size_t size)
{
    struct room *room = malloc(sizeof(*room));

    fuzz_require(room != NULL);
    room->memory = malloc(size);
    fuzz_require(room->memory != NULL);
    room->next = rooms;
    rooms = room;
    return room->memory;
}

void *fuzz_copy(const void *bytes, size_t size)
{
    void *copy = fuzz_room(size);

    return size > 0 ? memcpy(copy, bytes, size) : copy;
}

char *fuzz_text(const void *bytes, size_t size)
{
    char *text = fuzz_room(size + 1);

    if (size > 0)
        memcpy(text, bytes, size);
    text[size] = '\0';
    return text;
}

char *fuzz_print(const char *format, ...)
{
    char text[256];
    va_list args;
    int length;

    va_start(args, format);
    length = vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    fuzz_require(length >= 0 && (size_t)length < sizeof(text));
    return fuzz_text(text, (size_t)length);
}

void fuzz_put(unsigned char *to, uint64_t number, int size)
{
    for (int i = 0; i < size; i++)
        to[i] = (unsigned char)(number >> 8 * (size - 1 - i));
}

bool fuzz_good(const char *why)
{
    for (const char *at = why; at && *at; at++)
        fuzz_require(*at >= ' ' && *at <= '~');
    fuzz_require(!why || *why);
    return !why;
}

void fuzz_fail(const char *file, int line, const char *condition)
{
    fprintf(stderr, "# %s:%d: %s\n", file, line, condition);
    abort();
}
