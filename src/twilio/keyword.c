#include "dlrd/twilio/keyword.h"

#include "dlrd/base/buffer.h"
#include "near_miss.h"
#include "words.h"

#include <stdlib.h>
#include <string.h>

/* Twilio's lists: each word, and its form after case folding. */
static const struct {
	struct slice word;
	const wchar_t *folded;
	enum keyword keyword;
} defaults[] = {
    {SLICE_INIT("STOP"), L"stop", KEYWORD_STOP},
    {SLICE_INIT("STOPALL"), L"stopall", KEYWORD_STOP},
    {SLICE_INIT("UNSUBSCRIBE"), L"unsubscribe", KEYWORD_STOP},
    {SLICE_INIT("CANCEL"), L"cancel", KEYWORD_STOP},
    {SLICE_INIT("END"), L"end", KEYWORD_STOP},
    {SLICE_INIT("QUIT"), L"quit", KEYWORD_STOP},
    {SLICE_INIT("REVOKE"), L"revoke", KEYWORD_STOP}, /* since 14 May 2025, as OPTOUT */
    {SLICE_INIT("OPTOUT"), L"optout", KEYWORD_STOP},
    {SLICE_INIT("START"), L"start", KEYWORD_START},
    {SLICE_INIT("YES"), L"yes", KEYWORD_START},
    {SLICE_INIT("UNSTOP"), L"unstop", KEYWORD_START},
    {SLICE_INIT("HELP"), L"help", KEYWORD_HELP},
    {SLICE_INIT("INFO"), L"info", KEYWORD_HELP},
};

#define DEFAULT_COUNT (sizeof defaults / sizeof defaults[0])

static const struct slice keyword_names[] = {[KEYWORD_STOP] = SLICE_INIT("stop"),
    [KEYWORD_START] = SLICE_INIT("start"),
    [KEYWORD_HELP] = SLICE_INIT("help")};

/* The configuration of one name. Twilio's three always exist, at [keyword - 1]. */
struct section {
	enum keyword keyword;
	struct slice name, reply; /* owned; reply may be absent */
};

#define RESERVED KEYWORD_HELP /* the last of Twilio's keywords */

struct configured_word {
	struct slice word; /* owned */
	size_t section;
	wchar_t folded[KEYWORD_WORD_MAX];
	size_t folded_len;
	wchar_t spaced[KEYWORD_WORD_MAX + 3];
};

struct keywords {
	struct section *sections;
	size_t section_count;
	struct configured_word *words;
	size_t word_count;
};

/* Folds the case of text. Returns its length, or KEYWORD_WORD_MAX + 1 if text is longer than any
 * word. */
static size_t
fold_text(struct slice text, wchar_t out[KEYWORD_WORD_MAX])
{
	size_t len = 0;
	while (text.len > 0 && len <= KEYWORD_WORD_MAX) {
		wchar_t character = words_fold(words_take_character(&text));
		if (len < KEYWORD_WORD_MAX)
			out[len] = character;
		len++;
	}
	return len;
}

/* --- tolerated differences --- */

#define NO_BREAK_SPACE "\xc2\xa0"

/* Removes white space and no-break spaces, which telephones insert, from both ends. */
static struct slice
trim(struct slice text)
{
	for (size_t len = text.len + 1; text.len < len;) {
		len = text.len;
		text = slice_trim(text);
		if (slice_starts_with(text, SLICE(NO_BREAK_SPACE)))
			text = slice_from(text, 2);
		if (text.len >= 2 &&
		    slice_equal(slice_from(text, text.len - 2), SLICE(NO_BREAK_SPACE)))
			text.len -= 2;
	}
	return text;
}

static struct slice
without_punctuation(struct slice text)
{
	const struct slice marks = SLICE(".!?,;:\"'");
	text = trim(text);
	while (text.len > 0 && slice_find(marks, text.ptr[text.len - 1]) < marks.len)
		text = trim((struct slice){text.ptr, text.len - 1});
	return text;
}

/* --- matching --- */

static struct slice
reply_of(const struct keywords *keywords, size_t section)
{
	return keywords == NULL ? SLICE_NONE : keywords->sections[section].reply;
}

static bool
is_word(const wchar_t *folded, size_t len, const wchar_t *word, size_t word_len)
{
	return len == word_len && wmemcmp(folded, word, len) == 0;
}

