#include "ask.h"

#include "dlrd/base/clock.h"
#include "dlrd/engine/events_reader.h"

#include <signal.h>
#include <stdio.h>

struct adding {
	struct output *output;
	int64_t last_place;
	size_t rows, rows_max; /* rows_max 0: all */
};

static void
add_row(void *context, const struct report_row *row, int64_t place)
{
	struct adding *adding = context;
	if (++adding->rows > adding->rows_max && adding->rows_max > 0)
		return;
	output_add(adding->output, row);
	adding->last_place = place;
}

/* Makes the members next to the list: the next --after, and those of the row. */
static enum result
put_members(struct cli_query *query, const struct query *row, const struct query_values *values,
    int64_t last_place, struct json_t **out_object)
{
	size_t place = query_find_kind(row, QUERY_AFTER), count = query_parameter_count(row);
	*out_object = json_new_object();
	if (place < count && !row->parameters[place].http_only)
		json_put_int(*out_object, "next", last_place);
	return query_ask_members(query->reader, row, values, *out_object);
}

int
ask_show(struct cli_query *query, const struct cli_command *command, const struct query *row,
    const struct query_values *values)
{
	size_t after = query_find_kind(row, QUERY_AFTER),
	       choice = query_find_kind(row, QUERY_CHOICE), name = query_find_kind(row, QUERY_NAME);
	size_t count = query_parameter_count(row);
	struct slice word = choice < count ? values->items[choice].text : SLICE_NONE;
	struct adding adding = {.output = output_new(query->format, &row->report, word),
	    .last_place = after < count ? values->items[after].number : 0,
	    .rows_max = query->rows_max};
	struct json_t *object = NULL;
	enum result result = query_ask(query->reader, row, values, add_row, &adding);
	if (result == RESULT_NOT_FOUND) {
		output_free(adding.output);
		return cli_failure(command, "no receipt of a %s \"%.*s\" has arrived",
		    row->parameters[name].help, SLICE_ARG(values->items[name].text));
	}
	if (result == RESULT_OK && query->format == OUTPUT_JSON)
		result = put_members(query, row, values, adding.last_place, &object);
	int status = query_end(query, command, result, adding.output, object);
	if (status == CLI_OK && adding.rows_max > 0 && adding.rows > adding.rows_max)
		printf("these are the first %zu; --limit 0 shows all\n", adding.rows_max);
	return status;
}

/* --- lists without an end --- */

#define FOLLOW_PAUSE_US (CLOCK_SECOND_US / 2)

static volatile sig_atomic_t interrupted;

static void
interrupt(int number)
{
	(void)number;
	interrupted = 1;
}

struct following {
	struct output *output;
	int64_t last_place;
	bool failed; /* a row could not be written */
};

static void
print_row(void *context, const struct report_row *row, int64_t place)
{
	struct following *following = context;
	if (!following->failed)
		following->failed = !output_print_row(following->output, row);
	following->last_place = place;
}

int
ask_follow(struct cli_query *query, const struct cli_command *command, const struct query *row,
    const struct query_values *values)
{
	const struct sigaction action = {.sa_handler = interrupt, .sa_flags = (int)SA_RESETHAND};
	struct query_values asked = *values;
	size_t after = query_find_kind(row, QUERY_AFTER);
	struct following following = {.last_place = values->items[after].number};
	uint64_t last = (uint64_t)following.last_place;
	enum result result = RESULT_OK;
	if (last == 0)
		result = store_read_last_event(query->reader, &last);
	following.last_place = (int64_t)last;
	following.output = output_new(query->format, &row->report, SLICE_NONE);
	query_set(row, &asked, query_find_kind(row, QUERY_LIMIT), SLICE_NONE, 0);
	sigaction(SIGINT, &action, NULL);
	sigaction(SIGTERM, &action, NULL);

	while (result == RESULT_OK && !following.failed && !interrupted) {
		query_set(row, &asked, after, SLICE_NONE, following.last_place);
		result = query_ask(query->reader, row, &asked, print_row, &following);
		if (result == RESULT_OK && !interrupted)
			clock_sleep(FOLLOW_PAUSE_US);
	}
	output_free(following.output);
	if (result != RESULT_OK)
		return query_failure(query, command, result);
	return following.failed ? cli_failure(command, "cannot write the answer") : CLI_OK;
}
