#include "query.h"

/* As many as stand side by side in 120 columns. */
static const char *const table_columns[] = {"workspace", "campaign", "messages", "sent",
    "delivered", "failed", "read", "replied", "opted_out", "pending", "delivery_rate", NULL};

static void
add_campaign(void *context, const struct campaign_row *row)
{
	struct report_row cells = report_campaign_row(row);
	output_add(context, &cells);
}

static int
run(const struct cli_command *command, int count, char **words)
{
	struct query query = {0};
	const char *workspace = NULL, *campaign = NULL, *variant = NULL, *from = NULL, *to = NULL;
	const struct cli_option options[] = {QUERY_OPTIONS(query),
	    {"workspace", 0, .text = &workspace}, {"campaign", 0, .text = &campaign},
	    {"variant", 0, .text = &variant}, {"from", 0, .text = &from}, {"to", 0, .text = &to}};
	struct campaign_filter filter = {0};
	int operands, status;
	if (!query_begin(&query, command, count, words, options, sizeof options / sizeof options[0],
		0, &operands, &status))
		return status;
	status = CLI_USAGE;
	if (query_times(command, from, to, &filter.from_us, &filter.to_us)) {
		filter.workspace = slice_of(workspace);
		filter.campaign = slice_of(campaign);
		filter.variant = slice_of(variant);
		struct output *output = output_new(query.format, &report_campaigns, table_columns);
		enum result result =
		    store_read_campaigns(query.reader, &filter, add_campaign, output);
		status = query_end(&query, command, result, output, NULL);
	}
	store_reader_close(query.reader);
	return status;
}

const struct cli_command cli_stats = {
    .name = "stats",
    .summary = "figures of all campaigns, or of one",
    .usage = "Usage: dlrd stats [--workspace W] [--campaign C] [--variant V] [--from T] [--to T]\n"
	     "                  [--json | --csv] [-c FILE | --store DIR]\n"
	     "\n"
	     "Shows each campaign's figures, newest first; --json and --csv have more of them\n"
	     "than the table. It only reads, also while the daemon runs.\n"
	     "\n"
	     "      --workspace W     only this workspace\n"
	     "      --campaign C      only this campaign (\"\" for what had no fitting tags)\n"
	     "      --variant V       count only messages of this variant\n"
	     "      --from T, --to T  only what happened in the hours between\n" QUERY_USAGE,
    .run = run,
};
