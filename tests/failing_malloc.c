/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * failing_malloc: see failing_malloc.h.
 *
 * Who allocates, the return address tells. Calls from within the C library are nobody's, and
 * succeed; but strdup is looked at as malloc is.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE 1 /* dl_iterate_phdr */
#endif
#include "failing_malloc.h"

#include <errno.h>
#include <link.h>
#include <stdint.h>
#include <string.h>

/* Where the code of a library is; of libevent there are several. */
struct range {
    uintptr_t start, end;
};

enum { MOST_RANGES = 16 };

static struct range ranges[MOST_RANGES];
static int n_ranges;
static const char *failing; /* the library's name; NULL: none */
static long countdown, n_failed;
static _Atomic long n_live; /* threads that ask for cancels have some */
static bool keeps_failing;

static int note_ranges(struct dl_phdr_info *object, size_t size, void *library)
{
    (void)size;
    if (!strstr(object->dlpi_name, library))
        return 0;
    for (int i = 0; i < object->dlpi_phnum && n_ranges < MOST_RANGES; i++) {
        const ElfW(Phdr) *part = &object->dlpi_phdr[i];
        uintptr_t start = object->dlpi_addr + part->p_vaddr;

        if (part->p_type == PT_LOAD && part->p_flags & PF_X)
            ranges[n_ranges++] = (struct range){start, start + part->p_memsz};
    }
    return 0;
}

void malloc_fail(const char *library, long k, bool sticky)
{
    n_ranges = 0;
    dl_iterate_phdr(note_ranges, (void *)library);
    failing = library;
    countdown = k;
    keeps_failing = sticky;
    n_failed = 0;
}

long malloc_go_on(void)
{
    failing = NULL;
    return n_failed;
}

long malloc_live(void)
{
    return n_live;
}

#if FAILING_MALLOC

void *__libc_malloc(size_t size);
void *__libc_realloc(void *memory, size_t size);
void *__libc_calloc(size_t count, size_t size);
void __libc_free(void *memory);

static bool is_of_library(const void *address)
{
    uintptr_t at = (uintptr_t)address;

    for (int i = 0; i < n_ranges; i++)
        if (at >= ranges[i].start && at < ranges[i].end)
            return true;
    return false;
}

static bool fails(const void *caller)
{
    if (!failing || countdown == 0 || !is_of_library(caller))
        return false;
    if (--countdown > 0)
        return false;
    countdown = keeps_failing ? 1 : 0;
    n_failed++;
    errno = ENOMEM;
    return true;
}

static void *count(void *memory)
{
    n_live += memory != NULL;
    return memory;
}

#define SEEN __attribute__((visibility("default"))) /* by the libraries */

SEEN void *malloc(size_t size)
{
    return fails(__builtin_return_address(0)) ? NULL : count(__libc_malloc(size));
}

SEEN void *realloc(void *memory, size_t size)
{
    if (fails(__builtin_return_address(0)))
        return NULL;
    n_live -= memory && size == 0;
    return memory ? __libc_realloc(memory, size) : count(__libc_realloc(memory, size));
}

SEEN void *calloc(size_t count_of, size_t size)
{
    return fails(__builtin_return_address(0)) ? NULL : count(__libc_calloc(count_of, size));
}

SEEN void free(void *memory)
{
    n_live -= memory != NULL;
    __libc_free(memory);
}

SEEN char *strdup(const char *text)
{
    size_t size = strlen(text) + 1;
    void *copy = fails(__builtin_return_address(0)) ? NULL : count(__libc_malloc(size));

    return copy ? memcpy(copy, text, size) : NULL;
}

#endif
