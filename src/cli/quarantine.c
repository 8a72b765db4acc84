#define _DEFAULT_SOURCE
#include "control.h"
#include "dlrd/api/refusals.h"
#include "dlrd/base/clock.h"
#include "dlrd/cli/cli.h"
#include "dlrd/cli/output.h"
#include "dlrd/refused/quarantine_reader.h"
#include "query.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define QUARANTINE_PATH "/v1/quarantine"
#define REVERIFY_PATH QUARANTINE_PATH "/reverify"
#define POLL_US (CLOCK_SECOND_US / 5)

/* The command line. */
struct arguments {
	const struct cli_command *command;
	const char *config, *directory, *id, *tz; /* id, tz: NULL if not given */
	struct time_zone *zone;                   /* of times; NULL: UTC */
	bool json, csv, wide, request, all;
	uint64_t number; /* the value of id */
};

/* --- commands that read the file, with or without a daemon --- */

/* *out_reader is NULL if no daemon has created the file yet. */
static int
open_reader(const struct arguments *arguments, struct quarantine_reader **out_reader)
{
	char folder[CLI_DIRECTORY_SIZE], path[CLI_DIRECTORY_SIZE + sizeof "/" QUARANTINE_FILE];
	struct failure failure;
	*out_reader = NULL;
	if (!cli_store_directory(
		arguments->command, arguments->config, arguments->directory, folder))
		return CLI_FAILED;
	snprintf(path, sizeof path, "%s/" QUARANTINE_FILE, folder);
	enum result result = quarantine_reader_open(path, out_reader, &failure);
	bool is_missing = result == RESULT_NOT_FOUND && access(path, F_OK) != 0;
	if (result == RESULT_OK || (is_missing && access(folder, R_OK | X_OK) == 0))
		return CLI_OK;
	return cli_failure(arguments->command, "%s", failure.text);
}

static int
report_unreadable(
    const struct arguments *arguments, const struct quarantine_reader *reader, enum result result)
{
	return cli_failure(arguments->command, "the quarantine: %s: %s", result_text(result),
	    quarantine_reader_error(reader));
}

static enum result
add(void *context, const struct quarantined *request)
{
	struct report_row cells = refusals_row(request);
	output_add(context, &cells);
	return RESULT_OK;
}

static int
list(const struct arguments *arguments)
{
	const struct quarantine_page page = {.limit = SIZE_MAX, .newest_first = true};
	enum result result = RESULT_OK;
	struct quarantine_reader *reader;
	int status = open_reader(arguments, &reader);
	if (status != CLI_OK)
		return status;

	struct output *output = output_new(arguments->json   ? OUTPUT_JSON
					   : arguments->csv  ? OUTPUT_CSV
					   : arguments->wide ? OUTPUT_WIDE_TABLE
							     : OUTPUT_TABLE,
	    &query_quarantine.report, SLICE_NONE, arguments->zone);
	if (reader != NULL)
		result = quarantine_reader_each(reader, &page, add, output);
	if (!output_finish(output, NULL))
		status = cli_failure(arguments->command, "cannot write the answer");
	if (result != RESULT_OK)
		status = report_unreadable(arguments, reader, result);
	quarantine_reader_close(reader);
	return status;
}

/* Prints a line for each column except the last, which is the whole request (see --request). */
static void
print_row(const struct report_row *row, const struct time_zone *zone)
{
	struct buffer text = BUFFER_EMPTY;
	for (size_t i = 0; i + 1 < query_quarantined.report.count; i++) {
		if (row->cells[i].kind == CELL_NULL)
			continue;
		buffer_appendf(&text, "%s: ", query_quarantined.report.columns[i].name);
		report_cell_text(&row->cells[i], zone, &text);
		buffer_append_byte(&text, '\n');
	}
	fwrite(text.ptr, 1, text.len, stdout);
	buffer_done(&text);
}

/* Prints the bytes unchanged for another program. On a terminal, escapes control bytes, which come
 * from an untrusted client. */
