#include "query.h"

static const char *const table_columns[] = {
    "time", "campaign", "from", "keyword", "rule", "candidates", "body", NULL};

struct adding {
	struct output *output;
	int64_t last_place;
};

static void
add_reply(void *context, const struct event_row *row)
{
	struct adding *adding = context;
	struct report_row cells = report_reply_row(row);
	output_add(adding->output, &cells);
	adding->last_place = row->place;
}

/* How many replies of that time belong to no campaign; null where only those of one are asked for.
 */
static enum result
put_unattributed(struct query *query, const struct reply_filter *filter, struct json_t *object)
{
	int64_t count = 0;
	if (filter->workspace.ptr != NULL || filter->campaign.ptr != NULL ||
	    filter->variant.ptr != NULL) {
		json_put_null(object, "unattributed");
		return RESULT_OK;
	}
	enum result result =
	    store_count_unattributed(query->reader, filter->from_us, filter->to_us, &count);
	json_put_int(object, "unattributed", count);
	return result;
}

static int
show(struct query *query, const struct cli_command *command, const struct reply_filter *filter)
{
	struct adding adding = {
	    output_new(query->format, &report_replies, table_columns), filter->after};
	struct json_t *object = NULL;
	enum result result = store_read_replies(query->reader, filter, add_reply, &adding);
	if (query->format == OUTPUT_JSON) {
		object = json_new_object();
		json_put_int(object, "next", adding.last_place);
		if (result == RESULT_OK)
			result = put_unattributed(query, filter, object);
	}
	return query_end(query, command, result, adding.output, object);
}

static int
run(const struct cli_command *command, int count, char **words)
{
	struct query query = {0};
	struct reply_filter filter = {0};
	const char *workspace = NULL, *campaign = NULL, *variant = NULL, *keyword = NULL;
	const char *rule = NULL, *from = NULL, *to = NULL;
	int64_t limit = 0;
	const struct cli_option options[] = {QUERY_OPTIONS(query),
	    {"workspace", 0, .text = &workspace}, {"campaign", 0, .text = &campaign},
	    {"variant", 0, .text = &variant}, {"keyword", 0, .text = &keyword},
	    {"rule", 0, .text = &rule}, {"from", 0, .text = &from}, {"to", 0, .text = &to},
	    {"after", 0, .number = &filter.after}, {"limit", 0, .number = &limit}};
	int operands, status;
	if (!query_begin(&query, command, count, words, options, sizeof options / sizeof options[0],
		0, &operands, &status))
		return status;
	status = CLI_USAGE;
	if (query_word(command, "rule", rule, "original|tags|latest|late|none") &&
	    query_times(command, from, to, &filter.from_us, &filter.to_us)) {
		filter.limit = (size_t)limit;
		filter.workspace = slice_of(workspace);
		filter.campaign = slice_of(campaign);
		filter.variant = slice_of(variant);
		filter.keyword = slice_of(keyword);
		filter.rule = slice_of(rule);
		status = show(&query, command, &filter);
	}
	store_reader_close(query.reader);
	return status;
}

const struct cli_command cli_replies = {
    .name = "replies",
    .summary = "who answered, what, and which campaign they are taken to answer",
    .usage =
	"Usage: dlrd replies [--workspace W] [--campaign C] [--variant V] [--keyword K]\n"
	"                    [--rule R] [--from T] [--to T] [--after N] [--limit N]\n"
	"                    [--json | --csv] [-c FILE | --store DIR]\n"
	"\n"
	"Shows replies in the order they arrived.\n"
	"\n"
	"      --workspace W     only this workspace's\n"
	"      --campaign C      only this campaign's (\"\" for those that belong to none)\n"
	"      --variant V       only answers to this variant\n"
	"      --keyword K       only stop, start, help, or a keyword of the configuration\n"
	"      --rule R          only those that were attributed so: original (Twilio says\n"
	"                        which message is answered), tags (the URL does), latest (the\n"
	"                        last message before), late (the first one after), none\n"
	"      --from T, --to T  only what arrived in between\n"
	"      --after N         only those after \"next\" of an earlier answer in JSON\n"
	"      --limit N         at most so many (default: all)\n" QUERY_USAGE,
    .run = run,
};
