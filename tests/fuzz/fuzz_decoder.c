/* decoder: a journal entry of any route. It gives at least one event. Lines: the method; the route;
 * the query; the media type; the body. */
#include "events.h"

static struct routes routes;

struct seen {
	const struct journal_entry *entry;
	size_t count;
};

static enum result
on_event(void *context, const struct event *event)
{
	struct seen *seen = context;
	seen->count++;
	fuzz_check_event(event, seen->entry);
	return RESULT_OK;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_input input = fuzz_begin(data, size);
	struct decoder decoder;
	struct journal_entry entry = {.seq = 42, .received_us = 7000000};
	struct seen seen = {.entry = &entry};
	log_set_level(LOG_ERROR);
	if (routes.count == 0)
		fuzz_make_routes(&routes);
	entry.method = fuzz_line(&input);
	entry.route = fuzz_line(&input);
	entry.query = fuzz_optional(&input);
	entry.media_type = fuzz_optional(&input);
	entry.body = fuzz_rest(&input);
	entry.account = SLICE("AC0123456789abcdef0123456789abcdef");
	decoder_init(&decoder, &routes, NULL, NULL);
	CHECK_OK(decoder_decode(&decoder, &entry, on_event, &seen));
	CHECK(seen.count > 0);
	decoder_done(&decoder);
	fuzz_end(&input);
	return 0;
}