static void
print_request(struct slice raw)
{
	if (!isatty(STDOUT_FILENO)) {
		fwrite(raw.ptr, 1, raw.len, stdout);
		return;
	}
	struct buffer text = BUFFER_EMPTY;
	while (raw.ptr != NULL) {
		struct slice line = slice_take(&raw, '\n');
		if (line.len > 0 && line.ptr[line.len - 1] == '\r')
			line.len--;
		buffer_append_visible(&text, line);
		buffer_append_byte(&text, '\n');
	}
	fwrite(text.ptr, 1, text.len, stdout);
	buffer_done(&text);
}

static enum result
print(void *context, const struct quarantined *request)
{
	const struct arguments *arguments = context;
	struct buffer raw = BUFFER_EMPTY;
	refusals_append_request(request, &raw);
	struct report_row row = refusals_whole_row(request, buffer_slice(&raw));
	enum result result = raw.failed ? RESULT_NO_MEMORY : RESULT_OK;

	if (result == RESULT_OK && arguments->request)
		print_request(buffer_slice(&raw));
	else if (result == RESULT_OK && arguments->json)
		result =
		    output_json(report_json(&query_quarantined.report, &row, arguments->zone)) ||
			    ferror(stdout)
			? RESULT_OK
			: RESULT_NO_MEMORY;
	else if (result == RESULT_OK)
		print_row(&row, arguments->zone);
	buffer_done(&raw);
	return result;
}

static int
report_unknown(const struct arguments *arguments)
{
	return cli_failure(
	    arguments->command, "there is no request %s in the quarantine", arguments->id);
}

static int
show(const struct arguments *arguments)
{
	struct arguments copy = *arguments;
	struct quarantine_reader *reader;
	enum result result = RESULT_NOT_FOUND;
	int status = open_reader(arguments, &reader);
	if (status != CLI_OK)
		return status;
	if (reader != NULL)
		result = quarantine_reader_get(reader, arguments->number, print, &copy);
	if (result == RESULT_NOT_FOUND)
		status = report_unknown(arguments);
	else if (result != RESULT_OK)
		status = report_unreadable(arguments, reader, result);
	else if (fflush(stdout) != 0 || ferror(stdout))
		status = cli_failure(arguments->command, "cannot write the answer");
	quarantine_reader_close(reader);
	return status;
}

/* --- commands that the running daemon carries out --- */

/* Asks the daemon; the caller frees *out_body. */
static int
ask(const struct arguments *arguments, const struct settings *settings, const char *method,
    const char *path, unsigned status, struct json_t **out_body)
{
	struct control_answer answer;
	struct failure failure;
	enum result result = control_ask(settings, method, path, &answer, &failure);
	if (result == RESULT_NOT_FOUND)
		return cli_failure(arguments->command,
		    "%s; start dlrd first: only the daemon has the journal and the quarantine open "
		    "for writing",
		    failure.text);
	if (result != RESULT_OK)
		return cli_failure(arguments->command, "%s", failure.text);
	if (answer.status != status) {
		if (answer.status == 404 && arguments->id != NULL)
			report_unknown(arguments);
		else
			control_refused(arguments->command, settings, &answer);
		json_free(answer.body);
		return CLI_FAILED;
	}

	*out_body = answer.body;
	return CLI_OK;
}

static int64_t
number_of(const struct json_t *body, const char *key)
{
	int64_t number;
	return json_int(json_get(body, key), &number) ? number : 0;
}

