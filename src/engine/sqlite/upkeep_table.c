#include "dlrd/engine/upkeep_table.h"

#include "open_tables.h"
#include "sql.h"

struct upkeep_table {
	sqlite3 *db;
	sqlite3_stmt *sourced, *set_tags, *set_reply_tags, *with_parameter, *remove_alert,
	    *remove_inbound, *remove_receipt, *remove_reply, *remove_message, *count, *campaign,
	    *note_removed, *note_run, *is_of_removed_run;
};

#define FIELD(name) offsetof(struct upkeep_table, name)

/* The parameter of that name. Its path is quoted: a name may have any byte but a quote. */
#define PARAMETER(extra, name)                                                         \
	"CASE WHEN json_valid(" extra ") THEN json_extract(" extra ", '$.\"' || " name \
	" || '\"') END"

static const struct sqlite_statement statements[] = {
    {"SELECT e.seq, coalesce(e.message_id, 0), e.tagset_id, e.tagged, e.type = 'Replied',"
     " s.path, coalesce(s.query, e.raw_query) FROM event e"
     " LEFT JOIN source s ON s.id = e.source_id WHERE e.seq > ?1 AND e.time_us >= ?2"
     " AND e.time_us < ?3 ORDER BY e.seq LIMIT ?4",
	FIELD(sourced)},
    {"UPDATE event SET tagset_id = ?2, campaign_id = ?3, tagged = ?4 WHERE seq = ?1",
	FIELD(set_tags)},
    {"UPDATE reply SET tagset_id = ?2 WHERE message_id = ?1", FIELD(set_reply_tags)},
    /* Few receipts contain the text; only theirs is parsed. */
    {"SELECT seq, coalesce(message_id, 0), journal_seq, time_us FROM event WHERE seq > ?1"
     " AND instr(extra, ?3) > 0 AND " PARAMETER("extra", "?2") " = ?3 ORDER BY seq LIMIT ?4",
	FIELD(with_parameter)},
    {"DELETE FROM alert WHERE event_seq = ?1", FIELD(remove_alert)},
    {"DELETE FROM inbound WHERE event_seq = ?1", FIELD(remove_inbound)},
    {"DELETE FROM event WHERE seq = ?1", FIELD(remove_receipt)},
    {"DELETE FROM reply WHERE message_id = ?1", FIELD(remove_reply)},
    {"DELETE FROM message WHERE id = ?1", FIELD(remove_message)},
    {"SELECT count(*) FROM event WHERE message_id = ?1", FIELD(count)},
    {"SELECT c.workspace, c.name FROM tagset t JOIN campaign c ON c.id = t.campaign_id"
     " WHERE t.id = ?1",
	FIELD(campaign)},
    {"INSERT OR IGNORE INTO removed_range VALUES(?1, ?2, ?3, ?4, ?5, ?6)", FIELD(note_removed)},
    {"INSERT OR IGNORE INTO removed_run VALUES(?1, ?2)", FIELD(note_run)},
    {"SELECT 1 FROM removed_run WHERE " PARAMETER("?1", "name") " = text LIMIT 1",
	FIELD(is_of_removed_run)},
    {NULL, 0},
};

enum result
upkeep_table_open(sqlite3 *db, struct upkeep_table **out_table)
{
	void *owner;
	enum result result = sqlite_new_owner(db, statements, sizeof(struct upkeep_table), &owner);
	*out_table = owner;
	if (result == RESULT_OK)
		(*out_table)->db = db;
	return result;
}

enum result
upkeep_table_sourced(struct upkeep_table *table, int64_t after_seq, int64_t from_us, int64_t to_us,
    size_t limit, sourced_fn on_receipt, void *context)
{
	sqlite3_stmt *row = table->sourced;
	enum result result = RESULT_OK;
	int code = SQLITE_DONE;
	sqlite3_bind_int64(row, 1, after_seq);
	sqlite3_bind_int64(row, 2, from_us);
	sqlite3_bind_int64(row, 3, to_us);
	sqlite3_bind_int64(row, 4, (int64_t)limit);

	while (result == RESULT_OK && (code = sqlite3_step(row)) == SQLITE_ROW) {
		const struct sourced_receipt receipt = {.seq = sqlite3_column_int64(row, 0),
		    .message_id = sqlite3_column_int64(row, 1),
		    .tagset_id = sqlite3_column_int64(row, 2),
		    .tagged = sqlite3_column_int(row, 3) != 0,
		    .is_reply = sqlite3_column_int(row, 4) != 0,
		    .path = sqlite_column(row, 5),
		    .query = sqlite_column(row, 6)};
		result = on_receipt(context, &receipt);
	}
	sqlite3_reset(row);
	return result != RESULT_OK ? result : sqlite_result(code);
}

