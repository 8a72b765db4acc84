#include "dlrd/projector/tagger.h"

#include "dlrd/base/log.h"

/* The intake accepts no request with more fields; this bounds entries of other origin. */
#define FIELDS_MAX 65536

/* Parameters that the log line about an untagged receipt names, and bytes of each name. */
#define LOGGED_NAMES_MAX 8
#define LOGGED_NAME_SIZE 40

void
tagger_init(struct tagger *tagger, const struct routes *routes)
{
	*tagger = (struct tagger){.routes = routes};
}

static struct slice
look_up_tag(const void *context, struct slice name)
{
	return form_get(context, name);
}

/* Logs a long tag once for each route, since all callbacks of a campaign may have it. */
static void
log_long_tag(struct tagger *tagger, const struct route *route, const char *name)
{
	size_t index = (size_t)(route - tagger->routes->items);
	if (tagger->long_tag_logged[index])
		return;

	tagger->long_tag_logged[index] = true;
	log_line(LOG_WARNING,
	    "on %s, the %s in the query of a callback is longer than %d bytes: such callbacks are "
	    "counted without it; use shorter names (logged once for each path)",
	    route->path, name, TAGS_VALUE_MAX);
}

static enum tags_fit
fill(struct tagger *tagger, const struct route *route, struct event *event, bool *out_all)
{
	struct buffer *names = &tagger->names;
	const struct {
		const struct tags_template *template;
		const char *name;
	} tags[] = {{&route->workspace, "workspace"}, {&route->campaign, "campaign"},
	    {&route->variant, "variant"}};
	size_t ends[3];
	enum tags_fit fits[3];

	for (size_t i = 0; i < 3; i++) {
		fits[i] = tags_template_fill(tags[i].template, look_up_tag, &tagger->query, names);
		ends[i] = names->len;
		if (fits[i] == TAGS_TOO_LONG)
			log_long_tag(tagger, route, tags[i].name);
	}

	struct slice text = buffer_slice(names);
	event->workspace = (struct slice){text.ptr, ends[0]};
	event->campaign = (struct slice){text.ptr + ends[0], ends[1] - ends[0]};
	event->variant = slice_from(text, ends[1]);
	*out_all = fits[0] == TAGS_FIT && fits[1] == TAGS_FIT && fits[2] == TAGS_FIT;
	return fits[1];
}

enum result
tagger_fill(struct tagger *tagger, struct event *event, struct tagger_fit *out_fit)
{
	struct tagger_fit fit = {
	    .route = routes_find(tagger->routes, event->source_path), .campaign = TAGS_MISSING};
	buffer_clear(&tagger->names);
	event->workspace = event->campaign = event->variant = SLICE("");
	if (form_decode(&tagger->query, event->source_query, FIELDS_MAX) != RESULT_OK)
		return RESULT_NO_MEMORY;

	if (fit.route != NULL)
		fit.campaign = fill(tagger, fit.route, event, &fit.all);
	*out_fit = fit;
	return tagger->names.failed ? RESULT_NO_MEMORY : RESULT_OK;
}

/* All callbacks of a sender may be like it. */
void
tagger_log_untagged(struct tagger *tagger, const struct tagger_fit *fit)
{
	const struct route *route = fit->route;
	const struct form *query = &tagger->query;
	struct buffer names = BUFFER_EMPTY;
	if (route == NULL || fit->campaign != TAGS_MISSING)
		return;
	size_t index = (size_t)(route - tagger->routes->items);
	if (tagger->untagged_logged[index])
		return;

	tagger->untagged_logged[index] = true;
	for (size_t i = 0; i < query->count && i < LOGGED_NAMES_MAX; i++) {
		struct slice name = query->fields[i].name;
		buffer_append(&names, i == 0 ? SLICE("only ") : SLICE(", "));
		buffer_append_visible(&names, slice_cut(name, LOGGED_NAME_SIZE));
		if (name.len > LOGGED_NAME_SIZE)
			buffer_append(&names, SLICE("..."));
	}
	buffer_append(&names, query->count == 0                 ? SLICE("no parameters")
			      : query->count > LOGGED_NAMES_MAX ? SLICE(" and more")
								: SLICE(""));
	log_line(LOG_WARNING,
	    "on %s, the query of a callback does not match campaign = %s: it has %.*s; such "
	    "callbacks are stored, and count as (untagged) (logged once for each path)",
	    route->path, route->campaign.text, SLICE_ARG(buffer_slice(&names)));
	buffer_done(&names);
}

void
tagger_done(struct tagger *tagger)
{
	form_done(&tagger->query);
	buffer_done(&tagger->names);
}
