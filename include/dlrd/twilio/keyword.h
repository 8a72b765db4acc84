/* keyword: which of Twilio's reserved words a reply is.
 *
 * Twilio's rule (help article 223134027, docs/messaging/tutorials/advanced-opt-out): the whole
 * message must be the one word, in any case. Whether Twilio forgives white space around it or a
 * full stop behind it is not documented; dlrd does, and says so, so that nobody mistakes its
 * reading for Twilio's. Pure; any thread. */
#ifndef DLRD_TWILIO_KEYWORD_H
#define DLRD_TWILIO_KEYWORD_H

#include "dlrd/base/slice.h"

enum keyword { KEYWORD_NONE, KEYWORD_STOP, KEYWORD_START, KEYWORD_HELP };

/* The keyword that body is. *out_exact (may be NULL) is whether it is so by Twilio's own rule,
 * false where white space or closing punctuation had to be taken off. */
enum keyword keyword_of_body(struct slice body, bool *out_exact);

/* The keyword that Advanced Opt-Out's OptOutType names ("STOP", "START", "HELP"). */
enum keyword keyword_of_opt_out_type(struct slice type);

/* "stop", "start", "help"; absent for KEYWORD_NONE. */
struct slice keyword_name(enum keyword keyword);

#endif
