/* number_lists: finds the numbers of rows that a question wants in their order, from indexes,
 * without a walk over the table.
 *
 * Rows that are alike in three columns are a group, whose numbers an index has in order; the groups
 * that the question wants are merged. A question about a time reads only the blocks of numbers that
 * have something of its hours (block_table.h). The SQL is the caller's, and is prepared once for
 * its address. One thread. */
#pragma once

#include "dlrd/base/merge.h"
#include "dlrd/engine/reader.h"

/* Ascending numbers. */
struct number_set {
	int64_t *items;
	size_t count, capacity;
	bool failed; /* no memory */
};

/* Reads the column id of sql, which must ascend. The caller frees the items also after a failure.
 */
must_check enum result number_set_ask(struct store_reader *reader, const char *sql,
    const struct store_value *parameters, size_t count, struct number_set *out_set);

struct number_group {
	int64_t columns[3];
};

struct numbers_wanted {
	/* The columns a, b and c of the first group after ($1, $2, $3). NULL: no groups, all rows
	 * are one list. */
	const char *next_group_sql;
	/* The column id: the numbers from $1 to before $2, of the group ($3, $4, $5) if there are
	 * groups, at most $6. */
	const char *list_sql;
	const struct number_set *sets[3]; /* of wanted values of each column; NULL: all */
	/* Which values of the third one are wanted, by both; NULL: all. */
	bool (*has)(int64_t value), (*also)(int64_t value);
	int64_t figure;         /* of hour_block */
	int64_t from_us, to_us; /* of that; INT64_MAX: no end */
	int64_t after;          /* the number after which the list begins */
};

/* Numbers from `from` to before `to`. */
struct number_range {
	int64_t from, to;
};

struct number_lists {
	struct store_reader *reader;
	const char *list_sql;
	struct number_group *groups; /* NULL: one list of all */
	size_t count, capacity;
	struct number_range *ranges; /* that may have something of the time, ascending */
	size_t range_count, range_capacity;
	struct merge merge;
};

/* Finds the lists. The caller gives *out_lists to number_lists_done also after a failure. The
 * reader must be held from before the sets were read until then (store_reader_hold): else a row
 * that comes meanwhile may be missed, and a later one not. */
must_check enum result number_lists_begin(struct store_reader *reader,
    const struct numbers_wanted *wanted, struct number_lists *out_lists);

/* Finds only the ranges, for a question that has an index of its own. Otherwise the same. */
must_check enum result number_lists_find_ranges(struct store_reader *reader,
    const struct numbers_wanted *wanted, struct number_lists *out_lists);

/* The next number of a row in wanted groups, whose time may be another. */
must_check enum result number_lists_next(
    struct number_lists *lists, int64_t *out_number, bool *out_has);

void number_lists_done(struct number_lists *lists);
