#include "dlrd/query/openapi.h"

#include <stdio.h>
#include <string.h>

#define TIME_EXAMPLE "2026-11-20T14:05:22.000Z"

/* Examples of texts by the name of their column; any other text is its column's name. */
static const struct {
	const char *column, *text;
} examples[] = {
    {"workspace", "YOUR_ACCOUNT_ID"},
    {"campaign", "1691686363_20230810"},
    {"variant", "wzrk_default"},
    {"account", "AC0123456789abcdef0123456789abcdef"},
    {"service", "MG0123456789abcdef0123456789abcdef"},
    {"scope", "MG0123456789abcdef0123456789abcdef"},
    {"message", "SM0123456789abcdef0123456789abcdef"},
    {"answers", "SMfedcba9876543210fedcba9876543210"},
    {"from", "+15005550009"},
    {"to", "+15005550006"},
    {"number", "+15005550009"},
    {"sender", "+15005550006"},
    {"body", "Stop please"},
    {"near_miss", "stop"},
    {"keyword", "stop"},
};

/* --- parts --- */

static void
put_reference(struct json_t *object, const char *key, const char *kind, const char *name)
{
	char reference[128];
	struct json_t *part = json_new_object();
	snprintf(reference, sizeof reference, "#/components/%s/%s", kind, name);
	json_put_text(part, "$ref", slice_of(reference));
	if (key == NULL)
		json_push(object, part);
	else
		json_put(object, key, part);
}

static void
put_texts(struct json_t *object, const char *key, const char *words, bool nullable)
{
	struct slice rest = slice_of(words);
	struct json_t *array = json_new_array();
	while (rest.ptr != NULL)
		json_push_text(array, slice_take(&rest, '|'));
	if (nullable)
		json_push_text(array, SLICE_NONE);
	json_put(object, key, array);
}

static void
put_if(struct json_t *object, const char *key, const char *text)
{
	if (text != NULL)
		json_put_text(object, key, slice_of(text));
}

static void
put_type(struct json_t *object, const char *type, bool nullable)
{
	char words[32];
	snprintf(words, sizeof words, "%s|null", type);
	if (nullable)
		put_texts(object, "type", words, false);
	else
		json_put_text(object, "type", slice_of(type));
}

/* --- schemas --- */

static void
put_time(struct json_t *schema, bool nullable)
{
	if (!nullable) {
		json_put_text(schema, "$ref", SLICE("#/components/schemas/Time"));
		return;
	}
	struct json_t *any = json_new_array(), *null = json_new_object();
	put_reference(any, NULL, "schemas", "Time");
	json_put_text(null, "type", SLICE("null"));
	json_push(any, null);
	json_put(schema, "anyOf", any);
}

static struct json_t *
column_schema(const struct report_column *column)
{
	struct json_t *schema = json_new_object(), *items;
	switch (column->kind) {
	case CELL_NULL: break;
	case CELL_TEXT:
		if (column->words != NULL)
			put_texts(schema, "enum", column->words, column->nullable);
		else
			put_type(schema, "string", column->nullable);
		break;
	case CELL_INT: put_type(schema, "integer", column->nullable); break;
	case CELL_REAL: put_type(schema, "number", column->nullable); break;
	case CELL_BOOL: put_type(schema, "boolean", column->nullable); break;
	case CELL_DAY:
	case CELL_TIME: put_time(schema, column->nullable); break;
	case CELL_JSON: put_type(schema, "object", column->nullable); break;
	case CELL_NUMBERS:
	case CELL_LIST:
	case CELL_LINES:
		json_put_text(schema, "type", SLICE("array"));
		if (column->list != NULL) {
			put_reference(schema, "items", "schemas", column->list->row_schema);
			break;
		}
		items = json_new_object();
		json_put_text(items, "type",
		    column->kind == CELL_NUMBERS ? SLICE("integer") : SLICE("string"));
		json_put(schema, "items", items);
		break;
	}
	if (column->counts)
		json_put_int(schema, "minimum", 0);
	put_if(schema, "description", column->description);
	return schema;
}

