#include "dlrd/cli/cli.h"

#include "dlrd/base/clock.h"
#include "dlrd/base/log.h"
#include "dlrd/base/log_queue.h"
#include "dlrd/daemon/daemon.h"
#include "dlrd/daemon/signals.h"

/* Time to write the last log lines if the reader of the log is slow. */
#define LOG_STOP_US CLOCK_SECOND_US

static enum result
serve(const char *path)
{
	struct settings *settings;
	struct buffer problems = BUFFER_EMPTY;
	struct failure failure;
	enum result result = settings_load(path, SETTINGS_SERVE, &settings, &problems);
	log_lines(result == RESULT_OK ? LOG_WARNING : LOG_ERROR, "", buffer_slice(&problems));
	buffer_done(&problems);
	if (result != RESULT_OK)
		return result;

	log_set_level(settings->log_level);
	log_line(LOG_INFO, "dlrd " DLRD_VERSION " with %s", path);
	result = daemon_run(settings, &failure);
	if (result != RESULT_OK)
		log_line(LOG_ERROR, "cannot start: %s", failure.text);
	return result;
}

static int
run(const struct cli_command *command, int count, char **words)
{
	const char *path = SETTINGS_DEFAULT_PATH;
	const struct cli_option options[] = {{"config", 'c', .text = &path}};
	struct failure failure;
	int status;
	if (!cli_read_options(command, count, words, options, 1, 0, NULL, &status))
		return status;

	/* Signals first: one that is not blocked would end the process without a shutdown. */
	signals_block();
	if (log_queue_start(log_dropped, &failure) != RESULT_OK)
		return cli_failure(command, "%s", failure.text);
	enum result result = serve(path);
	log_queue_stop(LOG_STOP_US);
	return result == RESULT_OK ? CLI_OK : CLI_FAILED;
}

const struct cli_command cli_serve = {
    .name = "serve",
    .summary = "accept callbacks, in the foreground",
    .usage =
	"Usage: dlrd serve [-c FILE]\n"
	"\n"
	"Accepts callbacks until SIGTERM or SIGINT, and then stores and answers the requests in\n"
	"progress. SIGHUP or 'dlrd reload' re-reads the configuration. Logs to standard error, "
	"and\n"
	"notifies systemd when it is ready.\n"
	"\n"
	"  -c, --config FILE  the configuration (default " SETTINGS_DEFAULT_PATH ")\n"
	"  -h, --help         show this\n",
    .run = run,
};
