#include "generation.h"

#include <stdlib.h>
#include <string.h>

static enum result
new_explainer(
    struct generation *generation, struct metrics *metrics, struct signature_failures *failures)
{
	const struct settings *settings = generation->settings;
	const struct explainer_options options = {.handler = generation->handler,
	    .routes = &settings->routes,
	    .verifier = settings->verifier,
	    .proxies = generation->proxies,
	    .proxy_count = generation->proxy_count,
	    .fields_max = (size_t)settings->fields_max,
	    .listen_port = settings_listen_port(settings),
	    .metrics = metrics,
	    .failures = failures};
	return explainer_new(&options, &generation->explainer);
}

/* They were checked when the settings were read. */
static void
read_proxies(struct generation *generation)
{
	const struct settings_list *texts = &generation->settings->trusted_proxies;
	for (size_t i = 0; i < texts->count; i++)
		if (socket_peer_read(slice_of(texts->items[i]),
			&generation->proxies[generation->proxy_count], NULL) == RESULT_OK)
			generation->proxy_count++;
}

enum result
generation_new(struct settings *settings, struct metrics *metrics,
    struct signature_failures *failures, struct quarantine *quarantine,
    struct generation **out_generation, struct failure *failure)
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
	struct generation *generation = calloc(1, sizeof *generation);
	if (generation == NULL) {
		settings_free(settings);
		return failure_set(failure, RESULT_NO_MEMORY, "no memory");
	}
	generation->settings = settings;
	generation->users = 1;
	read_proxies(generation);
	if (handler_new(&options, &generation->handler) != RESULT_OK ||
	    new_explainer(generation, metrics, failures) != RESULT_OK) {
		generation_release(generation);
		return failure_set(failure, RESULT_NO_MEMORY, "no memory");
	}
	*out_generation = generation;
	return RESULT_OK;
}

void
generation_use(struct generation *generation)
{
	atomic_fetch_add(&generation->users, 1);
}

void
generation_intake_config(struct generation *generation, struct intake_config *out_config)
{
	const struct settings *settings = generation->settings;
	*out_config = (struct intake_config){.handler = generation->handler,
	    .body_max = (size_t)settings->body_max,
	    .memory_max = (size_t)settings->memory_max,
	    .request_timeout_us = settings->request_timeout_us,
	    .keepalive_timeout_us = settings->keepalive_timeout_us,
	    .commit_timeout_us = settings->commit_timeout_us,
	    .context = generation,
	    .on_retired = generation_release};
	memcpy(out_config->proxies, generation->proxies, sizeof generation->proxies);
	out_config->proxy_count = generation->proxy_count;
	generation_use(generation);
}

void
generation_projector_config(struct generation *generation, struct projector_config *out_config)
{
	const struct settings *settings = generation->settings;
	*out_config = (struct projector_config){.routes = &settings->routes,
	    .keywords = settings->keywords,
	    .verifier = settings->verifier,
	    .context = generation,
	    .on_retired = generation_release};
	generation_use(generation);
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
generation_store_config(const struct generation *generation,
    struct projector_store_config *out_config, struct failure *failure)
{
	const struct settings *settings = generation->settings;
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
		.providers = &settings->providers};
	return RESULT_OK;
}

void
generation_release(void *context)
{
	struct generation *generation = context;
	if (generation == NULL || atomic_fetch_sub(&generation->users, 1) > 1)
		return;
	explainer_free(generation->explainer);
	handler_free(generation->handler);
	settings_free(generation->settings);
	free(generation);
}
