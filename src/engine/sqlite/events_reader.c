#include "dlrd/engine/events_reader.h"

#include "dlrd/engine/block_table.h"
#include "dlrd/engine/number_lists.h"
#include "reader_handle.h"

#include <stdlib.h>

#define EVENT_COLUMNS                                                                              \
	"SELECT e.seq, e.journal_seq, e.time_us, e.type, c.workspace, c.name, t.variant,"          \
	" p.account, coalesce(m.sid, e.sid), e.status, e.error_code, p.sender, e.peer, p.service," \
	" e.body, e.keyword, e.done_date, e.extra, e.raw_query, e.raw_body, e.stream, e.link,"     \
	" e.occurred, e.near_miss, e.consent, e.cause, r.rule, r.candidates, a.sid,"               \
	" i.media_count, i.media_types, i.media_links, i.from_city, i.from_state, i.from_zip,"     \
	" i.from_country"
#define EVENT_JOINS                                                                           \
	" JOIN tagset t ON t.id = e.tagset_id JOIN campaign c ON c.id = e.campaign_id"        \
	" JOIN provider p ON p.id = e.provider_id LEFT JOIN message m ON m.id = e.message_id" \
	" LEFT JOIN reply r ON r.message_id = e.message_id AND e.type = 'Replied'"            \
	" LEFT JOIN message a ON a.id = r.answers"                                            \
	" LEFT JOIN inbound i ON i.event_seq = e.seq AND e.type = 'Replied'"
#define EVENTS EVENT_COLUMNS " FROM event e" EVENT_JOINS

#define TAGS                                                    \
	" AND (:campaign IS NULL OR c.name = :campaign)"        \
	" AND (:workspace IS NULL OR c.workspace = :workspace)" \
	" AND (:variant IS NULL OR t.variant = :variant)"       \
	" AND e.time_us >= :from AND e.time_us < :to"

#define EVENT_REST                                                                             \
	" AND e.seq <= :until AND (:type IS NULL OR e.type = :type)"                           \
	" AND (:code IS NULL OR CASE :code WHEN -1 THEN e.type = 'Failed' AND e.error_code IS" \
	" NULL ELSE e.error_code = :code END)" TAGS " ORDER BY e.seq LIMIT :limit"

static const char events_sql[] = EVENTS " WHERE e.seq > :after" EVENT_REST;

static const char one_event_sql[] = EVENTS " WHERE e.seq = :one AND e.seq > :after" EVENT_REST;

static const char message_events_sql[] =
    EVENTS " WHERE (e.message_id = (SELECT id FROM message WHERE sid = :message)"
	   " OR e.sid = :message) AND e.seq > :after" EVENT_REST;

/* An index gives the messages to a number, and another one those from it. */
#define NUMBER "coalesce((SELECT number FROM person WHERE alias = :number), :number)"
static const char number_events_sql[] =
    EVENTS " WHERE e.message_id IN (SELECT x.id FROM message x WHERE x.peer <> ''"
	   "  AND x.received_us = 0 AND x.peer = " NUMBER " UNION ALL"
	   "  SELECT y.message_id FROM reply y WHERE y.peer = " NUMBER ")"
	   " AND e.seq > :after" EVENT_REST;

static struct event_row
read_event(sqlite3_stmt *statement)
{
	struct event_row row = {.seq = (uint64_t)sqlite3_column_int64(statement, 0)};
	struct event *event = &row.event;

	event->journal_seq = (uint64_t)sqlite3_column_int64(statement, 1);
	event->time_us = sqlite3_column_int64(statement, 2);
	if (!event_type_from_name(sqlite_column(statement, 3), &event->type))
		event->type = EVENT_UNRECOGNISED;
	event->workspace = sqlite_column(statement, 4);
	event->campaign = sqlite_column(statement, 5);
	event->variant = sqlite_column(statement, 6);
	event->account = reader_filled(statement, 7);
	event->message = sqlite_column(statement, 8);
	event->status_text = sqlite_column(statement, 9);
	event->error_code = sqlite_column_or(statement, 10, -1);
	struct slice sender = reader_filled(statement, 11), peer = sqlite_column(statement, 12);
	event->from = event->type == EVENT_REPLIED ? peer : sender;
	event->to = event->type == EVENT_REPLIED ? sender : peer;
	event->service = reader_filled(statement, 13);
	event->body = sqlite_column(statement, 14);
	event->keyword = sqlite_column(statement, 15);
	event->done_date = sqlite_column(statement, 16);
	event->extra = sqlite_column(statement, 17);
	event->raw_query = sqlite_column(statement, 18);
	event->raw_body = sqlite_column(statement, 19);
	event->stream = sqlite3_column_int(statement, 20) != 0;
	event->link = sqlite_column(statement, 21);
	event->occurred = sqlite_column(statement, 22);
	event->near_miss = sqlite_column(statement, 23);
	if (slice_equal(sqlite_column(statement, 24), consent_name(CONSENT_OUT)))
		event->consent = CONSENT_OUT;
	else if (sqlite_column(statement, 24).len > 0)
		event->consent = CONSENT_IN;
	event->cause = sqlite_column(statement, 25);
	row.rule = sqlite_column(statement, 26);
	row.candidates = sqlite3_column_int64(statement, 27);
	row.answers = sqlite_column(statement, 28);
	row.media_count = sqlite_column_or(statement, 29, -1);
	row.media_types = sqlite_column(statement, 30);
	row.media_links = sqlite_column(statement, 31);
	row.from_city = sqlite_column(statement, 32);
	row.from_state = sqlite_column(statement, 33);
	row.from_zip = sqlite_column(statement, 34);
	row.from_country = sqlite_column(statement, 35);
	return row;
}

