#include "dlrd/journal/journal_reader.h"

#include "dlrd/base/sqlite.h"

#include <stdlib.h>

#define READ(signature)                                                                        \
	"SELECT seq, received_us, method, route, query, media_type, body, account, " signature \
	" FROM entry WHERE seq > ?1 ORDER BY seq LIMIT ?2"

struct journal_reader {
	sqlite3 *db;
	sqlite3_stmt *read, *last, *next;
};

enum result
journal_reader_open(const char *path, struct journal_reader **out_reader, struct failure *failure)
{
	struct journal_reader *reader = calloc(1, sizeof *reader);
	if (reader == NULL)
		return failure_set(failure, RESULT_NO_MEMORY, "no memory");

	int code = sqlite_open_to_read(path, &reader->db);
	/* The daemon may not have converted the file yet. */
	int64_t version = 0;
	if (code == SQLITE_OK)
		code = sqlite_number(reader->db, "PRAGMA user_version", &version);
	if (code == SQLITE_OK)
		code = sqlite_prepare(
		    reader->db, version == 1 ? READ("NULL") : READ("signature"), &reader->read);
	if (code == SQLITE_OK)
		code = sqlite_prepare(
		    reader->db, "SELECT coalesce(max(seq), 0) FROM entry", &reader->last);
	if (code == SQLITE_OK)
		code = sqlite_prepare(reader->db,
		    "SELECT received_us FROM entry WHERE seq > ?1 ORDER BY seq LIMIT 1",
		    &reader->next);
	if (code != SQLITE_OK) {
		enum result result = sqlite_fail(reader->db, path, code, failure);
		journal_reader_close(reader);
		return result;
	}

	*out_reader = reader;
	return RESULT_OK;
}

enum result
journal_reader_read(struct journal_reader *reader, uint64_t after_seq, size_t entries_max,
    journal_entry_fn on_entry, void *context)
{
	enum result result = RESULT_OK;
	int code = SQLITE_ROW;
	sqlite3_bind_int64(reader->read, 1, (sqlite3_int64)after_seq);
	sqlite3_bind_int64(reader->read, 2, (sqlite3_int64)entries_max);
	while (result == RESULT_OK && (code = sqlite3_step(reader->read)) == SQLITE_ROW) {
		struct journal_entry entry = {
		    .seq = (uint64_t)sqlite3_column_int64(reader->read, 0),
		    .received_us = sqlite3_column_int64(reader->read, 1),
		    .method = sqlite_column(reader->read, 2),
		    .route = sqlite_column(reader->read, 3),
		    .query = sqlite_column(reader->read, 4),
		    .media_type = sqlite_column(reader->read, 5),
		    .body = sqlite_column(reader->read, 6),
		    .account = sqlite_column(reader->read, 7),
		    .signature = sqlite_column(reader->read, 8),
		};
		result = on_entry(context, &entry);
	}

	sqlite3_reset(reader->read);
	return result != RESULT_OK ? result : sqlite_result(code);
}

enum result
journal_reader_range(struct journal_reader *reader, uint64_t *out_first_seq, uint64_t *out_last_seq)
{
	int64_t first = 0, last = 0;
	int code = sqlite_number(reader->db, "SELECT coalesce(min(seq), 0) FROM entry", &first);
	if (code == SQLITE_OK)
		code = sqlite_number(reader->db, "SELECT coalesce(max(seq), 0) FROM entry", &last);
	if (code != SQLITE_OK)
		return sqlite_result(code);
	*out_first_seq = (uint64_t)first;
	*out_last_seq = (uint64_t)last;
	return RESULT_OK;
}

enum result
journal_reader_tail(
    struct journal_reader *reader, uint64_t after_seq, uint64_t *out_last_seq, int64_t *out_next_us)
{
	int code = sqlite3_step(reader->last);
	uint64_t last = code == SQLITE_ROW ? (uint64_t)sqlite3_column_int64(reader->last, 0) : 0;
	sqlite3_reset(reader->last);
	if (code != SQLITE_ROW)
		return sqlite_result(code);

	sqlite3_bind_int64(reader->next, 1, (sqlite3_int64)after_seq);
	code = sqlite3_step(reader->next);
	int64_t next_us = code == SQLITE_ROW ? sqlite3_column_int64(reader->next, 0) : 0;
	sqlite3_reset(reader->next);
	if (code != SQLITE_ROW && code != SQLITE_DONE)
		return sqlite_result(code);

	*out_last_seq = last;
	*out_next_us = next_us;
	return RESULT_OK;
}

const char *
journal_reader_error(const struct journal_reader *reader)
{
	return sqlite3_errmsg(reader->db);
}

void
journal_reader_close(struct journal_reader *reader)
{
	if (reader == NULL)
		return;
	sqlite3_finalize(reader->read);
	sqlite3_finalize(reader->last);
	sqlite3_finalize(reader->next);
	sqlite3_close_v2(reader->db);
	free(reader);
}
