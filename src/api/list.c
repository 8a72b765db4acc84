#include "list.h"

#include <stdio.h>

/* Rows to request at first, and at most. Later calls request the number of rows that is likely to
 * fit into a page, because others would be read in vain. */
#define FIRST_ROWS 256
#define ROWS_MAX 2048

bool
list_place(struct question *question, const char *name, int64_t max, int64_t *out_place)
{
	struct list_progress *progress = &question->progress;
	if (!progress->continues && !question_number(question, name, 0, 0, max, &progress->place))
		return false;
	*out_place = progress->place;
	return true;
}

size_t
list_rows(const struct list *list)
{
	const struct list_progress *progress = &list->question->progress;
	bool is_limited = list->limit > 0 && !progress->ends;
	size_t left = is_limited ? list->limit - progress->shown : SIZE_MAX;
	size_t page = progress->rows == 0 ? FIRST_ROWS : progress->rows;
	bool is_page = !list->whole && !progress->only_looks && page < left;
	if (!is_page && !is_limited)
		return 0;
	return (is_page ? page : left) + 1;
}

/* Writes object without its last brace, and with a comma if it has members. */
static void
open_object(const struct json_t *object, struct buffer *out)
{
	size_t start = out->len;
	if (object == NULL)
		buffer_append_byte(out, '{');
	else if (json_write(object, out) != RESULT_OK)
		out->failed = true;
	else if (out->len == start + sizeof "{}" - 1)
		out->len--;
	else if (!out->failed)
		out->ptr[out->len - 1] = ',';
}

/* Writes the members of object after others: its first brace becomes a comma, or is left out. */
static void
close_object(const struct json_t *object, struct buffer *out)
{
	size_t start = out->len;
	if (object == NULL)
		buffer_append_byte(out, '}');
	else if (json_write(object, out) != RESULT_OK)
		out->failed = true;
	else if (!out->failed && out->len == start + sizeof "{}" - 1)
		out->ptr[--out->len - 1] = '}';
	else if (!out->failed)
		out->ptr[start] = ',';
}

void
list_begin(struct list *list, struct json_t *before)
{
	struct question *question = list->question;
	struct api_answer *answer = &question->answer;
	if (!question->progress.continues && question->csv) {
		answer->media_type = "text/csv; charset=utf-8";
		report_csv_head(list->report, &answer->body);
	} else if (!question->progress.continues) {
		open_object(before, &answer->body);
		buffer_appendf(&answer->body, "\"%s\":[", list->report->list_key);
	}
	json_free(before);
	list->start = answer->body.len;
	list->asked = list_rows(list);
}

static void
write_row(struct list *list, const struct report_row *row)
{
	struct question *question = list->question;
	struct buffer *body = &question->answer.body;
	if (question->csv) {
		report_csv_row(list->report, row, question->zone, body);
		return;
	}
	struct json_t *object = report_json(list->report, row, question->zone);
	if (question->progress.shown > 0)
		buffer_append_byte(body, ',');
	if (json_write(object, body) != RESULT_OK)
		body->failed = true;
	json_free(object);
}

/* Whether the list ends before a row at that place. */
static bool
ends_before(const struct list *list, int64_t place)
{
	const struct list_progress *progress = &list->question->progress;
	if (!progress->ends)
		return list->limit > 0 && progress->shown == list->limit;
	if (progress->place == progress->end_place)
		return true;
	return progress->place < progress->end_place ? place > progress->end_place
						     : place < progress->end_place;
}

void
list_add(void *context, const struct report_row *row, int64_t place)
{
	struct list *list = context;
	struct list_progress *progress = &list->question->progress;
	if (list->more)
		return;
	if (ends_before(list, place)) {
		list->more = true;
		return;
	}
	bool is_full = list->question->answer.body.len >= question_page_bytes(list->question) ||
		       (list->asked > 0 && list->count + 1 == list->asked);
	if (!list->whole && !progress->only_looks && list->count > 0 && is_full) {
		list->more = list->full = true;
		return;
	}
	if (!progress->only_looks)
		write_row(list, row);
	list->count++;
	progress->shown++;
	progress->place = place;
}

void
list_next(const struct list *list, struct json_t *object)
{
	char text[32];
	snprintf(text, sizeof text, "%lld", (long long)list->question->progress.place);
	json_put_text(object, "next", list->more ? slice_of(text) : SLICE_NONE);
}

/* Ends a full page, and saves the state for the next one. */
static void
pause_list(struct list *list)
{
	struct question *question = list->question;
	struct list_progress *progress = &question->progress;
	size_t row = (question->answer.body.len - list->start) / list->count + 1;
	size_t page = question_page_bytes(question);
	size_t rows = (page - question->answer.body.len % page) / row + 1;
	progress->rows = rows < ROWS_MAX ? rows : ROWS_MAX;
	progress->unfinished = true;
	progress->looks_ahead = question->csv && list->limit > 0;
}

static void
finish_list(struct list *list, const struct json_t *object)
{
	struct question *question = list->question;
	struct buffer *body = &question->answer.body;
	question->progress.ends |= list->more;
	if (question->csv && list->more && !question->progress.head_is_sent)
		question_link(question, list->follows ? "after" : "next", question->progress.place);
	if (question->csv || question->progress.only_looks)
		return;
	buffer_append_byte(body, ']');
	close_object(object, body);
}

void
list_end(struct list *list, struct json_t *object, enum result result)
{
	if (result != RESULT_OK)
		question_store_failed(list->question, result);
	else if (list->full)
		pause_list(list);
	else
		finish_list(list, object);
	json_free(object);
}
