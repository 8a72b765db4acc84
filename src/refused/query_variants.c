#include "query_variants.h"

#include "dlrd/twilio/form.h"
#include "dlrd/twilio/signature.h"
#include "dlrd/twilio/url.h"

#include <stdlib.h>
#include <string.h>

#define PIECES_MAX 64    /* parameters; a longer query is not sorted */
#define FIELDS_MAX 65536 /* the highest limit of dlrd */
#define MOVED_MAX 8      /* parameters that are moved on trial */

#define UNRESERVED "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~"
#define RESERVED "!*'();:@,/?$[]|{}^\"<>\\`"

enum space { SPACE_AS_IS, SPACE_TO_PLUS, PLUS_TO_SPACE };
enum hex_case { HEX_AS_IS, HEX_UPPER, HEX_LOWER };

/* Another spelling of the same query. decode and encode are lists of bytes; NULL: none. */
struct spelling {
	const char *decode; /* written raw if they were escaped */
	const char *encode; /* escaped if they were raw */
	enum space space;
	enum hex_case hex;
	bool high_raw, high_escaped; /* the bytes from 0x80 on */
};

static const struct spelling spellings[] = {
    {.space = SPACE_TO_PLUS},
    {.space = PLUS_TO_SPACE},
    {.hex = HEX_UPPER},
    {.hex = HEX_LOWER},
    {.decode = UNRESERVED},
    {.encode = "~"},
    {.decode = "'"},
    {.encode = "'"},
    {.decode = "@:,|"},
    {.encode = "@:,|"},
    {.decode = RESERVED},
    {.encode = RESERVED},
    {.high_raw = true},
    {.high_escaped = true},
    /* As programs write a query that they have decoded. */
    {UNRESERVED, RESERVED, SPACE_TO_PLUS, HEX_UPPER, .high_escaped = true},
    {UNRESERVED, RESERVED, PLUS_TO_SPACE, HEX_UPPER, .high_escaped = true},
};

/* The rules, in the order in which their queries are added and tried. */
enum {
	RULE_AS_RECEIVED,
	RULE_ORIGINAL, /* of the target before the proxy */
	RULE_NONE,     /* without a query */
	RULE_SPELLING, /* each of spellings */
	RULE_BLANKS = RULE_SPELLING + sizeof spellings / sizeof spellings[0],
	RULE_SORTED,
	RULE_MOVED, /* each of the first parameters to the start, or to the end */
	RULE_COUNT = RULE_MOVED + 2 * MOVED_MAX,
	/* These cut the query of a GET in two. */
	RULE_SPLIT = RULE_COUNT, /* before the first parameter that looks like Twilio's */
	RULE_SPLIT_WHOLE,        /* before the first parameter */
};

static bool
has(const char *bytes, unsigned char byte)
{
	return bytes != NULL && byte != '\0' && strchr(bytes, byte) != NULL;
}

static void
append_escape(
    struct buffer *out, const struct spelling *spelling, struct slice escape, unsigned char byte)
{
	switch (spelling->hex) {
	case HEX_AS_IS: buffer_append(out, escape); return;
	case HEX_UPPER: buffer_appendf(out, "%%%02X", byte); return;
	case HEX_LOWER: buffer_appendf(out, "%%%02x", byte); return;
	}
}

static void
spell_escape(
    struct buffer *out, const struct spelling *spelling, struct slice escape, unsigned char byte)
{
	if (byte == ' ' && spelling->space == SPACE_TO_PLUS)
		buffer_append_byte(out, '+');
	else if (has(spelling->decode, byte) || (spelling->high_raw && byte >= 0x80))
		buffer_append_byte(out, (char)byte);
	else
		append_escape(out, spelling, escape, byte);
}

static void
spell_byte(struct buffer *out, const struct spelling *spelling, unsigned char byte)
{
	if (byte == '+' && spelling->space == PLUS_TO_SPACE)
		buffer_append(out, SLICE("%20"));
	else if (has(spelling->encode, byte) || (spelling->high_escaped && byte >= 0x80))
		buffer_appendf(out, "%%%02X", byte);
	else
		buffer_append_byte(out, (char)byte);
}

static void
spell(struct buffer *out, struct slice query, const struct spelling *spelling)
{
	while (query.len > 0) {
		int byte = slice_escaped_byte(query);
		if (byte >= 0)
			spell_escape(
			    out, spelling, (struct slice){query.ptr, 3}, (unsigned char)byte);
		else
			spell_byte(out, spelling, (unsigned char)query.ptr[0]);
		query = slice_from(query, byte >= 0 ? 3 : 1);
	}
}

/* The parameters of a query, not decoded. */
struct pieces {
	struct slice items[PIECES_MAX];
	size_t count;
};

static bool
read_pieces(struct slice query, struct pieces *out_pieces)
{
	out_pieces->count = 0;
	while (query.ptr != NULL) {
		if (out_pieces->count == PIECES_MAX)
			return false;
		out_pieces->items[out_pieces->count++] = slice_take(&query, '&');
	}
	return out_pieces->count > 0;
}

static void
append_pieces(struct buffer *out, const struct pieces *pieces)
{
	for (size_t i = 0; i < pieces->count; i++) {
		buffer_append_byte(out, i == 0 ? '?' : '&');
		buffer_append(out, pieces->items[i]);
	}
}

static int
compare_pieces(const void *a, const void *b)
{
	struct slice x = *(const struct slice *)a, y = *(const struct slice *)b;
	int order = slice_compare(slice_take(&x, '='), slice_take(&y, '='));
	return order != 0 ? order : slice_compare(x, y);
}

