#include "dlrd/engine/number_lists.h"

#include "dlrd/base/clock.h"
#include "dlrd/engine/block_table.h"

#include <stdlib.h>

static struct store_value
number(int64_t value)
{
	return (struct store_value){.kind = STORE_INT, .number = value};
}

static enum result
ask(struct store_reader *reader, const char *sql, const struct store_value *parameters,
    size_t parameter_count, const char *const *columns, size_t column_count, store_values_fn on_row,
    void *context)
{
	const struct store_question question = {.sql = sql,
	    .parameters = parameters,
	    .parameter_count = parameter_count,
	    .columns = columns,
	    .column_count = column_count};
	return store_ask(reader, &question, on_row, context);
}

/* --- sets --- */

static void
add_number(void *context, const struct store_value *values)
{
	struct number_set *set = context;
	if (set->count == set->capacity) {
		size_t capacity = set->capacity * 2 + 64;
		int64_t *more = realloc(set->items, capacity * sizeof *more);
		set->failed |= more == NULL;
		if (more == NULL)
			return;
		set->items = more;
		set->capacity = capacity;
	}
	set->items[set->count++] = values[0].number;
}

enum result
number_set_ask(struct store_reader *reader, const char *sql, const struct store_value *parameters,
    size_t count, struct number_set *out_set)
{
	static const char *const columns[] = {"id"};
	*out_set = (struct number_set){.items = NULL};
	enum result result = ask(reader, sql, parameters, count, columns, 1, add_number, out_set);
	return result == RESULT_OK && out_set->failed ? RESULT_NO_MEMORY : result;
}

/* The least number of the set that is at least `least`; INT64_MAX if none is. */
static int64_t
next_of(const struct number_set *set, int64_t least)
{
	size_t low = 0, high = set->count;
	while (low < high) {
		size_t middle = low + (high - low) / 2;
		if (set->items[middle] < least)
			low = middle + 1;
		else
			high = middle;
	}
	return low < set->count ? set->items[low] : INT64_MAX;
}

/* --- groups --- */

struct found_group {
	struct number_group group;
	bool any;
};

static void
note_group(void *context, const struct store_value *values)
{
	struct found_group *found = context;
	found->any = true;
	for (size_t i = 0; i < 3; i++)
		found->group.columns[i] = values[i].number;
}

/* Finds the first group after the given one. */
static enum result
next_group(struct store_reader *reader, const char *sql, const struct number_group *after,
    struct found_group *out_found)
{
	static const char *const columns[] = {"a", "b", "c"};
	const struct store_value values[] = {
	    number(after->columns[0]), number(after->columns[1]), number(after->columns[2])};
	*out_found = (struct found_group){.any = false};
	return ask(reader, sql, values, 3, columns, 3, note_group, out_found);
}

static enum result
add_group(struct number_lists *lists, const struct number_group *group)
{
	if (lists->count == lists->capacity) {
		size_t capacity = lists->capacity * 2 + 64;
		struct number_group *more =
		    realloc(lists->groups, capacity * sizeof(struct number_group));
		if (more == NULL)
			return RESULT_NO_MEMORY;
		lists->groups = more;
		lists->capacity = capacity;
	}
	lists->groups[lists->count++] = *group;
	return RESULT_OK;
}

/* Moves `at` to the place before the next group that may be wanted. Returns whether `at` is a
 * wanted one itself. */
static bool
skip_unwanted(const struct numbers_wanted *wanted, struct number_group *at)
{
	for (size_t i = 0; i < 3; i++) {
		int64_t value = at->columns[i];
		int64_t next = wanted->sets[i] == NULL ? value : next_of(wanted->sets[i], value);
		if (next == value)
			continue;
		/* Groups after (a, b - 1, the greatest c) begin with (a, b). */
		at->columns[i] = next == INT64_MAX ? next : next - 1;
		for (size_t k = i + 1; k < 3; k++)
			at->columns[k] = INT64_MAX;
		return false;
	}
	return (wanted->has == NULL || wanted->has(at->columns[2])) &&
	       (wanted->also == NULL || wanted->also(at->columns[2]));
}

static enum result
find_groups(struct number_lists *lists, const struct numbers_wanted *wanted)
{
	struct number_group at = {{INT64_MIN, INT64_MIN, INT64_MIN}};
	struct found_group found;
	enum result result;
	for (size_t i = 0; i < 3; i++)
		if (wanted->sets[i] != NULL && wanted->sets[i]->count == 0)
			return RESULT_OK;
	do {
		result = next_group(lists->reader, wanted->next_group_sql, &at, &found);
		at = found.group;
		if (result == RESULT_OK && found.any && skip_unwanted(wanted, &at))
			result = add_group(lists, &at);
	} while (result == RESULT_OK && found.any);
	return result;
}

