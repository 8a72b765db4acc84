#include "dlrd/cli/cli.h"

#include "dlrd/base/clock.h"
#include "dlrd/base/log.h"
#include "dlrd/daemon/reload_socket.h"
#include "dlrd/daemon/settings.h"

#include <stdio.h>
#include <stdlib.h>

/* Reading a large configuration takes milliseconds; a daemon that needs longer than this hangs. */
#define ANSWER_TIMEOUT_US (30 * CLOCK_SECOND_US)

/* Prints each line with control bytes escaped, since it may quote the configuration. */
static void
print_lines(FILE *out, struct slice text)
{
	while (text.len > 0) {
		struct buffer line = BUFFER_EMPTY;
		buffer_append_visible(&line, slice_take(&text, '\n'));
		fprintf(out, "%.*s\n", SLICE_ARG(buffer_slice(&line)));
		buffer_done(&line);
	}
}

/* Reports the problems of a file that the daemon was not asked to read. Under systemd, logs them as
 * the daemon would, because systemctl does not show the output of ExecReload=. */
static void
report_problems(struct slice text)
{
	if (getenv("JOURNAL_STREAM") == NULL)
		print_lines(stderr, text);
	else
		log_lines(LOG_ERROR, "reload: configuration unchanged: ", text);
}

/* Asks the daemon to reload, and prints its answer, which lists every mistake of the file. This
 * process uses only the store's folder from its own reading of the file. */
static int
ask(const struct cli_command *command, const struct settings *settings)
{
	struct buffer text = BUFFER_EMPTY;
	struct failure failure;
	bool reloaded;
	enum result result =
	    reload_socket_ask(settings->directory, ANSWER_TIMEOUT_US, &reloaded, &text, &failure);
	if (result != RESULT_OK)
		return cli_failure(command, "%s", failure.text);
	print_lines(reloaded ? stdout : stderr, buffer_slice(&text));
	buffer_done(&text);
	return reloaded ? CLI_OK
			: cli_failure(command,
			      "configuration unchanged; correct the file and run this again");
}

static int
run(const struct cli_command *command, int count, char **words)
{
	const char *path = SETTINGS_DEFAULT_PATH;
	const struct cli_option options[] = {{"config", 'c', .text = &path}};
	struct settings *settings;
	struct buffer problems = BUFFER_EMPTY;
	int status;
	if (!cli_read_options(command, count, words, options, 1, 0, NULL, &status))
		return status;

	if (settings_load(path, SETTINGS_QUERY, &settings, &problems) != RESULT_OK) {
		report_problems(buffer_slice(&problems));
		buffer_done(&problems);
		return cli_failure(
		    command, "the daemon was not asked; correct the file and run this again");
	}
	buffer_done(&problems);
	status = ask(command, settings);
	settings_free(settings);
	return status;
}

const struct cli_command cli_reload = {
    .name = "reload",
    .summary = "have the running daemon re-read its configuration",
    .usage = "Usage: dlrd reload [-c FILE]\n"
	     "\n"
	     "Asks the daemon that works in [store] directory to re-read its configuration, and\n"
	     "waits for the outcome. All settings but listeners and the store's directory take\n"
	     "effect, or none: if anything in the file is wrong, the old settings stay, each\n"
	     "mistake is printed as FILE:LINE: [section] key: ..., and the exit status is 1.\n"
	     "Needs root, or the daemon's user. systemctl reload dlrd runs this.\n"
	     "\n"
	     "  -c, --config FILE  the configuration (default " SETTINGS_DEFAULT_PATH ")\n"
	     "  -h, --help         show this\n",
    .run = run,
};
