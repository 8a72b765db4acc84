#include "query_variants.h"

#include "dlrd/twilio/form.h"
#include "dlrd/twilio/signature.h"
#include "dlrd/twilio/url.h"

#include <stdlib.h>
#include <string.h>

#define PIECES_MAX 64       /* parameters; a longer query is not sorted */
#define SORTED_LEN_MAX 1024 /* bytes; for a longer query no pairs would be tried */
#define FIELDS_MAX 65536    /* the highest limit of dlrd */
#define ORDERS_MAX 120      /* of QUERY_VARIANTS_ORDERS_OF pieces */

/* Rules that cut the query of a GET in two; the others count from 0. */
#define RULE_SPLIT 1000       /* before the first parameter that looks like Twilio's */
#define RULE_SPLIT_WHOLE 1001 /* before the first parameter */

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
	enum variant_weight weight;
};

#define ONE VARIANT_DEVIATION
#define ODD VARIANT_GUESS

static const struct spelling spellings[] = {
    {.space = SPACE_TO_PLUS, .weight = ONE},
    {.space = PLUS_TO_SPACE, .weight = ONE},
    {.hex = HEX_UPPER, .weight = ONE},
    {.hex = HEX_LOWER, .weight = ONE},
    {.decode = UNRESERVED, .weight = ONE},
    {.decode = "'", .weight = ONE},
    {.encode = "'", .weight = ONE},
    {.decode = "@:,|", .weight = ONE},
    {.encode = "@:,|", .weight = ONE},
    {.decode = "@", .weight = ONE},
    {.encode = "@", .weight = ONE},
    {.decode = ":", .weight = ONE},
    {.encode = ":", .weight = ONE},
    {.encode = "~", .weight = ONE},
    {.encode = "-._~", .weight = ODD},
    {.decode = "@:", .weight = ODD},
    {.decode = ",|", .weight = ODD},
    {.decode = "!*()'", .weight = ODD},
    {.encode = "!*()'", .weight = ODD},
    {.decode = RESERVED, .weight = ONE},
    {.encode = RESERVED, .weight = ONE},
    {.high_raw = true, .weight = ONE},
    {.high_escaped = true, .weight = ONE},
    /* As programs write a query that they have decoded. */
    {.decode = UNRESERVED, .encode = RESERVED, .hex = HEX_UPPER, .weight = ODD},
    {UNRESERVED, RESERVED, SPACE_TO_PLUS, HEX_UPPER, false, true, ODD},
    {UNRESERVED, RESERVED, PLUS_TO_SPACE, HEX_UPPER, false, true, ODD},
    {UNRESERVED RESERVED, NULL, SPACE_TO_PLUS, HEX_AS_IS, true, false, ODD},
    {UNRESERVED RESERVED, NULL, PLUS_TO_SPACE, HEX_AS_IS, true, false, ODD},
};

#define SPELLING_COUNT (sizeof spellings / sizeof spellings[0])

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

/* Returns the byte of the escape at the start of text, or -1. */
static int
escaped_byte(struct slice text)
{
	if (text.len < 3 || text.ptr[0] != '%')
		return -1;
	int high = slice_hex_digit(text.ptr[1]), low = slice_hex_digit(text.ptr[2]);
	return high < 0 || low < 0 ? -1 : high * 16 + low;
}

