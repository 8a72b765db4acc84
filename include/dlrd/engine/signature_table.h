/* signature_table: the keys of signatures that were counted and that no receipt has.
 *
 * One thread, inside a transaction. */
#pragma once

#include "dlrd/base/slice.h"

struct signature_table;

must_check enum result signature_table_has(
    struct signature_table *table, struct slice key, bool *out_has);

/* Adds a key, unless it is there. */
must_check enum result signature_table_add(struct signature_table *table, struct slice key);
