#include "dlrd/store/figures_reader.h"

#include "dlrd/base/clock.h"
#include "reader_handle.h"

static const char series_sql[] =
    "SELECT h.hour, " FIGURE_SUMS " FROM tagset t JOIN campaign_hour h ON h.tagset_id = t.id"
    " WHERE t.campaign_id = :campaign AND (:variant IS NULL OR t.variant = :variant)"
    " AND h.hour >= :from AND h.hour < :to GROUP BY h.hour ORDER BY h.hour";

static void
read_figures(sqlite3_stmt *statement, int first, int64_t out_figures[FIGURE_COUNT])
{
	for (int i = 0; i < FIGURE_COUNT; i++)
		out_figures[i] = sqlite3_column_int64(statement, first + i);
}

enum result
store_read_series(struct store_reader *reader, int64_t campaign_id, struct slice variant,
    int64_t from_us, int64_t to_us, hour_fn on_hour, void *context)
{
	sqlite3_stmt *statement;
	enum result result = reader_ask(reader, QUESTION_SERIES, series_sql, &statement);
	int code;

	if (result != RESULT_OK)
		return result;

	reader_bind_number(statement, ":campaign", campaign_id);
	reader_bind_text(statement, ":variant", variant);
	reader_bind_hours(statement, from_us, to_us);
	while ((code = sqlite3_step(statement)) == SQLITE_ROW) {
		int64_t figures[FIGURE_COUNT];
		read_figures(statement, 1, figures);
		on_hour(context, sqlite3_column_int64(statement, 0), figures);
	}

	return reader_finish(reader, statement, code);
}
