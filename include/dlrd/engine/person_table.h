/* person_table: the table of persons: the telephone number of an address that is not a number.
 *
 * One thread, inside a transaction. */
#pragma once

#include "dlrd/base/buffer.h"

struct person_table;

/* Appends the number of the alias, if one is known. */
must_check enum result person_table_find(
    struct person_table *table, struct slice alias, struct buffer *out_number);

/* Adds the alias of a number, unless it has one. */
must_check enum result person_table_add(
    struct person_table *table, struct slice alias, struct slice number, bool *out_added);

/* Gives the messages and replies of an address another one. */
must_check enum result person_table_move(
    struct person_table *table, struct slice address, struct slice to_address);
