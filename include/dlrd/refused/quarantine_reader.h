/* quarantine_reader: reads quarantine.db over a connection that cannot write.
 *
 * Threads other than the owner's, and other processes, use it. A struct quarantine_reader belongs
 * to the thread that opened it. The module does not log. */
#pragma once

#include "dlrd/refused/quarantine_values.h"

struct quarantine_reader;

/* Returns RESULT_NOT_FOUND if there is no readable file. */
must_check enum result quarantine_reader_open(
    const char *path, struct quarantine_reader **out_reader, struct failure *failure);

/* See quarantine_each. */
must_check enum result quarantine_reader_each(struct quarantine_reader *reader,
    const struct quarantine_page *page, quarantined_fn on_request, void *context);

/* Calls on_request with one request. Returns RESULT_NOT_FOUND if no request has that id. */
must_check enum result quarantine_reader_get(
    struct quarantine_reader *reader, uint64_t id, quarantined_fn on_request, void *context);

/* Returns SQLite's message for the last failure, borrowed until the next call. */
const char *quarantine_reader_error(const struct quarantine_reader *reader);

/* Accepts NULL. */
void quarantine_reader_close(struct quarantine_reader *reader);
