#include "campaigns.h"

#include "dlrd/query/campaigns.h"

struct found {
	struct question *question;
	size_t count;
};

/* The answer, if the question is about the campaign itself. */
static void
write_campaign(struct question *question, const struct report_row *row)
{
	const struct report *report = query_http_report(question->row);
	if (question->csv) {
		question->answer.media_type = "text/csv; charset=utf-8";
		report_csv_head(report, &question->answer.body);
		report_csv_row(report, row, question->zone, &question->answer.body);
	} else
		question_answer(question, report_json(report, row, question->zone));
}

static void
note_campaign(void *context, const struct report_row *row, int64_t place)
{
	(void)place;
	struct found *found = context;
	if (found->count++ == 0 && found->question->row->list_schema == NULL)
		write_campaign(found->question, row);
}

static bool
has(const struct question *question, const char *parameter)
{
	return question_text(question, parameter).ptr != NULL;
}

/* How the query narrows the search for the campaign. */
static const char *
narrowing(const struct question *question)
{
	bool by_hours = query_has_kind(question->row, QUERY_FROM_HOUR);
	if (by_hours && has(question, "variant"))
		return " with that variant, or none in that time";
	if (by_hours && (has(question, "from") || has(question, "to")))
		return " in that time";
	return has(question, "workspace") ? " in that workspace" : "";
}

bool
campaigns_check(struct question *question, const struct query_values *values)
{
	struct found found = {.question = question};
	enum result result =
	    campaigns_find(question->reader, question->row, values, note_campaign, &found);
	if (result != RESULT_OK)
		return question_store_failed(question, result);
	if (found.count == 0)
		return question_refuse(question, 404, "no campaign '%.*s'%s",
		    SLICE_ARG(question->name), narrowing(question));
	if (found.count > 1)
		return question_refuse(question, 409,
		    "%zu workspaces have a campaign '%.*s'; add workspace=", found.count,
		    SLICE_ARG(question->name));
	return true;
}
