/* journal_reader: reads entries of journal.db over a connection that cannot write.
 *
 * For the projector, and for `dlrd recover`. A file that this dlrd has not brought to its version
 * yet is read as well. A struct journal_reader belongs to one thread. Nothing here logs. */
#ifndef DLRD_JOURNAL_JOURNAL_READER_H
#define DLRD_JOURNAL_JOURNAL_READER_H

#include "dlrd/journal/journal.h"

struct journal_reader;

must_check enum result journal_reader_open(
    const char *path, struct journal_reader **out_reader, struct failure *failure);

/* Sees one entry, whose slices are good during the call. Not RESULT_OK stops the reading. */
typedef enum result (*journal_entry_fn)(void *context, const struct journal_entry *entry);

/* Hands out at most entries_max entries after after_seq, in order. Gives the callback's result
 * where that is not RESULT_OK. */
must_check enum result journal_reader_read(struct journal_reader *reader, uint64_t after_seq,
    size_t entries_max, journal_entry_fn on_entry, void *context);

/* The oldest and the newest entry's number; 0: none. */
must_check enum result journal_reader_range(
    struct journal_reader *reader, uint64_t *out_first_seq, uint64_t *out_last_seq);

/* The newest entry's number (0: none), and the arrival time of the first entry after after_seq (0:
 * none). */
must_check enum result journal_reader_tail(struct journal_reader *reader, uint64_t after_seq,
    uint64_t *out_last_seq, int64_t *out_next_us);

/* SQLite's words for the last failure. Borrowed until the next call. */
const char *journal_reader_error(const struct journal_reader *reader);

void journal_reader_close(struct journal_reader *reader);

#endif
