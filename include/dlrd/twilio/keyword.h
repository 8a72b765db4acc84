/* keyword: finds the keyword that a reply is: Twilio's reserved ones, and configured ones.
 *
 * Twilio's rule (help article 223134027, docs/messaging/tutorials/advanced-opt-out): the whole
 * message must be one word, in any case. Twilio does not document whether it tolerates white space
 * or punctuation around the word; dlrd does, and marks such a match as its own reading. If Advanced
 * Opt-Out classifies the message (OptOutType), that classification counts.
 *
 * A configured section may be limited to senders, services, countries and a time (its scope). Of
 * several sections that list a word, the one whose scope is the most specific for the message
 * counts. Twilio's own words count for every message, and a word of stop, start or help cannot be a
 * word of another keyword for the same messages, so no scope can take an opt-out away.
 *
 * A text that only sounds like an opt-out ("please stop", "Stop. Thank you", "wrong number") is a
 * near miss: shown to a person, never acted on.
 *
 * Pure; any thread. */
#pragma once

#include "dlrd/twilio/callback.h"
#include "dlrd/twilio/keyword_sections.h"

enum keyword_rule {
	KEYWORD_RULE_EXACT,        /* only the word: Twilio's own rule */
	KEYWORD_RULE_TOLERATED,    /* after removing white space or closing punctuation */
	KEYWORD_RULE_OPT_OUT_TYPE, /* Twilio's classification */
};

struct keyword_match {
	enum keyword keyword;
	struct slice name; /* "stop", "start", "help" or the section's name; absent for none */
	struct slice word; /* the word as listed; absent for KEYWORD_RULE_OPT_OUT_TYPE */
	enum keyword_rule rule;
	bool configured; /* the word is from the configuration, not one of Twilio's defaults */
	const struct keyword_section *section; /* that lists the word; NULL unless configured */
	const struct keyword_section *answer; /* that answers; NULL for none, and always for stop */
};

/* Returns the inbound message as it is compared. Its answer and its record must agree, so both are
 * made from this. */
struct keyword_message keyword_message_of(const struct callback *callback, int64_t arrived_us);

/* Returns the keyword of an inbound message, and the answer to it. keywords may be NULL: only
 * Twilio's defaults. Case is folded by Unicode's rules, code point by code point.
 *
 * The answer is that of the section that lists the word. Twilio's own words, and words of a section
 * of start or help without an answer, get the answer of the most specific section of that name
 * that has one. A message that is no keyword and no near miss gets the answer of the most specific
 * catch-all, if it is from a telephone number: short codes and names of senders are programs, and
 * two programs could answer each other without end. A body that is a stop word has no answer, even
 * if OptOutType names another keyword. */
struct keyword_match keywords_match(
    const struct keywords *keywords, const struct keyword_message *message);

/* Calls on_candidate for each section that keywords_match had to choose from: those that list the
 * word, those that answer Twilio's words, and catch-alls for a message that is no keyword. limit:
 * why the section does not apply, or KEYWORD_WITHIN. */
typedef void (*keyword_candidate_fn)(
    void *context, const struct keyword_section *section, enum keyword_limit limit);
void keywords_candidates(const struct keywords *keywords, const struct keyword_message *message,
    keyword_candidate_fn on_candidate, void *context);

/* Returns the word or phrase in the message that sounds like an opt-out, as listed (in static
 * memory or the keywords'): also an opt-out word of a section that does not apply to the message.
 * Absent if nothing does, and if the message is itself a keyword. */
struct slice keywords_near_miss(
    const struct keywords *keywords, const struct keyword_message *message);
