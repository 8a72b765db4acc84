/* reader_handle: statements and bound values of questions, for the two readers. */
#pragma once

#include "sql.h"

struct store_reader;

/* Each question has one statement, prepared when it is asked for the first time. */
enum reader_question {
	READER_EVENTS,
	READER_ONE_EVENT,
	READER_MESSAGE_EVENTS,
	READER_NUMBER_EVENTS,
	READER_LAST_EVENT,
	READER_CURSOR,
	READER_QUESTION_COUNT,
};

/* Prepares the question's statement, ready to be bound. Returns RESULT_OK, or the reason of a
 * failure. */
must_check enum result reader_ask(struct store_reader *reader, enum reader_question question,
    const char *sql, sqlite3_stmt **out_statement);

/* Bind a value by its name (":workspace"). A name that the statement lacks is ignored. A tag that
 * is not UTF-8 is repaired, as it was when it was stored. */
void reader_bind_text(sqlite3_stmt *statement, const char *name, struct slice text);
void reader_bind_number(sqlite3_stmt *statement, const char *name, int64_t number);

/* Binds ":limit"; 0 means no limit. */
void reader_bind_limit(sqlite3_stmt *statement, size_t limit);

/* Binds ":from" and ":to" in microseconds; to_us 0 means no end. */
void reader_bind_times(sqlite3_stmt *statement, int64_t from_us, int64_t to_us);

/* A column's text, absent if it is empty. */
struct slice reader_filled(sqlite3_stmt *statement, int column);

/* Ends a question that stepped to `code`. */
enum result reader_finish(struct store_reader *reader, sqlite3_stmt *statement, int code);
