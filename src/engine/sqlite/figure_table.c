#include "dlrd/engine/figure_table.h"

#include "open_tables.h"
#include "sql.h"

struct figure_table {
	sqlite3 *db;
	sqlite3_stmt *touch_campaign, *recount_campaign, *correct_campaigns, *wrong_campaigns,
	    *change_campaign_hour, *change_provider_hour, *change_campaign_error, *campaign_hours,
	    *provider_hours, *campaign_errors, *change_campaign_delay, *campaign_delays;
};

/* Adds figures, whose values are bound from 3 on. */
#define CHANGE_HOUR(table, id)                                                 \
	"INSERT INTO " table "(" id ", hour, " FIGURE_COLUMNS ")"              \
	" VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14)" \
	" ON CONFLICT(" id ", hour) DO UPDATE SET " FIGURE_SUMS

/* Campaigns by their events. */
#define EVENT_TIMES                                                                   \
	"(SELECT campaign_id, min(time_us) AS first, max(time_us) AS last FROM event" \
	" WHERE tagged = 1 GROUP BY campaign_id) e"

#define FIELD(name) offsetof(struct figure_table, name)

static const struct sqlite_statement statements[] = {
    {"UPDATE campaign SET first_us = CASE WHEN ?3 = 0 THEN first_us"
     " WHEN last_us = 0 THEN ?2 ELSE min(first_us, ?2) END, last_us = max(last_us, ?3),"
     " duplicates = duplicates + ?4 WHERE id = ?1",
	FIELD(touch_campaign)},
    /* The untagged row has no events of its own: an event's message may have tags. */
    {"UPDATE campaign SET first_us = coalesce(e.first, 0), last_us = coalesce(e.last, 0)"
     " FROM (SELECT min(time_us) AS first, max(time_us) AS last FROM event"
     "  WHERE tagset_id IN (SELECT id FROM tagset WHERE campaign_id = ?1) AND tagged = 1) e"
     " WHERE id = ?1 AND (first_us >= ?2 OR last_us <= ?3) AND name <> ''",
	FIELD(recount_campaign)},
    {"INSERT INTO campaign_error(tagset_id, code, hour, failed) VALUES(?1, ?2, ?3, ?4)"
     " ON CONFLICT(tagset_id, code, hour) DO UPDATE SET failed = failed + excluded.failed",
	FIELD(change_campaign_error)},
    {"INSERT INTO campaign_delay(tagset_id, ms, messages) VALUES(?1, ?2, ?3)"
     " ON CONFLICT(tagset_id, ms) DO UPDATE SET messages = messages + excluded.messages",
	FIELD(change_campaign_delay)},
    {CHANGE_HOUR("campaign_hour", "tagset_id"), FIELD(change_campaign_hour)},
    {CHANGE_HOUR("provider_hour", "provider_id"), FIELD(change_provider_hour)},
    {"SELECT tagset_id, 0, hour, " FIGURE_COLUMNS " FROM campaign_hour", FIELD(campaign_hours)},
    {"SELECT provider_id, 0, hour, " FIGURE_COLUMNS " FROM provider_hour", FIELD(provider_hours)},
    {"SELECT tagset_id, code, hour, failed FROM campaign_error", FIELD(campaign_errors)},
    {"SELECT tagset_id, ms, 0, messages FROM campaign_delay", FIELD(campaign_delays)},
    {"UPDATE campaign SET first_us = e.first, last_us = e.last FROM " EVENT_TIMES
     " WHERE e.campaign_id = campaign.id AND (first_us <> e.first OR last_us <> e.last)",
	FIELD(correct_campaigns)},
    {"SELECT c.name FROM campaign c JOIN " EVENT_TIMES " ON e.campaign_id = c.id"
     " WHERE c.first_us <> e.first OR c.last_us <> e.last",
	FIELD(wrong_campaigns)},
    {NULL, 0},
};

enum result
figure_table_open(sqlite3 *db, struct figure_table **out_table)
{
	void *owner;
	enum result result = sqlite_new_owner(db, statements, sizeof(struct figure_table), &owner);
	*out_table = owner;
	if (result == RESULT_OK)
		(*out_table)->db = db;
	return result;
}

static enum result
add_delay(struct figure_table *table, const struct figure_row *row)
{
	sqlite3_bind_int64(table->change_campaign_delay, 1, row->id);
	sqlite3_bind_int64(table->change_campaign_delay, 2, row->code);
	sqlite3_bind_int64(table->change_campaign_delay, 3, row->figures[FIGURE_DELIVERED]);
	return sqlite_result(sqlite_run(table->change_campaign_delay));
}

