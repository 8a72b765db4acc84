#include "dlrd/api/report.h"
#include "dlrd/query/ask.h"
#include "query.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const table_columns[] = {
    "code", "name", "kind", "permanence", "action", "count", "share", "recent", NULL};

/* What the command line said. */
struct wanted {
	struct slice workspace, campaign, variant;
	int64_t from_us, to_us;
};

/* The campaigns to show, read before their errors are. */
struct chosen {
	bool all; /* of all campaigns: those without a failure are passed over */
	struct {
		int64_t id, failed;
		char *workspace, *campaign;
	} * items;
	size_t count;
	bool failed;
};

static char *
copy_cell(struct report_row *row, const char *name)
{
	struct slice text = report_cell(&query_find("/v1/campaigns")->report, row, name)->text;
	return strndup(text.ptr, text.len);
}

static void
choose(void *context, const struct report_row *row, int64_t id)
{
	struct chosen *chosen = context;
	struct report_row copy = *row;
	int64_t failed = report_cell(&query_find("/v1/campaigns")->report, &copy, "failed")->number;
	if (chosen->all && failed == 0)
		return;
	void *more = realloc(chosen->items, (chosen->count + 1) * sizeof *chosen->items);
	if (more == NULL) {
		chosen->failed = true;
		return;
	}
	chosen->items = more;
	chosen->items[chosen->count].id = id;
	chosen->items[chosen->count].failed = failed;
	chosen->items[chosen->count].workspace = copy_cell(&copy, "workspace");
	chosen->items[chosen->count].campaign = copy_cell(&copy, "campaign");
	chosen->count++;
}

struct adding {
	struct output *output;
	struct slice workspace, campaign;
	int64_t failed;
	bool named; /* each row begins with the campaign's names */
};

static void
add_error(void *context, const struct campaign_error_row *row)
{
	struct adding *adding = context;
	struct report_row cells = report_error_row(row, adding->failed);
	if (adding->named)
		cells =
		    report_all_errors_row(adding->workspace, adding->campaign, row, adding->failed);
	output_add(adding->output, &cells);
}

static struct json_t *
facts_of(const struct adding *adding)
{
	struct json_t *object = json_new_object();
	json_put_text(object, "workspace", adding->workspace);
	json_put_text(object, "campaign", adding->campaign);
	json_put_int(object, "failed", adding->failed);
	return object;
}

static void
print_heading(const struct adding *adding, bool first)
{
	struct cell name = {CELL_TEXT, adding->campaign, 0, 0};
	struct buffer text = BUFFER_EMPTY;
	report_cell_text(&name, &text);
	printf("%scampaign %.*s: %lld failed\n", first ? "" : "\n", SLICE_ARG(buffer_slice(&text)),
	    (long long)adding->failed);
	buffer_done(&text);
}

/* One campaign: a table with its heading, a JSON object as the api's, or CSV with the columns of
 * all campaigns. */
static enum result
show_one(
    struct cli_query *query, const struct chosen *chosen, size_t i, struct error_filter *filter)
{
	bool named = query->format == OUTPUT_CSV;
	struct adding adding = {.output = output_new(query->format,
				    named ? &report_all_errors : &report_errors, table_columns),
	    .named = named,
	    .workspace = slice_of(chosen->items[i].workspace),
	    .campaign = slice_of(chosen->items[i].campaign),
	    .failed = chosen->items[i].failed};
	if (query->format == OUTPUT_TABLE)
		print_heading(&adding, i == 0);
	filter->campaign_id = chosen->items[i].id;
	enum result result = store_read_campaign_errors(query->reader, filter, add_error, &adding);
	bool written =
	    output_finish(adding.output, query->format == OUTPUT_JSON ? facts_of(&adding) : NULL);
	return result == RESULT_OK && !written ? RESULT_IO : result;
}

/* Several campaigns in one JSON value or one CSV table, with the campaign's names in each row. */
static enum result
show_list(struct cli_query *query, const struct chosen *chosen, struct error_filter *filter)
{
	struct adding adding = {
	    .output = output_new(query->format, &report_all_errors, NULL), .named = true};
	enum result result = RESULT_OK;
	for (size_t i = 0; result == RESULT_OK && i < chosen->count; i++) {
		adding.workspace = slice_of(chosen->items[i].workspace);
		adding.campaign = slice_of(chosen->items[i].campaign);
		adding.failed = chosen->items[i].failed;
		filter->campaign_id = chosen->items[i].id;
		result = store_read_campaign_errors(query->reader, filter, add_error, &adding);
	}
	bool written = output_finish(adding.output, NULL);
	return result == RESULT_OK && !written ? RESULT_IO : result;
}

