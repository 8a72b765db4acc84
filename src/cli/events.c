#include "dlrd/cli/query.h"

static const char *const table_columns[] = {
    "seq", "time", "type", "campaign", "message", "status", "error_code", "to", "keyword", NULL};

struct adding {
	struct output *output;
	uint64_t last_seq;
};

static void
add_event(void *context, const struct event_row *row)
{
	struct adding *adding = context;
	struct report_row cells = report_event_row(row);
	output_add(adding->output, &cells);
	adding->last_seq = row->seq;
}

static int
show(struct query *query, const struct cli_command *command, const struct event_filter *filter)
{
	struct adding adding = {.output = output_new(query->format, &report_events, table_columns),
	    .last_seq = filter->after_seq};
	struct json_t *object = NULL;
	enum result result = store_read_events(query->reader, filter, add_event, &adding);
	if (query->format == OUTPUT_JSON) {
		object = json_new_object();
		json_put_int(object, "next", (int64_t)adding.last_seq);
	}
	bool written = output_finish(adding.output, object);
	if (result != RESULT_OK)
		return query_failure(query, command, result);
	return written ? CLI_OK : cli_failure(command, "cannot write the answer");
}

static int
run(const struct cli_command *command, int count, char **words)
{
	struct query query = {0};
	const char *workspace = NULL, *campaign = NULL, *type = NULL;
	int64_t after = 0, limit = 100;
	const struct cli_option options[] = {QUERY_OPTIONS(query),
	    {"workspace", 0, .text = &workspace}, {"campaign", 0, .text = &campaign},
	    {"type", 0, .text = &type}, {"after", 0, .number = &after},
	    {"limit", 0, .number = &limit}};
	int operands, status;
	enum event_type known;
	if (!query_begin(&query, command, count, words, options, sizeof options / sizeof options[0],
		0, &operands, &status))
		return status;
	if (type != NULL && !event_type_from_name(slice_of(type), &known))
		status = cli_usage_error(command,
		    "--type takes Sent, Delivered, Failed, Read, Replied, Clicked, Progress or "
		    "Unrecognised");
	else {
		struct event_filter filter = {.after_seq = (uint64_t)after,
		    .limit = (size_t)limit,
		    .type = slice_of(type),
		    .workspace = slice_of(workspace),
		    .campaign = slice_of(campaign)};
		status = show(&query, command, &filter);
	}
	store_reader_close(query.reader);
	return status;
}

const struct cli_command cli_events = {
    .name = "events",
    .summary = "what happened, one line an event",
    .usage =
	"Usage: dlrd events [--after SEQ] [--limit N] [--type T] [--campaign C] [--workspace W]\n"
	"                   [--json | --csv] [-c FILE | --store DIR]\n"
	"\n"
	"Shows events in the order they arrived. To follow them, ask again after the last seq.\n"
	"\n"
	"      --after SEQ       only events after this one\n"
	"      --limit N         at most so many (default 100; 0 for all)\n"
	"      --type T          only Sent, Delivered, Failed, Read, Replied, Clicked, Progress "
	"or\n"
	"                        Unrecognised ones\n"
	"      --campaign C      only this campaign's\n"
	"      --workspace W     only this workspace's\n" QUERY_USAGE,
    .run = run,
};
