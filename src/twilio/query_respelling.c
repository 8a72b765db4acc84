#include "dlrd/twilio/query_respelling.h"

#include "dlrd/twilio/url.h"

#include <string.h>

/* Characters that may be spelled in two ways, the likeliest first. The last three, like letters and
 * digits, are only unescaped: no program escapes them if they were raw. */
static const char respelled[] = ":@',/!();*?$~-._";
#define RESPELLED_COUNT (sizeof respelled - 1)
#define PLAIN_COUNT 3 /* of the last ones */

/* With more characters than this, not every combination is tried. */
#define COMBINED_MAX 3

enum spelling { AS_RECEIVED, RAW, ESCAPED };

/* The spelling of each character, by its place in respelled. */
struct plan {
	enum spelling characters[RESPELLED_COUNT];
	enum spelling alphanumeric; /* never ESCAPED */
	bool turn_hex;              /* swap upper and lower case of hexadecimal digits */
};

/* The characters of a query that may be respelled. */
struct survey {
	size_t places[RESPELLED_COUNT]; /* in respelled */
	bool escaped[RESPELLED_COUNT];  /* by place: somewhere in the query */
	size_t count;
	/* Letters or digits are escaped, and may be unescaped. If there is a percent sign without
	 * an escape they may not, since they could complete it: "%%32%36" would be an ampersand. */
	bool alphanumeric;
};

/* Returns the first byte of text, decoded if escaped; -1 for a percent sign without an escape. */
static int
first_byte(struct slice text, bool *out_escaped)
{
	*out_escaped = text.ptr[0] == '%';
	return *out_escaped ? slice_escaped_byte(text) : (unsigned char)text.ptr[0];
}

/* Returns RESPELLED_COUNT for another byte. */
static size_t
place_of(int byte)
{
	const char *found = byte <= 0 ? NULL : strchr(respelled, byte);
	return found == NULL ? RESPELLED_COUNT : (size_t)(found - respelled);
}

static bool
is_alphanumeric(int byte)
{
	return (byte >= '0' && byte <= '9') || (byte >= 'a' && byte <= 'z') ||
	       (byte >= 'A' && byte <= 'Z');
}

static void
take_survey(struct slice query, struct survey *survey)
{
	bool seen[RESPELLED_COUNT] = {false}, stray_percent = false;

	*survey = (struct survey){.count = 0};
	while (query.len > 0) {
		bool escaped;
		int byte = first_byte(query, &escaped);
		size_t place = place_of(byte);
		if (place < RESPELLED_COUNT) {
			survey->escaped[place] |= escaped;
			seen[place] |= escaped || place < RESPELLED_COUNT - PLAIN_COUNT;
		}
		survey->alphanumeric |= escaped && is_alphanumeric(byte);
		stray_percent |= byte < 0;
		query = slice_from(query, escaped && byte >= 0 ? 3 : 1);
	}
	survey->alphanumeric &= !stray_percent;
	for (size_t place = 0; place < RESPELLED_COUNT; place++)
		if (seen[place])
			survey->places[survey->count++] = place;
}

static void
append_escape(struct buffer *out, const struct plan *plan, struct slice came, int byte)
{
	char escape[3] = {'%', "0123456789ABCDEF"[byte / 16], "0123456789ABCDEF"[byte % 16]};

	if (came.ptr[0] == '%')
		memcpy(escape, came.ptr, sizeof escape);
	for (size_t i = 1; i < sizeof escape && plan->turn_hex; i++)
		if (escape[i] > '9')
			escape[i] ^= 0x20;
	buffer_append(out, (struct slice){escape, sizeof escape});
}

