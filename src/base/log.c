#include "dlrd/base/log.h"

#include "dlrd/base/clock.h"

#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static _Atomic int level_shown = LOG_INFO;

static const struct {
	struct slice name;
	int syslog_level; /* sd-daemon(3): "<N>" in front of the line */
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

/* Copies text so that it stays one printable line: C0 and C1 controls, DEL, U+2028 and U+2029
 * become \xNN; bytes of other UTF-8 sequences pass. */
static size_t
escape_line(const char *text, char *out, size_t out_size)
{
	size_t len = 0;
	for (const unsigned char *at = (const unsigned char *)text; *at != '\0'; at++) {
		if (len + 5 > out_size)
			break;
		bool c1 = at[0] == 0xc2 && at[1] >= 0x80 && at[1] < 0xa0;
		bool separator = at[0] == 0xe2 && at[1] == 0x80 && (at[2] == 0xa8 || at[2] == 0xa9);
		if (*at < 0x20 || *at == 0x7f || c1 || separator)
			len += (size_t)snprintf(out + len, 5, "\\x%02x", *at);
		else
			out[len++] = (char)*at;
	}
	return len;
}

void
log_line(enum log_level level, const char *format, ...)
{
	if ((int)level > atomic_load(&level_shown))
		return;
	char text[LOG_LINE_MAX], line[2 * LOG_LINE_MAX];
	va_list arguments;
	va_start(arguments, format);
	vsnprintf(text, sizeof text, format, arguments);
	va_end(arguments);
	int head;
	if (getenv("JOURNAL_STREAM") != NULL)
		head = snprintf(line, sizeof line, "<%d>", levels[level].syslog_level);
	else {
		char time[CLOCK_TEXT_SIZE];
		head = snprintf(line, sizeof line, "%s %s: ", clock_format(clock_wall_us(), time),
		    levels[level].name.ptr);
	}
	size_t len = (size_t)head;
	len += escape_line(text, line + len, sizeof line - len - 1);
	line[len++] = '\n';
	if (write(STDERR_FILENO, line, len) < 0)
		return; /* nowhere left to say it */
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
