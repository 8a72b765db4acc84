#include "dlrd/twilio/keyword_conflicts.h"

#include "keyword_rows.h"

#define SECTION_FORMAT "[keyword %.*s%s%.*s]"
#define SECTION_ARG(section) \
	SLICE_ARG((section)->name), (section)->label.len > 0 ? " " : "", SLICE_ARG((section)->label)

#define REMEDY                                                                    \
	"which may apply to the same messages; limit one of the two by senders, " \
	"services, countries, from or until"

/* Compares two sections that list the word. */
static enum result
check_word(struct slice word, const struct keyword_section *section,
    const struct keyword_section *other, struct failure *failure)
{
	bool reserved = section->keyword <= KEYWORD_RESERVED || other->keyword <= KEYWORD_RESERVED;
	if (reserved && section->keyword != other->keyword &&
	    keyword_scopes_meet(&section->scope, &other->scope))
		return failure_set(failure, RESULT_INVALID,
		    "\"%.*s\" is already listed, for %.*s in " SECTION_FORMAT
		    "; a word of stop, start or help cannot be one of another keyword for the same "
		    "messages",
		    SLICE_ARG(word), SLICE_ARG(other->name), SECTION_ARG(other));
	if (keyword_scopes_tie(&section->scope, &other->scope))
		return failure_set(failure, RESULT_INVALID,
		    "\"%.*s\" is already listed, for %.*s in " SECTION_FORMAT ", " REMEDY,
		    SLICE_ARG(word), SLICE_ARG(other->name), SECTION_ARG(other));
	return RESULT_OK;
}

static enum result
check_words(const struct keywords *keywords, size_t section, struct failure *failure)
{
	for (size_t i = 0; i < keywords->word_count; i++) {
		const struct configured_word *own = &keywords->words[i];
		for (size_t k = 0; own->section == section && k < keywords->word_count; k++) {
			const struct configured_word *other = &keywords->words[k];
			if (other->section >= section || !keyword_same_word(own, other))
				continue;
			enum result result = check_word(own->word, &keywords->sections[section],
			    &keywords->sections[other->section], failure);
			if (result != RESULT_OK)
				return result;
		}
	}
	return RESULT_OK;
}

/* Compares the answers to messages without a word of their section: to START and HELP, and of
 * catch-alls. */
static enum result
check_answer(const struct keywords *keywords, size_t index, struct failure *failure)
{
	const struct keyword_section *section = &keywords->sections[index];
	bool reserved = section->keyword <= KEYWORD_RESERVED;
	if (!keyword_section_answers(section) || (!reserved && !section->catch_all))
		return RESULT_OK;

	for (size_t i = 0; i < index; i++) {
		const struct keyword_section *other = &keywords->sections[i];
		bool same = reserved ? other->keyword == section->keyword : other->catch_all;
		if (same && keyword_section_answers(other) &&
		    keyword_scopes_tie(&section->scope, &other->scope))
			return failure_set(failure, RESULT_INVALID,
			    "%s is already answered by " SECTION_FORMAT ", " REMEDY,
			    !reserved                           ? "a message that is no keyword"
			    : section->keyword == KEYWORD_START ? "START"
								: "HELP",
			    SECTION_ARG(other));
	}
	return RESULT_OK;
}

enum result
keywords_check(const struct keywords *keywords, struct slice heading, struct failure *failure)
{
	const struct keyword_section *section = keywords_find(keywords, heading);
	if (section == NULL)
		return RESULT_OK;
	if (section->catch_all && !keyword_section_answers(section))
		return failure_set(failure, RESULT_INVALID,
		    "\"*\" recognises nothing and only answers; add a reply or media");

	size_t index = (size_t)(section - keywords->sections);
	enum result result = check_words(keywords, index, failure);
	return result == RESULT_OK ? check_answer(keywords, index, failure) : result;
}
