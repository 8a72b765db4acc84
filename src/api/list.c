#include "dlrd/api/list.h"

#include "dlrd/api/report_text.h"

#include <stdio.h>

void
list_begin(struct list *list)
{
	struct api_answer *answer = &list->question->answer;
	if (list->question->csv) {
		answer->media_type = "text/csv; charset=utf-8";
		report_csv_head(list->report, &answer->body);
	} else
		list->array = json_new_array();
}

void
list_add(struct list *list, const struct report_row *row, int64_t place)
{
	list->more = list->limit > 0 && list->count == list->limit;
	if (list->more)
		return;
	if (list->question->csv)
		report_csv_row(list->report, row, &list->question->answer.body);
	else
		json_push(list->array, report_json(list->report, row));
	list->count++;
	list->last = place;
}

size_t
list_rows(const struct list *list)
{
	return list->limit == 0 ? 0 : list->limit + 1;
}

void
list_put(struct list *list, struct json_t *object)
{
	if (!list->question->csv)
		json_put(object, list->report->list_key, list->array);
}

void
list_next(const struct list *list, struct json_t *object)
{
	char text[32];
	snprintf(text, sizeof text, "%lld", (long long)list->last);
	json_put_text(object, "next", list->more ? slice_of(text) : SLICE_NONE);
}

void
list_end(struct list *list, struct json_t *object, enum result result)
{
	struct question *question = list->question;
	if (!question->csv && result == RESULT_OK)
		result = json_write(object, &question->answer.body);
	json_free(object);
	if (question->csv && list->more)
		question_link(question, list->follows ? "after" : "next", list->last);
	if (result != RESULT_OK)
		question_store_failed(question, result);
}

void
list_end_page(struct list *list, enum result result)
{
	struct json_t *object = json_new_object();
	list_put(list, object);
	list_next(list, object);
	list_end(list, object, result);
}
