#include "query.h"

#include "dlrd/daemon/gap.h"
#include "dlrd/store/audit.h"

#include <stdio.h>

#define SHOWN_MAX 50 /* differences that are listed */

/* The differences, printed as text or collected for JSON. */
struct listing {
	bool json;
	struct json_t *lines;
	size_t count;
};

static void
list_difference(void *context, const char *line)
{
	struct listing *listing = context;
	if (listing->count++ >= SHOWN_MAX)
		return;
	if (listing->json) {
		struct json_t *object = json_new_object();
		json_put_text(object, "difference", slice_of(line));
		json_push(listing->lines, object);
	} else
		printf("%s\n", line);
}

/* Lists gaps that are not accepted. The store cannot find them, since missing entries are not in
 * it. */
static enum result
list_gaps(const struct cli_command *command, const struct cli_query *query, struct listing *listing,
    struct audit *audit)
{
	char directory[4096];
	struct gaps gaps;
	struct failure failure;
	if (!cli_store_file(
		command, query->config, query->directory, "", directory, sizeof directory))
		return RESULT_IO;

	if (gaps_read(directory, &gaps, &failure) != RESULT_OK) {
		cli_failure(command, "%s", failure.text);
		return RESULT_IO;
	}
	for (size_t i = 0; i < gaps.count; i++) {
		struct buffer line = BUFFER_EMPTY;
		if (gaps.items[i].accepted)
			continue;
		gap_describe(&gaps.items[i], &line);

		buffer_append_byte(&line, '\0');
		audit->differences++;
		if (!line.failed)
			list_difference(listing, line.ptr);
		buffer_done(&line);
	}
	return RESULT_OK;
}

static void
print_json(const struct audit *audit, struct listing *listing)
{
	struct json_t *object = json_new_object();
	json_put_int(object, "events", (int64_t)audit->events);
	json_put_int(object, "messages", (int64_t)audit->messages);
	json_put_int(object, "figures", (int64_t)audit->figures);
	json_put_int(object, "replies", (int64_t)audit->replies);
	json_put_int(object, "optouts", (int64_t)audit->optouts);
	json_put_int(object, "differences", (int64_t)audit->differences);
	json_put(object, "shown", listing->lines);
	output_json(object);
}

static void
print_csv(const struct audit *audit)
{
	printf("events,messages,figures,replies,optouts,differences\r\n"
	       "%llu,%llu,%llu,%llu,%llu,%llu\r\n",
	    (unsigned long long)audit->events, (unsigned long long)audit->messages,
	    (unsigned long long)audit->figures, (unsigned long long)audit->replies,
	    (unsigned long long)audit->optouts, (unsigned long long)audit->differences);
}

static void
print_text(const struct audit *audit)
{
	printf("%llu events, %llu messages, %llu figures, %llu replies, %llu opt-outs counted "
	       "again: %llu differences\n",
	    (unsigned long long)audit->events, (unsigned long long)audit->messages,
	    (unsigned long long)audit->figures, (unsigned long long)audit->replies,
	    (unsigned long long)audit->optouts, (unsigned long long)audit->differences);
	if (audit->differences > 0)
		printf("'dlrd rebuild' recomputes the store from its receipts; 'dlrd gap --accept' "
		       "accepts missing entries\n");
}

static int
run(const struct cli_command *command, int count, char **words)
{
	struct cli_query query = {0};
	const struct cli_option options[] = {QUERY_OPTIONS(query)};
	struct audit audit;
	enum conflict_policy policy;
	int operands, status;
	if (!query_begin(
		&query, command, count, words, options, QUERY_OPTION_COUNT, 0, &operands, &status))
		return status;

	struct listing listing = {.json = query.format != OUTPUT_TABLE, .lines = json_new_array()};

	enum result result = store_read_policy(query.reader, &policy);
	if (result == RESULT_OK)
		result = store_audit(query.reader, policy, list_difference, &listing, &audit);

	if (result != RESULT_OK) {
		json_free(listing.lines);
		status = query_failure(&query, command, result);
	} else if (list_gaps(command, &query, &listing, &audit) != RESULT_OK) {
		json_free(listing.lines);
		status = CLI_FAILED;
	} else {
		status = audit.differences == 0 ? CLI_OK : CLI_FAILED;
		if (query.format == OUTPUT_JSON)
			print_json(&audit, &listing);
		else
			json_free(listing.lines);
		if (query.format == OUTPUT_CSV)
			print_csv(&audit);
		else if (query.format == OUTPUT_TABLE)
			print_text(&audit);
	}
	store_reader_close(query.reader);
	return status;
}

const struct cli_command cli_audit = {
    .name = "audit",
    .summary = "recompute everything from the receipts, and compare",
    .usage =
	"Usage: dlrd audit [--json | --csv] [-c FILE | --store DIR]\n"
	"\n"
	"Recomputes each message, the campaign of each reply, all figures and the opt-out list\n"
	"from the stored receipts, and compares them with the store. Ends with 0 if nothing\n"
	"differs, and with 1 if something does ('dlrd rebuild' corrects it). A gap in the journal\n"
	"that is not accepted is a difference, too (see 'dlrd gap'). The audit only reads, and "
	"can\n"
	"run while the daemon runs.\n"
	"\n" QUERY_USAGE,
    .run = run,
};
