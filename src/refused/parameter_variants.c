#include "parameter_variants.h"

#include <string.h>

#define BODY_MAX \
	(32 * 1024) /* a larger form is not rewritten: Twilio's have one or two kilobytes */
#define FIELDS_MAX 1024
#define QUERY_PIECES_MAX 64 /* each piece of the body is compared with each of the query */

/* Writes the body as it may have been. */
typedef void (*rewrite_fn)(struct buffer *out, struct slice body, struct slice query);

static void
replace(struct buffer *out, struct slice text, struct slice what, struct slice with)
{
	while (text.len > 0) {
		bool found = text.len >= what.len &&
			     slice_equal_nocase((struct slice){text.ptr, what.len}, what);
		buffer_append(out, found ? with : (struct slice){text.ptr, 1});
		text = slice_from(text, found ? what.len : 1);
	}
}

static void
rewrite_end(struct buffer *out, struct slice body, struct slice query)
{
	(void)query;
	while (body.len > 0 && strchr("\r\n", body.ptr[body.len - 1]) != NULL &&
	       body.ptr[body.len - 1] != '\0')
		body.len--;
	buffer_append(out, body);
}

static void
rewrite_plus(struct buffer *out, struct slice body, struct slice query)
{
	(void)query;
	replace(out, body, SLICE("+"), SLICE("%2B"));
}

static void
rewrite_twice_escaped(struct buffer *out, struct slice body, struct slice query)
{
	(void)query;
	replace(out, body, SLICE("%25"), SLICE("%"));
}

static void
rewrite_to_lf(struct buffer *out, struct slice body, struct slice query)
{
	(void)query;
	replace(out, body, SLICE("%0D%0A"), SLICE("%0A"));
}

static void
rewrite_to_crlf(struct buffer *out, struct slice body, struct slice query)
{
	struct buffer plain = BUFFER_EMPTY;
	rewrite_to_lf(&plain, body, query);
	replace(out, buffer_slice(&plain), SLICE("%0A"), SLICE("%0D%0A"));
	out->failed |= plain.failed;
	buffer_done(&plain);
}

/* From ISO 8859-1 back to UTF-8. */
static void
rewrite_latin_1(struct buffer *out, struct slice body, struct slice query)
{
	(void)query;
	while (body.len > 0) {
		int high = body.len >= 3 ? slice_hex_digit(body.ptr[1]) : -1;
		int low = body.len >= 3 ? slice_hex_digit(body.ptr[2]) : -1;
		bool escaped = body.ptr[0] == '%' && high >= 8 && low >= 0;
		unsigned char byte = (unsigned char)(escaped ? high * 16 + low : body.ptr[0]);
		if (byte >= 0x80)
			buffer_appendf(out, "%%%02X%%%02X", 0xc0 | byte >> 6, 0x80 | (byte & 0x3f));
		else
			buffer_append_byte(out, body.ptr[0]);
		body = slice_from(body, escaped ? 3 : 1);
	}
}

static bool
has_piece(struct slice query, struct slice piece)
{
	while (query.ptr != NULL)
		if (slice_equal(slice_take(&query, '&'), piece))
			return true;
	return false;
}

static size_t
count_pieces(struct slice text)
{
	size_t count = 0;
	while (text.ptr != NULL)
		count += slice_take(&text, '&').len > 0;
	return count;
}

static void
rewrite_without_query(struct buffer *out, struct slice body, struct slice query)
{
	if (count_pieces(query) > QUERY_PIECES_MAX || count_pieces(body) > FIELDS_MAX)
		return;
	while (body.ptr != NULL) {
		struct slice piece = slice_take(&body, '&');
		if (piece.len == 0 || has_piece(query, piece))
			continue;
		buffer_append(out, piece);
		buffer_append_byte(out, '&'); /* an empty piece at the end does not count */
	}
}

static const rewrite_fn rewrites[] = {rewrite_end, rewrite_plus, rewrite_twice_escaped,
    rewrite_to_lf, rewrite_to_crlf, rewrite_latin_1, rewrite_without_query};

#define REWRITE_COUNT (sizeof rewrites / sizeof rewrites[0])

/* Numbers of the rules. Rewrites count from RULE_REWRITE. */
enum { RULE_AS_RECEIVED = PARAMETER_VARIANTS_AS_RECEIVED, RULE_NONE, RULE_REWRITE };

static bool
write_rewritten(struct buffer *out, const struct reading *reading, size_t index)
{
	struct buffer body = BUFFER_EMPTY;
	struct form form = FORM_EMPTY;

	rewrites[index](&body, reading->incoming->body, url_query(reading->incoming->target));
	bool writes = !body.failed &&
		      form_decode(&form, buffer_slice(&body), FIELDS_MAX) == RESULT_OK &&
		      signature_append_parameters(out, &form) == RESULT_OK;
	form_done(&form);
	buffer_done(&body);
	return writes;
}

enum variant_body
parameter_variants_body(unsigned rule)
{
	if (rule == RULE_AS_RECEIVED)
		return VARIANT_BODY_AS_RECEIVED;
	return rule == RULE_NONE ? VARIANT_BODY_ALONE : VARIANT_BODY_CHANGED;
}

bool
parameter_variants_write(struct buffer *out, const struct reading *reading, unsigned rule)
{
	if (rule == RULE_NONE)
		return true;
	if (rule >= RULE_REWRITE)
		return !incoming_is_get(reading->incoming) && reading->incoming->body.len > 0 &&
		       reading->incoming->body.len <= BODY_MAX &&
		       rule - RULE_REWRITE < REWRITE_COUNT &&
		       write_rewritten(out, reading, rule - RULE_REWRITE);
	return incoming_is_get(reading->incoming) || reading->form == NULL ||
	       signature_append_parameters(out, reading->form) == RESULT_OK;
}

enum result
parameter_variants_add(struct variants *variants, const struct reading *reading)
{
	struct buffer out = BUFFER_EMPTY;
	enum result result = RESULT_OK;

	if (!parameter_variants_write(&out, reading, RULE_AS_RECEIVED))
		result = RESULT_NO_MEMORY;
	else
		variants_add(variants, VARIANT_PARAMETERS, buffer_slice(&out), VARIANT_AS_RECEIVED,
		    parameter_variants_body(RULE_AS_RECEIVED), RULE_AS_RECEIVED);
	if (result == RESULT_OK && variants->lists[VARIANT_PARAMETERS].count == 0)
		result = RESULT_LIMIT;
	if (result == RESULT_OK && !incoming_is_get(reading->incoming) && reading->form != NULL)
		variants_add(variants, VARIANT_PARAMETERS, SLICE(""), VARIANT_DEVIATION,
		    parameter_variants_body(RULE_NONE), RULE_NONE);
	/* A body that is not a form by its Content-Type may be one whose type was lost. */
	for (unsigned rule = RULE_REWRITE;
	     result == RESULT_OK && rule < RULE_REWRITE + REWRITE_COUNT; rule++) {
		buffer_clear(&out);
		if (parameter_variants_write(&out, reading, rule))
			variants_add(variants, VARIANT_PARAMETERS, buffer_slice(&out),
			    VARIANT_DEVIATION, parameter_variants_body(rule), rule);
	}
	buffer_done(&out);
	return result;
}
