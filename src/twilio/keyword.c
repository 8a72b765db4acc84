#include "dlrd/twilio/keyword.h"

static const struct {
	struct slice word;
	enum keyword keyword;
} words[] = {
    {SLICE_INIT("STOP"), KEYWORD_STOP},
    {SLICE_INIT("STOPALL"), KEYWORD_STOP},
    {SLICE_INIT("UNSUBSCRIBE"), KEYWORD_STOP},
    {SLICE_INIT("CANCEL"), KEYWORD_STOP},
    {SLICE_INIT("END"), KEYWORD_STOP},
    {SLICE_INIT("QUIT"), KEYWORD_STOP},
    {SLICE_INIT("REVOKE"), KEYWORD_STOP}, /* since 14 May 2025, as OPTOUT */
    {SLICE_INIT("OPTOUT"), KEYWORD_STOP},
    {SLICE_INIT("START"), KEYWORD_START},
    {SLICE_INIT("YES"), KEYWORD_START},
    {SLICE_INIT("UNSTOP"), KEYWORD_START},
    {SLICE_INIT("HELP"), KEYWORD_HELP},
    {SLICE_INIT("INFO"), KEYWORD_HELP},
};

static struct slice
without_punctuation(struct slice text)
{
	text = slice_trim(text);
	while (text.len > 0 && slice_find(SLICE(".!?,;:\"'"), text.ptr[text.len - 1]) < 8)
		text = slice_trim((struct slice){text.ptr, text.len - 1});
	return text;
}

enum keyword
keyword_of_body(struct slice body, bool *out_exact)
{
	struct slice word = without_punctuation(body);
	for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
		if (slice_equal_nocase(word, words[i].word)) {
			if (out_exact != NULL)
				*out_exact = word.len == body.len;
			return words[i].keyword;
		}
	return KEYWORD_NONE;
}

enum keyword
keyword_of_opt_out_type(struct slice type)
{
	if (slice_equal_nocase(type, SLICE("STOP")))
		return KEYWORD_STOP;
	if (slice_equal_nocase(type, SLICE("START")))
		return KEYWORD_START;
	if (slice_equal_nocase(type, SLICE("HELP")))
		return KEYWORD_HELP;
	return KEYWORD_NONE;
}

struct slice
keyword_name(enum keyword keyword)
{
	switch (keyword) {
	case KEYWORD_NONE: return SLICE_NONE;
	case KEYWORD_STOP: return SLICE("stop");
	case KEYWORD_START: return SLICE("start");
	case KEYWORD_HELP: return SLICE("help");
	}
	return SLICE_NONE;
}
