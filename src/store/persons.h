/* persons: the telephone number of an address that is not a number.
 *
 * Inside the store only. WhatsApp may name a person by a business-scoped user ID (whatsapp:US.1234)
 * in place of the number. Once a message names both, everything stored under the ID moves to the
 * number, and later events use the number. The first number that is named for an ID stays: a person
 * with another number has another ID. One thread, one connection, inside a transaction. */
#pragma once

#include "consents.h"
#include "dlrd/engine/person_table.h"
#include "dlrd/model/event.h"
#include "dlrd/twilio/address.h"
#include "replies.h"

/* The address under which a person is stored; release it with person_done. Do not copy it. */
struct person {
	char made[ADDRESS_MAX];
	struct buffer number;
	struct slice address; /* borrowed from what was looked up, or from the above */
};

/* Finds the address under which a peer is stored. Release *out_person also on failure. */
must_check enum result persons_find(
    struct person_table *table, struct slice peer, struct person *out_person);

/* Learns the alias of the event's peer, which is written to out_alias, an empty buffer.
 * *out_is_new is whether what is stored under it must be moved to the event's person. */
must_check enum result persons_learn(struct person_table *table, const struct event *event,
    struct buffer *out_alias, bool *out_is_new);

/* Moves the rows stored under an alias to its number: messages, replies (which are noted to be
 * settled) and consents. */
must_check enum result persons_move(struct person_table *table, struct slice alias,
    struct slice number, struct replies *replies, struct consents *consents);

void person_done(struct person *person);
