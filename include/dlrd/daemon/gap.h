/* gap: journal entries that are missing, so that no loss is silent.
 *
 * If an older dlrd.db is restored, or a file is damaged or removed, numbers may be missing between
 * the last entry that the store has counted and the first one in the journal. Such a gap is found
 * at a start and noted in the file dlrd.gaps in the store's directory until the operator accepts
 * it. The daemon adds to the file at its start, before it is ready, and when another program has
 * cut the journal's log; `dlrd gap --accept` replaces it. Both write it whole, under another name,
 * and rename it.
 *
 * One thread at a time may use a struct gaps. */
#pragma once

#include "dlrd/base/buffer.h"

#define GAPS_FILE "dlrd.gaps"
#define GAPS_MAX 64 /* one is found at a time; beyond that the log alone has it */

struct gap {
	uint64_t first; /* the first number that is missing */
	uint64_t last;  /* the last one; 0: not known */
	int64_t found_us;
	bool accepted;
	char reason[160]; /* one line for a person */
};

struct gaps {
	struct gap items[GAPS_MAX]; /* in the order in which they were found */
	size_t count;
};

/* The gaps that are not accepted. */
struct gap_summary {
	size_t count;         /* gaps */
	uint64_t entries;     /* in those whose last number is known */
	uint64_t first, last; /* of all of them; last is 0 if it is not known of one */
};

/* RESULT_OK with no gaps if there is no file; RESULT_CORRUPT for a line that cannot be read. */
must_check enum result gaps_read(
    const char *directory, struct gaps *out_gaps, struct failure *failure);

/* Writes the file and syncs it; if root writes it, it gets the directory's owner. */
must_check enum result gaps_write(
    const char *directory, const struct gaps *gaps, struct failure *failure);

/* Adds a gap; the oldest accepted one goes if there is no room. false if it is there already and is
 * not accepted: an accepted one with the same numbers is another loss. */
bool gaps_add(struct gaps *gaps, const struct gap *gap);

struct gap_summary gaps_summarise(const struct gaps *gaps);

/* Appends "journal entries 103 to 2172 (2070) are missing: reason". */
void gap_describe(const struct gap *gap, struct buffer *out);
