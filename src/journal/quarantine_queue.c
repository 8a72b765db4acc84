#include "dlrd/journal/quarantine_queue.h"

#include <stdlib.h>
#include <string.h>

#define TOKEN INT64_C(1000000)

static struct quarantine_bucket
full_bucket(struct quarantine_rate rate)
{
	return (struct quarantine_bucket){.rate = rate, .tokens = rate.burst * TOKEN};
}

static bool
take_token(struct quarantine_bucket *bucket, int64_t now_us)
{
	int64_t most = bucket->rate.burst * TOKEN;
	int64_t filling_us = most / bucket->rate.per_second + 1; /* longer adds nothing */
	int64_t passed_us = now_us - bucket->seen_us;
	if (passed_us > filling_us)
		passed_us = filling_us;
	if (passed_us > 0) { /* two threads may have read the clock in the other order */
		bucket->tokens += passed_us * bucket->rate.per_second;
		bucket->seen_us = now_us;
	}
	if (bucket->tokens > most)
		bucket->tokens = most;
	if (bucket->tokens < TOKEN)
		return false;
	bucket->tokens -= TOKEN;
	return true;
}

/* The slices of a request, all of which are copied. */
#define TEXTS(request)                                                                             \
	{                                                                                          \
		&(request)->method, &(request)->target, &(request)->route, &(request)->media_type, \
		    &(request)->body, &(request)->account, &(request)->signature,                  \
		    &(request)->host, &(request)->forwarded_proto, &(request)->forwarded_host,     \
		    &(request)->original_uri, &(request)->cause                                    \
	}
#define TEXT_COUNT 12

/* What the copy takes; SIZE_MAX where the sum is beyond max. */
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
	/* One more, so that an empty text at the end points at something. */
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
	*queue = (struct quarantine_queue){.unproven = full_bucket(options->unproven),
	    .proven = full_bucket(options->proven),
	    .entries_max = options->queue_entries_max,
	    .bytes_max = options->queue_bytes_max,
	    .request_max = options->request_max};
	queue->end = &queue->list;
	pthread_mutex_init(&queue->lock, NULL);
}

static bool
has_room(const struct quarantine_queue *queue, size_t size, bool proven)
{
	size_t entries = queue->entries_max, bytes = queue->bytes_max;
	if (!proven) {
		entries -= entries / 4;
		bytes -= bytes / 4;
	}
	return queue->entries < entries && queue->bytes < bytes && size <= bytes - queue->bytes;
}

/* With the lock held. Room comes first: what finds none costs no token. */
static enum quarantine_fate
admit(struct quarantine_queue *queue, size_t size, bool proven, int64_t now_us)
{
	if (!has_room(queue, size, proven))
		return QUARANTINE_FULL;
	if (!take_token(proven ? &queue->proven : &queue->unproven, now_us))
		return QUARANTINE_RATE;
	queue->entries++;
	queue->bytes += size;
	return QUARANTINE_TAKEN;
}

static void
append(struct quarantine_queue *queue, struct quarantine_item *item)
{
	pthread_mutex_lock(&queue->lock);
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
	pthread_mutex_unlock(&queue->lock);
}

enum quarantine_fate
quarantine_queue_offer(
    struct quarantine_queue *queue, const struct quarantined *request, int64_t now_us)
{
	size_t size = size_of(request, queue->request_max);
	if (size == SIZE_MAX)
		return QUARANTINE_TOO_LARGE;
	/* Admitted before it is copied: in a flood most requests must cost nothing. */
	pthread_mutex_lock(&queue->lock);
	enum quarantine_fate fate = admit(queue, size, request->proven, now_us);
	pthread_mutex_unlock(&queue->lock);
	if (fate != QUARANTINE_TAKEN)
		return fate;
	struct quarantine_item *item = copy(request, size);
	if (item == NULL) {
		give_room(queue, 1, size);
		return QUARANTINE_FULL;
	}
	append(queue, item);
	return QUARANTINE_TAKEN;
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
	pthread_mutex_destroy(&queue->lock);
}
