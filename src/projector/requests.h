/* requests: configurations and rebuilds that other threads request. The projector's thread takes
 * them between two batches.
 *
 * Threads: requests_configure, requests_ask_rebuild and requests_read_rebuild may be called from
 * any; the others belong to the projector's. */
#pragma once

#include "dlrd/projector/projector_values.h"

#include <pthread.h>

struct pending_requests {
	bool reconfigure;
	struct projector_config config;
	struct projector_store_config store_config;
	bool rebuild;
};

struct requests {
	pthread_mutex_t lock; /* guards both */
	struct pending_requests pending;
	struct projector_rebuild rebuild;
};

void requests_init(struct requests *requests);

/* Requests a configuration. An earlier one that was not taken is retired. */
void requests_configure(struct requests *requests, const struct projector_config *config,
    const struct projector_store_config *store_config);

/* Requests a rebuild. Returns false if one is requested or running already. */
bool requests_ask_rebuild(struct requests *requests);

void requests_read_rebuild(struct requests *requests, struct projector_rebuild *out_rebuild);

/* Takes the pending requests. A rebuild stays pending while the store is not open. */
struct pending_requests requests_take(struct requests *requests, bool store_is_open);

/* Makes requests that failed pending again. The configuration is retired if a newer one is
 * pending. */
void requests_put_back(struct requests *requests, struct pending_requests *taken);

/* Publishes the result of a rebuild. */
void requests_note_rebuild(struct requests *requests, const struct projector_rebuild *rebuild);

/* Reports that the projector does not use config any more. */
void requests_retire(const struct projector_config *config);

void requests_done(struct requests *requests);
