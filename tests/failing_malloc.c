/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * failing_malloc: see failing_malloc.h.
 *
 * Who allocates, the return address tells. Calls from within the C library are nobody's, and
 * succeed; but strdup is looked at as malloc is.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE 1 /* dladdr */
#endif
#include "failing_malloc.h"

#include <dlfcn.h>
#include <errno.h>
#include <string.h>

static const char *failing; /* the library's name; NULL: none */
static long countdown, n_failed;
static _Atomic long n_live; /* threads that ask for cancels have some */
static bool keeps_failing;

void malloc_fail(const char *library, long k, bool sticky)
{
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

static bool fails(const void *caller)
{
    Dl_info info;

    if (!failing || countdown == 0 || !dladdr(caller, &info) || !strstr(info.dli_fname, failing))
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