static void
spell(struct buffer *out, struct slice query, const struct spelling *spelling)
{
	buffer_append_byte(out, '?');
	while (query.len > 0) {
		int byte = escaped_byte(query);
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
append_pieces(struct buffer *out, const struct pieces *pieces, size_t first, size_t end)
{
	for (size_t i = first; i < end; i++) {
		buffer_append_byte(out, i == first ? '?' : '&');
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

static void
append_sorted(struct buffer *out, const struct pieces *pieces)
{
	struct pieces sorted = *pieces;
	qsort(sorted.items, sorted.count, sizeof sorted.items[0], compare_pieces);
	append_pieces(out, &sorted, 0, sorted.count);
}

/* --- the rules: each writes one other query --- */

/* The input of a rule. */
struct source {
	struct slice query, original;
	struct pieces pieces; /* empty if there are too many */
};

/* Applies the rule with that index within its family: writes a query with a question mark, or an
 * empty one. Returns false if the rule does not apply. */
typedef bool (*write_fn)(struct buffer *out, const struct source *source, size_t index);

static bool
write_as_received(struct buffer *out, const struct source *source, size_t index)
{
	(void)index;
	if (source->query.ptr != NULL) {
		buffer_append_byte(out, '?');
		buffer_append(out, source->query);
	}
	return true;
}

static bool
write_original(struct buffer *out, const struct source *source, size_t index)
{
	(void)index;
	if (source->original.ptr == NULL)
		return false;
	buffer_append(out, slice_from(source->original, url_path(source->original).len));
	return true;
}

static bool
write_none(struct buffer *out, const struct source *source, size_t index)
{
	(void)out, (void)index;
	return source->query.ptr != NULL;
}

static bool
write_spelling(struct buffer *out, const struct source *source, size_t index)
{
	if (source->query.ptr == NULL)
		return false;
	spell(out, source->query, &spellings[index]);
	return true;
}

/* "a=" and "a" are the same parameter. */
static bool
write_blanks(struct buffer *out, const struct source *source, size_t wants_mark)
{
	for (size_t i = 0; i < source->pieces.count; i++) {
		struct slice piece = source->pieces.items[i];
		bool has_mark = slice_find(piece, '=') < piece.len;
		if (!wants_mark && has_mark && piece.ptr[piece.len - 1] == '=')
			piece.len--;
		buffer_append_byte(out, i == 0 ? '?' : '&');
		buffer_append(out, piece);
		if (wants_mark && !has_mark && piece.len > 0)
			buffer_append_byte(out, '=');
	}
	return source->pieces.count > 0;
}

/* A proxy may have added a parameter at the end (0) or at the start (1). */
static bool
write_shortened(struct buffer *out, const struct source *source, size_t index)
{
	if (source->pieces.count < 2)
		return false;
	append_pieces(out, &source->pieces, index, source->pieces.count - 1 + index);
	return true;
}

static bool
write_sorted(struct buffer *out, const struct source *source, size_t index)
{
	(void)index;
	append_sorted(out, &source->pieces);
	return source->pieces.count > 0;
}

static bool
write_hash_last(struct buffer *out, const struct source *source, size_t index)
{
	struct pieces moved = {.count = 0};

	(void)index;
	for (int is_hash = 0; is_hash < 2; is_hash++)
		for (size_t i = 0; i < source->pieces.count; i++)
			if (slice_starts_with(source->pieces.items[i], SLICE("bodySHA256=")) ==
			    is_hash)
				moved.items[moved.count++] = source->pieces.items[i];
	append_pieces(out, &moved, 0, moved.count);
	return moved.count > 0;
}

/* Writes the order with that index among all orders: each digit of the index in the factorial
 * number system selects the next one of the remaining pieces. */
static bool
write_order(struct buffer *out, const struct source *source, size_t index)
{
	struct pieces left = source->pieces, turned = {.count = 0};
	size_t orders = 1;

	for (size_t i = 2; i <= left.count; i++)
		orders *= i;
	if (left.count < 2 || left.count > QUERY_VARIANTS_ORDERS_OF || index >= orders)
		return false;
	while (left.count > 0) {
		orders /= left.count;
		size_t next = index / orders;
		index %= orders;
		turned.items[turned.count++] = left.items[next];
		left.count--;
		memmove(&left.items[next], &left.items[next + 1],
		    (left.count - next) * sizeof left.items[0]);
	}
	append_pieces(out, &turned, 0, turned.count);
	return true;
}

static bool
write_sorted_spelling(struct buffer *out, const struct source *source, size_t index)
{
	struct buffer spelled = BUFFER_EMPTY;
	struct pieces pieces;
	bool writes = source->pieces.count > 0 && source->query.len <= SORTED_LEN_MAX;

	if (writes) {
		spell(&spelled, source->query, &spellings[index]);
		writes =
		    !spelled.failed && read_pieces(slice_from(buffer_slice(&spelled), 1), &pieces);
	}
	if (writes)
		append_sorted(out, &pieces);
	buffer_done(&spelled);
	return writes;
}

/* A rule's number is its position in the sequence of all families, which is also the order in which
 * the queries are added. */
static const struct family {
	write_fn write;
	size_t count;
	enum variant_weight weight;
} families[] = {
    {write_as_received, 1, VARIANT_AS_RECEIVED},
    {write_original, 1, VARIANT_REPORTED},
    {write_none, 1, VARIANT_DEVIATION},
    {write_spelling, SPELLING_COUNT, VARIANT_DEVIATION},
    {write_blanks, 2, ONE},
    {write_shortened, 2, ODD},
    {write_sorted, 1, ONE},
    {write_hash_last, 1, ONE},
    {write_order, ORDERS_MAX, ONE},
    {write_sorted_spelling, SPELLING_COUNT, VARIANT_PAIR},
};

#define FAMILY_COUNT (sizeof families / sizeof families[0])

static void
read_source(struct slice query, struct slice original, struct source *out_source)
{
	out_source->query = query;
	out_source->original = original;
	if (!read_pieces(query, &out_source->pieces))
		out_source->pieces.count = 0;
}

static enum variant_weight
weight_of(const struct family *family, const struct source *source, size_t index)
{
	if (family->write == write_spelling)
		return spellings[index].weight;
	if (family->write == write_order && source->pieces.count > 3)
		return ODD;
	return family->weight;
}

void
query_variants_add(struct variants *variants, struct slice query, struct slice original)
{
	struct buffer out = BUFFER_EMPTY;
	struct source source;
	unsigned rule = 0;

	read_source(query, original, &source);
	for (const struct family *family = families; family < families + FAMILY_COUNT; family++)
		for (size_t index = 0; index < family->count; index++, rule++) {
			buffer_clear(&out);
			if (family->write(&out, &source, index) && !out.failed)
				variants_add(variants, VARIANT_QUERY, buffer_slice(&out),
				    weight_of(family, &source, index), VARIANT_BODY_AS_RECEIVED,
				    rule);
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
	struct source source;

	if (query_variants_is_split(rule))
		return query.len > 0 && write_split(out_query, out_parameters, query,
					    rule == RULE_SPLIT ? find_twilios(query) : 0);
	read_source(query, original, &source);
	for (const struct family *family = families; family < families + FAMILY_COUNT; family++) {
		if (rule < family->count)
			return family->write(out_query, &source, rule) && !out_query->failed;
		rule -= (unsigned)family->count;
	}
	return false;
}

static int
compare_fields(const void *a, const void *b)
{
	const struct form_field *x = a, *y = b;
	int order = slice_compare(x->name, y->name);
	return order != 0 ? order : slice_compare(x->value, y->value);
}

static bool
fields_equal(const struct form *a, const struct form *b)
{
	if (a->count != b->count)
		return false;
	for (size_t i = 0; i < a->count; i++)
		if (compare_fields(&a->fields[i], &b->fields[i]) != 0)
			return false;
	return true;
}

/* Returns whether each piece of a is in b, byte for byte. */
static bool
same_spelling(struct slice a, struct slice b)
{
	while (a.ptr != NULL) {
		struct slice piece = slice_take(&a, '&'), rest = b;
		bool found = false;
		while (rest.ptr != NULL && !found)
			found = slice_equal(slice_take(&rest, '&'), piece);
		if (!found)
			return false;
	}
	return true;
}

static enum query_difference
compare_forms(struct form *received, struct form *signed_form, struct slice a, struct slice b)
{
	if (received->count < signed_form->count)
		return QUERY_LOST;
	if (received->count > signed_form->count)
		return QUERY_ADDED;
	if (fields_equal(received, signed_form))
		return QUERY_ENCODING;
	if (received->count > 0) {
		qsort(received->fields, received->count, sizeof *received->fields, compare_fields);
		qsort(signed_form->fields, signed_form->count, sizeof *received->fields,
		    compare_fields);
	}
	if (!fields_equal(received, signed_form))
		return QUERY_ADDED;
	return same_spelling(a, b) ? QUERY_ORDER : QUERY_ORDER_AND_ENCODING;
}

enum query_difference
query_compare(struct slice received, struct slice signed_query)
{
	enum query_difference difference = QUERY_ENCODING;
	struct slice a = received.len > 0 ? slice_from(received, 1) : SLICE("");
	struct slice b = signed_query.len > 0 ? slice_from(signed_query, 1) : SLICE("");
	struct form received_form = FORM_EMPTY, signed_form = FORM_EMPTY;

	if (slice_equal(received, signed_query))
		return QUERY_SAME;
	if (form_decode(&received_form, a, FIELDS_MAX) == RESULT_OK &&
	    form_decode(&signed_form, b, FIELDS_MAX) == RESULT_OK)
		difference = compare_forms(&received_form, &signed_form, a, b);
	form_done(&received_form);
	form_done(&signed_form);
	return difference;
}
