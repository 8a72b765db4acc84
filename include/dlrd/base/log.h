/* log: one event, one line, on stderr.
 *
 * Only program code (floors 3 and up) logs: the caller that handles a failure logs it, once. A line
 * never has a token, a complete telephone number or a message's text. Control bytes and Unicode
 * line separators are escaped, and lines are cut at LOG_LINE_MAX bytes. Under systemd each line
 * carries its syslog level. Thread-safe. In the daemon no call waits for the reader of the log: see
 * log_queue.h. */
#pragma once

#include "dlrd/base/slice.h"

#define LOG_LINE_MAX 1024

enum log_level {
	LOG_ERROR,   /* something was refused or does not work; a person must look */
	LOG_WARNING, /* it works, but not as it should */
	LOG_INFO,    /* life cycle: started, listening, stopped */
	LOG_DEBUG,
};

/* Drops lines above this level. The default is LOG_INFO. */
void log_set_level(enum log_level level);

/* Whether lines of this level are shown. It costs one load. */
bool log_shows(enum log_level level);

/* Returns false unless name is error, warning, info or debug. */
bool log_level_from_name(struct slice name, enum log_level *out_level);

struct slice log_level_name(enum log_level level);

void log_line(enum log_level level, const char *format, ...) printf_like(2, 3);

/* Logs each line of text, after prefix. */
void log_lines(enum log_level level, const char *prefix, struct slice text);

/* Logs how many lines were dropped; for log_queue_start. */
void log_dropped(uint64_t count);

/* Allows per_second lines each second and counts the other ones. Zero-initialise. Thread-safe. */
struct log_limit {
	_Atomic int64_t second;     /* the monotonic second the count belongs to */
	_Atomic uint64_t count;     /* lines asked for in that second */
	_Atomic uint64_t swallowed; /* lines dropped since the last one let through */
};

/* Returns whether a line may be written now. *out_swallowed is how many were dropped since the last
 * one. */
bool log_limit_allows(struct log_limit *limit, unsigned per_second, uint64_t *out_swallowed);
