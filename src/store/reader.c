#include "dlrd/store/reader.h"

#include "dlrd/base/clock.h"
#include "dlrd/store/reader_handle.h"
#include "dlrd/store/schema.h"
#include "dlrd/store/sql.h"

#include <stdlib.h>

#define PROGRESS_STEPS 20000 /* of SQLite's machine between two looks at the clock */

struct store_reader {
	sqlite3 *db;
	int64_t limit_us, start_us; /* of the question that is being asked; start_us 0: none */
	sqlite3_stmt *campaigns, *errors, *events, *campaign_events, *message_events, *message,
	    *catalogue, *cursor;
};

/* :workspace and the like are bound by name; one that a statement does not have is passed over. */
static const char campaigns_sql[] =
    "SELECT c.id, c.workspace, c.name, c.duplicates, c.first_us, c.last_us,"
    " coalesce(sum(h.messages), 0), coalesce(sum(h.sent), 0), coalesce(sum(h.delivered), 0),"
    " coalesce(sum(h.failed), 0), coalesce(sum(h.canceled), 0), coalesce(sum(h.pending), 0),"
    " coalesce(sum(h.read), 0), coalesce(sum(h.replied), 0), coalesce(sum(h.clicked), 0),"
    " coalesce(sum(h.opted_out), 0), coalesce(sum(h.conflicts), 0)"
    " FROM campaign c JOIN tagset t ON t.campaign_id = c.id"
    " LEFT JOIN campaign_hour h ON h.tagset_id = t.id AND h.hour >= :from AND h.hour < :to"
    " WHERE (:workspace IS NULL OR c.workspace = :workspace)"
    " AND (:campaign IS NULL OR c.name = :campaign) AND c.id < :before"
    " GROUP BY c.id HAVING :whole"
    " OR sum(h.messages + h.sent + h.delivered + h.failed + h.canceled + h.pending + h.read"
    " + h.replied + h.clicked + h.opted_out + h.conflicts) > 0 ORDER BY c.id DESC LIMIT :limit";

/* The times come from the ends of an index, one look-up each, not from all failed messages. */
static const char errors_sql[] =
    "SELECT x.code, k.name, k.kind, k.permanence, k.action, sum(x.n), min(x.first), max(x.last)"
    " FROM (SELECT e.code AS code, sum(e.failed) AS n,"
    "  (SELECT min(m.failed_us) FROM message m"
    "   WHERE m.tagset_id = t.id AND m.error_code = e.code AND m.outcome = 2) AS first,"
    "  (SELECT max(m.failed_us) FROM message m"
    "   WHERE m.tagset_id = t.id AND m.error_code = e.code AND m.outcome = 2) AS last"
    "  FROM tagset t JOIN campaign_error e ON e.tagset_id = t.id"
    "  WHERE t.campaign_id = :campaign AND e.hour >= :from AND e.hour < :to GROUP BY t.id, e.code "
    "HAVING sum(e.failed) > 0) x"
    " LEFT JOIN error_catalogue k ON k.code = x.code GROUP BY x.code ORDER BY 6 DESC, 1";

#define EVENT_COLUMNS                                                                              \
	"SELECT e.seq, e.journal_seq, e.time_us, e.type, c.workspace, c.name, t.variant,"          \
	" p.account, coalesce(m.sid, e.sid), e.status, e.error_code, p.sender, e.peer, p.service," \
	" e.body, e.keyword, e.done_date, e.extra, e.raw_query, e.raw_body"                        \
	" FROM event e JOIN tagset t ON t.id = e.tagset_id JOIN campaign c ON c.id = "             \
	"e.campaign_id"                                                                            \
	" JOIN provider p ON p.id = e.provider_id LEFT JOIN message m ON m.id = e.message_id"

#define EVENT_REST                               \
	" AND (:type IS NULL OR e.type = :type)" \
	" AND (:workspace IS NULL OR c.workspace = :workspace) ORDER BY e.seq LIMIT :limit"

static const char events_sql[] = EVENT_COLUMNS " WHERE e.seq > :after" EVENT_REST;

static const char campaign_events_sql[] =
    EVENT_COLUMNS " WHERE e.campaign_id IN (SELECT id FROM campaign WHERE name = :campaign)"
		  " AND e.seq > :after" EVENT_REST;

