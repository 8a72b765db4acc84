#include "dlrd/base/log.h"

#include "dlrd/base/buffer.h"
#include "dlrd/base/clock.h"
#include "dlrd/base/log_queue.h"

#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

_Static_assert(LOG_LINE_MAX == LOG_QUEUE_LINE_MAX, "the queue takes each line whole");

/* Lines that debug lines leave room for: many of them must not displace a warning. */
#define DEBUG_SPARE (LOG_QUEUE_LINES / 4)

static _Atomic int level_shown = LOG_INFO;

static const struct {
	struct slice name;
	int syslog_level; /* sd-daemon(3): "<N>" before the line */
} levels[] = {
    [LOG_ERROR] = {SLICE_INIT("error"), 3},
    [LOG_WARNING] = {SLICE_INIT("warning"), 4},
    [LOG_INFO] = {SLICE_INIT("info"), 6},
    [LOG_DEBUG] = {SLICE_INIT("debug"), 7},
};

void
log_set_level(enum log_level level)
{
	atomic_store(&level_shown, level);
}

bool
log_shows(enum log_level level)
{
	return (int)level <= atomic_load_explicit(&level_shown, memory_order_relaxed);
}

bool
log_level_from_name(struct slice name, enum log_level *out_level)
{
	for (size_t i = 0; i < sizeof levels / sizeof levels[0]; i++)
		if (slice_equal(name, levels[i].name)) {
			*out_level = (enum log_level)i;
			return true;
		}
	return false;
}

struct slice
log_level_name(enum log_level level)
{
	return levels[level].name;
}

void
log_line(enum log_level level, const char *format, ...)
{
	if (!log_shows(level))
		return;
	char text[LOG_LINE_MAX], time[CLOCK_TEXT_SIZE];
	struct buffer line = BUFFER_EMPTY;
	va_list arguments;
	va_start(arguments, format);
	vsnprintf(text, sizeof text, format, arguments);
	va_end(arguments);
	if (getenv("JOURNAL_STREAM") != NULL)
		buffer_appendf(&line, "<%d>", levels[level].syslog_level);
	else
		buffer_appendf(
		    &line, "%s %s: ", clock_format(clock_wall_us(), time), levels[level].name.ptr);
	buffer_append_visible(&line, slice_of(text));
	if (line.len >= LOG_LINE_MAX)
		line.len = LOG_LINE_MAX - 1;
	buffer_append_byte(&line, '\n');
	if (line.failed) {
		buffer_done(&line);
		return;
	}
	if (log_queue_runs())
		log_queue_put(buffer_slice(&line), level == LOG_DEBUG ? DEBUG_SPARE : 0);
	else if (write(STDERR_FILENO, line.ptr, line.len) < 0)
		line.failed = true; /* there is no place to report it */
	buffer_done(&line);
}

void
log_lines(enum log_level level, const char *prefix, struct slice text)
{
	while (text.len > 0) {
		struct slice line = slice_take(&text, '\n');
		log_line(level, "%s%.*s", prefix, SLICE_ARG(line));
	}
}

void
log_dropped(uint64_t count)
{
	log_line(LOG_WARNING, "%llu log lines were dropped: standard error was not read",
	    (unsigned long long)count);
}

bool
log_limit_allows(struct log_limit *limit, unsigned per_second, uint64_t *out_swallowed)
{
	int64_t second = clock_monotonic_us() / CLOCK_SECOND_US;
	if (atomic_exchange(&limit->second, second) != second)
		atomic_store(&limit->count, 0);
	if (atomic_fetch_add(&limit->count, 1) >= per_second) {
		atomic_fetch_add(&limit->swallowed, 1);
		return false;
	}
	*out_swallowed = atomic_exchange(&limit->swallowed, 0);
	return true;
}
