#include "dlrd/engine/receipt_table.h"

#include "dlrd/base/sqlite_rows.h"
#include "open_tables.h"
#include "sql.h"

#include <stdlib.h>

struct receipt_table {
	sqlite3_stmt *last, *each, *of_message, *click, *link, *by_reference, *has_signature,
	    *insert, *update, *move, *merge_extra, *insert_alert, *insert_inbound, *count;
	struct sqlite_rows written; /* by the statement that runs */
};

/* clang-format off */
/* The columns but seq and time_us: those that may change, those that never do, and those of them
 * that are not read. */
#define CHANGING(X) \
	X(arrival_seq, ID) X(campaign_id, NUMBER) X(tagset_id, NUMBER) X(provider_id, NUMBER) \
	X(tagged, FLAG) X(stream, FLAG) X(done_date, TEXT) X(peer, TEXT) X(body, TEXT) \
	X(keyword, TEXT) X(near_miss, TEXT) X(consent, TEXT) X(cause, TEXT) X(occurred, TEXT) \
	X(left_us, NUMBER) X(extra, TEXT) X(source_id, ID)
#define FIXED(X) \
	X(journal_seq, NUMBER) X(type, TEXT) X(message_id, ID) X(status, TEXT) X(error_code, CODE) \
	X(link, TEXT) X(signature, BYTES)
#define UNREAD(X) X(sid, TEXT) X(reference, TEXT) X(raw_query, BYTES) X(raw_body, BYTES)
#define UNREAD_COUNT 4
/* clang-format on */

#define NAME(name, type) ", " #name
#define SET(name, type) #name " = ?, "
#define COLUMN(name, type) {#name, FIELD_##type, offsetof(struct receipt, name)},
#define READ_COLUMNS "seq, time_us" CHANGING(NAME) FIXED(NAME)
#define ALL_COLUMNS READ_COLUMNS UNREAD(NAME)

static const struct sqlite_column columns[] = {
    COLUMN(seq, NUMBER) COLUMN(time_us, NUMBER) CHANGING(COLUMN) FIXED(COLUMN) UNREAD(COLUMN)};
#define COLUMN_COUNT (sizeof columns / sizeof columns[0])

/* In the order of the values of the statement. */
static const struct sqlite_column changing_columns[] = {
    CHANGING(COLUMN) COLUMN(time_us, NUMBER) COLUMN(seq, NUMBER)};

#define FIELD(name) offsetof(struct receipt_table, name)

static const struct sqlite_statement statements[] = {
    /* A recovered store has lost receipts whose numbers are not given again (salvage.c). */
    {"SELECT max(coalesce((SELECT max(seq) FROM event WHERE seq < " SQL_NUMBER_END "), 0),"
     " coalesce((SELECT max(seq) FROM sqlite_sequence WHERE name = 'event'), 0))",
	FIELD(last)},
    /* The first click of a link is the one that counts. */
    {"SELECT e.time_us, e.type, e.status, e.error_code, e.consent, " EVENT_PEER ","
     " e.tagset_id, e.tagged, e.provider_id, CASE WHEN e.type <> 'Clicked' THEN 0"
     " WHEN e.link IS NULL THEN NOT EXISTS"
     " (SELECT 1 FROM event x WHERE x.message_id = e.message_id AND x.seq < e.seq"
     "  AND x.type = 'Clicked' AND x.link IS NULL) ELSE NOT EXISTS"
     " (SELECT 1 FROM event x WHERE x.message_id = e.message_id AND x.link = e.link"
     "  AND x.seq < e.seq AND x.type = 'Clicked') END, e.left_us FROM event e WHERE "
     "e.message_id = ?1 ORDER BY e.time_us, coalesce(e.arrival_seq, e.journal_seq), e.status, "
     "e.error_code, e.done_date, "
     "e.seq",
	FIELD(each)},
    {"SELECT " READ_COLUMNS " FROM event WHERE message_id = ?1 AND link IS NULL ORDER BY seq",
	FIELD(of_message)},
    {"SELECT " READ_COLUMNS " FROM event WHERE message_id = ?1 AND link = ?2 AND occurred IS ?3"
     " AND status IS ?4 AND type = 'Clicked' ORDER BY seq LIMIT 1",
	FIELD(click)},
    {"SELECT 1 FROM event WHERE message_id = ?1 AND link = ?2 AND type = 'Clicked' LIMIT 1",
	FIELD(link)},
    {"SELECT " READ_COLUMNS " FROM event WHERE reference = ?1 ORDER BY seq LIMIT 1",
	FIELD(by_reference)},
    {"SELECT 1 FROM message m JOIN event e ON e.message_id = m.id"
     " WHERE m.sid = ?1 AND e.signature = ?2 LIMIT 1",
	FIELD(has_signature)},
    {"INSERT OR FAIL INTO event(" ALL_COLUMNS ") SELECT " ALL_COLUMNS " FROM written_receipt",
	FIELD(insert)},
    {"UPDATE event SET " CHANGING(SET) "time_us = ? WHERE seq = ?", FIELD(update)},
    {"UPDATE event SET tagset_id = ?2, campaign_id = ?3 WHERE message_id = ?1 AND tagged = 0",
	FIELD(move)},
    {"SELECT CASE WHEN NOT json_valid(?1) OR NOT json_valid(?2) THEN iif(?3, ?1, ?2)"
     " ELSE iif(?3, json_patch(?2, ?1), json_patch(?1, ?2)) END",
	FIELD(merge_extra)},
    {"INSERT INTO alert VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8) ON CONFLICT(event_seq) DO NOTHING",
	FIELD(insert_alert)},
    {INBOUND_ROWS " AND seq = ?1", FIELD(insert_inbound)},
    {"SELECT count(*) FROM event WHERE message_id IS NOT NULL", FIELD(count)},
    {NULL, 0},
};

