/* quarantine_handle: a connection to quarantine.db, its tables, and the queries that the owner and
 * readers share. Private to the quarantine. A handle belongs to one thread. */
#pragma once

#include "dlrd/base/sqlite.h"
#include "dlrd/refused/quarantine_values.h"

/* Page size of the file, to convert pages of its log to bytes. */
#define QUARANTINE_PAGE_SIZE 4096

enum quarantine_question {
	QUARANTINE_QUESTION_OLDEST, /* ?1: after this id, ?2: limit */
	QUARANTINE_QUESTION_NEWEST, /* the same */
	QUARANTINE_QUESTION_ONE,    /* ?1: its id */
	QUARANTINE_QUESTION_COUNT,
};

struct quarantine_handle {
	sqlite3 *db; /* NULL: closed */
	sqlite3_stmt *questions[QUARANTINE_QUESTION_COUNT];
};

/* Open the file for the owner, and for a reader. The handle must be closed, also after a failure.
 */
must_check enum result quarantine_handle_open(
    struct quarantine_handle *handle, const char *path, struct failure *failure);
must_check enum result quarantine_handle_open_to_read(
    struct quarantine_handle *handle, const char *path, struct failure *failure);

/* See quarantine_each and quarantine_reader_get. *out_code is SQLite's code, unchanged if the
 * callback ended the reading. */
must_check enum result quarantine_handle_each(struct quarantine_handle *handle,
    const struct quarantine_page *page, quarantined_fn on_request, void *context, int *out_code);
must_check enum result quarantine_handle_get(struct quarantine_handle *handle, uint64_t id,
    quarantined_fn on_request, void *context, int *out_code);

/* Other statements of the connection must be finalized first. */
void quarantine_handle_close(struct quarantine_handle *handle);
