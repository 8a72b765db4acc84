#include "query.h"

#include "dlrd/daemon/gap.h"
#include "dlrd/store/audit.h"

#include <stdio.h>

#define SHOWN_MAX 50 /* differences that are listed */
#define FIGURES 6

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
	char directory[CLI_DIRECTORY_SIZE];
	struct gaps gaps;
	struct failure failure;
	if (!cli_store_directory(command, query->config, query->directory, directory))
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

/* A count that the audit reports. */
struct figure {
	const char *key, *label;
	uint64_t count;
};

static void
print_json(const struct figure *figures, struct json_t *lines)
{
	struct json_t *object = json_new_object();
	for (size_t i = 0; i < FIGURES; i++)
		json_put_int(object, figures[i].key, (int64_t)figures[i].count);
	json_put(object, "shown", lines);
	output_json(object);
}

static void
print_csv(const struct figure *figures)
{
	for (size_t i = 0; i < FIGURES; i++)
		printf("%s%s", i > 0 ? "," : "", figures[i].key);
	for (size_t i = 0; i < FIGURES; i++)
		printf("%s%llu", i > 0 ? "," : "\r\n", (unsigned long long)figures[i].count);
	printf("\r\n");
}

static void
print_text(const struct figure *figures)
{
	for (size_t i = 0; i < FIGURES; i++)
		printf("%llu %s", (unsigned long long)figures[i].count, figures[i].label);
	if (figures[FIGURES - 1].count > 0)
		printf("'dlrd rebuild' recomputes the store from its receipts; 'dlrd gap --accept' "
		       "accepts missing entries\n");
}

/* Takes the listed differences over. */
static void
print(enum output_format format, const struct audit *audit, struct json_t *lines)
{
	const struct figure figures[FIGURES] = {{"events", "events, ", audit->events},
	    {"messages", "messages, ", audit->messages}, {"figures", "figures, ", audit->figures},
	    {"replies", "replies, ", audit->replies},
	    {"optouts", "opt-outs counted again: ", audit->optouts},
	    {"differences", "differences\n", audit->differences}};
	switch (format) {
	case OUTPUT_JSON: print_json(figures, lines); return;
	case OUTPUT_CSV: print_csv(figures); break;
	case OUTPUT_TABLE:
	case OUTPUT_WIDE_TABLE: print_text(figures); break;
	}
	json_free(lines);
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

	struct listing listing = {
	    .json = !output_is_table(query.format), .lines = json_new_array()};

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
		print(query.format, &audit, listing.lines);
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