/* "a=" and "a" are the same parameter. Libraries that decode and rewrite a query add the sign. */
static void
remove_blanks(struct pieces *pieces)
{
	for (size_t i = 0; i < pieces->count; i++) {
		struct slice *piece = &pieces->items[i];
		if (piece->len > 0 && slice_find(*piece, '=') == piece->len - 1)
			piece->len--;
	}
}

/* Moves a parameter to the start (even index) or to the end. */
static bool
move_piece(struct pieces *pieces, size_t index)
{
	size_t from = index / 2, after = pieces->count - from - 1;

	if (from >= pieces->count)
		return false;
	struct slice piece = pieces->items[from];
	if (index % 2 == 0) {
		memmove(pieces->items + 1, pieces->items, from * sizeof piece);
		pieces->items[0] = piece;
	} else {
		memmove(pieces->items + from, pieces->items + from + 1, after * sizeof piece);
		pieces->items[pieces->count - 1] = piece;
	}
	return true;
}

static bool
write_pieces(struct buffer *out, struct slice query, unsigned rule)
{
	struct pieces pieces;

	if (!read_pieces(query, &pieces))
		return false;
	if (rule == RULE_BLANKS)
		remove_blanks(&pieces);
	else if (rule == RULE_SORTED)
		qsort(pieces.items, pieces.count, sizeof pieces.items[0], compare_pieces);
	else if (!move_piece(&pieces, rule - RULE_MOVED))
		return false;
	append_pieces(out, &pieces);
	return true;
}

/* Writes the query of a rule below RULE_COUNT, with its question mark, or nothing. Returns false if
 * the rule does not apply. */
static bool
write_query(struct buffer *out, struct slice query, struct slice original, unsigned rule)
{
	if (rule == RULE_ORIGINAL && original.ptr != NULL)
		buffer_append(out, slice_from(original, url_path(original).len));
	if (rule == RULE_ORIGINAL)
		return original.ptr != NULL;
	if (query.ptr == NULL)
		return rule == RULE_AS_RECEIVED;
	if (rule == RULE_NONE)
		return true;
	if (rule >= RULE_BLANKS)
		return write_pieces(out, query, rule);

	buffer_append_byte(out, '?');
	if (rule == RULE_AS_RECEIVED)
		buffer_append(out, query);
	else
		spell(out, query, &spellings[rule - RULE_SPELLING]);
	return true;
}

void
query_variants_add(struct variants *variants, struct slice query, struct slice original)
{
	struct buffer out = BUFFER_EMPTY;

	for (unsigned rule = RULE_AS_RECEIVED; rule < RULE_COUNT; rule++) {
		enum variant_weight weight = rule == RULE_AS_RECEIVED ? VARIANT_AS_RECEIVED
					     : rule == RULE_ORIGINAL  ? VARIANT_REPORTED
								      : VARIANT_DEVIATION;
		buffer_clear(&out);
		if (write_query(&out, query, original, rule) && !out.failed)
			variants_add(variants, VARIANT_QUERY, buffer_slice(&out), weight,
			    VARIANT_BODY_AS_RECEIVED, rule);
	}
	buffer_done(&out);
}

/* Returns the position of the first parameter whose name starts with a capital letter, or
 * query.len.
 */
static size_t
find_twilios(struct slice query)
{
	for (size_t at = 0; at < query.len;) {
		if (query.ptr[at] >= 'A' && query.ptr[at] <= 'Z')
			return at;
		at += slice_find(slice_from(query, at), '&') + 1;
	}
	return query.len;
}

/* Writes the part before the cut, and the rest as signed parameters. */
static bool
write_split(struct buffer *out_kept, struct buffer *out_parameters, struct slice query, size_t at)
{
	struct form form = FORM_EMPTY;

	if (at > 1) { /* without the & before the cut */
		buffer_append_byte(out_kept, '?');
		buffer_append(out_kept, (struct slice){query.ptr, at - 1});
	}
	bool writes = form_decode(&form, slice_from(query, at), FIELDS_MAX) == RESULT_OK &&
		      signature_append_parameters(out_parameters, &form) == RESULT_OK;
	form_done(&form);
	return writes && !out_kept->failed;
}

static void
add_split(struct variants *variants, struct slice query, size_t at, unsigned rule)
{
	struct buffer kept = BUFFER_EMPTY, parameters = BUFFER_EMPTY;

	if (write_split(&kept, &parameters, query, at))
		variants_add_split_query(variants, buffer_slice(&kept), buffer_slice(&parameters),
		    VARIANT_DEVIATION, rule);
	buffer_done(&kept);
	buffer_done(&parameters);
}

void
query_variants_add_split(struct variants *variants, struct slice query)
{
	size_t at = find_twilios(query);

	if (query.len == 0)
		return;
	if (at < query.len)
		add_split(variants, query, at, RULE_SPLIT);
	if (at > 0)
		add_split(variants, query, 0, RULE_SPLIT_WHOLE);
}

bool
query_variants_is_split(unsigned rule)
{
	return rule == RULE_SPLIT || rule == RULE_SPLIT_WHOLE;
}

bool
query_variants_write(struct buffer *out_query, struct buffer *out_parameters, struct slice query,
    struct slice original, unsigned rule)
{
	if (query_variants_is_split(rule))
		return query.len > 0 && write_split(out_query, out_parameters, query,
					    rule == RULE_SPLIT ? find_twilios(query) : 0);
	return write_query(out_query, query, original, rule) && !out_query->failed;
}
