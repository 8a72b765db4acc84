/* readers: a pool of read-only connections to the store, shared by threads.
 *
 * Thread-safe, except readers_new and readers_free, which the owner calls. */
#pragma once

#include "dlrd/engine/reader.h"

struct readers;

/* limit_us: the longest time of a question over one of the readers. store_path is borrowed. */
must_check enum result readers_new(
    const char *store_path, int64_t limit_us, struct readers **out_readers);

/* Returns an idle or a new connection. Returns NULL if the pool is released, or if the store cannot
 * be opened, which is logged at most once a minute. Return it with readers_give_back. */
struct store_reader *readers_borrow(struct readers *readers);

/* Ends all questions, in progress and later, with RESULT_LIMIT. */
void readers_stop(struct readers *readers);

/* Returns a borrowed reader to the pool. Accepts NULL for reader. */
void readers_give_back(struct readers *readers, struct store_reader *reader);

/* With release, closes all readers, and waits timeout_us at most until the borrowed ones are given
 * back; returns whether all are. No reader can be borrowed until a call without release. */
bool readers_release(struct readers *readers, bool release, int64_t timeout_us);

/* Must be called after all readers were given back. Accepts NULL. */
void readers_free(struct readers *readers);