static int
print_reverify(const struct arguments *arguments, const struct json_t *body)
{
	struct slice state = json_text(json_get(body, "state"));
	struct buffer text = BUFFER_EMPTY;
	int status = CLI_OK;
	if (slice_equal(state, SLICE("failed"))) {
		buffer_append_visible(&text, json_text(json_get(body, "error")));
		status = cli_failure(arguments->command,
		    "the daemon could not verify all requests; the others stay: %.*s",
		    SLICE_ARG(buffer_slice(&text)));
	} else if (!slice_equal(state, SLICE("done")))
		status = cli_failure(arguments->command,
		    "the daemon restarted before it reported the result; run this again");
	else if (arguments->json && json_write(body, &text) == RESULT_OK)
		printf("%.*s\n", SLICE_ARG(buffer_slice(&text)));
	else
		printf("%lld request%s re-verified: %lld stored, %lld still refused\n",
		    (long long)number_of(body, "tried"), number_of(body, "tried") == 1 ? "" : "s",
		    (long long)number_of(body, "kept"), (long long)number_of(body, "refused"));
	buffer_done(&text);
	return status;
}

static int
reverify(const struct arguments *arguments, const struct settings *settings)
{
	struct json_t *body = NULL;
	int status = ask(arguments, settings, "POST", REVERIFY_PATH, 202, &body);
	while (
	    status == CLI_OK && slice_equal(json_text(json_get(body, "state")), SLICE("running"))) {
		json_free(body);
		body = NULL;
		clock_sleep(POLL_US);
		status = ask(arguments, settings, "GET", REVERIFY_PATH, 200, &body);
	}
	if (status == CLI_OK)
		status = print_reverify(arguments, body);
	json_free(body);
	return status;
}

static int
drop(const struct arguments *arguments, const struct settings *settings)
{
	char path[64];
	struct json_t *body = NULL;
	if (arguments->all)
		snprintf(path, sizeof path, QUARANTINE_PATH "/all/drop");
	else
		snprintf(path, sizeof path, QUARANTINE_PATH "/%llu/drop",
		    (unsigned long long)arguments->number);

	int status = ask(arguments, settings, "POST", path, 200, &body);
	if (status != CLI_OK)
		return status;
	if (arguments->json)
		return output_json(body)
			   ? CLI_OK
			   : cli_failure(arguments->command, "cannot write the answer");
	printf("%lld dropped\n", (long long)number_of(body, "dropped"));
	json_free(body);
	return CLI_OK;
}

static int
with_daemon(const struct arguments *arguments,
    int (*act)(const struct arguments *arguments, const struct settings *settings))
{
	struct settings *settings =
	    cli_load_settings(arguments->command, arguments->config, SETTINGS_QUERY);
	if (settings == NULL)
		return CLI_FAILED;
	int status = act(arguments, settings);
	settings_free(settings);
	if (status == CLI_OK && (fflush(stdout) != 0 || ferror(stdout)))
		status = cli_failure(arguments->command, "cannot write the answer");
	return status;
}

/* --- the command line --- */

enum verb { VERB_LIST, VERB_SHOW, VERB_REVERIFY, VERB_DROP, VERB_NONE };

static enum verb
verb_of(const char *word)
{
	static const char *const words[] = {"list", "show", "reverify", "drop"};
	size_t verb = 0;
	while (verb < VERB_NONE && (word == NULL || strcmp(word, words[verb]) != 0))
		verb++;
	return (enum verb)verb;
}

/* Options that would be passed over are mistakes. */
static int
check(struct arguments *arguments, enum verb verb)
{
	const struct cli_command *command = arguments->command;
	bool takes_id = verb == VERB_SHOW || (verb == VERB_DROP && !arguments->all);
	int64_t number = 0;
	if (verb == VERB_NONE)
		return cli_usage_error(command, "expected list, show, reverify or drop");

	if (!takes_id && arguments->id != NULL)
		return cli_usage_error(command, "unexpected \"%s\"", arguments->id);
	if (arguments->json + arguments->csv + arguments->wide > 1)
		return cli_usage_error(command, "give one of --json, --csv and --wide");
	if ((arguments->csv || arguments->wide) && verb != VERB_LIST)
		return cli_usage_error(
		    command, "--%s requires list", arguments->csv ? "csv" : "wide");
	if (arguments->request && (verb != VERB_SHOW || arguments->json))
		return cli_usage_error(command, "--request requires show, without --json");
	if (arguments->tz != NULL && verb != VERB_LIST && verb != VERB_SHOW)
		return cli_usage_error(command, "--tz requires list or show");
	if (arguments->all && verb != VERB_DROP)
		return cli_usage_error(command, "--all requires drop");
	if (arguments->directory != NULL && (verb == VERB_REVERIFY || verb == VERB_DROP))
		return cli_usage_error(
		    command, "--store is for list and show only; to find the daemon, give -c");
	if (takes_id &&
	    (arguments->id == NULL || slice_to_int(slice_of(arguments->id), &number) != RESULT_OK ||
		number < 1))
		return cli_usage_error(command, "give the id of a request from list%s",
		    verb == VERB_DROP ? ", or --all" : "");

	arguments->number = (uint64_t)number;
	return CLI_OK;
}

