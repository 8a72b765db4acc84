/* table: rows of texts in columns, fitted to the width of a terminal.
 *
 * Where a table has room, each cell is whole. Where it has not, in this order: SIDs and times are
 * shortened, headings are divided at their underscores, the column that wraps becomes narrower,
 * then other texts are cut, the widest first, and then columns are left out. Numbers are always
 * whole. One thread. */
#pragma once

#include "dlrd/base/buffer.h"

#define TABLE_COLUMNS_MAX 40

struct table_column {
	const char *name; /* the heading; borrowed */
	bool number;      /* aligned at the right */
	bool wraps;       /* its texts may take several lines; only of the last column */
	int dispensable;  /* above 0: may be left out, the greatest first */
};

struct table;

/* Aborts if memory is short. */
struct table *table_new(const struct table_column *columns, size_t count);

/* Adds the next cell, row after row. The text is copied; a byte that is not part of a character, or
 * that the locale cannot show, is a question mark. */
void table_add(struct table *table, struct slice text);

/* The width to fit into: that of the terminal that stdout is, of COLUMNS, or 120. 0, which is no
 * limit: stdout is not a terminal. */
int table_terminal_width(void);

/* The columns that a terminal needs for text. */
int table_text_width(struct slice text);

/* Appends text as a terminal of this locale shows it, in exactly width columns: cut with an
 * ellipsis, or filled up with blanks, in front of it if right is true. */
void table_append_column(struct slice text, int width, bool right, struct buffer *out);

/* Writes the table to stdout. width 0: no limit. Returns false if memory was short. */
bool table_print(struct table *table, int width);

/* Accepts NULL. */
void table_free(struct table *table);
