#include "dlrd/store/lookups.h"

#include "store_handle.h"

enum result
store_set_lookups(struct store *store, const struct error_catalogue *catalogue,
    const struct provider_names *names, const struct keywords *keywords)
{
	enum result result = store_begin(store);
	if (result != RESULT_OK)
		return result;

	result = lookup_table_set(store->tables.lookups, catalogue, names, keywords);
	if (result == RESULT_OK)
		return store_commit(store, store_cursor(store));

	store_note(store, result);
	store_rollback(store);
	return result;
}