/* Returns the keyword that has text as a word, in any case. */
static struct keyword_match
look_up(const struct keywords *keywords, struct slice text)
{
	wchar_t folded[KEYWORD_WORD_MAX];
	size_t len = fold_text(text, folded);
	for (size_t i = 0; i < DEFAULT_COUNT; i++)
		if (is_word(folded, len, defaults[i].folded, wcslen(defaults[i].folded)))
			return (struct keyword_match){.keyword = defaults[i].keyword,
			    .name = keyword_names[defaults[i].keyword],
			    .word = defaults[i].word,
			    .reply = reply_of(keywords, defaults[i].keyword - 1)};
	for (size_t i = 0; keywords != NULL && i < keywords->word_count; i++) {
		const struct configured_word *own = &keywords->words[i];
		if (!is_word(folded, len, own->folded, own->folded_len))
			continue;
		const struct section *section = &keywords->sections[own->section];
		return (struct keyword_match){.keyword = section->keyword,
		    .name = section->name,
		    .word = own->word,
		    .configured = true,
		    .reply = section->reply};
	}
	return (struct keyword_match){.keyword = KEYWORD_NONE};
}

static struct keyword_match
match_body(const struct keywords *keywords, struct slice body)
{
	struct keyword_match match = look_up(keywords, body);
	if (match.keyword != KEYWORD_NONE)
		return match;

	match = look_up(keywords, trim(body)); /* a word may be punctuation: "?" */
	if (match.keyword == KEYWORD_NONE)
		match = look_up(keywords, without_punctuation(body));
	if (match.keyword != KEYWORD_NONE)
		match.rule = KEYWORD_RULE_TOLERATED;
	return match;
}

enum keyword
keyword_of_name(struct slice name)
{
	for (int keyword = KEYWORD_STOP; keyword <= RESERVED; keyword++)
		if (slice_equal_nocase(name, keyword_names[keyword]))
			return (enum keyword)keyword;
	return KEYWORD_OTHER;
}

struct keyword_match
keywords_match(const struct keywords *keywords, struct slice body, struct slice opt_out_type)
{
	struct keyword_match match = match_body(keywords, body);
	enum keyword reported = keyword_of_name(opt_out_type);
	if (reported == KEYWORD_OTHER)
		return match;

	/* A person who writes STOP gets no reply, even if Twilio classifies it differently. */
	bool stop = match.keyword == KEYWORD_STOP;
	return (struct keyword_match){.keyword = reported,
	    .name = keyword_names[reported],
	    .rule = KEYWORD_RULE_OPT_OUT_TYPE,
	    .reply = stop ? SLICE_NONE : reply_of(keywords, reported - 1)};
}

/* Returns the first configured stop word that text contains. */
static struct slice
find_configured_word(const struct keywords *keywords, struct slice text)
{
	wchar_t spaced[WORDS_ROOM];
	if (keywords == NULL || keywords->word_count == 0)
		return SLICE_NONE;
	words_space(text, WORDS_TEXT_MAX, spaced);
	for (size_t i = 0; i < keywords->word_count; i++) {
		const struct configured_word *own = &keywords->words[i];
		if (keywords->sections[own->section].keyword == KEYWORD_STOP &&
		    own->spaced[1] != '\0' && wcsstr(spaced, own->spaced))
			return own->word;
	}
	return SLICE_NONE;
}

struct slice
keywords_near_miss(const struct keywords *keywords, struct slice body)
{
	struct slice found = SLICE_NONE;
	if (match_body(keywords, body).keyword != KEYWORD_NONE)
		return SLICE_NONE;

	struct near_miss_text own = near_miss_own_text(body);
	for (size_t i = 0; i < NEAR_MISS_PARTS && found.ptr == NULL; i++) {
		found = find_configured_word(keywords, own.parts[i]);
		if (found.ptr == NULL)
			found = near_miss_find(own.parts[i]);
	}
	return found;
}

/* --- configuration --- */

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
add_section(struct keywords *keywords, enum keyword keyword, struct slice name)
{
	struct section section = {.keyword = keyword};
	struct section *more =
	    realloc(keywords->sections, (keywords->section_count + 1) * sizeof *more);
	if (more == NULL)
		return RESULT_NO_MEMORY;
	keywords->sections = more;
	enum result result = copy(name, &section.name);
	if (result == RESULT_OK)
		keywords->sections[keywords->section_count++] = section;
	return result;
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
	for (int keyword = KEYWORD_STOP; keyword <= RESERVED; keyword++)
		if (add_section(keywords, (enum keyword)keyword, keyword_names[keyword]) !=
		    RESULT_OK) {
			keywords_free(keywords);
			return RESULT_NO_MEMORY;
		}
	*out_keywords = keywords;
	return RESULT_OK;
}

