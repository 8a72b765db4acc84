#include "dlrd/store/lookups.h"

#include "sql.h"
#include "store_handle.h"

static int
insert_catalogue(struct store *store, const struct error_catalogue *catalogue)
{
	sqlite3_stmt *insert = NULL;
	int code = sqlite3_exec(store->db, "DELETE FROM error_catalogue", NULL, NULL, NULL);
	if (code == SQLITE_OK)
		code = sqlite_prepare(
		    store->db, "INSERT INTO error_catalogue VALUES(?1, ?2, ?3, ?4, ?5)", &insert);
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
insert_provider_names(struct store *store, const struct provider_names *names)
{
	static const struct slice kinds[] = {[PROVIDER_ACCOUNT] = SLICE_INIT("account"),
	    [PROVIDER_SERVICE] = SLICE_INIT("service"),
	    [PROVIDER_SENDER] = SLICE_INIT("sender"),
	    [PROVIDER_DEFAULT] = SLICE_INIT("default")};
	sqlite3_stmt *insert = NULL;
	int code = sqlite3_exec(store->db, "DELETE FROM provider_name", NULL, NULL, NULL);
	if (code == SQLITE_OK)
		code = sqlite_prepare(
		    store->db, "INSERT INTO provider_name VALUES(?1, ?2, ?3)", &insert);
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
store_set_lookups(struct store *store, const struct error_catalogue *catalogue,
    const struct provider_names *names)
{
	enum result result = store_begin(store);
	if (result != RESULT_OK)
		return result;

	int code = insert_catalogue(store, catalogue);
	if (code == SQLITE_OK)
		code = insert_provider_names(store, names);
	if (code == SQLITE_OK)
		return store_commit(store, store_cursor(store));

	result = store_note(store, sqlite_result(code));
	store_rollback(store);
	return result;
}
