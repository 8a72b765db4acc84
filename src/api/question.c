#include "dlrd/api/question.h"

#include "dlrd/query/ask.h"
#include "dlrd/twilio/callback_url.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#define ZONE_SHOWN_MAX 64 /* bytes of a name in an error */

void
question_free(struct question *question)
{
	if (question == NULL)
		return;
	endpoints_answer_done(&question->answer);
	form_done(&question->query);
	time_zone_close(question->zone);
	free(question);
}

bool
question_refuse(struct question *question, unsigned status, const char *format, ...)
{
	char line[512];
	va_list arguments;
	if (question->progress.head_is_sent) {
		question->progress.failed = true;
		return false;
	}
	va_start(arguments, format);
	vsnprintf(line, sizeof line, format, arguments);
	va_end(arguments);
	buffer_done(&question->answer.body);
	buffer_done(&question->answer.link);
	buffer_done(&question->answer.cookie);
	question->answer = endpoints_error(status, "%s", line);
	return false;
}

bool
question_store_failed(struct question *question, enum result result)
{
	if (result == RESULT_LIMIT)
		return question_refuse(
		    question, 503, "this takes too long; request a shorter time or fewer rows");
	return question_refuse(question, result == RESULT_BUSY ? 503 : 500, "the store: %s: %s",
	    result_text(result),
	    question->reader == NULL ? "" : store_reader_error(question->reader));
}

struct slice
question_text(const struct question *question, const char *name)
{
	return form_get(&question->query, slice_of(name));
}

bool
question_number(struct question *question, const char *name, int64_t fallback, int64_t min,
    int64_t max, int64_t *out_number)
{
	struct slice text = question_text(question, name);
	int64_t number = fallback;
	if (text.ptr != NULL &&
	    (slice_to_int(text, &number) != RESULT_OK || number < min || number > max))
		return question_refuse(question, 400, "%s must be a whole number from %lld to %lld",
		    name, (long long)min, (long long)max);
	*out_number = number;
	return true;
}

bool
question_time(struct question *question, const struct query_parameter *parameter, int64_t *out_us)
{
	struct slice text = question_text(question, parameter->name);
	int64_t time_us = 0;
	if (text.ptr != NULL &&
	    query_read_time(parameter, question->zone, text, 0, &time_us) != RESULT_OK)
		return question_refuse(question, 400,
		    "%s must be a time like 2026-11-20T14:00:00Z or a day like 2026-11-20 (in a "
		    "URL, a plus sign is written %%2B)",
		    parameter->name);
	*out_us = time_us;
	return true;
}

bool
question_code(struct question *question, const char *name, int64_t *out_code)
{
	struct slice text = question_text(question, name);
	return text.ptr == NULL || query_read_code(text, out_code) ||
	       question_refuse(question, 400, "%s must be an error code like 30007, or none", name);
}

/* Appends words as "a, b or c". */
static void
append_choices(const char *words, struct buffer *out)
{
	struct slice rest = slice_of(words);
	bool is_first = true;
	while (rest.ptr != NULL) {
		struct slice word = slice_take(&rest, '|');
		const char *before = is_first ? "" : rest.ptr == NULL ? " or " : ", ";
		buffer_appendf(out, "%s%.*s", before, SLICE_ARG(word));
		is_first = false;
	}
}

bool
question_choice(struct question *question, const char *name, const char *words)
{
	struct slice text = question_text(question, name);
	if (text.ptr == NULL || query_find_word(words, text).ptr != NULL)
		return true;

	struct buffer choices = BUFFER_EMPTY;
	append_choices(words, &choices);
	question_refuse(question, 400, "%s must be %.*s", name, SLICE_ARG(buffer_slice(&choices)));
	buffer_done(&choices);
	return false;
}

/* Opens the zone that the query names, if the question has one. */
static bool
open_zone(struct question *question)
{
	struct slice text = question_text(question, "tz");
	struct failure failure;
	if (text.ptr == NULL || question->row == NULL || !query_has_kind(question->row, QUERY_ZONE))
		return true;

	enum result result = time_zone_open(text, &question->zone, &failure);
	if (result == RESULT_NO_MEMORY || result == RESULT_IO)
		return question_refuse(question, 503, "tz: %s", failure.text);
	if (result == RESULT_OK)
		return true;
	return question_refuse(question, 400,
	    "tz must be UTC, an offset like +05:30 (in a URL, a plus sign is written %%2B) or a "
	    "name like Europe/Berlin, not \"%.*s\"",
	    SLICE_ARG(slice_cut(text, ZONE_SHOWN_MAX)));
}

bool
question_common(struct question *question)
{
	question->csv = slice_equal_nocase(question_text(question, "format"), SLICE("csv"));
	return open_zone(question) && question_choice(question, "format", "json|csv") &&
	       question_number(question, "limit", ENDPOINTS_LIMIT_DEFAULT, 1, ENDPOINTS_LIMIT_MAX,
		   &question->limit);
}

size_t
question_limit(const struct question *question, bool is_short)
{
	bool asked = question_text(question, "limit").ptr != NULL;
	return (question->csv || is_short) && !asked ? 0 : (size_t)question->limit;
}

size_t
question_page_bytes(const struct question *question)
{
	return question->csv ? ENDPOINTS_CSV_PAGE : ENDPOINTS_JSON_PAGE;
}

/* A browser sends an Origin with each POST of a page, and any page may post to loopback without
 * permission, or with the cookie of another. Only the text of our own page (access.h) proves that
 * it is ours. Programs send no Origin, and need no body because the path has everything. */
bool
question_may_act(struct question *question)
{
	const struct api_request *request = question->request;
	const struct caller *caller = &request->caller;
	if (caller->reader)
		return question_refuse(question, 403,
		    "this token asks and does not act; send the token of [api] token_file");
	if ((request->origin.ptr != NULL || caller->has_session) && !caller->has_csrf)
		return question_refuse(question, 403,
		    "this is not for pages in a browser, but for the dashboard: send the request "
		    "without Origin");
	if (request->has_body)
		return question_refuse(question, 400, "send this request without a body");
	return true;
}

/* The reference is a query alone, so it keeps the path, also one that a proxy has extended. */
void
question_link(struct question *question, const char *name, int64_t place)
{
	struct buffer *link = &question->answer.link;
	buffer_append(link, SLICE("<?"));
	for (size_t i = 0; i < question->query.count; i++) {
		const struct form_field *field = &question->query.fields[i];
		if (slice_equal(field->name, slice_of(name)))
			continue;
		callback_url_escape(field->name, link);
		buffer_append_byte(link, '=');
		callback_url_escape(field->value, link);
		buffer_append_byte(link, '&');
	}
	buffer_appendf(link, "%s=%lld>; rel=\"next\"", name, (long long)place);
	question->answer.body.failed |= link->failed;
}

void
question_answer(struct question *question, struct json_t *value)
{
	if (json_write(value, &question->answer.body) != RESULT_OK)
		question_refuse(question, 503, "no memory for this answer");
	json_free(value);
}
