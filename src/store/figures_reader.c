#include "dlrd/store/figures_reader.h"

#include "dlrd/base/clock.h"
#include "reader_handle.h"

/* The whole hours between the last moment of an hour and now, at least 0. */
#define AGE "max(0, :now - h.hour - 1)"

static const char campaigns_sql[] =
    "SELECT c.id, c.workspace, c.name, c.duplicates, c.first_us, c.last_us,"
    " coalesce(sum(h.pending) FILTER (WHERE " AGE " < 1), 0),"
    " coalesce(sum(h.pending) FILTER (WHERE " AGE " >= 1 AND " AGE " < 6), 0),"
    " coalesce(sum(h.pending) FILTER (WHERE " AGE " >= 6 AND " AGE " < 24), 0),"
    " coalesce(sum(h.pending) FILTER (WHERE " AGE " >= 24 AND " AGE " < 72), 0),"
    " coalesce(sum(h.pending) FILTER (WHERE " AGE " >= 72), 0), " FIGURE_SUMS
    " FROM campaign c JOIN tagset t ON t.campaign_id = c.id"
    " LEFT JOIN campaign_hour h ON h.tagset_id = t.id AND h.hour >= :from AND h.hour < :to"
    " WHERE (:workspace IS NULL OR c.workspace = :workspace)"
    " AND (:campaign IS NULL OR c.name = :campaign)"
    " AND (:variant IS NULL OR t.variant = :variant) AND c.id < :before"
    " GROUP BY c.id HAVING :whole AND c.name <> '' AND c.last_us > 0"
    " OR sum(h.messages + h.sent + h.delivered + h.failed + h.canceled + h.pending + h.read"
    " + h.replied + h.clicked + h.opted_out + h.conflicts) > 0 ORDER BY c.id DESC LIMIT :limit";

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

/* Each provider's name is looked up once, and then its hours. */
static const char providers_sql[] =
    "WITH x AS MATERIALIZED"
    " (SELECT p.id, p.account, p.service, p.sender, " PROVIDER_NAME " AS name FROM provider p)"
    " SELECT x.name, CASE WHEN :by < 3 THEN x.account END, CASE WHEN :by < 2 THEN x.service END,"
    " CASE WHEN :by < 1 THEN x.sender END, " FIGURE_SUMS
    " FROM x CROSS JOIN provider_hour h ON h.provider_id = x.id"
    " WHERE h.hour >= :from AND h.hour < :to AND (:name IS NULL OR x.name = :name)"
    " AND (:account IS NULL OR x.account = :account)"
    " AND (:service IS NULL OR x.service = :service)"
    " AND (:sender IS NULL OR x.sender = :sender) GROUP BY 1, 2, 3, 4"
    " HAVING sum(h.messages + h.sent + h.delivered + h.failed + h.canceled + h.pending + h.read"
    " + h.replied + h.clicked + h.opted_out + h.conflicts) > 0"
    " ORDER BY 1, 2, 3, 4 LIMIT :limit OFFSET :offset";

static void
read_figures(sqlite3_stmt *statement, int first, int64_t out_figures[FIGURE_COUNT])
{
	for (int i = 0; i < FIGURE_COUNT; i++)
		out_figures[i] = sqlite3_column_int64(statement, first + i);
}

enum result
store_read_campaigns(struct store_reader *reader, const struct campaign_filter *filter,
    campaign_fn on_row, void *context)
{
	sqlite3_stmt *statement;
	enum result result = reader_ask(reader, QUESTION_CAMPAIGNS, campaigns_sql, &statement);
	int code;
	if (result != RESULT_OK)
		return result;
	reader_bind_text(statement, ":workspace", filter->workspace);
	reader_bind_text(statement, ":campaign", filter->campaign);
	reader_bind_text(statement, ":variant", filter->variant);
	reader_bind_hours(statement, filter->from_us, filter->to_us);
	reader_bind_number(statement, ":now", clock_wall_us() / CLOCK_HOUR_US);
	reader_bind_number(statement, ":whole",
	    filter->from_us == 0 && filter->to_us == 0 && filter->variant.ptr == NULL);
	reader_bind_number(
	    statement, ":before", filter->before_id == 0 ? INT64_MAX : filter->before_id);
	reader_bind_limit(statement, filter->limit);
	while ((code = sqlite3_step(statement)) == SQLITE_ROW) {
		struct campaign_row row = {.id = sqlite3_column_int64(statement, 0),
		    .workspace = sql_text(statement, 1),
		    .campaign = sql_text(statement, 2),
		    .duplicates = sqlite3_column_int64(statement, 3),
		    .first_us = sqlite3_column_int64(statement, 4),
		    .last_us = sqlite3_column_int64(statement, 5)};
		for (int age = 0; age < PENDING_AGE_COUNT; age++)
			row.pending_ages[age] = sqlite3_column_int64(statement, 6 + age);
		read_figures(statement, 6 + PENDING_AGE_COUNT, row.figures);
		on_row(context, &row);
	}
	return reader_finish(reader, statement, code);
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

enum result
store_read_providers(struct store_reader *reader, const struct provider_filter *filter,
    provider_fn on_row, void *context)
{
	sqlite3_stmt *statement;
	enum result result = reader_ask(reader, QUESTION_PROVIDERS, providers_sql, &statement);
	int code;
	if (result != RESULT_OK)
		return result;
	reader_bind_number(statement, ":by", filter->by);
	reader_bind_text(statement, ":name", filter->name);
	reader_bind_text(statement, ":account", filter->account);
	reader_bind_text(statement, ":service", filter->service);
	reader_bind_text(statement, ":sender", filter->sender);
	reader_bind_hours(statement, filter->from_us, filter->to_us);
	reader_bind_limit(statement, filter->limit);
	reader_bind_number(statement, ":offset", (int64_t)filter->offset);
	while ((code = sqlite3_step(statement)) == SQLITE_ROW) {
		struct provider_row row = {.name = sql_text(statement, 0),
		    .account = reader_filled(statement, 1),
		    .service = reader_filled(statement, 2),
		    .sender = reader_filled(statement, 3)};
		read_figures(statement, 4, row.figures);
		on_row(context, &row);
	}
	return reader_finish(reader, statement, code);
}
