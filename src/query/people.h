/* people: the questions about people, replies and near misses, and numbers as people type them. */
#pragma once

#include "dlrd/query/row.h"
#include "dlrd/twilio/address.h"

/* Memory for a number that was read. */
struct people_spelling {
	struct address_spellings spellings;
	char made[ADDRESS_MAX];
};

/* The number that a person typed, as the store has it: with or without separators, 00 or a plus, of
 * which a URL makes a space. Borrowed from typed or spelling. */
struct slice people_number(struct slice typed, struct people_spelling *spelling);

extern const struct query query_replies, query_near_misses;
