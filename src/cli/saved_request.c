#include "saved_request.h"

#define SHOWN_MAX 60 /* bytes of a line that is not a header */

/* The headers that delimit the body; absent if not sent. */
struct framing {
	struct slice length, encoding;
};

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

static void
read_header(
    struct slice name, struct slice value, struct saved_request *request, struct framing *framing)
{
	if (incoming_take_header(&request->incoming, name, value))
		return;
	if (framing->length.ptr == NULL && slice_equal_nocase(name, SLICE("Content-Length")))
		framing->length = value;
	if (framing->encoding.ptr == NULL && slice_equal_nocase(name, SLICE("Transfer-Encoding")))
		framing->encoding = value;
}

static enum result
read_headers(struct slice *rest, struct saved_request *request, struct framing *framing,
    struct failure *failure)
{
	for (struct slice line; (line = take_line(rest)).len > 0;) {
		size_t colon = slice_find(line, ':');
		if (colon == line.len || colon == 0 || line.ptr[0] == ' ' || line.ptr[0] == '\t') {
			struct buffer shown = BUFFER_EMPTY;
			buffer_append_visible(&shown, line);
			failure_set(failure, RESULT_INVALID,
			    "\"%.*s\" is not a header; a body follows an empty line",
			    (int)(shown.len < SHOWN_MAX ? shown.len : SHOWN_MAX), shown.ptr);
			buffer_done(&shown);
			return RESULT_INVALID;
		}
		read_header((struct slice){line.ptr, colon},
		    slice_trim(slice_from(line, colon + 1)), request, framing);
	}
	return RESULT_OK;
}

/* Reads the length of a chunk from its first line, such as "1a;extension". */
static bool
read_chunk_length(struct slice line, size_t *out_len)
{
	size_t len = 0, digits = 0;
	while (digits < line.len && slice_hex_digit(line.ptr[digits]) >= 0 && digits < 8)
		len = len * 16 + (size_t)slice_hex_digit(line.ptr[digits++]);
	*out_len = len;
	return digits > 0 && (digits == line.len || line.ptr[digits] == ';');
}

/* Appends the data of all chunks. Returns false if they are malformed or incomplete. */
static bool
unchunk(struct slice text, struct buffer *out)
{
	for (;;) {
		size_t len;
		if (!read_chunk_length(slice_trim(take_line(&text)), &len) || len > text.len)
			return false;
		if (len == 0)
			return !out->failed;
		buffer_append(out, (struct slice){text.ptr, len});
		text = slice_from(text, len);
		if (take_line(&text).len > 0)
			return false;
	}
}

static enum result
read_body(struct slice rest, const struct framing *framing, struct saved_request *request,
    struct failure *failure)
{
	int64_t length;
	request->incoming.body = rest.len == 0 ? SLICE("") : rest;
	if (framing->encoding.ptr != NULL) {
		if (!slice_equal_nocase(framing->encoding, SLICE("chunked")) ||
		    !unchunk(rest, &request->unchunked))
			return failure_set(failure, RESULT_INVALID,
			    "the body does not match its Transfer-Encoding");
		request->incoming.body =
		    request->unchunked.len == 0 ? SLICE("") : buffer_slice(&request->unchunked);
	} else if (slice_to_int(framing->length, &length) == RESULT_OK) {
		request->body_is_short = (uint64_t)length > rest.len;
		if ((uint64_t)length < rest.len) /* a line break that an editor has added */
			request->incoming.body.len = (size_t)length;
	}
	return RESULT_OK;
}

enum result
saved_request_read(struct slice text, struct saved_request *out_request, struct failure *failure)
{
	struct saved_request request = {.unchunked = BUFFER_EMPTY};
	struct framing framing = {SLICE_NONE, SLICE_NONE};
	struct slice rest = text, line = SLICE("");
	while (rest.len > 0 && line.len == 0)
		line = take_line(&rest);

	if (!read_request_line(line, &request))
		return failure_set(
		    failure, RESULT_INVALID, "no request line, such as POST /sms/twilio HTTP/1.1");

	enum result result = read_headers(&rest, &request, &framing, failure);
	if (result == RESULT_OK)
		result = read_body(rest, &framing, &request, failure);
	if (result != RESULT_OK) {
		saved_request_done(&request);
		return result;
	}
	*out_request = request;
	return RESULT_OK;
}

void
saved_request_done(struct saved_request *request)
{
	buffer_done(&request->unchunked);
}
