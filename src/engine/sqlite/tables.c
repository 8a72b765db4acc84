#include "dlrd/engine/tables.h"

#include "open_tables.h"

enum result
tables_open(sqlite3 *db, struct tables *out_tables)
{
	*out_tables = (struct tables){.names = NULL};
	enum result result = names_open(db, &out_tables->names);
	if (result == RESULT_OK)
		result = messages_open(db, &out_tables->messages);
	if (result == RESULT_OK)
		result = receipt_table_open(db, &out_tables->receipts);
	if (result == RESULT_OK)
		result = reply_table_open(db, &out_tables->replies);
	if (result == RESULT_OK)
		result = consent_table_open(db, &out_tables->consents);
	if (result == RESULT_OK)
		result = person_table_open(db, &out_tables->persons);
	if (result == RESULT_OK)
		result = signature_table_open(db, &out_tables->signatures);
	if (result == RESULT_OK)
		result = figure_table_open(db, &out_tables->figures);
	if (result == RESULT_OK)
		result = lookup_table_open(db, &out_tables->lookups);
	if (result == RESULT_OK)
		result = block_table_open(db, &out_tables->blocks);
	if (result == RESULT_OK)
		result = upkeep_table_open(db, &out_tables->upkeep);
	return result;
}

void
tables_close(struct tables *tables)
{
	names_close(tables->names);
	messages_close(tables->messages);
	receipt_table_close(tables->receipts);
	reply_table_close(tables->replies);
	consent_table_close(tables->consents);
	person_table_close(tables->persons);
	signature_table_close(tables->signatures);
	figure_table_close(tables->figures);
	lookup_table_close(tables->lookups);
	block_table_close(tables->blocks);
	upkeep_table_close(tables->upkeep);
	*tables = (struct tables){.names = NULL};
}
