/* reader: questions to the store, asked over a connection that cannot write.
 *
 * Like store.h this header knows no SQL. Each answer is a consistent moment of the store; lists are
 * handed out row by row to a callback, whose slices are good during the call. A reader belongs to
 * one thread at a time; any number of them may be open beside the writer, in this process or
 * another. */
#ifndef DLRD_STORE_READER_H
#define DLRD_STORE_READER_H

#include "dlrd/store/consents_reader.h"
#include "dlrd/store/events_reader.h"
#include "dlrd/store/figures_reader.h"

struct store_reader;

/* Opens the store at path. RESULT_NOT_FOUND where there is none, RESULT_CORRUPT where another
 * version wrote it. */
must_check enum result store_reader_open(
    const char *path, struct store_reader **out_reader, struct failure *failure);

/* Ends each question that takes longer than limit_us with RESULT_LIMIT (0: none, the default), so
 * that none keeps the store's log from being reset. */
void store_reader_set_limit(struct store_reader *reader, int64_t limit_us);

/* Ends questions with RESULT_LIMIT once *stop is true, if there is a limit; stop is borrowed. */
void store_reader_set_stop(struct store_reader *reader, const _Atomic bool *stop);

struct catalogue_row {
	int64_t code;
	struct slice name, kind, permanence, action;
};

typedef void (*catalogue_fn)(void *context, const struct catalogue_row *row);

/* By code, from after_code on; limit 0 for all. */
must_check enum result store_read_catalogue(struct store_reader *reader, int64_t after_code,
    size_t limit, catalogue_fn on_row, void *context);

/* The last journal entry that has been projected. */
must_check enum result store_read_cursor(struct store_reader *reader, uint64_t *out_cursor);

/* The engine's words for the last failure. Borrowed until the next call. */
const char *store_reader_error(const struct store_reader *reader);

/* Accepts NULL. */
void store_reader_close(struct store_reader *reader);

#endif