/* An object whose members are added with add_member, and required. */
static struct json_t *
object_schema(const char *description)
{
	struct json_t *schema = json_new_object();
	json_put_text(schema, "type", SLICE("object"));
	put_if(schema, "description", description);
	json_put_bool(schema, "additionalProperties", false);
	json_put(schema, "required", json_new_array());
	json_put(schema, "properties", json_new_object());
	return schema;
}

static void
add_member(struct json_t *schema, const char *name, struct json_t *member)
{
	json_push_text(json_get(schema, "required"), slice_of(name));
	json_put(json_get(schema, "properties"), name, member);
}

/* Adds the report's columns; those of its group are members of one object. */
static void
add_columns(struct json_t *schema, const struct report *report)
{
	const char *prefix = report->group_prefix;
	for (size_t i = 0; i < report->count; i++) {
		const struct report_column *column = &report->columns[i];
		struct json_t *member = column_schema(column);
		if (column->optional) {
			json_put(json_get(schema, "properties"), column->name, member);
			continue;
		}
		if (prefix == NULL || strncmp(column->name, prefix, strlen(prefix)) != 0) {
			add_member(schema, column->name, member);
			continue;
		}
		if (json_get(json_get(schema, "properties"), report->group_key) == NULL)
			add_member(
			    schema, report->group_key, object_schema(report->group_description));
		struct json_t *group = json_get(json_get(schema, "properties"), report->group_key);
		add_member(group, column->name + strlen(prefix), member);
	}
}

static struct json_t *
row_schema(const struct query *query)
{
	struct json_t *schema = object_schema(query->row_description);
	add_columns(schema, query_http_report(query));
	return schema;
}

static const char *
row_schema_name(const struct query *query)
{
	return query->rows_of != NULL ? query->rows_of->row_schema : query->row_schema;
}

static struct json_t *
next_schema(const struct query *query)
{
	struct json_t *schema = json_new_object();
	bool follows = query_follows(query);
	put_type(schema, follows ? "integer" : "string", !follows);
	json_put_text(schema, "description",
	    follows ? SLICE("The value of after for the next request.")
		    : SLICE("Give it as next for the rest of the list; null at its end."));
	return schema;
}

static struct json_t *
list_schema(const struct query *query)
{
	struct json_t *schema = object_schema(query->answer), *list = json_new_object();
	json_put_text(list, "type", SLICE("array"));
	put_reference(list, "items", "schemas", row_schema_name(query));
	/* The order is that of the answer. */
	if (!query_has_next(query))
		add_columns(schema, &query->members);
	add_member(schema, query->report.list_key, list);
	if (!query_has_next(query))
		return schema;
	add_columns(schema, &query->members);
	add_member(schema, "next", next_schema(query));
	return schema;
}

/* --- examples --- */

static struct slice
text_example(const struct report_column *column)
{
	struct slice words = slice_of(column->words);
	if (words.ptr != NULL)
		return slice_take(&words, '|');
	for (size_t i = 0; i < sizeof examples / sizeof examples[0]; i++)
		if (strcmp(examples[i].column, column->name) == 0)
			return slice_of(examples[i].text);
	return slice_of(column->name);
}

static struct report_row
row_example(const struct report *report)
{
	struct report_row row = {0};
	for (size_t i = 0; i < report->count; i++) {
		const struct report_column *column = &report->columns[i];
		row.cells[i] = (struct cell){.kind = column->kind, .number = 1, .real = 0.5};
		if (column->kind == CELL_TEXT || column->kind == CELL_LIST ||
		    column->kind == CELL_LINES)
			row.cells[i].text = text_example(column);
		if (column->kind == CELL_JSON)
			row.cells[i].text = SLICE("{}");
		if (column->kind == CELL_NUMBERS)
			row.cells[i].text = SLICE("0 12");
		if (column->kind == CELL_TIME)
			row.cells[i] =
			    (struct cell){.kind = CELL_TEXT, .text = SLICE(TIME_EXAMPLE)};
	}
	return row;
}

