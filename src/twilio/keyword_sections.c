#include "dlrd/twilio/keyword_sections.h"

#include "dlrd/base/buffer.h"
#include "dlrd/twilio/url.h"
#include "keyword_rows.h"
#include "words.h"

#include <stdlib.h>
#include <string.h>

static enum result
copy(struct slice text, struct slice *out_copy)
{
	char *copied = malloc(text.len + 1);
	if (copied == NULL)
		return RESULT_NO_MEMORY;
	if (text.len > 0)
		memcpy(copied, text.ptr, text.len);
	copied[text.len] = '\0';
	*out_copy = (struct slice){copied, text.len};
	return RESULT_OK;
}

static void
drop(struct slice text)
{
	free((char *)text.ptr);
}

static enum result
add_section(struct keywords *keywords, enum keyword keyword, struct slice name, struct slice label)
{
	struct keyword_section section = {.keyword = keyword, .scope = KEYWORD_SCOPE_ALL};
	struct keyword_section *more =
	    realloc(keywords->sections, (keywords->section_count + 1) * sizeof *more);
	if (more == NULL)
		return RESULT_NO_MEMORY;
	keywords->sections = more;
	if (copy(name, &section.name) != RESULT_OK || copy(label, &section.label) != RESULT_OK) {
		drop(section.name);
		return RESULT_NO_MEMORY;
	}
	keywords->sections[keywords->section_count++] = section;
	return RESULT_OK;
}

enum result
keywords_new(struct keywords **out_keywords)
{
	struct keywords *keywords = calloc(1, sizeof *keywords);
	if (keywords == NULL)
		return RESULT_NO_MEMORY;
	/* Load the locale here, since the first message may arrive in a thread that must not wait.
	 */
	words_know_unicode();
	for (int keyword = KEYWORD_STOP; keyword <= KEYWORD_RESERVED; keyword++)
		if (add_section(keywords, (enum keyword)keyword,
			keyword_reserved_name((enum keyword)keyword), SLICE("")) != RESULT_OK) {
			keywords_free(keywords);
			return RESULT_NO_MEMORY;
		}
	*out_keywords = keywords;
	return RESULT_OK;
}

/* Returns the index of the section, or section_count. */
static size_t
find_section(const struct keywords *keywords, struct slice name, struct slice label)
{
	size_t i = 0;
	while (i < keywords->section_count &&
	       !(slice_equal_nocase(name, keywords->sections[i].name) &&
		   slice_equal_nocase(label, keywords->sections[i].label)))
		i++;
	return i;
}

static struct slice
split_heading(struct slice heading, struct slice *out_label)
{
	struct slice label = heading, name = slice_take(&label, ' ');
	*out_label = label.ptr == NULL ? SLICE("") : label;
	return name;
}

const struct keyword_section *
keywords_find(const struct keywords *keywords, struct slice heading)
{
	struct slice label, name = split_heading(heading, &label);
	size_t i = find_section(keywords, name, label);
	return i == keywords->section_count ? NULL : &keywords->sections[i];
}

/* Finds the section of that heading, or adds it. */
static enum result
find_or_add_section(
    struct keywords *keywords, struct slice heading, size_t *out_section, struct failure *failure)
{
	struct slice label, name = split_heading(heading, &label);
	size_t i = find_section(keywords, name, label);
	/* Replies are stored with the name as it is written first. */
	for (size_t k = 0; k < keywords->section_count; k++)
		if (slice_equal_nocase(name, keywords->sections[k].name))
			name = keywords->sections[k].name;
	if (i == keywords->section_count &&
	    add_section(keywords, keyword_of_name(name), name, label) != RESULT_OK)
		return failure_set(failure, RESULT_NO_MEMORY, "no memory");
	*out_section = i;
	return RESULT_OK;
}

/* --- words --- */

/* Returns the number of characters, or SIZE_MAX if text is not UTF-8 or has a control character. */
static size_t
count_characters(struct slice text, bool *out_ascii)
{
	size_t count = 0;
	*out_ascii = true;
	for (; text.len > 0; count++) {
		wchar_t character = words_take_character(&text);
		if (character < 0x20 || (character >= 0x7f && character < 0xa0) ||
		    (character >= 0xd800 && character < 0xe000))
			return SIZE_MAX;
		*out_ascii &= character < 0x80;
	}
	return count;
}

