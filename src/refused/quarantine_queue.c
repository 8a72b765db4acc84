#include "quarantine_queue.h"

#include "dlrd/base/thread.h"

#include <stdlib.h>
#include <string.h>

#define GATHER_US (CLOCK_SECOND_US / 200) /* arrivals in this time are written together */
#define RETRY_US CLOCK_SECOND_US          /* between attempts to write the same requests */
/* An examination decodes the form, builds the signed text, and compares it with another one. */
#define EXAMINED_TIMES 3

/* The slices of a request, all of which are copied. */
#define TEXTS(request)                                                                          \
	{                                                                                       \
		&(request)->incoming.method, &(request)->incoming.target, &(request)->route,    \
		    &(request)->incoming.media_type, &(request)->incoming.body,                 \
		    &(request)->account, &(request)->incoming.signature,                        \
		    &(request)->incoming.host, &(request)->incoming.forwarded_proto,            \
		    &(request)->incoming.forwarded_host, &(request)->incoming.forwarded_port,   \
		    &(request)->incoming.forwarded_prefix, &(request)->incoming.original_uri,   \
		    &(request)->cause, &(request)->incoming.settings, &(request)->incoming.peer \
	}
#define TEXT_COUNT 16

/* Returns the size of the copy, or SIZE_MAX if the texts exceed max. */
static size_t
size_of(const struct quarantined *request, size_t max)
{
	const struct slice *texts[TEXT_COUNT] = TEXTS(request);
	size_t size = 0;
	for (size_t i = 0; i < TEXT_COUNT; i++) {
		if (texts[i]->len > max - size)
			return SIZE_MAX;
		size += texts[i]->len;
	}
	/* One more byte, so that an empty text at the end points into the allocation. */
	return sizeof(struct quarantine_item) + size + 1;
}

static struct quarantine_item *
copy(const struct quarantined *request, size_t size)
{
	struct quarantine_item *item = malloc(size);
	if (item == NULL)
		return NULL;

	*item = (struct quarantine_item){.request = *request, .size = size};
	struct slice *texts[TEXT_COUNT] = TEXTS(&item->request);
	char *at = item->bytes;
	for (size_t i = 0; i < TEXT_COUNT; i++) {
		if (texts[i]->ptr == NULL)
			continue;
		if (texts[i]->len > 0)
			memcpy(at, texts[i]->ptr, texts[i]->len);
		texts[i]->ptr = at;
		at += texts[i]->len;
	}

	return item;
}

static void
free_list(struct quarantine_item *list)
{
	while (list != NULL) {
		struct quarantine_item *next = list->next;
		free(list);
		list = next;
	}
}

void
quarantine_queue_init(struct quarantine_queue *queue, const struct quarantine_options *options)
{
	*queue = (struct quarantine_queue){.entries_max = options->queue_entries_max,
	    .bytes_max = options->queue_bytes_max,
	    .request_max = options->request_max};
	queue->end = &queue->list;
	pthread_mutex_init(&queue->lock, NULL);
	thread_condition_init(&queue->called);
}

/* Requires the lock. */
static bool
take_room(struct quarantine_queue *queue, size_t size)
{
	if (queue->entries >= queue->entries_max ||
	    (queue->entries > 0 &&
		(queue->bytes >= queue->bytes_max || size > queue->bytes_max - queue->bytes)))
		return false;
	queue->entries++;
	queue->bytes += size;
	queue->memory += size;
	return true;
}

static void
append(struct quarantine_queue *queue, struct quarantine_item *item)
{
	pthread_mutex_lock(&queue->lock);
	if (queue->list == NULL)
		pthread_cond_signal(&queue->called);
	*queue->end = item;
	queue->end = &item->next;
	pthread_mutex_unlock(&queue->lock);
}

static void
give_room(struct quarantine_queue *queue, size_t entries, size_t bytes)
{
	pthread_mutex_lock(&queue->lock);
	queue->entries -= entries;
	queue->bytes -= bytes;
	queue->memory -= bytes;
	pthread_mutex_unlock(&queue->lock);
}

enum quarantine_offer_result
quarantine_queue_offer(struct quarantine_queue *queue, const struct quarantined *request)
{
	size_t size = size_of(request, queue->request_max);
	if (size == SIZE_MAX)
		return QUARANTINE_TOO_LARGE;

	/* Reserve before copying, so that a request without room costs nothing. */
	pthread_mutex_lock(&queue->lock);
	bool has_room = take_room(queue, size);
	pthread_mutex_unlock(&queue->lock);

	if (!has_room)
		return QUARANTINE_FULL;

	struct quarantine_item *item = copy(request, size);
	if (item == NULL) {
		give_room(queue, 1, size);
		return QUARANTINE_FULL;
	}

	append(queue, item);
	return QUARANTINE_TAKEN;
}

void
quarantine_queue_examine(struct quarantine_queue *queue, const struct quarantine_item *item)
{
	queue->memory += EXAMINED_TIMES * item->size;
}

void
quarantine_queue_examined(struct quarantine_queue *queue, const struct quarantine_item *item)
{
	queue->memory -= EXAMINED_TIMES * item->size;
}

/* Waits until a time, or until the list has a request, unless for_more. Requires the lock. */
static void
wait_until(struct quarantine_queue *queue, int64_t until_us, bool for_more)
{
	bool waits = true;
	while (!queue->woken && (for_more || queue->list == NULL) && waits)
		waits = thread_wait_until(&queue->called, &queue->lock, until_us);
}

void
quarantine_queue_wait(struct quarantine_queue *queue, int64_t timeout_us)
{
	pthread_mutex_lock(&queue->lock);
	wait_until(queue, clock_monotonic_us() + timeout_us, false);
	if (queue->list != NULL)
		wait_until(queue, queue->rest_us, true);
	queue->rest_us = clock_monotonic_us() + GATHER_US;
	queue->woken = false;
	pthread_mutex_unlock(&queue->lock);
}

void
quarantine_queue_wake(struct quarantine_queue *queue)
{
	pthread_mutex_lock(&queue->lock);
	queue->woken = true;
	pthread_cond_signal(&queue->called);
	pthread_mutex_unlock(&queue->lock);
}

struct quarantine_item *
quarantine_queue_take(struct quarantine_queue *queue)
{
	pthread_mutex_lock(&queue->lock);
	struct quarantine_item *list = queue->list;
	queue->list = NULL;
	queue->end = &queue->list;
	pthread_mutex_unlock(&queue->lock);
	return list;
}

void
quarantine_queue_put_back(struct quarantine_queue *queue, struct quarantine_item *list)
{
	struct quarantine_item **end = &list;
	while (*end != NULL)
		end = &(*end)->next;
	pthread_mutex_lock(&queue->lock);
	*end = queue->list;
	if (queue->list == NULL)
		queue->end = end == &list ? &queue->list : end;
	queue->list = list;
	queue->rest_us = clock_monotonic_us() + RETRY_US;
	pthread_mutex_unlock(&queue->lock);
}

void
quarantine_queue_settle(struct quarantine_queue *queue, struct quarantine_item *list)
{
	size_t entries = 0, bytes = 0;
	for (const struct quarantine_item *item = list; item != NULL; item = item->next) {
		entries++;
		bytes += item->size;
	}
	free_list(list);
	give_room(queue, entries, bytes);
}

void
quarantine_queue_done(struct quarantine_queue *queue)
{
	free_list(queue->list);
	pthread_cond_destroy(&queue->called);
	pthread_mutex_destroy(&queue->lock);
}
