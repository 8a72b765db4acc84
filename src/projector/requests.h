/* requests: configurations, and work on the store, that other threads request. The projector's
 * thread takes them between two batches.
 *
 * Threads: requests_configure, requests_ask_work and requests_read_work may be called from
 * any; the others belong to the projector's. */
#pragma once

#include "dlrd/projector/projector_values.h"
#include "dlrd/projector/work.h"

#include <pthread.h>

struct pending_requests {
	bool reconfigure;
	struct projector_config config;
	struct projector_store_config store_config;
	bool work;
	struct work_order order; /* of work */
};

struct requests {
	pthread_mutex_t lock; /* guards both */
	struct pending_requests pending;
	enum work_kind kind; /* of the last work that was requested */
	struct work_result results[WORK_KIND_COUNT];
};

void requests_init(struct requests *requests);

/* Requests a configuration. An earlier one that was not taken is retired. */
void requests_configure(struct requests *requests, const struct projector_config *config,
    const struct projector_store_config *store_config);

/* Requests work. Returns false if some is requested or running already. */
bool requests_ask_work(struct requests *requests, const struct work_order *order);

/* The result of the last work of that kind; for work_done. */
void requests_read_work(
    struct requests *requests, enum work_kind kind, struct work_result *out_result);

/* Takes the pending requests. Work stays pending while the store is not open. */
struct pending_requests requests_take(struct requests *requests, bool store_is_open);

/* Makes requests that failed pending again. The configuration is retired if a newer one is
 * pending. */
void requests_put_back(struct requests *requests, struct pending_requests *taken);

/* Publishes the result of the work, and takes it over. */
void requests_note_work(struct requests *requests, const struct work_result *result);

/* Reports that the projector does not use config any more. */
void requests_retire(const struct projector_config *config);

void requests_done(struct requests *requests);
