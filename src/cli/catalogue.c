#include "query.h"

static const char *const table_columns[] = {"code", "name", "kind", "permanence", "action", NULL};

static void
add_code(void *context, const struct catalogue_row *row)
{
	struct report_row cells = report_catalogue_row(row);
	output_add(context, &cells);
}

static int
run(const struct cli_command *command, int count, char **words)
{
	struct query query = {0};
	const struct cli_option options[] = {QUERY_OPTIONS(query)};
	int operands, status;
	if (!query_begin(
		&query, command, count, words, options, QUERY_OPTION_COUNT, 0, &operands, &status))
		return status;
	struct output *output = output_new(query.format, &report_catalogue, table_columns);
	enum result result = store_read_catalogue(query.reader, 0, 0, add_code, output);
	status = query_end(&query, command, result, output, NULL);
	store_reader_close(query.reader);
	return status;
}

const struct cli_command cli_catalogue = {
    .name = "catalogue",
    .summary = "the error codes that are known, and what to do about each",
    .usage = "Usage: dlrd catalogue [--json | --csv] [-c FILE | --store DIR]\n"
	     "\n"
	     "Shows Twilio's error codes, as the daemon was started with them: the table that is\n"
	     "built in, or error_codes of the configuration, with error_codes_site over it.\n"
	     "\n" QUERY_USAGE,
    .run = run,
};
