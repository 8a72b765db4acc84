#define _GNU_SOURCE /* pthread_setname_np */
#include "read_ahead.h"

#include "dlrd/base/clock.h"
#include "dlrd/base/thread.h"

/* For the entries of one run, which are usually a full batch of statuses. */
#define MEMORY_MAX (16u * 1024 * 1024)

/* An entry that is being copied. */
struct copying {
	struct read_ahead *ahead;
	struct decoded_event **end;
};

static enum result
copy_event(void *context, const struct event *event)
{
	struct copying *copying = context;
	struct arena *arena = &copying->ahead->arena;

	struct decoded_event *copy = arena_alloc(arena, sizeof *copy);
	if (copy != NULL)
		event_copy(arena, event, &copy->event);
	if (arena->failed)
		return RESULT_NO_MEMORY;
	if (arena->size > MEMORY_MAX)
		return RESULT_LIMIT;

	*copying->end = copy;
	copying->end = &copy->next;
	return RESULT_OK;
}

/* Keeps an entry if all its events could be kept. */
static enum result
read_entry(void *context, const struct journal_entry *entry)
{
	struct read_ahead *ahead = context;
	struct decoded_entry *copy = arena_alloc(&ahead->arena, sizeof *copy);
	if (copy == NULL)
		return RESULT_NO_MEMORY;

	copy->seq = entry->seq;
	copy->signature = arena_copy(&ahead->arena, entry->signature);
	struct copying copying = {.ahead = ahead, .end = &copy->events};
	enum result result = decoder_decode(ahead->decoder, entry, copy_event, &copying);
	if (result != RESULT_OK)
		return result;

	if (ahead->first == NULL)
		ahead->first = copy;
	else
		ahead->last->next = copy;
	ahead->last = copy;
	return RESULT_OK;
}

static void *
run(void *context)
{
	struct read_ahead *ahead = context;
	pthread_setname_np(pthread_self(), "dlrd-read-ahead");
	int64_t start_us = clock_monotonic_us();

	enum result result = journal_reader_read(
	    ahead->reader, ahead->after_seq, ahead->entries_max, read_entry, ahead);
	if (result != RESULT_OK && result != RESULT_LIMIT)
		ahead->first = NULL;

	ahead->took_us = clock_monotonic_us() - start_us;
	return NULL;
}

void
read_ahead_start(struct read_ahead *ahead, struct journal_reader *reader, struct decoder *decoder,
    uint64_t after_seq, size_t entries_max)
{
	struct failure failure;
	arena_clear(&ahead->arena);
	ahead->first = NULL;
	ahead->reader = reader;
	ahead->decoder = decoder;
	ahead->after_seq = after_seq;
	ahead->entries_max = entries_max;
	ahead->running = thread_start(&ahead->thread, run, ahead, "the thread that reads ahead",
			     &failure) == RESULT_OK;
}

void
read_ahead_finish(struct read_ahead *ahead)
{
	if (ahead->running)
		pthread_join(ahead->thread, NULL);
	ahead->running = false;
}

const struct decoded_entry *
read_ahead_entries(const struct read_ahead *ahead, uint64_t after_seq)
{
	return ahead->after_seq == after_seq ? ahead->first : NULL;
}

void
read_ahead_drop(struct read_ahead *ahead)
{
	arena_done(&ahead->arena);
	ahead->first = NULL;
}
