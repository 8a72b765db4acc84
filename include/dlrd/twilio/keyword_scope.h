/* keyword_scope: the inbound messages that a [keyword] section is limited to.
 *
 * A scope is a list of our senders, of messaging services, of countries, and a time window. An
 * empty list and an open window limit nothing. Countries are calling codes, not Twilio's
 * FromCountry: each report of a message has the person's number, and only some have FromCountry, so
 * the scope of a message does not depend on how it was reported.
 *
 * A scope is filled while the configuration is read and then read-only: any thread. */
#pragma once

#include "dlrd/base/buffer.h"

enum keyword_list { KEYWORD_SENDERS, KEYWORD_SERVICES, KEYWORD_COUNTRIES, KEYWORD_LIST_COUNT };

struct keyword_scope {
	struct keyword_values {
		char **items; /* owned; countries are digits without a plus */
		size_t count;
	} lists[KEYWORD_LIST_COUNT];
	int64_t from_us;  /* the first moment; 0 for none */
	int64_t until_us; /* the first moment after the window; INT64_MAX for none */
};

#define KEYWORD_SCOPE_ALL ((struct keyword_scope){.until_us = INT64_MAX})

/* An inbound message, as it is compared with the keywords. */
struct keyword_message {
	struct slice body;
	struct slice opt_out_type; /* OptOutType; absent if Twilio did not classify the message */
	struct slice from;         /* the person */
	struct slice to, service;  /* our sender, and its messaging service; may be absent */
	int64_t arrived_us;        /* when the request arrived */
};

/* What excludes a message from a scope. */
enum keyword_limit {
	KEYWORD_WITHIN,
	KEYWORD_OTHER_SENDER,
	KEYWORD_OTHER_SERVICE,
	KEYWORD_OTHER_COUNTRY,
	KEYWORD_TOO_EARLY,
	KEYWORD_TOO_LATE,
};

/* "senders", "services", "countries": the keys of the configuration. */
const char *keyword_list_key(enum keyword_list list);

/* Adds a value to a list. RESULT_INVALID, with failure, for one that no message can have; a value
 * that is there already is not added. */
must_check enum result keyword_scope_add(struct keyword_scope *scope, enum keyword_list list,
    struct slice value, struct failure *failure);

/* Returns the first limit that excludes the message; KEYWORD_WITHIN if it is within the scope. */
enum keyword_limit keyword_scope_limit(
    const struct keyword_scope *scope, const struct keyword_message *message);

/* Returns how specific the scope is for a message within it; the greater number is more specific.
 * A limit of senders counts before one of services, of countries (the longer code first), and of
 * time. */
unsigned keyword_scope_rank(
    const struct keyword_scope *scope, const struct keyword_message *message);

/* Whether a message may be within both scopes. */
bool keyword_scopes_meet(const struct keyword_scope *a, const struct keyword_scope *b);

/* Whether a message may be within both scopes, and both be equally specific for it. */
bool keyword_scopes_tie(const struct keyword_scope *a, const struct keyword_scope *b);

/* Appends the values of a list, comma-separated. */
void keyword_scope_write(
    const struct keyword_scope *scope, enum keyword_list list, struct buffer *out);

void keyword_scope_done(struct keyword_scope *scope);
