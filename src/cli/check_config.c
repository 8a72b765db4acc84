#include "dlrd/cli/cli.h"

#include "dlrd/daemon/settings.h"

#include <stdio.h>

static int
run(const struct cli_command *command, int count, char **words)
{
	const char *path = SETTINGS_DEFAULT_PATH;
	bool print = false;
	const struct cli_option options[] = {
	    {"config", 'c', .text = &path}, {"print", 0, .flag = &print}};
	struct settings *settings;
	struct buffer text = BUFFER_EMPTY;
	int status;
	if (!cli_read_options(command, count, words, options, 2, 0, NULL, &status))
		return status;

	if (settings_load(path, SETTINGS_SERVE, &settings, &text) != RESULT_OK) {
		fprintf(stderr, "%.*s", SLICE_ARG(buffer_slice(&text)));
		buffer_done(&text);
		return CLI_FAILED;
	}

	if (settings->secrets_exposed)
		fprintf(stderr,
		    "%s: warning: contains a token and all users can read it; chmod o-r it, or use "
		    "auth_token_file\n",
		    path);

	if (print) {
		settings_print(settings, &text);
		printf("%.*s", SLICE_ARG(buffer_slice(&text)));
	}
	buffer_done(&text);
	settings_free(settings);
	return CLI_OK;
}

const struct cli_command cli_check_config = {
    .name = "check-config",
    .summary = "check a configuration, and report each mistake",
    .usage = "Usage: dlrd check-config [-c FILE] [--print]\n"
	     "\n"
	     "Reads the configuration as serve does. Ends with 0, or with 1 and a line for each\n"
	     "mistake: FILE:LINE: [section] key: the mistake and its correction.\n"
	     "\n"
	     "  -c, --config FILE  the configuration (default " SETTINGS_DEFAULT_PATH ")\n"
	     "      --print        print all settings with defaults, without secrets\n"
	     "  -h, --help         show this\n",
    .run = run,
};
