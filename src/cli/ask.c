#include "ask.h"

#include "dlrd/base/clock.h"
#include "dlrd/engine/events_reader.h"

#include <signal.h>
#include <stdio.h>

#define PAGE_ROWS 2000

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

/* Asks for all rows; a long list of CSV page by page, each of which is written after it was read.
 */
static enum result
ask_in_pages(struct cli_query *query, const struct query *row, const struct query_values *values,
    struct adding *adding)
{
	size_t after = query_find_kind(row, QUERY_AFTER), limit = query_find_kind(row, QUERY_LIMIT);
	size_t count = query_parameter_count(row), page_start;
	if (query->format != OUTPUT_CSV || row->page_by == NULL || after == count || limit == count)
		return query_ask(query->reader, row, values, add_row, adding);

	struct query_values page = *values;
	int64_t left = values->items[limit].number, asked;
	enum result result;
	do {
		page_start = adding->rows;
		asked = left < PAGE_ROWS ? left : PAGE_ROWS;
		page.items[after].number = adding->last_place;
		page.items[limit].number = asked;
		result = query_ask(query->reader, row, &page, add_row, adding);
		if (result == RESULT_OK && !output_flush(adding->output))
			return RESULT_OK; /* output_finish reports it */
		left -= asked;
	} while (result == RESULT_OK && left > 0 && adding->rows - page_start == (size_t)asked);
	return result;
}

int
ask_show(struct cli_query *query, const struct cli_command *command, const struct query *row,
    const struct query_values *values)
{
	size_t after = query_find_kind(row, QUERY_AFTER),
	       choice = query_find_kind(row, QUERY_CHOICE), name = query_find_kind(row, QUERY_NAME);
	size_t count = query_parameter_count(row);
	struct slice word = choice < count ? values->items[choice].text : SLICE_NONE;
	struct adding adding = {
	    .output = output_new(query->format, &row->report, word, values->zone),
	    .last_place = after < count ? values->items[after].number : 0,
	    .rows_max = query->rows_max};
	struct json_t *object = NULL;
	enum result result = ask_in_pages(query, row, values, &adding);
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
	size_t rows; /* of the page */
};

static void
add_line(void *context, const struct report_row *row, int64_t place)
{
	struct following *following = context;
	output_add_line(following->output, row, place);
	following->last_place = place;
	following->rows++;
}

int
ask_follow(struct cli_query *query, const struct cli_command *command, const struct query *row,
    const struct query_values *values)
{
	const struct sigaction action = {.sa_handler = interrupt, .sa_flags = (int)SA_RESETHAND};
	struct query_values asked = *values;
	size_t after = query_find_kind(row, QUERY_AFTER);
	uint64_t last = (uint64_t)values->items[after].number;
	bool written = true;
	enum result result = RESULT_OK;
	if (query->from_now)
		result = store_read_last_event(query->reader, &last);
	struct following following = {.last_place = (int64_t)last,
	    .output = output_new(query->format, &row->report, SLICE_NONE, values->zone)};
	query_set(row, &asked, query_find_kind(row, QUERY_LIMIT), SLICE_NONE, PAGE_ROWS);
	sigaction(SIGINT, &action, NULL);
	sigaction(SIGTERM, &action, NULL);

	while (result == RESULT_OK && written && !interrupted) {
		following.rows = 0;
		query_set(row, &asked, after, SLICE_NONE, following.last_place);
		result = query_ask(query->reader, row, &asked, add_line, &following);
		if (result == RESULT_OK)
			written = output_flush(following.output);
		if (following.rows < PAGE_ROWS && !interrupted)
			clock_sleep(FOLLOW_PAUSE_US);
	}
	output_free(following.output);
	if (result != RESULT_OK)
		return query_failure(query, command, result);
	return written || interrupted ? CLI_OK : cli_failure(command, "cannot write the answer");
}
