#include "salvage_tables.h"

#include "dlrd/base/buffer.h"
#include "sql.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Rows of a table have numbers, and a damaged page hides a range of numbers. After an error the
 * next readable number is searched in growing steps, and then exactly. Rows that a damaged page
 * made up violate the constraints of the new table, which are as strict as the old ones. */

#define SINGLE_STEPS 1000
#define DOUBLINGS_MAX 50 /* no store has so many receipts */

static void
note_damage(struct salvage_work *work)
{
	if (work->first_error[0] == '\0')
		sqlite3_snprintf(sizeof work->first_error, work->first_error, "%s: %s", work->table,
		    sqlite3_errmsg(work->old));
}

/* --- columns --- */

/* The columns of a table of the new store that the old one has, too. */
static int
list_columns(struct salvage_work *work)
{
	sqlite3_stmt *statement = NULL;
	int code = sqlite3_prepare_v2(
	    work->new, "SELECT name FROM pragma_table_info(?1)", -1, &statement, NULL);
	size_t len = 0;

	work->column_count = 0;
	work->columns[0] = '\0';
	if (code != SQLITE_OK)
		return code;

	sqlite3_bind_text(statement, 1, work->table, -1, SQLITE_STATIC);
	while ((code = sqlite3_step(statement)) == SQLITE_ROW) {
		const char *name = (const char *)sqlite3_column_text(statement, 0);
		int more = snprintf(work->columns + len, sizeof work->columns - len, "%s\"%s\"",
		    work->column_count > 0 ? ", " : "", name);
		len += (size_t)more;
		work->column_count++;
		if (len >= sizeof work->columns)
			code = SQLITE_NOMEM;
	}

	sqlite3_finalize(statement);
	return code == SQLITE_DONE ? SQLITE_OK : code;
}

static int
prepare_copy(struct salvage_work *work, const char *read_format, const char *write_format)
{
	struct buffer values = BUFFER_EMPTY;
	for (int i = 1; i <= work->column_count; i++)
		buffer_appendf(&values, "%s?%d", i > 1 ? ", " : "", i);
	buffer_append_byte(&values, '\0');
	char *read = sqlite3_mprintf(read_format, work->columns, work->table);
	char *write = values.failed
			  ? NULL
			  : sqlite3_mprintf(write_format, work->table, work->columns, values.ptr);
	int code = SQLITE_NOMEM;
	if (read != NULL && write != NULL)
		code = sqlite3_prepare_v2(work->new, write, -1, &work->write, NULL);
	if (code == SQLITE_OK &&
	    sqlite3_prepare_v2(work->old, read, -1, &work->read, NULL) != SQLITE_OK)
		note_damage(work); /* the old schema lacks the table, or is damaged */
	sqlite3_free(read);
	sqlite3_free(write);
	buffer_done(&values);
	return code;
}

static void
finish_copy(struct salvage_work *work)
{
	sqlite3_finalize(work->read);
	sqlite3_finalize(work->write);
	work->read = work->write = NULL;
}

/* Copies the row in hand, whose columns begin at first. A row that the new table rejects is lost.
 */
static void
copy_row(struct salvage_work *work, int first)
{
	for (int i = 0; i < work->column_count; i++)
		sqlite3_bind_value(work->write, i + 1, sqlite3_column_value(work->read, first + i));
	(void)!sqlite_run(work->write);
}

/* --- tables with numbered rows --- */

/* Whether rows from id on can be read; *out_id is the first of them, 0 if there is no row. */
static bool
try_from(struct salvage_work *work, int64_t id, int64_t *out_id)
{
	sqlite3_reset(work->read);
	sqlite3_bind_int64(work->read, 1, id);
	int code = sqlite3_step(work->read);
	*out_id = code == SQLITE_ROW ? sqlite3_column_int64(work->read, 0) : 0;
	return code == SQLITE_ROW || code == SQLITE_DONE;
}

/* Searches in doubling steps, and then exactly: for a damaged page that leads to many others. */
static int64_t
skip_far(struct salvage_work *work, int64_t failed)
{
	int64_t low = failed, high = failed, found = 0, at;
	bool readable = false;

	for (int i = 0; i < DOUBLINGS_MAX && !readable; i++) {
		low = high;
		high = failed + (INT64_C(1) << i);
		readable = try_from(work, high, &found);
	}

	while (readable && high - low > 1) {
		int64_t middle = low + (high - low) / 2;
		if (try_from(work, middle, &at)) {
			high = middle;
			found = at;
		} else
			low = middle;
	}

	return readable ? found : 0;
}

/* Returns the first row from failed on that can be read; 0 if there is no such row. Most damaged
 * pages hide few rows, so these are tried one by one: a longer step could miss a sound page between
 * two others. */
static int64_t
skip_damage(struct salvage_work *work, int64_t failed)
{
	int64_t found;
	for (int64_t i = 0; i < SINGLE_STEPS; i++)
		if (try_from(work, failed + i, &found))
			return found;
	return skip_far(work, failed + SINGLE_STEPS - 1);
}

