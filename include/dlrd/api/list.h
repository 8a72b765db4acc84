/* list: rows as they come from the store, written as a JSON array or as CSV, a page at a time.
 *
 *     list_begin, list_add for each row, then list_end; or for JSON with more members than the
 *     list: list_put and list_next between them
 *
 * The store is asked for one row more than is shown (list_rows), which tells whether there is a
 * next page. One thread at a time. */
#ifndef DLRD_API_LIST_H
#define DLRD_API_LIST_H

#include "dlrd/api/question.h"
#include "dlrd/api/report.h"

struct list {
	struct question *question;
	const struct report *report;
	size_t limit; /* rows at most; 0: all */
	bool follows; /* goes on by after=, as what is followed does, not by next= */
	/* list_begin and list_add fill the rest. */
	struct json_t *array;
	size_t count; /* rows shown */
	bool more;    /* there are rows beyond limit */
	int64_t last; /* the last row's place, for paging */
};

void list_begin(struct list *list);

/* place: where the page after this row goes on. */
void list_add(struct list *list, const struct report_row *row, int64_t place);

/* How many rows to ask the store for. */
size_t list_rows(const struct list *list);

/* Puts the list into object (which only JSON has) under the report's key. */
void list_put(struct list *list, struct json_t *object);

/* Puts "next": an opaque place to go on from, or null at the end of the list. */
void list_next(const struct list *list, struct json_t *object);

/* Writes the answer, of which CSV is written already; CSV that was cut gets a Link to its rest
 * (RFC 8288), since it has no place for a next. Frees object. */
void list_end(struct list *list, struct json_t *object, enum result result);

/* The three above for a list that has nothing beside it but its next. */
void list_end_page(struct list *list, enum result result);

#endif
