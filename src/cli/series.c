#include "dlrd/api/course.h"
#include "dlrd/api/report.h"
#include "dlrd/base/clock.h"
#include "dlrd/query/ask.h"
#include "query.h"

static const char *const table_columns[] = {"time", "messages", "sent", "delivered", "failed",
    "read", "replied", "clicked", "opted_out", "pending", NULL};

/* What the command line said. */
struct wanted {
	const char *workspace, *campaign, *variant, *interval, *zone, *from, *to;
};

struct found {
	size_t count;
	int64_t id;
};

static void
find_campaign(void *context, const struct report_row *row, int64_t id)
{
	(void)row;
	struct found *found = context;
	if (found->count++ == 0)
		found->id = id;
}

static void
add_point(void *context, int64_t time_us, const int64_t figures[FIGURE_COUNT])
{
	struct report_row cells = report_point_row(time_us, figures);
	output_add(context, &cells);
}

static bool
is_day(const char *text)
{
	return slice_of(text).len == sizeof "2026-11-20" - 1;
}

static int
show(struct cli_query *query, const struct cli_command *command, const struct wanted *wanted,
    struct course *course)
{
	struct found found = {0};
	const struct query *row = query_find("/v1/campaigns");
	struct query_values values = query_values(row);
	query_give(row, &values, "workspace", slice_of(wanted->workspace), 0);
	query_give(row, &values, "campaign", slice_of(wanted->campaign), 0);
	enum result result = query_ask(query->reader, row, &values, find_campaign, &found);
	if (result != RESULT_OK)
		return query_failure(query, command, result);
	if (found.count == 0)
		return cli_failure(command, "there is no campaign \"%s\"", wanted->campaign);
	if (found.count > 1)
		return cli_failure(command,
		    "%zu workspaces have a campaign \"%s\"; add --workspace", found.count,
		    wanted->campaign);
	struct output *output = output_new(query->format, &report_series, table_columns);
	result = course_read(
	    course, query->reader, found.id, slice_of(wanted->variant), add_point, output);
	struct json_t *object = NULL;
	if (query->format == OUTPUT_JSON) {
		object = json_new_object();
		json_put_text(object, "campaign", slice_of(wanted->campaign));
		json_put_text(object, "interval",
		    course->interval == COURSE_DAY ? SLICE("day") : SLICE("hour"));
		json_put_text(object, "time_zone", slice_of(wanted->zone));
		json_put_bool(object, "exact", course->exact);
	}
	return query_end(query, command, result, output, object);
}

static int
answer(struct cli_query *query, const struct cli_command *command, const struct wanted *wanted)
{
	struct course course;
	struct failure failure;
	int64_t from_us, to_us;
	if (wanted->campaign == NULL)
		return cli_usage_error(command, "name a campaign: --campaign C");
	if (!query_word(command, "interval", wanted->interval, "hour|day") ||
	    !query_times(command, wanted->from, wanted->to, &from_us, &to_us))
		return CLI_USAGE;
	bool by_day = slice_equal(slice_of(wanted->interval), SLICE("day"));
	if (course_open(by_day ? COURSE_DAY : COURSE_HOUR, slice_of(wanted->zone), &course,
		&failure) != RESULT_OK)
		return cli_usage_error(command,
		    "--tz takes UTC, an offset like +05:30 or a name like Europe/Berlin: %s",
		    failure.text);
	if (wanted->from != NULL)
		course_from(&course, from_us, is_day(wanted->from));
	if (wanted->to != NULL)
		course_to(&course, to_us, is_day(wanted->to));
	int status = show(query, command, wanted, &course);
	course_close(&course);
	return status;
}

static int
run(const struct cli_command *command, int count, char **words)
{
	struct cli_query query = {0};
	struct wanted wanted = {.zone = "UTC"};
	const struct cli_option options[] = {QUERY_OPTIONS(query),
	    {"workspace", 0, .text = &wanted.workspace}, {"campaign", 0, .text = &wanted.campaign},
	    {"variant", 0, .text = &wanted.variant}, {"interval", 0, .text = &wanted.interval},
	    {"tz", 0, .text = &wanted.zone}, {"from", 0, .text = &wanted.from},
	    {"to", 0, .text = &wanted.to}};
	int operands, status;
	if (!query_begin(&query, command, count, words, options, sizeof options / sizeof options[0],
		0, &operands, &status))
		return status;
	status = answer(&query, command, &wanted);
	store_reader_close(query.reader);
	return status;
}

const struct cli_command cli_series = {
    .name = "series",
    .summary = "a campaign's figures by hour or by day",
    .usage =
	"Usage: dlrd series --campaign C [--workspace W] [--variant V] [--interval hour|day]\n"
	"                   [--tz ZONE] [--from T] [--to T]\n"
	"                   [--json | --csv] [-c FILE | --store DIR]\n"
	"\n"
	"Shows a campaign's course, empty hours and days between included. Times are UTC, and\n"
	"figures are kept by the hour of UTC: a day of a zone like Asia/Kolkata, whose offset\n"
	"is no whole hour, is told by the hours that begin in it (\"exact\":false in JSON).\n"
	"\n"
	"      --campaign C      this campaign's (\"\" for what had no fitting tags)\n"
	"      --workspace W     where several workspaces have a campaign of that name\n"
	"      --variant V       count only messages of this variant\n"
	"      --interval I      hour (the default) or day\n"
	"      --tz ZONE         whose days: UTC (the default), +05:30, Europe/Berlin\n"
	"      --from T, --to T  only what happened in the hours between; a bare day is one of\n"
	"                        the zone\n" QUERY_USAGE,
    .run = run,
};
