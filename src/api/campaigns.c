#include "campaigns.h"

#include "dlrd/api/report_text.h"
#include "list.h"

static void
add_campaign(void *context, const struct campaign_row *row)
{
	struct report_row cells = report_campaign_row(row);
	list_add(context, &cells, row->id);
}

void
campaigns_list(struct question *question)
{
	struct list list = {.question = question,
	    .report = &report_campaigns,
	    .limit = question_limit(question, false)};
	struct campaign_filter filter = {.workspace = question_text(question, "workspace"),
	    .variant = question_text(question, "variant"),
	    .from_us = question->from_us,
	    .to_us = question->to_us};
	if (!list_place(question, "next", INT64_MAX, &filter.before_id))
		return;
	filter.limit = list_rows(&list);
	list_begin(&list, NULL);
	list_end_page(&list, store_read_campaigns(question->reader, &filter, add_campaign, &list));
}

/* --- one campaign --- */

struct found {
	size_t count;
	int64_t id, failed;
	struct report_row cells;
	struct buffer names; /* what the cells' texts point into */
};

static void
find_campaign(void *context, const struct campaign_row *row)
{
	struct found *found = context;
	struct campaign_row copy = *row;
	if (found->count++ > 0)
		return;
	buffer_append(&found->names, row->workspace);
	buffer_append(&found->names, row->campaign);
	struct slice names = buffer_slice(&found->names);
	copy.workspace = (struct slice){names.ptr, row->workspace.len};
	copy.campaign = slice_from(names, row->workspace.len);
	found->id = row->id;
	found->failed = row->figures[FIGURE_FAILED];
	found->cells = report_campaign_row(&copy);
}

/* The caller gives out_found->names to buffer_done. */
static bool
find_with(struct question *question, const struct campaign_filter *filter, struct found *out_found)
{
	bool narrowed = filter->variant.ptr != NULL || filter->from_us != 0 || filter->to_us != 0;
	enum result result =
	    store_read_campaigns(question->reader, filter, find_campaign, out_found);
	if (result != RESULT_OK) {
		question_store_failed(question, result);
		return false;
	}
	if (out_found->count == 0)
		return question_refuse(question, 404, "no campaign \"%.*s\"%s",
		    SLICE_ARG(question->name),
		    !narrowed                     ? ""
		    : filter->variant.ptr == NULL ? " in that time"
						  : " with that variant, or none in that time");
	if (out_found->count > 1)
		return question_refuse(question, 409,
		    "%zu workspaces have a campaign \"%.*s\"; add workspace=", out_found->count,
		    SLICE_ARG(question->name));
	return true;
}

static struct campaign_filter
filter_of(const struct question *question)
{
	return (struct campaign_filter){.campaign = question->name,
	    .workspace = question_text(question, "workspace"),
	    .variant = question_text(question, "variant"),
	    .from_us = question->from_us,
	    .to_us = question->to_us};
}

bool
campaigns_find(struct question *question, int64_t *out_id)
{
	struct found found = {0};
	const struct campaign_filter filter = {
	    .campaign = question->name, .workspace = question_text(question, "workspace")};
	bool one = find_with(question, &filter, &found);
	if (one)
		*out_id = found.id;
	buffer_done(&found.names);
	return one;
}

void
campaigns_one(struct question *question)
{
	struct found found = {0};
	const struct campaign_filter filter = filter_of(question);
	bool one = find_with(question, &filter, &found);
	if (one && question->csv) {
		question->answer.media_type = "text/csv; charset=utf-8";
		report_csv_head(&report_campaigns, &question->answer.body);
		report_csv_row(&report_campaigns, &found.cells, &question->answer.body);
	} else if (one)
		question_answer(question, report_json(&report_campaigns, &found.cells));
	buffer_done(&found.names);
}

/* --- its errors --- */

struct adding {
	struct list list;
	int64_t failed; /* the campaign's failures in all */
};

static void
add_error(void *context, const struct campaign_error_row *row)
{
	struct adding *adding = context;
	struct report_row cells = report_error_row(row, adding->failed);
	list_add(&adding->list, &cells, row->code);
}

void
campaigns_errors(struct question *question)
{
	struct found found = {0};
	const struct campaign_filter which = filter_of(question);
	if (find_with(question, &which, &found)) {
		struct adding adding = {
		    .list = {.question = question, .report = &report_errors, .whole = true},
		    .failed = found.failed};
		const struct error_filter filter =
		    report_error_filter(found.id, which.variant, which.from_us, which.to_us);
		struct json_t *object = json_new_object();
		json_put_text(object, "campaign", question->name);
		json_put_int(object, "failed", found.failed);
		list_begin(&adding.list, object);
		list_end(&adding.list, NULL,
		    store_read_campaign_errors(question->reader, &filter, add_error, &adding));
	}
	buffer_done(&found.names);
}
