/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef ARENA_H
#define ARENA_H

#include <stddef.h>

struct chunk;

/* Memory that is taken piece by piece and freed all at once. All zero is an empty one. */
struct arena {
    struct chunk *chunks; /* the newest first */
    size_t left;          /* in the newest */
    size_t size;          /* of all, as they were allocated */
};

/* A piece, aligned for anything, of undefined content; NULL without memory. */
void *arena_take(struct arena *arena, size_t size);

void arena_free(struct arena *arena);

#endif
