/* store_values: plain values that the store takes and returns (store.h).
 *
 * Modules inside the store need them as well, without the functions of store.h. */
#pragma once

#include "dlrd/model/fold.h"
#include "dlrd/model/tags.h"

/* Progress of long work on the store: a migration, or figures that are recomputed. */
struct store_progress {
	int64_t from_version, to_version; /* of the schema; equal: no migration */
	uint64_t done, total;             /* messages; total is 0 while it is not known */
};

struct store_options {
	const char *path;
	/* Called every few milliseconds of long work, on the store's thread. If it returns false,
	 * the work fails at once and is rolled back. May be NULL. */
	bool (*on_progress)(void *context, const struct store_progress *progress);
	void *context;
	enum conflict_policy policy;
	int64_t reply_window_us; /* how long after a message a text may count as a reply to it */
	int64_t reply_late_us;   /* how much later than the reply a message may become known */
};

/* What store_add did with an event. */
struct store_added {
	bool duplicate;       /* it had arrived before; it may complete the stored event */
	bool conflict;        /* its message now has two different final statuses */
	bool unknown_code;    /* a failure whose code is not in the catalogue */
	bool consent_changed; /* a person opted out, or opted in again */
};

/* Reads the tags of a URL, of which path may be absent: it is not known. Borrowed until the next
 * call. *out_known is false if they cannot be read without it; then nothing is changed. */
typedef enum result (*store_tagger_fn)(
    void *context, struct slice path, struct slice query, struct tags *out_tags, bool *out_known);

/* Messages that moved from one campaign to another; borrowed during the call. */
struct store_move {
	struct slice from_workspace, from_campaign, to_workspace, to_campaign;
	uint64_t messages;
};

struct store_retag {
	int64_t from_us, to_us; /* receipts that arrived from then to before then */
	store_tagger_fn tag;
	void (*on_moved)(void *context, const struct store_move *move); /* most messages first */
	void *context;                                                  /* of both */
};

/* Result of store_retag. */
struct store_retagged {
	uint64_t receipts; /* read */
	uint64_t unknown;  /* of them, those whose URL is not stored: an older dlrd stored them */
	uint64_t changed;  /* receipts whose own tags are others now */
	uint64_t messages; /* that are of another campaign now */
};

/* Result of store_remove. */
struct store_removed {
	uint64_t receipts, messages;
};

/* Result of store_rebuild. */
struct store_rebuilt {
	uint64_t messages;  /* refolded */
	uint64_t corrected; /* of them, those that differed from the stored row */
	uint64_t replies;   /* that belong to another message or campaign than was stored */
	uint64_t figures;   /* hourly rows that were wrong */
	uint64_t campaigns; /* whose first or last time was wrong */
	uint64_t optouts;   /* states and marks that do not follow from the evidence */
};
