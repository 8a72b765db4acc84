#include "dlrd/api/report.h"
#include "query.h"

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
show(struct cli_query *query, const struct cli_command *command, const struct event_filter *filter)
{
	struct adding adding = {.output = output_new(query->format, &report_events, table_columns),
	    .last_seq = filter->after_seq};
	struct json_t *object = NULL;
	enum result result = store_read_events(query->reader, filter, add_event, &adding);
	if (query->format == OUTPUT_JSON) {
		object = json_new_object();
		json_put_int(object, "next", (int64_t)adding.last_seq);
	}
	return query_end(query, command, result, adding.output, object);
}

static int
run(const struct cli_command *command, int count, char **words)
{
	struct cli_query query = {0};
	const char *workspace = NULL, *campaign = NULL, *variant = NULL, *type = NULL;
	const char *from = NULL, *to = NULL;
	int64_t after = 0, limit = 100;
	const struct cli_option options[] = {QUERY_OPTIONS(query),
	    {"workspace", 0, .text = &workspace}, {"campaign", 0, .text = &campaign},
	    {"variant", 0, .text = &variant}, {"type", 0, .text = &type},
	    {"from", 0, .text = &from}, {"to", 0, .text = &to}, {"after", 0, .number = &after},
	    {"limit", 0, .number = &limit}};
	struct event_filter filter = {0};
	int operands, status;
	enum event_type known;
	if (!query_begin(&query, command, count, words, options, sizeof options / sizeof options[0],
		0, &operands, &status))
		return status;
	if (type != NULL && !event_type_from_name(slice_of(type), &known))
		status = cli_usage_error(command,
		    "--type takes Sent, Delivered, Failed, Read, Replied, Clicked, Progress or "
		    "Unrecognised");
	else if (!query_times(command, from, to, &filter.from_us, &filter.to_us))
		status = CLI_USAGE;
	else {
		filter.after_seq = (uint64_t)after;
		filter.limit = (size_t)limit;
		filter.type = slice_of(type);
		filter.workspace = slice_of(workspace);
		filter.campaign = slice_of(campaign);
		filter.variant = slice_of(variant);
		status = show(&query, command, &filter);
	}
	store_reader_close(query.reader);
	return status;
}

const struct cli_command cli_events = {
    .name = "events",
    .summary = "what happened, one line an event",
    .usage =
	"Usage: dlrd events [--after SEQ] [--limit N] [--type T] [--workspace W] [--campaign C]\n"
	"                   [--variant V] [--from T] [--to T] [--json | --csv]\n"
	"                   [-c FILE | --store DIR]\n"
	"\n"
	"Shows events in the order they arrived. To follow them, ask again after the last seq.\n"
	"\n"
	"      --after SEQ       only events after this one\n"
	"      --limit N         at most so many (default 100; 0 for all)\n"
	"      --type T          only Sent, Delivered, Failed, Read, Replied, Clicked, Progress "
	"or\n"
	"                        Unrecognised ones\n"
	"      --campaign C      only this campaign's\n"
	"      --workspace W     only this workspace's\n"
	"      --variant V       only those whose tags name this variant\n"
	"      --from T, --to T  only what arrived in between\n" QUERY_USAGE,
    .run = run,
};
