#include "dlrd/engine/signature_table.h"

#include "dlrd/base/sqlite.h"
#include "open_tables.h"

struct signature_table {
	sqlite3_stmt *find, *add;
	int64_t has_any; /* 0: the table is empty, as it is if all callbacks are forms */
};

#define FIELD(name) offsetof(struct signature_table, name)

static const struct sqlite_statement statements[] = {
    {"SELECT 1 FROM signature WHERE key = ?1", FIELD(find)},
    {"INSERT INTO signature VALUES(?1) ON CONFLICT DO NOTHING", FIELD(add)},
    {NULL, 0},
};

enum result
signature_table_open(sqlite3 *db, struct signature_table **out_table)
{
	void *owner;
	enum result result =
	    sqlite_new_owner(db, statements, sizeof(struct signature_table), &owner);
	*out_table = owner;
	return result == RESULT_OK
		   ? sqlite_result(sqlite_number(
			 db, "SELECT EXISTS (SELECT 1 FROM signature)", &(*out_table)->has_any))
		   : result;
}

enum result
signature_table_has(struct signature_table *table, struct slice key, bool *out_has)
{
	*out_has = false;
	if (table->has_any == 0)
		return RESULT_OK;
	sqlite_bind_bytes(table->find, 1, key);
	return sqlite_has_row(table->find, out_has);
}

enum result
signature_table_add(struct signature_table *table, struct slice key)
{
	sqlite_bind_bytes(table->add, 1, key);
	table->has_any = 1;
	return sqlite_result(sqlite_run(table->add));
}

void
signature_table_close(struct signature_table *table)
{
	sqlite_free_owner(statements, table);
}
