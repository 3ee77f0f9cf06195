/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * mem: the one place where the library itself allocates.
 *
 * Called by every layer above. Invariants: nothing here ends the process; running out is told by
 * NULL, and whoever asked carries that upward as an error. libpq's and libevent's own memory does
 * not pass through here.
 */
#include "mem.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

void *(*mem_source)(size_t size) = malloc;

void *mem_take(size_t size)
{
    void *memory = mem_source(size ? size : 1);

    if (!memory)
        errno = ENOMEM;
    return memory;
}

void *mem_alloc(size_t size)
{
    void *memory = mem_take(size);

    return memory ? memset(memory, 0, size) : NULL;
}

void mem_free(void *memory)
{
    free(memory);
}

char *mem_strdup(const char *text)
{
    size_t size = text ? strlen(text) + 1 : 0;
    char *copy = text ? mem_alloc(size) : NULL;

    return copy ? memcpy(copy, text, size) : NULL;
}