/* Finds the section of that name, or adds it. */
static enum result
find_or_add_section(
    struct keywords *keywords, struct slice name, size_t *out_section, struct failure *failure)
{
	size_t i = 0;
	while (i < keywords->section_count && !slice_equal_nocase(name, keywords->sections[i].name))
		i++;
	if (i == keywords->section_count && add_section(keywords, KEYWORD_OTHER, name) != RESULT_OK)
		return failure_set(failure, RESULT_NO_MEMORY, "no memory");
	*out_section = i;
	return RESULT_OK;
}

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
check_word(const struct keywords *keywords, struct slice word, struct failure *failure)
{
	bool ascii;
	size_t bare = without_punctuation(word).len;
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
		    "upper "
		    "and lower case; install that locale",
		    SLICE_ARG(word));
	if (trim(word).len != word.len || (bare != word.len && bare != 0))
		return failure_set(failure, RESULT_INVALID,
		    "\"%.*s\" has punctuation or white space at its end, which is removed from a "
		    "message before it is compared; leave it out",
		    SLICE_ARG(word));
	struct keyword_match match = look_up(keywords, word);
	if (match.keyword != KEYWORD_NONE)
		return failure_set(failure, RESULT_INVALID,
		    "\"%.*s\" is already listed%s, for %.*s", SLICE_ARG(word),
		    match.configured ? "" : " by Twilio", SLICE_ARG(match.name));
	return RESULT_OK;
}

enum result
keywords_add_word(
    struct keywords *keywords, struct slice name, struct slice word, struct failure *failure)
{
	struct configured_word own = {.section = 0};
	enum result result = check_word(keywords, word, failure);
	if (result == RESULT_OK && keywords->word_count == KEYWORD_WORDS_MAX)
		result =
		    failure_set(failure, RESULT_LIMIT, "more than %d words", KEYWORD_WORDS_MAX);
	if (result == RESULT_OK)
		result = find_or_add_section(keywords, name, &own.section, failure);
	if (result != RESULT_OK)
		return result;

	struct configured_word *more =
	    realloc(keywords->words, (keywords->word_count + 1) * sizeof *more);
	if (more != NULL)
		keywords->words = more;
	if (more == NULL || copy(word, &own.word) != RESULT_OK)
		return failure_set(failure, RESULT_NO_MEMORY, "no memory");
	own.folded_len = fold_text(word, own.folded);
	if (words_space(word, KEYWORD_WORD_MAX, own.spaced) == 0)
		own.spaced[1] = '\0'; /* punctuation alone is not searched for in texts */
	keywords->words[keywords->word_count++] = own;
	return RESULT_OK;
}

enum result
keywords_set_reply(
    struct keywords *keywords, struct slice name, struct slice reply, struct failure *failure)
{
	bool ascii;
	size_t section = 0, len = count_characters(reply, &ascii);
	struct slice copied = SLICE_NONE;
	if (keyword_of_name(name) == KEYWORD_STOP)
		return failure_set(failure, RESULT_INVALID,
		    "Twilio itself replies to an opt-out and then blocks the number, so another "
		    "reply would fail (error 21610); leave it out");
	if (len == SIZE_MAX)
		return failure_set(
		    failure, RESULT_INVALID, "is not UTF-8 text or has a control character");
	if (len > WORDS_TEXT_MAX)
		return failure_set(
		    failure, RESULT_INVALID, "is longer than %d characters", WORDS_TEXT_MAX);

	enum result result = find_or_add_section(keywords, name, &section, failure);
	if (result != RESULT_OK)
		return result;
	if (reply.len > 0 && copy(reply, &copied) != RESULT_OK)
		return failure_set(failure, RESULT_NO_MEMORY, "no memory");
	drop(keywords->sections[section].reply);
	keywords->sections[section].reply = copied;
	return RESULT_OK;
}

enum result
keywords_each(const struct keywords *keywords, keywords_fn on_keyword, void *context)
{
	struct buffer words = BUFFER_EMPTY;
	for (size_t i = 0; i < keywords->section_count && !words.failed; i++) {
		const struct section *section = &keywords->sections[i];
		buffer_clear(&words);
		for (size_t w = 0; w < keywords->word_count; w++) {
			if (keywords->words[w].section != i)
				continue;
			buffer_append(&words, words.len > 0 ? SLICE(", ") : SLICE(""));
			buffer_append(&words, keywords->words[w].word);
		}
		if (!words.failed && (words.len > 0 || section->reply.len > 0))
			on_keyword(context, section->name, buffer_slice(&words), section->reply);
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
		drop(keywords->sections[i].name);
		drop(keywords->sections[i].reply);
	}
	for (size_t i = 0; i < keywords->word_count; i++)
		drop(keywords->words[i].word);
	free(keywords->sections);
	free(keywords->words);
	free(keywords);
}
