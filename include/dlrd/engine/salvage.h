/* salvage: builds a new store from the readable rows of a damaged one.
 *
 * Only `dlrd recover` uses it. The damaged file is read and not changed. Receipts (events) are
 * numbered without holes, so the lost ones are known exactly. Figures and states are not copied but
 * recomputed (store_rebuild). One thread. Nothing here logs. */
#pragma once

#include "dlrd/base/result.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Receipts that follow each other and could not be read. */
struct salvage_hole {
	uint64_t first_event, last_event;     /* their numbers */
	uint64_t first_journal, last_journal; /* the entries that they may have come from */
	int64_t from_us, to_us; /* when those arrived; to_us 0: at any time after from_us */
};

struct salvage {
	bool readable; /* false: not even the list of tables; all other fields are 0 then */
	uint64_t events, events_lost;
	uint64_t cursor;            /* of the new store */
	struct salvage_hole *holes; /* in the order of their numbers */
	size_t hole_count;
	char first_error[256]; /* of the damaged file; empty if all of it could be read */
	void *held;            /* the engine's connection to the damaged file, in the transaction
				  that was read */
};

/* Writes a new store at new_path, which must not exist. It has to be opened by store_open, which
 * migrates it to this version, and rebuilt. The result is that of the new file; damage of the old
 * one is in *out_salvage, to be released with salvage_done. Until then a running daemon trims no
 * entry of the journal that the new store lacks, if the old one can be read. */
must_check enum result salvage_store(const char *old_path, const char *new_path,
    struct salvage *out_salvage, struct failure *failure);

/* Whether every page of the store at path is sound. If not, *out_error has SQLite's message. Takes
 * about as long as reading the file. */
bool salvage_is_sound(const char *path, char out_error[256]);

void salvage_done(struct salvage *salvage);
