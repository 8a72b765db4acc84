#include "reload.h"

#include "dlrd/base/log.h"
#include "dlrd/daemon/reload_socket.h"
#include "secrets.h"
#include "systemd.h"

#include <stdlib.h>

/* context: the buffer of lines for the caller. */
static void
report_fixed(void *context, const char *section, const char *key)
{
	log_line(LOG_WARNING,
	    "reload: [%s] %s has changed, which needs a restart of dlrd; the old value applies "
	    "until then",
	    section, key);
	buffer_appendf(
	    context, "[%s] %s has changed; that takes effect with a restart\n", section, key);
}

/* Appends to lines the reason of a failure, and the settings that only a restart changes. */
static enum result
read_snapshot(struct daemon *daemon, const struct settings *old, struct snapshot **out_snapshot,
    struct buffer *lines)
{
	struct settings *settings;
	struct failure failure;
	enum result result = settings_load(old->path, SETTINGS_SERVE, &settings, lines);
	if (result != RESULT_OK)
		return result;

	settings_keep_fixed(settings, old, report_fixed, lines);
	result = snapshot_new(settings, daemon->metrics, daemon->failures,
	    quarantine_worker_quarantine(daemon->quarantine_worker), out_snapshot, &failure);
	if (result != RESULT_OK)
		buffer_appendf(lines, "%s\n", failure.text);
	return result;
}

/* Frees the store's configuration, which nothing has taken over. */
static void
drop_store_config(struct projector_store_config *store)
{
	error_catalogue_done(store->catalogue);
	free(store->catalogue);
}

/* Returns RESULT_OK with the intake configured, or an error with nothing changed and the reason in
 * lines. The intake is the last step that can fail. */
static enum result
prepare(struct daemon *daemon, struct snapshot *snapshot, struct projector_store_config *out_store,
    struct buffer *lines)
{
	struct intake_config intake;
	struct failure failure;
	if (snapshot_store_config(snapshot, out_store, &failure) != RESULT_OK) {
		buffer_appendf(lines, "%s\n", failure.text);
		return RESULT_INVALID;
	}
	if (snapshot->settings->api_token == NULL && api_needs_token(daemon->api)) {
		drop_store_config(out_store);
		buffer_append(lines,
		    SLICE("[api] token_file is empty, but the api listens on an address that is "
			  "not loopback; set it\n"));
		return RESULT_INVALID;
	}

	snapshot_intake_config(snapshot, &intake);
	if (intake_configure(daemon->intake, &intake) != RESULT_OK) {
		snapshot_release(snapshot); /* the intake's use */
		drop_store_config(out_store);
		buffer_append(lines, SLICE("no memory\n"));
		return RESULT_NO_MEMORY;
	}
	return RESULT_OK;
}

static enum result
apply(struct daemon *daemon, struct snapshot *snapshot, struct buffer *lines)
{
	const struct settings *settings = snapshot->settings;
	struct projector_store_config store;
	struct projector_config projector;
	struct quarantine_worker_config worker;
	enum result result = prepare(daemon, snapshot, &store, lines);
	if (result != RESULT_OK)
		return result;

	size_t codes = store.catalogue->count; /* the projector takes the catalogue over */
	snapshot_projector_config(snapshot, &projector);
	projector_configure(daemon->projector, &projector, &store);
	snapshot_quarantine_worker_config(snapshot, &worker);
	quarantine_worker_configure(daemon->quarantine_worker, &worker);
	writer_set_keep(
	    daemon->writer, settings->journal_keep_us, (uint64_t)settings->journal_size);
	const struct api_tokens tokens = snapshot_api_tokens(settings);
	api_set_tokens(daemon->api, &tokens);
	atomic_store(&daemon->country_code, settings->country_code);
	log_set_level(settings->log_level);
	secrets_warn(settings);

	log_line(LOG_INFO, "reload: configuration re-read, with %zu error codes", codes);
	return RESULT_OK;
}

/* Returns true if the new configuration is in use. */
static bool
reload(struct daemon *daemon, struct buffer *lines)
{
	struct snapshot *old = daemon->snapshot, *next;
	systemd_notify_reloading();

	bool applied = read_snapshot(daemon, old->settings, &next, lines) == RESULT_OK;
	if (applied) {
		applied = apply(daemon, next, lines) == RESULT_OK;
		pthread_mutex_lock(&daemon->state_lock);
		daemon->snapshot = applied ? next : old;
		pthread_mutex_unlock(&daemon->state_lock);
		snapshot_release(applied ? old : next);
	}
	if (!applied)
		log_lines(LOG_ERROR, "reload: configuration unchanged: ", buffer_slice(lines));

	systemd_notify("READY=1");
	return applied;
}

void
reload_if_asked(struct daemon *daemon, bool by_signal)
{
	int clients[RELOAD_CLIENTS_MAX];
	size_t count = 0;
	while (count < RELOAD_CLIENTS_MAX &&
	       (clients[count] = reload_socket_accept(daemon->reload_fd)) >= 0)
		count++;
	if (count == 0 && !by_signal)
		return;

	struct buffer lines = BUFFER_EMPTY;
	bool reloaded = reload(daemon, &lines);
	for (size_t i = 0; i < count; i++)
		reload_socket_answer(clients[i], reloaded, buffer_slice(&lines));
	buffer_done(&lines);
}
