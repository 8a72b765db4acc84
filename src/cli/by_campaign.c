#include "by_campaign.h"

#include "ask.h"
#include "dlrd/query/campaigns.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct slice
text_of(const struct query *row, const struct report_row *cells, const char *column)
{
	return report_cell(&row->report, cells, column)->text;
}

/* --- the campaigns with the name of the command line --- */

struct found {
	size_t count;
	char *workspace; /* of the last one */
};

static void
note_campaign(void *context, const struct report_row *cells, int64_t id)
{
	(void)id;
	struct found *found = context;
	struct slice workspace = text_of(&query_campaigns, cells, "workspace");

	free(found->workspace);
	found->workspace = strndup(workspace.ptr, workspace.len);
	found->count++;
}

/* --- a table: a part for each campaign --- */

struct part {
	char *workspace, *campaign;
	struct output *output;
};

struct parts {
	const struct query *row;
	const struct time_zone *zone;
	enum output_format format;
	struct part *items;
	size_t count;
};

static bool
is_of(const struct part *part, struct slice workspace, struct slice campaign)
{
	return slice_equal(slice_of(part->workspace), workspace) &&
	       slice_equal(slice_of(part->campaign), campaign);
}

static void
begin_part(struct parts *parts, struct slice workspace, struct slice campaign)
{
	void *more = realloc(parts->items, (parts->count + 1) * sizeof *parts->items);
	if (more == NULL)
		abort();
	parts->items = more;
	parts->items[parts->count++] =
	    (struct part){.workspace = strndup(workspace.ptr, workspace.len),
		.campaign = strndup(campaign.ptr, campaign.len),
		.output = output_new(parts->format, &parts->row->report, SLICE_NONE, parts->zone)};
}

static void
add_to_part(void *context, const struct report_row *cells, int64_t place)
{
	(void)place;
	struct parts *parts = context;
	struct slice workspace = text_of(parts->row, cells, "workspace");
	struct slice campaign = text_of(parts->row, cells, "campaign");

	if (parts->count == 0 || !is_of(&parts->items[parts->count - 1], workspace, campaign))
		begin_part(parts, workspace, campaign);
	output_add(parts->items[parts->count - 1].output, cells);
}

static enum result
print_heading(struct cli_query *query, const struct query *row, const struct query_values *values,
    const struct part *part, bool with_workspace)
{
	struct query_values of_part = *values;
	struct json_t *object = json_new_object();
	struct buffer text = BUFFER_EMPTY;
	int64_t failed = 0;

	query_give(row, &of_part, "campaign", slice_of(part->campaign), 0);
	query_give(row, &of_part, "workspace", slice_of(part->workspace), 0);
	enum result result = query_ask_members(query->reader, row, &of_part, object);
	json_int(json_get(object, "failed"), &failed);
	buffer_append_visible(
	    &text, part->campaign[0] == '\0' ? SLICE(REPORT_UNTAGGED) : slice_of(part->campaign));
	if (with_workspace) {
		buffer_append(&text, SLICE(" of workspace "));
		buffer_append_visible(&text,
		    part->workspace[0] == '\0' ? SLICE("(none)") : slice_of(part->workspace));
	}
	printf("campaign %.*s: %lld failed\n", SLICE_ARG(buffer_slice(&text)), (long long)failed);
	buffer_done(&text);
	json_free(object);
	return result;
}

static enum result
show_table(struct cli_query *query, const struct query *row, const struct query_values *values,
    const struct found *found, struct slice campaign)
{
	struct query_values all = *values;
	struct parts parts = {.row = row, .zone = values->zone, .format = query->format};
	all.one = false;
	enum result result = query_ask(query->reader, row, &all, add_to_part, &parts);

	if (parts.count == 0 && found->count == 1)
		begin_part(&parts, slice_of(found->workspace), campaign);
	if (parts.count == 0 && result == RESULT_OK)
		puts("no failed messages");
	for (size_t i = 0; i < parts.count; i++) {
		struct part *part = &parts.items[i];
		if (i > 0)
			putchar('\n');
		if (result == RESULT_OK)
			result = print_heading(query, row, &all, part, parts.count > 1);
		if (!output_finish(part->output, NULL) && result == RESULT_OK)
			result = RESULT_IO;
		free(part->workspace);
		free(part->campaign);
	}
	free(parts.items);
	return result;
}

/* --- JSON and CSV --- */

static enum result
show_list(struct cli_query *query, const struct query *row, const struct query_values *values,
    const struct found *found)
{
	struct query_values asked = *values;
	struct json_t *object = NULL;
	enum result result = RESULT_OK;

	asked.one = query->format == OUTPUT_JSON && found->count == 1;
	if (asked.one) {
		object = json_new_object();
		json_put_text(object, "workspace", slice_of(found->workspace));
		result = query_ask_members(query->reader, row, &asked, object);
	}
	struct output *output =
	    output_new(query->format, query_report(row, &asked), SLICE_NONE, values->zone);
	if (result == RESULT_OK)
		result = query_ask(query->reader, row, &asked, output_add_row, output);
	bool written = output_finish(output, object);
	return result == RESULT_OK && !written ? RESULT_IO : result;
}

/* Whether a workspace, a variant or a time was given. */
static bool
is_narrowed(const struct query *row, const struct query_values *values)
{
	bool narrowed = false;
	for (size_t i = 0; i < query_parameter_count(row); i++) {
		const struct store_value *value = &values->items[i];
		enum query_kind kind = row->parameters[i].kind;
		narrowed |= kind == QUERY_TAG && value->kind != STORE_NULL;
		narrowed |= kind == QUERY_FROM_HOUR && value->number != 0;
		narrowed |= kind == QUERY_TO_HOUR && value->number != INT64_MAX;
	}
	return narrowed;
}

int
by_campaign_show(struct cli_query *query, const struct cli_command *command,
    const struct query *row, const struct query_values *values)
{
	struct slice campaign = values->items[query_find_kind(row, QUERY_CAMPAIGN)].text;
	struct found found = {0};
	enum result result = RESULT_OK;

	if (campaign.ptr != NULL)
		result = campaigns_find(query->reader, row, values, note_campaign, &found);
	bool missing = result == RESULT_OK && campaign.ptr != NULL && found.count == 0;
	bool of_one = row->one.count == 0; /* its answers are of one campaign only */
	if (result == RESULT_OK && !missing && !of_one)
		result = output_is_table(query->format)
			     ? show_table(query, row, values, &found, campaign)
			     : show_list(query, row, values, &found);
	free(found.workspace);
	if (missing)
		return cli_failure(command, "no campaign '%.*s'%s", SLICE_ARG(campaign),
		    is_narrowed(row, values) ? " in that workspace, variant and time" : "");
	if (result != RESULT_OK)
		return query_failure(query, command, result);
	if (of_one && found.count > 1)
		return cli_failure(command,
		    "%zu workspaces have a campaign '%.*s'; add --workspace", found.count,
		    SLICE_ARG(campaign));
	return of_one ? ask_show(query, command, row, values) : CLI_OK;
}
