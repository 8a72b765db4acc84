#include "dlrd/base/near.h"

#define BEGINNING_MIN 3 /* letters of a beginning that says something */
#define BEGINNING_DISTANCE 2

static size_t
least(size_t a, size_t b)
{
	return a < b ? a : b;
}

static bool
is_same(char a, char b)
{
	return slice_equal_nocase((struct slice){&a, 1}, (struct slice){&b, 1});
}

/* The number of letters to insert, remove, replace or exchange with their neighbour (optimal string
 * alignment). No library in use has it. */
static size_t
distance_of(struct slice a, struct slice b)
{
	size_t rows[3][NEAR_NAME_MAX + 1];
	for (size_t i = 0; i <= a.len; i++) {
		size_t *row = rows[i % 3], *above = rows[(i + 2) % 3], *higher = rows[(i + 1) % 3];
		for (size_t k = 0; k <= b.len; k++) {
			if (i == 0 || k == 0) {
				row[k] = i + k;
				continue;
			}
			row[k] = least(least(above[k], row[k - 1]) + 1,
			    above[k - 1] + !is_same(a.ptr[i - 1], b.ptr[k - 1]));
			if (i > 1 && k > 1 && is_same(a.ptr[i - 1], b.ptr[k - 2]) &&
			    is_same(a.ptr[i - 2], b.ptr[k - 1]))
				row[k] = least(row[k], higher[k - 2] + 1);
		}
	}
	return rows[a.len % 3][b.len];
}

bool
near_is(struct slice word, struct slice name, size_t *out_distance)
{
	if (word.len == 0 || word.len > NEAR_NAME_MAX || name.len > NEAR_NAME_MAX)
		return false;
	size_t distance = distance_of(word, name);
	bool begins = word.len >= BEGINNING_MIN && name.len > word.len &&
		      slice_equal_nocase((struct slice){name.ptr, word.len}, word);
	*out_distance = begins ? least(distance, BEGINNING_DISTANCE) : distance;
	return begins || distance <= (word.len + 2) / 3;
}
