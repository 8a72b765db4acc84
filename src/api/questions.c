#include "questions.h"

#include <string.h>

static const char *
kind_word(const struct report_column *column)
{
	if (column->percent)
		return "share";
	switch (column->kind) {
	case CELL_NULL: break;
	case CELL_TEXT: return "text";
	case CELL_INT: return "integer";
	case CELL_REAL: return "number";
	case CELL_TIME: return "time";
	case CELL_DAY: return "day";
	case CELL_BOOL: return "boolean";
	case CELL_LIST: return "list";
	case CELL_NUMBERS: return "numbers";
	case CELL_LINES: return "lines";
	case CELL_JSON: return "object";
	}
	return "";
}

static struct json_t *
words_json(const char *words)
{
	struct json_t *array = json_new_array();
	struct slice rest = slice_of(words);
	while (rest.ptr != NULL)
		json_push_text(array, slice_take(&rest, '|'));
	return array;
}

static struct json_t *
columns_json(const struct report *report)
{
	struct json_t *array = json_new_array();
	for (size_t i = 0; i < report->count; i++) {
		const struct report_column *column = &report->columns[i];
		struct json_t *object = json_new_object();
		json_put_text(object, "name", slice_of(column->name));
		json_put_text(object, "kind", slice_of(kind_word(column)));
		json_put_bool(object, "shown", column->shown);
		json_put_text(object, "if_empty", slice_of(column->if_empty));
		json_put_text(object, "description", slice_of(column->description));
		json_push(array, object);
	}
	return array;
}

static bool
is_in_url(const struct query_parameter *parameter)
{
	return !parameter->command_only && parameter->kind != QUERY_FORMAT;
}

static struct json_t *
parameters_json(const struct query *query)
{
	struct json_t *array = json_new_array();
	for (size_t i = 0; i < query_parameter_count(query); i++) {
		const struct query_parameter *parameter = &query->parameters[i];
		if (!is_in_url(parameter))
			continue;
		struct json_t *object = json_new_object();
		json_put_text(object, "name", slice_of(parameter->name));
		json_put_bool(object, "time", query_is_time(parameter));
		json_put_bool(
		    object, "page", query_is_place(parameter) || parameter->kind == QUERY_LIMIT);
		json_put(object, "words", words_json(parameter->words));
		json_put_text(object, "description",
		    slice_of(
			parameter->description != NULL ? parameter->description : parameter->help));
		json_push(array, object);
	}
	return array;
}

static struct json_t *
query_json(const struct query *query)
{
	const struct query *like = query->rows_of != NULL ? query->rows_of : query;
	struct json_t *object = json_new_object();
	json_put_text(object, "path", slice_of(query->path));
	json_put_text(object, "title", slice_of(query->title));
	json_put_text(object, "command", slice_of(query->command));
	json_put_text(
	    object, "list", slice_of(query->list_schema != NULL ? query->report.list_key : NULL));
	json_put_bool(object, "csv", query_has_kind(query, QUERY_FORMAT));
	json_put(object, "columns", columns_json(query_http_report(like)));
	json_put(object, "parameters", parameters_json(query));
	return object;
}

void
questions_list(struct question *question)
{
	struct slice path = question_text(question, "path");
	struct json_t *array = json_new_array(), *object = json_new_object();
	const struct query *query;
	size_t found = 0;
	for (size_t i = 0; (query = query_at(i)) != NULL; i++)
		if (path.ptr == NULL || slice_equal(path, slice_of(query->path))) {
			json_push(array, query_json(query));
			found++;
		}
	json_put(object, "questions", array);
	if (found > 0) {
		question_answer(question, object);
		return;
	}
	json_free(object);
	question_refuse(question, 404,
	    "no question has the path \"%.*s\"; /v1/questions lists them",
	    SLICE_ARG(slice_cut(path, 64)));
}
