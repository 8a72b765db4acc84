#include "route_url.h"

#include "dlrd/twilio/callback_url.h"

#include <stdlib.h>

static void
append_name(const struct route_value *value, struct buffer *out)
{
	buffer_append(out, value->name);
	if (value->field > 0)
		buffer_appendf(out, ".%d", value->field);
}

static void
append_placeholder(const struct route_value *value, struct buffer *out)
{
	buffer_append_byte(out, '{');
	append_name(value, out);
	buffer_append_byte(out, '}');
}

/* Rejects a value that a query cannot have together with the earlier ones. */
static enum result
check_value(
    const struct route_values *values, const struct route_value *value, struct failure *failure)
{
	if (value->field > 0 && slice_find(value->text, '.') < value->text.len)
		return failure_set(failure, RESULT_INVALID,
		    "%.*s.%d: a field cannot have a dot, and \"%.*s\" has one",
		    SLICE_ARG(value->name), value->field, SLICE_ARG(value->text));

	for (size_t i = 0; i < values->count; i++) {
		const struct route_value *other = &values->items[i];
		if (!slice_equal(other->name, value->name))
			continue;
		if (other->field == value->field && !slice_equal(other->text, value->text))
			return failure_set(failure, RESULT_INVALID,
			    "%.*s cannot be both \"%.*s\" and \"%.*s\"", SLICE_ARG(value->name),
			    SLICE_ARG(url_quote(other->text)), SLICE_ARG(url_quote(value->text)));
		if ((other->field == 0) != (value->field == 0))
			return failure_set(failure, RESULT_INVALID,
			    "%.*s is set both as a whole and by fields; use one of the two",
			    SLICE_ARG(value->name));
	}

	return RESULT_OK;
}

static enum result
add_value(struct route_values *values, struct route_value value, struct failure *failure)
{
	for (size_t i = 0; i < values->count; i++)
		if (slice_equal(values->items[i].name, value.name) &&
		    values->items[i].field == value.field)
			return RESULT_OK;
	if (values->count == ROUTE_VALUES_MAX)
		return failure_set(
		    failure, RESULT_LIMIT, "more than %d parameters and fields", ROUTE_VALUES_MAX);
	values->items[values->count++] = value;
	return RESULT_OK;
}

enum result
route_values_read(struct route_values *values, struct slice pair, struct failure *failure)
{
	struct route_value value = {.text = pair};
	struct slice field, name = slice_take(&value.text, '=');
	int64_t number = 0;
	field = name;
	value.name = slice_take(&field, '.');
	if (value.text.ptr == NULL || value.name.len == 0 ||
	    (field.ptr != NULL &&
		(slice_to_int(field, &number) != RESULT_OK || number < 1 || number > 999)))
		return failure_set(failure, RESULT_INVALID,
		    "\"%.*s\" is not a value; write name=value, or name.N=value for the Nth field",
		    SLICE_ARG(url_quote(pair)));

	value.field = (int)number;
	enum result result = check_value(values, &value, failure);

	return result == RESULT_OK ? add_value(values, value, failure) : result;
}

/* Returns the value of a template's parameter; absent if it is unknown. */
static struct slice
find_text(const struct route_values *values, const struct tags_piece *piece)
{
	for (size_t i = 0; i < values->count; i++) {
		const struct route_value *value = &values->items[i];
		struct slice rest = value->text, field = rest;
		if (!slice_equal(value->name, piece->text))
			continue;
		if (value->field == piece->field)
			return value->text;
		for (int n = 0; value->field == 0 && n < piece->field; n++)
			field = rest.ptr == NULL ? SLICE_NONE : slice_take(&rest, '.');
		if (value->field == 0)
			return field;
	}

	return SLICE_NONE;
}

enum known { KNOWN_NOT, KNOWN_PARTLY, KNOWN_WHOLLY };

