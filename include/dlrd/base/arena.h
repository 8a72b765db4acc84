/* arena: memory for many small values that end together.
 *
 * A batch keeps thousands of rows and texts until it is committed; one call then releases all of
 * them. The caller owns the struct. After a failed allocation `failed` is set and copies are
 * absent, so a writer may copy many texts and check once at the end. One thread at a time. */
#pragma once

#include "dlrd/base/slice.h"

struct arena_block;

struct arena {
	struct arena_block *blocks; /* the current one first */
	struct arena_block *spare;  /* kept by arena_clear */
	size_t used;                /* bytes of the current one */
	size_t size;                /* bytes of all */
	bool failed;
};

#define ARENA_EMPTY ((struct arena){NULL, NULL, 0, 0, false})

/* Returns size bytes, all zero and aligned for any type; NULL if memory is short. Valid until
 * arena_clear. */
void *arena_alloc(struct arena *arena, size_t size);

/* Returns a copy of the text; an absent one stays absent. */
struct slice arena_copy(struct arena *arena, struct slice text);

/* Drops everything, and keeps a moderate amount of memory for the next values. */
void arena_clear(struct arena *arena);

/* Frees the memory; the arena is empty and usable again. */
void arena_done(struct arena *arena);
