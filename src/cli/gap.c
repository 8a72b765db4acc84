#include "dlrd/cli/cli.h"
#include "dlrd/cli/output.h"

#include "dlrd/base/clock.h"
#include "dlrd/daemon/gap.h"
#include "dlrd/daemon/settings.h"

#include <stdio.h>

static bool
print_json(const struct gaps *gaps)
{
	struct json_t *object = json_new_object(), *list = json_new_array();
	char time[CLOCK_TEXT_SIZE];
	for (size_t i = 0; i < gaps->count; i++) {
		const struct gap *gap = &gaps->items[i];
		struct json_t *row = json_new_object();
		json_put_int(row, "first", (int64_t)gap->first);
		if (gap->last != 0)
			json_put_int(row, "last", (int64_t)gap->last);
		else
			json_put_null(row, "last");
		json_put_text(row, "found", slice_of(clock_format(gap->found_us, time)));
		json_put_bool(row, "accepted", gap->accepted);
		json_put_text(row, "reason", slice_of(gap->reason));
		json_push(list, row);
	}

	json_put(object, "gaps", list);
	return output_json(object);
}

static void
print_text(const struct gaps *gaps)
{
	char time[CLOCK_TEXT_SIZE];
	for (size_t i = 0; i < gaps->count; i++) {
		const struct gap *gap = &gaps->items[i];
		struct buffer line = BUFFER_EMPTY;
		gap_describe(gap, &line);
		printf("%s  %s%.*s\n", clock_format(gap->found_us, time),
		    gap->accepted ? "(accepted) " : "", SLICE_ARG(buffer_slice(&line)));
		buffer_done(&line);
	}
	if (gaps->count == 0)
		printf("no journal entries are missing\n");
}

static enum result
accept_all(const char *directory, struct gaps *gaps, struct failure *failure)
{
	for (size_t i = 0; i < gaps->count; i++)
		gaps->items[i].accepted = true;
	return gaps->count == 0 ? RESULT_OK : gaps_write(directory, gaps, failure);
}

static int
run(const struct cli_command *command, int count, char **words)
{
	const char *config = SETTINGS_DEFAULT_PATH, *directory = NULL;
	char path[CLI_DIRECTORY_SIZE];
	bool accept = false, json = false;
	const struct cli_option options[] = {{"config", 'c', .text = &config},
	    {"store", 0, .text = &directory}, {"accept", 0, .flag = &accept},
	    {"json", 0, .flag = &json}};
	struct gaps gaps;
	struct failure failure;
	int status;
	if (!cli_read_options(command, count, words, options, 4, 0, NULL, &status))
		return status;

	if (!cli_store_directory(command, config, directory, path))
		return CLI_FAILED;

	enum result result = gaps_read(path, &gaps, &failure);
	if (result == RESULT_OK && accept)
		result = accept_all(path, &gaps, &failure);
	if (result != RESULT_OK)
		return cli_failure(command, "%s", failure.text);

	if (!json)
		print_text(&gaps);
	else if (!print_json(&gaps))
		return cli_failure(command, "the answer cannot be written");
	return CLI_OK;
}

const struct cli_command cli_gap = {
    .name = "gap",
    .summary = "list missing journal entries, or accept their loss",
    .usage =
	"Usage: dlrd gap [--accept] [--json] [-c FILE | --store DIR]\n"
	"\n"
	"Lists gaps: numbers of journal entries that the store has not counted and the journal no\n"
	"longer has, because an older file was restored, or a file was damaged or removed. The\n"
	"daemon finds gaps when it starts. Until a gap is accepted, each start logs it, and\n"
	"/readyz, dlrd_gap_entries and 'dlrd audit' report it.\n"
	"\n"
	"      --accept       accept all gaps: the entries are lost, and that is known\n"
	"      --json         answer in JSON\n"
	"  -c, --config FILE  the configuration (default " SETTINGS_DEFAULT_PATH ")\n"
	"      --store DIR    the store's directory, instead of the configured one\n"
	"  -h, --help         show this\n",
    .run = run,
};
