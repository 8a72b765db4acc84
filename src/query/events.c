#include "dlrd/query/events.h"
#include "dlrd/engine/events_reader.h"

#include "dlrd/model/attribution.h"
#include "dlrd/query/ask.h"
#include "inbound.h"
#include "parameters.h"
#include "people.h"

/* --- rows --- */

static struct cell
cell_list(struct slice text)
{
	return (struct cell){.kind = CELL_LIST, .text = text.ptr == NULL ? SLICE("") : text};
}

struct report_row
query_event_row(const struct event_row *row)
{
	const struct event *event = &row->event;
	return (struct report_row){{cell_int((int64_t)row->seq), cell_time(event->time_us),
	    cell_text(event_type_name(event->type)), cell_text(event->workspace),
	    cell_text(event->campaign), cell_text(event->variant), cell_text(event->account),
	    cell_text(event->message), cell_text(event->status_text), cell_code(event->error_code),
	    cell_text(event->from), cell_text(event->to), cell_text(event->service),
	    cell_text(event->body), cell_text(event->keyword), cell_code(row->media_count),
	    cell_list(row->media_types), cell_list(row->media_links), cell_text(row->from_city),
	    cell_text(row->from_state), cell_text(row->from_zip), cell_text(row->from_country)}};
}

/* Only a reply has any. */
static struct cell
candidates(const struct event_row *row)
{
	return row->rule.ptr == NULL ? (struct cell){.kind = CELL_NULL} : cell_int(row->candidates);
}

struct report_row
query_receipt_row(const struct event_row *row)
{
	const struct event *event = &row->event;
	struct report_row out = query_event_row(row);
	struct cell *cell = &out.cells[query_events.report.count];
	*cell++ = cell_text(event->done_date);
	*cell = cell_text(event->extra);
	cell->kind = cell->kind == CELL_TEXT ? CELL_JSON : cell->kind;
	cell++;
	*cell++ = cell_text(event->raw_query);
	*cell++ = cell_text(event->raw_body);
	*cell++ = cell_bool(event->stream);
	*cell++ = cell_text(event->link);
	*cell++ = cell_text(event->occurred);
	*cell++ = cell_text(event->near_miss);
	*cell++ = cell_text(consent_name(event->consent));
	*cell++ = cell_text(event->cause);
	*cell++ = cell_text(row->rule);
	*cell++ = candidates(row);
	*cell++ = cell_text(row->answers);
	return out;
}

/* --- the feed --- */

/* The values' indexes. */
enum {
	AFTER,
	TYPE,
	CAMPAIGN_TAG,
	WORKSPACE_TAG,
	VARIANT_TAG,
	SINCE,
	BEFORE,
	FORMAT_WORD,
	ROWS,
	CODE,
	NUMBER,
	FOLLOW,
	ZONE,
	LATEST
};
enum { SID, RECEIPT_FORMAT, LAST_SEQ, PAGE_ROWS };

struct handing {
	struct report_row (*make_row)(const struct event_row *row);
	query_row_fn on_row;
	void *context;
	bool any; /* row was handed out */
};

static void
hand_out(void *context, const struct event_row *row)
{
	struct handing *handing = context;
	struct report_row cells = handing->make_row(row);
	handing->on_row(handing->context, &cells, (int64_t)row->seq);
	handing->any = true;
}

/* Moves *after to before the latest events, if their number is given. */
static enum result
begin_latest(struct store_reader *reader, struct slice latest, uint64_t *after)
{
	uint64_t last;
	int64_t count;
	if (latest.ptr == NULL || slice_to_int(latest, &count) != RESULT_OK)
		return RESULT_OK;
	enum result result = store_read_last_event(reader, &last);
	if (result == RESULT_OK && last > (uint64_t)count && last - (uint64_t)count > *after)
		*after = last - (uint64_t)count;
	return result;
}

/* The store chooses the SQL by the filter, and the stream of the api uses the same reader. */
static enum result
read_events(struct store_reader *reader, const struct query *query,
    const struct query_values *values, query_row_fn on_row, void *context)
{
	(void)query;
	struct people_spelling scratch;
	const struct store_value *items = values->items;
	uint64_t after = (uint64_t)items[AFTER].number;
	enum result result = begin_latest(reader, items[LATEST].text, &after);
	if (result != RESULT_OK)
		return result;
	const struct event_filter filter = {.after_seq = after,
	    .type = items[TYPE].text,
	    .campaign = items[CAMPAIGN_TAG].text,
	    .workspace = items[WORKSPACE_TAG].text,
	    .variant = items[VARIANT_TAG].text,
	    .from_us = items[SINCE].number,
	    .to_us = items[BEFORE].number,
	    .limit = (size_t)items[ROWS].number,
	    .has_error_code = items[CODE].kind != STORE_NULL,
	    .error_code = items[CODE].number,
	    .number = items[NUMBER].kind == STORE_NULL
			  ? SLICE_NONE
			  : people_number(items[NUMBER].text, &scratch)};
	struct handing handing = {
	    .make_row = query_event_row, .on_row = on_row, .context = context};
	return store_read_events(reader, &filter, hand_out, &handing);
}

