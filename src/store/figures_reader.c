#include "dlrd/store/figures_reader.h"

#include "dlrd/base/clock.h"
#include "reader_handle.h"

/* The times and the samples come from the ends of an index, one look-up each, not from all failed
 * messages. */
static const char errors_sql[] =
    "SELECT x.code, k.name, k.kind, k.permanence, k.action, sum(x.n), min(x.first), max(x.last),"
    " sum(x.recent), sum(x.previous),"
    " (SELECT group_concat(sid, ' ') FROM (SELECT m.sid FROM tagset t JOIN message m ON m.id IN"
    "  (SELECT f.id FROM message f WHERE f.tagset_id = t.id AND f.error_code = x.code"
    "   AND f.outcome = 2 ORDER BY f.failed_us DESC LIMIT 3)"
    "  WHERE t.campaign_id = :campaign AND (:variant IS NULL OR t.variant = :variant)"
    "  ORDER BY m.failed_us DESC LIMIT 3))"
    " FROM (SELECT e.code AS code,"
    "  sum(CASE WHEN e.hour >= :from AND e.hour < :to THEN e.failed ELSE 0 END) AS n,"
    "  sum(CASE WHEN e.hour >= :recent AND e.hour < :until THEN e.failed ELSE 0 END) AS recent,"
    "  sum(CASE WHEN e.hour >= 2 * :recent - :until AND e.hour < :recent THEN e.failed ELSE 0 END)"
    "   AS previous,"
    "  (SELECT min(m.failed_us) FROM message m"
    "   WHERE m.tagset_id = t.id AND m.error_code = e.code AND m.outcome = 2) AS first,"
    "  (SELECT max(m.failed_us) FROM message m"
    "   WHERE m.tagset_id = t.id AND m.error_code = e.code AND m.outcome = 2) AS last"
    "  FROM tagset t JOIN campaign_error e ON e.tagset_id = t.id"
    "  WHERE t.campaign_id = :campaign AND (:variant IS NULL OR t.variant = :variant)"
    "  GROUP BY t.id, e.code HAVING n > 0) x"
    " LEFT JOIN error_catalogue k ON k.code = x.code GROUP BY x.code ORDER BY 6 DESC, 1";

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
store_read_campaign_errors(struct store_reader *reader, const struct error_filter *filter,
    campaign_error_fn on_row, void *context)
{
	sqlite3_stmt *statement;
	enum result result = reader_ask(reader, QUESTION_ERRORS, errors_sql, &statement);
	int code;

	if (result != RESULT_OK)
		return result;

	reader_bind_number(statement, ":campaign", filter->campaign_id);
	reader_bind_text(statement, ":variant", filter->variant);
	reader_bind_hours(statement, filter->from_us, filter->to_us);
	reader_bind_number(statement, ":recent", filter->recent_us / CLOCK_HOUR_US);
	reader_bind_number(
	    statement, ":until", (filter->until_us + CLOCK_HOUR_US - 1) / CLOCK_HOUR_US);
	while ((code = sqlite3_step(statement)) == SQLITE_ROW) {
		struct campaign_error_row row = {.code = sqlite3_column_int64(statement, 0),
		    .name = sql_text(statement, 1),
		    .kind = sql_text(statement, 2),
		    .permanence = sql_text(statement, 3),
		    .action = sql_text(statement, 4),
		    .count = sqlite3_column_int64(statement, 5),
		    .first_us = sqlite3_column_int64(statement, 6),
		    .last_us = sqlite3_column_int64(statement, 7),
		    .recent = sqlite3_column_int64(statement, 8),
		    .previous = sqlite3_column_int64(statement, 9),
		    .samples = sql_text(statement, 10)};
		on_row(context, &row);
	}

	return reader_finish(reader, statement, code);
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
