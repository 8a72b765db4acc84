/* reload: replaces the configuration snapshot of a running daemon, on SIGHUP or for `dlrd reload`.
 *
 * All of the new configuration takes effect, or nothing of it: everything that can fail is done
 * before the first part is configured. A setting that only a restart can change keeps its old
 * value, with a warning. For the daemon's main thread. */
#pragma once

#include "dlrd/api/api.h"
#include "dlrd/journal/writer.h"
#include "snapshot.h"

/* The parts that a reload configures, all borrowed. */
struct reload_parts {
	struct metrics *metrics;
	struct signature_failures *failures;
	struct quarantine_worker *quarantine_worker;
	struct writer *writer;
	struct projector *projector;
	struct intake *intake;
	struct api *api;
	_Atomic int64_t *country_code; /* which the api's threads read */
};

/* Re-reads the file of *snapshot. Returns true if the new configuration is in use: then *snapshot
 * is replaced and the old one released. Logs the result and notifies systemd. Appends to lines,
 * for the caller of `dlrd reload`, the mistakes and the settings that need a restart. */
bool reload(const struct reload_parts *parts, struct snapshot **snapshot, struct buffer *lines);

/* If calls of `dlrd reload` wait at socket_fd (reload_socket.h), reloads once and answers all of
 * them: each caller connected after its file was written. */
void reload_for_clients(
    const struct reload_parts *parts, struct snapshot **snapshot, int socket_fd);
