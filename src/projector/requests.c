#include "requests.h"

#include <stdlib.h>

void
requests_init(struct requests *requests)
{
	*requests = (struct requests){.kind = WORK_REBUILD};
	pthread_mutex_init(&requests->lock, NULL);
}

void
requests_retire(const struct projector_config *config)
{
	if (config->on_retired != NULL)
		config->on_retired(config->context);
}

/* Releases a configuration that was requested and not taken. */
static void
drop_configuration(struct pending_requests *dropped)
{
	if (!dropped->reconfigure)
		return;

	error_catalogue_done(dropped->store_config.catalogue);
	free(dropped->store_config.catalogue);
	requests_retire(&dropped->config);
	dropped->reconfigure = false;
}

void
requests_configure(struct requests *requests, const struct projector_config *config,
    const struct projector_store_config *store_config)
{
	pthread_mutex_lock(&requests->lock);
	struct pending_requests overtaken = requests->pending;
	requests->pending.reconfigure = true;
	requests->pending.config = *config;
	requests->pending.store_config = *store_config;
	pthread_mutex_unlock(&requests->lock);

	drop_configuration(&overtaken);
}

bool
requests_ask_work(struct requests *requests, const struct work_order *order)
{
	pthread_mutex_lock(&requests->lock);
	bool accepted = requests->results[requests->kind].state != WORK_RUNNING;
	if (accepted) {
		requests->pending.work = true;
		requests->pending.order = *order;
		requests->kind = order->kind;
		work_done(&requests->results[order->kind]);
		requests->results[order->kind] = (struct work_result){.state = WORK_RUNNING};
	}
	pthread_mutex_unlock(&requests->lock);

	return accepted;
}

void
requests_read_work(struct requests *requests, enum work_kind kind, struct work_result *out_result)
{
	pthread_mutex_lock(&requests->lock);
	*out_result = work_copy(&requests->results[kind]);
	pthread_mutex_unlock(&requests->lock);
}

struct pending_requests
requests_take(struct requests *requests, bool store_is_open)
{
	pthread_mutex_lock(&requests->lock);
	struct pending_requests taken = requests->pending;
	requests->pending = (struct pending_requests){.reconfigure = false};
	if (!store_is_open) {
		requests->pending.work = taken.work;
		requests->pending.order = taken.order;
		taken.work = false;
	}
	pthread_mutex_unlock(&requests->lock);

	return taken;
}

void
requests_put_back(struct requests *requests, struct pending_requests *taken)
{
	pthread_mutex_lock(&requests->lock);
	bool is_overtaken = requests->pending.reconfigure;
	if (requests->pending.work) {
		taken->work = true;
		taken->order = requests->pending.order;
	}
	if (is_overtaken) {
		requests->pending.work = taken->work;
		requests->pending.order = taken->order;
	} else
		requests->pending = *taken;
	pthread_mutex_unlock(&requests->lock);

	if (is_overtaken)
		drop_configuration(taken);
	*taken = (struct pending_requests){.reconfigure = false};
}

void
requests_note_work(struct requests *requests, const struct work_result *result)
{
	pthread_mutex_lock(&requests->lock);
	requests->results[requests->kind] = *result;
	pthread_mutex_unlock(&requests->lock);
}

void
requests_done(struct requests *requests)
{
	drop_configuration(&requests->pending);
	for (int kind = 0; kind < WORK_KIND_COUNT; kind++)
		work_done(&requests->results[kind]);
	pthread_mutex_destroy(&requests->lock);
}