static struct json_t *
csv_of(const struct query *query)
{
	const struct report *report = query_http_report(query);
	struct report_row row = row_example(report);
	struct json_t *csv = json_new_object(), *schema = json_new_object();
	struct buffer text = BUFFER_EMPTY;

	json_put_text(schema, "type", SLICE("string"));
	json_put(csv, "schema", schema);
	report_csv_head(report, &text);
	report_csv_row(report, &row, NULL, &text);
	json_put_text(csv, "example", buffer_slice(&text));
	buffer_done(&text);
	return csv;
}

static void
put_members_example(struct json_t *object, const struct report *members)
{
	struct report_row row = row_example(members);
	report_put(members, &row, NULL, object);
	for (size_t i = 0; i < members->count; i++) {
		const struct query *of_list = members->columns[i].list;
		if (of_list == NULL)
			continue;
		struct json_t *list = json_new_array();
		row = row_example(&of_list->report);
		json_push(list, report_json(&of_list->report, &row, NULL));
		json_put(object, members->columns[i].name, list);
	}
}

static struct json_t *
answer_example(const struct query *query)
{
	const struct report *report = query_http_report(query);
	struct report_row row = row_example(report);
	if (query->list_schema == NULL)
		return report_json(report, &row, NULL);

	struct json_t *example = json_new_object(), *list = json_new_array();
	json_push(list, report_json(report, &row, NULL));
	if (!query_has_next(query))
		put_members_example(example, &query->members);
	json_put(example, query->report.list_key, list);
	if (query_has_next(query))
		put_members_example(example, &query->members);
	if (query_follows(query))
		json_put_int(example, "next", 1);
	else if (query_has_next(query))
		json_put_null(example, "next");
	return example;
}

/* --- parameters --- */

static struct json_t *
time_schema(void)
{
	static const char *const formats[] = {"date-time", "date"};
	struct json_t *schema = json_new_object(), *any = json_new_array();
	for (size_t i = 0; i < 2; i++) {
		struct json_t *one = json_new_object();
		json_put_text(one, "type", SLICE("string"));
		json_put_text(one, "format", slice_of(formats[i]));
		json_push(any, one);
	}
	json_put(schema, "anyOf", any);
	return schema;
}

static struct json_t *
parameter_schema(const struct query_parameter *parameter)
{
	if (query_is_time(parameter))
		return time_schema();

	struct json_t *schema = json_new_object();
	if (parameter->kind == QUERY_FLAG)
		put_texts(schema, "enum", "yes", false);
	else if (parameter->kind == QUERY_CODE) {
		json_put_text(schema, "type", SLICE("string"));
		json_put_text(schema, "pattern", SLICE("^([0-9]+|none)$"));
	} else if (parameter->kind != QUERY_CHOICE)
		json_put_text(schema, "type", SLICE("string"));
	else {
		put_texts(schema, "enum", parameter->words, false);
		put_if(schema, "default", parameter->usual);
	}
	return schema;
}

/* Parameters that all lists share are in the part that is written by hand. */
static bool
is_shared(const struct query_parameter *parameter)
{
	return parameter->kind == QUERY_FORMAT || parameter->kind == QUERY_LIMIT ||
	       query_is_place(parameter);
}

static void
push_parameter(struct json_t *array, const struct query_parameter *parameter)
{
	if (parameter->command_only)
		return;
	if (is_shared(parameter)) {
		put_reference(array, NULL, "parameters", parameter->name);
		return;
	}
	struct json_t *object = json_new_object();
	json_put_text(object, "name", slice_of(parameter->name));
	bool in_path = query_in_path(parameter);
	json_put_text(object, "in", in_path ? SLICE("path") : SLICE("query"));
	if (in_path)
		json_put_bool(object, "required", true);
	json_put_text(object, "description",
	    slice_of(parameter->description != NULL ? parameter->description : parameter->help));
	json_put(object, "schema", parameter_schema(parameter));
	put_if(object, "example", parameter->example);
	json_push(array, object);
}

/* --- paths --- */