enum result
figure_table_add(struct figure_table *table, const struct figure_row *row)
{
	if (row->kind == FIGURES_OF_DELAY)
		return add_delay(table, row);
	if (row->kind == FIGURES_OF_ERROR) {
		sqlite3_stmt *change = table->change_campaign_error;
		sqlite3_bind_int64(change, 1, row->id);
		sqlite3_bind_int64(change, 2, row->code);
		sqlite3_bind_int64(change, 3, row->hour);
		sqlite3_bind_int64(change, 4, row->figures[FIGURE_FAILED]);
		return sqlite_result(sqlite_run(change));
	}

	sqlite3_stmt *change = row->kind == FIGURES_OF_CAMPAIGN ? table->change_campaign_hour
								: table->change_provider_hour;
	sqlite3_bind_int64(change, 1, row->id);
	sqlite3_bind_int64(change, 2, row->hour);
	for (int i = 0; i < FIGURE_COUNT; i++)
		sqlite3_bind_int64(change, 3 + i, row->figures[i]);
	return sqlite_result(sqlite_run(change));
}

/* Passes the rows of one kind: id, code, hour, and figures. */
static enum result
pass_rows(sqlite3_stmt *statement, enum figure_kind kind, figure_row_fn on_row, void *context)
{
	enum result result = RESULT_OK;
	int code = SQLITE_DONE;
	while (result == RESULT_OK && (code = sqlite3_step(statement)) == SQLITE_ROW) {
		struct figure_row row = {.kind = kind,
		    .id = sqlite3_column_int64(statement, 0),
		    .code = sqlite3_column_int64(statement, 1),
		    .hour = sqlite3_column_int64(statement, 2)};
		if (kind == FIGURES_OF_ERROR)
			row.figures[FIGURE_FAILED] = sqlite3_column_int64(statement, 3);
		else if (kind == FIGURES_OF_DELAY)
			row.figures[FIGURE_DELIVERED] = sqlite3_column_int64(statement, 3);
		else
			for (int i = 0; i < FIGURE_COUNT; i++)
				row.figures[i] = sqlite3_column_int64(statement, 3 + i);
		result = on_row(context, &row);
	}

	sqlite3_reset(statement);
	return result != RESULT_OK ? result : sqlite_result(code);
}

enum result
figure_table_each(struct figure_table *table, figure_row_fn on_row, void *context)
{
	enum result result = pass_rows(table->campaign_hours, FIGURES_OF_CAMPAIGN, on_row, context);
	if (result == RESULT_OK)
		result = pass_rows(table->provider_hours, FIGURES_OF_PROVIDER, on_row, context);
	if (result == RESULT_OK)
		result = pass_rows(table->campaign_errors, FIGURES_OF_ERROR, on_row, context);
	return result == RESULT_OK
		   ? pass_rows(table->campaign_delays, FIGURES_OF_DELAY, on_row, context)
		   : result;
}

enum result
figure_table_change_campaign(struct figure_table *table, const struct campaign_change *change)
{
	sqlite3_bind_int64(table->touch_campaign, 1, change->campaign_id);
	sqlite3_bind_int64(table->touch_campaign, 2, change->first_us);
	sqlite3_bind_int64(table->touch_campaign, 3, change->last_us);
	sqlite3_bind_int64(table->touch_campaign, 4, change->duplicates);
	int code = sqlite_run(table->touch_campaign);
	if (code == SQLITE_OK && change->moved_last_us != 0) {
		sqlite3_bind_int64(table->recount_campaign, 1, change->campaign_id);
		sqlite3_bind_int64(table->recount_campaign, 2, change->moved_first_us);
		sqlite3_bind_int64(table->recount_campaign, 3, change->moved_last_us);
		code = sqlite_run(table->recount_campaign);
	}
	return sqlite_result(code);
}

enum result
figure_table_correct_campaigns(struct figure_table *table, uint64_t *out_corrected)
{
	int code = sqlite_run(table->correct_campaigns);
	*out_corrected = (uint64_t)sqlite3_changes64(table->db);
	return sqlite_result(code);
}

enum result
figure_table_wrong_campaigns(struct figure_table *table, campaign_name_fn on_name, void *context)
{
	int code;
	while ((code = sqlite3_step(table->wrong_campaigns)) == SQLITE_ROW)
		on_name(context, sqlite_column(table->wrong_campaigns, 0));
	sqlite3_reset(table->wrong_campaigns);
	return sqlite_result(code);
}

void
figure_table_close(struct figure_table *table)
{
	sqlite_free_owner(statements, table);
}