enum result
receipt_table_open(sqlite3 *db, struct receipt_table **out_table)
{
	struct receipt_table *table = calloc(1, sizeof *table);
	int code = SQLITE_NOMEM;
	if (table != NULL) {
		table->written =
		    (struct sqlite_rows){.columns = columns, .column_count = COLUMN_COUNT};
		code = sqlite_rows_add(db, "written_receipt", &table->written);
	}
	if (code == SQLITE_OK)
		code = sqlite_prepare_all(db, statements, table);
	if (code != SQLITE_OK) {
		receipt_table_close(table);
		return sqlite_result(code);
	}

	*out_table = table;
	return RESULT_OK;
}

enum result
receipt_table_last(struct receipt_table *table, int64_t *out_seq)
{
	return sqlite_first_number(table->last, out_seq);
}

/* The row that the statement is at. */
static struct receipt *
read_receipt(sqlite3_stmt *row, struct arena *arena)
{
	struct receipt *receipt = arena_alloc(arena, sizeof *receipt);
	if (receipt == NULL)
		return NULL;

	sqlite_read_row(row, columns, COLUMN_COUNT - UNREAD_COUNT, arena, receipt);
	if (!event_type_from_name(receipt->type, &receipt->event_type))
		receipt->event_type = EVENT_UNRECOGNISED; /* of a newer dlrd */
	return receipt;
}

/* Reads the rows of a statement whose values are bound, as a list. */
static enum result
read_all(sqlite3_stmt *statement, struct arena *arena, struct receipt **out_receipts)
{
	struct receipt **end = out_receipts;
	int code = SQLITE_DONE;
	*out_receipts = NULL;
	while (!arena->failed && (code = sqlite3_step(statement)) == SQLITE_ROW) {
		*end = read_receipt(statement, arena);
		if (*end != NULL)
			end = &(*end)->next;
	}

	sqlite3_reset(statement);
	return arena->failed ? RESULT_NO_MEMORY : sqlite_result(code);
}

enum result
receipt_table_each(
    struct receipt_table *table, int64_t message_id, folded_fn on_receipt, void *context)
{
	sqlite3_stmt *row = table->each;
	enum result result = RESULT_OK;
	int code = SQLITE_DONE;

	sqlite3_bind_int64(row, 1, message_id);
	while (result == RESULT_OK && (code = sqlite3_step(row)) == SQLITE_ROW) {
		const struct folded_receipt receipt = {.time_us = sqlite3_column_int64(row, 0),
		    .type = sqlite_column(row, 1),
		    .status = sqlite_column(row, 2),
		    .error_code = sqlite_column_or(row, 3, -1),
		    .consent = sqlite_column(row, 4),
		    .peer = sqlite_column(row, 5),
		    .tagset_id = sqlite3_column_int64(row, 6),
		    .tagged = sqlite3_column_int(row, 7) != 0,
		    .provider_id = sqlite3_column_int64(row, 8),
		    .new_link = sqlite3_column_int(row, 9) != 0,
		    .left_us = sqlite3_column_int64(row, 10)};
		result = on_receipt(context, &receipt);
	}

	sqlite3_reset(row);
	return result != RESULT_OK ? result : sqlite_result(code);
}

enum result
receipt_table_of_message(struct receipt_table *table, int64_t message_id, struct arena *arena,
    struct receipt **out_receipts)
{
	sqlite3_bind_int64(table->of_message, 1, message_id);
	return read_all(table->of_message, arena, out_receipts);
}

