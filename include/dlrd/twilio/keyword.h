/* keyword: finds the keyword that a reply is: Twilio's reserved ones, and configured ones.
 *
 * Twilio's rule (help article 223134027, docs/messaging/tutorials/advanced-opt-out): the whole
 * message must be one word, in any case. Twilio does not document whether it tolerates white space
 * or punctuation around the word; dlrd does, and marks such a match as its own reading. If Advanced
 * Opt-Out classifies the message (OptOutType), that classification counts.
 *
 * A text that only sounds like an opt-out ("please stop", "Stop. Thank you", "wrong number") is a
 * near miss: shown to a person, never acted on.
 *
 * A struct keywords is filled while the configuration is read and then read-only: any thread. */
#pragma once

#include "dlrd/base/slice.h"

/* KEYWORD_OTHER: a configured keyword that is not one of Twilio's three. */
enum keyword { KEYWORD_NONE, KEYWORD_STOP, KEYWORD_START, KEYWORD_HELP, KEYWORD_OTHER };

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
	bool configured;    /* the word is from the configuration, not one of Twilio's defaults */
	struct slice reply; /* reply to send; absent for none, and always for stop */
};

#define KEYWORD_WORD_MAX 64    /* bytes of a word */
#define KEYWORD_WORDS_MAX 1024 /* configured words; each message is compared with all */

struct keywords;

must_check enum result keywords_new(struct keywords **out_keywords);

/* Returns KEYWORD_STOP, KEYWORD_START or KEYWORD_HELP for these three names in any case,
 * KEYWORD_OTHER for any other. */
enum keyword keyword_of_name(struct slice name);

/* Adds a word to the keyword of that name, in any case: "stop", "start" and "help" extend Twilio's
 * lists, any other name defines a keyword. RESULT_INVALID, with failure, for a word that is empty,
 * too long, not UTF-8, already listed (for any name), or that ends in punctuation or white space;
 * RESULT_LIMIT beyond KEYWORD_WORDS_MAX. */
must_check enum result keywords_add_word(
    struct keywords *keywords, struct slice name, struct slice word, struct failure *failure);

/* Sets the reply of the keyword; empty for none. RESULT_INVALID, with failure, for "stop", to which
 * Twilio itself replies, for more than 1600 characters (docs/messaging/twiml/message), and for text
 * that is not UTF-8 or has a control character. */
must_check enum result keywords_set_reply(
    struct keywords *keywords, struct slice name, struct slice reply, struct failure *failure);

/* Calls on_keyword for each name with an added word or reply: Twilio's three first, then in the
 * order of adding. words are the added ones, comma-separated; arguments are valid during the call.
 * RESULT_NO_MEMORY, after some of the names. */
typedef void (*keywords_fn)(
    void *context, struct slice name, struct slice words, struct slice reply);
must_check enum result keywords_each(
    const struct keywords *keywords, keywords_fn on_keyword, void *context);

/* Returns the keyword that an inbound message is. keywords may be NULL: only Twilio's defaults.
 * Case is folded by Unicode's rules, code point by code point. A body that is a stop word has no
 * reply, even if opt_out_type names another keyword. */
struct keyword_match keywords_match(
    const struct keywords *keywords, struct slice body, struct slice opt_out_type);

/* Returns the word or phrase in body that sounds like an opt-out, as listed (in static memory or
 * the keywords'). Absent if nothing does, and if the body is itself a keyword. */
struct slice keywords_near_miss(const struct keywords *keywords, struct slice body);

/* Accepts NULL. */
void keywords_free(struct keywords *keywords);
