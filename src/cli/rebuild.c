#include "dlrd/cli/store_work.h"

#include <stdio.h>

static void
print_findings(const struct work_result *result)
{
	const struct work_description *description = work_describe(WORK_REBUILD);
	printf("%llu messages recomputed; corrected:", (unsigned long long)result->counts[0]);
	for (size_t i = 1; i < description->count; i++)
		printf("%s %llu %s", i == 1 ? "" : ",", (unsigned long long)result->counts[i],
		    description->counts[i].label);
	printf("\n");
}

static int
run(const struct cli_command *command, int count, char **words)
{
	const char *path = SETTINGS_DEFAULT_PATH;
	const struct work_order order = {.kind = WORK_REBUILD};
	bool json = false;
	const struct cli_option options[] = {
	    {"config", 'c', .text = &path}, {"json", 0, .flag = &json}};
	int status;
	if (!cli_read_options(command, count, words, options, 2, 0, NULL, &status))
		return status;
	struct settings *settings = cli_load_settings(command, path, SETTINGS_QUERY);
	if (settings == NULL)
		return CLI_FAILED;

	status = store_work_run(command, settings, &order, json, print_findings);
	settings_free(settings);
	return status;
}

const struct cli_command cli_rebuild = {
    .name = "rebuild",
    .summary = "recompute everything from the receipts, and correct the store",
    .usage =
	"Usage: dlrd rebuild [--json] [-c FILE]\n"
	"\n"
	"Recomputes each message, the campaign of each reply, all figures and the opt-out list\n"
	"from the stored receipts, in one transaction. If a daemon has the store open, asks it to\n"
	"do this, over [api] listen and with [api] token_file. The daemon accepts callbacks\n"
	"meanwhile, counts them afterwards, and uses its own settings. Otherwise this command\n"
	"does it, and no daemon can start until it is done. Ends with 0 if the store is now\n"
	"correct, whether or not anything was corrected.\n"
	"\n"
	"  -c, --config FILE  the configuration (default " SETTINGS_DEFAULT_PATH ")\n"
	"      --json         answer in JSON, as the api does\n"
	"  -h, --help         show this\n",
    .run = run,
};
