#include "dlrd/twilio/query_variants.h"

#include "dlrd/twilio/form.h"
#include "dlrd/twilio/signature.h"
#include "dlrd/twilio/url.h"

#include <stdlib.h>
#include <string.h>

#define PIECES_MAX 64       /* a longer query is not put in order */
#define SORTED_LEN_MAX 1024 /* of a longer query, pairs would not be reached */
#define FIELDS_MAX 65536    /* as many as dlrd ever takes */

#define UNRESERVED "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~"
#define RESERVED "!*'();:@,/?$[]|{}^\"<>\\`"

enum space { SPACE_AS_IS, SPACE_TO_PLUS, PLUS_TO_SPACE };
enum hex_case { HEX_AS_IS, HEX_UPPER, HEX_LOWER };

/* One way of spelling the same query otherwise; decode and encode name bytes, NULL for none. */
struct spelling {
	const char *decode; /* written as they are where they were escaped */
	const char *encode; /* escaped where they were not */
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
    {.decode = ",", .weight = ONE},
    {.encode = ",", .weight = ONE},
    {.decode = "|", .weight = ONE},
    {.encode = "|", .weight = ONE},
    {.encode = "~", .weight = ONE},
    {.encode = "-._~", .weight = ODD},
    {.decode = "@:", .weight = ODD},
    {.decode = ",|", .weight = ODD},
    {.decode = ":,|", .weight = ODD},
    {.decode = "/", .weight = ODD},
    {.encode = "/", .weight = ODD},
    {.decode = "!*()'", .weight = ODD},
    {.encode = "!*()'", .weight = ODD},
    {.decode = RESERVED, .weight = ONE},
    {.encode = RESERVED, .weight = ONE},
    {.high_raw = true, .weight = ONE},
    {.high_escaped = true, .weight = ONE},
    /* As programs write a query that they have read. */
    {.decode = UNRESERVED, .encode = RESERVED, .hex = HEX_UPPER, .weight = ODD},
    {UNRESERVED, RESERVED, SPACE_TO_PLUS, HEX_UPPER, false, true, ODD},
    {UNRESERVED, RESERVED, PLUS_TO_SPACE, HEX_UPPER, false, true, ODD},
    {UNRESERVED RESERVED, NULL, SPACE_TO_PLUS, HEX_AS_IS, true, false, ODD},
    {UNRESERVED RESERVED, NULL, PLUS_TO_SPACE, HEX_AS_IS, true, false, ODD},
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

/* The byte that an escape at the start of text stands for, or -1. */
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

static void
add(struct variants *variants, struct buffer *scratch, enum variant_weight weight)
{
	if (!scratch->failed)
		variants_add(
		    variants, VARIANT_QUERY, buffer_slice(scratch), weight, VARIANT_BODY_AS_CAME);
	buffer_clear(scratch);
}

/* A query's parameters as they stand. */
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

static void
swap(struct slice *a, struct slice *b)
{
	struct slice kept = *a;
	*a = *b;
	*b = kept;
}

/* Every order of the pieces from `first` on. */
static void
add_orders(struct variants *variants, struct buffer *scratch, struct pieces *pieces, size_t first)
{
	if (first + 1 >= pieces->count) {
		append_pieces(scratch, pieces, 0, pieces->count);
		add(variants, scratch, pieces->count <= 3 ? ONE : ODD);
		return;
	}
	for (size_t i = first; i < pieces->count; i++) {
		swap(&pieces->items[first], &pieces->items[i]);
		add_orders(variants, scratch, pieces, first + 1);
		swap(&pieces->items[first], &pieces->items[i]);
	}
}

static void
add_hash_last(struct variants *variants, struct buffer *scratch, const struct pieces *pieces)
{
	struct pieces moved = {.count = 0};
	for (int is_hash = 0; is_hash < 2; is_hash++)
		for (size_t i = 0; i < pieces->count; i++)
			if (slice_starts_with(pieces->items[i], SLICE("bodySHA256=")) == is_hash)
				moved.items[moved.count++] = pieces->items[i];
	append_pieces(scratch, &moved, 0, moved.count);
	add(variants, scratch, ONE);
}

/* "a=" and "a" say the same. */
static void
add_blank_spellings(struct variants *variants, struct buffer *scratch, const struct pieces *pieces)
{
	for (int wants_mark = 0; wants_mark < 2; wants_mark++) {
		for (size_t i = 0; i < pieces->count; i++) {
			struct slice piece = pieces->items[i];
			bool has_mark = slice_find(piece, '=') < piece.len;
			if (!wants_mark && has_mark && piece.ptr[piece.len - 1] == '=')
				piece.len--;
			buffer_append_byte(scratch, i == 0 ? '?' : '&');
			buffer_append(scratch, piece);
			if (wants_mark && !has_mark && piece.len > 0)
				buffer_append_byte(scratch, '=');
		}
		add(variants, scratch, ONE);
	}
}

static void
add_spellings(struct variants *variants, struct buffer *scratch, struct slice query)
{
	for (size_t i = 0; i < sizeof spellings / sizeof spellings[0]; i++) {
		spell(scratch, query, &spellings[i]);
		add(variants, scratch, spellings[i].weight);
	}
}

static void
add_sorted_spellings(struct variants *variants, struct buffer *scratch, struct slice query)
{
	struct buffer spelled = BUFFER_EMPTY;
	struct pieces pieces;
	for (size_t i = 0; i < sizeof spellings / sizeof spellings[0]; i++) {
		buffer_clear(&spelled);
		spell(&spelled, query, &spellings[i]);
		if (!spelled.failed && read_pieces(slice_from(buffer_slice(&spelled), 1), &pieces))
			append_sorted(scratch, &pieces);
		if (scratch->len > 0)
			add(variants, scratch, VARIANT_PAIR);
	}
	buffer_done(&spelled);
}

/* A proxy may have put a parameter of its own before or behind. */
static void
add_shortened(struct variants *variants, struct buffer *scratch, const struct pieces *pieces)
{
	if (pieces->count < 2)
		return;
	append_pieces(scratch, pieces, 0, pieces->count - 1);
	add(variants, scratch, ODD);
	append_pieces(scratch, pieces, 1, pieces->count);
	add(variants, scratch, ODD);
}

static void
add_reordered(struct variants *variants, struct buffer *scratch, const struct pieces *pieces)
{
	append_sorted(scratch, pieces);
	add(variants, scratch, ONE);
	add_hash_last(variants, scratch, pieces);
	struct pieces turned = *pieces;
	if (pieces->count <= QUERY_VARIANTS_ORDERS_OF)
		add_orders(variants, scratch, &turned, 0);
}

void
query_variants_add(struct variants *variants, struct slice query, struct slice original)
{
	struct buffer scratch = BUFFER_EMPTY;
	struct pieces pieces;
	if (query.ptr != NULL) {
		buffer_append_byte(&scratch, '?');
		buffer_append(&scratch, query);
	}
	add(variants, &scratch, VARIANT_AS_CAME);
	if (original.ptr != NULL) {
		buffer_append(&scratch, slice_from(original, url_path(original).len));
		add(variants, &scratch, VARIANT_TOLD);
	}
	if (query.ptr != NULL) {
		bool few = read_pieces(query, &pieces);
		add(variants, &scratch, VARIANT_DEVIATION); /* none at all */
		add_spellings(variants, &scratch, query);
		if (few) {
			add_blank_spellings(variants, &scratch, &pieces);
			add_shortened(variants, &scratch, &pieces);
			add_reordered(variants, &scratch, &pieces);
			if (query.len <= SORTED_LEN_MAX)
				add_sorted_spellings(variants, &scratch, query);
		}
	}
	buffer_done(&scratch);
}

/* Where the first parameter begins whose name starts with a capital letter, or query.len. */
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

static void
add_split(struct variants *variants, struct slice query, size_t at)
{
	struct form form = FORM_EMPTY;
	struct buffer kept = BUFFER_EMPTY, parameters = BUFFER_EMPTY;
	if (at > 1) { /* without the & before the cut */
		buffer_append_byte(&kept, '?');
		buffer_append(&kept, (struct slice){query.ptr, at - 1});
	}
	if (form_decode(&form, slice_from(query, at), FIELDS_MAX) == RESULT_OK &&
	    signature_append_parameters(&parameters, &form) == RESULT_OK && !kept.failed)
		variants_add_split_query(
		    variants, buffer_slice(&kept), buffer_slice(&parameters), VARIANT_DEVIATION);
	form_done(&form);
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
		add_split(variants, query, at);
	if (at > 0)
		add_split(variants, query, 0);
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

/* Whether each piece of one stands in the other, byte for byte. */
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
compare_forms(struct form *came, struct form *signed_form, struct slice a, struct slice b)
{
	if (came->count < signed_form->count)
		return QUERY_LOST;
	if (came->count > signed_form->count)
		return QUERY_ADDED;
	if (fields_equal(came, signed_form))
		return QUERY_ENCODING;
	if (came->count > 0) {
		qsort(came->fields, came->count, sizeof *came->fields, compare_fields);
		qsort(
		    signed_form->fields, signed_form->count, sizeof *came->fields, compare_fields);
	}
	if (!fields_equal(came, signed_form))
		return QUERY_ADDED;
	return same_spelling(a, b) ? QUERY_ORDER : QUERY_ORDER_AND_ENCODING;
}

enum query_difference
query_compare(struct slice came, struct slice signed_query)
{
	enum query_difference difference = QUERY_ENCODING;
	struct slice a = came.len > 0 ? slice_from(came, 1) : SLICE("");
	struct slice b = signed_query.len > 0 ? slice_from(signed_query, 1) : SLICE("");
	struct form came_form = FORM_EMPTY, signed_form = FORM_EMPTY;
	if (slice_equal(came, signed_query))
		return QUERY_SAME;
	if (form_decode(&came_form, a, FIELDS_MAX) == RESULT_OK &&
	    form_decode(&signed_form, b, FIELDS_MAX) == RESULT_OK)
		difference = compare_forms(&came_form, &signed_form, a, b);
	form_done(&came_form);
	form_done(&signed_form);
	return difference;
}
