/* row: a question, described by a row of the table.
 *
 * From a row come the HTTP route and its errors for wrong and unknown parameters, the command with
 * its options and --help, JSON, CSV, the table on a terminal, and the OpenAPI path and schemas. The
 * SQL is in the common subset of SQLite and PostgreSQL: $1 is the row's first parameter, and each
 * column of the row has its name in the SQL. Pure. */
#pragma once

#include "dlrd/query/report.h"

#define QUERY_PARAMETERS_MAX 16

/* How a parameter is written, and what the SQL gets for it. Times are in microseconds. */
enum query_kind {
	QUERY_TEXT = 1, /* any text; NULL if absent */
	QUERY_TAG,      /* a workspace, campaign or variant; NULL if absent */
	QUERY_CHOICE,   /* one of words; usual or NULL if absent */
	QUERY_FLAG,     /* HTTP: name=yes; 1 or 0 */
	QUERY_CODE,     /* an error code, or "none": -1; NULL if absent */
	QUERY_AT,       /* a time; 0 if absent */
	QUERY_FROM,     /* a time; 0 if absent */
	QUERY_TO,       /* a time; the largest number if absent */
	/* A time, as the hour since 1970 that it is in, or of a day the first one that begins in
	 * it; 0 if absent. */
	QUERY_FROM_HOUR,
	QUERY_TO_HOUR, /* a time, as the first hour that begins then or later; likewise */
	/* Likewise, but NULL if absent, and a campaign is found that has no fact in that time. */
	QUERY_OPEN_FROM,
	QUERY_OPEN_TO,
	QUERY_FORMAT, /* json or csv; not for the SQL */
	QUERY_LIMIT,  /* rows; the largest number for all */
	QUERY_AFTER,  /* the list continues after this page_by, which ascends; 0 if absent */
	QUERY_BEFORE, /* likewise, but page_by descends; the largest number if absent */
	QUERY_SKIP,   /* the list continues after this number of rows */
	QUERY_HOUR,   /* never given: the current hour since 1970 */
	QUERY_ZONE,   /* the time zone of days and of times in the answer; usual if absent */
	/* HTTP: the path's {}, a campaign that must exist. A command may omit it: NULL, all. */
	QUERY_CAMPAIGN,
	QUERY_NAME, /* HTTP: the path's {}; the operand of the command; NULL if absent */
};

/* What a text or a code names, if it must exist in the store (names.h). */
enum query_names {
	QUERY_NAMES_NOTHING,
	QUERY_NAMES_CAMPAIGN,
	QUERY_NAMES_WORKSPACE,
	QUERY_NAMES_PROVIDER, /* a nickname, or one of the next three */
	QUERY_NAMES_ACCOUNT,
	QUERY_NAMES_SERVICE,
	QUERY_NAMES_SENDER,
	QUERY_NAMES_CODE,
	QUERY_NAMES_KIND, /* of the catalogue of error codes */
};

struct query_parameter {
	const char *name; /* in a URL, and of an option of the command */
	enum query_kind kind;
	enum query_names names;
	const char *words;    /* QUERY_CHOICE: with "|" between */
	const char *usual;    /* QUERY_CHOICE, QUERY_ZONE: the word if none is given; NULL: any */
	const char *option;   /* the option's name if it is another one */
	const char *value;    /* name of the option's value in --help */
	int64_t option_limit; /* QUERY_LIMIT: rows that the command shows at most; 0: all */
	int64_t table_limit;  /* likewise, but of tables only, which then say that there are more */
	bool http_only, command_only; /* both: a place or a limit that the program alone gives */
	bool required; /* of the command; QUERY_CAMPAIGN is always required in a URL */
	/* Of the option, and of the URL's parameter if description is NULL; of a QUERY_NAME, the
	 * noun in errors ("message"). */
	const char *help;
	const char *description; /* of the URL's parameter */
	const char *example;
};

struct query;
struct query_values;
struct store_reader;

