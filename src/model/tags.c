#include "dlrd/model/tags.h"

#include <stdlib.h>
#include <string.h>

/* "name" or "name.N" between the braces. */
static enum result
read_parameter(struct slice inside, struct tags_piece *out_piece, struct failure *failure)
{
	struct slice rest = inside;
	struct tags_piece piece = {.is_parameter = true, .text = slice_take(&rest, '.')};
	int64_t field = 0;

	if (rest.ptr != NULL &&
	    (slice_to_int(rest, &field) != RESULT_OK || field < 1 || field > 999))
		return failure_set(failure, RESULT_INVALID,
		    "{%.*s}: write a field number after the dot, counted from 1",
		    SLICE_ARG(inside));
	if (piece.text.len == 0)
		return failure_set(failure, RESULT_INVALID,
		    "{} names no query parameter; write {name} or {name.N}");
	piece.field = (int)field;
	*out_piece = piece;
	return RESULT_OK;
}

static enum result
read_alternative(struct tags_alternative *alternative, struct slice rest, struct failure *failure)
{
	alternative->text = rest;
	if (rest.len == 0)
		return failure_set(failure, RESULT_INVALID,
		    "an alternative is empty; write {name}, {name.N} or text on both sides of |");
	while (rest.len > 0) {
		if (alternative->count == TAGS_PIECES_MAX)
			return failure_set(failure, RESULT_LIMIT,
			    "more than %d pieces in one template", TAGS_PIECES_MAX);
		struct tags_piece *piece = &alternative->pieces[alternative->count++];
		size_t open = slice_find(rest, '{');
		if (open > 0) {
			*piece = (struct tags_piece){.text = {rest.ptr, open}};
			if (slice_find(piece->text, '}') < open)
				return failure_set(failure, RESULT_INVALID, "a } without its {");
			rest = slice_from(rest, open);
			continue;
		}
		size_t close = slice_find(rest, '}');
		if (close == rest.len)
			return failure_set(failure, RESULT_INVALID, "a { without its }");
		enum result result =
		    read_parameter((struct slice){rest.ptr + 1, close - 1}, piece, failure);
		if (result != RESULT_OK)
			return result;
		rest = slice_from(rest, close + 1);
	}

	return RESULT_OK;
}

static enum result
read_alternatives(struct tags_template *template, struct slice rest, struct failure *failure)
{
	size_t count = 1;
	for (size_t i = 0; i < rest.len; i++)
		count += rest.ptr[i] == '|';
	if (rest.len == 0)
		return RESULT_OK;
	if (count > TAGS_ALTERNATIVES_MAX)
		return failure_set(failure, RESULT_LIMIT,
		    "more than %d alternatives in one template", TAGS_ALTERNATIVES_MAX);
	template->alternatives = calloc(count, sizeof *template->alternatives);
	if (template->alternatives == NULL)
		return failure_set(failure, RESULT_NO_MEMORY, "no memory");

	enum result result = RESULT_OK;
	while (result == RESULT_OK && rest.ptr != NULL)
		result = read_alternative(&template->alternatives[template->count++],
		    slice_trim(slice_take(&rest, '|')), failure);
	return result;
}

enum result
tags_template_init(struct tags_template *template, struct slice text, struct failure *failure)
{
	struct tags_template made = {.text = malloc(text.len + 1)};
	if (made.text == NULL)
		return failure_set(failure, RESULT_NO_MEMORY, "no memory");
	if (text.len > 0)
		memcpy(made.text, text.ptr, text.len);
	made.text[text.len] = '\0';
	enum result result = read_alternatives(&made, (struct slice){made.text, text.len}, failure);
	if (result != RESULT_OK) {
		tags_template_done(&made);
		return result;
	}

	*template = made;
	return RESULT_OK;
}

static struct slice
nth_field(struct slice value, int field)
{
	struct slice rest = value, piece = value;
	for (int i = 0; i < field; i++) {
		if (rest.ptr == NULL)
			return SLICE_NONE;
		piece = slice_take(&rest, '.');
	}
	return piece;
}

static bool
is_printable(struct slice text)
{
	for (size_t i = 0; i < text.len; i++)
		if ((unsigned char)text.ptr[i] < 0x20 || text.ptr[i] == 0x7f)
			return false;
	return true;
}

