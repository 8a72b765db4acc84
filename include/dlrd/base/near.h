/* near: whether a word is likely to be a name with a mistake in it. Pure. */
#pragma once

#include "dlrd/base/slice.h"

#define NEAR_NAME_MAX 64 /* bytes; a longer name is near none */

/* Returns whether word is near name: at most a third of its letters are wrong, or it is the
 * beginning of the name. *out_distance is how many differ; the nearest name has the fewest. The
 * case of letters makes no difference. */
bool near_is(struct slice word, struct slice name, size_t *out_distance);
