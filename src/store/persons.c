#include "persons.h"

/* Whether the address may have a number: it has a channel, and is not a number itself. */
static bool
may_be_alias(struct slice address)
{
	return slice_find(address, ':') < address.len && !address_is_number(address);
}

enum result
persons_find(struct person_table *table, struct slice peer, struct person *out_person)
{
	*out_person = (struct person){.number = BUFFER_EMPTY};
	out_person->address = address_of_person(peer, out_person->made);
	if (!may_be_alias(peer))
		return RESULT_OK;

	enum result result = person_table_find(table, peer, &out_person->number);
	if (out_person->number.len > 0)
		out_person->address = buffer_slice(&out_person->number);
	return result;
}

/* Writes the event's alias with the channel of its peer. */
static void
write_alias(const struct event *event, struct buffer *out)
{
	struct slice peer = event_peer(event);
	size_t colon = slice_find(peer, ':');
	if (colon < peer.len)
		buffer_append(out, (struct slice){peer.ptr, colon + 1});
	buffer_append(out, event->alias);
}

enum result
persons_learn(struct person_table *table, const struct event *event, struct buffer *out_alias,
    bool *out_is_new)
{
	*out_is_new = false;
	if (event->alias.len == 0 || !address_is_number(event_peer(event)))
		return RESULT_OK;

	write_alias(event, out_alias);
	if (out_alias->failed || !may_be_alias(buffer_slice(out_alias)))
		return out_alias->failed ? RESULT_NO_MEMORY : RESULT_OK;
	return person_table_add(table, buffer_slice(out_alias), event->person, out_is_new);
}

enum result
persons_move(struct person_table *table, struct slice alias, struct slice number,
    struct replies *replies, struct consents *consents)
{
	enum result result = person_table_move(table, alias, number);
	if (result == RESULT_OK)
		result = replies_note_person(replies, number);
	return result == RESULT_OK ? consents_rename(consents, alias, number) : result;
}

void
person_done(struct person *person)
{
	buffer_done(&person->number);
}