/* Appends the values unchanged. Returns false and appends nothing if one is missing or empty. */
static bool
append_values(const struct tags_alternative *alternative, tags_lookup_fn lookup,
    const void *context, struct buffer *out)
{
	size_t start = out->len;
	for (size_t i = 0; i < alternative->count; i++) {
		const struct tags_piece *piece = &alternative->pieces[i];
		struct slice value = piece->text;
		if (piece->is_parameter) {
			value = nth_field(lookup(context, piece->text), piece->field);
			if (value.len == 0) {
				out->len = start;
				return false;
			}
		}
		buffer_append(out, value);
	}

	return true;
}

/* Repairs the bytes of out from start on. */
static void
repair(struct buffer *out, size_t start)
{
	struct buffer raw = BUFFER_EMPTY;
	if (slice_is_utf8(slice_from(buffer_slice(out), start)))
		return;
	buffer_append(&raw, slice_from(buffer_slice(out), start));
	out->len = start;
	buffer_append_repaired(out, buffer_slice(&raw));
	out->failed |= raw.failed;
	buffer_done(&raw);
}

enum tags_fit
tags_template_fill(const struct tags_template *template, tags_lookup_fn lookup, const void *context,
    struct buffer *out)
{
	size_t start = out->len, i = 0;
	enum tags_fit fit = TAGS_FIT;

	while (
	    i < template->count && !append_values(&template->alternatives[i], lookup, context, out))
		i++;
	if (i == template->count && i > 0)
		fit = TAGS_MISSING;
	else if (out->len - start > TAGS_VALUE_MAX)
		fit = TAGS_TOO_LONG;
	else {
		repair(out, start);
		if (out->len - start > TAGS_VALUE_MAX)
			fit = TAGS_TOO_LONG;
		else if (!is_printable(slice_from(buffer_slice(out), start)))
			fit = TAGS_UNPRINTABLE;
	}

	if (fit != TAGS_FIT)
		out->len = start;
	return fit;
}

/* ways[i][at]: in how many ways, 2 for more, the pieces from i on produce the value from at on. */
struct division {
	const struct tags_alternative *alternative;
	struct slice value;
	unsigned char ways[TAGS_PIECES_MAX + 1][TAGS_VALUE_MAX + 1];
};

/* Whether piece i may be the text from at up to end. */
static bool
may_be(const struct division *division, size_t i, size_t at, size_t end)
{
	const struct tags_piece *piece = &division->alternative->pieces[i];
	struct slice text = {division->value.ptr + at, end - at};
	if (!piece->is_parameter)
		return slice_equal(text, piece->text);
	return text.len > 0 && (piece->field == 0 || slice_find(text, '.') == text.len);
}

static void
count_ways(struct division *division)
{
	size_t count = division->alternative->count, len = division->value.len;
	division->ways[count][len] = 1;
	for (size_t i = count; i-- > 0;)
		for (size_t at = 0; at <= len; at++)
			for (size_t end = at; end <= len && division->ways[i][at] < 2; end++)
				if (division->ways[i + 1][end] > 0 && may_be(division, i, at, end))
					division->ways[i][at] =
					    (unsigned char)(division->ways[i][at] +
							    division->ways[i + 1][end]);
}

enum result
tags_alternative_divide(const struct tags_alternative *alternative, struct slice value,
    struct slice out_texts[TAGS_PIECES_MAX], struct failure *failure)
{
	struct division division = {.alternative = alternative, .value = value};
	if (value.len > TAGS_VALUE_MAX || !is_printable(value) || !slice_is_utf8(value))
		return failure_set(failure, RESULT_INVALID,
		    "a tag has up to %d bytes of UTF-8, and no control characters", TAGS_VALUE_MAX);
	count_ways(&division);
	if (division.ways[0][0] == 0)
		return failure_set(failure, RESULT_INVALID, "the template %.*s never gives it",
		    SLICE_ARG(alternative->text));
	if (division.ways[0][0] > 1)
		return failure_set(failure, RESULT_LIMIT,
		    "the template %.*s gives it in several ways", SLICE_ARG(alternative->text));
	for (size_t i = 0, at = 0; i < alternative->count; i++) {
		size_t end = at;
		while (division.ways[i + 1][end] == 0 || !may_be(&division, i, at, end))
			end++;
		out_texts[i] = (struct slice){value.ptr + at, end - at};
		at = end;
	}

	return RESULT_OK;
}

void
tags_template_done(struct tags_template *template)
{
	free(template->text);
	free(template->alternatives);
	*template = (struct tags_template){0};
}
