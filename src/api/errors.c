#include "errors.h"

#include "list.h"

static void
add_code(void *context, const struct catalogue_row *row)
{
	struct report_row cells = report_catalogue_row(row);
	list_add(context, &cells, row->code);
}

void
errors_catalogue(struct question *question)
{
	struct list list = {.question = question,
	    .report = &report_catalogue,
	    .limit = question_limit(question, true)};
	int64_t after;
	if (!list_place(question, "next", INT64_MAX, &after))
		return;
	list_begin(&list, NULL);
	list_end_page(&list,
	    store_read_catalogue(question->reader, after, list_rows(&list), add_code, &list));
}

static void
add_alert(void *context, const struct alert_row *row)
{
	struct report_row cells = report_alert_row(row);
	list_add(context, &cells, row->seq);
}

void
errors_alerts(struct question *question)
{
	static const char *const choices[] = {"yes", NULL};
	struct list list = {.question = question,
	    .report = &report_alerts,
	    .limit = question_limit(question, false)};
	struct alert_filter filter = {.from_us = question->from_us,
	    .to_us = question->to_us,
	    .ours_only = question_text(question, "ours").ptr != NULL};
	size_t ours;
	if (!question_choice(question, "ours", choices, 0, &ours) ||
	    !list_place(question, "next", INT64_MAX, &filter.before_seq))
		return;
	filter.limit = list_rows(&list);
	list_begin(&list, NULL);
	list_end_page(&list, store_read_alerts(question->reader, &filter, add_alert, &list));
}
