/* keyword: which word a reply is: Twilio's reserved ones, and those that are configured.
 *
 * Twilio's rule (help article 223134027, docs/messaging/tutorials/advanced-opt-out): the whole
 * message must be the one word, in any case. Whether Twilio forgives white space around it or
 * punctuation behind it is not documented; dlrd does, and marks it, so that nobody mistakes its
 * reading for Twilio's. Where Advanced Opt-Out says what a message is (OptOutType), that wins.
 *
 * What only sounds like an opt-out ("please stop", "Stop. Thank you", "wrong number") is a near
 * miss: shown to a person, never acted on.
 *
 * A struct keywords is filled while the configuration is read and read-only then: any thread. */
#ifndef DLRD_TWILIO_KEYWORD_H
#define DLRD_TWILIO_KEYWORD_H

#include "dlrd/base/slice.h"

/* KEYWORD_OTHER: a configured one that is neither of Twilio's three. */
enum keyword { KEYWORD_NONE, KEYWORD_STOP, KEYWORD_START, KEYWORD_HELP, KEYWORD_OTHER };

enum keyword_rule {
	KEYWORD_RULE_EXACT,        /* the word and nothing else: Twilio's own rule */
	KEYWORD_RULE_TOLERATED,    /* white space or closing punctuation had to be taken off */
	KEYWORD_RULE_OPT_OUT_TYPE, /* Twilio itself says so */
};

struct keyword_match {
	enum keyword keyword;
	struct slice name; /* "stop", "start", "help" or the section's name; absent for none */
	struct slice word; /* the listed word, as it is listed; absent by OPT_OUT_TYPE */
	enum keyword_rule rule;
	bool configured;    /* the word is from the configuration, not one of Twilio's defaults */
	struct slice reply; /* what is to be answered; absent for nothing, and always for stop */
};

#define KEYWORD_WORD_MAX 64    /* bytes of a word */
#define KEYWORD_WORDS_MAX 1024 /* that are configured: each message is held against all */

struct keywords;

must_check enum result keywords_new(struct keywords **out_keywords);

/* KEYWORD_STOP, KEYWORD_START or KEYWORD_HELP for these three names in any case, KEYWORD_OTHER for
 * any other. */
enum keyword keyword_of_name(struct slice name);

/* Adds a word to the keyword of that name (names are the same in any case): "stop", "start" and
 * "help" grow Twilio's lists, any other name makes a keyword of its own. RESULT_INVALID, with
 * failure, for a word that is empty, too long, not UTF-8, listed already (under whichever name), or
 * that ends in what is taken off a message; RESULT_LIMIT beyond KEYWORD_WORDS_MAX. */
must_check enum result keywords_add_word(
    struct keywords *keywords, struct slice name, struct slice word, struct failure *failure);

/* Sets what the keyword is answered with; an empty text for nothing. RESULT_INVALID, with failure,
 * for "stop", to which Twilio itself replies, for a text of more than 1600 characters
 * (docs/messaging/twiml/message), and for one that is not UTF-8 or holds a control. */
must_check enum result keywords_set_reply(
    struct keywords *keywords, struct slice name, struct slice reply, struct failure *failure);

/* Calls on_keyword, in the order of adding and Twilio's three first, for each name that a word or a
 * reply was added to. words are those that were added, comma-separated; what is told is good during
 * the call. RESULT_NO_MEMORY, with some of them untold. */
typedef void (*keywords_fn)(
    void *context, struct slice name, struct slice words, struct slice reply);
must_check enum result keywords_each(
    const struct keywords *keywords, keywords_fn on_keyword, void *context);

/* The keyword that an inbound message is. keywords may be NULL: Twilio's defaults alone. Case is
 * folded as Unicode has it, code point by code point. A body that is a stop word has no reply, even
 * where opt_out_type names another keyword. */
struct keyword_match keywords_match(
    const struct keywords *keywords, struct slice body, struct slice opt_out_type);

/* The word or phrase in body that sounds like an opt-out, as dlrd lists it (in static memory or the
 * keywords'); absent where nothing does, and where the body is a keyword itself. */
struct slice keywords_near_miss(const struct keywords *keywords, struct slice body);

/* "exact", "tolerated", "opt-out-type". */
struct slice keyword_rule_name(enum keyword_rule rule);

/* Accepts NULL. */
void keywords_free(struct keywords *keywords);

#endif
