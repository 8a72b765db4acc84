/* events: routes, and what holds of every event that was decoded. */
#ifndef DLRD_TESTS_FUZZ_EVENTS_H
#define DLRD_TESTS_FUZZ_EVENTS_H

#include "dlrd/projector/decoder.h"

#include "fuzz.h"

static inline void
fuzz_add_route(struct routes *routes, const char *path, enum route_kind kind)
{
	struct route *route = &routes->items[routes->count++];
	route->path = strdup(path);
	route->kind = kind;
	CHECK_OK(tags_template_init(&route->workspace, SLICE("{account}"), NULL));
	CHECK_OK(tags_template_init(&route->campaign, SLICE("{meta.3}_{meta.4}"), NULL));
	CHECK_OK(tags_template_init(&route->variant, SLICE("{meta.6}"), NULL));
}

static inline void
fuzz_make_routes(struct routes *routes)
{
	fuzz_add_route(routes, "/auto", ROUTE_AUTO);
	fuzz_add_route(routes, "/status", ROUTE_STATUS);
	fuzz_add_route(routes, "/inbound", ROUTE_INBOUND);
	fuzz_add_route(routes, "/click", ROUTE_CLICK);
	fuzz_add_route(routes, "/events", ROUTE_EVENTS);
	fuzz_add_route(routes, "/debugger", ROUTE_DEBUGGER);
}

static inline void
fuzz_check_tag(struct slice tag)
{
	CHECK(tag.len <= TAGS_VALUE_MAX && slice_is_utf8(tag));
}

static inline void
fuzz_check_event(const struct event *event, const struct journal_entry *entry)
{
	CHECK(event->journal_seq == entry->seq && event->time_us == entry->received_us);
	CHECK(event->type < EVENT_TYPE_COUNT);
	CHECK(event->error_code >= -1 && event->error_code <= 999999999);
	fuzz_check_tag(event->workspace);
	fuzz_check_tag(event->campaign);
	fuzz_check_tag(event->variant);
	CHECK(!event->folds || event->message.len > 0);
	CHECK((event->consent == CONSENT_SILENT) || event->cause.len > 0);
	if (event->type == EVENT_UNRECOGNISED && !event->folds)
		CHECK(event->raw_body.ptr != NULL || entry->body.ptr == NULL);
	if (event->extra.ptr != NULL)
		fuzz_check_json(event->extra, JSON_KIND_OBJECT);
}

#endif
