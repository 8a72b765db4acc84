/* log_queue: lines on their way to standard error, so that no thread that logs ever waits.
 *
 * The reader of the log may stop: a full pipe, a hung log shipper, a stuck journald. A write to
 * standard error then blocks, and clients that are not trusted can cause as many lines as it takes.
 * So lines go into a ring of LOG_QUEUE_LINES, and a thread of its own writes them. If the ring is
 * full, new lines are dropped and counted, and the count is reported as soon as lines can be
 * written again.
 *
 * One for the process; all functions but start and stop are for any thread. */
#pragma once

#include "dlrd/base/slice.h"

/* A burst of some seconds at the rates that the callers' limits allow; 256 KiB. */
#define LOG_QUEUE_LINES 256

/* Bytes of a line, with its '\n'. */
#define LOG_QUEUE_LINE_MAX 1024

/* Called by the thread, count lines having been dropped, as soon as lines can be written again. It
 * may queue a line. */
typedef void (*log_dropped_fn)(uint64_t count);

/* Starts the thread, which inherits the caller's signal mask. */
must_check enum result log_queue_start(log_dropped_fn on_dropped, struct failure *failure);

/* Whether the thread runs. If not, the thread that logs a line writes it. */
bool log_queue_runs(void);

/* Queues a line, at most LOG_QUEUE_LINE_MAX bytes, or drops it if fewer than spare lines would find
 * room after it. Never waits. */
void log_queue_put(struct slice line, size_t spare);

/* Lines dropped since the start of the process. */
uint64_t log_queue_dropped(void);

/* Waits until all lines are written, timeout_us microseconds at most. */
void log_queue_flush(int64_t timeout_us);

/* Flushes, and ends the thread if nothing holds it up; if its write hangs, the thread is left to
 * the end of the process, and lines are dropped from then on. */
void log_queue_stop(int64_t timeout_us);
