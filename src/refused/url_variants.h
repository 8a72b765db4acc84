/* url_variants: other schemes, hosts, ports and paths under which Twilio may have called.
 *
 * Proxies end TLS, listen on other ports, send another Host, strip a prefix from the path or add
 * one, and merge double slashes. The candidates come from the public URLs, from the request's Host,
 * X-Forwarded- and X-Original-URI headers, and from common set-ups. Untrusted clients can forge
 * these headers: they are good for guessing, never for a decision. Values that are not a valid
 * host, port or path are ignored; of a comma-separated list the first is used. Pure; any thread. */
#pragma once

#include "dlrd/twilio/incoming.h"
#include "variants.h"

/* Returns the target in incoming->original_uri; absent if it has none. */
struct slice url_original_target(const struct incoming *incoming);

/* Adds the origins, those of the bases first. listen_port is the port on which the request arrived;
 * 0: unknown. */
void url_variants_add_origins(struct variants *variants, const struct url_parts *bases,
    size_t base_count, const struct incoming *incoming, unsigned listen_port);

/* Adds the paths, those below the bases first. */
void url_variants_add_paths(struct variants *variants, const struct url_parts *bases,
    size_t base_count, const struct incoming *incoming);

enum path_change {
	PATH_SAME,            /* except for a slash at the end */
	PATH_PREFIX_STRIPPED, /* the signed path begins with more */
	PATH_PREFIX_ADDED,    /* the signed path begins with less */
	PATH_REWRITTEN,       /* changed otherwise, such as a merged double slash */
};

struct path_difference {
	enum path_change change;
	bool slash;          /* at the end of only one of them */
	struct slice prefix; /* the path that the base should have; its own if none helps */
	struct slice added;  /* added before the path; absent for another change */
};

/* Compares the signed path with that of a request below a base's path. The slices of the result are
 * borrowed from the three arguments. */
struct path_difference url_compare_paths(
    struct slice signed_path, struct slice base, struct slice path);
