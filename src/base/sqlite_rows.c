#include "dlrd/base/sqlite_rows.h"

#include <stdlib.h>
#include <string.h>

/* What the module's functions know of a table. */
struct table {
	sqlite3_vtab base;
	const struct sqlite_rows *rows;
};

struct cursor {
	sqlite3_vtab_cursor base;
	size_t row;
};

static const struct sqlite_rows *
rows_of(const sqlite3_vtab_cursor *cursor)
{
	return ((const struct table *)cursor->pVtab)->rows;
}

static int
connect_table(sqlite3 *db, void *context, int count, const char *const *words,
    sqlite3_vtab **out_table, char **out_error)
{
	const struct sqlite_rows *rows = context;
	sqlite3_str *sql = sqlite3_str_new(db);
	(void)count, (void)words, (void)out_error;

	for (size_t i = 0; i < rows->column_count; i++)
		sqlite3_str_appendf(
		    sql, "%s%s", i == 0 ? "CREATE TABLE x(" : ", ", rows->columns[i].name);
	sqlite3_str_appendall(sql, ")");
	char *text = sqlite3_str_finish(sql);
	struct table *table = calloc(1, sizeof *table);
	int code = text == NULL || table == NULL ? SQLITE_NOMEM : sqlite3_declare_vtab(db, text);
	sqlite3_free(text);
	if (code != SQLITE_OK) {
		free(table);
		return code;
	}

	table->rows = rows;
	*out_table = &table->base;
	return SQLITE_OK;
}

/* There is one plan: all rows, in their order. */
static int
plan(sqlite3_vtab *table, sqlite3_index_info *info)
{
	(void)table;
	info->estimatedRows = 1000;
	info->estimatedCost = 1000;
	return SQLITE_OK;
}

static int
disconnect_table(sqlite3_vtab *table)
{
	free(table);
	return SQLITE_OK;
}

static int
open_cursor(sqlite3_vtab *table, sqlite3_vtab_cursor **out_cursor)
{
	struct cursor *cursor = calloc(1, sizeof *cursor);
	(void)table;
	if (cursor == NULL)
		return SQLITE_NOMEM;
	*out_cursor = &cursor->base;
	return SQLITE_OK;
}

static int
close_cursor(sqlite3_vtab_cursor *cursor)
{
	free(cursor);
	return SQLITE_OK;
}

static int
start(sqlite3_vtab_cursor *cursor, int plan_number, const char *plan_text, int count,
    sqlite3_value **values)
{
	(void)plan_number, (void)plan_text, (void)count, (void)values;
	((struct cursor *)cursor)->row = 0;
	return SQLITE_OK;
}

static int
step(sqlite3_vtab_cursor *cursor)
{
	((struct cursor *)cursor)->row++;
	return SQLITE_OK;
}

static int
is_at_end(sqlite3_vtab_cursor *cursor)
{
	return ((struct cursor *)cursor)->row >= rows_of(cursor)->count;
}

static void
pass_text(sqlite3_context *out, struct slice text, bool is_bytes)
{
	if (text.ptr == NULL)
		return; /* NULL */
	if (is_bytes)
		sqlite3_result_blob(out, text.ptr, (int)text.len, SQLITE_STATIC);
	else
		sqlite3_result_text(out, text.ptr, (int)text.len, SQLITE_STATIC);
}

/* Passes a number, unless it stands for NULL. */
static void
pass_number(sqlite3_context *out, int64_t number, bool is_null)
{
	if (!is_null)
		sqlite3_result_int64(out, number);
}

