#include "dlrd/base/merge.h"

#include <stdlib.h>

#define PORTION_FIRST 8 /* numbers of the first portion; each further one has twice as many */

struct merge_list {
	int64_t *numbers;
	size_t at, count, portion;
	bool ended; /* the portion in memory is the last one */
};

static int64_t
first_of(const struct merge *merge, size_t list)
{
	return merge->lists[list].numbers[merge->lists[list].at];
}

static void
swap(size_t *a, size_t *b)
{
	size_t held = *a;
	*a = *b;
	*b = held;
}

static void
sink(struct merge *merge, size_t at)
{
	size_t *heap = merge->heap;
	for (size_t least = at;; at = least) {
		for (size_t child = 2 * at + 1; child <= 2 * at + 2; child++)
			if (child < merge->heap_count &&
			    first_of(merge, heap[child]) < first_of(merge, heap[least]))
				least = child;
		if (least == at)
			return;
		swap(&heap[at], &heap[least]);
	}
}

/* Reads the next portion of a list. */
static enum result
refill(struct merge *merge, size_t index, int64_t after)
{
	struct merge_list *list = &merge->lists[index];
	size_t portion = list->portion == 0 ? PORTION_FIRST : list->portion * 2;
	list->at = list->count = 0;
	if (list->ended)
		return RESULT_OK;

	portion = portion > MERGE_PORTION_MAX ? MERGE_PORTION_MAX : portion;
	if (portion != list->portion) {
		int64_t *numbers = realloc(list->numbers, portion * sizeof *numbers);
		if (numbers == NULL)
			return RESULT_NO_MEMORY;
		list->numbers = numbers;
		list->portion = portion;
	}
	enum result result =
	    merge->read(merge->context, index, after, portion, list->numbers, &list->count);
	list->ended = list->count < portion;
	return result;
}

enum result
merge_begin(
    struct merge *merge, size_t list_count, int64_t after, merge_read_fn read, void *context)
{
	*merge = (struct merge){.read = read, .context = context};
	if (list_count == 0)
		return RESULT_OK;
	merge->lists = calloc(list_count, sizeof *merge->lists);
	merge->heap = calloc(list_count, sizeof *merge->heap);
	if (merge->lists == NULL || merge->heap == NULL)
		return RESULT_NO_MEMORY;

	merge->count = list_count;
	enum result result = RESULT_OK;
	for (size_t i = 0; i < list_count && result == RESULT_OK; i++) {
		result = refill(merge, i, after);
		if (merge->lists[i].count > 0)
			merge->heap[merge->heap_count++] = i;
	}
	for (size_t i = merge->heap_count / 2; i-- > 0;)
		sink(merge, i);
	return result;
}

/* Takes the least number. */
static enum result
take(struct merge *merge, int64_t *out_number)
{
	size_t index = merge->heap[0];
	struct merge_list *list = &merge->lists[index];
	enum result result = RESULT_OK;
	*out_number = list->numbers[list->at++];
	if (list->at == list->count)
		result = refill(merge, index, *out_number);
	if (list->count == 0)
		merge->heap[0] = merge->heap[--merge->heap_count];
	sink(merge, 0);
	return result;
}

enum result
merge_next(struct merge *merge, int64_t *out_number, bool *out_has)
{
	enum result result = RESULT_OK;
	int64_t number = 0, again;
	*out_has = merge->heap_count > 0;
	if (*out_has)
		result = take(merge, &number);
	while (result == RESULT_OK && merge->heap_count > 0 &&
	       first_of(merge, merge->heap[0]) == number && *out_has)
		result = take(merge, &again);
	*out_number = number;
	return result;
}

void
merge_done(struct merge *merge)
{
	for (size_t i = 0; i < merge->count; i++)
		free(merge->lists[i].numbers);
	free(merge->lists);
	free(merge->heap);
	*merge = MERGE_EMPTY;
}
