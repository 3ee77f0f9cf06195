/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * arena: many small pieces of memory that live and go together.
 *
 * Used by batches, whose members come one by one. Invariants: a piece never moves; the chunks that
 * they are cut from get larger with the arena, so that their number stays small and what is left
 * over at the end of each is a part of the whole only.
 */
#include "arena.h"

#include "mem.h"

#define FIRST_CHUNK 4096
#define LAST_CHUNK 65536

struct chunk {
    struct chunk *next;
    max_align_t memory[];
};

static size_t next_size(const struct arena *arena)
{
    if (arena->size < FIRST_CHUNK)
        return FIRST_CHUNK;
    return 2 * arena->size < LAST_CHUNK ? 2 * arena->size : LAST_CHUNK;
}

bool arena_grow(struct arena *arena, size_t size)
{
    size_t usual = next_size(arena), room = size > usual ? size : usual;
    struct chunk *chunk = mem_take(sizeof(*chunk) + room);

    if (!chunk)
        return false;
    chunk->next = arena->chunks;
    arena->chunks = chunk;
    arena->next = (char *)chunk->memory;
    arena->left = room;
    arena->size += sizeof(*chunk) + room;
    return true;
}

void arena_free(struct arena *arena)
{
    struct chunk *chunk;

    while ((chunk = arena->chunks)) {
        arena->chunks = chunk->next;
        mem_free(chunk);
    }
    *arena = (struct arena){0};
}
