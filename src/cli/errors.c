#include "dlrd/cli/query.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The campaigns to show, read before their errors are. */
struct chosen {
	struct {
		int64_t id, failed;
		char *workspace, *campaign;
	} * items;
	size_t count;
	bool failed;
};

static void
choose(void *context, const struct campaign_row *row)
{
	struct chosen *chosen = context;
	void *more = realloc(chosen->items, (chosen->count + 1) * sizeof *chosen->items);
	if (more == NULL) {
		chosen->failed = true;
		return;
	}
	chosen->items = more;
	chosen->items[chosen->count].id = row->id;
	chosen->items[chosen->count].failed = row->figures[FIGURE_FAILED];
	chosen->items[chosen->count].workspace = strndup(row->workspace.ptr, row->workspace.len);
	chosen->items[chosen->count].campaign = strndup(row->campaign.ptr, row->campaign.len);
	chosen->count++;
}

struct adding {
	struct output *output;
	struct slice workspace, campaign;
	int64_t failed;
	bool all; /* of all campaigns, in one list */
};

static void
add_error(void *context, const struct campaign_error_row *row)
{
	struct adding *adding = context;
	struct report_row cells = report_error_row(row, adding->failed);
	if (adding->all)
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

/* One campaign: a table with its heading, a JSON object as the api's, or CSV. */
static enum result
show_one(struct query *query, const struct chosen *chosen, size_t i)
{
	struct adding adding = {.output = output_new(query->format, &report_errors, NULL),
	    .workspace = slice_of(chosen->items[i].workspace),
	    .campaign = slice_of(chosen->items[i].campaign),
	    .failed = chosen->items[i].failed};
	if (query->format == OUTPUT_TABLE)
		print_heading(&adding, i == 0);
	enum result result = store_read_campaign_errors(
	    query->reader, chosen->items[i].id, 0, 0, add_error, &adding);
	bool written =
	    output_finish(adding.output, query->format == OUTPUT_JSON ? facts_of(&adding) : NULL);
	return result == RESULT_OK && !written ? RESULT_IO : result;
}

/* Several campaigns in one JSON value or one CSV table, with the campaign's names in each row. */
static enum result
show_list(struct query *query, const struct chosen *chosen)
{
	struct adding adding = {
	    .output = output_new(query->format, &report_all_errors, NULL), .all = true};
	enum result result = RESULT_OK;
	for (size_t i = 0; result == RESULT_OK && i < chosen->count; i++) {
		adding.workspace = slice_of(chosen->items[i].workspace);
		adding.campaign = slice_of(chosen->items[i].campaign);
		adding.failed = chosen->items[i].failed;
		result = store_read_campaign_errors(
		    query->reader, chosen->items[i].id, 0, 0, add_error, &adding);
	}
	bool written = output_finish(adding.output, NULL);
	return result == RESULT_OK && !written ? RESULT_IO : result;
}

static int
show_all(struct query *query, const struct cli_command *command,
    const struct campaign_filter *filter, const char *campaign)
{
	struct chosen chosen = {0};
	enum result result = store_read_campaigns(query->reader, filter, choose, &chosen);
	int status = CLI_OK;
	if (result == RESULT_OK && chosen.failed)
		result = RESULT_NO_MEMORY;
	if (result == RESULT_OK && campaign != NULL && chosen.count == 0)
		status = cli_failure(command, "there is no campaign \"%s\"", campaign);
	else if (result == RESULT_OK && query->format != OUTPUT_TABLE &&
		 (campaign == NULL || chosen.count > 1))
		result = show_list(query, &chosen);
	else
		for (size_t i = 0; result == RESULT_OK && i < chosen.count; i++)
			result = show_one(query, &chosen, i);
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
	struct query query = {0};
	const char *workspace = NULL, *campaign = NULL;
	const struct cli_option options[] = {QUERY_OPTIONS(query),
	    {"workspace", 0, .text = &workspace}, {"campaign", 0, .text = &campaign}};
	int operands, status;
	if (!query_begin(&query, command, count, words, options, sizeof options / sizeof options[0],
		0, &operands, &status))
		return status;
	struct campaign_filter filter = {
	    .workspace = slice_of(workspace), .campaign = slice_of(campaign)};
	status = show_all(&query, command, &filter, campaign);
	store_reader_close(query.reader);
	return status;
}

const struct cli_command cli_errors = {
    .name = "errors",
    .summary = "why messages failed, by campaign",
    .usage =
	"Usage: dlrd errors [--workspace W] [--campaign C] [--json | --csv]\n"
	"                   [-c FILE | --store DIR]\n"
	"\n"
	"Shows the error codes of a campaign's failed messages, the most frequent first, with\n"
	"their kind, whether a later try could succeed, and what to do. Without --campaign,\n"
	"of all campaigns (in JSON, one object a line).\n"
	"\n"
	"      --workspace W     only this workspace\n"
	"      --campaign C      only this campaign\n" QUERY_USAGE,
    .run = run,
};
