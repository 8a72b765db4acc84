/* list: writes rows of the store as a JSON array or as CSV, a page at a time.
 *
 *     list_place and list_rows return the place and the number of rows for the store's query
 *     list_begin, list_add for each row, then list_end
 *
 * An endpoint with a list is called once for each page (endpoints_next_page), with the same query
 * and another place. It requests one row more than it shows (list_rows), to find whether there are
 * more. Members before the list are written with the first page, members after it with the last.
 * One thread at a time. */
#pragma once

#include "dlrd/api/question.h"

struct list {
	struct question *question;
	const struct report *report;
	size_t limit; /* rows at most; 0: all */
	bool follows; /* continues with after=, like a feed that is followed, not next= */
	/* The store cannot continue after a row: the list is one page of any length. */
	bool whole;
	/* list_begin and list_add fill the rest. */
	size_t start; /* of the page in the body */
	size_t asked; /* rows requested from the store; 0: all */
	size_t count; /* rows on this page */
	bool more;    /* there are rows after those shown */
	bool full;    /* more, and they belong to the next page */
};

/* Returns the place to continue from: at first the parameter name (0 if the query lacks it), then
 * the place of the last row. Returns false after answering that the parameter is wrong. */
must_check bool list_place(
    struct question *question, const char *name, int64_t max, int64_t *out_place);

/* Returns the number of rows to request from the store; 0: all. */
size_t list_rows(const struct list *list);

/* Begins a page. before: members of the JSON object before the list, written with the first page
 * only, or NULL. Frees it. */
void list_begin(struct list *list, struct json_t *before);

/* Adds a row to context, a struct list, unless the page is full. place: the position from which a
 * page after it continues. */
void list_add(void *context, const struct report_row *row, int64_t place);

/* Adds "next" to object: an opaque place to continue from, or null at the end of the list. */
void list_next(const struct list *list, struct json_t *object);

/* Ends the page, and after the last one the answer. object: the members after the list, or NULL.
 * Frees it. CSV that ends at its limit gets a Link to the rest (RFC 8288), since it cannot have a
 * "next". */
void list_end(struct list *list, struct json_t *object, enum result result);
