#include "ask.h"

#include "campaigns.h"
#include "dlrd/query/names.h"
#include "list.h"

/* Reads a parameter other than the limit and the place; false: it is wrong, and the question is
 * answered. */
static bool
read_parameter(struct question *question, size_t index, struct query_values *values)
{
	const struct query_parameter *parameter = &question->row->parameters[index];
	bool in_path = query_in_path(parameter);
	struct slice text = in_path ? question->name : question_text(question, parameter->name);
	const char *name = parameter->name;
	int64_t number = 0;
	bool fine = true;
	if (query_is_time(parameter))
		fine = question_time(question, parameter, &number);
	else if (query_is_place(parameter))
		fine = list_place(
		    question, name, parameter->kind == QUERY_SKIP ? INT32_MAX : INT64_MAX, &number);
	else if (parameter->kind == QUERY_CHOICE)
		fine = question_choice(question, name, parameter->words);
	else if (parameter->kind == QUERY_CODE)
		fine = question_code(question, name, &number);
	else if (parameter->kind == QUERY_FLAG) {
		fine = question_choice(question, name, "yes");
		number = text.ptr != NULL;
	}
	if (fine && text.ptr != NULL && parameter->kind == QUERY_CHOICE)
		text = query_find_word(parameter->words, text);
	if (fine)
		query_set(question->row, values, index, text, number);
	return fine;
}

static bool
read_values(struct question *question, struct query_values *out_values)
{
	*out_values = query_values(question->row);
	out_values->zone = question->zone;
	for (size_t i = 0; i < query_parameter_count(question->row); i++)
		if ((!question->row->parameters[i].command_only ||
			query_is_place(&question->row->parameters[i])) &&
		    !read_parameter(question, i, out_values))
			return false;
	return true;
}

/* Whether the names of the filters are in the store; false, with an answer, if one is not. */
static bool
names_exist(struct question *question, const struct query_values *values)
{
	struct buffer error = BUFFER_EMPTY;
	enum result result = names_check(question->reader, question->row, values, &error);
	bool found = result == RESULT_OK;
	if (result == RESULT_NOT_FOUND)
		question_refuse(question, 404, "%.*s", SLICE_ARG(buffer_slice(&error)));
	else if (!found)
		question_store_failed(question, result);
	buffer_done(&error);
	return found;
}

/* Begins the page; a list that is always whole begins with the members next to it. */
static enum result
begin_page(struct list *list, const struct query_values *values)
{
	struct question *question = list->question;
	bool is_first = !query_has_next(question->row) && !question->progress.continues;
	struct json_t *object = is_first && !question->csv ? json_new_object() : NULL;
	enum result result = RESULT_OK;

	if (object != NULL)
		result = query_ask_members(question->reader, question->row, values, object);
	list_begin(list, object);
	return result;
}

/* Ends the page; after the last row of a list with a next, with the members next to the list. */
static void
end_page(struct list *list, const struct query_values *values, enum result result)
{
	struct question *question = list->question;
	if (question->csv || !query_has_next(question->row)) {
		list_end(list, NULL, result);
		return;
	}
	struct json_t *object = json_new_object();
	if (result == RESULT_OK && !list->full)
		result = query_ask_members(question->reader, question->row, values, object);
	if (list->follows)
		json_put_int(object, "next", question->progress.place);
	else
		list_next(list, object);
	list_end(list, object, result);
}

void
ask_query(struct question *question)
{
	const struct query *row = question->row;
	size_t limit = query_find_kind(row, QUERY_LIMIT);
	struct query_values values;
	struct list list = {.question = question,
	    .report = query_http_report(row),
	    .follows = query_follows(row),
	    .whole = row->page_by == NULL && !query_has_kind(row, QUERY_SKIP)};
	bool is_limited = limit < query_parameter_count(row);
	if (is_limited)
		list.limit = list.follows ? (size_t)question->limit
					  : question_limit(question, row->is_short);
	if (!read_values(question, &values))
		return;
	if (!question->progress.continues && !names_exist(question, &values))
		return;
	bool of_campaign = query_has_kind(row, QUERY_CAMPAIGN);
	if (of_campaign && !campaigns_check(question, &values))
		return;
	if (of_campaign && row->list_schema == NULL)
		return;
	if (is_limited)
		query_set(row, &values, limit, SLICE_NONE, (int64_t)list_rows(&list));

	enum result result = begin_page(&list, &values);
	if (result == RESULT_OK)
		result = query_ask(question->reader, row, &values, list_add, &list);
	if (result == RESULT_NOT_FOUND)
		question_refuse(question, 404, "no %s \"%.*s\"",
		    row->parameters[query_find_kind(row, QUERY_NAME)].help,
		    SLICE_ARG(question->name));
	else
		end_page(&list, &values, result);
}