/* LISTED: a table on a terminal is of many messages. */
#define EVENT_COLUMNS(LISTED)                                                                   \
	{"seq", CELL_INT, .shown = true, .dispensable = 1,                                      \
	    .description = "Counts up; no event ever gets a smaller one."},                     \
	    {"time", CELL_TIME, .shown = true, .description = "When its request arrived."},     \
	    {"type", CELL_TEXT, .shown = true, .words = EVENT_TYPES}, {"workspace", CELL_TEXT}, \
	    {"campaign", CELL_TEXT, .shown = LISTED, .if_empty = REPORT_UNTAGGED},              \
	    {"variant", CELL_TEXT}, {"account", CELL_TEXT, .nullable = true},                   \
	    {"message", CELL_TEXT, .nullable = true, .shown = LISTED,                           \
		.description = "The MessageSid."},                                              \
	    {"status", CELL_TEXT, .nullable = true, .shown = true, .dispensable = 1},           \
	    {"error_code", CELL_INT, .nullable = true, .shown = true},                          \
	    {"from", CELL_TEXT, .nullable = true, .shown = !LISTED},                            \
	    {"to", CELL_TEXT, .nullable = true, .shown = true},                                 \
	    {"service", CELL_TEXT, .nullable = true},                                           \
	    {"body", CELL_TEXT, .nullable = true, .description = "The text of a reply."},       \
	    {"keyword", CELL_TEXT, .nullable = true, .shown = LISTED, .dispensable = 2,         \
		.description = "\"stop\", \"start\", \"help\"."},                               \
	    INBOUND_COLUMNS(false)

const struct query query_events = {.path = "/v1/events",
    .command = "events",
    .summary = "what happened, one line an event",
    .help = "Shows events in the order they arrived. A program that follows them asks again after "
	    "the last seq; --follow does it for a person, with a line for each event.",
    .operation = "listEvents",
    .title = "All that happened, to be followed by seq.",
    .answer = "A page of events, in the order of seq.",
    .list_schema = "Events",
    .row_schema = "Event",
    .row_description = "One thing that happened to one message.",
    .parameters = {{"after", QUERY_AFTER, .value = "SEQ", .help = "only events after this one"},
	{"type", QUERY_CHOICE, .words = EVENT_TYPES, .value = "T",
	    .help = "only Sent, Delivered, Failed, Read, Replied, Clicked, Progress or "
		    "Unrecognised events",
	    .description = "Only events of this type."},
	CAMPAIGN, WORKSPACE, VARIANT("only events whose tags name this variant"), FROM_TIME,
	TO_TIME, FORMAT,
	{"limit", QUERY_LIMIT, .value = "N", .option_limit = 100,
	    .help = "at most so many (default 100; 0 for all)"},
	{"error_code", QUERY_CODE, .names = QUERY_NAMES_CODE, .option = "error-code",
	    .value = "CODE",
	    .help = "only events with this error code (none: failures without one)",
	    .description = "Only events with this error code; none: failures without one."},
	{"number", QUERY_TEXT, .value = "N",
	    .help = "only events of messages to or from this number",
	    .description = "Only events of messages to or from this number."},
	{"follow", QUERY_FLAG, .command_only = true,
	    .help = "print events as they are counted, until an interrupt: those after --after, "
		    "or new ones"},
	TZ,
	{"latest", QUERY_CHOICE, .words = "200|2000|20000|200000|2000000", .value = "N",
	    .help = "only those of the latest 200, 2000, 20000, 200000 or 2000000 events of all",
	    .description = "Only those of so many latest events of all, still in the order of seq. "
			   "This finds the newest ones at once."}},
    .source = read_events,
    .page_by = "seq",
    .report = {"events", REPORT_COLUMNS(EVENT_COLUMNS(true))}};

/* --- a message and its receipts --- */

static const char message_sql[] =
    "SELECT m.sid AS sid, nullif(m.status, '') AS status, c.workspace AS workspace,"
    " c.name AS campaign, t.variant AS variant, nullif(p.account, '') AS account,"
    " nullif(p.service, '') AS service, nullif(p.sender, '') AS sender,"
    " CASE WHEN m.error_code >= 0 THEN m.error_code END AS error_code, m.conflict AS conflict,"
    " m.first_us AS first, m.last_us AS last FROM message m"
    " JOIN tagset t ON t.id = m.tagset_id JOIN campaign c ON c.id = t.campaign_id"
    " JOIN provider p ON p.id = m.provider_id WHERE m.sid = $1";

