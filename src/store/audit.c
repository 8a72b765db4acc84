#include "dlrd/store/audit.h"

#include "dlrd/store/deltas.h"
#include "dlrd/store/messages.h"
#include "dlrd/store/reader_handle.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

struct auditing {
	sqlite3 *db;
	enum conflict_policy policy;
	audit_difference_fn on_difference;
	void *context;
	struct audit audit;
	struct deltas deltas; /* recounted minus stored: zero where both agree */
	struct message_row stored, recounted;
};

static void differ(struct auditing *auditing, const char *format, ...) printf_like(2, 3);

static void
differ(struct auditing *auditing, const char *format, ...)
{
	char line[256];
	va_list arguments;
	va_start(arguments, format);
	vsnprintf(line, sizeof line, format, arguments);
	va_end(arguments);
	auditing->audit.differences++;
	auditing->on_difference(auditing->context, line);
}

static bool
message_equal(const struct message *a, const struct message *b)
{
	return a->seen == b->seen && a->first_final == b->first_final &&
	       a->opted_out == b->opted_out && a->error_code == b->error_code &&
	       a->first_us == b->first_us && a->last_us == b->last_us && a->sent_us == b->sent_us &&
	       a->delivered_us == b->delivered_us && a->failed_us == b->failed_us &&
	       a->canceled_us == b->canceled_us && a->read_us == b->read_us &&
	       a->received_us == b->received_us;
}

/* All receipts of one message have been folded: compare, and count what it contributes. */
static enum result
finish_message(struct auditing *auditing)
{
	struct message_row *stored = &auditing->stored, *recounted = &auditing->recounted;
	if (stored->id == 0)
		return RESULT_OK;
	auditing->audit.messages++;
	if (!message_equal(&stored->message, &recounted->message) ||
	    stored->outcome != (int64_t)message_outcome(&recounted->message, auditing->policy) ||
	    stored->conflict != (int64_t)message_conflicts(&recounted->message) ||
	    stored->status_len != recounted->status_len ||
	    memcmp(stored->status, recounted->status, stored->status_len) != 0)
		differ(auditing, "message %lld: stored as \"%.*s\", its receipts say \"%.*s\"",
		    (long long)stored->id, (int)stored->status_len, stored->status,
		    (int)recounted->status_len, recounted->status);
	struct rollup rollup = rollup_of(&recounted->message, auditing->policy);
	return deltas_add(&auditing->deltas, &rollup, 1, stored->tagset_id, stored->provider_id);
}

static struct event
read_event(sqlite3_stmt *statement)
{
	struct event event = {.time_us = sqlite3_column_int64(statement, 0),
	    .status_text = sql_text(statement, 2),
	    .error_code = sqlite3_column_type(statement, 3) == SQLITE_NULL
			      ? -1
			      : sqlite3_column_int64(statement, 3),
	    .keyword = sql_text(statement, 4)};
	bool replied = slice_equal(sql_text(statement, 1), SLICE("Replied"));
	event.status = replied ? STATUS_RECEIVED : status_from_name(event.status_text);
	return event;
}

static enum result
recount_messages(struct auditing *auditing)
{
	sqlite3_stmt *statement;
	int code = sql_prepare(auditing->db,
	    "SELECT e.time_us, e.type, e.status, e.error_code, e.keyword, " MESSAGE_COLUMNS
	    " FROM message m LEFT JOIN event e ON e.message_id = m.id ORDER BY m.id, e.seq",
	    &statement);
	enum result result = sql_result(code);
	while (result == RESULT_OK && (code = sqlite3_step(statement)) == SQLITE_ROW) {
		if (sqlite3_column_int64(statement, 5) != auditing->stored.id) {
			result = finish_message(auditing);
			auditing->stored = message_row_read(statement, 5);
			auditing->recounted = (struct message_row){.message = MESSAGE_EMPTY};
		}
		if (sqlite3_column_type(statement, 0) == SQLITE_NULL)
			continue; /* no receipt at all: it will differ */
		struct event event = read_event(statement);
		message_row_fold(&auditing->recounted, &event, auditing->policy);
		auditing->audit.events++;
	}
	if (result == RESULT_OK)
		result = sql_result(code);
	if (result == RESULT_OK)
		result = finish_message(auditing);
	sqlite3_finalize(statement);
	return result;
}