/* --- blocks --- */

static const char blocks_sql[] =
    "SELECT DISTINCT b.block AS id FROM hour_block b WHERE"
    " b.figure = $1 AND b.hour >= $2 AND b.hour <= $3 ORDER BY b.block";

static enum result
add_range(struct number_lists *lists, int64_t from, int64_t to)
{
	size_t count = lists->range_count;
	if (count > 0 && lists->ranges[count - 1].to == from) {
		lists->ranges[count - 1].to = to;
		return RESULT_OK;
	}
	if (count == lists->range_capacity) {
		size_t capacity = lists->range_capacity * 2 + 64;
		struct number_range *more =
		    realloc(lists->ranges, capacity * sizeof(struct number_range));
		if (more == NULL)
			return RESULT_NO_MEMORY;
		lists->ranges = more;
		lists->range_capacity = capacity;
	}
	lists->ranges[count] = (struct number_range){from, to};
	lists->range_count++;
	return RESULT_OK;
}

static enum result
find_ranges(struct number_lists *lists, const struct numbers_wanted *wanted)
{
	struct number_set blocks;
	if (wanted->from_us <= 0 && wanted->to_us == INT64_MAX)
		return add_range(lists, INT64_MIN, INT64_MAX);

	const struct store_value values[] = {number(wanted->figure),
	    number(wanted->from_us / CLOCK_HOUR_US), number(wanted->to_us / CLOCK_HOUR_US)};
	enum result result = number_set_ask(lists->reader, blocks_sql, values, 3, &blocks);
	for (size_t i = 0; result == RESULT_OK && i < blocks.count; i++)
		result = add_range(
		    lists, blocks.items[i] * BLOCK_SIZE, (blocks.items[i] + 1) * BLOCK_SIZE);
	free(blocks.items);
	return result;
}

/* --- lists --- */

/* Of the ranges, the first that ends after a number. */
static size_t
range_after(const struct number_lists *lists, int64_t after)
{
	size_t low = 0, high = lists->range_count;
	while (low < high) {
		size_t middle = low + (high - low) / 2;
		if (lists->ranges[middle].to <= after)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static void
write_number(void *context, const struct store_value *values)
{
	int64_t **end = context;
	*(*end)++ = values[0].number;
}

static enum result
read_list(void *context, size_t list, int64_t after, size_t limit, int64_t *out_numbers,
    size_t *out_count)
{
	static const char *const columns[] = {"id"};
	const struct number_lists *lists = context;
	const struct number_group none = {{0}};
	const struct number_group *group = lists->groups == NULL ? &none : &lists->groups[list];
	int64_t *end = out_numbers;
	enum result result = RESULT_OK;
	for (size_t i = range_after(lists, after);
	     result == RESULT_OK && i < lists->range_count && end < out_numbers + limit; i++) {
		const struct number_range *range = &lists->ranges[i];
		size_t room = limit - (size_t)(end - out_numbers);
		const struct store_value values[] = {
		    number(range->from > after ? range->from : after + 1), number(range->to),
		    number(group->columns[0]), number(group->columns[1]), number(group->columns[2]),
		    number((int64_t)room)};
		result =
		    ask(lists->reader, lists->list_sql, values, 6, columns, 1, write_number, &end);
	}
	*out_count = (size_t)(end - out_numbers);
	return result;
}

enum result
number_lists_find_ranges(struct store_reader *reader, const struct numbers_wanted *wanted,
    struct number_lists *out_lists)
{
	*out_lists = (struct number_lists){
	    .reader = reader, .list_sql = wanted->list_sql, .merge = MERGE_EMPTY};
	return find_ranges(out_lists, wanted);
}

enum result
number_lists_begin(struct store_reader *reader, const struct numbers_wanted *wanted,
    struct number_lists *out_lists)
{
	bool by_group = wanted->next_group_sql != NULL;
	enum result result = number_lists_find_ranges(reader, wanted, out_lists);
	if (result == RESULT_OK && by_group && out_lists->range_count > 0)
		result = find_groups(out_lists, wanted);
	return result == RESULT_OK ? merge_begin(&out_lists->merge, by_group ? out_lists->count : 1,
					 wanted->after, read_list, out_lists)
				   : result;
}

enum result
number_lists_next(struct number_lists *lists, int64_t *out_number, bool *out_has)
{
	return merge_next(&lists->merge, out_number, out_has);
}

void
number_lists_done(struct number_lists *lists)
{
	merge_done(&lists->merge);
	free(lists->groups);
	free(lists->ranges);
}
