/* keyword_sections: the words and answers of the [keyword] sections.
 *
 * A section may be limited to senders, services, countries and a time (its scope).
 *
 * A struct keywords is filled while the configuration is read and then read-only: any thread. */
#pragma once

#include "dlrd/twilio/keyword_section.h"

#define KEYWORD_WORDS_MAX 1024 /* configured words; each message is compared with all */
#define KEYWORD_MEDIA_MAX 2048 /* bytes of a link */

struct keywords;

must_check enum result keywords_new(struct keywords **out_keywords);

/* The functions that fill a section take its heading: NAME, or NAME, a space and LABEL, in any
 * case. They add a section that does not exist.
 *
 * keywords_add_word adds a word: "stop", "start" and "help" extend Twilio's lists, any other name
 * defines a keyword. "*" alone makes the section the answer to messages that are no keyword.
 * RESULT_INVALID, with failure, for a word that is empty, too long, not UTF-8, one of Twilio's, in
 * the section already, or that ends in punctuation or white space; RESULT_LIMIT beyond
 * KEYWORD_WORDS_MAX. */
must_check enum result keywords_add_word(
    struct keywords *keywords, struct slice heading, struct slice word, struct failure *failure);

/* Sets the reply of the section; empty for none. RESULT_INVALID, with failure, for "stop", to which
 * Twilio itself replies, for more than 1600 characters (docs/messaging/twiml/message), and for text
 * that is not UTF-8 or has a control character. */
must_check enum result keywords_set_reply(
    struct keywords *keywords, struct slice heading, struct slice reply, struct failure *failure);

/* Sets the link to a picture or another file that is sent with the reply, or without one; empty for
 * none. RESULT_INVALID, with failure, for "stop", and for text that is not an http or https URL of
 * ASCII characters. */
must_check enum result keywords_set_media(
    struct keywords *keywords, struct slice heading, struct slice link, struct failure *failure);

/* Limits the section to a value of the list, in addition to those that were added. Result as of
 * keyword_scope_add. */
must_check enum result keywords_limit(struct keywords *keywords, struct slice heading,
    enum keyword_list list, struct slice value, struct failure *failure);

/* Limits the section to messages that arrive from from_us on (0: any), and before until_us
 * (INT64_MAX: any). RESULT_NO_MEMORY, with failure. */
must_check enum result keywords_limit_time(struct keywords *keywords, struct slice heading,
    int64_t from_us, int64_t until_us, struct failure *failure);

/* Returns the section, once it has a key; else NULL. */
const struct keyword_section *keywords_find(const struct keywords *keywords, struct slice heading);

/* Calls on_section for each section that has a word or an answer: Twilio's three first, then in the
 * order of adding. words are the section's own, comma-separated; arguments are valid during the
 * call. RESULT_NO_MEMORY, after some of the sections. */
typedef void (*keyword_section_fn)(
    void *context, const struct keyword_section *section, struct slice words);
must_check enum result keywords_each(
    const struct keywords *keywords, keyword_section_fn on_section, void *context);

/* Whether the section answers a message. */
bool keyword_section_answers(const struct keyword_section *section);

/* Accepts NULL. */
void keywords_free(struct keywords *keywords);
