/* quarantine_handle: a connection to quarantine.db, its tables, and what both the owner and readers
 * ask of it. Inside quarantine only. A handle belongs to one thread. */
#ifndef DLRD_JOURNAL_QUARANTINE_HANDLE_H
#define DLRD_JOURNAL_QUARANTINE_HANDLE_H

#include "dlrd/base/sqlite.h"
#include "dlrd/journal/quarantine_values.h"

/* The file's, so that pages of its log can be counted as bytes. */
#define QUARANTINE_PAGE_SIZE 4096

enum quarantine_question {
	QUESTION_OLDEST, /* ?1: beyond that id, ?2: how many */
	QUESTION_NEWEST, /* the same */
	QUESTION_ONE,    /* ?1: its id */
	QUARANTINE_QUESTION_COUNT,
};

struct quarantine_handle {
	sqlite3 *db; /* NULL: closed */
	sqlite3_stmt *questions[QUARANTINE_QUESTION_COUNT];
};

/* Both leave a handle that has to be closed, also on failure. */
must_check enum result quarantine_handle_open(
    struct quarantine_handle *handle, const char *path, struct failure *failure);
must_check enum result quarantine_handle_open_to_read(
    struct quarantine_handle *handle, const char *path, struct failure *failure);

/* As quarantine_each and quarantine_get, with SQLite's code apart. */
must_check enum result quarantine_handle_each(struct quarantine_handle *handle,
    const struct quarantine_page *page, quarantined_fn on_request, void *context, int *out_code);
must_check enum result quarantine_handle_get(struct quarantine_handle *handle, uint64_t id,
    quarantined_fn on_request, void *context, int *out_code);

/* Other statements of the connection must be finalised before. */
void quarantine_handle_close(struct quarantine_handle *handle);

#endif
