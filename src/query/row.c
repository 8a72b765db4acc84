#include "dlrd/query/row.h"

size_t
query_parameter_count(const struct query *query)
{
	size_t count = 0;
	while (count < QUERY_PARAMETERS_MAX && query->parameters[count].kind != 0)
		count++;
	return count;
}

size_t
query_find_kind(const struct query *query, enum query_kind kind)
{
	size_t i = 0, count = query_parameter_count(query);
	while (i < count && query->parameters[i].kind != kind)
		i++;
	return i;
}

bool
query_has_kind(const struct query *query, enum query_kind kind)
{
	return query_find_kind(query, kind) < query_parameter_count(query);
}

const struct report *
query_http_report(const struct query *query)
{
	if (query->rows_of != NULL)
		return query_http_report(query->rows_of);
	return query->one.count > 0 ? &query->one : &query->report;
}

bool
query_read_code(struct slice text, int64_t *out_code)
{
	if (slice_equal_nocase(text, SLICE("none"))) {
		*out_code = -1;
		return true;
	}
	return slice_to_int(text, out_code) == RESULT_OK && *out_code >= 0;
}

bool
query_in_path(const struct query_parameter *parameter)
{
	return parameter->kind == QUERY_CAMPAIGN || parameter->kind == QUERY_NAME;
}

bool
query_is_time(const struct query_parameter *parameter)
{
	enum query_kind kind = parameter->kind;
	return kind == QUERY_AT || kind == QUERY_FROM || kind == QUERY_TO ||
	       kind == QUERY_FROM_HOUR || kind == QUERY_TO_HOUR || kind == QUERY_OPEN_FROM ||
	       kind == QUERY_OPEN_TO;
}

bool
query_is_place(const struct query_parameter *parameter)
{
	return parameter->kind == QUERY_AFTER || parameter->kind == QUERY_BEFORE ||
	       parameter->kind == QUERY_SKIP;
}

bool
query_names_something(const struct query *query)
{
	size_t i = 0, count = query_parameter_count(query);
	while (i < count && query->parameters[i].names == QUERY_NAMES_NOTHING)
		i++;
	return i < count;
}

bool
query_has_next(const struct query *query)
{
	bool has_next = false;
	for (size_t i = 0; i < query_parameter_count(query); i++)
		has_next |=
		    query_is_place(&query->parameters[i]) && !query->parameters[i].command_only;
	return has_next;
}

bool
query_follows(const struct query *query)
{
	size_t place = query_find_kind(query, QUERY_AFTER);
	return place < query_parameter_count(query) &&
	       slice_equal(slice_of(query->parameters[place].name), SLICE("after"));
}

bool
query_has_word(const char *words, struct slice word)
{
	struct slice rest = slice_of(words);
	while (rest.ptr != NULL)
		if (slice_equal(slice_take(&rest, '|'), word))
			return true;
	return words == NULL;
}

struct slice
query_find_word(const char *words, struct slice word)
{
	struct slice rest = slice_of(words);
	while (rest.ptr != NULL) {
		struct slice one = slice_take(&rest, '|');
		if (slice_equal_nocase(one, word))
			return one;
	}
	return words == NULL ? word : SLICE_NONE;
}
