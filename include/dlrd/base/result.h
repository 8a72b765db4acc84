/* result: the result of a function that can fail.
 *
 * Functions of the lower floors that can fail return an enum result and are marked must_check.
 * Their outputs come last and are unchanged on failure. Floors 0 to 2 do not log: the caller that
 * handles a failure logs it, once. If a person will read about the failure, the function also fills
 * a struct failure with one line of text: the mistake and, if known, its correction. Any thread may
 * use these; nothing here is shared. */
#pragma once

#define must_check __attribute__((warn_unused_result))
#define printf_like(text, rest) __attribute__((format(printf, text, rest)))

enum result {
	RESULT_OK = 0,
	RESULT_NO_MEMORY, /* an allocation failed; the request can be tried again later */
	RESULT_INVALID,   /* the input breaks a rule; it will do so next time, too */
	RESULT_LIMIT,     /* the input is well formed but larger than a named limit */
	RESULT_NOT_FOUND, /* the requested item does not exist */
	RESULT_BUSY,      /* another thread or process is using it */
	RESULT_FULL,      /* no space on the device; it may recover by itself */
	RESULT_IO,        /* the system refused to read or write */
	RESULT_CORRUPT,   /* stored data contradicts itself or another version wrote it */
};

/* One line of English text, without a line break at its end. */
struct failure {
	char text[512];
};

/* Returns the name of a result, for messages ("no memory", "input/output error"). Never NULL. */
const char *result_text(enum result result);

/* Writes the formatted line into failure (which may be NULL) and returns result, so that a function
 * can end with `return failure_set(failure, RESULT_INVALID, "...")`. Longer text is cut. */
enum result failure_set(struct failure *failure, enum result result, const char *format, ...)
    printf_like(3, 4);