static enum known
how_known(const struct route_values *values, const struct tags_alternative *alternative)
{
	bool all = true, some = false;
	for (size_t i = 0; i < alternative->count; i++) {
		const struct tags_piece *piece = &alternative->pieces[i];
		bool found = !piece->is_parameter || find_text(values, piece).len > 0;
		all &= found;
		some |= piece->is_parameter && found;
	}
	return all ? KNOWN_WHOLLY : some ? KNOWN_PARTLY : KNOWN_NOT;
}

/* The alternative that counts, or that more values would complete: the first that is known, or
 * else the first that is known in part, or else the first. NULL, and known, for an empty template.
 */
static const struct tags_alternative *
choose_alternative(
    const struct route_values *values, const struct tags_template *template, enum known *out_known)
{
	const struct tags_alternative *chosen = template->alternatives;
	*out_known = template->count == 0 ? KNOWN_WHOLLY : how_known(values, chosen);
	for (size_t i = 1; i < template->count; i++) {
		enum known known = how_known(values, &template->alternatives[i]);
		if (known > *out_known) {
			*out_known = known;
			chosen = &template->alternatives[i];
		}
	}
	return chosen;
}

static enum result
take_divided(struct route_values *values, const struct tags_alternative *alternative,
    struct slice tag, struct failure *failure)
{
	struct slice texts[TAGS_PIECES_MAX];
	enum result result = tags_alternative_divide(alternative, tag, texts, failure);
	for (size_t i = 0; result == RESULT_OK && i < alternative->count; i++) {
		const struct tags_piece *piece = &alternative->pieces[i];
		struct route_value value = {piece->text, piece->field, texts[i]};
		if (!piece->is_parameter)
			continue;
		result = check_value(values, &value, failure);
		if (result == RESULT_OK)
			result = add_value(values, value, failure);
	}

	return result;
}

/* Whether these values give tag. */
static bool
gives(const struct route_values *values, const struct tags_template *template, struct slice tag)
{
	struct buffer given = BUFFER_EMPTY;
	bool equal =
	    route_values_tag(values, template, &given) && slice_equal(buffer_slice(&given), tag);
	buffer_done(&given);
	return equal;
}

enum result
route_values_take_tag(struct route_values *values, const struct tags_template *template,
    struct slice tag, struct failure *failure)
{
	struct failure reason = {"its template is empty"}, first = reason;
	enum result result = RESULT_INVALID;
	if (gives(values, template, tag))
		return RESULT_OK;

	for (size_t i = 0; i < template->count; i++) {
		struct route_values tried = *values;
		enum result got = take_divided(&tried, &template->alternatives[i], tag, &reason);
		/* An earlier alternative that is known counts instead of this one. */
		if (got == RESULT_OK && gives(&tried, template, tag)) {
			*values = tried;
			return RESULT_OK;
		}
		if (i == 0) {
			result = got == RESULT_OK ? RESULT_INVALID : got;
			first = reason;
		}
	}

	return failure_set(failure, result, "%s", first.text);
}

/* Returns whether the parameter is known as a whole, so that no fields are needed. */
static bool
is_whole(const struct route_values *values, struct slice name)
{
	for (size_t i = 0; i < values->count; i++)
		if (values->items[i].field == 0 && slice_equal(values->items[i].name, name))
			return true;
	return false;
}

static bool
has_fields(const struct route_values *values, struct slice name)
{
	for (size_t i = 0; i < values->count; i++)
		if (values->items[i].field > 0 && slice_equal(values->items[i].name, name))
			return true;
	return false;
}

/* Adds the unknown values of an alternative that are a whole parameter, or a field of one. */
static enum result
want_values(struct route_values *values, const struct tags_alternative *alternative, bool whole)
{
	enum result result = RESULT_OK;
	for (size_t i = 0; result == RESULT_OK && i < alternative->count; i++) {
		const struct tags_piece *piece = &alternative->pieces[i];
		if (piece->is_parameter && (piece->field == 0) == whole &&
		    !is_whole(values, piece->text) && !(whole && has_fields(values, piece->text)))
			result = add_value(values,
			    (struct route_value){piece->text, piece->field, SLICE_NONE}, NULL);
	}
	return result;
}

