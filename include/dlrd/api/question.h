/* question: one request on its way through its endpoint: its parameters, and the answer that grows.
 *
 * Every reader of a parameter tells a wrong one by an answer of 400 that says what would be right,
 * and returns false; the endpoint then has nothing more to do. One thread at a time. */
#ifndef DLRD_API_QUESTION_H
#define DLRD_API_QUESTION_H

#include "dlrd/api/endpoints.h"
#include "dlrd/base/json.h"
#include "dlrd/query/table.h"
#include "dlrd/twilio/form.h"

#define QUESTION_NAME_MAX 2048 /* bytes of a path's {} */

/* How far the question's list has come; list.h. All zero for any other answer. */
struct list_progress {
	bool continues;     /* the list was begun by an earlier call */
	bool head_is_sent;  /* this is not the first page */
	bool unfinished;    /* the page is full, and there are more rows */
	bool failed;        /* a later page cannot be read: the answer has to be cut */
	bool looks_ahead;   /* the first page needs to know where the list ends */
	bool only_looks;    /* rows are counted, not written */
	bool ends;          /* the list ends with the row at end_place */
	size_t shown, rows; /* rows written; rows to ask for in the next call */
	int64_t place, end_place;
};

struct question {
	const struct endpoints_state *state;
	const struct api_request *request;
	struct store_reader *reader; /* not NULL where the endpoint needs the store */
	struct slice name;           /* the decoded {} of the path, in name_bytes */
	char name_bytes[QUESTION_NAME_MAX];
	const struct query
	    *row; /* of the table of questions; NULL: the path has a file of its own */
	void (*act)(struct question *question); /* answers it; once for each page */
	struct form query;
	struct api_answer answer; /* 200 with an empty body of JSON, to begin with */
	bool csv;
	int64_t limit, from_us, to_us; /* 0 where the query has no from or to */
	struct list_progress progress;
};

/* Frees a question on the heap, and what is left of its answer. Accepts NULL. */
void question_free(struct question *question);

/* Answers with an error; behind the first page of a list, whose answer is on its way, marks it as
 * failed. Always false, so that a reader of parameters can end with it. */
bool question_refuse(struct question *question, unsigned status, const char *format, ...)
    printf_like(3, 4);

/* Answers that the store could not be read. */
void question_store_failed(struct question *question, enum result result);

/* A parameter as it came; absent where there is none. Borrowed from the question. */
struct slice question_text(const struct question *question, const char *name);

/* A whole number between min and max, or fallback where the query does not have it. */
must_check bool question_number(struct question *question, const char *name, int64_t fallback,
    int64_t min, int64_t max, int64_t *out_number);

/* A time, RFC 3339 or a day; 0 where the query does not have it, and never 0 where it has. */
must_check bool question_time(struct question *question, const char *name, int64_t *out_us);

/* Whether it is the name of a time zone, or the query does not have it. */
must_check bool question_zone(struct question *question, const char *name);

/* The index of one of the words, which have "|" between; fallback if the query does not have it. */
must_check bool question_choice(struct question *question, const char *name, const char *words,
    size_t fallback, size_t *out_choice);

/* What all questions have in common: format, limit, from, to. */
must_check bool question_common(struct question *question);

/* The limit of a list; 0, for all of it, in CSV, which has no place for a next, and for a list that
 * is short, unless a limit is asked for. */
size_t question_limit(const struct question *question, bool is_short);

/* After how many bytes a page of its list ends. */
size_t question_page_bytes(const struct question *question);

/* Whether the request, a POST, may have something done: without a body, and not from a page of a
 * browser. */
must_check bool question_may_act(struct question *question);

/* Links the answer to its rest: the same question, with the parameter name at place. */
void question_link(struct question *question, const char *name, int64_t place);

/* Writes value as the answer's body, and frees it. */
void question_answer(struct question *question, struct json_t *value);

#endif
