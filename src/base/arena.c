#include "dlrd/base/arena.h"

#include <stdalign.h>
#include <stdlib.h>
#include <string.h>

#define BLOCK_SIZE (64u * 1024) /* a larger value has a block of its own */
#define BLOCKS_KEPT 64

struct arena_block {
	struct arena_block *next;
	size_t size;
	alignas(max_align_t) char bytes[];
};

static size_t
align_up(size_t size)
{
	return (size + alignof(max_align_t) - 1) & ~(alignof(max_align_t) - 1);
}

/* Returns a block of at least that size: a spare one, or a new one. NULL if memory is short. */
static struct arena_block *
get_block(struct arena *arena, size_t size)
{
	struct arena_block *block = arena->spare;
	if (block != NULL && size <= BLOCK_SIZE) {
		arena->spare = block->next;
		return block;
	}

	size_t capacity = size > BLOCK_SIZE ? size : BLOCK_SIZE;
	block = malloc(sizeof *block + capacity);
	if (block != NULL)
		block->size = capacity;
	return block;
}

/* Takes size bytes without clearing them, from `start` on if the current block has so many. */
static char *
take(struct arena *arena, size_t size, size_t start)
{
	const struct arena_block *current = arena->blocks;
	if (current == NULL || start > current->size || current->size - start < size) {
		struct arena_block *block = get_block(arena, size);
		if (block == NULL) {
			arena->failed = true;
			return NULL;
		}
		block->next = arena->blocks;
		arena->blocks = block;
		arena->size += block->size;
		start = 0;
	}

	arena->used = start + size;
	return arena->blocks->bytes + start;
}

void *
arena_alloc(struct arena *arena, size_t size)
{
	char *bytes = take(arena, size, align_up(arena->used));
	return bytes == NULL ? NULL : memset(bytes, 0, size);
}

struct slice
arena_copy(struct arena *arena, struct slice text)
{
	if (text.len == 0)
		return text.ptr == NULL ? SLICE_NONE : SLICE("");

	char *bytes = take(arena, text.len, arena->used);
	return bytes == NULL ? SLICE_NONE
			     : (struct slice){memcpy(bytes, text.ptr, text.len), text.len};
}

static void
free_blocks(struct arena_block *block)
{
	while (block != NULL) {
		struct arena_block *next = block->next;
		free(block);
		block = next;
	}
}

void
arena_clear(struct arena *arena)
{
	struct arena_block *next, *spare = arena->spare;
	size_t kept = 0;
	for (struct arena_block *block = spare; block != NULL; block = block->next)
		kept++;
	for (struct arena_block *block = arena->blocks; block != NULL; block = next) {
		next = block->next;
		if (block->size > BLOCK_SIZE || kept == BLOCKS_KEPT) {
			free(block);
			continue;
		}
		block->next = spare;
		spare = block;
		kept++;
	}
	*arena = (struct arena){.spare = spare};
}

void
arena_done(struct arena *arena)
{
	free_blocks(arena->blocks);
	free_blocks(arena->spare);
	*arena = ARENA_EMPTY;
}
