#include "dlrd/engine/signature_table.h"

#include "dlrd/base/sqlite.h"

#include <stdlib.h>

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
	struct signature_table *table = calloc(1, sizeof *table);
	int code = sqlite_prepare_all(db, statements, table);
	if (code == SQLITE_OK)
		code =
		    sqlite_number(db, "SELECT EXISTS (SELECT 1 FROM signature)", &table->has_any);
	if (code != SQLITE_OK) {
		signature_table_close(table);
		return sqlite_result(code);
	}

	*out_table = table;
	return RESULT_OK;
}

enum result
signature_table_has(struct signature_table *table, struct slice key, bool *out_has)
{
	*out_has = false;
	if (table->has_any == 0)
		return RESULT_OK;
	sqlite_bind_bytes(table->find, 1, key);
	int code = sqlite3_step(table->find);
	*out_has = code == SQLITE_ROW;
	sqlite3_reset(table->find);
	return sqlite_result(code);
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
	sqlite_finalize_all(statements, table);
	free(table);
}
