#include "dlrd/query/events.h"
#include "dlrd/store/reader.h"
#include "query.h"

#include "dlrd/base/clock.h"

#include <stdio.h>

/* Destination of the message's own facts: the JSON object, or the lines above the table. */
struct facts {
	enum output_format format;
	struct json_t *object;
};

static void
put_fact(const struct facts *facts, const char *name, struct slice value)
{
	if (facts->format == OUTPUT_JSON)
		json_put_text(facts->object, name, value);
	if (facts->format != OUTPUT_TABLE || value.len == 0)
		return;
	struct cell cell = {CELL_TEXT, value, 0, 0};
	struct buffer text = BUFFER_EMPTY;
	report_cell_text(&cell, &text);
	printf("%-10s %.*s\n", name, SLICE_ARG(buffer_slice(&text)));
	buffer_done(&text);
}

static void
put_message(void *context, const struct message_view *view)
{
	const struct facts *facts = context;
	char first[CLOCK_TEXT_SIZE], last[CLOCK_TEXT_SIZE], code[32] = "";
	put_fact(facts, "sid", view->sid);
	put_fact(facts, "status", view->status);
	put_fact(facts, "workspace", view->workspace);
	put_fact(facts, "campaign", view->campaign);
	put_fact(facts, "variant", view->variant);
	put_fact(facts, "account", view->account);
	put_fact(facts, "service", view->service);
	put_fact(facts, "sender", view->sender);
	if (view->error_code >= 0)
		snprintf(code, sizeof code, "%lld", (long long)view->error_code);
	if (facts->format == OUTPUT_JSON && view->error_code >= 0)
		json_put_int(facts->object, "error_code", view->error_code);
	else
		put_fact(facts, "error_code", code[0] == '\0' ? SLICE_NONE : slice_of(code));
	if (facts->format == OUTPUT_JSON)
		json_put_bool(facts->object, "conflict", view->conflict);
	else if (view->conflict)
		put_fact(facts, "conflict", SLICE("two different final statuses"));
	put_fact(facts, "first", slice_of(clock_format(view->first_us, first)));
	put_fact(facts, "last", slice_of(clock_format(view->last_us, last)));
}

static void
put_unknown(const struct facts *facts, struct slice sid)
{
	put_fact(facts, "sid", sid);
	put_fact(facts, "status", SLICE_NONE);
}

struct adding {
	struct facts facts;
	struct output *output;
	size_t count;
	bool replied; /* the facts of a reply have been shown */
};

/* Facts that only a reply or a click has are above the table, too. In it they would be columns that
 * are empty for most rows. */
static void
add_receipt(void *context, const struct event_row *row)
{
	struct adding *adding = context;
	struct report_row cells = query_receipt_row(row);
	output_add(adding->output, &cells);
	adding->count++;
	if (adding->facts.format != OUTPUT_TABLE)
		return;
	put_fact(&adding->facts, "link", row->event.link);
	if (row->rule.ptr == NULL || adding->replied)
		return;
	adding->replied = true;
	put_fact(&adding->facts, "body", row->event.body);
	put_fact(&adding->facts, "keyword", row->event.keyword);
	put_fact(&adding->facts, "near_miss", row->event.near_miss);
	put_fact(&adding->facts, "answers", row->answers);
	put_fact(&adding->facts, "rule", row->rule);
	printf("%-10s %lld\n", "candidates", (long long)row->candidates);
}

static int
show(struct cli_query *query, const struct cli_command *command, const char *sid)
{
	struct adding adding = {.facts = {.format = query->format},
	    .output = output_new_shown(query->format, &query_message.report, SLICE_NONE)};
	const struct event_filter filter = {.message = slice_of(sid)};
	if (query->format == OUTPUT_JSON)
		adding.facts.object = json_new_object();
	enum result result =
	    store_read_message(query->reader, filter.message, put_message, &adding.facts);
	bool known = result == RESULT_OK;
	/* A SID whose receipts could not be read is no message, but what arrived can be shown. */
	if (result == RESULT_NOT_FOUND) {
		if (query->format == OUTPUT_JSON)
			put_unknown(&adding.facts, filter.message);
		result = RESULT_OK;
	}
	if (result == RESULT_OK)
		result = store_read_events(query->reader, &filter, add_receipt, &adding);
	if (result == RESULT_OK && !known && adding.count == 0) {
		output_free(adding.output);
		json_free(adding.facts.object);
		return cli_failure(command, "no receipt of a message \"%s\" has arrived", sid);
	}
	if (query->format == OUTPUT_TABLE && result == RESULT_OK)
		printf("\n");
	return query_end(query, command, result, adding.output, adding.facts.object);
}

static int
run(const struct cli_command *command, int count, char **words)
{
	struct cli_query query = {0};
	const struct cli_option options[] = {QUERY_OPTIONS(query)};
	int operands, status;
	if (!query_begin(
		&query, command, count, words, options, QUERY_OPTION_COUNT, 1, &operands, &status))
		return status;
	status = operands < count ? show(&query, command, words[operands])
				  : cli_usage_error(command, "name a message: dlrd message SID");
	store_reader_close(query.reader);
	return status;
}

const struct cli_command cli_message = {
    .name = "message",
    .summary = "one message's state and all of its receipts",
    .usage = "Usage: dlrd message SID [--json | --csv] [-c FILE | --store DIR]\n"
	     "\n"
	     "Shows what is known of one message, and each receipt in the order it arrived.\n"
	     "\n" QUERY_USAGE,
    .run = run,
};