static const char message_events_sql[] =
    EVENT_COLUMNS " WHERE (e.message_id = (SELECT id FROM message WHERE sid = :message)"
		  " OR e.sid = :message) AND e.seq > :after" EVENT_REST;

static const char message_sql[] =
    "SELECT m.sid, m.status, c.workspace, c.name, t.variant, p.account, p.service, p.sender,"
    " m.conflict, m.error_code, m.first_us, m.last_us FROM message m"
    " JOIN tagset t ON t.id = m.tagset_id JOIN campaign c ON c.id = t.campaign_id"
    " JOIN provider p ON p.id = m.provider_id WHERE m.sid = :message";

static const char catalogue_sql[] =
    "SELECT code, name, kind, permanence, action FROM error_catalogue WHERE code > :after"
    " ORDER BY code LIMIT :limit";

static int
open_database(struct store_reader *reader, const char *path)
{
	int flags = SQLITE_OPEN_READONLY | SQLITE_OPEN_NOMUTEX;
	int code = sqlite3_open_v2(path, &reader->db, flags, NULL);
	if (code != SQLITE_OK)
		return code;
	sqlite3_busy_timeout(reader->db, 2000);
	sqlite3_db_config(reader->db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
	sqlite3_limit(reader->db, SQLITE_LIMIT_ATTACHED, 0);
	return sqlite3_exec(reader->db,
	    "PRAGMA query_only = ON; PRAGMA wal_autocheckpoint = 0; PRAGMA mmap_size = 0;"
	    "PRAGMA cache_size = -4096; PRAGMA trusted_schema = OFF; PRAGMA temp_store = MEMORY",
	    NULL, NULL, NULL);
}

static int
prepare_all(struct store_reader *reader)
{
	const struct {
		const char *sql;
		sqlite3_stmt **statement;
	} rows[] = {
	    {campaigns_sql, &reader->campaigns},
	    {errors_sql, &reader->errors},
	    {events_sql, &reader->events},
	    {campaign_events_sql, &reader->campaign_events},
	    {message_events_sql, &reader->message_events},
	    {message_sql, &reader->message},
	    {catalogue_sql, &reader->catalogue},
	    {"SELECT cursor FROM state", &reader->cursor},
	};
	int code = SQLITE_OK;
	for (size_t i = 0; code == SQLITE_OK && i < sizeof rows / sizeof rows[0]; i++)
		code = sql_prepare(reader->db, rows[i].sql, rows[i].statement);
	return code;
}

enum result
store_reader_open(const char *path, struct store_reader **out_reader, struct failure *failure)
{
	struct store_reader *reader = calloc(1, sizeof *reader);
	if (reader == NULL)
		return failure_set(failure, RESULT_NO_MEMORY, "no memory");
	int code = open_database(reader, path);
	enum result result;
	if (code == SQLITE_CANTOPEN)
		result = failure_set(failure, RESULT_NOT_FOUND,
		    "%s: there is no store here that can be read; does [store] directory name the "
		    "daemon's, and may this user read it?",
		    path);
	else if (code != SQLITE_OK)
		result = failure_set(failure, sql_result(code), "%s: %s", path,
		    reader->db == NULL ? "no memory" : sqlite3_errmsg(reader->db));
	else
		result = schema_check(reader->db, path, failure);
	if (result == RESULT_OK && (code = prepare_all(reader)) != SQLITE_OK)
		result = failure_set(
		    failure, sql_result(code), "%s: %s", path, sqlite3_errmsg(reader->db));
	if (result != RESULT_OK) {
		store_reader_close(reader);
		return result;
	}
	*out_reader = reader;
	return RESULT_OK;
}

static void
bind_text(sqlite3_stmt *statement, const char *name, struct slice text)
{
	int index = sqlite3_bind_parameter_index(statement, name);
	if (index > 0)
		sql_bind_text(statement, index, text);
}

static void
bind_number(sqlite3_stmt *statement, const char *name, int64_t number)
{
	int index = sqlite3_bind_parameter_index(statement, name);
	if (index > 0)
		sqlite3_bind_int64(statement, index, number);
}

/* The hours that a stretch of time touches. */
static void
bind_hours(sqlite3_stmt *statement, int64_t from_us, int64_t to_us)
{
	int64_t to_hour = (to_us + CLOCK_HOUR_US - 1) / CLOCK_HOUR_US;
	bind_number(statement, ":from", from_us / CLOCK_HOUR_US);
	bind_number(statement, ":to", to_us == 0 ? INT64_MAX : to_hour);
}

static int64_t
limit_of(size_t limit)
{
	return limit == 0 ? -1 : (int64_t)limit;
}

static int
is_late(void *context)
{
	struct store_reader *reader = context;
	int64_t now_us = clock_monotonic_us();
	if (reader->start_us == 0)
		reader->start_us = now_us;
	return now_us - reader->start_us > reader->limit_us;
}

void
store_reader_set_limit(struct store_reader *reader, int64_t limit_us)
{
	reader->limit_us = limit_us;
	sqlite3_progress_handler(reader->db, limit_us == 0 ? 0 : PROGRESS_STEPS, is_late, reader);
}

/* Ends a statement; its values go, too, since they point to the caller's. */
static enum result
finish(struct store_reader *reader, sqlite3_stmt *statement, int code)
{
	sqlite3_reset(statement);
	sqlite3_clear_bindings(statement);
	reader->start_us = 0;
	return (code & 0xff) == SQLITE_INTERRUPT ? RESULT_LIMIT : sql_result(code);
}

enum result
store_read_campaigns(struct store_reader *reader, const struct campaign_filter *filter,
    campaign_fn on_row, void *context)
{
	sqlite3_stmt *statement = reader->campaigns;
	bind_text(statement, ":workspace", filter->workspace);
	bind_text(statement, ":campaign", filter->campaign);
	bind_hours(statement, filter->from_us, filter->to_us);
	bind_number(statement, ":whole", filter->from_us == 0 && filter->to_us == 0);
	bind_number(statement, ":before", filter->before_id == 0 ? INT64_MAX : filter->before_id);
	bind_number(statement, ":limit", limit_of(filter->limit));
	int code;
	while ((code = sqlite3_step(statement)) == SQLITE_ROW) {
		struct campaign_row row = {.id = sqlite3_column_int64(statement, 0),
		    .workspace = sql_text(statement, 1),
		    .campaign = sql_text(statement, 2),
		    .duplicates = sqlite3_column_int64(statement, 3),
		    .first_us = sqlite3_column_int64(statement, 4),
		    .last_us = sqlite3_column_int64(statement, 5)};
		for (int i = 0; i < FIGURE_COUNT; i++)
			row.figures[i] = sqlite3_column_int64(statement, 6 + i);
		on_row(context, &row);
	}
	return finish(reader, statement, code);
}

enum result
store_read_campaign_errors(struct store_reader *reader, int64_t campaign_id, int64_t from_us,
    int64_t to_us, campaign_error_fn on_row, void *context)
{
	sqlite3_stmt *statement = reader->errors;
	int code;
	bind_number(statement, ":campaign", campaign_id);
	bind_hours(statement, from_us, to_us);
	while ((code = sqlite3_step(statement)) == SQLITE_ROW) {
		struct campaign_error_row row = {.code = sqlite3_column_int64(statement, 0),
		    .name = sql_text(statement, 1),
		    .kind = sql_text(statement, 2),
		    .permanence = sql_text(statement, 3),
		    .action = sql_text(statement, 4),
		    .count = sqlite3_column_int64(statement, 5),
		    .first_us = sqlite3_column_int64(statement, 6),
		    .last_us = sqlite3_column_int64(statement, 7)};
		on_row(context, &row);
	}
	return finish(reader, statement, code);
}

static struct slice
filled_text(sqlite3_stmt *statement, int column)
{
	struct slice text = sql_text(statement, column);
	return text.len == 0 ? SLICE_NONE : text;
}

static struct event_row
read_event(sqlite3_stmt *statement)
{
	struct event_row row = {.seq = (uint64_t)sqlite3_column_int64(statement, 0)};
	struct event *event = &row.event;
	event->journal_seq = (uint64_t)sqlite3_column_int64(statement, 1);
	event->time_us = sqlite3_column_int64(statement, 2);
	if (!event_type_from_name(sql_text(statement, 3), &event->type))
		event->type = EVENT_UNRECOGNISED;
	event->workspace = sql_text(statement, 4);
	event->campaign = sql_text(statement, 5);
	event->variant = sql_text(statement, 6);
	event->account = filled_text(statement, 7);
	event->message = sql_text(statement, 8);
	event->status_text = sql_text(statement, 9);
	event->error_code = sqlite3_column_type(statement, 10) == SQLITE_NULL
				? -1
				: sqlite3_column_int64(statement, 10);
	struct slice sender = filled_text(statement, 11), peer = sql_text(statement, 12);
	event->from = event->type == EVENT_REPLIED ? peer : sender;
	event->to = event->type == EVENT_REPLIED ? sender : peer;
	event->service = filled_text(statement, 13);
	event->body = sql_text(statement, 14);
	event->keyword = sql_text(statement, 15);
	event->done_date = sql_text(statement, 16);
	event->extra = sql_text(statement, 17);
	event->raw_query = sql_text(statement, 18);
	event->raw_body = sql_text(statement, 19);
	return row;
}

enum result
store_read_events(
    struct store_reader *reader, const struct event_filter *filter, event_fn on_row, void *context)
{
	sqlite3_stmt *statement = filter->message.ptr != NULL    ? reader->message_events
				  : filter->campaign.ptr != NULL ? reader->campaign_events
								 : reader->events;
	bind_number(statement, ":after", (int64_t)filter->after_seq);
	bind_text(statement, ":type", filter->type);
	bind_text(statement, ":workspace", filter->workspace);
	bind_text(statement, ":campaign", filter->campaign);
	bind_text(statement, ":message", filter->message);
	bind_number(statement, ":limit", limit_of(filter->limit));
	int code;
	while ((code = sqlite3_step(statement)) == SQLITE_ROW) {
		struct event_row row = read_event(statement);
		on_row(context, &row);
	}
	return finish(reader, statement, code);
}

enum result
store_read_message(struct store_reader *reader, struct slice sid, message_fn on_view, void *context)
{
	sqlite3_stmt *statement = reader->message;
	bind_text(statement, ":message", sid);
	int code = sqlite3_step(statement);
	if (code == SQLITE_ROW) {
		struct message_view view = {.sid = sql_text(statement, 0),
		    .status = sql_text(statement, 1),
		    .workspace = sql_text(statement, 2),
		    .campaign = sql_text(statement, 3),
		    .variant = sql_text(statement, 4),
		    .account = filled_text(statement, 5),
		    .service = filled_text(statement, 6),
		    .sender = filled_text(statement, 7),
		    .conflict = sqlite3_column_int(statement, 8) != 0,
		    .error_code = sqlite3_column_int64(statement, 9),
		    .first_us = sqlite3_column_int64(statement, 10),
		    .last_us = sqlite3_column_int64(statement, 11)};
		on_view(context, &view);
	}
	enum result result = finish(reader, statement, code);
	return code == SQLITE_DONE ? RESULT_NOT_FOUND : result;
}

enum result
store_read_catalogue(struct store_reader *reader, int64_t after_code, size_t limit,
    catalogue_fn on_row, void *context)
{
	sqlite3_stmt *statement = reader->catalogue;
	int code;
	bind_number(statement, ":after", after_code);
	bind_number(statement, ":limit", limit_of(limit));
	while ((code = sqlite3_step(statement)) == SQLITE_ROW) {
		struct catalogue_row row = {.code = sqlite3_column_int64(statement, 0),
		    .name = sql_text(statement, 1),
		    .kind = sql_text(statement, 2),
		    .permanence = sql_text(statement, 3),
		    .action = sql_text(statement, 4)};
		on_row(context, &row);
	}
	return finish(reader, statement, code);
}

enum result
store_read_cursor(struct store_reader *reader, uint64_t *out_cursor)
{
	int code = sqlite3_step(reader->cursor);
	if (code == SQLITE_ROW)
		*out_cursor = (uint64_t)sqlite3_column_int64(reader->cursor, 0);
	return finish(reader, reader->cursor, code);
}

sqlite3 *
store_reader_handle(struct store_reader *reader)
{
	return reader->db;
}

const char *
store_reader_error(const struct store_reader *reader)
{
	return sqlite3_errmsg(reader->db);
}

void
store_reader_close(struct store_reader *reader)
{
	if (reader == NULL)
		return;
	sqlite3_stmt *statements[] = {reader->campaigns, reader->errors, reader->events,
	    reader->campaign_events, reader->message_events, reader->message, reader->catalogue,
	    reader->cursor};
	for (size_t i = 0; i < sizeof statements / sizeof statements[0]; i++)
		sqlite3_finalize(statements[i]);
	sqlite3_close_v2(reader->db);
	free(reader);
}
