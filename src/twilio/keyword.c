#include "dlrd/twilio/keyword.h"

#include "dlrd/twilio/address.h"
#include "keyword_rows.h"
#include "near_miss.h"
#include "words.h"

/* --- matching --- */

struct keyword_message
keyword_message_of(const struct callback *callback, int64_t arrived_us)
{
	return (struct keyword_message){.body = callback->body,
	    .opt_out_type = callback->opt_out,
	    .from = callback->from,
	    .to = callback->to,
	    .service = callback->service,
	    .arrived_us = arrived_us};
}

/* Whether the section counts for the message, and before the best one so far. */
static bool
is_better(const struct keyword_section *section, const struct keyword_section *best,
    const struct keyword_message *message)
{
	return keyword_scope_limit(&section->scope, message) == KEYWORD_WITHIN &&
	       (best == NULL || keyword_scope_rank(&section->scope, message) >
				    keyword_scope_rank(&best->scope, message));
}

/* Returns the keyword that has text as a word, in any case. */
static struct keyword_match
look_up(const struct keywords *keywords, struct slice text, const struct keyword_message *message)
{
	struct keyword_match match = {.keyword = KEYWORD_NONE};
	wchar_t folded[KEYWORD_WORD_MAX];
	size_t len = keyword_fold(text, folded);

	match.keyword = keyword_find_default(folded, len, &match.word);
	if (match.keyword != KEYWORD_NONE) {
		match.name = keyword_reserved_name(match.keyword);
		return match;
	}

	for (size_t i = 0; keywords != NULL && i < keywords->word_count; i++) {
		const struct configured_word *own = &keywords->words[i];
		const struct keyword_section *section = &keywords->sections[own->section];
		if (keyword_is_word(folded, len, own->folded, own->folded_len) &&
		    is_better(section, match.section, message))
			match = (struct keyword_match){.keyword = section->keyword,
			    .name = section->name,
			    .word = own->word,
			    .configured = true,
			    .section = section};
	}
	return match;
}

static struct keyword_match
match_body(const struct keywords *keywords, const struct keyword_message *message)
{
	struct slice body = message->body;
	struct keyword_match match = look_up(keywords, body, message);
	if (match.keyword != KEYWORD_NONE)
		return match;

	/* A word may be punctuation: "?" */
	match = look_up(keywords, keyword_trim(body), message);
	if (match.keyword == KEYWORD_NONE)
		match = look_up(keywords, keyword_without_punctuation(body), message);
	if (match.keyword != KEYWORD_NONE)
		match.rule = KEYWORD_RULE_TOLERATED;
	return match;
}

/* --- answers --- */

/* Returns the most specific section of a keyword that answers the message; of the catch-alls for
 * KEYWORD_NONE. */
static const struct keyword_section *
find_answer(
    const struct keywords *keywords, enum keyword keyword, const struct keyword_message *message)
{
	const struct keyword_section *best = NULL;
	for (size_t i = 0; keywords != NULL && i < keywords->section_count; i++) {
		const struct keyword_section *section = &keywords->sections[i];
		bool is_of =
		    keyword == KEYWORD_NONE ? section->catch_all : section->keyword == keyword;
		if (is_of && keyword_section_answers(section) && is_better(section, best, message))
			best = section;
	}
	return best;
}

static const struct keyword_section *
choose_answer(const struct keywords *keywords, const struct keyword_match *match,
    const struct keyword_message *message)
{
	switch (match->keyword) {
	case KEYWORD_STOP: return NULL;
	case KEYWORD_START:
	case KEYWORD_HELP:
		return match->section != NULL && keyword_section_answers(match->section)
			   ? match->section
			   : find_answer(keywords, match->keyword, message);
	case KEYWORD_OTHER: return keyword_section_answers(match->section) ? match->section : NULL;
	case KEYWORD_NONE: break;
	}

	if (!address_is_number(message->from))
		return NULL;
	const struct keyword_section *answer = find_answer(keywords, KEYWORD_NONE, message);
	return answer != NULL && keywords_near_miss(keywords, message).ptr == NULL ? answer : NULL;
}

struct keyword_match
keywords_match(const struct keywords *keywords, const struct keyword_message *message)
{
	struct keyword_match match = match_body(keywords, message);
	enum keyword reported = keyword_of_name(message->opt_out_type);
	/* A person who writes STOP gets no reply, even if Twilio classifies it differently. */
	bool stop = match.keyword == KEYWORD_STOP;

	if (reported != KEYWORD_OTHER)
		match = (struct keyword_match){.keyword = reported,
		    .name = keyword_reserved_name(reported),
		    .rule = KEYWORD_RULE_OPT_OUT_TYPE};
	if (!stop)
		match.answer = choose_answer(keywords, &match, message);
	return match;
}

/* --- explanation --- */

static bool
lists_body(const struct keywords *keywords, size_t section, struct slice body)
{
	const struct slice texts[] = {body, keyword_trim(body), keyword_without_punctuation(body)};
	wchar_t folded[KEYWORD_WORD_MAX];
	for (size_t t = 0; t < sizeof texts / sizeof texts[0]; t++) {
		size_t len = keyword_fold(texts[t], folded);
		for (size_t i = 0; i < keywords->word_count; i++) {
			const struct configured_word *own = &keywords->words[i];
			if (own->section == section &&
			    keyword_is_word(folded, len, own->folded, own->folded_len))
				return true;
		}
	}
	return false;
}

void
keywords_candidates(const struct keywords *keywords, const struct keyword_message *message,
    keyword_candidate_fn on_candidate, void *context)
{
	const struct keyword_match match = keywords_match(keywords, message);
	for (size_t i = 0; i < keywords->section_count; i++) {
		const struct keyword_section *section = &keywords->sections[i];
		bool answers = keyword_section_answers(section) &&
			       (match.keyword == KEYWORD_NONE ? section->catch_all
							      : section->keyword == match.keyword &&
								    match.keyword < KEYWORD_OTHER);
		if (answers || lists_body(keywords, i, message->body))
			on_candidate(
			    context, section, keyword_scope_limit(&section->scope, message));
	}
}

/* --- near misses --- */

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
keywords_near_miss(const struct keywords *keywords, const struct keyword_message *message)
{
	struct slice found = SLICE_NONE;
	if (match_body(keywords, message).keyword != KEYWORD_NONE)
		return SLICE_NONE;

	struct near_miss_text own = near_miss_own_text(message->body);
	for (size_t i = 0; i < NEAR_MISS_PARTS && found.ptr == NULL; i++) {
		found = find_configured_word(keywords, own.parts[i]);
		if (found.ptr == NULL)
			found = near_miss_find(own.parts[i]);
	}
	return found;
}
