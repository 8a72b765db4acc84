#include "saved_request.h"

#define SHOWN_MAX 60 /* bytes of a line that is not a header */

/* Removes the next line from *rest, and returns it without its line end. */
static struct slice
take_line(struct slice *rest)
{
	struct slice line = slice_take(rest, '\n');
	if (line.len > 0 && line.ptr[line.len - 1] == '\r')
		line.len--;
	if (rest->ptr == NULL)
		*rest = SLICE("");
	return line;
}

/* Reads a path and query, or an absolute URL, which mitmproxy writes. */
static bool
read_target(struct slice target, struct saved_request *request)
{
	struct slice base;
	request->incoming.target = target;
	if (target.len > 0 && target.ptr[0] == '/')
		return true;
	if (url_split(target, &base, &request->incoming.target) != RESULT_OK)
		return false;
	request->incoming.original_uri = target; /* has scheme and host, too */
	if (request->incoming.target.len == 0)
		request->incoming.target = SLICE("/");
	return true;
}

static bool
read_request_line(struct slice line, struct saved_request *request)
{
	request->incoming.method = slice_take(&line, ' ');
	struct slice target = line.ptr == NULL ? SLICE("") : slice_take(&line, ' ');
	bool versioned = line.ptr != NULL && slice_starts_with(line, SLICE("HTTP/"));
	for (size_t i = 0; i < request->incoming.method.len; i++)
		if (request->incoming.method.ptr[i] < 'A' || request->incoming.method.ptr[i] > 'Z')
			return false;
	return versioned && request->incoming.method.len > 0 && read_target(target, request);
}

static enum result
read_headers(struct slice *rest, struct saved_request *request, struct slice *out_length,
    struct failure *failure)
{
	for (struct slice line; (line = take_line(rest)).len > 0;) {
		size_t colon = slice_find(line, ':');
		if (colon == line.len || colon == 0 || line.ptr[0] == ' ' || line.ptr[0] == '\t') {
			struct buffer shown = BUFFER_EMPTY;
			buffer_append_visible(&shown, line);
			failure_set(failure, RESULT_INVALID,
			    "\"%.*s\" is not a header; a body follows an empty line",
			    SLICE_ARG(slice_cut(buffer_slice(&shown), SHOWN_MAX)));
			buffer_done(&shown);
			return RESULT_INVALID;
		}
		struct slice name = {line.ptr, colon};
		struct slice value = slice_trim(slice_from(line, colon + 1));
		incoming_take_header(&request->incoming, name, value);
		if (out_length->ptr == NULL && slice_equal_nocase(name, SLICE("Content-Length")))
			*out_length = value;
		if (slice_equal_nocase(name, SLICE("Transfer-Encoding")))
			return failure_set(failure, RESULT_INVALID,
			    "a body with Transfer-Encoding cannot be read; save it decoded, and "
			    "leave out the header");
	}
	return RESULT_OK;
}

static void
read_body(struct slice rest, struct slice length_text, struct saved_request *request)
{
	int64_t length;
	request->incoming.body = rest.len == 0 ? SLICE("") : rest;
	if (slice_to_int(length_text, &length) != RESULT_OK)
		return;
	request->body_is_short = (uint64_t)length > rest.len;
	if ((uint64_t)length < rest.len) /* a line break that an editor has added */
		request->incoming.body.len = (size_t)length;
}

enum result
saved_request_read(struct slice text, struct saved_request *out_request, struct failure *failure)
{
	struct saved_request request = {.body_is_short = false};
	struct slice length = SLICE_NONE;
	struct slice rest = text, line = SLICE("");
	while (rest.len > 0 && line.len == 0)
		line = take_line(&rest);

	if (!read_request_line(line, &request))
		return failure_set(
		    failure, RESULT_INVALID, "no request line, such as POST /sms/twilio HTTP/1.1");

	enum result result = read_headers(&rest, &request, &length, failure);
	if (result != RESULT_OK)
		return result;
	read_body(rest, length, &request);
	*out_request = request;
	return RESULT_OK;
}
