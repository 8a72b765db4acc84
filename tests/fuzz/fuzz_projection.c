/* projection: journal entries, through the decoder, into a store. The audit finds no difference, a
 * rebuild changes nothing, and the same entries again change no figure.
 *
 * The input is the policy for conflicts, then one or more entries, divided by a line "%%": the
 * route; the query; the media type; the body. */
#include "../unit/campaigns.h"
#include "../unit/windows.h"
#include "dlrd/store/audit.h"
#include "dlrd/store/store.h"

#include "events.h"

#define ENTRIES_MAX 32
#define START_US (INT64_C(480000) * CLOCK_HOUR_US)
#define STEP_US                                                                           \
	(20 * 60 * CLOCK_SECOND_US) /* some replies are within [replies] late, others not \
				     */

static struct routes routes;
static char *template; /* an empty store, as bytes */
static size_t template_len;

struct entries {
	struct journal_entry items[ENTRIES_MAX];
	size_t count;
};

static void
read_template(const char *path)
{
	FILE *file = fopen(path, "re");
	CHECK(file != NULL && fseek(file, 0, SEEK_END) == 0);
	template_len = (size_t)ftell(file);
	rewind(file);
	template = malloc(template_len);
	CHECK(template != NULL && fread(template, 1, template_len, file) == template_len);
	fclose(file);
}

static struct store *
open_store(const char *path, enum conflict_policy policy)
{
	struct store *store;
	struct failure failure;
	const struct store_options options = {.path = path,
	    .policy = policy,
	    .reply_window_us = REPLY_WINDOW_US,
	    .reply_late_us = REPLY_LATE_US};
	enum result result = store_open(&options, &store, &failure);
	if (result != RESULT_OK)
		fprintf(stderr, "%s\n", failure.text);
	CHECK(result == RESULT_OK);
	return store;
}

/* Making the tables of a new store takes longer than all the rest. */
static struct store *
make_store(const char *path, enum conflict_policy policy)
{
	if (template == NULL) {
		uint64_t synced;
		struct store *empty = open_store(path, POLICY_DELIVERED_WINS);
		CHECK_OK(engine_checkpoint(store_engine(empty), &synced));
		store_close(empty);
		read_template(path);
	}
	char log[700];
	snprintf(log, sizeof log, "%s-wal", path);
	unlink(log);
	snprintf(log, sizeof log, "%s-shm", path);
	unlink(log);
	fuzz_write_file(path, (struct slice){template, template_len});
	return open_store(path, policy);
}

struct adding {
	struct store *store;
	const struct journal_entry *entry;
	size_t events;
};

static enum result
add_event(void *context, const struct event *event)
{
	struct adding *adding = context;
	struct store_added added;
	fuzz_check_event(event, adding->entry);
	adding->events++;
	return store_add(adding->store, event, &added);
}

/* round: 0 for the first time, 1 for the second. */
static void
add_entries(struct store *store, struct entries *entries, size_t round)
{
	struct decoder decoder;
	decoder_init(&decoder, &routes, NULL, NULL);
	CHECK_OK(store_begin(store));
	for (size_t i = 0; i < entries->count; i++) {
		struct journal_entry *entry = &entries->items[i];
		struct adding adding = {.store = store, .entry = entry};
		entry->seq = round * entries->count + i + 1;
		entry->received_us = START_US + (int64_t)entry->seq * STEP_US;
		enum result result = decoder_decode(&decoder, entry, add_event, &adding);
		if (result != RESULT_OK)
			fprintf(stderr, "%s\n", store_error(store));
		CHECK(result == RESULT_OK && adding.events > 0);
	}
	CHECK_OK(store_commit(store, entries->items[entries->count - 1].seq));
	decoder_done(&decoder);
}

static void
add_figures(void *context, const struct campaign_row *row)
{
	int64_t *figures = context;
	for (int i = 0; i < FIGURE_COUNT; i++)
		figures[i] += row->figures[i];
}

static void
on_difference(void *context, const char *line)
{
	(void)context;
	fprintf(stderr, "audit: %s\n", line);
}

static void
check_store(const char *path, enum conflict_policy policy, int64_t figures[FIGURE_COUNT])
{
	struct store_reader *reader;
	struct failure failure;
	struct audit audit;
	const struct campaign_filter all = {.limit = 0};
	CHECK_OK(store_reader_open(path, &reader, &failure));
	CHECK_OK(store_audit(reader, policy, on_difference, NULL, &audit));
	CHECK(audit.differences == 0);
	CHECK_OK(read_campaigns(reader, &all, add_figures, figures));
	store_reader_close(reader);
}

static void
check_rebuild(struct store *store)
{
	struct store_rebuilt rebuilt;
	CHECK_OK(store_rebuild(store, &rebuilt));
	CHECK(rebuilt.corrected == 0 && rebuilt.replies == 0 && rebuilt.figures == 0);
	CHECK(rebuilt.campaigns == 0 && rebuilt.optouts == 0);
}

static void
check_entries(struct entries *entries, enum conflict_policy policy)
{
	char path[600];
	int64_t once[FIGURE_COUNT] = {0}, twice[FIGURE_COUNT] = {0};
	snprintf(path, sizeof path, "%s", fuzz_path(STORE_FILE));
	struct store *store = make_store(path, policy);
	add_entries(store, entries, 0);
	check_store(path, policy, once);
	check_rebuild(store);
	add_entries(store, entries, 1);
	check_store(path, policy, twice);
	for (int i = 0; i < FIGURE_COUNT; i++) {
		if (once[i] != twice[i])
			fprintf(stderr, "figure %d: %lld, then %lld\n", i, (long long)once[i],
			    (long long)twice[i]);
		CHECK(once[i] == twice[i]);
	}
	store_close(store);
}

/* The lines of one entry are parts of its own, so that their number is not bounded by
 * FUZZ_PARTS_MAX; they are read in place. */
static struct journal_entry
read_entry(struct slice text)
{
	struct journal_entry entry = {
	    .method = SLICE("POST"), .account = SLICE("AC0123456789abcdef0123456789abcdef")};
	struct slice rest = text;
	entry.route = slice_take(&rest, '\n');
	entry.query = rest.ptr == NULL ? SLICE_NONE : slice_take(&rest, '\n');
	entry.media_type = rest.ptr == NULL ? SLICE_NONE : slice_take(&rest, '\n');
	entry.body = rest.ptr == NULL ? SLICE("") : rest;
	return entry;
}

static void
read_entries(struct slice rest, struct entries *out_entries)
{
	out_entries->count = 0;
	while (rest.ptr != NULL && out_entries->count < ENTRIES_MAX) {
		size_t end = 0;
		while (end + 4 <= rest.len && memcmp(rest.ptr + end, "\n%%\n", 4) != 0)
			end++;
		bool last = end + 4 > rest.len;
		out_entries->items[out_entries->count++] =
		    read_entry((struct slice){rest.ptr, last ? rest.len : end});
		rest = last ? SLICE_NONE : slice_from(rest, end + 4);
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_input input = fuzz_begin(data, size);
	struct slice policy = fuzz_line(&input);
	struct entries entries;
	log_set_level(LOG_ERROR);
	if (routes.count == 0)
		fuzz_make_routes(&routes);
	read_entries(fuzz_rest(&input), &entries);
	check_entries(&entries, slice_equal(policy, SLICE("failure-wins")) ? POLICY_FAILURE_WINS
				: slice_equal(policy, SLICE("first-final"))
				    ? POLICY_FIRST_FINAL
				    : POLICY_DELIVERED_WINS);
	fuzz_end(&input);
	return 0;
}