static enum result
hand_out(struct store_reader *reader, sqlite3_stmt *statement, event_fn on_row, void *context)
{
	int code;
	while ((code = sqlite3_step(statement)) == SQLITE_ROW) {
		struct event_row row = read_event(statement);
		on_row(context, &row);
	}
	return reader_finish(reader, statement, code);
}

static void
bind_filter(sqlite3_stmt *statement, const struct event_filter *filter)
{
	reader_bind_number(statement, ":after", (int64_t)filter->after_seq);
	reader_bind_number(
	    statement, ":until", filter->until_seq == 0 ? INT64_MAX : (int64_t)filter->until_seq);
	reader_bind_text(statement, ":type", filter->type);
	reader_bind_text(statement, ":workspace", filter->workspace);
	reader_bind_text(statement, ":campaign", filter->campaign);
	reader_bind_text(statement, ":variant", filter->variant);
	reader_bind_text(statement, ":message", filter->message);
	reader_bind_text(statement, ":number", filter->number);
	if (filter->has_error_code)
		reader_bind_number(statement, ":code", filter->error_code);
	reader_bind_times(statement, filter->from_us, filter->to_us);
	reader_bind_limit(statement, filter->limit);
}

/* --- by groups --- */

/* clang-format off */
static const char tagsets_sql[] =
    "SELECT t.id AS id FROM tagset t JOIN campaign c ON c.id = t.campaign_id"
    " WHERE ($1 IS NULL OR c.name = $1) AND ($2 IS NULL OR c.workspace = $2)"
    " AND ($3 IS NULL OR t.variant = $3) ORDER BY t.id";
/* One comparison of rows would be a walk over a group, since the index has columns that are
 * computed. */
#define FIRST_GROUP(condition, order)                                                       \
	"SELECT a, b, c FROM (SELECT e.tagset_id AS a, e.kind AS b, e.code AS c FROM event e WHERE " \
	condition " ORDER BY " order " LIMIT 1)"
static const char next_group_sql[] =
    FIRST_GROUP("e.tagset_id = $1 AND e.kind = $2 AND e.code > $3", "e.code") " UNION ALL "
    FIRST_GROUP("e.tagset_id = $1 AND e.kind > $2", "e.kind, e.code") " UNION ALL "
    FIRST_GROUP("e.tagset_id > $1", "e.tagset_id, e.kind, e.code") " LIMIT 1";
static const char group_seqs_sql[] =
    "SELECT e.seq AS id FROM event e WHERE e.tagset_id = $3 AND e.kind = $4 AND e.code = $5"
    " AND e.seq >= $1 AND e.seq < $2 ORDER BY e.seq LIMIT $6";
static const char seqs_sql[] =
    "SELECT e.seq AS id FROM event e WHERE e.seq >= $1 AND e.seq < $2 ORDER BY e.seq LIMIT $6";
/* clang-format on */

struct counting {
	event_fn on_row;
	void *context;
	size_t rows;
};

static void
count_row(void *context, const struct event_row *row)
{
	struct counting *counting = context;
	counting->rows++;
	counting->on_row(counting->context, row);
}

static enum result
hand_out_listed(struct store_reader *reader, const struct event_filter *filter,
    const struct numbers_wanted *wanted, event_fn on_row, void *context)
{
	struct counting counting = {.on_row = on_row, .context = context};
	struct number_lists lists;
	sqlite3_stmt *statement = NULL;
	int64_t seq = 0, until = filter->until_seq == 0 ? INT64_MAX : (int64_t)filter->until_seq;
	bool has = true;
	enum result result = number_lists_begin(reader, wanted, &lists);
	if (result == RESULT_OK)
		result = reader_ask(reader, READER_ONE_EVENT, one_event_sql, &statement);
	while (result == RESULT_OK && has && seq < until &&
	       (filter->limit == 0 || counting.rows < filter->limit)) {
		result = number_lists_next(&lists, &seq, &has);
		if (result != RESULT_OK || !has)
			break;
		bind_filter(statement, filter);
		reader_bind_number(statement, ":one", seq);
		result = hand_out(reader, statement, count_row, &counting);
	}
	number_lists_done(&lists);
	return result;
}

