/* quarantine_values: refused requests, and the limits and sizes of the quarantine, as plain values.
 *
 * Shared by the owner (quarantine.h), readers (quarantine_reader.h) and the quarantine's private
 * modules. Times are microseconds. */
#pragma once

#include "dlrd/base/clock.h"
#include "dlrd/twilio/incoming.h"

/* The file's name in the store's directory. */
#define QUARANTINE_FILE "quarantine.db"

/* The most that the age of entries grows between two calls. */
#define QUARANTINE_STEP_US CLOCK_HOUR_US

/* The most proven entries with one signature: one request that took as many routes. */
#define QUARANTINE_SAME_SIGNATURE_MAX 8

#define QUARANTINE_STRAY_SHARE 8

/* One refused request. Slices are borrowed. */
struct quarantined {
	uint64_t id;              /* never reused; set when it is stored */
	struct incoming incoming; /* arrived_us: of the first arrival. X-Forwarded-Port and -Prefix
				     are for the examination; they are not stored */
	int64_t last_us;          /* wall time of the last arrival; set when it is stored */
	uint64_t count;           /* arrivals; set when it is stored */
	struct slice route;       /* the path of its route; "": no route has it */
	struct slice account;     /* the AccountSid that it claims */
	struct slice cause; /* the result of the diagnosis, in a word: "scheme", "token" ... */
	bool proven;        /* a configured token signed a variant of it: it is genuine */
	bool stray;         /* for a path or an account without a section: see quarantine.h */
};

/* Requests a second in the long run, and at once after a quiet time. */
struct quarantine_rate {
	uint32_t per_second, burst;
};

struct quarantine_options {
	const char *path; /* copied */
	bool open_later;  /* the first call that needs the file opens it; if that fails, the queue
			     and the examination work all the same */
	uint64_t entries_max;
	uint64_t bytes_max; /* of requests, each with some hundred for its row. Half-empty pages can
			       double the size of the file, and its log can become equally large
			       while a reader blocks checkpoints */
	int64_t keep_us;    /* since an entry was first stored */
	size_t request_max; /* bytes of one request */
	size_t queue_entries_max;        /* offered and not written yet */
	size_t queue_bytes_max;          /* a single request may be larger */
	struct quarantine_rate unproven; /* limit for untrusted clients. Proven requests have no
					    limit */
};

enum quarantine_offer_result {
	QUARANTINE_TAKEN,
	QUARANTINE_FULL,      /* the queue, or the memory, has no room */
	QUARANTINE_TOO_LARGE, /* more than request_max */
	QUARANTINE_OFFER_RESULT_COUNT,
};

/* Called with one request, whose slices are valid during the call. It must not use the calling
 * quarantine or reader. Any result but RESULT_OK ends the reading. */
typedef enum result (*quarantined_fn)(void *context, const struct quarantined *request);

/* A page of a list. The next page begins after the last id of this one. */
struct quarantine_page {
	uint64_t beyond_id; /* 0: from the start */
	size_t limit;       /* entries */
	bool newest_first;
};

struct quarantine_size {
	uint64_t entries;
	uint64_t proven;                     /* of the entries */
	uint64_t bytes;                      /* as bytes_max counts them */
	uint64_t stray_entries, stray_bytes; /* of these */
	uint64_t log_bytes;                  /* the write-ahead log since it was last reset */
};
