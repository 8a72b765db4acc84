/* work: upkeep of a store that a person asks for: all recomputed, receipts tagged again, simulated
 * receipts removed.
 *
 * The daemon's projector does it, or a command while no daemon runs. Pure, but for work_do and
 * work_log. */
#pragma once

#include "dlrd/base/json.h"
#include "dlrd/request/route.h"
#include "dlrd/store/store.h"

enum work_kind { WORK_REBUILD, WORK_RETAG, WORK_UNDO, WORK_KIND_COUNT };

#define WORK_COUNTS_MAX 6
#define WORK_MOVES_MAX 100
#define WORK_RUN_SIZE 17 /* of the number of a simulation, with its NUL */

/* The parameter that simulated requests have; its text is the number of their run. */
#define WORK_SIMULATED "DlrdSimulated"

struct work_order {
	enum work_kind kind;
	int64_t from_us, to_us;  /* WORK_RETAG: receipts that arrived from then to before then */
	char run[WORK_RUN_SIZE]; /* WORK_UNDO: the run whose receipts are removed */
};

enum work_state { WORK_NONE, WORK_RUNNING, WORK_DONE, WORK_FAILED };

struct work_result {
	enum work_state state;
	uint64_t counts[WORK_COUNTS_MAX]; /* of WORK_DONE */
	char *moves;   /* of WORK_RETAG that is done: a JSON array of the largest, for
			  work_done; else NULL */
	char why[256]; /* of WORK_FAILED */
};

/* Where the api has a kind of work, and the names of its counts. */
struct work_description {
	const char *path; /* of the api */
	const char *noun; /* "a rebuild" */
	struct {
		const char *key, *label; /* in JSON, and in a sentence after the number */
	} counts[WORK_COUNTS_MAX];
	size_t count;
};

const struct work_description *work_describe(enum work_kind kind);

/* Does the work, in a transaction of its own. The templates are those of the routes. */
struct work_result work_do(
    const struct work_order *order, struct store *store, const struct routes *routes);

/* Logs the result, or that the work failed. */
void work_log(enum work_kind kind, const struct work_result *result);

/* The result as the api shows it. */
struct json_t *work_json(enum work_kind kind, const struct work_result *result);

/* A copy of its own; without moves if memory is short. */
struct work_result work_copy(const struct work_result *result);

void work_done(struct work_result *result);
