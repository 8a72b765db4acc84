/* snapshot: one parsed configuration in use, and the objects that are built from it.
 *
 * The intake, the projector, the quarantine worker and the daemon each use a snapshot. After a
 * reload each changes to the new one at a time of its own: a request is served by one snapshot
 * throughout. The last user frees a snapshot. Users may be added and removed on any thread; the
 * other functions are for the daemon's main thread. */
#pragma once

#include "dlrd/api/caller.h"
#include "dlrd/daemon/settings.h"
#include "dlrd/intake/intake.h"
#include "dlrd/projector/projector.h"
#include "dlrd/refused/quarantine_worker.h"

#include <stdatomic.h>

struct snapshot {
	struct settings *settings;                      /* owned, like the next two */
	struct handler *handler;                        /* used by the intake */
	struct diagnoser *diagnoser;                    /* used by the quarantine worker */
	struct socket_peer proxies[INTAKE_PROXIES_MAX]; /* [server] trusted_proxies */
	size_t proxy_count;
	_Atomic int users;
};

/* Creates a snapshot with one user, the caller. Takes settings over, also on failure. metrics,
 * failures and quarantine are borrowed and must outlive all snapshots. */
must_check enum result snapshot_new(struct settings *settings, struct metrics *metrics,
    struct signature_failures *failures, struct quarantine *quarantine,
    struct snapshot **out_snapshot, struct failure *failure);

/* Fill in the configuration of the intake, the projector and the quarantine worker. Each adds a
 * user; its on_retired is snapshot_release. */
void snapshot_intake_config(struct snapshot *snapshot, struct intake_config *out_config);
void snapshot_projector_config(struct snapshot *snapshot, struct projector_config *out_config);
void snapshot_quarantine_worker_config(
    struct snapshot *snapshot, struct quarantine_worker_config *out_config);

/* Fills in the options of the quarantine, except its path. */
void snapshot_quarantine_options(
    const struct settings *settings, struct quarantine_options *out_options);

/* Fills in the configuration of the store, whose error catalogue is read from its files; if that
 * fails, failure names the file and the mistake. */
must_check enum result snapshot_store_config(const struct snapshot *snapshot,
    struct projector_store_config *out_config, struct failure *failure);

/* The tokens of the api, borrowed from settings. */
struct api_tokens snapshot_api_tokens(const struct settings *settings);

/* Removes a user; the last one frees the snapshot. context is a struct snapshot. Accepts NULL. */
void snapshot_release(void *context);
