/* journal_reader: reads entries of journal.db over a connection that cannot write.
 *
 * The projector and `dlrd recover` use it. It also reads files of an older version that the daemon
 * has not converted yet. A struct journal_reader belongs to one thread. The module does not log. */
#pragma once

#include "dlrd/journal/journal.h"

struct journal_reader;

must_check enum result journal_reader_open(
    const char *path, struct journal_reader **out_reader, struct failure *failure);

/* Called with one entry, whose slices are valid during the call. Any result but RESULT_OK ends the
 * reading. */
typedef enum result (*journal_entry_fn)(void *context, const struct journal_entry *entry);

/* Calls on_entry with at most entries_max entries after after_seq, in order. Returns the callback's
 * result if it is not RESULT_OK. */
must_check enum result journal_reader_read(struct journal_reader *reader, uint64_t after_seq,
    size_t entries_max, journal_entry_fn on_entry, void *context);

/* Reads the numbers of the oldest and the newest entry; 0 if there is no entry. */
must_check enum result journal_reader_range(
    struct journal_reader *reader, uint64_t *out_first_seq, uint64_t *out_last_seq);

/* Reads the number of the newest entry (0: no entry), and the arrival time of the first entry after
 * after_seq (0: no such entry). */
must_check enum result journal_reader_tail(struct journal_reader *reader, uint64_t after_seq,
    uint64_t *out_last_seq, int64_t *out_next_us);

/* Returns SQLite's message for the last failure, borrowed until the next call. */
const char *journal_reader_error(const struct journal_reader *reader);

void journal_reader_close(struct journal_reader *reader);