/* A SID whose receipts could not be read is no message, but what arrived can be shown. */
static enum result
put_unknown(struct store_reader *reader, const struct query *query,
    const struct query_values *values, struct json_t *object)
{
	(void)reader, (void)query;
	if (json_get(object, "sid") == NULL) {
		json_put_text(object, "sid", values->items[SID].text);
		json_put_null(object, "status");
	}
	return RESULT_OK;
}

static void
note_known(void *context, const struct report_row *row, int64_t place)
{
	(void)row, (void)place;
	*(bool *)context = true;
}

static enum result
read_receipts(struct store_reader *reader, const struct query *query,
    const struct query_values *values, query_row_fn on_row, void *context)
{
	const struct store_value *items = values->items;
	const struct event_filter filter = {.message = items[SID].text,
	    .after_seq = (uint64_t)items[LAST_SEQ].number,
	    .limit = (size_t)items[PAGE_ROWS].number};
	struct handing handing = {
	    .make_row = query_receipt_row, .on_row = on_row, .context = context};
	enum result result = store_read_events(reader, &filter, hand_out, &handing);
	bool known = handing.any || filter.after_seq > 0;
	if (result == RESULT_OK && !known)
		result = query_ask_member_row(reader, query, values, note_known, &known);
	return result == RESULT_OK && !known ? RESULT_NOT_FOUND : result;
}

const struct query query_message = {.path = "/v1/messages/{sid}",
    .command = "message",
    .summary = "one message's state and all of its receipts",
    .help = "Shows the state of one message, and each receipt in the order it arrived.",
    .operation = "getMessage",
    .title = "One message with its receipts.",
    .answer = "A message with its receipts. One whose receipts could not be read has no more than "
	      "sid, a status of null, and what arrived.",
    .list_schema = "Message",
    .row_schema = "Receipt",
    .row_description = "An event with all that its request said.",
    .parameters = {{"sid", QUERY_NAME, .value = "SID", .help = "message",
		       .description = "The MessageSid."},
	FORMAT, OWN_NEXT, OWN_LIMIT, TZ},
    .is_short = true,
    .source = read_receipts,
    .page_by = "seq",
    .report = {"receipts",
	REPORT_COLUMNS(EVENT_COLUMNS(false),
	    {"done_date", CELL_TEXT, .nullable = true, .shown = true,
		.description = "RawDlrDoneDate, as the carrier wrote it."},
	    {"parameters", CELL_JSON, .nullable = true, .shown = true,
		.description =
		    "Those that have no field of their own. A JSON value that no parser holds, "
		    "such as an integer beyond 64 bits, is {\"raw\": its text}."},
	    {"raw_query", CELL_TEXT, .nullable = true},
	    {"raw_body", CELL_TEXT, .nullable = true,
		.description = "Of an event that is not recognised: the body or, if that has "
			       "several elements, its own."},
	    {"stream", CELL_BOOL, .description = "Reported by Event Streams."},
	    {"link", CELL_TEXT, .nullable = true, .description = "That was clicked."},
	    {"occurred", CELL_TEXT, .nullable = true,
		.description = "When it happened, as the request says."},
	    {"near_miss", CELL_TEXT, .nullable = true,
		.description = "The words in the body that sound like an opt-out and are not one."},
	    {"consent", CELL_TEXT, .nullable = true, .words = "out|in"},
	    {"cause", CELL_TEXT, .nullable = true, .description = "Of the consent."},
	    {"rule", CELL_TEXT, .nullable = true, .words = ATTRIBUTION_RULES,
		.description = "How a reply was taken to answer a message; null for all else."},
	    {"candidates", CELL_INT, .nullable = true,
		.description = "Campaigns that it may have answered; null for all but replies."},
	    {"answers", CELL_TEXT, .nullable = true,
		.description = "The SID of the message that it answers."})},
    .members_sql = message_sql,
    .members_source = put_unknown,
    .members = {NULL,
	REPORT_COLUMNS({"sid", CELL_TEXT}, {"status", CELL_TEXT, .nullable = true},
	    {"workspace", CELL_TEXT, .optional = true}, {"campaign", CELL_TEXT, .optional = true},
	    {"variant", CELL_TEXT, .optional = true},
	    {"account", CELL_TEXT, .nullable = true, .optional = true},
	    {"service", CELL_TEXT, .nullable = true, .optional = true},
	    {"sender", CELL_TEXT, .nullable = true, .optional = true},
	    {"error_code", CELL_INT, .nullable = true, .optional = true},
	    {"conflict", CELL_BOOL, .optional = true}, {"first", CELL_TIME, .optional = true},
	    {"last", CELL_TIME, .optional = true})}};

const struct query query_event = {.path = "/v1/events/{seq}",
    .operation = "getEvent",
    .title = "One event, with all that its request said.",
    .answer = "An event with all that its request said.",
    .rows_of = &query_message,
    .parameters = {{"seq", QUERY_NAME, .description = "The event's seq."}, TZ}};
