#include "persons.h"

#include <stdlib.h>

struct persons {
	sqlite3 *db;
	sqlite3_stmt *find, *learn, *move_messages, *move_inbound, *move_replies;
};

#define FIELD(name) offsetof(struct persons, name)

static const struct sqlite_statement statements[] = {
    {"SELECT number FROM person WHERE alias = ?1", FIELD(find)},
    {"INSERT INTO person VALUES(?1, ?2) ON CONFLICT DO NOTHING", FIELD(learn)},
    {"UPDATE message SET peer = ?2 WHERE peer = ?1 AND peer <> '' AND received_us = 0",
	FIELD(move_messages)},
    {"UPDATE message SET peer = ?2 WHERE peer = ?1"
     " AND id IN (SELECT message_id FROM reply WHERE peer = ?1)",
	FIELD(move_inbound)},
    {"UPDATE reply SET peer = ?2 WHERE peer = ?1", FIELD(move_replies)},
    {NULL, 0},
};

enum result
persons_open(sqlite3 *db, struct persons **out_persons)
{
	struct persons *persons = calloc(1, sizeof *persons);
	int code = sqlite_prepare_all(db, statements, persons);
	if (code != SQLITE_OK) {
		persons_close(persons);
		return sqlite_result(code);
	}

	persons->db = db;
	*out_persons = persons;
	return RESULT_OK;
}

/* Whether the address may have a number: it has a channel, and is not a number itself. */
static bool
may_be_alias(struct slice address)
{
	return slice_find(address, ':') < address.len && !address_is_number(address);
}

enum result
persons_find(struct persons *persons, struct slice peer, struct person *out_person)
{
	*out_person = (struct person){.number = BUFFER_EMPTY};
	out_person->address = address_of_person(peer, out_person->made);
	if (!may_be_alias(peer))
		return RESULT_OK;

	sqlite_bind_text(persons->find, 1, peer);
	int code = sqlite3_step(persons->find);
	if (code == SQLITE_ROW) {
		buffer_append(&out_person->number, sqlite_column(persons->find, 0));
		out_person->address = buffer_slice(&out_person->number);
	}

	sqlite3_reset(persons->find);
	return out_person->number.failed ? RESULT_NO_MEMORY : sqlite_result(code);
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
persons_learn(
    struct persons *persons, const struct event *event, struct buffer *out_alias, bool *out_is_new)
{
	*out_is_new = false;
	if (event->alias.len == 0 || !address_is_number(event_peer(event)))
		return RESULT_OK;

	write_alias(event, out_alias);
	if (out_alias->failed || !may_be_alias(buffer_slice(out_alias)))
		return out_alias->failed ? RESULT_NO_MEMORY : RESULT_OK;
	sqlite_bind_text(persons->learn, 1, buffer_slice(out_alias));
	sqlite_bind_text(persons->learn, 2, event->person);
	int code = sqlite_run(persons->learn);
	*out_is_new = code == SQLITE_OK && sqlite3_changes(persons->db) > 0;
	return sqlite_result(code);
}

enum result
persons_move(struct persons *persons, struct slice alias, struct slice number,
    struct replies *replies, struct consents *consents)
{
	sqlite3_stmt *const moves[] = {
	    persons->move_messages, persons->move_inbound, persons->move_replies};
	int code = SQLITE_OK;

	for (size_t i = 0; code == SQLITE_OK && i < sizeof moves / sizeof moves[0]; i++) {
		sqlite_bind_text(moves[i], 1, alias);
		sqlite_bind_text(moves[i], 2, number);
		code = sqlite_run(moves[i]);
	}

	enum result result = sqlite_result(code);
	if (result == RESULT_OK)
		result = replies_note_person(replies, number);
	return result == RESULT_OK ? consents_rename(consents, alias, number) : result;
}

void
person_done(struct person *person)
{
	buffer_done(&person->number);
}

void
persons_close(struct persons *persons)
{
	sqlite_finalize_all(statements, persons);
	free(persons);
}