enum result
route_values_want(struct route_values *values, const struct route *route)
{
	const struct tags_template *const templates[] = {
	    &route->workspace, &route->campaign, &route->variant};
	const struct tags_alternative *wanted[3] = {NULL};
	size_t count = 0;
	for (size_t i = 0; i < 3; i++) {
		enum known known;
		const struct tags_alternative *alternative =
		    choose_alternative(values, templates[i], &known);
		bool optional = templates[i]->count > 1 && templates[i] != &route->campaign;
		if (known == KNOWN_PARTLY || (known == KNOWN_NOT && !optional))
			wanted[count++] = alternative;
	}

	enum result result = RESULT_OK;
	/* Fields first: a parameter that is read in both ways is built from them. */
	for (size_t i = 0; result == RESULT_OK && i < 2 * count; i++)
		result = want_values(values, wanted[i % count], i >= count);
	return result;
}

static int
compare_values(const void *left, const void *right)
{
	const struct route_value *a = left, *b = right;
	int order = slice_compare(a->name, b->name);
	return order != 0 ? order : (a->field > b->field) - (a->field < b->field);
}

void
route_values_query(const struct route_values *values, struct buffer *out)
{
	struct route_values sorted = *values;
	qsort(sorted.items, sorted.count, sizeof sorted.items[0], compare_values);
	for (size_t i = 0; i < sorted.count; i++) {
		const struct route_value *value = &sorted.items[i];
		bool goes_on = i > 0 && slice_equal(value->name, sorted.items[i - 1].name);
		int field = goes_on ? sorted.items[i - 1].field : 0;
		if (!goes_on) {
			buffer_append_byte(out, i == 0 ? '?' : '&');
			callback_url_escape(value->name, out);
			buffer_append_byte(out, '=');
		}
		for (; field + 1 < value->field; field++)
			buffer_append(out, field == 0 ? SLICE("0") : SLICE(".0"));
		if (field > 0)
			buffer_append_byte(out, '.');
		if (value->text.ptr != NULL)
			callback_url_escape(value->text, out);
		else
			append_placeholder(value, out);
	}
}

void
route_values_missing(const struct route_values *values, struct buffer *out)
{
	struct route_values sorted = *values;
	size_t start = out->len;
	qsort(sorted.items, sorted.count, sizeof sorted.items[0], compare_values);
	for (size_t i = 0; i < sorted.count; i++) {
		if (sorted.items[i].text.ptr != NULL)
			continue;
		if (out->len > start)
			buffer_append_byte(out, ' ');
		append_name(&sorted.items[i], out);
	}
}

/* Whether the query has the parameter, or its placeholder. */
static bool
is_in_query(const struct route_values *values, const struct tags_piece *piece)
{
	return is_whole(values, piece->text) || has_fields(values, piece->text);
}

bool
route_values_tag(
    const struct route_values *values, const struct tags_template *template, struct buffer *out)
{
	enum known known;
	const struct tags_alternative *alternative = choose_alternative(values, template, &known);
	for (size_t i = 0; alternative != NULL && i < alternative->count; i++)
		if (alternative->pieces[i].is_parameter &&
		    !is_in_query(values, &alternative->pieces[i]))
			return false;

	for (size_t i = 0; alternative != NULL && i < alternative->count; i++) {
		const struct tags_piece *piece = &alternative->pieces[i];
		struct slice text = piece->is_parameter ? find_text(values, piece) : piece->text;
		if (text.ptr != NULL)
			buffer_append(out, text);
		else
			append_placeholder(
			    &(struct route_value){piece->text, piece->field, SLICE_NONE}, out);
	}

	return known == KNOWN_WHOLLY;
}
