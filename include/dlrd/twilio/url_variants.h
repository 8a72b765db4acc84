/* url_variants: other schemes, hosts, ports and paths under which Twilio may have called.
 *
 * Proxies end TLS, listen on other ports, pass another Host on, take a prefix off the path or put
 * one before it, merge double slashes. The candidates come from the public URLs, from what the head
 * tells about the proxy, and from what is usual. Pure; any thread. */
#ifndef DLRD_TWILIO_URL_VARIANTS_H
#define DLRD_TWILIO_URL_VARIANTS_H

#include "dlrd/twilio/url.h"
#include "dlrd/twilio/variants.h"

/* What a request's head tells about the URL it was sent to. All of it is a stranger's word: good
 * for guessing, never for judging. Any of it may be absent; what is no host, port or path is passed
 * over, and of a comma-separated list the first is taken. */
struct url_hints {
	struct slice host;                                            /* Host */
	struct slice forwarded_proto, forwarded_host, forwarded_port; /* X-Forwarded-... */
	struct slice forwarded_prefix;                                /* X-Forwarded-Prefix */
	struct slice original; /* X-Original-URI or X-Original-URL: the target before the proxy */
	unsigned listen_port;  /* where the request arrived, 0 for unknown */
};

/* The target that hints->original tells of, absent where it tells none. */
struct slice url_hints_target(const struct url_hints *hints);

/* Whether Twilio may spell this scheme and port for a public URL: it takes the port off, and adds
 * the standard one where there is none. */
bool url_port_is_expected(const struct url_parts *base, const struct url_parts *signed_url);

/* Adds the origins, those of the bases first. */
void url_variants_add_origins(struct variants *variants, const struct url_parts *bases,
    size_t base_count, const struct url_hints *hints);

/* Adds the paths of a request with that path, those below the bases first. */
void url_variants_add_paths(struct variants *variants, const struct url_parts *bases,
    size_t base_count, struct slice path, const struct url_hints *hints);

enum path_change {
	PATH_SAME,            /* but perhaps for the slash at its end */
	PATH_PREFIX_STRIPPED, /* what was signed begins with more */
	PATH_PREFIX_ADDED,    /* ... with less */
	PATH_REWRITTEN,       /* otherwise, as where a double slash was merged */
};

struct path_difference {
	enum path_change change;
	bool slash;          /* at the end of only one of them */
	struct slice prefix; /* the path that the base should have; its own where none helps */
	struct slice added;  /* what was put before the path; absent where that is not the change */
};

/* How the path that was signed differs from that of a request below a base's path. What it gives is
 * borrowed from the three. */
struct path_difference url_compare_paths(
    struct slice signed_path, struct slice base, struct slice path);

#endif
