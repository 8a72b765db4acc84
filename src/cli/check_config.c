#include "dlrd/cli/cli.h"

#include "dlrd/daemon/settings.h"

#include <stdio.h>

/* "2 accounts, 3 routes, https://callbacks.example.com" */
static void
append_summary(const struct settings *settings, struct buffer *out)
{
	size_t accounts = verifier_account_count(settings->verifier);
	size_t routes = settings->routes.count;
	buffer_appendf(out, "%zu account%s, %zu route%s", accounts, accounts == 1 ? "" : "s",
	    routes, routes == 1 ? "" : "s");
	for (size_t i = 0; i < settings->public_url.count; i++) {
		struct url_parts parts; /* without a password */
		if (url_read_parts(slice_of(settings->public_url.items[i]), &parts) != RESULT_OK)
			continue;
		buffer_append(out, SLICE(", "));
		url_append_origin(&parts, out);
		buffer_append(out, parts.path);
	}
	if (settings->public_url.count == 0)
		buffer_append(out, SLICE(", no public_url"));
}

/* After --print the summary is a comment of the configuration that was printed. */
static void
print_result(const struct settings *settings, bool print)
{
	struct buffer out = BUFFER_EMPTY;
	if (print) {
		settings_print(settings, &out);
		buffer_append(&out, SLICE("\n; "));
	}
	buffer_append(&out, SLICE("OK: "));
	append_summary(settings, &out);
	printf("%.*s\n", SLICE_ARG(buffer_slice(&out)));
	buffer_done(&out);
}

static int
run(const struct cli_command *command, int count, char **words)
{
	const char *path = SETTINGS_DEFAULT_PATH;
	bool print = false, strict = false;
	const struct cli_option options[] = {{"config", 'c', .text = &path},
	    {"print", 0, .flag = &print}, {"strict", 0, .flag = &strict}};
	struct settings *settings;
	struct buffer problems = BUFFER_EMPTY;
	int status;
	if (!cli_read_options(command, count, words, options, 3, 0, NULL, &status))
		return status;

	enum result result = settings_load(path, SETTINGS_CHECK, &settings, &problems);
	bool passed = result == RESULT_OK && !(strict && problems.len > 0);
	fprintf(stderr, "%.*s", SLICE_ARG(buffer_slice(&problems)));
	if (passed)
		print_result(settings, print);
	buffer_done(&problems);
	if (result == RESULT_OK)
		settings_free(settings);
	return passed ? CLI_OK : CLI_FAILED;
}

const struct cli_command cli_check_config = {
    .name = "check-config",
    .summary = "check a configuration, and report each mistake",
    .usage =
	"Usage: dlrd check-config [-c FILE] [--print] [--strict]\n"
	"\n"
	"Reads the configuration as serve does. Ends with 0 and a line that begins with OK,\n"
	"or with 1 and a line for each mistake: FILE:LINE: [section] key: the mistake and its\n"
	"correction. A warning is about a setting that is probably a mistake.\n"
	"\n"
	"  -c, --config FILE  the configuration (default " SETTINGS_DEFAULT_PATH ")\n"
	"      --print        print all settings with defaults, without secrets\n"
	"      --strict       a warning is a mistake\n"
	"  -h, --help         show this\n",
    .run = run,
};
