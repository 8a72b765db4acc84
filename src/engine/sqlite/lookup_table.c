#include "dlrd/engine/lookup_table.h"

#include "dlrd/base/sqlite.h"
#include "open_tables.h"

struct lookup_table {
	sqlite3 *db;
	sqlite3_stmt *find_code;
};

#define FIELD(name) offsetof(struct lookup_table, name)

static const struct sqlite_statement statements[] = {
    {"SELECT 1 FROM error_catalogue WHERE code = ?1", FIELD(find_code)},
    {NULL, 0},
};

enum result
lookup_table_open(sqlite3 *db, struct lookup_table **out_table)
{
	void *owner;
	enum result result = sqlite_new_owner(db, statements, sizeof(struct lookup_table), &owner);
	*out_table = owner;
	if (result == RESULT_OK)
		(*out_table)->db = db;
	return result;
}

enum result
lookup_table_knows_code(struct lookup_table *table, int64_t error_code, bool *out_knows)
{
	sqlite3_bind_int64(table->find_code, 1, error_code);
	return sqlite_has_row(table->find_code, out_knows);
}

static int
insert_catalogue(sqlite3 *db, const struct error_catalogue *catalogue)
{
	sqlite3_stmt *insert = NULL;
	int code = sqlite3_exec(db, "DELETE FROM error_catalogue", NULL, NULL, NULL);
	if (code == SQLITE_OK)
		code = sqlite_prepare(
		    db, "INSERT INTO error_catalogue VALUES(?1, ?2, ?3, ?4, ?5)", &insert);
	for (size_t i = 0; code == SQLITE_OK && i < catalogue->count; i++) {
		const struct error_entry *entry = &catalogue->entries[i];
		sqlite3_bind_int64(insert, 1, entry->code);
		sqlite_bind_name(insert, 2, entry->name);
		sqlite_bind_name(insert, 3, entry->kind);
		sqlite_bind_name(insert, 4, entry->permanence);
		sqlite_bind_name(insert, 5, entry->action);
		code = sqlite_run(insert);
	}

	sqlite3_finalize(insert);
	return code;
}

static int
insert_provider_names(sqlite3 *db, const struct provider_names *names)
{
	static const struct slice kinds[] = {[PROVIDER_ACCOUNT] = SLICE_INIT("account"),
	    [PROVIDER_SERVICE] = SLICE_INIT("service"),
	    [PROVIDER_SENDER] = SLICE_INIT("sender"),
	    [PROVIDER_DEFAULT] = SLICE_INIT("default")};
	sqlite3_stmt *insert = NULL;
	int code = sqlite3_exec(db, "DELETE FROM provider_name", NULL, NULL, NULL);
	if (code == SQLITE_OK)
		code = sqlite_prepare(db, "INSERT INTO provider_name VALUES(?1, ?2, ?3)", &insert);
	for (size_t i = 0; code == SQLITE_OK && i < names->count; i++) {
		sqlite_bind_text(insert, 1, kinds[names->items[i].kind]);
		sqlite_bind_text(insert, 2, slice_of(names->items[i].value));
		sqlite_bind_text(insert, 3, slice_of(names->items[i].nickname));
		code = sqlite_run(insert);
	}

	sqlite3_finalize(insert);
	return code;
}

enum result
lookup_table_set(struct lookup_table *table, const struct error_catalogue *catalogue,
    const struct provider_names *names)
{
	int code = insert_catalogue(table->db, catalogue);
	return sqlite_result(code == SQLITE_OK ? insert_provider_names(table->db, names) : code);
}

void
lookup_table_close(struct lookup_table *table)
{
	sqlite_free_owner(statements, table);
}
