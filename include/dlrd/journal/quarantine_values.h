/* quarantine_values: refused requests, and the limits and sizes of the quarantine, as plain values.
 *
 * The owner (quarantine.h), readers (quarantine_reader.h) and the quarantine's private parts share
 * them. Times are microseconds. */
#ifndef DLRD_JOURNAL_QUARANTINE_VALUES_H
#define DLRD_JOURNAL_QUARANTINE_VALUES_H

#include "dlrd/base/clock.h"
#include "dlrd/twilio/incoming.h"

/* The file's name in the store's directory. */
#define QUARANTINE_FILE "quarantine.db"

/* The most that the age of everything grows between two calls. */
#define QUARANTINE_STEP_US CLOCK_HOUR_US

/* Entries with the same signature that can be proven: one request, through as many ways. */
#define QUARANTINE_SAME_SIGNATURE_MAX 8

#define QUARANTINE_STRAY_SHARE 8

/* One refused request. Slices are borrowed. */
struct quarantined {
	uint64_t id;              /* never used twice; set when it is kept */
	struct incoming incoming; /* arrived_us: of the first arrival. X-Forwarded-Port and -Prefix
				     are for the examination and not in the file */
	int64_t last_us;          /* wall clock of the last arrival; set when it is kept */
	uint64_t count;           /* how often it arrived; set when it is kept */
	struct slice route;       /* the path of the route that it was for; "": it has none */
	struct slice account;     /* the AccountSid that it claims */
	struct slice cause;       /* what the diagnosis found, in a word: "scheme", "token" ... */
	bool proven;              /* one of our tokens signed a variant of it: it is genuine */
	bool stray;               /* for a path or an account without a section: see quarantine.h */
};

/* Requests a second in the long run, and how many at once after a quiet time. */
struct quarantine_rate {
	uint32_t per_second, burst;
};

/* 0 stands for the default, also in a rate. */
struct quarantine_options {
	const char *path;     /* copied */
	bool open_later;      /* by the first call that needs the file, so that what is wrong with
				 it, then, leaves the queue and its examination as they are */
	uint64_t entries_max; /* one for each KiB of bytes_max */
	uint64_t bytes_max;   /* of requests, each with some hundred for its row: 64 MiB. Half-empty
				 pages can make the file twice as large; its log may become as
				 large again while a reader stands in the way of checkpoints */
	int64_t keep_us;      /* since an entry was first kept: 7 days */
	size_t request_max;   /* bytes of one request: 512 KiB */
	size_t queue_entries_max;        /* offered and not written yet: 8,192 */
	size_t queue_bytes_max;          /* 16 MiB; a single request may be larger */
	struct quarantine_rate unproven; /* what a stranger can make us write: 100/s, 5,000 at
					    once. Proven requests are written as they come */
};

enum quarantine_fate {
	QUARANTINE_TAKEN,
	QUARANTINE_FULL,      /* the queue, or the memory, has no room */
	QUARANTINE_TOO_LARGE, /* more than request_max */
	QUARANTINE_FATE_COUNT,
};

/* Sees one request, whose slices are good during the call, in which neither the quarantine nor the
 * reader that calls may be used. Not RESULT_OK stops the reading. */
typedef enum result (*quarantined_fn)(void *context, const struct quarantined *request);

/* A page of a list. The next one begins beyond the last id seen. */
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

#endif
