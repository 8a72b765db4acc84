/* report: rows of answers and the columns that describe them, written as JSON, as CSV and for a
 * terminal.
 *
 * A report is a list of columns; a row has one cell for each column, in the same order. The api,
 * the command line's --json and --csv, its tables and the OpenAPI schemas all use the same columns,
 * so their names always agree. Pure. */
#pragma once

#include "dlrd/base/json.h"
#include "dlrd/base/local_time.h"

#define REPORT_COLUMNS_MAX 36

struct query;

enum cell_kind {
	CELL_NULL,
	CELL_TEXT,
	CELL_INT,
	CELL_REAL,
	CELL_TIME,
	CELL_DAY, /* the first moment of a day: a time, but on a terminal the day's date */
	CELL_BOOL,
	CELL_LIST,    /* text is words with a space between: in JSON an array of them */
	CELL_NUMBERS, /* likewise, of whole numbers */
	CELL_LINES,   /* text is lines: in JSON an array of them */
	CELL_JSON,    /* text is a JSON object: in JSON it is a member as it is */
};

struct cell {
	enum cell_kind kind;
	struct slice text; /* borrowed */
	int64_t number;    /* CELL_INT; CELL_TIME, CELL_DAY in microseconds; CELL_BOOL 0 or 1 */
	double real;
};

struct report_column {
	const char *name;
	enum cell_kind kind;  /* of its cells, unless they are null */
	bool nullable;        /* cells may be null */
	bool counts;          /* CELL_INT: never below 0 */
	bool shown;           /* in a table on a terminal, too; JSON and CSV have all columns */
	const char *shown_if; /* then only for these words of the question's QUERY_CHOICE */
	bool derived;         /* the SQL does not have it: query.derive makes it */
	const char *words;    /* CELL_TEXT: one of these, with "|" between; NULL: any text */
	bool percent;         /* CELL_REAL: a share, which a table shows as 12.5% */
	/* CELL_REAL, in the total: the columns of which it is part / (part + rest). */
	const char *part, *rest;
	bool wraps;      /* in a table it comes last, and may take several lines */
	int dispensable; /* a narrow table leaves it out if this is above 0, the greatest first */
	const char *if_empty; /* CELL_TEXT: what a table shows in place of an empty text */
	bool optional;        /* a member next to the list that some answers lack */
	const struct query
	    *list;               /* of members: an array of this question's rows, from the source */
	const char *description; /* NULL: the name says it all */
};

/* if_empty of a campaign: its receipts have none. */
#define REPORT_UNTAGGED "(untagged)"

struct report {
	const char *list_key; /* the JSON array's name: "campaigns" */
	size_t count;
	struct report_column columns[REPORT_COLUMNS_MAX];
	/* In JSON the columns whose names start with group_prefix are members of one object,
	 * group_key, under the rest of their names. NULL: no columns are grouped. */
	const char *group_prefix, *group_key, *group_description;
	bool has_total; /* a table of several rows ends with their sums */
};

/* The members count and columns of a struct report, from its columns. */
#define REPORT_COLUMNS(...)                                                           \
	sizeof((struct report_column[]){__VA_ARGS__}) / sizeof(struct report_column), \
	{                                                                             \
		__VA_ARGS__                                                           \
	}

struct report_row {
	struct cell cells[REPORT_COLUMNS_MAX];
};

/* Cells of a value; null for an absent text, a code below 0 and the time 0. */
struct cell cell_text(struct slice value);
struct cell cell_int(int64_t value);
struct cell cell_code(int64_t code);
struct cell cell_time(int64_t time_us);
struct cell cell_bool(bool value);

/* The place of the column called name, which the report must have; and the row's cell there,
 * borrowed from row. */
size_t report_index(const struct report *report, const char *name);
const struct cell *report_cell(
    const struct report *report, const struct report_row *row, const char *name);

/* A new JSON object; NULL when memory is short. Times are those of zone, here and below; NULL: UTC.
 */
struct json_t *report_json(
    const struct report *report, const struct report_row *row, const struct time_zone *zone);

/* Puts the row's cells into object, which may have other members. */
void report_put(const struct report *report, const struct report_row *row,
    const struct time_zone *zone, struct json_t *object);

/* Append a CSV line (RFC 4180), ended by CR LF. A text that a spreadsheet would run as a formula
 * gets an apostrophe in front (OWASP, "CSV Injection"); a telephone number keeps its plus. Each
 * cell is UTF-8: an invalid byte, and a control but TAB, LF and CR, which are quoted, becomes
 * U+FFFD. */
void report_csv_head(const struct report *report, struct buffer *out);
void report_csv_row(const struct report *report, const struct report_row *row,
    const struct time_zone *zone, struct buffer *out);

/* Appends the cell as a person reads it, control bytes escaped; nothing for null. */
void report_cell_text(const struct cell *cell, const struct time_zone *zone, struct buffer *out);
