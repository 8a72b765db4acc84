/* result: how a function says that it failed, and in what way.
 *
 * Every function of the lower floors that can fail returns an enum result, marked must_check; its
 * outputs come last and are untouched on failure. Nothing on floors 0 to 2 logs: whoever decides
 * what to do about a failure says so, once. A function whose failure a person will read also fills
 * a struct failure with one line of text that names what is wrong and, where it can, what would be
 * right. Any thread may use these; nothing here is shared. */
#ifndef DLRD_BASE_RESULT_H
#define DLRD_BASE_RESULT_H

#define must_check __attribute__((warn_unused_result))
#define printf_like(text, rest) __attribute__((format(printf, text, rest)))

enum result {
	RESULT_OK = 0,
	RESULT_NO_MEMORY, /* an allocation failed; the request can be tried again later */
	RESULT_INVALID,   /* the input breaks a rule; it will break it next time, too */
	RESULT_LIMIT,     /* the input is well formed but larger than a named limit */
	RESULT_NOT_FOUND, /* what was asked for is not there */
	RESULT_BUSY,      /* somebody else holds it */
	RESULT_FULL,      /* no space on the device; may mend itself */
	RESULT_IO,        /* the system refused to read or write */
	RESULT_CORRUPT,   /* stored data contradicts itself or another version wrote it */
};

/* One line of English for a person, without a line break at its end. */
struct failure {
	char text[512];
};

/* The name of a result, for messages ("no memory", "input/output error"). Never NULL. */
const char *result_text(enum result result);

/* Writes the formatted line into failure (which may be NULL) and returns result, so that a function
 * can end with `return failure_set(failure, RESULT_INVALID, "...")`. Longer text is cut. */
enum result failure_set(struct failure *failure, enum result result, const char *format, ...)
    printf_like(3, 4);

#endif
