/* endpoints: the questions that the api listener answers, as a table of paths.
 *
 * Pure except for reading the store: a request in, an answer out. The daemon's state (readiness,
 * metrics, a rebuild) is read through struct endpoints_state. Questions of query/table.h come
 * first; other answers are in a file for each subject: campaigns, events, optouts, refusals,
 * upkeep. Thread-safe, with a reader for each thread.
 *
 * A list is read in pages (ENDPOINTS_CSV_PAGE, ENDPOINTS_JSON_PAGE), each of which continues after
 * the last row shown. No transaction is open between two pages, so a slow client holds neither
 * memory nor the store's log. A list of several pages is therefore not a snapshot. A row that is
 * present and unchanged from the first page to the last is shown once. A row that is added or moves
 * meanwhile may be shown or not, or twice: in its old state, and later in its new state. No row is
 * left out because of another one. */
#pragma once

#include "dlrd/api/caller.h"
#include "dlrd/base/buffer.h"
#include "dlrd/base/metrics.h"
#include "dlrd/engine/reader.h"
#include "dlrd/projector/projector.h"
#include "dlrd/refused/quarantine_worker.h"
#include "dlrd/refused/signature_failures.h"
#include "dlrd/request/route.h"
#include "dlrd/twilio/verifier.h"

#define ENDPOINTS_LIMIT_DEFAULT 100 /* rows in a list */
#define ENDPOINTS_LIMIT_MAX 1000

/* Bytes after which a page of a list ends. JSON, which has at most ENDPOINTS_LIMIT_MAX rows, nearly
 * always fits into one page, and so has a Content-Length; CSV has any number of rows. Every
 * question in progress may hold a page (WORKERS_HELD_MAX). */
#define ENDPOINTS_CSV_PAGE ((size_t)256 * 1024)
#define ENDPOINTS_JSON_PAGE ((size_t)1024 * 1024)

/* Journal entries that are missing and not accepted; see daemon/gap.h. */
struct endpoints_gap {
	size_t count;                  /* gaps; 0: none, and the rest says nothing */
	uint64_t entries, first, last; /* numbers; last is 0 if it is not known */
};

struct access;

/* The part of the configuration in force that decides which URLs Twilio is given. Borrowed. */
struct endpoints_setup {
	const struct routes *routes;
	const struct verifier *verifier; /* has the public URLs */
	bool trusts_proxies;             /* [server] trusted_proxies is set */
};

/* State of the daemon that answers need. */
struct endpoints_state {
	const struct metrics *metrics;
	void *context;
	/* Whether callbacks can be kept now; *out_why is a word for a person either way. */
	bool (*ready)(void *context, const char **out_why);
	void (*gap)(void *context, struct endpoints_gap *out_gap); /* NULL: no gaps */
	/* Reads the configuration, which setup_done gives back: a reload may replace it meanwhile.
	 * Returns the argument of setup_done. */
	void *(*setup)(void *context, struct endpoints_setup *out_setup);
	void (*setup_done)(void *held);
	struct projector *projector;         /* NULL: callbacks are counted */
	const _Atomic int64_t *country_code; /* [numbers] country_code; NULL: none */
	/* projector_ask_work and projector_read_work; a test has others. */
	bool (*ask_work)(struct projector *projector, const struct work_order *order);
	void (*read_work)(
	    struct projector *projector, enum work_kind kind, struct work_result *out_result);
	struct signature_failures *failures; /* may be NULL: nothing is refused */
	struct quarantine_worker *quarantine_worker;
	const char *quarantine_path;
	struct access *access; /* for the paths of sessions only */
};

/* A request; texts are borrowed. */
struct api_request {
	struct slice method;                               /* "GET"; a HEAD is answered as a GET */
	struct slice target;                               /* as it came over the wire */
	struct slice last_event_id, origin, if_none_match; /* headers; absent if not sent */
	struct slice cookie;
	bool accepts_gzip;
	bool has_body;
	struct caller caller;
};

struct event_stream;
struct question;

struct api_answer {
	unsigned status;
	const char *media_type;
	const char *allow;    /* of a 405: the methods that are answered; NULL otherwise */
	struct buffer body;   /* the caller's, to be given to buffer_done */
	struct buffer link;   /* likewise: the header Link; empty: no link */
	struct buffer cookie; /* likewise: Set-Cookie */
	/* A body that is a part of the program, in place of body; absent: none. */
	struct slice file;
	bool file_is_gzipped;
	/* The headers Cache-Control and Content-Security-Policy if they are not as usual, and ETag;
	 * else NULL. */
	const char *cache, *policy, *etag;
	/* The caller's, to be given to event_stream_free: the body goes on with what it reads.
	 * NULL for an answer that is whole. */
	struct event_stream *stream;
	/* The list that goes on behind the body, for endpoints_next_page; NULL if the body is
	 * whole. Freed by endpoints_answer_done. */
	struct question *rest;
};

/* Whether such a request is open to callers without a token (health checks, the page). */
bool endpoints_is_open(struct slice target, struct slice method);

/* Whether the path's questions are answered from memory and wait for nothing: health checks and
 * metrics, which must not wait for other questions. */
bool endpoints_is_quick(struct slice target);

bool endpoints_needs_store(struct slice target);

/* Answers a request. reader is NULL if the store cannot be opened: questions to it are answered
 * 503. Never fails: errors are answers, too. If the answer has a rest, *request and its texts must
 * live as long as it. */
struct api_answer endpoints_answer(const struct endpoints_state *state, struct store_reader *reader,
    const struct api_request *request);

/* Appends the next page to out, and frees answer->rest after the last. On failure the list cannot
 * continue, and its answer must not look complete. */
must_check enum result endpoints_next_page(
    struct api_answer *answer, struct store_reader *reader, struct buffer *out);

/* {"error": "..."} with that status. */
struct api_answer endpoints_error(unsigned status, const char *format, ...) printf_like(2, 3);

/* Frees the body, link, stream and rest of an answer. */
void endpoints_answer_done(struct api_answer *answer);
