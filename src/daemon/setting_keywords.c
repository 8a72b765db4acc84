#include "setting_keywords.h"

#include "dlrd/base/clock.h"

#define KEYWORD_NAME_MAX 32 /* bytes of a name, and of a label */

typedef enum result (*value_fn)(struct keywords *keywords, struct slice heading, int argument,
    struct slice value, struct failure *failure);

static enum result
add_word(struct keywords *keywords, struct slice heading, int argument, struct slice value,
    struct failure *failure)
{
	(void)argument;
	return keywords_add_word(keywords, heading, value, failure);
}

static enum result
add_limit(struct keywords *keywords, struct slice heading, int argument, struct slice value,
    struct failure *failure)
{
	return keywords_limit(keywords, heading, (enum keyword_list)argument, value, failure);
}

/* Passes on each value of a list. RESULT_INVALID, with failure, for an empty one. */
static enum result
take_list(struct keywords *keywords, struct slice heading, struct slice values, value_fn on_value,
    int argument, struct failure *failure)
{
	bool any = false;
	while (values.ptr != NULL) {
		struct slice value = slice_trim(slice_take(&values, ','));
		if (value.len == 0)
			continue;
		enum result result = on_value(keywords, heading, argument, value, failure);
		if (result != RESULT_OK)
			return result;
		any = true;
	}
	return any ? RESULT_OK : RESULT_NOT_FOUND;
}

static enum result
take_words(
    struct keywords *keywords, struct slice heading, struct slice words, struct failure *failure)
{
	struct slice rest = heading, name = slice_take(&rest, ' ');
	enum result result = take_list(keywords, heading, words, add_word, 0, failure);
	if (result != RESULT_NOT_FOUND)
		return result;
	return keyword_of_name(name) != KEYWORD_OTHER
		   ? RESULT_OK
		   : failure_set(failure, RESULT_INVALID,
			 "is empty; write the words of this keyword, comma-separated");
}

/* A list of commas alone would limit nothing, and is more likely a mistake. */
static enum result
take_limit(struct keywords *keywords, struct slice heading, enum keyword_list list,
    struct slice values, struct failure *failure)
{
	enum result result = take_list(keywords, heading, values, add_limit, (int)list, failure);
	return result != RESULT_NOT_FOUND
		   ? result
		   : failure_set(failure, RESULT_INVALID,
			 "has no value; write the values, comma-separated, or leave the key out");
}

static enum result
take_time(struct keywords *keywords, struct slice heading, bool is_until, struct slice value,
    struct failure *failure)
{
	const struct keyword_section *section = keywords_find(keywords, heading);
	int64_t from_us = section == NULL ? 0 : section->scope.from_us;
	int64_t until_us = section == NULL ? INT64_MAX : section->scope.until_us;
	if (clock_parse(value, is_until ? &until_us : &from_us) != RESULT_OK)
		return failure_set(failure, RESULT_INVALID,
		    "\"%.*s\" is not a time; write 2026-12-24, its first moment in UTC, or "
		    "2026-12-24T18:00:00+01:00",
		    SLICE_ARG(value));
	if (until_us <= from_us)
		return failure_set(failure, RESULT_INVALID,
		    "until is not later than from, so the section never applies; until is the "
		    "first moment that it does not apply to, so write a later one");
	return keywords_limit_time(keywords, heading, from_us, until_us, failure);
}

static bool
is_heading(struct slice heading)
{
	struct slice label = heading, name = slice_take(&label, ' ');
	return slice_is_name(name, "-_", KEYWORD_NAME_MAX) &&
	       (label.ptr == NULL || slice_is_name(label, "-_", KEYWORD_NAME_MAX));
}

static bool
is_key(struct slice key)
{
	static const char *const keys[] = {
	    "reply", "media", "senders", "services", "countries", "from", "until"};
	for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++)
		if (slice_equal(key, slice_of(keys[i])))
			return true;
	return false;
}

enum result
setting_keyword_key(struct keywords *keywords, struct slice heading, struct slice key,
    struct slice value, struct failure *failure)
{
	bool readable = is_heading(heading);
	if (key.ptr == NULL && !readable)
		return failure_set(failure, RESULT_INVALID,
		    "\"%.*s\" is not a valid name; write [keyword join], or [keyword join summer] "
		    "for another section of that name, each of the two with 1 to %d letters, "
		    "digits, - or _",
		    SLICE_ARG(heading), KEYWORD_NAME_MAX);
	if (key.ptr == NULL || !readable)
		return RESULT_OK; /* the section begins, or was reported then */
	if (slice_equal(key, SLICE("words")))
		return take_words(keywords, heading, value, failure);
	if (!is_key(key))
		return failure_set(failure, RESULT_INVALID,
		    "unknown key; a keyword has words, reply, media, senders, services, countries, "
		    "from and until");
	if (value.len == 0)
		return RESULT_OK;
	if (slice_equal(key, SLICE("reply")))
		return keywords_set_reply(keywords, heading, value, failure);
	if (slice_equal(key, SLICE("media")))
		return keywords_set_media(keywords, heading, value, failure);
	for (int list = 0; list < KEYWORD_LIST_COUNT; list++)
		if (slice_equal(key, slice_of(keyword_list_key((enum keyword_list)list))))
			return take_limit(
			    keywords, heading, (enum keyword_list)list, value, failure);
	return take_time(keywords, heading, slice_equal(key, SLICE("until")), value, failure);
}

static void
print_time(struct buffer *out, const char *key, int64_t wall_us, int64_t none)
{
	char text[CLOCK_TEXT_SIZE];
	buffer_appendf(out, "%s = %s\n", key, wall_us == none ? "" : clock_format(wall_us, text));
}

static void
print_section(void *context, const struct keyword_section *section, struct slice words)
{
	struct buffer *out = context;
	buffer_appendf(out, "\n[keyword %.*s%s%.*s]\nwords = %.*s\nreply = %.*s\nmedia = %.*s\n",
	    SLICE_ARG(section->name), section->label.len > 0 ? " " : "", SLICE_ARG(section->label),
	    SLICE_ARG(words), SLICE_ARG(section->reply), SLICE_ARG(section->media));
	for (int list = 0; list < KEYWORD_LIST_COUNT; list++) {
		buffer_appendf(out, "%s = ", keyword_list_key((enum keyword_list)list));
		keyword_scope_write(&section->scope, (enum keyword_list)list, out);
		buffer_append_byte(out, '\n');
	}
	print_time(out, "from", section->scope.from_us, 0);
	print_time(out, "until", section->scope.until_us, INT64_MAX);
}

void
setting_keywords_print(const struct keywords *keywords, struct buffer *out)
{
	if (keywords_each(keywords, print_section, out) != RESULT_OK)
		out->failed = true;
}
