#include "query.h"

static const char *const table_columns[] = {
    "seq", "time", "level", "error_code", "name", "ours", "request_url", "response_status", NULL};

static void
add_alert(void *context, const struct alert_row *row)
{
	struct report_row cells = report_alert_row(row);
	output_add(context, &cells);
}

static int
run(const struct cli_command *command, int count, char **words)
{
	struct query query = {0};
	struct alert_filter filter = {0};
	const char *from = NULL, *to = NULL;
	int64_t limit = 100;
	const struct cli_option options[] = {QUERY_OPTIONS(query),
	    {"ours", 0, .flag = &filter.ours_only}, {"from", 0, .text = &from},
	    {"to", 0, .text = &to}, {"before", 0, .number = &filter.before_seq},
	    {"limit", 0, .number = &limit}};
	int operands, status;
	if (!query_begin(&query, command, count, words, options, sizeof options / sizeof options[0],
		0, &operands, &status))
		return status;
	status = CLI_USAGE;
	if (query_times(command, from, to, &filter.from_us, &filter.to_us)) {
		filter.limit = (size_t)limit;
		struct output *output = output_new(query.format, &report_alerts, table_columns);
		enum result result = store_read_alerts(query.reader, &filter, add_alert, output);
		status = query_end(&query, command, result, output, NULL);
	}
	store_reader_close(query.reader);
	return status;
}

const struct cli_command cli_alerts = {
    .name = "alerts",
    .summary = "what Twilio's debugger complains about",
    .usage =
	"Usage: dlrd alerts [--ours] [--from T] [--to T] [--before SEQ] [--limit N]\n"
	"                   [--json | --csv] [-c FILE | --store DIR]\n"
	"\n"
	"Shows the errors and warnings that Twilio's debugger reported to a route of the kind\n"
	"debugger, newest first.\n"
	"\n"
	"      --ours            only those about requests to this daemon's own routes\n"
	"      --from T, --to T  only what arrived in between\n"
	"      --before SEQ      only those before this one\n"
	"      --limit N         at most so many (default 100; 0 for all)\n" QUERY_USAGE,
    .run = run,
};
