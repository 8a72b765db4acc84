#include "dlrd/base/local_time.h"
#include "dlrd/cli/output.h"
#include "dlrd/cli/store_work.h"

#include <stdio.h>
#include <string.h>

/* --- output --- */

static void
append_campaign(struct buffer *line, const struct json_t *move, const char *side)
{
	char key[32];
	snprintf(key, sizeof key, "%s_workspace", side);
	struct slice workspace = json_text(json_get(move, key));
	snprintf(key, sizeof key, "%s_campaign", side);
	struct slice campaign = json_text(json_get(move, key));
	if (campaign.len == 0)
		buffer_append(line, SLICE("(untagged)"));
	buffer_append_visible(line, campaign);
	if (workspace.len > 0) {
		buffer_append(line, SLICE(" of "));
		buffer_append_visible(line, workspace);
	}
}

/* Returns the messages of the move. */
static uint64_t
print_move(const struct json_t *move)
{
	struct buffer line = BUFFER_EMPTY;
	int64_t messages = 0;
	(void)!json_int(json_get(move, "messages"), &messages);
	append_campaign(&line, move, "from");
	buffer_append(&line, SLICE(" to "));
	append_campaign(&line, move, "to");
	printf("  %lld from %.*s\n", (long long)messages, SLICE_ARG(buffer_slice(&line)));
	buffer_done(&line);
	return messages < 0 ? 0 : (uint64_t)messages;
}

static void
print_findings(const struct work_result *result)
{
	const uint64_t *counts = result->counts;
	struct json_t *moves = NULL;
	const struct json_t *move;
	uint64_t shown = 0;
	printf("receipts read: %llu, with other tags: %llu; messages moved: %llu%s\n",
	    (unsigned long long)counts[0], (unsigned long long)counts[1],
	    (unsigned long long)counts[2], counts[2] > 0 ? ", of them" : "");
	if (result->moves != NULL && json_parse(slice_of(result->moves), &moves) == RESULT_OK)
		for (size_t i = 0; (move = json_at(moves, i)) != NULL; i++)
			shown += print_move(move);
	json_free(moves);
	if (counts[2] > shown)
		printf("  %llu from and to other campaigns\n",
		    (unsigned long long)(counts[2] - shown));
	if (counts[3] > 0)
		printf("with unchanged tags, since their URLs or routes are not known: %llu\n",
		    (unsigned long long)counts[3]);
}

/* --- the command --- */

/* Reads a time, or takes the fallback. Returns false after reporting a text that is no time. */
static bool
read_time(const struct cli_command *command, const char *option, const char *text, int64_t fallback,
    int64_t *out_us, int *out_status)
{
	bool is_day;
	*out_us = fallback;
	if (text == NULL || local_time_parse_spoken(NULL, slice_of(text), clock_wall_us(), out_us,
				&is_day) == RESULT_OK)
		return true;
	*out_status = cli_usage_error(command,
	    "--%s must be a time, such as 2026-03-01, 2026-03-01T12:00:00Z, today, yesterday or "
	    "-24h",
	    option);
	return false;
}

static int
run(const struct cli_command *command, int count, char **words)
{
	const char *path = SETTINGS_DEFAULT_PATH, *from = NULL, *to = NULL;
	struct work_order order = {.kind = WORK_RETAG};
	bool json = false;
	const struct cli_option options[] = {{"config", 'c', .text = &path},
	    {"from", 0, .text = &from}, {"to", 0, .text = &to}, {"json", 0, .flag = &json}};
	int status;
	if (!cli_read_options(command, count, words, options, 4, 0, NULL, &status) ||
	    !read_time(command, "from", from, 0, &order.from_us, &status) ||
	    !read_time(command, "to", to, INT64_MAX, &order.to_us, &status))
		return status;
	struct settings *settings = cli_load_settings(command, path, SETTINGS_QUERY);
	if (settings == NULL)
		return CLI_FAILED;

	status = store_work_run(command, settings, &order, json, print_findings);
	settings_free(settings);
	return status;
}

const struct cli_command cli_retag = {
    .name = "retag",
    .summary = "read the campaigns of stored receipts again, by other templates",
    .usage =
	"Usage: dlrd retag [--from T] [--to T] [--json] [-c FILE]\n"
	"\n"
	"Reads workspace, campaign and variant of stored receipts again, by the templates of\n"
	"[callback PATH] that are in force, and moves messages, figures and replies with them,\n"
	"in one transaction. If a daemon has the store open, asks it to do this; it uses the\n"
	"templates that it has read: reload it first. Callbacks are accepted meanwhile, and\n"
	"counted afterwards. Prints which campaigns messages moved from and to, the 100 largest\n"
	"moves at most.\n"
	"\n"
	"A receipt that arrived twice with different tags is known by those that counted. The\n"
	"number of duplicates stays with a campaign, and ends with it.\n"
	"\n"
	"      --from T       only receipts that arrived then or later\n"
	"      --to T         only receipts that arrived before\n"
	"  -c, --config FILE  the configuration (default " SETTINGS_DEFAULT_PATH ")\n"
	"      --json         answer in JSON, as the api does\n"
	"  -h, --help         show this\n",
    .run = run,
};
