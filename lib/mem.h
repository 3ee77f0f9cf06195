/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef MEM_H
#define MEM_H

#include <stddef.h>

/* What mem_alloc calls; tests put an allocator that fails here, nobody else touches it. */
extern void *(*mem_source)(size_t size);

/* Zeroed memory; NULL with errno ENOMEM. Freed by mem_free. */
void *mem_alloc(size_t size);

/* The same, not zeroed. */
void *mem_take(size_t size);

/* NULL is allowed. */
void mem_free(void *memory);

/* A copy; of NULL, or without memory, NULL. */
char *mem_strdup(const char *text);

#endif