static enum result
show_chosen(struct cli_query *query, const struct wanted *campaigns, struct chosen *chosen)
{
	struct error_filter filter =
	    report_error_filter(0, campaigns->variant, campaigns->from_us, campaigns->to_us);
	enum result result = RESULT_OK;
	if (query->format != OUTPUT_TABLE &&
	    (campaigns->campaign.ptr == NULL || chosen->count != 1))
		return show_list(query, chosen, &filter);
	for (size_t i = 0; result == RESULT_OK && i < chosen->count; i++)
		result = show_one(query, chosen, i, &filter);
	return result;
}

static int
show_all(struct cli_query *query, const struct cli_command *command, const struct wanted *filter)
{
	struct chosen chosen = {.all = filter->campaign.ptr == NULL};
	const struct query *row = query_find("/v1/campaigns");
	struct query_values values = query_values(row);
	query_give(row, &values, "workspace", filter->workspace, 0);
	query_give(row, &values, "campaign", filter->campaign, 0);
	query_give(row, &values, "variant", filter->variant, 0);
	query_give(row, &values, "from", SLICE_NONE, filter->from_us);
	query_give(row, &values, "to", SLICE_NONE, filter->to_us);
	enum result result = query_ask(query->reader, row, &values, choose, &chosen);
	bool narrowed = filter->variant.ptr != NULL || filter->from_us != 0 || filter->to_us != 0;
	int status = CLI_OK;
	if (result == RESULT_OK && chosen.failed)
		result = RESULT_NO_MEMORY;
	if (result == RESULT_OK && filter->campaign.ptr != NULL && chosen.count == 0)
		status = cli_failure(command, "there is no campaign \"%.*s\"%s",
		    SLICE_ARG(filter->campaign),
		    narrowed ? " of which anything is known in that variant and time" : "");
	else if (result == RESULT_OK)
		result = show_chosen(query, filter, &chosen);
	for (size_t i = 0; i < chosen.count; i++) {
		free(chosen.items[i].workspace);
		free(chosen.items[i].campaign);
	}
	free(chosen.items);
	return result == RESULT_OK ? status : query_failure(query, command, result);
}

static int
run(const struct cli_command *command, int count, char **words)
{
	struct cli_query query = {0};
	const char *workspace = NULL, *campaign = NULL, *variant = NULL, *from = NULL, *to = NULL;
	const struct cli_option options[] = {QUERY_OPTIONS(query),
	    {"workspace", 0, .text = &workspace}, {"campaign", 0, .text = &campaign},
	    {"variant", 0, .text = &variant}, {"from", 0, .text = &from}, {"to", 0, .text = &to}};
	struct wanted filter = {0};
	int operands, status;
	if (!query_begin(&query, command, count, words, options, sizeof options / sizeof options[0],
		0, &operands, &status))
		return status;
	status = CLI_USAGE;
	if (query_times(command, from, to, &filter.from_us, &filter.to_us)) {
		filter.workspace = slice_of(workspace);
		filter.campaign = slice_of(campaign);
		filter.variant = slice_of(variant);
		status = show_all(&query, command, &filter);
	}
	store_reader_close(query.reader);
	return status;
}

const struct cli_command cli_errors = {
    .name = "errors",
    .summary = "why messages failed, by campaign",
    .usage =
	"Usage: dlrd errors [--workspace W] [--campaign C] [--variant V] [--from T] [--to T]\n"
	"                   [--json | --csv] [-c FILE | --store DIR]\n"
	"\n"
	"Shows the error codes of a campaign's failed messages, the most frequent first, with\n"
	"their kind, whether a later try could succeed, what to do, and how many of them are\n"
	"recent: of the last 24 hours, or from T to T. --json and --csv add how many there were\n"
	"in the same time before, the trend, and the latest messages. Without --campaign, of\n"
	"all campaigns with failures, in one list.\n"
	"\n"
	"      --workspace W     only this workspace\n"
	"      --campaign C      only this campaign\n"
	"      --variant V       only messages of this variant\n"
	"      --from T, --to T  only failures in the hours between\n" QUERY_USAGE,
    .run = run,
};