enum result
receipt_table_click(struct receipt_table *table, int64_t message_id, const struct event *event,
    struct arena *arena, struct receipt **out_receipt, bool *out_link_is_known)
{
	sqlite3_bind_int64(table->click, 1, message_id);
	sqlite_bind_text(table->click, 2, event->link);
	sqlite_bind_text(table->click, 3, event->occurred);
	sqlite_bind_text(table->click, 4, event->status_text);
	enum result result = read_all(table->click, arena, out_receipt);
	*out_link_is_known = result == RESULT_OK && *out_receipt != NULL;
	if (result != RESULT_OK || *out_link_is_known)
		return result;

	sqlite3_bind_int64(table->link, 1, message_id);
	sqlite_bind_text(table->link, 2, event->link);
	return sqlite_has_row(table->link, out_link_is_known);
}

enum result
receipt_table_by_reference(struct receipt_table *table, struct slice reference, struct arena *arena,
    struct receipt **out_receipt)
{
	sqlite_bind_text(table->by_reference, 1, reference);
	return read_all(table->by_reference, arena, out_receipt);
}

enum result
receipt_table_has_signature(
    struct receipt_table *table, struct slice sid, struct slice signature, bool *out_has)
{
	sqlite_bind_text(table->has_signature, 1, sid);
	sqlite_bind_bytes(table->has_signature, 2, signature);
	return sqlite_has_row(table->has_signature, out_has);
}

static enum result
insert(struct receipt_table *table, struct receipt **receipts, size_t count)
{
	if (count == 0)
		return RESULT_OK;
	table->written.rows = (const void *const *)receipts;
	table->written.count = count;
	return sqlite_result(sqlite_run(table->insert));
}

/* The new ones come first, in the order of seq. One statement over all changed rows would keep them
 * in a temporary file. */
enum result
receipt_table_write(struct receipt_table *table, struct receipt **receipts, size_t count)
{
	size_t added = 0;
	while (added < count && receipts[added]->is_new)
		added++;

	enum result result = insert(table, receipts, added);
	for (size_t i = added; result == RESULT_OK && i < count; i++) {
		sqlite_bind_row(table->update, changing_columns,
		    sizeof changing_columns / sizeof changing_columns[0], receipts[i]);
		result = sqlite_result(sqlite_run(table->update));
	}
	for (size_t i = 0; result == RESULT_OK && i < count; i++) {
		receipts[i]->is_new = receipts[i]->is_changed = false;
		if (receipts[i]->event_type == EVENT_REPLIED && receipts[i]->extra.len > 0) {
			sqlite3_bind_int64(table->insert_inbound, 1, receipts[i]->seq);
			result = sqlite_result(sqlite_run(table->insert_inbound));
		}
	}
	return result;
}

enum result
receipt_table_move(
    struct receipt_table *table, int64_t message_id, int64_t tagset_id, int64_t campaign_id)
{
	sqlite3_bind_int64(table->move, 1, message_id);
	sqlite3_bind_int64(table->move, 2, tagset_id);
	sqlite3_bind_int64(table->move, 3, campaign_id);
	return sqlite_result(sqlite_run(table->move));
}

enum result
receipt_table_merge_extra(struct receipt_table *table, struct slice stored, struct slice other,
    bool stored_first, struct arena *arena, struct slice *out_merged)
{
	sqlite3_stmt *merge = table->merge_extra;
	sqlite_bind_text(merge, 1, stored);
	sqlite_bind_text(merge, 2, other);
	sqlite3_bind_int(merge, 3, stored_first);
	int code = sqlite3_step(merge);
	if (code == SQLITE_ROW)
		*out_merged = arena_copy(arena, sqlite_column(merge, 0));
	sqlite3_reset(merge);
	return arena->failed ? RESULT_NO_MEMORY : sqlite_result(code);
}

enum result
receipt_table_add_alert(
    struct receipt_table *table, const struct event_alert *alert, int64_t event_seq)
{
	sqlite3_stmt *insert = table->insert_alert;
	sqlite3_bind_int64(insert, 1, event_seq);
	sqlite_bind_name(insert, 2, alert->level);
	sqlite3_bind_int(insert, 3, alert->ours);
	sqlite_bind_text(insert, 4, alert->resource);
	sqlite_bind_text(insert, 5, alert->request_url);
	sqlite_bind_text(insert, 6, alert->method);
	sqlite3_bind_null(insert, 7);
	if (alert->response_status >= 0)
		sqlite3_bind_int64(insert, 7, alert->response_status);
	sqlite_bind_text(insert, 8, alert->text);
	return sqlite_result(sqlite_run(insert));
}

enum result
receipt_table_count(struct receipt_table *table, int64_t *out_count)
{
	return sqlite_first_number(table->count, out_count);
}

void
receipt_table_close(struct receipt_table *table)
{
	sqlite_free_owner(statements, table);
}
