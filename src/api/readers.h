/* readers: a pool of read-only connections to the store, for threads that ask now and then.
 *
 * Any thread; readers_new and readers_free are the owner's. */
#ifndef DLRD_API_READERS_H
#define DLRD_API_READERS_H

#include "dlrd/store/reader.h"

struct readers;

/* Each question over one of the pool's readers takes at most limit_us. store_path is borrowed. */
must_check enum result readers_new(
    const char *store_path, int64_t limit_us, struct readers **out_readers);

/* An open connection that is not in use, or a new one; NULL if the store cannot be opened, which is
 * logged at most once a minute. */
struct store_reader *readers_borrow(struct readers *readers);

/* Ends all questions in progress, and those to come, with RESULT_LIMIT. */
void readers_stop(struct readers *readers);

/* Accepts NULL for a reader. */
void readers_give_back(struct readers *readers, struct store_reader *reader);

/* release: closes all readers, and waits until those that are borrowed have come back, timeout_us
 * at most; returns whether they have. None can be borrowed until the call with false. */
bool readers_release(struct readers *readers, bool release, int64_t timeout_us);

/* When all readers have been given back. Accepts NULL. */
void readers_free(struct readers *readers);

#endif
