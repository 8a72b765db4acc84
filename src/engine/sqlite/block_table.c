#include "dlrd/engine/block_table.h"

#include "open_tables.h"
#include "sql.h"

#include <assert.h>

struct block_table {
	sqlite3_stmt *add, *has, *add_events, *missing_events;
};

#define FIELD(name) offsetof(struct block_table, name)

#define EVENTS "SELECT DISTINCT -1, time_us / 3600000000, seq / 8192 FROM event"
static_assert(BLOCK_SIZE == 8192 && BLOCK_EVENTS == -1, "EVENTS has other ones");

static const struct sqlite_statement statements[] = {
    {"INSERT INTO hour_block VALUES(?1, ?2, ?3) ON CONFLICT DO NOTHING", FIELD(add)},
    {"SELECT 1 FROM hour_block WHERE figure = ?1 AND hour = ?2 AND block = ?3", FIELD(has)},
    {"INSERT OR IGNORE INTO hour_block " EVENTS, FIELD(add_events)},
    {"SELECT count(*) FROM (" EVENTS " EXCEPT SELECT figure, hour, block FROM hour_block"
     " WHERE figure = -1)",
	FIELD(missing_events)},
    {NULL, 0},
};

enum result
block_table_open(sqlite3 *db, struct block_table **out_table)
{
	void *owner;
	enum result result = sqlite_new_owner(db, statements, sizeof(struct block_table), &owner);
	*out_table = owner;
	return result;
}

static sqlite3_stmt *
bind(sqlite3_stmt *statement, int64_t figure, int64_t hour, int64_t block)
{
	sqlite3_bind_int64(statement, 1, figure);
	sqlite3_bind_int64(statement, 2, hour);
	sqlite3_bind_int64(statement, 3, block);
	return statement;
}

enum result
block_table_add(struct block_table *table, int64_t figure, int64_t hour, int64_t block)
{
	return sqlite_result(sqlite_run(bind(table->add, figure, hour, block)));
}

enum result
block_table_has(
    struct block_table *table, int64_t figure, int64_t hour, int64_t block, bool *out_has)
{
	return sqlite_has_row(bind(table->has, figure, hour, block), out_has);
}

enum result
block_table_add_events(struct block_table *table)
{
	return sqlite_result(sqlite_run(table->add_events));
}

enum result
block_table_missing_events(struct block_table *table, int64_t *out_count)
{
	return sqlite_first_number(table->missing_events, out_count);
}

void
block_table_close(struct block_table *table)
{
	sqlite_free_owner(statements, table);
}