static enum result
check_spelling(struct slice word, struct failure *failure)
{
	bool ascii;
	size_t bare = keyword_without_punctuation(word).len;
	if (word.len == 0)
		return failure_set(failure, RESULT_INVALID, "a word is empty");
	if (word.len > KEYWORD_WORD_MAX)
		return failure_set(failure, RESULT_INVALID, "\"%.*s\" is longer than %d bytes",
		    SLICE_ARG(word), KEYWORD_WORD_MAX);
	if (count_characters(word, &ascii) == SIZE_MAX)
		return failure_set(
		    failure, RESULT_INVALID, "a word is not UTF-8 text or has a control character");
	if (!ascii && !words_know_unicode())
		return failure_set(failure, RESULT_INVALID,
		    "\"%.*s\" is not ASCII, which needs the system's locale C.UTF-8 to compare "
		    "upper and lower case; install that locale",
		    SLICE_ARG(word));
	if (keyword_trim(word).len != word.len || (bare != word.len && bare != 0))
		return failure_set(failure, RESULT_INVALID,
		    "\"%.*s\" has punctuation or white space at its end, which is removed from a "
		    "message before it is compared; leave it out",
		    SLICE_ARG(word));
	return RESULT_OK;
}

/* Whether the word is neither Twilio's nor in the section. */
static enum result
check_is_new(
    const struct keywords *keywords, const struct configured_word *own, struct failure *failure)
{
	struct slice listed;
	enum keyword keyword = keyword_find_default(own->folded, own->folded_len, &listed);
	if (keyword != KEYWORD_NONE)
		return failure_set(failure, RESULT_INVALID,
		    "\"%.*s\" is already listed by Twilio, for %.*s", SLICE_ARG(own->word),
		    SLICE_ARG(keyword_reserved_name(keyword)));
	for (size_t i = 0; i < keywords->word_count; i++)
		if (keywords->words[i].section == own->section &&
		    keyword_same_word(own, &keywords->words[i]))
			return failure_set(failure, RESULT_INVALID,
			    "\"%.*s\" is already listed, for %.*s", SLICE_ARG(own->word),
			    SLICE_ARG(keywords->sections[own->section].name));
	return RESULT_OK;
}

static bool
has_words(const struct keywords *keywords, size_t section)
{
	for (size_t i = 0; i < keywords->word_count; i++)
		if (keywords->words[i].section == section)
			return true;
	return false;
}

/* Adds "*", or reports that another word is next to it. */
static enum result
add_catch_all(struct keywords *keywords, size_t section, struct failure *failure)
{
	struct keyword_section *own = &keywords->sections[section];
	if (own->keyword <= KEYWORD_RESERVED)
		return failure_set(failure, RESULT_INVALID,
		    "\"*\" would make %.*s of every message; write [keyword other], whose reply "
		    "answers messages that are no keyword",
		    SLICE_ARG(own->name));
	if (own->catch_all || has_words(keywords, section))
		return failure_set(failure, RESULT_INVALID,
		    "\"*\" stands for all messages that are no keyword, and is the only word of "
		    "its section; write other words in another section");
	own->catch_all = true;
	return RESULT_OK;
}

static enum result
append_word(struct keywords *keywords, struct configured_word *own, struct failure *failure)
{
	struct configured_word *more =
	    realloc(keywords->words, (keywords->word_count + 1) * sizeof *more);
	if (more != NULL)
		keywords->words = more;
	if (more == NULL || copy(own->word, &own->word) != RESULT_OK)
		return failure_set(failure, RESULT_NO_MEMORY, "no memory");
	keywords->words[keywords->word_count++] = *own;
	return RESULT_OK;
}

enum result
keywords_add_word(
    struct keywords *keywords, struct slice heading, struct slice word, struct failure *failure)
{
	struct configured_word own = {.word = word};
	enum result result = check_spelling(word, failure);
	if (result == RESULT_OK)
		result = find_or_add_section(keywords, heading, &own.section, failure);
	if (result != RESULT_OK)
		return result;
	if (slice_equal(word, SLICE("*")) || keywords->sections[own.section].catch_all)
		return add_catch_all(keywords, own.section, failure);

	own.folded_len = keyword_fold(word, own.folded);
	if (words_space(word, KEYWORD_WORD_MAX, own.spaced) == 0)
		own.spaced[1] = '\0'; /* punctuation alone is not searched for in texts */
	result = check_is_new(keywords, &own, failure);
	if (result == RESULT_OK && keywords->word_count == KEYWORD_WORDS_MAX)
		result =
		    failure_set(failure, RESULT_LIMIT, "more than %d words", KEYWORD_WORDS_MAX);
	return result == RESULT_OK ? append_word(keywords, &own, failure) : result;
}

/* --- answers --- */

bool
keyword_section_answers(const struct keyword_section *section)
{
	return section->reply.len > 0 || section->media.len > 0;
}

/* offset: of the text in the section. */
static enum result
set_answer(struct keywords *keywords, struct slice heading, size_t offset, struct slice text,
    struct failure *failure)
{
	size_t section = 0;
	struct slice copied = SLICE_NONE;
	enum result result = find_or_add_section(keywords, heading, &section, failure);
	if (result != RESULT_OK)
		return result;
	if (text.len > 0 && copy(text, &copied) != RESULT_OK)
		return failure_set(failure, RESULT_NO_MEMORY, "no memory");