static void
copy_rows(struct salvage_work *work)
{
	int64_t from = 0, seen = 0;

	do {
		sqlite3_reset(work->read);
		sqlite3_bind_int64(work->read, 1, from);
		int code;
		while ((code = sqlite3_step(work->read)) == SQLITE_ROW) {
			seen = sqlite3_column_int64(work->read, 0);
			copy_row(work, 1);
		}
		if (code == SQLITE_DONE)
			return;

		note_damage(work);
		from = skip_damage(work, seen > from ? seen + 1 : from + 1);
	} while (from != 0);
}

/* --- other tables: by key, from both ends --- */

static void
copy_from_one_end(struct salvage_work *work, const char *read_format)
{
	int code = SQLITE_OK;
	if (prepare_copy(work, read_format, "INSERT OR IGNORE INTO \"%w\"(%s) VALUES(%s)") !=
		SQLITE_OK ||
	    work->read == NULL) {
		finish_copy(work);
		return;
	}

	while ((code = sqlite3_step(work->read)) == SQLITE_ROW)
		copy_row(work, 0);
	if (code != SQLITE_DONE)
		note_damage(work);
	finish_copy(work);
}

enum result
salvage_copy_table(struct salvage_work *work, const char *table, bool numbered)
{
	work->table = table;
	if (list_columns(work) != SQLITE_OK)
		return RESULT_NO_MEMORY;
	if (!numbered) {
		copy_from_one_end(work, "SELECT %s FROM \"%w\"");
		copy_from_one_end(work, "SELECT %s FROM \"%w\" ORDER BY 1 DESC");
		return RESULT_OK;
	}

	int code =
	    prepare_copy(work, "SELECT rowid, %s FROM \"%w\" WHERE rowid >= ?1 ORDER BY rowid",
		"INSERT INTO \"%w\"(%s) VALUES(%s)");
	if (code == SQLITE_OK && work->read != NULL)
		copy_rows(work);
	finish_copy(work);
	return sqlite_result(code);
}

/* --- what a unique index has of rows that the table lost --- */

static int
run_each(struct salvage_work *work, const char *read, const char *write)
{
	int code = sqlite3_prepare_v2(work->new, write, -1, &work->write, NULL);
	if (code != SQLITE_OK)
		return code;

	/* A statement that the damaged schema does not allow recovers nothing. */
	if (sqlite3_prepare_v2(work->old, read, -1, &work->read, NULL) == SQLITE_OK) {
		work->column_count = sqlite3_column_count(work->read);
		while (sqlite3_step(work->read) == SQLITE_ROW)
			copy_row(work, 0);
	}

	finish_copy(work);
	return SQLITE_OK;
}

int
salvage_recover_from_indexes(struct salvage_work *work)
{
	static const struct {
		const char *read, *write;
	} rows[] = {
	    {"SELECT id, workspace, name FROM campaign INDEXED BY sqlite_autoindex_campaign_1"
	     " ORDER BY workspace %s, name %s",
		"INSERT OR IGNORE INTO campaign(id, workspace, name, first_us, last_us)"
		" VALUES(?1, ?2, ?3, 0, 0)"},
	    {"SELECT id, campaign_id, variant FROM tagset INDEXED BY sqlite_autoindex_tagset_1"
	     " ORDER BY campaign_id %s, variant %s",
		"INSERT OR IGNORE INTO tagset(id, campaign_id, variant) VALUES(?1, ?2, ?3)"},
	    {"SELECT id, account, service, sender FROM provider"
	     " INDEXED BY sqlite_autoindex_provider_1 ORDER BY account %s, service %s, sender",
		"INSERT OR IGNORE INTO provider(id, account, service, sender)"
		" VALUES(?1, ?2, ?3, ?4)"},
	    /* Its state follows from its receipts, which name its tags and its provider. */
	    {"SELECT id, sid FROM message INDEXED BY sqlite_autoindex_message_1"
	     " ORDER BY sid %s, id %s",
		"INSERT OR IGNORE INTO message(id, sid, tagset_id, provider_id, status, outcome,"
		" conflict, seen, first_final, opted_out, error_code, first_us, last_us, sent_us,"
		" delivered_us, failed_us, canceled_us, read_us, received_us)"
		" SELECT ?1, ?2, tagset_id, provider_id, '', 0, 0, 0, 0, 0, -1, 0, 0, 0, 0, 0, 0,"
		" 0, 0 FROM event WHERE message_id = ?1 LIMIT 1"},
	};
	int code = SQLITE_OK;

	for (size_t i = 0; code == SQLITE_OK && i < 2 * sizeof rows / sizeof rows[0]; i++) {
		const char *way = i % 2 == 0 ? "ASC" : "DESC";
		char *read = sqlite3_mprintf(rows[i / 2].read, way, way);
		work->table = "an index";
		code = read == NULL ? SQLITE_NOMEM : run_each(work, read, rows[i / 2].write);
		sqlite3_free(read);
	}

	return code;
}