enum result
upkeep_table_set_tags(struct upkeep_table *table, const struct sourced_receipt *receipt,
    int64_t tagset_id, int64_t campaign_id, bool tagged)
{
	sqlite3_bind_int64(table->set_tags, 1, receipt->seq);
	sqlite3_bind_int64(table->set_tags, 2, tagset_id);
	sqlite3_bind_int64(table->set_tags, 3, campaign_id);
	sqlite3_bind_int(table->set_tags, 4, tagged);
	int code = sqlite_run(table->set_tags);
	if (code != SQLITE_OK || !receipt->is_reply)
		return sqlite_result(code);

	sqlite3_bind_int64(table->set_reply_tags, 1, receipt->message_id);
	sqlite3_bind_int64(table->set_reply_tags, 2, tagset_id);
	return sqlite_result(sqlite_run(table->set_reply_tags));
}

enum result
upkeep_table_with_parameter(struct upkeep_table *table, int64_t after_seq, struct slice name,
    struct slice text, size_t limit, placed_fn on_receipt, void *context)
{
	sqlite3_stmt *row = table->with_parameter;
	int code = SQLITE_DONE;
	enum result result = RESULT_OK;
	sqlite3_bind_int64(row, 1, after_seq);
	sqlite_bind_text(row, 2, name);
	sqlite_bind_text(row, 3, text);
	sqlite3_bind_int64(row, 4, (int64_t)limit);

	while (result == RESULT_OK && (code = sqlite3_step(row)) == SQLITE_ROW) {
		const struct placed_receipt receipt = {sqlite3_column_int64(row, 0),
		    sqlite3_column_int64(row, 1), sqlite3_column_int64(row, 2),
		    sqlite3_column_int64(row, 3)};
		result = on_receipt(context, &receipt);
	}
	sqlite3_reset(row);
	return result != RESULT_OK ? result : sqlite_result(code);
}

enum result
upkeep_table_keep_numbers(struct upkeep_table *table)
{
	return sqlite_result(sqlite3_exec(table->db,
	    "INSERT INTO sqlite_sequence(name, seq) SELECT x.name, 0 FROM (SELECT 'event' AS name"
	    " UNION ALL SELECT 'message') x WHERE x.name NOT IN (SELECT name FROM sqlite_sequence);"
	    "UPDATE sqlite_sequence SET seq = max(seq, (SELECT coalesce(max(seq), 0) FROM event"
	    " WHERE seq < " SQL_NUMBER_END ")) WHERE name = 'event';"
	    "UPDATE sqlite_sequence SET seq = max(seq, (SELECT coalesce(max(id), 0) FROM message"
	    " WHERE id < " SQL_NUMBER_END ")) WHERE name = 'message'",
	    NULL, NULL, NULL));
}

enum result
upkeep_table_note_removed(struct upkeep_table *table, const struct placed_receipt *first,
    const struct placed_receipt *last)
{
	const int64_t values[] = {first->seq, last->seq, first->journal_seq, last->journal_seq,
	    first->time_us, last->time_us};
	for (int i = 0; i < 6; i++)
		sqlite3_bind_int64(table->note_removed, i + 1, values[i]);
	return sqlite_result(sqlite_run(table->note_removed));
}

enum result
upkeep_table_note_run(struct upkeep_table *table, struct slice name, struct slice text)
{
	sqlite_bind_text(table->note_run, 1, name);
	sqlite_bind_text(table->note_run, 2, text);
	return sqlite_result(sqlite_run(table->note_run));
}

