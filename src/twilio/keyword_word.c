#include "dlrd/twilio/keyword_word.h"

#include "words.h"

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

struct slice
keyword_reserved_name(enum keyword keyword)
{
	return keyword_names[keyword];
}

struct slice
keyword_default_word(size_t index, enum keyword *out_keyword)
{
	if (index >= DEFAULT_COUNT)
		return SLICE_NONE;
	*out_keyword = defaults[index].keyword;
	return defaults[index].word;
}

enum keyword
keyword_find_default(const wchar_t *folded, size_t len, struct slice *out_word)
{
	for (size_t i = 0; i < DEFAULT_COUNT; i++)
		if (keyword_is_word(folded, len, defaults[i].folded, wcslen(defaults[i].folded))) {
			*out_word = defaults[i].word;
			return defaults[i].keyword;
		}
	return KEYWORD_NONE;
}

enum keyword
keyword_of_name(struct slice name)
{
	for (int keyword = KEYWORD_STOP; keyword <= KEYWORD_RESERVED; keyword++)
		if (slice_equal_nocase(name, keyword_names[keyword]))
			return (enum keyword)keyword;
	return KEYWORD_OTHER;
}

size_t
keyword_fold(struct slice text, wchar_t out[KEYWORD_WORD_MAX])
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

bool
keyword_is_word(const wchar_t *folded, size_t len, const wchar_t *word, size_t word_len)
{
	return len == word_len && wmemcmp(folded, word, len) == 0;
}

/* --- tolerated differences --- */

#define NO_BREAK_SPACE "\xc2\xa0"

struct slice
keyword_trim(struct slice text)
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

struct slice
keyword_without_punctuation(struct slice text)
{
	const struct slice marks = SLICE(".!?,;:\"'");
	text = keyword_trim(text);
	while (text.len > 0 && slice_find(marks, text.ptr[text.len - 1]) < marks.len)
		text = keyword_trim((struct slice){text.ptr, text.len - 1});
	return text;
}
