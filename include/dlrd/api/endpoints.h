/* endpoints: the questions that the api listener answers, as a table of paths.
 *
 * Pure but for the store it reads: a request's target in, an answer out. What the daemon's state
 * has to do with (readiness, metrics) it asks through struct endpoints_state. Thread-safe, with a
 * reader for each thread. */
#ifndef DLRD_API_ENDPOINTS_H
#define DLRD_API_ENDPOINTS_H

#include "dlrd/base/buffer.h"
#include "dlrd/base/metrics.h"
#include "dlrd/store/reader.h"

#define ENDPOINTS_LIMIT_DEFAULT 100 /* rows in a list */
#define ENDPOINTS_LIMIT_MAX 1000

/* What the answers need besides the store. */
struct endpoints_state {
	const struct metrics *metrics;
	void *context;
	/* Whether callbacks can be kept now; *out_why is a word for a person either way. */
	bool (*ready)(void *context, const char **out_why);
};

struct api_answer {
	unsigned status;
	const char *media_type;
	struct buffer body; /* the caller's, to be given to buffer_done */
};

/* Whether the path of target is open to callers without the bearer token (healthz, readyz). */
bool endpoints_is_open(struct slice target);

/* Answers a GET of the raw target. reader may be NULL (the store cannot be opened): what needs it
 * is then answered 503. Never fails: what goes wrong is an answer, too. */
struct api_answer endpoints_answer(
    const struct endpoints_state *state, struct store_reader *reader, struct slice target);

/* {"error": "..."} with that status. */
struct api_answer endpoints_error(unsigned status, const char *format, ...) printf_like(2, 3);

#endif
