/* generation: one reading of the configuration, in force: the settings and what is made of them.
 *
 * The intake, the projector, the keeper and the api each use a generation, and change to the next
 * one when it suits them: a request is served whole by the one it began with. The last user frees
 * it. Users may come and go on any thread; all else is the daemon's main thread's. */
#ifndef DLRD_DAEMON_GENERATION_H
#define DLRD_DAEMON_GENERATION_H

#include "dlrd/daemon/settings.h"
#include "dlrd/intake/explainer.h"
#include "dlrd/intake/intake.h"
#include "dlrd/projector/projector.h"

#include <stdatomic.h>

struct generation {
	struct settings *settings;
	struct handler *handler;
	struct explainer *explainer;                    /* the keeper's to use */
	struct socket_peer proxies[INTAKE_PROXIES_MAX]; /* [server] trusted_proxies */
	size_t proxy_count;
	_Atomic int users;
};

/* Made with one user, the caller. Takes settings over, also on failure; metrics, failures
 * and quarantine outlive all generations and are borrowed. */
must_check enum result generation_new(struct settings *settings, struct metrics *metrics,
    struct signature_failures *failures, struct quarantine *quarantine,
    struct generation **out_generation, struct failure *failure);

/* What the intake and the projector need of it, each with a user more: their on_retired is
 * generation_release. */
void generation_intake_config(struct generation *generation, struct intake_config *out_config);
void generation_projector_config(
    struct generation *generation, struct projector_config *out_config);

/* What the store needs of it. The catalogue is read from its files: failure says what is wrong with
 * them. */
must_check enum result generation_store_config(const struct generation *generation,
    struct projector_store_config *out_config, struct failure *failure);

/* One user more, who is to call generation_release. */
void generation_use(struct generation *generation);

/* One user less. context is the struct generation; NULL is accepted. */
void generation_release(void *context);

#endif