static int
pass_field(sqlite3_vtab_cursor *cursor, sqlite3_context *out, int column)
{
	const struct sqlite_rows *rows = rows_of(cursor);
	const struct sqlite_column *of = &rows->columns[column];
	const void *field = (const char *)rows->rows[((struct cursor *)cursor)->row] + of->offset;

	switch (of->type) {
	case FIELD_NUMBER: pass_number(out, *(const int64_t *)field, false); break;
	case FIELD_ID:
		pass_number(out, *(const int64_t *)field, *(const int64_t *)field == 0);
		break;
	case FIELD_CODE:
		pass_number(out, *(const int64_t *)field, *(const int64_t *)field < 0);
		break;
	case FIELD_SMALL: sqlite3_result_int(out, *(const int *)field); break;
	case FIELD_FLAG: sqlite3_result_int(out, *(const bool *)field); break;
	case FIELD_TEXT: pass_text(out, *(const struct slice *)field, false); break;
	case FIELD_BYTES: pass_text(out, *(const struct slice *)field, true); break;
	case FIELD_SHORT: pass_text(out, short_text_slice(field), false); break;
	}
	return SQLITE_OK;
}

static int
read_row_number(sqlite3_vtab_cursor *cursor, sqlite3_int64 *out_number)
{
	*out_number = (sqlite3_int64)((struct cursor *)cursor)->row;
	return SQLITE_OK;
}

static const sqlite3_module module = {.xConnect = connect_table,
    .xBestIndex = plan,
    .xDisconnect = disconnect_table,
    .xOpen = open_cursor,
    .xClose = close_cursor,
    .xFilter = start,
    .xNext = step,
    .xEof = is_at_end,
    .xColumn = pass_field,
    .xRowid = read_row_number};

int
sqlite_rows_add(sqlite3 *db, const char *name, const struct sqlite_rows *rows)
{
	return sqlite3_create_module(db, name, &module, (void *)(uintptr_t)rows);
}

/* --- single rows --- */

static void
bind_number(sqlite3_stmt *statement, int index, int64_t number, bool is_null)
{
	if (is_null)
		sqlite3_bind_null(statement, index);
	else
		sqlite3_bind_int64(statement, index, number);
}

void
sqlite_bind_row(
    sqlite3_stmt *statement, const struct sqlite_column *columns, size_t count, const void *row)
{
	for (int i = 0; i < (int)count; i++) {
		const void *field = (const char *)row + columns[i].offset;
		int64_t number = 0;
		switch (columns[i].type) {
		case FIELD_NUMBER:
			sqlite3_bind_int64(statement, i + 1, *(const int64_t *)field);
			break;
		case FIELD_ID:
			number = *(const int64_t *)field;
			bind_number(statement, i + 1, number, number == 0);
			break;
		case FIELD_CODE:
			number = *(const int64_t *)field;
			bind_number(statement, i + 1, number, number < 0);
			break;
		case FIELD_SMALL: sqlite3_bind_int(statement, i + 1, *(const int *)field); break;
		case FIELD_FLAG: sqlite3_bind_int(statement, i + 1, *(const bool *)field); break;
		case FIELD_TEXT:
			sqlite_bind_text(statement, i + 1, *(const struct slice *)field);
			break;
		case FIELD_BYTES:
			sqlite_bind_bytes(statement, i + 1, *(const struct slice *)field);
			break;
		case FIELD_SHORT:
			sqlite_bind_text(statement, i + 1, short_text_slice(field));
			break;
		}
	}
}

void
sqlite_read_row(sqlite3_stmt *statement, const struct sqlite_column *columns, size_t count,
    struct arena *arena, void *out_row)
{
	for (int i = 0; i < (int)count; i++) {
		void *field = (char *)out_row + columns[i].offset;
		switch (columns[i].type) {
		case FIELD_NUMBER:
		case FIELD_ID: *(int64_t *)field = sqlite3_column_int64(statement, i); break;
		case FIELD_CODE: *(int64_t *)field = sqlite_column_or(statement, i, -1); break;
		case FIELD_SMALL: *(int *)field = sqlite3_column_int(statement, i); break;
		case FIELD_FLAG: *(bool *)field = sqlite3_column_int(statement, i) != 0; break;
		case FIELD_TEXT:
		case FIELD_BYTES:
			*(struct slice *)field = arena_copy(arena, sqlite_column(statement, i));
			break;
		case FIELD_SHORT: short_text_set(field, sqlite_column(statement, i)); break;
		}
	}
}