static struct json_t *
answer_of(const struct query *query)
{
	struct json_t *answer = json_new_object();
	struct json_t *content = json_new_object(), *json = json_new_object();
	bool is_list = query->list_schema != NULL;
	json_put_text(answer, "description", slice_of(query->answer));
	if (query_has_next(query)) {
		struct json_t *headers = json_new_object();
		put_reference(headers, "Link", "headers", "Link");
		json_put(answer, "headers", headers);
	}
	put_reference(
	    json, "schema", "schemas", is_list ? query->list_schema : row_schema_name(query));
	json_put(json, "example", answer_example(query));
	json_put(content, "application/json", json);
	if (query_has_kind(query, QUERY_FORMAT))
		json_put(content, "text/csv", csv_of(query));
	json_put(answer, "content", content);
	return answer;
}

static struct json_t *
responses_of(const struct query *query)
{
	static const struct {
		const char *status, *name;
		enum query_kind only_with, or_with; /* 0: any question */
		bool or_names;                      /* a name must exist */
	} errors[] = {{"400", "BadRequest"}, {"401", "Unauthorised"}, {"403", "Forbidden"},
	    {"404", "NotFound", QUERY_CAMPAIGN, QUERY_NAME, true},
	    {"409", "Ambiguous", QUERY_CAMPAIGN}, {"500", "Internal"}, {"503", "Unavailable"}};
	struct json_t *responses = json_new_object();
	json_put(responses, "200", answer_of(query));
	if (query->wrong != NULL)
		put_reference(responses, "400", "responses", query->wrong);
	for (size_t i = query->wrong != NULL; i < sizeof errors / sizeof errors[0]; i++)
		if (errors[i].only_with == 0 || query_has_kind(query, errors[i].only_with) ||
		    query_has_kind(query, errors[i].or_with) ||
		    (errors[i].or_names && query_names_something(query)))
			put_reference(responses, errors[i].status, "responses", errors[i].name);
	return responses;
}

static struct json_t *
path_of(const struct query *query)
{
	struct json_t *path = json_new_object(), *get = json_new_object();
	struct json_t *parameters = json_new_array();
	for (size_t i = 0; i < query_parameter_count(query); i++)
		push_parameter(parameters, &query->parameters[i]);
	json_put_text(get, "operationId", slice_of(query->operation));
	put_texts(get, "tags", query->tag != NULL ? query->tag : "questions", false);
	json_put_text(get, "summary", slice_of(query->title));
	put_if(get, "description", query->note);
	json_put(get, "parameters", parameters);
	json_put(get, "responses", responses_of(query));
	json_put(path, "get", get);
	return path;
}

/* --- the document --- */

/* Appends the document up to and with the brace that opens the object called name, and what members
 * has, without its braces. */
static void
splice(struct slice *rest, const char *name, struct json_t *members, struct buffer *out)
{
	size_t at = 0;
	while (at < rest->len && !slice_starts_with(slice_from(*rest, at), slice_of(name)))
		at++;
	at += strlen(name);
	buffer_append(out, (struct slice){rest->ptr, at});
	*rest = slice_from(*rest, at);

	struct buffer text = BUFFER_EMPTY;
	if (json_write(members, &text) != RESULT_OK)
		out->failed = true;
	else if (text.len > 2) {
		buffer_append(out, (struct slice){text.ptr + 1, text.len - 2});
		buffer_append_byte(out, ',');
	}
	buffer_done(&text);
	json_free(members);
}

static void
put_list_schema(struct json_t *schemas, const struct query *list)
{
	if (list != NULL)
		json_put(schemas, list->row_schema, row_schema(list));
}

void
query_openapi(struct slice by_hand, struct buffer *out)
{
	struct json_t *paths = json_new_object(), *schemas = json_new_object();
	const struct query *query;
	for (size_t i = 0; (query = query_at(i)) != NULL; i++) {
		json_put(paths, query->path, path_of(query));
		if (query->rows_of == NULL)
			json_put(schemas, query->row_schema, row_schema(query));
		for (size_t k = 0; k < query->members.count; k++)
			put_list_schema(schemas, query->members.columns[k].list);
		if (query->list_schema != NULL)
			json_put(schemas, query->list_schema, list_schema(query));
	}
	splice(&by_hand, "\"paths\": {", paths, out);
	splice(&by_hand, "\"schemas\": {", schemas, out);
	buffer_append(out, by_hand);
}
