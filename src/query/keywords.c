#include "keywords.h"

#include "parameters.h"

/* The names in use are counted in their index, which has only the replies that are keywords. One
 * that no section has any more is listed after the others. */
static const char keywords_sql[] =
    "WITH used AS MATERIALIZED (SELECT lower(x.keyword) AS name, sum(x.replies) AS replies,"
    " min(x.first) AS first, max(x.last) AS last FROM (SELECT keyword, count(*) AS replies,"
    "  min(time_us) AS first, max(time_us) AS last FROM event"
    "  WHERE keyword IS NOT NULL AND time_us >= $1 AND time_us < $2 GROUP BY keyword) x"
    " GROUP BY lower(x.keyword))"
    " SELECT k.place AS place, k.name AS keyword, nullif(k.label, '') AS label,"
    " k.source AS source, nullif(k.words, '') AS words, nullif(k.senders, '') AS senders,"
    " nullif(k.services, '') AS services, nullif(k.countries, '') AS countries,"
    " k.from_us AS \"from\", k.until_us AS until,"
    " CASE WHEN k.words <> '*' THEN coalesce(u.replies, 0) END AS replies,"
    " CASE WHEN k.words <> '*' THEN u.first END AS first,"
    " CASE WHEN k.words <> '*' THEN u.last END AS last, k.media AS media, k.reply AS reply"
    " FROM keyword k LEFT JOIN used u ON u.name = lower(k.name)"
    " UNION ALL SELECT 9223372036854775807, u.name, NULL, 'removed', NULL, NULL, NULL, NULL, NULL,"
    " NULL, u.replies, u.first, u.last, NULL, NULL FROM used u"
    " WHERE NOT EXISTS (SELECT 1 FROM keyword k WHERE lower(k.name) = u.name)"
    " ORDER BY 1, 2 LIMIT $4";

const struct query query_keywords = {.path = "/v1/keywords",
    .command = "keywords",
    .summary = "keywords, which messages they apply to, and how often they were recognised",
    .help = "Shows Twilio's keywords, then the sections of the configuration, then keywords that "
	    "were recognised once and are not configured any more. To see what a text is, ask "
	    "'dlrd keyword TEXT'.",
    .operation = "listKeywords",
    .title = "Keywords, their scopes, their answers and their use.",
    .answer = "The keywords: Twilio's, those of the configuration, and those that it no longer "
	      "has.",
    .list_schema = "Keywords",
    .row_schema = "Keyword",
    .row_description = "Twilio's words of a keyword, or a section of the configuration.",
    .parameters = {FROM_TIME, TO_TIME, FORMAT, OWN_LIMIT},
    .is_short = true,
    .sql = keywords_sql,
    .report = {"keywords",
	REPORT_COLUMNS({"keyword", CELL_TEXT, .shown = true},
	    {"label", CELL_TEXT, .nullable = true, .shown = true, .dispensable = 1,
		.description = "The label of the section, if a keyword has several sections."},
	    {"source", CELL_TEXT, .words = "twilio|configuration|removed", .shown = true,
		.dispensable = 7},
	    {"words", CELL_TEXT, .nullable = true, .shown = true,
		.description = "Comma-separated. \"*\": messages that are no keyword."},
	    {"senders", CELL_TEXT, .nullable = true, .shown = true, .dispensable = 2,
		.description = "Comma-separated; null for all. The section applies to messages "
			       "to these only."},
	    {"services", CELL_TEXT, .nullable = true, .shown = true, .dispensable = 6,
		.description = "Messaging services; likewise."},
	    {"countries", CELL_TEXT, .nullable = true, .shown = true, .dispensable = 3,
		.description = "Calling codes of the person's number; likewise."},
	    {"from", CELL_TIME, .nullable = true, .shown = true, .dispensable = 5,
		.description = "The section applies to messages that arrive then or later."},
	    {"until", CELL_TIME, .nullable = true, .shown = true, .dispensable = 4,
		.description = "The section applies to messages that arrive before."},
	    {"replies", CELL_INT, .nullable = true, .counts = true, .shown = true,
		.description = "Replies that were recognised as the keyword, by any of its "
			       "sections; null for words = *, which recognises nothing."},
	    {"first", CELL_TIME, .nullable = true, .shown = true, .dispensable = 9,
		.description = "When the first of them arrived."},
	    {"last", CELL_TIME, .nullable = true, .shown = true, .dispensable = 8,
		.description = "When the last of them arrived."},
	    {"media", CELL_TEXT, .nullable = true,
		.description = "The link to the file that is sent with the reply."},
	    {"reply", CELL_TEXT, .nullable = true, .shown = true, .wraps = true,
		.description = "The text that the person is sent."})}};
