#include "snapshot.h"

#include <stdlib.h>
#include <string.h>

/* Offered requests may use half of memory_limit; the rest is for callbacks. */
#define QUARANTINE_MEMORY_SHARE 2
#define QUARANTINE_ENTRY_BYTES 1024 /* of quarantine_size, for which one entry may be stored */
#define QUARANTINE_QUEUE_ENTRIES 8192
/* Bytes; a longer queue is not written sooner. */
#define QUARANTINE_QUEUE_MAX (INT64_C(16) * 1024 * 1024)
#define QUARANTINE_BURST_SECONDS 50 /* of quarantine_rate, after a quiet time */

static enum result
new_diagnoser(
    struct snapshot *snapshot, struct metrics *metrics, struct signature_failures *failures)
{
	const struct settings *settings = snapshot->settings;
	const struct diagnoser_options options = {.has_verified = handler_has_verified,
	    .context = snapshot->handler,
	    .routes = &settings->routes,
	    .verifier = settings->verifier,
	    .proxies = snapshot->proxies,
	    .proxy_count = snapshot->proxy_count,
	    .fields_max = (size_t)settings->fields_max,
	    .listen_port = settings_listen_port(settings),
	    .metrics = metrics,
	    .failures = failures};
	return diagnoser_new(&options, &snapshot->diagnoser);
}

/* The addresses were checked when the settings were read, so none fails here. */
static void
read_proxies(struct snapshot *snapshot)
{
	const struct settings_list *texts = &snapshot->settings->trusted_proxies;
	for (size_t i = 0; i < texts->count; i++)
		if (socket_peer_read(slice_of(texts->items[i]),
			&snapshot->proxies[snapshot->proxy_count], NULL) == RESULT_OK)
			snapshot->proxy_count++;
}

enum result
snapshot_new(struct settings *settings, struct metrics *metrics,
    struct signature_failures *failures, struct quarantine *quarantine,
    struct snapshot **out_snapshot, struct failure *failure)
{
	const struct handler_options options = {.routes = &settings->routes,
	    .verifier = settings->verifier,
	    .keywords = settings->keywords,
	    .limits = {.target_max = (size_t)settings->request_line_max,
		.headers_max = (size_t)settings->headers_max,
		.body_max = (size_t)settings->body_max,
		.fields_max = (size_t)settings->fields_max},
	    .metrics = metrics,
	    .quarantine = quarantine};
	struct snapshot *snapshot = calloc(1, sizeof *snapshot);
	if (snapshot == NULL) {
		settings_free(settings);
		return failure_set(failure, RESULT_NO_MEMORY, "no memory");
	}
	snapshot->settings = settings;
	snapshot->users = 1;
	read_proxies(snapshot);
	if (handler_new(&options, &snapshot->handler) != RESULT_OK ||
	    new_diagnoser(snapshot, metrics, failures) != RESULT_OK) {
		snapshot_release(snapshot);
		return failure_set(failure, RESULT_NO_MEMORY, "no memory");
	}
	*out_snapshot = snapshot;
	return RESULT_OK;
}

void
snapshot_intake_config(struct snapshot *snapshot, struct intake_config *out_config)
{
	const struct settings *settings = snapshot->settings;
	*out_config = (struct intake_config){.handler = snapshot->handler,
	    .body_max = (size_t)settings->body_max,
	    .memory_max = (size_t)settings->memory_max,
	    .request_timeout_us = settings->request_timeout_us,
	    .keepalive_timeout_us = settings->keepalive_timeout_us,
	    .commit_timeout_us = settings->commit_timeout_us,
	    .context = snapshot,
	    .on_retired = snapshot_release};
	memcpy(out_config->proxies, snapshot->proxies, sizeof snapshot->proxies);
	out_config->proxy_count = snapshot->proxy_count;
	atomic_fetch_add(&snapshot->users, 1);
}

void
snapshot_projector_config(struct snapshot *snapshot, struct projector_config *out_config)
{
	const struct settings *settings = snapshot->settings;
	*out_config = (struct projector_config){.routes = &settings->routes,
	    .keywords = settings->keywords,
	    .verifier = settings->verifier,
	    .context = snapshot,
	    .on_retired = snapshot_release};
	atomic_fetch_add(&snapshot->users, 1);
}

void
snapshot_quarantine_worker_config(
    struct snapshot *snapshot, struct quarantine_worker_config *out_config)
{
	*out_config = (struct quarantine_worker_config){
	    .diagnoser = snapshot->diagnoser, .context = snapshot, .on_retired = snapshot_release};
	atomic_fetch_add(&snapshot->users, 1);
}

void
snapshot_quarantine_options(const struct settings *settings, struct quarantine_options *out_options)
{
	int64_t queue_max = settings->memory_max / QUARANTINE_MEMORY_SHARE;

	*out_options = (struct quarantine_options){.open_later = true,
	    .entries_max = (uint64_t)settings->quarantine_size / QUARANTINE_ENTRY_BYTES,
	    .bytes_max = (uint64_t)settings->quarantine_size,
	    .keep_us = settings->quarantine_keep_us,
	    .queue_entries_max = QUARANTINE_QUEUE_ENTRIES,
	    .queue_bytes_max =
		(size_t)(queue_max < QUARANTINE_QUEUE_MAX ? queue_max : QUARANTINE_QUEUE_MAX),
	    .unproven = {(uint32_t)settings->quarantine_rate,
		(uint32_t)settings->quarantine_rate * QUARANTINE_BURST_SECONDS},
	    .request_max =
		(size_t)(settings->body_max + settings->request_line_max + settings->headers_max)};
}

static enum result
load_catalogue(
    const struct settings *settings, struct error_catalogue *out_catalogue, struct failure *failure)
{
	enum result result =
	    settings->error_codes[0] == '\0'
		? error_catalogue_load_built_in(out_catalogue, failure)
		: error_catalogue_load(settings->error_codes, out_catalogue, failure);
	if (result != RESULT_OK || settings->error_codes_site[0] == '\0')
		return result;
	result = error_catalogue_overlay(out_catalogue, settings->error_codes_site, failure);
	if (result != RESULT_OK)
		error_catalogue_done(out_catalogue);
	return result;
}

enum result
snapshot_store_config(const struct snapshot *snapshot, struct projector_store_config *out_config,
    struct failure *failure)
{
	const struct settings *settings = snapshot->settings;
	struct error_catalogue *catalogue = malloc(sizeof *catalogue);
	if (catalogue == NULL)
		return failure_set(failure, RESULT_NO_MEMORY, "no memory");
	enum result result = load_catalogue(settings, catalogue, failure);
	if (result != RESULT_OK) {
		free(catalogue);
		return result;
	}
	*out_config =
	    (struct projector_store_config){.options = {.policy = settings->conflicts,
						.reply_window_us = settings->reply_window_us,
						.reply_late_us = settings->reply_late_us},
		.catalogue = catalogue,
		.providers = &settings->providers,
		.keywords = settings->keywords};
	return RESULT_OK;
}

struct api_tokens
snapshot_api_tokens(const struct settings *settings)
{
	return (struct api_tokens){.operator_token = settings->api_token,
	    .reader_token = settings->api_reader_token,
	    .mask_numbers = settings->api_mask_numbers};
}

void
snapshot_release(void *context)
{
	struct snapshot *snapshot = context;
	if (snapshot == NULL || atomic_fetch_sub(&snapshot->users, 1) > 1)
		return;
	diagnoser_free(snapshot->diagnoser);
	handler_free(snapshot->handler);
	settings_free(snapshot->settings);
	free(snapshot);
}
