/* reader: questions to the store, over a connection that cannot write.
 *
 * This header has no SQL. Each answer is a consistent snapshot of the store. Lists are
 * passed row by row to a callback, whose slices are valid during the call. A reader belongs to one
 * thread at a time; any number of them may be open next to the writer, in this process or another.
 */
#pragma once

#include "dlrd/base/result.h"
#include "dlrd/base/slice.h"

struct engine_parameters;
struct store_reader;
struct tables;

/* Opens the store at path. RESULT_NOT_FOUND if there is no store that can be read, RESULT_CORRUPT
 * if another version wrote it. */
must_check enum result store_reader_open(
    const char *path, struct store_reader **out_reader, struct failure *failure);

/* Ends each question that takes longer than limit_us with RESULT_LIMIT (0: no limit, the default),
 * so that no question keeps the store's log from being reset. */
void store_reader_set_limit(struct store_reader *reader, int64_t limit_us);

/* Ends questions with RESULT_LIMIT once *stop is true, if there is a limit; stop is borrowed. */
void store_reader_set_stop(struct store_reader *reader, const _Atomic bool *stop);

enum store_kind {
	STORE_NULL,
	STORE_INT,
	STORE_REAL,
	STORE_TEXT,
	STORE_TAG, /* of a parameter: text that is repaired as stored tags are, if it is not UTF-8
		    */
};

struct store_value {
	enum store_kind kind;
	int64_t number;
	double real;
	struct slice text; /* borrowed */
};

typedef void (*store_values_fn)(void *context, const struct store_value *values);

/* A question of the table in query/table.h. sql is a text of the program: its statement is prepared
 * once for its address. */
struct store_question {
	const char *sql;
	const struct store_value *parameters; /* $1 is the first */
	size_t parameter_count;
	const char *const *columns; /* by name; NULL: no column, the value is null */
	size_t column_count;
};

#define STORE_COLUMNS_MAX 32

/* Calls on_row for each row, with one value for each of the question's columns. RESULT_INVALID if
 * the answer has no column of such a name. */
must_check enum result store_ask(struct store_reader *reader, const struct store_question *question,
    store_values_fn on_row, void *context);

/* Several questions that belong to one answer: until store_reader_release they see the same state
 * of the store, and share the limit of time. Release also after a failure. */
must_check enum result store_reader_hold(struct store_reader *reader);
void store_reader_release(struct store_reader *reader);

/* Reads the number of the last journal entry that was projected. */
must_check enum result store_read_cursor(struct store_reader *reader, uint64_t *out_cursor);

/* Begins a snapshot in which all tables can be read until store_reader_end, which must be called
 * also after a failure. Until then the store's log cannot be reset. */
must_check enum result store_reader_begin(struct store_reader *reader, struct tables *out_tables,
    struct engine_parameters *out_parameters);
void store_reader_end(struct store_reader *reader, struct tables *tables);

/* Reads what the stored figures follow. */
must_check enum result store_reader_parameters(
    struct store_reader *reader, struct engine_parameters *out_parameters);

/* The engine's message for the last failure. Borrowed until the next call. */
const char *store_reader_error(const struct store_reader *reader);

/* Accepts NULL. */
void store_reader_close(struct store_reader *reader);
