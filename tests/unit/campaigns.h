/* campaigns: the figures of campaigns as a struct, for tests that add or compare them. */
#ifndef DLRD_TESTS_CAMPAIGNS_H
#define DLRD_TESTS_CAMPAIGNS_H

#include "dlrd/model/rollup.h"
#include "dlrd/query/ask.h"
#include "dlrd/query/table.h"

struct campaign_row {
	int64_t id;
	struct slice workspace, campaign;
	int64_t figures[FIGURE_COUNT];
	int64_t duplicates;
	int64_t first_us, last_us;
};

/* Absent slices and zeros mean "any". */
struct campaign_filter {
	struct slice workspace, campaign, variant;
	int64_t from_us, to_us, before_id;
	size_t limit;
};

struct campaign_reading {
	void (*on_row)(void *context, const struct campaign_row *row);
	void *context;
};

static inline void
hand_out_campaign(void *context, const struct report_row *row, int64_t place)
{
	static const char *const names[] = {[FIGURE_MESSAGES] = "messages",
	    [FIGURE_SENT] = "sent",
	    [FIGURE_DELIVERED] = "delivered",
	    [FIGURE_FAILED] = "failed",
	    [FIGURE_CANCELED] = "canceled",
	    [FIGURE_PENDING] = "pending",
	    [FIGURE_READ] = "read",
	    [FIGURE_REPLIED] = "replied",
	    [FIGURE_CLICKED] = "clicked",
	    [FIGURE_CLICKED_MESSAGES] = "clicked_messages",
	    [FIGURE_OPTED_OUT] = "opted_out",
	    [FIGURE_CONFLICTS] = "conflicts"};
	const struct report *report = &query_find("/v1/campaigns")->report;
	const struct campaign_reading *reading = context;
	struct campaign_row campaign = {.id = place,
	    .workspace = report_cell(report, row, "workspace")->text,
	    .campaign = report_cell(report, row, "campaign")->text,
	    .duplicates = report_cell(report, row, "duplicates")->number,
	    .first_us = report_cell(report, row, "first")->number,
	    .last_us = report_cell(report, row, "last")->number};
	for (int i = 0; i < FIGURE_COUNT; i++)
		campaign.figures[i] = report_cell(report, row, names[i])->number;
	reading->on_row(reading->context, &campaign);
}

static inline enum result
read_campaigns(struct store_reader *reader, const struct campaign_filter *filter,
    void (*on_row)(void *context, const struct campaign_row *row), void *context)
{
	const struct query *query = query_find("/v1/campaigns");
	struct query_values values = query_values(query);
	struct campaign_reading reading = {on_row, context};
	query_give(query, &values, "workspace", filter->workspace, 0);
	query_give(query, &values, "campaign", filter->campaign, 0);
	query_give(query, &values, "variant", filter->variant, 0);
	query_give(query, &values, "from", SLICE_NONE, filter->from_us);
	query_give(query, &values, "to", SLICE_NONE, filter->to_us);
	query_give(query, &values, "next", SLICE_NONE, filter->before_id);
	query_give(query, &values, "limit", SLICE_NONE, (int64_t)filter->limit);
	return query_ask(reader, query, &values, hand_out_campaign, &reading);
}

#endif
