/* keyword_section: one [keyword] section of the configuration. A plain value, read-only once the
 * configuration is read: any thread. */
#pragma once

#include "dlrd/twilio/keyword_scope.h"
#include "dlrd/twilio/keyword_word.h"

/* A section [keyword NAME] or [keyword NAME LABEL]. Twilio's three exist without any. */
struct keyword_section {
	enum keyword keyword;
	struct slice name;         /* "stop", "start", "help" or another keyword's */
	struct slice label;        /* of one of several sections of a name; empty for none */
	struct slice reply, media; /* the answer: a text and a link; absent for none */
	bool catch_all;            /* words = *: answers messages that are no keyword */
	struct keyword_scope scope;
};