	char *base = (char *)&keywords->sections[section];
	struct slice *held = (struct slice *)(void *)(base + offset);
	drop(*held);
	*held = copied;
	return RESULT_OK;
}

static enum result
check_may_answer(struct slice heading, struct failure *failure)
{
	if (keyword_of_name(slice_take(&heading, ' ')) == KEYWORD_STOP)
		return failure_set(failure, RESULT_INVALID,
		    "Twilio itself replies to an opt-out and then blocks the number, so another "
		    "reply would fail (error 21610); leave it out");
	return RESULT_OK;
}

enum result
keywords_set_reply(
    struct keywords *keywords, struct slice heading, struct slice reply, struct failure *failure)
{
	bool ascii;
	size_t len = count_characters(reply, &ascii);
	enum result result = check_may_answer(heading, failure);
	if (result != RESULT_OK)
		return result;
	if (len == SIZE_MAX)
		return failure_set(
		    failure, RESULT_INVALID, "is not UTF-8 text or has a control character");
	if (len > WORDS_TEXT_MAX)
		return failure_set(
		    failure, RESULT_INVALID, "is longer than %d characters", WORDS_TEXT_MAX);
	return set_answer(
	    keywords, heading, offsetof(struct keyword_section, reply), reply, failure);
}

/* Whether Twilio can fetch the link, as far as its text shows. */
static bool
is_link(struct slice link)
{
	struct slice base, target;
	for (size_t i = 0; i < link.len; i++)
		if (link.ptr[i] <= 0x20 || link.ptr[i] >= 0x7f)
			return false;
	return link.len <= KEYWORD_MEDIA_MAX && url_split(link, &base, &target) == RESULT_OK;
}

enum result
keywords_set_media(
    struct keywords *keywords, struct slice heading, struct slice link, struct failure *failure)
{
	enum result result = check_may_answer(heading, failure);
	if (result != RESULT_OK)
		return result;
	if (link.len > 0 && !is_link(link))
		return failure_set(failure, RESULT_INVALID,
		    "is not a link that Twilio can fetch; write one URL without spaces, such as "
		    "https://example.com/welcome.jpg, of at most %d bytes",
		    KEYWORD_MEDIA_MAX);
	return set_answer(
	    keywords, heading, offsetof(struct keyword_section, media), link, failure);
}

/* --- limits --- */

enum result
keywords_limit(struct keywords *keywords, struct slice heading, enum keyword_list list,
    struct slice value, struct failure *failure)
{
	size_t section = 0;
	enum result result = find_or_add_section(keywords, heading, &section, failure);
	return result == RESULT_OK
		   ? keyword_scope_add(&keywords->sections[section].scope, list, value, failure)
		   : result;
}

enum result
keywords_limit_time(struct keywords *keywords, struct slice heading, int64_t from_us,
    int64_t until_us, struct failure *failure)
{
	size_t section = 0;
	enum result result = find_or_add_section(keywords, heading, &section, failure);
	if (result != RESULT_OK)
		return result;

	keywords->sections[section].scope.from_us = from_us;
	keywords->sections[section].scope.until_us = until_us;
	return RESULT_OK;
}

/* --- all of them --- */

enum result
keywords_each(const struct keywords *keywords, keyword_section_fn on_section, void *context)
{
	struct buffer words = BUFFER_EMPTY;
	for (size_t i = 0; i < keywords->section_count && !words.failed; i++) {
		const struct keyword_section *section = &keywords->sections[i];
		buffer_clear(&words);
		if (section->catch_all)
			buffer_append(&words, SLICE("*"));
		for (size_t w = 0; w < keywords->word_count; w++) {
			if (keywords->words[w].section != i)
				continue;
			buffer_append(&words, words.len > 0 ? SLICE(", ") : SLICE(""));
			buffer_append(&words, keywords->words[w].word);
		}
		if (!words.failed && (words.len > 0 || keyword_section_answers(section)))
			on_section(context, section, buffer_slice(&words));
	}
	enum result result = words.failed ? RESULT_NO_MEMORY : RESULT_OK;
	buffer_done(&words);
	return result;
}

void
keywords_free(struct keywords *keywords)
{
	if (keywords == NULL)
		return;
	for (size_t i = 0; i < keywords->section_count; i++) {
		struct keyword_section *section = &keywords->sections[i];
		drop(section->name);
		drop(section->label);
		drop(section->reply);
		drop(section->media);
		keyword_scope_done(&section->scope);
	}
	for (size_t i = 0; i < keywords->word_count; i++)
		drop(keywords->words[i].word);
	free(keywords->sections);
	free(keywords->words);
	free(keywords);
}