/* Takes the stored rows of one table away from what was recounted. */
static enum result
subtract_stored(struct auditing *auditing, enum delta_table table, const char *sql)
{
	sqlite3_stmt *statement;
	int code = sql_prepare(auditing->db, sql, &statement);
	enum result result = sql_result(code);
	while (result == RESULT_OK && (code = sqlite3_step(statement)) == SQLITE_ROW) {
		struct delta *row =
		    deltas_row(&auditing->deltas, table, sqlite3_column_int64(statement, 0),
			sqlite3_column_int64(statement, 1), sqlite3_column_int64(statement, 2));
		if (row == NULL)
			result = RESULT_NO_MEMORY;
		else if (table == DELTA_ERROR)
			row->figures[FIGURE_FAILED] -= sqlite3_column_int64(statement, 3);
		else
			for (int i = 0; i < FIGURE_COUNT; i++)
				row->figures[i] -= sqlite3_column_int64(statement, 3 + i);
	}
	sqlite3_finalize(statement);
	return result != RESULT_OK ? result : sql_result(code);
}

#define FIGURE_COLUMNS                                                                             \
	"messages, sent, delivered, failed, canceled, pending, read, replied, clicked, opted_out," \
	" conflicts"

static void
report_figures(struct auditing *auditing)
{
	static const char *const tables[] = {[DELTA_CAMPAIGN] = "campaign_hour of tagset",
	    [DELTA_PROVIDER] = "provider_hour of provider",
	    [DELTA_ERROR] = "campaign_error of tagset"};
	for (size_t i = 0; i < auditing->deltas.capacity; i++) {
		if (!auditing->deltas.used[i])
			continue;
		const struct delta *row = &auditing->deltas.rows[i];
		auditing->audit.figures += row->table == DELTA_ERROR ? 1 : FIGURE_COUNT;
		for (int figure = 0; figure < FIGURE_COUNT; figure++)
			if (row->figures[figure] != 0)
				differ(auditing, "%s %lld, code %lld, hour %lld: %s is off by %lld",
				    tables[row->table], (long long)row->id, (long long)row->code,
				    (long long)row->hour, figure_name((enum figure)figure),
				    (long long)-row->figures[figure]);
	}
}

static enum result
compare_times(struct auditing *auditing)
{
	sqlite3_stmt *statement;
	int code = sql_prepare(auditing->db,
	    "SELECT c.name FROM campaign c JOIN (SELECT campaign_id, min(time_us) AS first,"
	    " max(time_us) AS last FROM event GROUP BY campaign_id) e ON e.campaign_id = c.id"
	    " WHERE c.first_us <> e.first OR c.last_us <> e.last",
	    &statement);
	enum result result = sql_result(code);
	while (result == RESULT_OK && (code = sqlite3_step(statement)) == SQLITE_ROW) {
		struct slice name = sql_text(statement, 0);
		differ(auditing, "campaign \"%.*s\": first or last is not that of its events",
		    SLICE_ARG(name));
	}
	sqlite3_finalize(statement);
	return result != RESULT_OK ? result : sql_result(code);
}

static enum result
audit_snapshot(struct auditing *auditing)
{
	enum result result = recount_messages(auditing);
	if (result == RESULT_OK)
		result = subtract_stored(auditing, DELTA_CAMPAIGN,
		    "SELECT tagset_id, 0, hour, " FIGURE_COLUMNS " FROM campaign_hour");
	if (result == RESULT_OK)
		result = subtract_stored(auditing, DELTA_PROVIDER,
		    "SELECT provider_id, 0, hour, " FIGURE_COLUMNS " FROM provider_hour");
	if (result == RESULT_OK)
		result = subtract_stored(auditing, DELTA_ERROR,
		    "SELECT tagset_id, code, hour, failed FROM campaign_error");
	if (result == RESULT_OK)
		result = compare_times(auditing);
	if (result == RESULT_OK)
		report_figures(auditing);
	return result;
}

enum result
store_audit(struct store_reader *reader, enum conflict_policy policy,
    audit_difference_fn on_difference, void *context, struct audit *out_audit)
{
	struct auditing auditing = {.db = store_reader_handle(reader),
	    .policy = policy,
	    .on_difference = on_difference,
	    .context = context};
	enum result result =
	    sql_result(sqlite3_exec(auditing.db, "BEGIN", NULL, NULL, NULL)); /* one moment */
	if (result == RESULT_OK)
		result = audit_snapshot(&auditing);
	sqlite3_exec(auditing.db, "COMMIT", NULL, NULL, NULL);
	deltas_done(&auditing.deltas);
	if (result == RESULT_OK)
		*out_audit = auditing.audit;
	return result;
}

enum result
store_read_policy(struct store_reader *reader, enum conflict_policy *out_policy)
{
	sqlite3_stmt *statement = NULL;
	int code = sql_prepare(store_reader_handle(reader), "SELECT policy FROM state", &statement);
	if (code == SQLITE_OK && (code = sqlite3_step(statement)) == SQLITE_ROW &&
	    !conflict_policy_from_name(sql_text(statement, 0), out_policy))
		code = SQLITE_CORRUPT;
	sqlite3_finalize(statement);
	return sql_result(code);
}
