#include "head_reader.h"

#include <microhttpd.h>

#define NAME_MARKS "!#$%&'*+-.^_`|~" /* next to letters and digits: RFC 9110, section 5.6.2 */

static void
read_length(struct request_head *head, struct slice value)
{
	int64_t length = 0;
	head->lengths++;
	head->bad_length |= slice_to_int(value, &length) != RESULT_OK;
	head->content_length = (uint64_t)length;
}

static enum MHD_Result
read_header(void *context, enum MHD_ValueKind kind, const char *name_text, size_t name_len,
    const char *value_text, size_t value_len)
{
	struct request_head *head = context;
	struct slice name = {name_text, name_len};
	struct slice value = {value_text == NULL ? "" : value_text, value_len};

	(void)kind;
	head->header_bytes += name_len + value_len + 4;
	head->bad_header |= !slice_is_name(name, NAME_MARKS, SIZE_MAX);
	if (incoming_take_header(&head->incoming, name, value)) {
		head->hosts += slice_equal_nocase(name, SLICE("Host"));
		return MHD_YES;
	}

	if (slice_equal_nocase(name, SLICE("Content-Length")))
		read_length(head, value);
	else if (slice_equal_nocase(name, SLICE("Transfer-Encoding"))) {
		head->encodings++;
		head->chunked = slice_equal_nocase(value, SLICE("chunked"));
	}
	return MHD_YES;
}

struct request_head
head_read(struct MHD_Connection *connection, const char *method, const char *version)
{
	struct request_head head = {
	    .incoming.method = slice_of(method), .version = slice_of(version)};
	MHD_get_connection_values_n(connection, MHD_HEADER_KIND, read_header, &head);
	return head;
}