static int
run(const struct cli_command *command, int count, char **words)
{
	struct arguments arguments = {.command = command, .config = SETTINGS_DEFAULT_PATH};
	const struct cli_option options[] = {{"config", 'c', .text = &arguments.config},
	    {"store", 0, .text = &arguments.directory}, {"json", 0, .flag = &arguments.json},
	    {"csv", 0, .flag = &arguments.csv}, {"wide", 0, .flag = &arguments.wide},
	    {"request", 0, .flag = &arguments.request}, {"all", 0, .flag = &arguments.all},
	    {"tz", 0, .text = &arguments.tz}};
	int operands, status;
	if (!cli_read_options(command, count, words, options, sizeof options / sizeof options[0], 2,
		&operands, &status))
		return status;

	enum verb verb = verb_of(operands < count ? words[operands] : NULL);
	arguments.id = operands + 1 < count ? words[operands + 1] : NULL;
	status = check(&arguments, verb);
	if (status != CLI_OK)
		return status;
	if (!query_open_zone(
		command, arguments.tz, !arguments.json && !arguments.csv, &arguments.zone))
		return CLI_USAGE;
	status = verb == VERB_LIST       ? list(&arguments)
		 : verb == VERB_SHOW     ? show(&arguments)
		 : verb == VERB_REVERIFY ? with_daemon(&arguments, reverify)
					 : with_daemon(&arguments, drop);
	time_zone_close(arguments.zone);
	return status;
}

const struct cli_command cli_quarantine = {
    .name = "quarantine",
    .summary = "requests refused for their signature: list, re-verify, drop",
    .usage =
	"Usage: dlrd quarantine list [--tz ZONE] [--json | --csv | --wide]\n"
	"                            [-c FILE | --store DIR]\n"
	"       dlrd quarantine show ID [--tz ZONE] [--json | --request] [-c FILE | --store DIR]\n"
	"       dlrd quarantine reverify [--json] [-c FILE]\n"
	"       dlrd quarantine drop ID | --all [--json] [-c FILE]\n"
	"\n"
	"Requests with one signature header that does not verify were answered 403 and not\n"
	"counted. They wait here, because a wrong setting of dlrd or the proxy causes this.\n"
	"'proven' means that one of the configured tokens signed the request. Correct the setting\n"
	"that the cause names (dlrd quarantine show ID --request | dlrd explain -), run\n"
	"'dlrd reload', and then reverify. It stores all requests that verify now, with the time "
	"of\n"
	"their first arrival; the others stay. list and show read the file, with or without a\n"
	"daemon. reverify and drop ask the running daemon, over [api] listen.\n"
	"\n"
	"      --request         the raw HTTP request, as 'dlrd explain' reads it\n"
	"      --all             drop all of them\n"
	"      --tz ZONE         the time zone of times: UTC, +05:30, Europe/Berlin (default: the\n"
	"                        machine's, UTC in JSON and CSV)\n"
	"  -c, --config FILE     the configuration (default " SETTINGS_DEFAULT_PATH ")\n"
	"      --store DIR       the store's folder, instead of the configured one\n"
	"      --json            answer in JSON, as the api does\n"
	"      --csv             answer in CSV\n"
	"      --wide            shorten nothing to fit the terminal\n"
	"  -h, --help            show this\n",
    .run = run,
};