enum result
upkeep_table_is_of_removed_run(struct upkeep_table *table, struct slice extra, bool *out_is)
{
	sqlite_bind_text(table->is_of_removed_run, 1, extra);
	return sqlite_has_row(table->is_of_removed_run, out_is);
}

enum result
upkeep_table_remove_receipt(struct upkeep_table *table, int64_t seq)
{
	sqlite3_stmt *const steps[] = {
	    table->remove_alert, table->remove_inbound, table->remove_receipt};
	int code = SQLITE_OK;
	for (size_t i = 0; code == SQLITE_OK && i < sizeof steps / sizeof steps[0]; i++) {
		sqlite3_bind_int64(steps[i], 1, seq);
		code = sqlite_run(steps[i]);
	}
	return sqlite_result(code);
}

enum result
upkeep_table_remove_message(struct upkeep_table *table, int64_t message_id)
{
	sqlite3_bind_int64(table->remove_reply, 1, message_id);
	sqlite3_bind_int64(table->remove_message, 1, message_id);
	int code = sqlite_run(table->remove_reply);
	return sqlite_result(code == SQLITE_OK ? sqlite_run(table->remove_message) : code);
}

enum result
upkeep_table_count(struct upkeep_table *table, int64_t message_id, int64_t *out_count)
{
	sqlite3_bind_int64(table->count, 1, message_id);
	return sqlite_first_number(table->count, out_count);
}

enum result
upkeep_table_campaign(struct upkeep_table *table, int64_t tagset_id, struct arena *arena,
    struct slice *out_workspace, struct slice *out_campaign)
{
	sqlite3_bind_int64(table->campaign, 1, tagset_id);
	int code = sqlite3_step(table->campaign);
	*out_workspace = *out_campaign = SLICE("");
	if (code == SQLITE_ROW) {
		*out_workspace = arena_copy(arena, sqlite_column(table->campaign, 0));
		*out_campaign = arena_copy(arena, sqlite_column(table->campaign, 1));
	}
	sqlite3_reset(table->campaign);
	return arena->failed ? RESULT_NO_MEMORY : sqlite_result(code);
}

/* A tagset without an hour has no message; replies keep the one that their own URL named. */
static const char remove_unused_sql[] =
    "DELETE FROM campaign_hour WHERE (" FIGURE_COLUMNS ") = (0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0);"
    "DELETE FROM provider_hour WHERE (" FIGURE_COLUMNS ") = (0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0);"
    "DELETE FROM campaign_error WHERE failed = 0; DELETE FROM campaign_delay WHERE messages = 0;"
    /* "Not measured" is what no hour has (query/figures.h). */
    "DELETE FROM hour_block WHERE figure IN (8, 9) AND NOT EXISTS"
    " (SELECT 1 FROM campaign_hour WHERE clicked <> 0);"
    "DELETE FROM tagset WHERE id NOT IN (SELECT tagset_id FROM campaign_hour)"
    " AND id NOT IN (SELECT tagset_id FROM reply) AND NOT EXISTS (SELECT 1 FROM event e"
    "  WHERE e.tagset_id = tagset.id);"
    "DELETE FROM campaign WHERE id NOT IN (SELECT campaign_id FROM tagset);"
    "UPDATE campaign SET first_us = 0, last_us = 0 WHERE last_us <> 0 AND name <> ''"
    " AND NOT EXISTS (SELECT 1 FROM tagset t JOIN event e ON e.tagset_id = t.id"
    "  WHERE t.campaign_id = campaign.id AND e.tagged = 1);"
    "DELETE FROM provider WHERE id NOT IN (SELECT provider_id FROM provider_hour)"
    " AND id NOT IN (SELECT provider_id FROM event);"
    "DELETE FROM source WHERE id NOT IN"
    " (SELECT source_id FROM event WHERE source_id IS NOT NULL)";

enum result
upkeep_table_remove_unused(struct upkeep_table *table)
{
	return sqlite_result(sqlite3_exec(table->db, remove_unused_sql, NULL, NULL, NULL));
}

void
upkeep_table_close(struct upkeep_table *table)
{
	sqlite_free_owner(statements, table);
}
