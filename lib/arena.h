/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef ARENA_H
#define ARENA_H

#include <stdalign.h>
#include <stdbool.h>
#include <stddef.h>

struct chunk;

/* Memory that is taken piece by piece and freed all at once. All zero is an empty one. */
struct arena {
    struct chunk *chunks; /* the newest first */
    char *next;           /* piece, in the newest; */
    size_t left;          /* and how much is left there */
    size_t size;          /* of all, as they were allocated */
};

/* Makes room for a piece of that size. False: there is no memory. */
bool arena_grow(struct arena *arena, size_t size);

/* A piece, aligned for anything, of undefined content; NULL without memory. */
static inline void *arena_take(struct arena *arena, size_t size)
{
    char *piece;

    size = (size + alignof(max_align_t) - 1) / alignof(max_align_t) * alignof(max_align_t);
    if (arena->left < size && !arena_grow(arena, size))
        return NULL;
    piece = arena->next;
    arena->next += size;
    arena->left -= size;
    return piece;
}

void arena_free(struct arena *arena);

#endif
