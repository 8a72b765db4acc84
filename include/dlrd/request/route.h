/* route: the paths on which callbacks arrive, the kind of callback on each, and its tag templates.
 *
 * A route is matched by its whole path, byte for byte. The table is built once and then read by the
 * intake and the projector; nothing in it changes. */
#pragma once

#include "dlrd/model/tags.h"
#include "dlrd/twilio/callback.h"

/* More than a configuration needs. The path of every request is compared with each route. */
#define ROUTES_MAX 64

struct route {
	char *path; /* owned; begins with / */
	enum route_kind kind;
	struct tags_template workspace, campaign, variant;
	char *account; /* owned; its tokens verify a request that names no account; or NULL */
};

struct routes {
	struct route items[ROUTES_MAX];
	size_t count;
};

/* Returns NULL if no route has that path. */
const struct route *routes_find(const struct routes *routes, struct slice path);

void routes_done(struct routes *routes);
