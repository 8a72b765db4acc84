/* merge: merges many lists of ascending numbers, read in portions, into one.
 *
 * An index gives the rows of one group in their order, and a question may be about thousands of
 * groups; the store need not sort all of their rows to find the first hundred. Pure, one thread. */
#pragma once

#include "dlrd/base/result.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define MERGE_PORTION_MAX 512 /* numbers of a list in memory */

/* Writes the next numbers of a list after `after`, at most limit; fewer only at its end. */
typedef enum result (*merge_read_fn)(void *context, size_t list, int64_t after, size_t limit,
    int64_t *out_numbers, size_t *out_count);

struct merge_list;

struct merge {
	merge_read_fn read;
	void *context;
	struct merge_list *lists;
	size_t *heap; /* lists with numbers, the least first */
	size_t count, heap_count;
};

#define MERGE_EMPTY ((struct merge){.lists = NULL})

/* Begins after the number `after`. A number that several lists have is returned once. The caller
 * gives *merge to merge_done also after a failure. */
must_check enum result merge_begin(
    struct merge *merge, size_t list_count, int64_t after, merge_read_fn read, void *context);

/* *out_has is false at the end. */
must_check enum result merge_next(struct merge *merge, int64_t *out_number, bool *out_has);

void merge_done(struct merge *merge);