/* place: the list continues after the row if it is given for the place parameter. */
typedef void (*query_row_fn)(void *context, const struct report_row *row, int64_t place);

/* Hands out the rows, in place of sql, or puts the members next to the list into object.
 * RESULT_NOT_FOUND: there is nothing of the name that QUERY_NAME has. */
typedef enum result (*query_source_fn)(struct store_reader *reader, const struct query *query,
    const struct query_values *values, query_row_fn on_row, void *context);
typedef enum result (*query_members_fn)(struct store_reader *reader, const struct query *query,
    const struct query_values *values, struct json_t *object);

struct query {
	const char *path;    /* as OpenAPI writes it */
	const char *command; /* NULL: no command of its own */
	const char *summary; /* of the command */
	const char *help;    /* a paragraph of the command's --help */
	const char
	    *operand; /* of the command, as --help writes it: "[CODE]"; NULL: as parameters */
	/* With this flag the command asks another question, which has no command of its own. */
	struct {
		const char *flag, *help; /* NULL: no flag */
		const struct query *query;
	} variation;

	/* The question that the command asks in its place if a campaign is given, and nothing that
	 * this question lacks. */
	const struct query *by_campaign;

	const char *operation, *title; /* OpenAPI: operationId and summary */
	const char *answer, *note;     /* OpenAPI: the answer in words; a description or NULL */
	const char *tag;               /* OpenAPI; NULL: questions */
	const char *wrong;             /* OpenAPI: the response of status 400; NULL: BadRequest */
	/* OpenAPI; list_schema NULL: the answer is one row, not a list. */
	const char *list_schema, *row_schema, *row_description;
	/* The question that has the row's schema and columns; NULL: the row itself. */
	const struct query *rows_of;

	struct query_parameter parameters[QUERY_PARAMETERS_MAX];
	bool is_short; /* the list is whole unless a limit is given */

	const char *sql;        /* no sql and no source: a function of src/api has the rows */
	query_source_fn source; /* rows that SQL alone cannot make, or NULL; may use sql */
	const char *sql_at;     /* in place of sql if the parameter of the kind QUERY_AT is given */
	const char *page_by; /* the SQL's column with a row's place; NULL: the list is one page */
	struct report report;
	struct report one; /* in place of report if QUERY_CAMPAIGN is given; count 0: the same */
	void (*derive)(const struct query *query, struct report_row *row); /* may be NULL */

	/* Members next to the list, before it if it has no next: one row of its own SQL with the
	 * same parameters, or NULL. */
	const char *members_sql;
	query_members_fn members_source; /* in place of members_sql or after it, or NULL */
	struct report members;
};

size_t query_parameter_count(const struct query *query);

/* Whether the question has a parameter of that kind. */
bool query_has_kind(const struct query *query, enum query_kind kind);

/* The columns of its answers over HTTP. */
const struct report *query_http_report(const struct query *query);

/* Whether word is one of words, which have "|" between; true if words is NULL. */
bool query_has_word(const char *words, struct slice word);

/* The one of words that is word but for the case of its letters; absent if none is. If words is
 * NULL, word itself. */
struct slice query_find_word(const char *words, struct slice word);

/* What QUERY_CODE means by text, which was given. Returns false unless it is a code or "none". */
bool query_read_code(struct slice text, int64_t *out_code);

/* Whether the parameter is the path's {}. */
bool query_in_path(const struct query_parameter *parameter);

/* The index of the first parameter of that kind; query_parameter_count if no parameter has it. */
size_t query_find_kind(const struct query *query, enum query_kind kind);

/* Whether it is a time, or a day. */
bool query_is_time(const struct query_parameter *parameter);

/* Whether it is the parameter with which a list continues. */
bool query_is_place(const struct query_parameter *parameter);

/* Whether a parameter names something that must exist. */
bool query_names_something(const struct query *query);

/* Whether an answer over HTTP names the place from which its list continues. */
bool query_has_next(const struct query *query);

/* Whether the list is followed: its next is always a number, to be given as after=. */
bool query_follows(const struct query *query);
