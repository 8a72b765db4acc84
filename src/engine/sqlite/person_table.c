#include "dlrd/engine/person_table.h"

#include "dlrd/base/sqlite.h"
#include "open_tables.h"

struct person_table {
	sqlite3 *db;
	sqlite3_stmt *find, *add, *move_messages, *move_inbound, *move_replies;
};

#define FIELD(name) offsetof(struct person_table, name)

static const struct sqlite_statement statements[] = {
    {"SELECT number FROM person WHERE alias = ?1", FIELD(find)},
    {"INSERT INTO person VALUES(?1, ?2) ON CONFLICT DO NOTHING", FIELD(add)},
    {"UPDATE message SET peer = ?2 WHERE peer = ?1 AND peer <> '' AND received_us = 0",
	FIELD(move_messages)},
    {"UPDATE message SET peer = ?2 WHERE peer = ?1"
     " AND id IN (SELECT message_id FROM reply WHERE peer = ?1)",
	FIELD(move_inbound)},
    {"UPDATE reply SET peer = ?2 WHERE peer = ?1", FIELD(move_replies)},
    {NULL, 0},
};

enum result
person_table_open(sqlite3 *db, struct person_table **out_table)
{
	void *owner;
	enum result result = sqlite_new_owner(db, statements, sizeof(struct person_table), &owner);
	*out_table = owner;
	if (result == RESULT_OK)
		(*out_table)->db = db;
	return result;
}

enum result
person_table_find(struct person_table *table, struct slice alias, struct buffer *out_number)
{
	sqlite_bind_text(table->find, 1, alias);
	int code = sqlite3_step(table->find);
	if (code == SQLITE_ROW)
		buffer_append(out_number, sqlite_column(table->find, 0));
	sqlite3_reset(table->find);
	return out_number->failed ? RESULT_NO_MEMORY : sqlite_result(code);
}

enum result
person_table_add(
    struct person_table *table, struct slice alias, struct slice number, bool *out_added)
{
	sqlite_bind_text(table->add, 1, alias);
	sqlite_bind_text(table->add, 2, number);
	int code = sqlite_run(table->add);
	*out_added = code == SQLITE_OK && sqlite3_changes(table->db) > 0;
	return sqlite_result(code);
}

enum result
person_table_move(struct person_table *table, struct slice address, struct slice to_address)
{
	sqlite3_stmt *const moves[] = {
	    table->move_messages, table->move_inbound, table->move_replies};
	int code = SQLITE_OK;

	for (size_t i = 0; code == SQLITE_OK && i < sizeof moves / sizeof moves[0]; i++) {
		sqlite_bind_text(moves[i], 1, address);
		sqlite_bind_text(moves[i], 2, to_address);
		code = sqlite_run(moves[i]);
	}
	return sqlite_result(code);
}

void
person_table_close(struct person_table *table)
{
	sqlite_free_owner(statements, table);
}
