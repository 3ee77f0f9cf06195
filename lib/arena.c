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

#include <stdalign.h>
#include <stdint.h>

#define FIRST_CHUNK 2048
#define LAST_CHUNK 65536

struct chunk {
    struct chunk *next;
    size_t size;
    max_align_t memory[];
};

static size_t round_up(size_t size)
{
    return (size + alignof(max_align_t) - 1) / alignof(max_align_t) * alignof(max_align_t);
}

static size_t next_size(const struct arena *arena)
{
    if (arena->size < FIRST_CHUNK)
        return FIRST_CHUNK;
    return arena->size < LAST_CHUNK ? arena->size : LAST_CHUNK;
}

static struct chunk *add(struct arena *arena, size_t size)
{
    size_t usual = next_size(arena), room = size > usual ? size : usual;
    struct chunk *chunk;

    chunk = mem_take(sizeof(*chunk) + room);
    if (!chunk)
        return NULL;
    chunk->size = room;
    chunk->next = arena->chunks;
    arena->chunks = chunk;
    arena->left = room;
    arena->size += sizeof(*chunk) + room;
    return chunk;
}

void *arena_take(struct arena *arena, size_t size)
{
    struct chunk *chunk = arena->chunks;

    size = round_up(size);
    if (arena->left < size)
        chunk = add(arena, size);
    if (!chunk)
        return NULL;
    arena->left -= size;
    return (char *)chunk->memory + (chunk->size - arena->left - size);
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
