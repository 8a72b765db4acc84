#include "dlrd/request/route.h"

#include <stdlib.h>

const struct route *
routes_find(const struct routes *routes, struct slice path)
{
	for (size_t i = 0; i < routes->count; i++)
		if (slice_equal(path, slice_of(routes->items[i].path)))
			return &routes->items[i];
	return NULL;
}

static void
route_done(struct route *route)
{
	tags_template_done(&route->workspace);
	tags_template_done(&route->campaign);
	tags_template_done(&route->variant);
	free(route->path);
	free(route->account);
	*route = (struct route){0};
}

void
routes_done(struct routes *routes)
{
	for (size_t i = 0; i < routes->count; i++)
		route_done(&routes->items[i]);
	routes->count = 0;
}
