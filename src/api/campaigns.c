#include "campaigns.h"

#include "dlrd/query/ask.h"

struct found {
	struct question *question;
	bool shows; /* the first row is written as the answer */
	size_t count;
};

static void
write_campaign(struct question *question, const struct report *report, const struct report_row *row)
{
	if (question->csv) {
		question->answer.media_type = "text/csv; charset=utf-8";
		report_csv_head(report, &question->answer.body);
		report_csv_row(report, row, &question->answer.body);
	} else
		question_answer(question, report_json(report, row));
}

static void
note_campaign(void *context, const struct report_row *row, int64_t place)
{
	struct found *found = context;
	const struct report *report = &query_find("/v1/campaigns")->report;
	if (found->count++ > 0)
		return;
	(void)place;
	if (found->shows)
		write_campaign(found->question, report, row);
}

/* Finds the campaign of the path; narrowed: with the variant and the time of the query. */
static bool
find_campaign(struct question *question, bool narrowed, struct found *found)
{
	const struct query *row = query_find("/v1/campaigns");
	struct query_values values = query_values(row);
	struct slice variant = narrowed ? question_text(question, "variant") : SLICE_NONE;
	int64_t from_us = narrowed ? question->from_us : 0, to_us = narrowed ? question->to_us : 0;
	query_give(row, &values, "campaign", question->name, 0);
	query_give(row, &values, "workspace", question_text(question, "workspace"), 0);
	query_give(row, &values, "variant", variant, 0);
	query_give(row, &values, "from", SLICE_NONE, from_us);
	query_give(row, &values, "to", SLICE_NONE, to_us);

	found->question = question;
	enum result result = query_ask(question->reader, row, &values, note_campaign, found);
	if (result != RESULT_OK) {
		question_store_failed(question, result);
		return false;
	}
	if (found->count == 0)
		return question_refuse(question, 404, "no campaign \"%.*s\"%s",
		    SLICE_ARG(question->name),
		    variant.ptr != NULL          ? " with that variant, or none in that time"
		    : from_us != 0 || to_us != 0 ? " in that time"
						 : "");
	if (found->count > 1)
		return question_refuse(question, 409,
		    "%zu workspaces have a campaign \"%.*s\"; add workspace=", found->count,
		    SLICE_ARG(question->name));
	return true;
}

bool
campaigns_check(struct question *question)
{
	struct found found = {0};
	bool narrowed = query_has_kind(question->row, QUERY_FROM_HOUR);
	return find_campaign(question, narrowed, &found);
}

void
campaigns_one(struct question *question)
{
	struct found found = {.shows = true};
	find_campaign(question, true, &found);
}