static void
spell(struct buffer *out, struct slice query, const struct plan *plan)
{
	while (query.len > 0) {
		bool escaped;
		int byte = first_byte(query, &escaped);
		struct slice came = {query.ptr, escaped && byte >= 0 ? 3 : 1};
		size_t place = place_of(byte);
		enum spelling wanted = place < RESPELLED_COUNT ? plan->characters[place]
				       : is_alphanumeric(byte) ? plan->alphanumeric
							       : AS_RECEIVED;
		bool known = place < RESPELLED_COUNT;
		if (wanted == RAW)
			buffer_append_byte(out, (char)byte);
		else if (known && (wanted == ESCAPED || (escaped && plan->turn_hex)))
			append_escape(out, plan, came, byte);
		else
			buffer_append(out, came);
		query = slice_from(query, came.len);
	}
}

/* Chooses the combination of the few characters by the bits of index; the last one swaps the case
 * of hexadecimal digits. Returns false after it. */
static bool
combine(const struct survey *survey, size_t index, struct plan *plan)
{
	size_t combinations = (size_t)1 << survey->count;

	if (index == combinations && survey->alphanumeric) /* the rest as received */
		plan->alphanumeric = AS_RECEIVED;
	plan->turn_hex = index == combinations;
	for (size_t i = 0; i < survey->count && index < combinations; i++)
		plan->characters[survey->places[i]] = (index >> i & 1) != 0 ? ESCAPED : RAW;
	return index <= combinations;
}

static void
turn(const struct survey *survey, size_t place, struct plan *plan)
{
	plan->characters[place] = survey->escaped[place] ? RAW : ESCAPED;
}

/* Chooses, by index: all raw; all escaped; one character changed, with : and @ also together; the
 * case of hexadecimal digits. Returns false after the last. */
static bool
choose(const struct survey *survey, size_t index, struct plan *plan)
{
	if (index < 2) {
		for (size_t i = 0; i < survey->count; i++)
			plan->characters[survey->places[i]] = index == 0 ? RAW : ESCAPED;
		return true;
	}
	plan->alphanumeric = AS_RECEIVED;
	if (index == 2)
		turn(survey, survey->places[0], plan);
	else if (index == 3) {
		turn(survey, survey->places[0], plan);
		turn(survey, survey->places[1], plan);
	} else if (index - 3 < survey->count)
		turn(survey, survey->places[index - 3], plan);
	else
		plan->turn_hex = true;
	return index <= survey->count + 3;
}

/* Returns whether the text from start is target or an earlier result. */
static bool
is_known(struct slice target, const struct buffer *out, size_t start,
    const struct query_respellings *found)
{
	struct slice text = slice_from(buffer_slice(out), start);

	if (slice_equal(text, target))
		return true;
	for (size_t i = 0; i < found->count; i++)
		if (slice_equal(text, (struct slice){out->ptr + found->starts[i], found->lens[i]}))
			return true;
	return false;
}

size_t
query_respellings_bytes(struct slice target, size_t most)
{
	return most * (3 * target.len + 1);
}

void
query_respellings_write(
    struct slice target, size_t most, struct buffer *out, struct query_respellings *out_found)
{
	struct survey survey;
	struct slice path = url_path(target), query = url_query(target);

	*out_found = (struct query_respellings){.count = 0};
	take_survey(query, &survey);
	if (most > QUERY_RESPELLINGS_MAX)
		most = QUERY_RESPELLINGS_MAX;
	if (survey.count == 0 && !survey.alphanumeric)
		return;

	/* One allocation, of no more than the text. */
	buffer_reserve(out, query_respellings_bytes(target, most));
	for (size_t index = 0; out_found->count < most && !out->failed; index++) {
		struct plan plan = {.alphanumeric = survey.alphanumeric ? RAW : AS_RECEIVED};
		bool more = survey.count <= COMBINED_MAX ? combine(&survey, index, &plan)
							 : choose(&survey, index, &plan);
		if (!more)
			return;
		size_t start = out->len;
		buffer_append(out, path);
		buffer_append_byte(out, '?');
		spell(out, query, &plan);
		if (out->failed)
			out_found->count = 0;
		else if (is_known(target, out, start, out_found))
			out->len = start;
		else {
			out_found->starts[out_found->count] = start;
			out_found->lens[out_found->count++] = out->len - start;
		}
	}
}