static struct store_value
tag_value(struct slice text)
{
	return (struct store_value){
	    .kind = text.ptr == NULL ? STORE_NULL : STORE_TAG, .text = text};
}

static enum result
read_by_lists(
    struct store_reader *reader, const struct event_filter *filter, event_fn on_row, void *context)
{
	const struct store_value tags[] = {
	    tag_value(filter->campaign), tag_value(filter->workspace), tag_value(filter->variant)};
	enum event_type type = EVENT_FAILED;
	bool by_tags = filter->campaign.ptr != NULL || filter->workspace.ptr != NULL ||
		       filter->variant.ptr != NULL;
	bool by_type = event_type_from_name(filter->type, &type);
	/* No code: failures without one. */
	bool by_kind = by_type || (filter->has_error_code && filter->error_code < 0);
	int64_t kind = (int64_t)type, code = filter->error_code;
	struct number_set tagsets = {.items = NULL};
	const struct number_set kinds = {.items = &kind, .count = 1},
				codes = {.items = &code, .count = 1};
	struct numbers_wanted wanted = {.list_sql = seqs_sql,
	    .sets = {by_tags ? &tagsets : NULL, by_kind ? &kinds : NULL,
		filter->has_error_code ? &codes : NULL},
	    .figure = BLOCK_EVENTS,
	    .from_us = filter->from_us,
	    .to_us = filter->to_us == 0 ? INT64_MAX : filter->to_us,
	    .after = (int64_t)filter->after_seq};
	enum result result = RESULT_OK;
	if (by_tags || by_kind || filter->has_error_code) {
		wanted.next_group_sql = next_group_sql;
		wanted.list_sql = group_seqs_sql;
	}
	if (by_type && type != EVENT_FAILED && filter->has_error_code && code < 0)
		return RESULT_OK;
	if (by_tags)
		result = number_set_ask(reader, tagsets_sql, tags, 3, &tagsets);
	if (result == RESULT_OK)
		result = hand_out_listed(reader, filter, &wanted, on_row, context);
	free(tagsets.items);
	return result;
}

/* --- any --- */

/* Events that are looked at one by one: less work than to find the groups. */
#define FEW_EVENTS 500

/* Whether the filter leaves out events, and there are many. */
static enum result
needs_lists(struct store_reader *reader, const struct event_filter *filter, bool *out_needs)
{
	uint64_t last = filter->until_seq;
	bool filters = filter->type.ptr != NULL || filter->campaign.ptr != NULL ||
		       filter->workspace.ptr != NULL || filter->variant.ptr != NULL ||
		       filter->has_error_code || filter->from_us > 0 || filter->to_us != 0;
	enum result result = RESULT_OK;
	*out_needs = false;
	if (!filters || filter->message.ptr != NULL || filter->number.ptr != NULL)
		return RESULT_OK;
	if (last == 0)
		result = store_read_last_event(reader, &last);
	*out_needs = last > filter->after_seq && last - filter->after_seq > FEW_EVENTS;
	return result;
}

static enum result
ask_for_events(
    struct store_reader *reader, const struct event_filter *filter, sqlite3_stmt **out_statement)
{
	if (filter->message.ptr != NULL)
		return reader_ask(reader, READER_MESSAGE_EVENTS, message_events_sql, out_statement);
	if (filter->number.ptr != NULL)
		return reader_ask(reader, READER_NUMBER_EVENTS, number_events_sql, out_statement);
	return reader_ask(reader, READER_EVENTS, events_sql, out_statement);
}

enum result
store_read_events(
    struct store_reader *reader, const struct event_filter *filter, event_fn on_row, void *context)
{
	sqlite3_stmt *statement;
	bool by_lists = false;
	enum result result = needs_lists(reader, filter, &by_lists);
	if (result == RESULT_OK && by_lists) {
		result = store_reader_hold(reader);
		if (result == RESULT_OK)
			result = read_by_lists(reader, filter, on_row, context);
		store_reader_release(reader);
		return result;
	}
	if (result == RESULT_OK)
		result = ask_for_events(reader, filter, &statement);
	if (result != RESULT_OK)
		return result;

	bind_filter(statement, filter);
	return hand_out(reader, statement, on_row, context);
}

enum result
store_read_last_event(struct store_reader *reader, uint64_t *out_seq)
{
	sqlite3_stmt *statement;
	enum result result = reader_ask(
	    reader, READER_LAST_EVENT, "SELECT coalesce(max(seq), 0) FROM event", &statement);
	if (result != RESULT_OK)
		return result;

	int code = sqlite3_step(statement);
	if (code == SQLITE_ROW)
		*out_seq = (uint64_t)sqlite3_column_int64(statement, 0);
	return reader_finish(reader, statement, code);
}
