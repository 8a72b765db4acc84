/* question: one request to an endpoint: its parameters, and its answer while it is written.
 *
 * A function that reads a parameter answers 400 if the value is wrong, with the values that are
 * allowed, and returns false. The endpoint then returns at once. One thread at a time. */
#pragma once

#include "dlrd/api/endpoints.h"
#include "dlrd/base/json.h"
#include "dlrd/query/table.h"
#include "dlrd/twilio/form.h"

#define QUESTION_NAME_MAX 2048 /* bytes of the name in a path, {} */

/* The progress of a list that is answered in pages (list.h). All zero for any other answer. */
struct list_progress {
	bool continues;     /* an earlier call began the list */
	bool head_is_sent;  /* this is not the first page */
	bool unfinished;    /* the page is full, and there are more rows */
	bool failed;        /* a later page cannot be read: the answer must be cut */
	bool looks_ahead;   /* the first page needs to know where the list ends */
	bool only_looks;    /* rows are counted, not written */
	bool ends;          /* the list ends with the row at end_place */
	size_t shown, rows; /* rows written; rows to ask for in the next call */
	int64_t place, end_place;
};

struct question {
	const struct endpoints_state *state;
	const struct api_request *request;
	struct store_reader *reader; /* not NULL if the endpoint needs the store */
	struct slice name;           /* the decoded {} of the path, in name_bytes */
	char name_bytes[QUESTION_NAME_MAX];
	const struct query *row; /* of the table of questions; NULL: not a row of it */
	void (*act)(struct question *question); /* writes the answer, one page in each call */
	struct form query;
	struct api_answer answer; /* at first 200 with an empty body of JSON */
	struct time_zone *zone;   /* of tz=; NULL: UTC */
	bool csv;
	int64_t limit;
	struct list_progress progress;
};

/* Frees a question on the heap and its answer. Accepts NULL. */
void question_free(struct question *question);

/* Answers with an error. After the first page of a list, which is already being sent, marks the
 * list as failed instead. Always returns false, for functions that read parameters. */
bool question_refuse(struct question *question, unsigned status, const char *format, ...)
    printf_like(3, 4);

/* Answers that the store could not be read. Returns false, as question_refuse. */
bool question_store_failed(struct question *question, enum result result);

/* Returns a parameter, decoded; absent if the query lacks it. Borrowed from the question. */
struct slice question_text(const struct question *question, const char *name);

/* Reads a whole number from min to max; fallback if the query lacks it. */
must_check bool question_number(struct question *question, const char *name, int64_t fallback,
    int64_t min, int64_t max, int64_t *out_number);

/* Reads a time (RFC 3339) or a day of the question's zone. *out_us is 0 if, and only if, the query
 * lacks it. */
must_check bool question_time(
    struct question *question, const struct query_parameter *parameter, int64_t *out_us);

/* Reads an error code, or "none" as -1; leaves *out_code if the query lacks it. */
must_check bool question_code(struct question *question, const char *name, int64_t *out_code);

/* Checks that it is one of the words, which are separated by "|"; true if the query lacks it. */
must_check bool question_choice(struct question *question, const char *name, const char *words);

/* Reads the parameters of all questions: format, limit, tz. */
must_check bool question_common(struct question *question);

/* Returns the most rows of a list; 0: all. Without a limit in the query, CSV and short lists have
 * all rows: CSV has no member "next". */
size_t question_limit(const struct question *question, bool is_short);

/* Returns the number of bytes after which a page of the list ends. */
size_t question_page_bytes(const struct question *question);

/* Whether a POST may change something: it has no body, and does not come from a page in a browser.
 * Otherwise answers with an error. */
must_check bool question_may_act(struct question *question);

/* Adds a link to the rest of the answer: the same query, with the parameter name set to place. */
void question_link(struct question *question, const char *name, int64_t place);

/* Writes value as the answer's body, and frees it. */
void question_answer(struct question *question, struct json_t *value);
