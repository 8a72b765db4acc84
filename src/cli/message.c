#include "message.h"

#include "ask.h"
#include "dlrd/query/events.h"

#include <stdio.h>

static void
print_fact(const char *name, const struct cell *cell, const struct time_zone *zone)
{
	struct buffer text = BUFFER_EMPTY;
	report_cell_text(cell, zone, &text);
	if (text.len > 0)
		printf("%-10s %.*s\n", name, SLICE_ARG(buffer_slice(&text)));
	buffer_done(&text);
}

struct printing {
	const struct report *members;
	const struct time_zone *zone;
	bool replied; /* the facts of a reply have been printed */
};

/* The state of the message. context: a struct printing. */
static void
print_members(void *context, const struct report_row *row, int64_t place)
{
	(void)place;
	const struct printing *printing = context;
	const struct report *members = printing->members;
	for (size_t i = 0; i < members->count; i++) {
		struct cell cell = row->cells[i];
		if (cell.kind == CELL_BOOL)
			cell = cell_text(
			    cell.number ? SLICE("two different final statuses") : SLICE_NONE);
		print_fact(members->columns[i].name, &cell, printing->zone);
	}
}

/* Facts that only a reply or a click has are above the table, too. In it they would be columns that
 * are empty for most rows. context: a struct printing. */
static void
print_receipt(void *context, const struct report_row *row, int64_t place)
{
	static const char *const of_reply[] = {
	    "body", "keyword", "near_miss", "answers", "rule", "candidates"};
	(void)place;
	struct printing *printing = context;
	const struct report *report = &query_message.report;
	print_fact("link", report_cell(report, row, "link"), printing->zone);
	if (printing->replied || report_cell(report, row, "rule")->kind == CELL_NULL)
		return;

	printing->replied = true;
	for (size_t i = 0; i < sizeof of_reply / sizeof of_reply[0]; i++)
		print_fact(of_reply[i], report_cell(report, row, of_reply[i]), printing->zone);
}

int
message_show(struct cli_query *query, const struct cli_command *command, const struct query *row,
    const struct query_values *values)
{
	struct printing printing = {.members = &row->members, .zone = values->zone};
	if (!output_is_table(query->format))
		return ask_show(query, command, row, values);

	enum result result =
	    query_ask_member_row(query->reader, row, values, print_members, &printing);
	if (result == RESULT_OK)
		result = query_ask(query->reader, row, values, print_receipt, &printing);
	if (result != RESULT_OK && result != RESULT_NOT_FOUND)
		return query_failure(query, command, result);
	if (result == RESULT_OK)
		printf("\n");
	return ask_show(query, command, row, values);
}
