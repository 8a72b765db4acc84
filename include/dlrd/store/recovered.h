/* recovered: a new store that `dlrd recover` built, and how it replaces the damaged one.
 *
 * The new store waits as dlrd.db.recovered until the process that alone may open the store takes
 * it: the daemon's projector, or `dlrd recover` under the lock. Nothing here logs. */
#pragma once

#include "dlrd/base/result.h"

#include <stdbool.h>

/* The name under which the new store of path waits. */
void recovered_path(const char *path, char out_path[4096]);

bool recovered_waits(const char *path);

/* Replaces the store at path, which becomes path.damaged, with its log. No connection of this
 * process may be open to either. */
must_check enum result recovered_take(const char *path, struct failure *failure);

/* Removes a store that is not complete, with its log. */
void recovered_discard(const char *path);
